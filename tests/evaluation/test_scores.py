"""Scores: what they hold, as JSON and as text."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from kerasnn.evaluation.baselines import Baseline
from kerasnn.evaluation.scores import Scores, render_table, score
from kerasnn.evaluation.slices import slices
from kerasnn.metrics import registry
from kerasnn.metrics.predictions import Predictions

N_ROWS = 120


def make_classes(n_classes: int, *, noise: float = 1.0) -> Predictions:
    truth = np.arange(N_ROWS) % n_classes
    logits = noise * np.random.default_rng(0).normal(size=(N_ROWS, n_classes))
    logits[np.arange(N_ROWS), truth] += 1.5
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = tuple(f"class {code}" for code in range(n_classes))
    task = "binary" if n_classes == 2 else "multiclass"
    return Predictions.from_scores(task, labels, truth=truth, scores=scores)


def make_values() -> Predictions:
    truth = np.linspace(100, 5000, N_ROWS)
    return Predictions.from_scores("regression", (), truth=truth, scores=truth + 12.345)


def constant(predictions: Predictions) -> Baseline:
    if predictions.task == "regression":
        scores = np.full(N_ROWS, predictions.truth.mean())
        name, title = "mean", "the mean"
    else:
        n_classes = len(predictions.classes)
        scores = np.full((N_ROWS, n_classes), 1 / n_classes)
        name, title = "majority", "the majority class"
    found = Predictions.from_scores(
        predictions.task, predictions.classes, truth=predictions.truth, scores=scores
    )
    return Baseline(name, title, found, 0.01234, "fitted on 10 of 20 training rows")


EVERY = {"binary": make_classes(2), "many": make_classes(3), "values": make_values()}
SCORES = {name: score(each, [constant(each)]) for name, each in EVERY.items()}


@pytest.mark.parametrize("name", EVERY)
def test_scores_hold_every_metric_of_the_task(name: str) -> None:
    predictions, scores = EVERY[name], SCORES[name]
    assert scores.values == registry.values(predictions)
    assert list(scores.intervals) == list(scores.values)
    assert scores.n_rows == N_ROWS
    assert scores.resamples == 1000
    baseline = scores.baselines["mean" if name == "values" else "majority"]
    assert list(baseline.values) == list(scores.values)
    assert baseline.gain > 0
    assert scores.verdict.startswith("The network beats every baseline; the best is the ")
    classes = 0 if name == "values" else len(predictions.classes)
    assert len(scores.per_class) == len(scores.confusion) == classes


@pytest.mark.parametrize("name", EVERY)
def test_scores_survive_json(name: str) -> None:
    rows = pd.Series(np.resize(["a", "b"], N_ROWS), name="group")
    scores = SCORES[name].with_slices(slices(EVERY[name], rows))
    text = json.dumps(scores.to_dict(), allow_nan=False)
    assert Scores.from_dict(json.loads(text)) == scores
    text = json.dumps(SCORES[name].to_dict(), allow_nan=False)
    assert Scores.from_dict(json.loads(text)) == SCORES[name]


def test_rows_of_one_class_give_none_and_a_note() -> None:
    rows = EVERY["binary"].take(np.arange(0, N_ROWS, 2))
    scores = score(rows)
    assert scores.values["auc"] is None
    assert scores.intervals["auc"] is None
    assert scores.values["accuracy"] > 0.5
    assert scores.per_class["class 1"]["recall"] is None
    assert scores.verdict == ""
    json.dumps(scores.to_dict(), allow_nan=False)
    table = scores.table()
    assert "ROC AUC ↑                     –                 –\n" in table
    assert "Note: no row of class 'class 1': ROC AUC is not defined.\n" in table


def test_the_table_stands_in_columns() -> None:
    truth = np.array([4.0, 4.0])
    values = Predictions.from_scores("regression", (), truth=truth, scores=truth + 3)
    table = score(values, [constant_of_two(values)]).table().split("\n\n")
    assert table[0].splitlines() == [
        "2 rows  network     95 % interval    mean",
        "RMSE ↓    3.000    3.000 to 3.000   2.000",
        "MAE ↓     3.000    3.000 to 3.000   2.000",
        "R² ↑          –                 –       –",
        "MAPE ↓   0.7500  0.7500 to 0.7500  0.5000",
    ]
    assert table[1:] == [
        "The network is not better than the mean: RMSE 3.000 against 2.000 "
        "(95 % interval of the gain -1.000 to -1.000).",
        "Note: R² is not defined: all true values are equal.",
    ]


def constant_of_two(values: Predictions) -> Baseline:
    scores = np.full(2, 2.0)
    found = Predictions.from_scores("regression", (), truth=values.truth, scores=scores)
    return Baseline("mean", "the mean", found, 0.0)


def test_the_table_has_classes_slices_and_notes() -> None:
    rows = pd.Series(np.resize(["a", "b", "b"], N_ROWS), name="group")
    scores = SCORES["binary"].with_slices(slices(EVERY["binary"], rows))
    parts = scores.table().split("\n\n")
    assert parts[0].splitlines()[0].endswith("95 % interval  majority")
    assert parts[1] == scores.verdict
    assert parts[2] == "Note: the majority class: fitted on 10 of 20 training rows."
    assert parts[3].splitlines()[0].split() == ["class", "precision", "recall", "F1", "rows"]
    assert parts[3].splitlines()[1].split()[0:2] == ["class", "0"]
    assert [line.split()[0] for line in parts[4].splitlines()] == ["group", "b", "a"]
    assert parts[5] == scores.slices.summary
    assert len(parts) == 6


def test_many_classes_are_not_listed_one_by_one() -> None:
    scores = score(make_classes(21))
    assert len(scores.per_class) == 21
    assert "precision " not in scores.table().replace("average precision", "")


def test_the_columns_of_a_table_are_aligned() -> None:
    table = render_table(["", "rows", "share"], [["a", "1", "0.5"], ["total", "1,000", ""]])
    assert table.splitlines() == [
        "        rows  share",
        "a          1    0.5",
        "total  1,000",
    ]
