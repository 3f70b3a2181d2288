"""Bootstrap intervals against SciPy's bootstrap and known sampling distributions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from kerasnn.metrics import bootstrap
from kerasnn.metrics.predictions import Predictions
from kerasnn.metrics.registry import METRICS, metrics_of


def make_binary(n_rows: int, *, noise: float = 1.0, seed: int = 0) -> Predictions:
    rng = np.random.default_rng(seed)
    truth = np.arange(n_rows) % 2
    logits = truth + noise * rng.normal(size=n_rows)
    likely = 1 / (1 + np.exp(-logits))
    scores = np.stack([1 - likely, likely], axis=1)
    return Predictions.from_scores("binary", ("no", "yes"), truth=truth, scores=scores)


def make_values(scores: np.ndarray, truth: np.ndarray) -> Predictions:
    return Predictions.from_scores("regression", (), truth=truth, scores=scores)


ROWS = make_binary(300)


@pytest.fixture(scope="module")
def errors() -> np.ndarray:
    return np.random.default_rng(3).normal(size=200)


def test_interval_equals_scipys_percentile_bootstrap(errors: np.ndarray) -> None:
    predictions = make_values(errors, np.zeros_like(errors))
    found = bootstrap.intervals(predictions, [METRICS["mae"]], resamples=2000)["mae"]
    expected = stats.bootstrap(
        (np.abs(errors),), np.mean, method="percentile", n_resamples=2000, rng=0
    ).confidence_interval
    np.testing.assert_allclose(found, expected, atol=0.015)


def test_every_interval_holds_its_value_and_repeats_with_its_seed() -> None:
    found = bootstrap.intervals(ROWS, resamples=200, seed=4)
    assert list(found) == [metric.name for metric in metrics_of("binary")]
    for name, interval in found.items():
        assert interval is not None
        low, high = interval
        assert low < METRICS[name](ROWS) < high
    assert bootstrap.intervals(ROWS, resamples=200, seed=4) == found
    assert bootstrap.intervals(ROWS, resamples=200, seed=5) != found


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel", "regression"])
def test_many_resamples_at_once_are_measured_like_each_alone(task: str) -> None:
    rng = np.random.default_rng(5)
    classes = {"binary": 2, "multiclass": 4, "multilabel": 3, "regression": 1}[task]
    # Few different scores, so that many rows share one.
    scores = rng.multinomial(4, np.full(max(classes, 2), 1 / max(classes, 2)), 40) / 4
    truth = rng.integers(0, classes, 40)
    if task == "multilabel":
        truth = rng.integers(0, 2, (40, classes))
    if task == "regression":
        scores, truth = scores[:, 0], rng.integers(0, 3, 40).astype(float)
    labels = () if task == "regression" else tuple("abcd"[:classes])
    predictions = Predictions.from_scores(task, labels, truth=truth, scores=scores)
    # The last resample is of one row only, where several metrics are not defined.
    weights = rng.integers(0, 3, (6, 40)).astype(float)
    weights[-1] = np.eye(40)[0]
    for metric in metrics_of(task):
        measure = metric.prepare(predictions)
        together = measure(weights)
        assert together.shape == (6,)
        np.testing.assert_allclose(together, [float(measure(row)) for row in weights], atol=1e-12)


def test_fewer_resamples_on_more_rows_and_classes() -> None:
    def wanted(n_rows: int, n_classes: int) -> int:
        scores = np.full((n_rows, n_classes), 1 / n_classes)
        labels = tuple(str(code) for code in range(n_classes))
        task = "binary" if n_classes == 2 else "multiclass"
        truth = np.zeros(n_rows, dtype=int)
        return bootstrap.n_resamples(Predictions(task, labels, truth, scores, truth))

    assert wanted(1000, 2) == 1000
    assert wanted(50_000, 2) == 400
    assert wanted(10_000, 10) == 200
    assert wanted(100_000, 10) == 100


def test_an_interval_needs_most_resamples_to_be_defined() -> None:
    # One positive row of many is missing from 37 % of the resamples, none from all of them.
    scores = np.tile([0.4, 0.6], (50, 1))
    rare = np.zeros(50, dtype=int)
    rare[0] = 1
    labels = ("no", "yes")
    one = Predictions.from_scores("binary", labels, truth=rare, scores=scores)
    none = Predictions.from_scores("binary", labels, truth=rare * 0, scores=scores)
    assert bootstrap.intervals(one, [METRICS["auc"]], resamples=100)["auc"] == (0.5, 0.5)
    assert bootstrap.intervals(none, [METRICS["auc"]], resamples=100)["auc"] is None


def test_ranking_millions_for_many_classes_gets_no_interval(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bootstrap, "_n_ranked", lambda predictions: 10_000_001)
    found = bootstrap.intervals(ROWS, resamples=20)
    assert [name for name, interval in found.items() if interval is None] == [
        "auc",
        "average_precision",
    ]
    assert bootstrap.difference(ROWS, ROWS, METRICS["auc"]).interval is None


def test_a_paired_difference_is_narrower_than_the_scores(errors: np.ndarray) -> None:
    truth = np.random.default_rng(4).normal(size=len(errors))
    ours = make_values(truth + errors, truth)
    theirs = make_values(truth + 1.1 * errors, truth)
    found = bootstrap.difference(ours, theirs, METRICS["rmse"])
    rmse = METRICS["rmse"](ours)
    assert found.value == pytest.approx(0.1 * rmse)
    assert found.is_clear
    low, high = found.interval
    assert 0 < low < found.value < high
    alone = bootstrap.intervals(ours, [METRICS["rmse"]])["rmse"]
    assert high - low < 0.2 * (alone[1] - alone[0])


def test_a_model_does_not_differ_from_itself() -> None:
    found = bootstrap.difference(ROWS, ROWS, METRICS["auc"])
    assert found == bootstrap.Difference(0.0, (0.0, 0.0))
    assert not found.is_clear


def test_a_worse_model_has_a_negative_difference() -> None:
    found = bootstrap.difference(make_binary(300, noise=5.0), ROWS, METRICS["log_loss"])
    assert found.value < 0
    assert found.is_clear
