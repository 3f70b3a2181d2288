"""Measures of forecasts against numbers made by hand and against scikit-learn."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import (
    mean_absolute_error,
    mean_pinball_loss,
    root_mean_squared_error,
)

from kerasnn.errors import ConfigError, ModelRefusedError, UnknownNameError
from kerasnn.forecasting.baselines import Baseline
from kerasnn.forecasting.scores import ForecastScores, score
from kerasnn.metrics import forecast as metrics
from kerasnn.metrics.conditions import parse_condition
from kerasnn.metrics.forecast import METRICS
from kerasnn.metrics.forecasts import Forecasts
from kerasnn.runs.comparison_table import side_by_side


def forecasts(
    truth: Any, prediction: Any, *, naive: Any = 1.0, quantiles: Any = None, series: Any = None
) -> Forecasts:
    """Of daily values, one origin a day."""
    truth = np.asarray(truth, float)
    n, horizon, targets = truth.shape
    origins = np.datetime64("2020-01-01", "s") + np.arange(n) * np.timedelta64(1, "D")
    ahead = np.arange(1, horizon + 1) * np.timedelta64(1, "D")
    return Forecasts(
        targets=tuple(f"y{i}" for i in range(targets)),
        series=np.array(series if series is not None else ["a"] * n, dtype=object),
        origins=origins,
        times=origins[:, None] + ahead,
        truth=truth,
        prediction=np.asarray(prediction, float),
        naive_error=np.broadcast_to(np.asarray(naive, float), (n, targets)).copy(),
        quantiles={} if quantiles is None else quantiles,
    )


def random(n: int = 30, horizon: int = 3, targets: int = 2, *, seed: int = 0) -> Forecasts:
    generator = np.random.default_rng(seed)
    truth = generator.normal(10, 3, (n, horizon, targets))
    prediction = truth + generator.normal(0, 1, truth.shape)
    quantiles = {q: prediction + d for q, d in ((0.1, -1.3), (0.5, 0.0), (0.9, 1.3))}
    return forecasts(truth, prediction, naive=[2.0, 0.5], quantiles=quantiles)


def test_measures_by_hand() -> None:
    """Errors 1, 2 and 0 of truths 4, 8 and 10; the fourth is not known."""
    truth = [[[4.0], [8.0]], [[10.0], [np.nan]]]
    found = forecasts(
        truth,
        [[[5.0], [6.0]], [[10.0], [3.0]]],
        naive=[[2.0], [4.0]],
        quantiles={
            0.1: np.array([[[4.5], [5.0]], [[9.0], [0.0]]]),
            0.9: np.array([[[6.0], [7.0]], [[12.0], [9.0]]]),
        },
    )
    assert METRICS["mae"](found) == pytest.approx(1.0)
    assert METRICS["rmse"](found) == pytest.approx(math.sqrt(5 / 3))
    assert METRICS["smape"](found) == pytest.approx(200 * (1 / 9 + 2 / 14 + 0) / 3)
    assert METRICS["mase"](found) == pytest.approx((1 / 2 + 2 / 2 + 0) / 3)
    # Only 10 lies between 9 and 12; widths are 1.5, 2 and 3.
    assert METRICS["coverage"](found) == pytest.approx(1 / 3)
    assert METRICS["width"](found) == pytest.approx(6.5 / 3)
    low = 0.9 * 0.5 + 0.1 * 3 + 0.1 * 1
    high = 0.1 * 2 + 0.9 * 1 + 0.1 * 2
    assert METRICS["quantile_loss"](found) == pytest.approx(2 * (low + high) / 2 / 22)


def test_measures_are_those_of_sklearn() -> None:
    found = random()
    truth, prediction = found.truth.ravel(), found.prediction.ravel()
    assert METRICS["mae"](found) == pytest.approx(mean_absolute_error(truth, prediction))
    assert METRICS["rmse"](found) == pytest.approx(root_mean_squared_error(truth, prediction))
    pinball = [
        mean_pinball_loss(truth, values.ravel(), alpha=q) for q, values in found.quantiles.items()
    ]
    expected = 2 * np.mean(pinball) / np.abs(truth).mean()
    assert METRICS["quantile_loss"](found) == pytest.approx(expected)


def test_smape_of_zeros_is_0_and_its_worst_is_200() -> None:
    assert METRICS["smape"](forecasts([[[0.0]]], [[[0.0]]])) == 0
    assert METRICS["smape"](forecasts([[[0.0]]], [[[3.0]]])) == pytest.approx(200)


def test_a_series_without_naive_error_has_no_say_in_mase() -> None:
    found = forecasts([[[1.0]], [[1.0]]], [[[2.0]], [[9.0]]], naive=[[0.5], [0.0]])
    assert METRICS["mase"](found) == pytest.approx(2.0)
    assert math.isnan(METRICS["mase"](replace(found, naive_error=np.zeros((2, 1)))))


def test_measures_of_parts_put_together_are_those_of_the_whole() -> None:
    found = random()
    names = ["a"] * 10 + ["b"] * 20
    found = replace(found, series=np.array(names, dtype=object))
    sums = metrics.sums_of(found)
    error = np.abs(found.truth - found.prediction)
    by_step = metrics.by_step(sums)["mae"]
    np.testing.assert_allclose(by_step, error.mean(axis=(0, 2)))
    by_series = metrics.by_series(sums, found.series)
    assert by_series["a"]["mae"] == pytest.approx(error[:10].mean())
    assert by_series["b"]["rmse"] == pytest.approx(np.sqrt(np.square(error[10:]).mean()))
    by_target = metrics.by_target(sums, found.targets)
    assert by_target["y1"]["mase"] == pytest.approx(error[..., 1].mean() / 0.5)


def test_blocks_are_stretches_of_time_or_else_series() -> None:
    found = random(30, 3)
    blocks = metrics.blocks_of(found)
    assert blocks is not None
    assert blocks.note == "10 stretches of time"
    np.testing.assert_array_equal(blocks.group, np.repeat(np.arange(10), 3))
    same = replace(found, origins=np.repeat(found.origins[:1], 30))
    assert metrics.blocks_of(same) is None
    apart = replace(same, series=np.array([f"s{i % 6}" for i in range(30)], dtype=object))
    blocks = metrics.blocks_of(apart)
    assert blocks is not None
    assert blocks.note == "6 series"
    assert len(blocks) == 6


def test_intervals_hold_the_value_and_narrow_with_more_windows() -> None:
    widths = []
    for n in (60, 960):
        scores = score(random(n, 3))
        low, high = scores.intervals["mae"] or (math.nan, math.nan)
        assert low < (scores.values["mae"] or 0) < high
        widths.append(high - low)
    assert widths[1] < widths[0] / 2.5


def test_scores_beside_baselines() -> None:
    found = random(60)
    worse = replace(found, prediction=found.prediction + 5, quantiles={})
    scores = score(found, [Baseline("naive", "naive", worse)])
    baseline = scores.baselines["naive"]
    assert scores.main == "mase"
    assert scores.nominal == 0.8
    assert baseline.gain == pytest.approx((baseline.values["mase"] or 0) - scores.values["mase"])
    assert baseline.gain_interval is not None
    assert baseline.gain_interval[0] > 0
    assert scores.verdict.startswith("The model beats every baseline; the best is naive: MASE ")
    few = score(
        random(1),
        [
            Baseline(
                "naive",
                "naive",
                replace(random(1), prediction=random(1).prediction + 5, quantiles={}),
            )
        ],
    )
    assert few.baselines["naive"].gain_interval is None
    assert few.verdict.startswith("The model is ahead of every baseline; the best is naive: MASE ")
    assert few.verdict.endswith("From so few time steps nobody can say whether that is chance.")
    other = score(worse, [Baseline("better", "better", found)])
    assert other.verdict.startswith("The model does not win: better is better, MASE ")
    same = score(found, [Baseline("same", "same", found)])
    assert same.verdict.startswith("The model does not win: it forecasts like same, ")


def test_one_forecast_has_scores_without_intervals() -> None:
    scores = score(random(1))
    assert scores.intervals == {}
    assert "too few time steps" in scores.notes[-1]
    assert "1 forecast " in scores.table()


def test_flat_series_are_judged_by_mae() -> None:
    assert score(replace(random(), naive_error=np.zeros((30, 2)))).main == "mae"


def test_scores_survive_json() -> None:
    found = random(60)
    scores = score(found, [Baseline("naive", "naive", replace(found, quantiles={}))])
    assert ForecastScores.from_dict(json.loads(json.dumps(scores.to_dict()))) == scores


@pytest.mark.parametrize(
    "change",
    [
        {"values": {"mae": "x"}},
        {"values": {"other": 1.0}},
        {"main": "other"},
        {"intervals": {"mae": [1.0]}},
        {"by_step": {"mae": [math.inf]}},
        {"baselines": {"a": {}}},
        {"n_windows": None},
    ],
)
def test_damaged_scores_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ModelRefusedError, match="the scores in the bundle are damaged"):
        ForecastScores.from_dict({**score(random()).to_dict(), **change})


def test_the_table_says_what_the_coverage_should_be() -> None:
    table = score(random(60)).table()
    assert "coverage of the intervals, of 80 %" in table
    assert "sMAPE (0 to 200 %) ↓" in table


@pytest.mark.parametrize(
    ("text", "failure"),
    [
        ("mase=1", None),
        ("mase=0.5", "mase is 0.8, over the required 0.5"),
        ("coverage=0.75", "coverage is 0.7, under the required 0.75"),
        ("coverage=0.7", None),
    ],
)
def test_conditions_on_forecasts(text: str, failure: str | None) -> None:
    values = {"mase": 0.8, "coverage": 0.7}
    assert parse_condition(text, "forecast").failure(values) == failure
    assert parse_condition(text).failure(values) == failure


def test_conditions_of_other_tasks() -> None:
    with pytest.raises(ConfigError, match="metric 'auc' is not one of a forecast task"):
        parse_condition("auc=0.9", "forecast")
    with pytest.raises(UnknownNameError, match="'mase'"):
        parse_condition("mase=1", "binary")
    with pytest.raises(UnknownNameError, match="'masse'"):
        parse_condition("masse=1")


def test_forecasts_beside_each_other() -> None:
    found = random(60)
    worse = replace(found, prediction=found.prediction + 5)
    text = side_by_side({"a": score(found), "b": score(worse)})
    (line,) = [each for each in text.splitlines() if each.startswith("MASE ↓")]
    assert "*" in line.split()[2]
    assert text.splitlines()[1].split() == ["forecasts", "60", "60"]
    (coverage,) = [each for each in text.splitlines() if each.startswith("coverage")]
    assert "*" not in coverage


def test_exact_forecasts_of_what_never_changes_are_no_contest() -> None:
    found = forecasts(np.full((4, 3, 1), 2.0), np.full((4, 3, 1), 2.0), naive=0.0)
    scores = score(found, [Baseline("naive", "naive", found)], seed=0)
    assert scores.verdict == "No forecast can be better: the model and naive are both exact."
