"""`kerasnn tune`: spaces, trials that are the same each time, what is kept, and what is told."""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import kerasnn
from kerasnn import models
from kerasnn.config.settings import resolve
from kerasnn.datasets.tabular import Table
from kerasnn.errors import ConfigError, KerasnnError, MissingDependencyError, ModelRefusedError
from kerasnn.report import render
from kerasnn.runs.tabular import Run
from kerasnn.tuning import spaces as texts
from kerasnn.tuning.default_spaces import default_spaces
from kerasnn.tuning.spaces import Space

pytest.importorskip("optuna")

from functools import partial

import helpers

from kerasnn.tuning import trials as running
from kerasnn.tuning.study import Study
from kerasnn.tuning.trials import Clock, PruningCallback, Search

invoke = partial(helpers.invoke, "tune", code=None)
TINY = {"depth": 1, "epochs": 3, "activation": "relu", "normalization": "none"}
WIDTHS = {"width": "int [2, 6]"}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    numbers = draw.normal(size=(90, 2))
    label = np.where(numbers.sum(axis=1) + 0.3 * draw.normal(size=90) > 0, "yes", "no")
    return pd.DataFrame({"a": numbers[:, 0], "b": numbers[:, 1], "y": label})


def tune(data: pd.DataFrame, **changes: Any) -> Run:
    values = {"set": {**TINY, "run.baselines": False}, "search": WIDTHS, "trials": 3}
    return kerasnn.tune(data, **{"target": "y", "model": "mlp", **values, **changes})


def trials_of(run: Run) -> list[dict[str, Any]]:
    """All that does not depend on the clock."""
    return [
        {name: value for name, value in each.items() if name != "seconds"}
        for each in run.bundle.report["tuning"]["trials"]
    ]


