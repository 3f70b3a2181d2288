"""Seconds on the clock by phase, a time limit that covers them all, and what a resume says."""

from __future__ import annotations

import re
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import invoke

import kerasnn
from kerasnn.data import read
from kerasnn.data.schema import infer
from kerasnn.errors import KerasnnWarning
from kerasnn.evaluation import baselines as baselines_module
from kerasnn.evaluation.baselines import baselines
from kerasnn.evaluation.scores import Scores
from kerasnn.preprocessing import Preprocessor
from kerasnn.runtime import phases as phases_module
from kerasnn.runtime.phases import Phases

TINY = ["--model", "mlp", "--set", "width=8", "--set", "depth=1", "--batch-size", "32"]


def frame(n_rows: int = 120) -> pd.DataFrame:
    draws = np.random.default_rng(0)
    a, b = draws.normal(size=(2, n_rows))
    return pd.DataFrame({"a": a, "b": b, "y": np.where(a + b > 0, "yes", "no")})


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock whose one number is the time."""
    now = [100.0]
    monkeypatch.setattr(phases_module, "perf_counter", lambda: now[0])
    return now


def test_phases_add_up(clock: list[float]) -> None:
    phases_module.mark_start()
    clock[0] = 105.0
    phases = Phases.begin()
    clock[0] = 107.0
    phases.end("reading")
    clock[0] = 120.0
    phases.end("report")
    phases.move("report", "baselines", 4.0)
    assert phases.to_dict() == {"start": 5.0, "reading": 2.0, "baselines": 4.0, "report": 9.0}
    assert sum(phases.seconds.values()) == phases.elapsed == 20.0
    assert list(Phases.begin().seconds) == []  # The start is that of one run only.


def test_training_gets_what_the_other_phases_leave(clock: list[float]) -> None:
    phases = Phases()
    clock[0] = 110.0
    assert phases.training_budget(None) is None
    assert phases.training_budget(30.0) == pytest.approx(0.7 * 20)
    assert phases.training_budget(1_010.0) == 1_000 - 60
    assert phases.training_budget(5.0) == 1.0
    assert (phases.left(None), phases.left(30.0), phases.left(5.0)) == (None, 20.0, 0.0)


def test_seconds_are_those_on_the_clock() -> None:
    train = kerasnn.train  # This imports it.
    began = time.perf_counter()
    run = train(frame(), target="y", model="linear", set={"epochs": 1})
    passed = time.perf_counter() - began
    report = run.bundle.report
    assert list(report["phases"]) == ["reading", "training", "baselines", "report"]
    assert sum(report["phases"].values()) == pytest.approx(report["seconds"], abs=0.05)
    assert 0 <= passed - report["seconds"] < 0.5
    assert f"{report['seconds']:.0f} s in all" in run.summary()


def test_baselines_without_time_are_left_out() -> None:
    examples = read(frame())
    schema = infer(examples, target="y")
    preprocessor = Preprocessor.fit(examples.frame, schema)
    rows, omitted = examples.frame, []
    with pytest.warns(KerasnnWarning) as told:
        found = baselines(preprocessor, rows, rows, time_limit_s=0.0, on_omitted=omitted.append)
    # A linear model of so few rows is nearly free.
    assert [each.name for each in found] == ["majority", "linear"]
    assert omitted == ["gradient boosting"]
    assert [str(each.message) for each in told] == [
        "no time was left for a baseline, gradient boosting – raise `run.time_limit_s`"
    ]
    assert len(baselines(preprocessor, rows, rows, time_limit_s=60.0)) == 3


def test_baselines_learn_from_fewer_rows_where_time_is_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(baselines_module, "FEWEST_TIMED", 40)
    examples = read(frame())
    preprocessor = Preprocessor.fit(examples.frame, infer(examples, target="y"))
    rows = examples.frame
    with pytest.warns(KerasnnWarning, match="gradient boosting"):
        found = baselines(preprocessor, rows, rows, time_limit_s=0.0)
    assert [each.note for each in found] == ["", "fitted on 40 of 120 training rows"]


def test_what_was_not_run_is_no_baseline_that_is_beaten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Phases, "left", lambda phases, limit: 0.0)
    folder = tmp_path / "run"
    how = {"target": "y", "model": "linear", "set": {"epochs": 1}, "output": str(folder)}
    with pytest.warns(KerasnnWarning, match="no time was left for a baseline"):
        run = kerasnn.train(frame(600), **how)
    clause = "gradient boosting was not run for lack of time"
    assert run.scores is not None
    assert run.scores.omitted == ("gradient boosting",)
    assert "every baseline" not in run.scores.verdict
    assert f"Note: {clause}." in run.summary()
    assert clause in (folder / "report.html").read_text("utf-8")
    # Nor is it when the run is evaluated again.
    again = kerasnn.load(folder).evaluate()
    assert again.omitted == ("gradient boosting",)
    assert Scores.from_dict(again.to_dict()).omitted == again.omitted


def test_resume_says_what_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def budget(phases: Phases, limit: float) -> float:
        return limit if limit > 1 else 1e-6  # One epoch, however fast the machine is.

    monkeypatch.setattr(Phases, "training_budget", budget)
    table, folder = tmp_path / "t.csv", str(tmp_path / "run")
    frame().to_csv(table, index=False)
    arguments = ["--target", "y", *TINY, "--no-baselines", "--epochs", "3", "--patience", "0"]
    invoke("train", str(table), *arguments, "--time-limit", "1s", "--output", folder)
    assert len(pd.read_csv(f"{folder}/history.csv")) == 1
    again = invoke("train", "--resume", folder, "--time-limit", "1s").stderr
    assert re.search(
        r"warning: nothing more is trained: of the time limit of 1 s, \d+ s were", again
    )
    assert again.strip().endswith("– give a longer --time-limit")
    assert len(pd.read_csv(f"{folder}/history.csv")) == 1
    more = invoke("train", "--resume", folder, "--time-limit", "10m").stderr
    left = r"resumed: \d+ s were trained before; \d+ s of the time limit of 600 s are left to train"
    assert re.search(left, more)
    assert len(pd.read_csv(f"{folder}/history.csv")) == 3
    assert "  time_limit_s: 600.0  # " in (Path(folder) / "config.yaml").read_text("utf-8")
