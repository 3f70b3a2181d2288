"""Slices against scores of the same rows picked by hand."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as oracle

from kerasnn.data.schema import Column
from kerasnn.errors import ConfigError, DataError
from kerasnn.evaluation.slices import slices
from kerasnn.metrics.predictions import Predictions

N_ROWS = 300
TRUTH = np.arange(N_ROWS) // 6 % 2
REGION = np.array(["north", "south", "south", "east", "north", "south"] * 50)


def make_binary() -> Predictions:
    noise = np.where(REGION == "east", 4.0, 1.0)
    logits = TRUTH + noise * np.random.default_rng(0).normal(size=N_ROWS)
    likely = 1 / (1 + np.exp(-logits))
    scores = np.stack([1 - likely, likely], axis=1)
    return Predictions.from_scores("binary", ("no", "yes"), truth=TRUTH, scores=scores)


ROWS = make_binary()


def series(values: object, name: str = "region") -> pd.Series:
    return pd.Series(values, name=name)


def test_each_category_is_scored_on_its_rows() -> None:
    found = slices(ROWS, series(REGION))
    assert [(part.label, part.n_rows) for part in found.slices] == [
        ("south", 150),
        ("north", 100),
        ("east", 50),
    ]
    for part in found.slices:
        rows = part.label == REGION
        expected = oracle.accuracy_score(TRUTH[rows], ROWS.decision[rows])
        assert part.values["accuracy"] == pytest.approx(expected)
    north = found.slices[1]
    rows = REGION == "north"
    area = oracle.roc_auc_score(TRUTH[rows], ROWS.scores[rows, 1])
    assert north.values["auc"] == pytest.approx(area)
    assert north.interval[0] < area < north.interval[1]
    assert found.overall == pytest.approx(oracle.roc_auc_score(TRUTH, ROWS.scores[:, 1]))


def test_the_worst_slice_is_named_with_its_interval() -> None:
    found = slices(ROWS, series(REGION), metric="log_loss")
    losses = {part.label: part.values["log_loss"] for part in found.slices}
    assert found.worst.label == max(losses, key=losses.get) == "east"
    low, high = found.worst.interval
    assert found.summary == (
        f"Worst at region east: log loss {losses['east']:.4f} (95 % interval {low:.4f} to "
        f"{high:.4f}) on 50 rows, {found.overall:.4f} on all."
    )


def test_a_slice_whose_interval_holds_the_overall_value_may_be_chance() -> None:
    twice = ROWS.take(np.tile(np.arange(N_ROWS), 2))
    found = slices(twice, series(np.repeat(["first", "second"], N_ROWS)))
    assert found.summary.endswith(" on all, which may be chance.")


def test_numbers_are_cut_into_parts_of_equal_size() -> None:
    ages = series(np.arange(N_ROWS, dtype=float), "age")
    ages[:30] = np.nan
    found = slices(ROWS, ages, n_bins=3)
    assert [(part.label, part.n_rows) for part in found.slices] == [
        ("up to 119", 90),
        ("over 119 to 209", 90),
        ("over 209", 90),
        ("missing", 30),
    ]
    rows = (ages > 119) & (ages <= 209)
    expected = oracle.roc_auc_score(TRUTH[rows], ROWS.scores[rows, 1])
    assert found.slices[1].values["auc"] == pytest.approx(expected)


def test_text_is_read_as_the_schema_says() -> None:
    commas = series([f"{i // 3},5" for i in range(N_ROWS)], "price")
    column = Column("price", "number", layout=",")
    labels = [part.label for part in slices(ROWS, commas, column=column, n_bins=2).slices]
    assert labels == ["up to 49.5", "over 49.5"]
    column = Column("price", "category")
    assert len(slices(ROWS, commas, column=column, min_rows=3).slices) == 30


def test_equal_numbers_stay_together() -> None:
    skewed = series(np.maximum(np.arange(N_ROWS) - 200, 0), "gain")
    found = slices(ROWS, skewed, n_bins=4, min_rows=20)
    assert [(part.label, part.n_rows) for part in found.slices] == [
        ("up to 0", 201),
        ("over 0 to 24", 24),
        ("over 24", 75),
    ]


def test_numbers_of_few_values_are_values_in_their_order() -> None:
    found = slices(ROWS, series(np.array([10, 9, 100] * 100), "doors"))
    assert [part.label for part in found.slices] == ["9", "10", "100"]


def test_dates_are_cut_too() -> None:
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(N_ROWS), unit="D")
    found = slices(ROWS, series(days, "day"), n_bins=2)
    assert [part.label for part in found.slices] == ["up to 2020-05-29", "over 2020-05-29"]
    minutes = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(N_ROWS), unit="min")
    found = slices(ROWS, series(minutes.strftime("%Y-%m-%d %H:%M"), "time"), n_bins=3)
    assert found.slices[0].label == "up to 2020-01-01T01:39:00"


def test_rare_values_have_no_score_of_their_own() -> None:
    words = np.where(np.arange(N_ROWS) < 20, np.arange(N_ROWS) // 5, 7).astype(str)
    found = slices(ROWS, series(words), column=Column("region", "category"))
    assert [part.label for part in found.slices] == ["7"]
    assert found.notes == ("too rare for scores of their own: the values of 20 rows",)
    assert found.worst is None
    assert found.summary == "No two slices of 'region' can be compared."
    most = slices(ROWS, series(REGION), max_slices=2)
    assert most.notes == ("too rare for scores of their own: the values of 50 rows",)


def test_a_slice_of_one_class_has_no_area_and_is_not_the_worst() -> None:
    found = slices(ROWS, series(np.where(TRUTH == 1, "a", np.resize(["b", "a"], N_ROWS))))
    alone = next(part for part in found.slices if part.label == "b")
    assert alone.values["auc"] is None
    assert alone.interval is None
    assert found.worst is None


def test_regression_takes_its_own_metrics() -> None:
    values = np.linspace(0, 1, N_ROWS)
    errors = np.where(REGION == "south", 0.5, 0.1)
    rows = Predictions.from_scores("regression", (), truth=values, scores=values + errors)
    found = slices(rows, series(REGION))
    assert found.metric == "rmse"
    assert found.worst.label == "south"
    assert found.worst.values["rmse"] == pytest.approx(0.5)
    with pytest.raises(ConfigError):
        slices(rows, series(REGION), metric="auc")


def test_a_column_of_another_length_is_refused() -> None:
    with pytest.raises(DataError, match="the column has 3 rows, the predictions 300"):
        slices(ROWS, series(["a", "b", "c"]))


def test_slices_are_plain_data() -> None:
    data = json.loads(json.dumps(slices(ROWS, series(REGION)).to_dict(), allow_nan=False))
    assert data["worst"] == "east"
    assert data["summary"].startswith("Worst at region east: ROC AUC ")
