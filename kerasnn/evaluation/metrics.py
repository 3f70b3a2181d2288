"""The measures of each task.

A metric is prepared once for some `Predictions` and gives then a value for any weights of their
rows. The sorting and the logarithms are done once, which makes a bootstrap of hundreds of
resamples (a resample is a vector of counts) a matter of seconds.

An undefined value is NaN: the area under the ROC curve of rows that hold one class, say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from kerasnn.errors import ConfigError, UnknownNameError
from kerasnn.evaluation import label_metrics
from kerasnn.evaluation.predictions import Predictions
from kerasnn.evaluation.weighting import Measure, divide, mean_defined, mean_of
from kerasnn.signature import Task

CALIBRATION_BINS = 15


@dataclass(frozen=True)
class Metric:
    """A measure of predictions.

    Args:
        name: As in conditions and score files.
        title: For people.
        direction: Whether a higher or a lower value is better.
        tasks: Where it applies.
        prepare: From predictions to a function of row weights, (n,).
        ranks: Whether it sorts the rows once a class, which is the most costly.
        biased: Whether resampling alone makes the value larger, as the mean of absolute
            deviations.
        in_unit: Whether it has the target's unit, so that any size is possible.
    """

    name: str
    title: str
    direction: Literal["higher", "lower"]
    tasks: tuple[Task, ...]
    prepare: Callable[[Predictions], Measure]
    ranks: bool = False
    biased: bool = False
    in_unit: bool = False

    def __call__(self, predictions: Predictions) -> float:
        """The value on all rows, NaN where it is not defined."""
        return self.prepare(predictions)(np.ones(len(predictions)))

    def gain(self, value: float, reference: float) -> float:
        """How much better `value` is than `reference`; negative when worse."""
        return value - reference if self.direction == "higher" else reference - value

    def format(self, value: float | None) -> str:
        """For people: four decimals, or four digits in the target's unit; a dash for no value.

        >>> METRICS["auc"].format(0.91428), METRICS["rmse"].format(543.21), METRICS["mae"].format(None)
        ('0.9143', '543.2', '–')
        """
        if value is None or not np.isfinite(value):
            return "–"
        if not self.in_unit or value == 0:
            return f"{round(value, 4) + 0.0:.4f}"  # + 0.0 turns -0.0 into 0.0
        size = abs(value)
        if size >= 1000:
            return f"{value:,.0f}"
        return f"{value:.{3 - int(np.floor(np.log10(size)))}f}" if size >= 1e-3 else f"{value:.3e}"

    def format_interval(self, interval: tuple[float, float] | None) -> str:
        """Both bounds for people; a dash for no interval."""
        return " to ".join(self.format(bound) for bound in interval) if interval else "–"


def weighted_confusion(predictions: Predictions) -> Callable[[np.ndarray], np.ndarray]:
    """From row weights to the sums, (n_classes true, n_classes decided)."""
    n_classes = len(predictions.classes)
    cells = predictions.truth.astype(np.int64) * n_classes + predictions.decision
    shape = (n_classes, n_classes)

    def matrix(weights: np.ndarray) -> np.ndarray:
        sums: np.ndarray = np.bincount(cells, weights, n_classes**2).reshape(shape)
        return sums

    return matrix


def _from_confusion(value: Callable[[np.ndarray], float]) -> Callable[[Predictions], Measure]:
    def prepare(predictions: Predictions) -> Measure:
        matrix = weighted_confusion(predictions)
        return lambda weights: value(matrix(weights))

    return prepare


def _accuracy(predictions: Predictions) -> Measure:
    return mean_of(predictions.truth == predictions.decision)


def _balanced_accuracy(matrix: np.ndarray) -> float:
    return mean_defined(divide(matrix.diagonal(), matrix.sum(axis=1)))


def _f1(matrix: np.ndarray) -> float:
    """Of class 1 for two classes; else the mean over the classes that are true or decided."""
    each = divide(2 * matrix.diagonal(), matrix.sum(axis=0) + matrix.sum(axis=1))
    return float(each[1]) if len(each) == 2 else mean_defined(each)


def _mcc(matrix: np.ndarray) -> float:
    """Matthews' correlation, Gorodkin's form for many classes; 0 where a margin is empty."""
    true, decided, total = matrix.sum(axis=1), matrix.sum(axis=0), matrix.sum()
    covariance = matrix.trace() * total - true @ decided
    spread = (total**2 - decided @ decided) * (total**2 - true @ true)
    return float(covariance / np.sqrt(spread)) if spread > 0 else 0.0


def _log_loss(predictions: Predictions) -> Measure:
    """−log of the probability of what is true; of labels their mean."""
    scores, epsilon = predictions.scores.astype(np.float64), np.finfo(np.float64).eps
    if predictions.task == "multilabel":
        likelihood = np.where(predictions.truth == 1, scores, 1 - scores)
    else:
        likelihood = scores[np.arange(len(predictions)), predictions.truth][:, None]
    return mean_of(-np.log(np.clip(likelihood, epsilon, 1 - epsilon)).mean(axis=1))


def _brier(predictions: Predictions) -> Measure:
    """Squared error of class 1's probability; summed over the classes, or the labels' mean."""
    if predictions.task == "multilabel":
        return mean_of(np.square(predictions.scores - predictions.truth).mean(axis=1))
    errors = predictions.scores.astype(np.float64)
    errors[np.arange(len(predictions)), predictions.truth] -= 1
    squares = np.square(errors)
    return mean_of(squares[:, 1] if predictions.task == "binary" else squares.sum(axis=1))


def confidence(predictions: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """What calibration compares: probabilities and how often they came true, (n,) each.

    For two classes the probability of class 1 and whether it is true; for many the largest
    probability and whether its class is true; for labels those of each, (n · labels,).
    """
    if predictions.task == "multilabel":
        return predictions.scores.ravel().astype(np.float64), predictions.truth.ravel() == 1
    if predictions.task == "binary":
        return predictions.scores[:, 1].astype(np.float64), predictions.truth == 1
    likeliest = predictions.scores.argmax(axis=1)
    return predictions.scores.max(axis=1).astype(np.float64), likeliest == predictions.truth


def _calibration_error(predictions: Predictions) -> Measure:
    """Expected calibration error over 15 bins of equal width."""
    probability, hit = confidence(predictions)
    bins = np.minimum((probability * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    excess = probability - hit
    each = len(probability) // len(predictions)

    def measure(weights: np.ndarray) -> float:
        weights = np.repeat(weights, each) if each > 1 else weights
        gaps = np.bincount(bins, weights * excess, CALIBRATION_BINS)
        return float(np.abs(gaps).sum() / weights.sum())

    return measure


def _ranked(score: np.ndarray, positive: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """From row weights to the true and false positives above each distinct score, (2, cuts)."""
    order = np.argsort(-score, kind="stable").astype(np.int32)
    ordered, hits = score[order], positive[order].astype(np.float64)
    cuts = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)

    def counts(weights: np.ndarray) -> np.ndarray:
        weights = weights[order]
        taken = np.cumsum(weights)[cuts]
        true = np.cumsum(weights * hits)[cuts]
        return np.stack([true, taken - true])

    return counts


def _area(counts: np.ndarray) -> float:
    true, false = np.pad(counts, ((0, 0), (1, 0)))
    return float(divide(np.trapezoid(true, false), true[-1] * false[-1]))


def _precision_area(counts: np.ndarray) -> float:
    """Average precision: sum of precision times the step of recall."""
    true, taken = counts[0], counts.sum(axis=0)
    precision = np.divide(true, taken, out=np.zeros_like(true), where=taken > 0)
    return float(divide(np.diff(true, prepend=0.0) @ precision, true[-1]))


def _one_against_rest(value: Callable[[np.ndarray], float]) -> Callable[[Predictions], Measure]:
    """Of class 1 for two classes; else the mean over the classes for which it is defined."""

    def prepare(predictions: Predictions) -> Measure:
        codes = [1] if predictions.task == "binary" else range(len(predictions.classes))
        ranked = [_ranked(predictions.scores[:, code], predictions.truth == code) for code in codes]
        return lambda weights: mean_defined(np.array([value(counts(weights)) for counts in ranked]))

    return prepare


def _auc(predictions: Predictions) -> Measure:
    if predictions.task == "multilabel":
        return label_metrics.area_under_roc(predictions)
    return _one_against_rest(_area)(predictions)


def _errors(predictions: Predictions) -> np.ndarray:
    errors: np.ndarray = predictions.decision.astype(np.float64) - predictions.truth
    return errors


def _rmse(predictions: Predictions) -> Measure:
    mean_square = mean_of(np.square(_errors(predictions)))
    return lambda weights: mean_square(weights) ** 0.5


def _mae(predictions: Predictions) -> Measure:
    return mean_of(np.abs(_errors(predictions)))


def _r2(predictions: Predictions) -> Measure:
    truth = predictions.truth.astype(np.float64)
    mean_square = mean_of(np.square(_errors(predictions)))
    # Centred, so that the variance as a difference of moments keeps its digits.
    centred = truth - truth.mean()
    mean, second = mean_of(centred), mean_of(np.square(centred))

    def measure(weights: np.ndarray) -> float:
        variance = second(weights) - mean(weights) ** 2
        return 1 - mean_square(weights) / variance if variance > 0 else float("nan")

    return measure


def _mape(predictions: Predictions) -> Measure:
    """As a share, over the rows whose truth is not 0."""
    truth = predictions.truth.astype(np.float64)
    counted = (truth != 0).astype(np.float64)
    errors = np.abs(_errors(predictions)) * counted / np.where(truth == 0, 1.0, np.abs(truth))
    return lambda weights: float(divide(weights @ errors, weights @ counted))


_CLASSES: tuple[Task, ...] = ("binary", "multiclass")
_LABELS: tuple[Task, ...] = ("multilabel",)
_VALUES: tuple[Task, ...] = ("regression",)

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "accuracy", "higher", _CLASSES, _accuracy),
        Metric(
            "balanced_accuracy",
            "balanced accuracy",
            "higher",
            _CLASSES,
            _from_confusion(_balanced_accuracy),
        ),
        Metric("f1", "F1", "higher", _CLASSES, _from_confusion(_f1)),
        Metric("mcc", "Matthews correlation", "higher", _CLASSES, _from_confusion(_mcc)),
        Metric(
            "mean_average_precision",
            "mean average precision",
            "higher",
            _LABELS,
            label_metrics.mean_average_precision,
            ranks=True,
        ),
        Metric("micro_f1", "micro F1", "higher", _LABELS, label_metrics.micro_f1),
        Metric("macro_f1", "macro F1", "higher", _LABELS, label_metrics.macro_f1),
        Metric("exact_match", "exact match", "higher", _LABELS, label_metrics.exact_match),
        Metric("hamming_loss", "Hamming loss", "lower", _LABELS, label_metrics.hamming_loss),
        Metric("auc", "ROC AUC", "higher", _CLASSES + _LABELS, _auc, ranks=True),
        Metric(
            "average_precision",
            "average precision",
            "higher",
            _CLASSES,
            _one_against_rest(_precision_area),
            ranks=True,
        ),
        Metric("log_loss", "log loss", "lower", _CLASSES + _LABELS, _log_loss),
        Metric("brier", "Brier score", "lower", _CLASSES + _LABELS, _brier),
        Metric(
            "calibration_error",
            "calibration error",
            "lower",
            _CLASSES + _LABELS,
            _calibration_error,
            biased=True,
        ),
        Metric("rmse", "RMSE", "lower", _VALUES, _rmse, in_unit=True),
        Metric("mae", "MAE", "lower", _VALUES, _mae, in_unit=True),
        Metric("r2", "R²", "higher", _VALUES, _r2),
        Metric("mape", "MAPE", "lower", _VALUES, _mape),
    )
}

MAIN_METRIC: dict[Task, str] = {
    "binary": "auc",
    "multiclass": "accuracy",
    "multilabel": "mean_average_precision",
    "regression": "rmse",
}


def metrics_of(task: Task) -> Iterator[Metric]:
    """The metrics of a task, in the order in which they are shown."""
    return (metric for metric in METRICS.values() if task in metric.tasks)


def get_metric(name: str, task: Task | None = None) -> Metric:
    """The metric of this name.

    Raises:
        UnknownNameError: There is no such metric.
        ConfigError: It is not one of the task's.
    """
    if name not in METRICS:
        choices = [metric.name for metric in metrics_of(task)] if task else list(METRICS)
        raise UnknownNameError("metric", name, choices)
    metric = METRICS[name]
    if task and task not in metric.tasks:
        choices = [each.name for each in metrics_of(task)]
        raise ConfigError(
            f"metric '{name}' is not one of a {task} task",
            fix=f"choose from {', '.join(choices)}",
        )
    return metric


def values(predictions: Predictions) -> dict[str, float]:
    """All metrics of the task; NaN where one is not defined."""
    return {metric.name: metric(predictions) for metric in metrics_of(predictions.task)}


def class_counts(predictions: Predictions) -> np.ndarray:
    """How many rows are of each class, or have each label, int64 (n_classes,)."""
    if predictions.task == "multilabel":
        counts: np.ndarray = (predictions.truth == 1).sum(axis=0)
        return counts
    return np.bincount(predictions.truth, minlength=len(predictions.classes))


def confusion(predictions: Predictions) -> np.ndarray:
    """Counts, (n_classes true, n_classes decided)."""
    return weighted_confusion(predictions)(np.ones(len(predictions))).astype(np.int64)


def per_class(predictions: Predictions) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and the number of rows of each class; of labels, average precision too.

    A share of nothing is NaN: the recall of a class without rows, the precision of a class that
    is never decided.
    """
    areas: np.ndarray | None = None
    if predictions.task == "multilabel":
        areas = label_metrics.average_precisions(predictions)(np.ones(len(predictions)))
        truth, decision = predictions.truth, predictions.decision
        hits, true, decided = ((m == 1).sum(axis=0) for m in (truth * decision, truth, decision))
    else:
        matrix = confusion(predictions)
        hits, true, decided = matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0)
    precision, recall = divide(hits, decided), divide(hits, true)
    f1 = divide(2 * hits, true + decided)
    return {
        label: {
            "precision": float(precision[code]),
            "recall": float(recall[code]),
            "f1": float(f1[code]),
            **({} if areas is None else {"average_precision": float(areas[code])}),
            "support": int(true[code]),
        }
        for code, label in enumerate(predictions.classes)
    }


def notes(predictions: Predictions) -> list[str]:
    """What a reader of the values must know about the rows."""
    if predictions.task == "regression":
        zeros, several = np.count_nonzero(predictions.truth == 0), len(np.unique(predictions.truth))
        share = f"{zeros:,} of {len(predictions):,}"
        found = [f"MAPE leaves out the rows whose true value is 0 ({share})"] if zeros else []
        return [*found, "R² is not defined: all true values are equal"] if several < 2 else found
    counts = class_counts(predictions)
    absent = [f"'{predictions.classes[code]}'" for code in np.flatnonzero(counts == 0)]
    if not absent:
        return []
    shown = ", ".join(absent[:5]) + (f" and {len(absent) - 5} more" if len(absent) > 5 else "")
    if predictions.task == "multilabel":
        return [f"no row has the label {shown}: means over the labels leave them out"]
    if np.count_nonzero(counts) == 1:
        return [f"no row of class {shown}: ROC AUC is not defined"]
    return [f"no row of class {shown}: means over the classes leave them out"]
