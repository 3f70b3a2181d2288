"""Metrics against scikit-learn, with and without weights, and on rows that lack a class."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from sklearn import calibration
from sklearn import metrics as oracle

from kerasnn.errors import ConfigError, DataError, UnknownNameError
from kerasnn.metrics import classification, registry
from kerasnn.metrics.conditions import parse_condition
from kerasnn.metrics.predictions import Predictions
from kerasnn.metrics.registry import METRICS


def make_classes(n_classes: int, *, n_rows: int = 400, seed: int = 0) -> Predictions:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, n_classes, n_rows)
    logits = rng.normal(size=(n_rows, n_classes))
    logits[np.arange(n_rows), truth] += 1.0
    # Rounded, so that scores have ties.
    scores = np.round(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), 1) + 0.01
    scores /= scores.sum(axis=1, keepdims=True)
    task = "binary" if n_classes == 2 else "multiclass"
    labels = tuple(f"class {code}" for code in range(n_classes))
    return Predictions.from_scores(task, labels, truth=truth, scores=scores)


def make_values(*, n_rows: int = 300) -> Predictions:
    rng = np.random.default_rng(1)
    truth = rng.normal(1000.0, 2.0, n_rows)
    scores = truth + rng.normal(size=n_rows)
    return Predictions.from_scores("regression", (), truth=truth, scores=scores)


BINARY, MANY, VALUES = make_classes(2), make_classes(4), make_values()


def weighted(name: str, predictions: Predictions) -> tuple[float, np.ndarray]:
    """A metric on a bootstrap resample, and the same rows repeated, as an oracle can take them."""
    counts = np.random.default_rng(2).multinomial(
        len(predictions), np.full(len(predictions), 1 / len(predictions))
    )
    value = METRICS[name].prepare(predictions)(counts.astype(float))
    return value, np.repeat(np.arange(len(predictions)), counts)


ON_DECISIONS = {
    "accuracy": oracle.accuracy_score,
    "balanced_accuracy": oracle.balanced_accuracy_score,
    "mcc": oracle.matthews_corrcoef,
    "rmse": oracle.root_mean_squared_error,
    "mae": oracle.mean_absolute_error,
    "r2": oracle.r2_score,
    "mape": oracle.mean_absolute_percentage_error,
}


@pytest.mark.parametrize("predictions", [BINARY, MANY, VALUES], ids=["binary", "many", "values"])
@pytest.mark.parametrize("name", ON_DECISIONS)
def test_metrics_of_decisions_equal_scikit_learn(name: str, predictions: Predictions) -> None:
    if predictions.task not in METRICS[name].tasks:
        with pytest.raises(ConfigError):
            registry.get_metric(name, predictions.task)
        return
    expected = ON_DECISIONS[name](predictions.truth, predictions.decision)
    assert METRICS[name](predictions) == pytest.approx(expected)
    value, rows = weighted(name, predictions)
    expected = ON_DECISIONS[name](predictions.truth[rows], predictions.decision[rows])
    assert value == pytest.approx(expected)


def scored_by_oracle(name: str, truth: np.ndarray, scores: np.ndarray) -> float:
    binary = scores.shape[1] == 2
    one_hot = np.eye(scores.shape[1])[truth]
    if name == "auc":
        return oracle.roc_auc_score(truth, scores[:, 1] if binary else scores, multi_class="ovr")
    if name == "average_precision":
        return oracle.average_precision_score(
            truth if binary else one_hot, scores[:, 1] if binary else scores
        )
    if name == "log_loss":
        return oracle.log_loss(truth, scores)
    assert name == "brier"
    if binary:
        return oracle.brier_score_loss(truth, scores[:, 1])
    return float(np.mean(np.sum((scores - one_hot) ** 2, axis=1)))


@pytest.mark.parametrize("predictions", [BINARY, MANY], ids=["binary", "many"])
@pytest.mark.parametrize("name", ["auc", "average_precision", "log_loss", "brier"])
def test_metrics_of_scores_equal_scikit_learn(name: str, predictions: Predictions) -> None:
    expected = scored_by_oracle(name, predictions.truth, predictions.scores)
    assert METRICS[name](predictions) == pytest.approx(expected)
    value, rows = weighted(name, predictions)
    expected = scored_by_oracle(name, predictions.truth[rows], predictions.scores[rows])
    assert value == pytest.approx(expected)


def test_f1_is_of_class_1_for_two_classes_and_macro_for_many() -> None:
    for predictions, average in ((BINARY, "binary"), (MANY, "macro")):
        expected = oracle.f1_score(predictions.truth, predictions.decision, average=average)
        assert METRICS["f1"](predictions) == pytest.approx(expected)


def test_calibration_error_equals_scikit_learns_curve() -> None:
    probability, hit = classification.confidence(BINARY)
    frequency, mean = calibration.calibration_curve(hit, probability, n_bins=15)
    bins = np.digitize(probability, np.linspace(0, 1, 16)[1:-1])
    share = np.bincount(bins)[np.unique(bins)] / len(BINARY)
    assert METRICS["calibration_error"](BINARY) == pytest.approx(
        float(share @ np.abs(frequency - mean))
    )


def test_a_certain_and_right_prediction_has_no_calibration_error() -> None:
    sure = Predictions.from_scores(
        "binary", ("a", "b"), truth=np.array([0, 1]), scores=np.eye(2, dtype=np.float32)
    )
    assert METRICS["calibration_error"](sure) == 0.0
    assert METRICS["log_loss"](sure) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("predictions", [BINARY, MANY], ids=["binary", "many"])
def test_confusion_and_classes_equal_scikit_learn(predictions: Predictions) -> None:
    truth, decision = predictions.truth, predictions.decision
    np.testing.assert_array_equal(
        registry.confusion(predictions), oracle.confusion_matrix(truth, decision)
    )
    expected = np.transpose(oracle.precision_recall_fscore_support(truth, decision))
    received = [list(row.values()) for row in registry.per_class(predictions).values()]
    np.testing.assert_allclose(received, expected)


def test_one_class_only_leaves_the_area_undefined_and_says_so() -> None:
    rows = BINARY.take(BINARY.truth == 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = registry.values(rows)
    assert math.isnan(values["auc"])
    assert math.isnan(values["average_precision"])
    assert values["accuracy"] == values["balanced_accuracy"]
    assert registry.notes(rows) == ["no row of class 'class 1': ROC AUC is not defined"]
    assert math.isnan(registry.per_class(rows)["class 1"]["recall"])


def test_a_class_that_is_absent_is_left_out_of_the_means() -> None:
    rows = MANY.take(MANY.truth != 2)
    each = [oracle.roc_auc_score(rows.truth == code, rows.scores[:, code]) for code in (0, 1, 3)]
    assert METRICS["auc"](rows) == pytest.approx(np.mean(each))
    recall = oracle.recall_score(rows.truth, rows.decision, labels=[0, 1, 3], average="macro")
    assert METRICS["balanced_accuracy"](rows) == pytest.approx(recall)
    assert registry.notes(rows) == [
        "no row of class 'class 2': means over the classes leave them out"
    ]


def test_equal_true_values_leave_r2_undefined() -> None:
    flat = Predictions.from_scores(
        "regression", (), truth=np.zeros(3), scores=np.array([0.0, 1.0, 2.0])
    )
    values = registry.values(flat)
    assert math.isnan(values["r2"])
    assert math.isnan(values["mape"])
    assert values["mae"] == 1.0
    assert registry.notes(flat) == [
        "MAPE leaves out the rows whose true value is 0 (3 of 3)",
        "R² is not defined: all true values are equal",
    ]


def test_mape_leaves_out_rows_whose_truth_is_zero() -> None:
    rows = Predictions.from_scores(
        "regression", (), truth=np.array([0.0, 2.0, -4.0]), scores=np.array([1.0, 3.0, -4.0])
    )
    assert METRICS["mape"](rows) == pytest.approx(0.25)


def test_predictions_that_cannot_be_evaluated_are_refused() -> None:
    labels, scores = ("a", "b"), np.full((2, 2), 0.5)
    truth = np.array([0, 1])
    with pytest.raises(DataError, match="there is no row to evaluate"):
        Predictions.from_scores("binary", labels, truth=truth[:0], scores=scores[:0])
    with pytest.raises(DataError, match=r"`scores` must be of shape \(2, 2\); got \(2, 1\)"):
        Predictions("binary", labels, truth, scores[:, :1], truth)
    with pytest.raises(DataError, match=r"are not finite in 1 of 2 rows \(first at row 1\)"):
        Predictions.from_scores("regression", (), truth=np.zeros(2), scores=np.array([0.0, np.nan]))
    with pytest.raises(DataError, match="`truth` must be codes from 0 to 1"):
        Predictions.from_scores("binary", labels, truth=truth + 1, scores=scores)
    with pytest.raises(DataError, match="must be probabilities"):
        Predictions.from_scores("binary", labels, truth=truth, scores=scores * 3)


def test_every_task_has_its_main_metric() -> None:
    for task, name in registry.MAIN_METRIC.items():
        assert registry.get_metric(name, task) in list(registry.metrics_of(task))


@pytest.mark.parametrize(
    ("text", "values", "failure"),
    [
        ("auc=0.8", {"auc": 0.8}, None),
        ("auc = .8", {"auc": 0.75}, "auc is 0.75, under the required 0.8"),
        ("rmse=2", {"rmse": 1.5}, None),
        ("rmse=2", {"rmse": 2.25}, "rmse is 2.25, over the required 2"),
        ("auc=0.8", {"auc": None}, "auc is not defined on these rows; 0.8 is required"),
        ("auc=0.8", {}, "auc is not defined on these rows; 0.8 is required"),
    ],
)
def test_conditions(text: str, values: dict[str, float | None], failure: str | None) -> None:
    assert parse_condition(text).failure(values) == failure


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("acuracy=0.8", UnknownNameError, "unknown metric 'acuracy' – did you mean 'accuracy'?"),
        (
            "auc",
            ConfigError,
            "a condition must be METRIC=VALUE; got 'auc' – write it as in auc=0.8",
        ),
        (
            "auc=high",
            ConfigError,
            "the bound of 'auc' must be a finite number; got 'high' – write it as in auc=0.8",
        ),
        (
            "auc=nan",
            ConfigError,
            "the bound of 'auc' must be a finite number; got 'nan' – write it as in auc=0.8",
        ),
    ],
)
def test_a_condition_that_cannot_be_read(text: str, error: type, message: str) -> None:
    with pytest.raises(error) as raised:
        parse_condition(text)
    assert str(raised.value) == message


def test_a_condition_on_another_tasks_metric_names_the_tasks_own() -> None:
    with pytest.raises(ConfigError) as raised:
        parse_condition("auc=0.8", "regression")
    assert str(raised.value) == (
        "metric 'auc' is not one of a regression task – choose from rmse, mae, r2, mape"
    )


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("auc", 1.0, "1.0000"),
        ("r2", -0.00001, "0.0000"),
        ("r2", -12.3, "-12.3000"),
        ("rmse", 0.0, "0.0000"),
        ("rmse", 0.01234567, "0.01235"),
        ("rmse", 1.0, "1.000"),
        ("rmse", 999.96, "1000.0"),
        ("rmse", -12345.6, "-12,346"),
        ("rmse", 0.000012345, "1.234e-05"),
        ("mae", float("nan"), "–"),
    ],
)
def test_values_for_people(name: str, value: float, text: str) -> None:
    assert METRICS[name].format(value) == text
