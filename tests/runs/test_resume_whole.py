"""A run that was killed and goes on leaves the same folder as one that was not, but for seconds."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import kerasnn
from kerasnn.training import fit as fitting
from kerasnn.training.checkpoints import Checkpoints

N_ROWS = 60
# Keys of seconds.
CLOCK = ("seconds", "phases")


class KilledError(Exception):
    """Nothing is written any more, as after SIGKILL."""


@contextmanager
def dying(at: int) -> Iterator[None]:
    """The process dies instead of one of its saves."""
    save, left = Checkpoints.save, [at]

    def save_or_die(self: Checkpoints, arrays: Any, metadata: Any) -> None:
        left[0] -= 1
        if not left[0]:
            raise KilledError
        save(self, arrays, metadata)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoints, "save", save_or_die)
        with pytest.raises(KilledError):
            yield


def rows() -> pd.DataFrame:
    """Columns of which most have a reason or a warning of their own."""
    draw = np.random.default_rng(0)
    numbers = draw.normal(size=(N_ROWS, 2)).round(3)
    return pd.DataFrame(
        {
            "a": np.where(np.arange(N_ROWS) == 3, np.nan, numbers[:, 0]),
            "b": numbers[:, 1],
            "id": np.arange(N_ROWS),
            "when": pd.date_range("2020-01-01", periods=N_ROWS).astype(str),
            "city": draw.choice(["Rome", "Oslo", "Lima"], N_ROWS),
            "constant": 1,
            "y": np.where(numbers.sum(axis=1) > 0, "yes", "no"),
        }
    )


def series() -> pd.DataFrame:
    days = np.arange(150)
    noise = np.random.default_rng(0).normal(size=150) * 0.1
    return pd.DataFrame(
        {"time": pd.date_range("2020-01-01", periods=150), "y": 9 + np.sin(days * 0.9) + noise}
    )


def without_seconds(value: Any) -> Any:
    """The same without what a clock said."""
    if isinstance(value, dict):
        return {key: without_seconds(each) for key, each in value.items() if key not in CLOCK}
    return [without_seconds(each) for each in value] if isinstance(value, list) else value


def content(run: Path) -> dict[str, Any]:
    """All members of the bundle, JSON as such, and the configuration beside it."""
    with zipfile.ZipFile(run / "model.kerasnn") as bundle:
        found: dict[str, Any] = {name: bundle.read(name) for name in bundle.namelist()}
    # It holds nothing but the digests of the others.
    del found["manifest.json"]
    plain = {k: json.loads(v) if k.endswith(".json") else v for k, v in found.items()}
    kept = {name: (run / name).read_bytes() for name in ("config.yaml", "history.csv")}
    return {**{k: without_seconds(v) for k, v in plain.items()}, **kept}


@pytest.mark.filterwarnings("always::kerasnn.errors.KerasnnWarning")
@pytest.mark.parametrize(
    ("train", "frame", "options", "at"),
    [
        (kerasnn.train, rows, {"model": "mlp", "set": {"epochs": 3, "learning_rate": 0}}, 2),
        (kerasnn.train, series, {"model": "dlinear", "horizon": 5, "set": {"epochs": 2}}, 2),
        pytest.param(
            kerasnn.train,
            rows,
            {"model": "mlp", "set": {"epochs": 2}, "ensemble": 2},
            4,
            marks=pytest.mark.slow,
        ),
        pytest.param(
            kerasnn.tune,
            rows,
            {"model": "mlp", "set": {"epochs": 2}, "trials": 2},
            2,
            marks=pytest.mark.slow,
        ),
    ],
    ids=["one network", "forecast", "several networks", "search"],
)
def test_a_resumed_run_leaves_what_an_uninterrupted_one_leaves(
    train: Callable[..., Any],
    frame: Callable[[], pd.DataFrame],
    options: dict[str, Any],
    at: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fitting, "CHECKPOINT_SHARE", 1e9)
    monkeypatch.chdir(tmp_path)
    frame().to_csv("table.csv", index=False)
    options = {**options, "target": "y", "output": "run", "baselines": False}
    if train is kerasnn.tune:
        del options["baselines"]
    train("table.csv", **options)
    expected = content(Path("run"))
    os.rename("run", "whole")
    with dying(at):
        train("table.csv", **options)
    train(resume="run")
    found = content(Path("run"))
    assert found.keys() == expected.keys()
    for name in expected:
        assert found[name] == expected[name], name


HOT = {"optimizer": "sgd", "learning_rate": 0.9, "clip_norm": 0.0, "batch_size": 4, "patience": 0}
TOLD = "the loss exploded in epoch 1: training starts again with a tenth of the learning rate, 0.09"


@pytest.mark.filterwarnings("always::kerasnn.errors.KerasnnWarning")
def test_a_training_that_began_again_says_so_and_goes_on_after_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "CHECKPOINT_SHARE", 1e9)
    monkeypatch.chdir(tmp_path)
    frame = rows()
    frame.assign(y=3 * frame["a"].fillna(0) + frame["b"]).to_csv("table.csv", index=False)
    options = {"target": "y", "output": "run", "baselines": False, "model": "linear"}
    options["set"] = {"epochs": 4, **HOT}
    whole = kerasnn.train("table.csv", **options)
    expected = content(Path("run"))
    assert whole.bundle.report["warnings"].count(TOLD) == 1
    assert f"training  {TOLD}" in whole.summary().splitlines()
    assert f"<li>{TOLD}</li>" in Path("run/report.html").read_text()
    # Where the better weights of the second try are.
    assert whole.scores.values["r2"] > 0.9
    os.rename("run", "whole")
    with dying(3):
        kerasnn.train("table.csv", **options)
    resumed = kerasnn.train(resume="run")
    assert resumed.bundle.report["warnings"].count(TOLD) == 1
    assert content(Path("run")) == expected
