"""Whether sets, intervals and probabilities can be trusted: how often they hold what they promise.

Asked are labelled rows that neither the network nor its margins have seen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kerasnn.calibration.conformal import ConformalCalibration
from kerasnn.metrics.classification import CALIBRATION_BINS, calibration_error, confidence
from kerasnn.metrics.predictions import Predictions
from kerasnn.metrics.registry import class_counts, format_in_unit

if TYPE_CHECKING:
    from kerasnn.prediction.predictor import Predictor

LEVEL = 0.9
LEVELS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.97, 0.98, 0.99)
# A class of fewer rows says little of how often its sets hold.
ROWS_A_CLASS = 30
MOST_SIZES = 6
Held = NDArray[np.bool_]


@dataclass(frozen=True)
class Coverage:
    """What sets or intervals of 90 % hold, and how far off probabilities are.

    Args:
        level: The coverage, in (0, 1).
        observed: Share of the rows whose truth is in its set or interval.
        interval: 95 % interval of that share.
        mean_size: Mean number of classes in a set, or of labels in doubt, or mean width of an interval.
        n_calibration_rows: Validation rows that the sets and intervals are from.
        curve: Coverages that could be asked, the shares that are held, and the sizes.
        sizes: Numbers of classes in a set where a row has one class, the shares of rows with so many (the
            last with that many or more), and how often these hold; nothing for other tasks.
        band: Pairs of a regression: predictions and the half-widths of their intervals.
        lowest_class: The class whose rows are held least often, and how often; None for other tasks.
        temperature: Divisor of the logits; 1 for regression.
        error: Calibration error; None for values.
        error_before: Without the temperature.
        error_by_chance: Calibration error expected of exact probabilities on as many rows.
    """

    level: float
    observed: float
    interval: tuple[float, float]
    mean_size: float
    n_calibration_rows: float
    curve: tuple[tuple[float, float, float], ...]
    sizes: tuple[tuple[int, float, float], ...] = ()
    band: tuple[tuple[float, float], ...] = ()
    lowest_class: tuple[str, float] | None = None
    temperature: float = 1.0
    error: float | None = None
    error_before: float | None = None
    error_by_chance: float | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Coverage:
        """Rebuild from plain data, also after a trip through JSON."""
        lists = {k: tuple(map(tuple, data[k])) for k in ("curve", "sizes", "band")}
        lowest = tuple(data["lowest_class"]) if data["lowest_class"] else None
        return cls(**{**data, **lists, "interval": tuple(data["interval"]), "lowest_class": lowest})

    def sentences(self, task: str) -> list[str]:
        """What it says, for a terminal."""
        low, high = (_percent(bound) for bound in self.interval)
        rows = f"{_percent(self.observed)} (95 % interval {low} to {high})"
        name, truth, size = {
            "regression": ("intervals", "true value", f"width {format_in_unit(self.mean_size)}"),
            "multilabel": (
                "sets",
                "true labels",
                f"number of undecided labels {self.mean_size:.2f}",
            ),
        }.get(task, ("sets", "true class", f"set size {self.mean_size:.2f}"))
        level = _percent(self.level, 0)
        found = [
            f"The {level} prediction {name} contain the {truth} in {rows} of the rows; mean {size}."
        ]
        if self.lowest_class:
            found[0] += (
                f" Lowest coverage of a class: {self.lowest_class[0]}, {_percent(self.lowest_class[1])}."
            )
        if self.error is not None and self.error_before is not None:
            found.append(
                f"Calibration error {self.error:.4f} ({self.error_before:.4f} before temperature "
                f"scaling with T = {self.temperature:.3g}; perfectly calibrated probabilities would "
                f"show about {self.error_by_chance:.4f} on this many rows)."
            )
        return found


def measure_coverage(predictor: Predictor, predictions: Predictions) -> Coverage | None:
    """How often 90 % are 90 %; None for a model that is too old to know, or had too few rows.

    Args:
        predictor: Predictor with its conformal calibration.
        predictions: Predictions for rows that it has not seen.
    """
    conformal_calibration = predictor.decision.conformal_calibration
    if conformal_calibration is None or conformal_calibration.largest < LEVEL:
        return None
    task, scores = predictions.task, predictions.scores
    curve = []
    for level in (each for each in LEVELS if each <= conformal_calibration.largest):
        held, sizes = _held(predictor, predictions, level)
        curve.append((level, float(held.mean()), float(sizes.mean())))
    held, sizes = _held(predictor, predictions, LEVEL)
    temperature = predictor.decision.temperature
    found: dict[str, Any] = {}
    if task == "regression":
        found["band"] = _band(conformal_calibration, scores)
    else:
        before = _without(predictions, temperature)
        found["temperature"] = temperature
        found["error"] = calibration_error(predictions)(np.ones(len(predictions)))
        found["error_before"] = calibration_error(before)(np.ones(len(before)))
        found["error_by_chance"] = error_by_chance(predictions)
    if task in ("binary", "multiclass"):
        found |= {"sizes": _sizes(held, sizes), "lowest_class": _lowest_class(held, predictions)}
    return Coverage(
        LEVEL,
        float(held.mean()),
        wilson(float(held.mean()), len(held)),
        float(sizes.mean()),
        conformal_calibration.n_rows,
        tuple(curve),
        **found,
    )


def _held(
    predictor: Predictor, predictions: Predictions, coverage: float
) -> tuple[Held, NDArray[np.float64]]:
    """Whether the truth of each row is held, and by how large a set or interval, (n,) each."""
    truth, scores = predictions.truth, predictions.scores
    if predictions.task == "regression":
        low, high = predictor.intervals(scores, coverage).T
        return (low <= truth) & (truth <= high), high - low
    if predictions.task == "multilabel":
        surely, perhaps = predictor.label_bounds(scores, coverage)
        fits = (surely <= (truth == 1)) & ((truth == 1) <= perhaps)
        return fits.all(axis=1), (perhaps & ~surely).sum(axis=1).astype(np.float64)
    held = predictor.sets(scores, coverage)
    return held[np.arange(len(truth)), truth], held.sum(axis=1).astype(np.float64)


def _band(
    conformal_calibration: ConformalCalibration, values: NDArray[np.float64]
) -> tuple[tuple[float, float], ...]:
    """Where the reach of the intervals has its knots, from the least to the largest value."""
    inner = [at for at in conformal_calibration.predictions if values.min() < at < values.max()]
    at = np.array([values.min(), *inner, values.max()])
    reach = conformal_calibration.score(LEVEL) * conformal_calibration.usual_error(at)
    return tuple(zip(at.tolist(), reach.tolist(), strict=True))


def _sizes(held: Held, sizes: NDArray[np.float64]) -> tuple[tuple[int, float, float], ...]:
    counted = np.minimum(sizes, MOST_SIZES).astype(np.int64)
    return tuple(
        (int(size), float((counted == size).mean()), float(held[counted == size].mean()))
        for size in np.unique(counted)
    )


def _lowest_class(held: Held, predictions: Predictions) -> tuple[str, float] | None:
    counts = class_counts(predictions)
    shares = np.bincount(predictions.truth, held, len(counts)) / np.maximum(counts, 1)
    known = np.flatnonzero(counts >= ROWS_A_CLASS)
    if not len(known):
        return None
    code = int(known[shares[known].argmin()])
    return predictions.classes[code], float(shares[code])


def _without(predictions: Predictions, temperature: float) -> Predictions:
    """The same rows with the probabilities that a temperature of 1 would give."""
    likely = np.clip(predictions.scores.astype(np.float64), 1e-300, 1.0)
    raised = likely**temperature
    if predictions.task == "multilabel":
        against = np.clip(1 - likely, 1e-300, 1.0) ** temperature
        scores = raised / (raised + against)
    else:
        scores = raised / raised.sum(axis=1, keepdims=True)
    return Predictions(
        predictions.task, predictions.classes, predictions.truth, scores, predictions.decision
    )


def error_by_chance(predictions: Predictions) -> float:
    """The calibration error that these probabilities would have if all of them were exact.

    In each bin, what came true then scatters like a normal variable, whose mean size is √(2/π) of
    its deviation.
    """
    probability, _ = confidence(predictions)
    bins = np.minimum((probability * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    variance = np.bincount(bins, probability * (1 - probability), CALIBRATION_BINS)
    return float(np.sqrt(2 / math.pi * variance).sum() / len(probability))


def wilson(share: float, n_rows: int, *, z: float = 1.959964) -> tuple[float, float]:
    """95 % interval of a share that was counted on n rows.

    Reference: Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    """
    scale = 1 + z**2 / n_rows
    middle = (share + z**2 / (2 * n_rows)) / scale
    reach = z / scale * math.sqrt(share * (1 - share) / n_rows + z**2 / (4 * n_rows**2))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def _percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %"
