"""The measures of each task.

A metric is prepared once for some `Predictions` and gives then a value for any weights of their
rows, or one value each for many vectors of weights. The sorting and the logarithms are done once,
which makes a bootstrap of hundreds of resamples (a resample is a vector of counts) fast.

An undefined value is NaN: the area under the ROC curve of rows that hold one class, say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from kerasnn.errors import ConfigError, UnknownNameError
from kerasnn.metrics import classification, multilabel, regression
from kerasnn.metrics.predictions import Predictions
from kerasnn.metrics.weighting import Measure, divide
from kerasnn.signature import Task


@dataclass(frozen=True)
class Metric:
    """A measure of predictions.

    Args:
        name: Name in conditions and score files.
        title: Title that is shown to people.
        direction: ``higher`` where higher values are better, ``lower`` where lower values are.
        tasks: Tasks that the metric applies to.
        prepare: Function from predictions to a function of row weights, (n,) or (resamples, n).
        ranks: True if it sorts the rows once for each class, which is the most costly.
        biased: True if resampling alone makes the value larger, as the mean of absolute deviations.
        in_unit: True if the values have the target's unit, so that any size is possible.
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
        return float(self.prepare(predictions)(np.ones(len(predictions))))

    def gain(self, value: float, reference: float) -> float:
        """How much better `value` is than `reference`; negative when worse."""
        return value - reference if self.direction == "higher" else reference - value

    def format(self, value: float | None) -> str:
        """Text for display: four decimals, or four digits in the target's unit; a dash for none.

        >>> METRICS["auc"].format(0.91428), METRICS["rmse"].format(543.21), METRICS["mae"].format(None)
        ('0.9143', '543.2', '–')
        """
        if value is None or not np.isfinite(value):
            return "–"
        if not self.in_unit or value == 0:
            return f"{round(value, 4) + 0.0:.4f}"  # + 0.0 turns -0.0 into 0.0
        return format_in_unit(value)

    def format_interval(self, interval: tuple[float, float] | None) -> str:
        """Both bounds for people; a dash for no interval."""
        return " to ".join(self.format(bound) for bound in interval) if interval else "–"


def format_in_unit(value: float) -> str:
    """A value in the unit of a target, of any size: four digits.

    >>> format_in_unit(0.012345), format_in_unit(12345.6)
    ('0.01235', '12,346')
    """
    size = abs(value)
    if size >= 1000 or size == 0:
        return f"{value:,.0f}"
    return f"{value:.{3 - int(np.floor(np.log10(size)))}f}" if size >= 1e-3 else f"{value:.3e}"


_CLASSES: tuple[Task, ...] = ("binary", "multiclass")
_LABELS: tuple[Task, ...] = ("multilabel",)
_VALUES: tuple[Task, ...] = ("regression",)

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "accuracy", "higher", _CLASSES, classification.accuracy),
        Metric(
            "balanced_accuracy",
            "balanced accuracy",
            "higher",
            _CLASSES,
            classification.balanced_accuracy,
        ),
        Metric("f1", "F1", "higher", _CLASSES, classification.f1),
        Metric("mcc", "Matthews correlation", "higher", _CLASSES, classification.matthews),
        Metric(
            "mean_average_precision",
            "mean average precision",
            "higher",
            _LABELS,
            multilabel.mean_average_precision,
            ranks=True,
        ),
        Metric("micro_f1", "micro F1", "higher", _LABELS, multilabel.micro_f1),
        Metric("macro_f1", "macro F1", "higher", _LABELS, multilabel.macro_f1),
        Metric("exact_match", "exact match", "higher", _LABELS, multilabel.exact_match),
        Metric("hamming_loss", "Hamming loss", "lower", _LABELS, multilabel.hamming_loss),
        Metric(
            "auc",
            "ROC AUC",
            "higher",
            _CLASSES + _LABELS,
            classification.area_under_roc,
            ranks=True,
        ),
        Metric(
            "average_precision",
            "average precision",
            "higher",
            _CLASSES,
            classification.average_precision,
            ranks=True,
        ),
        Metric("log_loss", "log loss", "lower", _CLASSES + _LABELS, classification.log_loss),
        Metric("brier", "Brier score", "lower", _CLASSES + _LABELS, classification.brier),
        Metric(
            "calibration_error",
            "calibration error",
            "lower",
            _CLASSES + _LABELS,
            classification.calibration_error,
            biased=True,
        ),
        Metric("rmse", "RMSE", "lower", _VALUES, regression.rmse, in_unit=True),
        Metric("mae", "MAE", "lower", _VALUES, regression.mae, in_unit=True),
        Metric("r2", "R²", "higher", _VALUES, regression.r2),
        Metric("mape", "MAPE", "lower", _VALUES, regression.mape),
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
            hint=f"choose from {', '.join(choices)}",
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
    return classification.weighted_confusion(predictions)(np.ones(len(predictions))).astype(
        np.int64
    )


def per_class(predictions: Predictions) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and the number of rows of each class; of labels, average precision too.

    A share of nothing is NaN: the recall of a class without rows, the precision of a class that
    is never decided.
    """
    areas: np.ndarray | None = None
    if predictions.task == "multilabel":
        areas = multilabel.average_precisions(predictions)(np.ones(len(predictions)))
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