@pytest.fixture(scope="module")
def integer(frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A search in a folder that nothing disturbed."""
    return tune(frame, output=tmp_path_factory.mktemp("tune") / "whole")


# Spaces


@pytest.mark.parametrize(
    ("text", "space"),
    [
        ("[0, 0.5]", Space((), 0, 0.5)),
        ("log [1e-4, 0.1]", Space((), 1e-4, 0.1, log=True)),
        ("int [1, 4]", Space((), 1, 4, integer=True)),
        ("log int [16, 512]", Space((), 16, 512, log=True, integer=True)),
        ("int log [16, 512]", Space((), 16, 512, log=True, integer=True)),
        ("{64, 128}", Space((64, 128))),
        ("{relu, gelu}", Space(("relu", "gelu"))),
        ([0.1, 0.2], Space((0.1, 0.2))),
    ],
)
def test_spaces_are_read_and_written(text: Any, space: Space) -> None:
    assert texts.parse("x", text) == space
    assert texts.parse("x", str(space)) == space


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("64 to 128", "is not written like a search"),
        ("log [a, b]", "is not written like a search"),
        ("[3, 1]", "holds nothing to choose from"),
        ("{}", "holds nothing to choose from"),
        ("log [0, 1]", "can't have a logarithm at its lower end"),
        ("int [0.5, 2]", "has ends that are not integers"),
    ],
)
def test_bad_spaces_are_one_line(text: str, why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        texts.parse("width", text)
    assert str(caught.value) == (
        f"the search '{text}' of `width` {why} – "
        "write [0, 0.5], log [0.001, 0.1], int [1, 4] or {64, 128}"
    )


def test_keys_are_those_of_the_model_and_of_the_configuration() -> None:
    read = texts.read("mlp", {"width": "[8, 64]", "learning_rate": "log [1e-4, 1e-2]"})
    assert read["model.width"].integer
    assert list(read) == ["model.width", "training.learning_rate"]
    for key, text, error in (
        ("widht", "{8}", "unknown hyper-parameter of mlp 'widht' – did you mean 'width'?"),
        ("width", "[0, 8]", "`width` must be in [1, 65536]; got 0"),
        ("activation", "{relu, rleu}", "unknown activation 'rleu' – did you mean 'relu'?"),
        ("dropout", "[0, 2]", "`dropout` must be in [0, 1); got 2.0"),
        ("split.test", "[0, 0.5]", "`split.test` can't be searched: it must be the same in all tr"),
        ("monitor", "{auc}", "`training.monitor` can't be searched: it must be the same in all"),
    ):
        with pytest.raises(KerasnnError) as caught:
            texts.read("mlp", {key: text})
        assert str(caught.value).startswith(error)


@pytest.mark.parametrize(
    "name", [name for name in models.names() if models.data_of(name) != "forecast"]
)
def test_spaces_of_the_zoo_hold_what_a_model_takes(name: str) -> None:
    entry, config = models.get(name), resolve({"model.name": name})
    found = texts.read(name, entry.search or default_spaces(entry, config))
    plain = config.to_dict()
    for key, space in found.items():
        section, bare = key.split(".")
        assert space.nearest(plain[section][bare]) == pytest.approx(plain[section][bare])


def test_the_nearest_value() -> None:
    assert Space((64, 128)).nearest(256) == 128
    assert Space((), 1, 4, integer=True).nearest(9) == 4
    assert Space(("relu", "gelu")).nearest("silu") == "relu"
    assert Space((True, False)).nearest(False) is False


# Trials


def test_same_seed_same_trials_and_the_first_are_the_defaults(
    frame: pd.DataFrame, integer: Run
) -> None:
    again = tune(frame)
    assert trials_of(again) == trials_of(integer)
    told = integer.bundle.report["tuning"]
    first, scores = told["trials"][0]["values"], [each["score"] for each in told["trials"]]
    assert first["training.learning_rate"] == models.get("mlp").training_options.learning_rate
    assert first["model.dropout"] == models.hyperparameters("mlp")["dropout"]
    # As near to the default, 256, as the search lets it be.
    assert first["model.width"] == 6
    assert told["validation"] == {"start": scores[0], "best": min(scores)}
    assert len({json.dumps(each["values"]) for each in told["trials"]}) == 3


def test_what_comes_out_is_an_ordinary_run(frame: pd.DataFrame, integer: Run) -> None:
    folder = integer.folder
    assert folder is not None
    told = integer.bundle.report["tuning"]
    history = pd.read_csv(folder / "history.csv")
    # The last training is the best trial once more, bit for bit.
    assert float(f"{history['validation_log_loss'].min():.8g}") == told["validation"]["best"]
    table = pd.read_csv(folder / "tuning.csv")
    assert list(table["trial"]) == [1, 2, 3]
    assert table["validation_log_loss"].min() == pytest.approx(told["validation"]["best"])
    text = (folder / "config.yaml").read_text()
    assert f"width: {told['found']['model.width']}  # tuned" in text
    loaded = kerasnn.load(folder)
    assert isinstance(loaded, Run)
    assert loaded.evaluate().to_dict() == integer.scores.to_dict()  # type: ignore[union-attr]
    assert len(loaded.predict(frame)) == len(frame)
    page = (folder / "report.html").read_text()
    assert 'id="tuning"' in page
    assert "Course of the search" in page


def test_the_summary_compares_with_the_defaults(integer: Run) -> None:
    report = json.loads(json.dumps(integer.bundle.report))
    tuning = report["tuning"]
    told = {**tuning, "best": 2, "validation": {"start": 0.5, "best": 0.4}}
    test = {"metric": "auc", "start": 0.8, "best": 0.7, "gain": -0.1, "interval": [-0.2, -0.05]}
    told["test"] = {**test, "is_clear": True}
    run = Run(
        integer.bundle.__class__(**{**vars(integer.bundle), "report": {**report, "tuning": told}})
    )
    text = run.summary()
    assert "search    3 trials" in text
    assert (
        "log loss 0.4000, 0.5000 with the defaults; there, the best of several trials looks better "
        "than it is."
    ) in text
    assert (
        "On the test rows: ROC AUC 0.7000, 0.8000 with the defaults: clearly worse "
        "(95 % interval of the gain -0.2000 to -0.0500)."
    ) in text
    told["best"] = 1
    assert "No trial was better than the defaults" in run.summary()
    assert render({**report, "tuning": told})


def test_test_rows_are_not_seen_by_the_trials(
    frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    at_the_end: list[str] = []
    rows, run = Table.rows, Search.run

    def noting(table: Table, *parts: str) -> pd.DataFrame:
        asked.extend(parts)
        return rows(table, *parts)

    def searching(search: Search, trials: int | None) -> str:
        stopped = run(search, trials)
        at_the_end.extend(asked)
        return stopped

    monkeypatch.setattr(Table, "rows", noting)
    monkeypatch.setattr(Search, "run", searching)
    tune(frame, trials=2)
    assert set(at_the_end) == {"train", "validation"}
    assert "test" in asked


class Killed(BaseException):
    """Nothing in the package catches it."""


def fail_in(monkeypatch: pytest.MonkeyPatch, number: int, error: BaseException) -> None:
    """Let the training of one trial raise; those after it are as they were."""
    calls, fit_network = iter(range(1, 1000)), running.fit_network

    def failing(*arguments: Any, **keywords: Any) -> Any:
        if next(calls) == number:
            raise error
        return fit_network(*arguments, **keywords)

    monkeypatch.setattr(running, "fit_network", failing)


def test_a_killed_search_goes_on_as_it_would_have(
    frame: pd.DataFrame, integer: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "killed"
    fail_in(monkeypatch, 3, Killed())
    with pytest.raises(Killed):
        tune(frame, output=folder)
    assert not (folder / "model.kerasnn").exists()
    journal = folder / "tuning" / "journal.jsonl"
    # As a power cut leaves it: a line that was not written to its end.
    with journal.open("ab") as file:
        file.write(b'{"op_code": 4, "wor')
    run = kerasnn.tune(frame, resume=folder)
    assert trials_of(run) == trials_of(integer)
    assert run.scores == integer.scores

    with pytest.raises(ConfigError, match=r"can't go on as it began: model\.width changed"):
        kerasnn.tune(frame, resume=folder, search={"width": "{2, 3}"})
    journal.write_bytes(b'{"op_code": 4}\nnothing\n')
    with pytest.raises(ModelRefusedError) as caught:
        kerasnn.tune(frame, resume=folder)
    assert str(caught.value) == (
        f"the journal of the search is damaged ({journal}:2) – "
        "tune from the start, in another folder"
    )


def test_what_is_json_but_no_journal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('{"op_code": 4, "worker_id": "x", "trial_id": 7}\n')
    with pytest.raises(ModelRefusedError, match="the journal of the search is damaged"):
        Study(path, seed=0, direction="lower")


def test_ctrl_c_keeps_what_is_done(frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_in(monkeypatch, 2, KeyboardInterrupt())
    run = tune(frame)
    told = run.bundle.report["tuning"]
    assert (told["stopped"], told["n_trials"]) == ("interrupted", 1)
    assert run.stopped == "all epochs done"
    fail_in(monkeypatch, 1, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        tune(frame)


def test_values_that_can_not_be_trained_are_one_failed_trial(
    frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_in(monkeypatch, 2, ValueError("heads must\ndivide width"))
    told = tune(frame, trials=2).bundle.report["tuning"]
    assert [each["state"] for each in told["trials"]] == ["done", "failed"]
    assert (told["n_failed"], told["best"]) == (1, 1)


def curves(study: Study, spaces: dict[str, Space], curve: list[float]) -> int:
    """A trial with a validation curve; how many epochs of it were done."""
    trial = study.ask(spaces, {"training.l1": 0.5}, epochs=len(curve))
    callback = PruningCallback(
        trial, monitor="score", sign=-1.0, check_time=lambda epochs, seconds: None
    )
    try:
        for value in curve:
            callback.on_epoch({"score": value}, None)  # type: ignore[arg-type]
    except running._PrunedError:
        study.tell(trial, "pruned", epochs=callback.epochs, seconds=0.0)
    else:
        study.tell(trial, "done", callback.best, epochs=callback.epochs, seconds=0.0)
    return callback.epochs


def test_clearly_worse_trials_are_given_up(tmp_path: Path) -> None:
    path, spaces = tmp_path / "journal.jsonl", {"training.l1": Space((), 0, 1)}
    study = Study(path, seed=0, direction="lower")
    for start in (1.0, 1.1, 1.2, 1.3):
        assert curves(study, spaces, [start - 0.05 * epoch for epoch in range(8)]) == 8
    assert curves(study, spaces, [math.nan, 2.0, 1.9, 1.8, 1.7, 0.1, 0.1, 0.1]) == 2
    assert curves(study, spaces, [0.5 - 0.05 * epoch for epoch in range(8)]) == 8
    states = [(each.state, each.epochs) for each in study.trials]
    assert states == [("done", 8)] * 4 + [("pruned", 2), ("done", 8)]
    assert study.best == study.trials[5]
    assert study.trials[0].values == {"training.l1": 0.5}
    # As another process reads it.
    assert Study(path, seed=0, direction="lower").trials == study.trials


@pytest.mark.slow
def test_memory_does_not_grow(frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    one = Search._one

    def measured(search: Search) -> None:
        one(search)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        sizes.append(pages * os.sysconf("SC_PAGE_SIZE"))

    monkeypatch.setattr(Search, "_one", measured)
    tune(frame, trials=20, set={**TINY, "activation": "silu", "run.baselines": False})
    assert len(sizes) == 20
    assert sizes[-1] - sizes[4] < 15e6


def test_importances_tell_what_matters() -> None:
    study = Study(None, seed=0, direction="higher")
    spaces = {"training.l1": Space((), 0, 1), "training.l2": Space((), 0, 1)}
    for _ in range(12):
        trial = study.ask(spaces, {}, epochs=1)
        study.tell(trial, "done", trial.params["training.l1"] ** 2, epochs=1, seconds=0.0)
    shares = study.importances()
    assert shares["training.l1"] > 0.9
    assert sum(shares.values()) == pytest.approx(1)


# Time


@pytest.fixture
def search() -> Search:
    config = resolve({"training.epochs": 100})
    spaces = {"training.l1": Space((), 0, 1)}
    study = Study(None, seed=0, direction="lower")
    clock = Clock(100.0, longest=0.25)
    return Search(None, config, spaces, study, clock, "score", keep=lambda _: None)  # type: ignore[arg-type]


def test_epochs_are_fewer_where_a_training_would_take_too_long(search: Search) -> None:
    search._check_first(1, 50.0)
    search._check_first(2, 0.2)
    with pytest.raises(running._TooLongError) as caught:
        search._check_first(2, 0.5)
    assert caught.value.affordable == 50
    with pytest.warns(kerasnn.KerasnnWarning, match="there is time for 50 of 100 epochs a trial"):
        search._shorten(50)
    assert search.config.training.epochs == 50
    assert search.study.notes["epochs"] == 50


def test_time_is_left_for_the_last_training(search: Search) -> None:
    trial = search.study.ask(search.spaces, {}, epochs=1)
    search.study.tell(trial, "done", 1.0, epochs=1, seconds=40.0)
    assert not search._is_late()
    search.clock = Clock(100.0, used_s=45.0)
    assert search._is_late()
    check = search._check_later(began=running.time.perf_counter())
    check(1, 1.0)
    search.clock = Clock(100.0, used_s=55.0)
    with pytest.raises(running._OutOfTimeError):
        check(1, 1.0)


def test_a_trial_that_the_time_cuts_off_does_not_count(
    search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = search.study.ask(search.spaces, search.start, epochs=1)
    search.study.tell(trial, "done", 1.0, epochs=1, seconds=10.0)

    def fit_network(values: Any, callback: PruningCallback, *, first: bool) -> Any:
        search.clock = Clock(100.0, used_s=95.0)
        callback.on_steps(0, 1, 2)

    monkeypatch.setattr(search, "_train_once", fit_network)
    assert search.run(None) == "time limit"
    assert len(search.study.trials) == 1


# What is refused


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"set": {"width": 4}}, "`model.width` is both set and searched – leave one out"),
        ({"trials": 0}, "`trials` must be at least 1; got 0"),
        ({"config": {"forecast": {"horizon": 3}}}, "forecasts can't be searched – train, which tr"),
        ({"set": {"ensemble": 3}}, "an average of several networks can't be searched – search for"),
        ({"resume": "none"}, "no search in 'none' – give the folder of a search"),
        (
            {"model": "minirocket", "search": {}, "set": {}},
            "there is nothing to search of the model 'minirocket' – name a hyper-parameter",
        ),
    ],
)
def test_refused(frame: pd.DataFrame, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        tune(frame, **changes)
    assert str(caught.value).startswith(message)


@pytest.fixture
def table(frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    frame.to_csv("a.csv", index=False)
    return "a.csv"


def test_without_optuna_there_is_one_line(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingDependencyError):
        kerasnn.tune(table, target="y")
    result = invoke(table, "--target", "y")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "error: the search for hyper-parameters needs an extra – pip install 'kerasnn[tune]'\n"
    )


def test_usage(table: str) -> None:
    for arguments, message in (
        (["--search", "width=8 to 9"], "the search '8 to 9' of `width` is not written like a sea"),
        (["--search", "width"], "invalid value for '--search': 'width' must be written as NAME=V"),
        (["--trials", "0"], "invalid value for '--trials': 0 is not in the range x>=1"),
        (["--horizon", "3"], "unknown option '--horizon'"),
    ):
        result = invoke(table, "--target", "y", "--model", "mlp", *arguments)
        assert result.stderr.startswith(f"error: {message}")
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1)


def test_options_reach_the_library(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[dict[str, Any]] = []
    run = SimpleNamespace(
        folder=Path("runs/x-1"),
        scores=None,
        interrupted=False,
        bundle=SimpleNamespace(report={"tuning": {"stopped": "all trials done"}}),
        summary=lambda: "summary",
    )

    def instead(data: Any, **keywords: Any) -> Any:
        calls.append({"data": data, **keywords})
        return run

    monkeypatch.setattr(kerasnn, "tune", instead, raising=False)
    options = "--target y --time-limit 2m --trials 7 --search width={4,8} --set depth=1 --seed 3"
    assert invoke(table, *options.split()).stdout == "summary\n"
    (call,) = calls
    chosen = {key: setting.value for key, setting in call["config"].chosen.items()}
    assert chosen["run.time_limit_s"] == 120
    assert (chosen["run.seed"], chosen["model.depth"], chosen["data.target"]) == (3, 1, "y")
    assert (call["search"], call["trials"], call["data"]) == ({"width": "{4,8}"}, 7, table)
    assert json.loads(invoke(table, *options.split(), "--json").stdout) == {
        "run": "runs/x-1",
        "scores": None,
        "tuning": {"stopped": "all trials done"},
    }
    run.bundle.report["tuning"]["stopped"] = "interrupted"
    result = invoke(table, *options.split(), "--quiet")
    assert (result.exit_code, result.stdout) == (130, "")
    assert result.stderr == "interrupted – to go on: kerasnn tune --resume runs/x-1\n"
