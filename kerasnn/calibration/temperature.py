"""From raw network outputs to probabilities that can be trusted, and to decisions.

The temperature divides the logits, the threshold decides between two classes; both are fitted
on validation rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kerasnn.errors import ConfigError, UnknownNameError
from kerasnn.metrics.classification import CALIBRATION_BINS, confidence
from kerasnn.metrics.predictions import Predictions

if TYPE_CHECKING:
    from kerasnn.data.schema import Target

# A network that makes no mistake on a few validation rows is not to be taken at its word.
TEMPERATURES = (0.5, 20.0)


def log_probabilities(logits: np.ndarray, *, temperature: float = 1.0) -> np.ndarray:
    """Logarithms of the probabilities of all classes, float64.

    Shape:
        (n, 1) or (n,) for two classes, (n, n_classes) for many; the result is (n, n_classes).
    """
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    scaled = scaled[:, None] if scaled.ndim == 1 else scaled
    if scaled.shape[1] == 1:
        scaled = np.concatenate([np.zeros_like(scaled), scaled], axis=1)
    shifted = scaled - scaled.max(axis=1, keepdims=True)
    logarithms: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return logarithms


def probabilities(logits: np.ndarray, *, temperature: float = 1.0) -> np.ndarray:
    """Probabilities of all classes; of both for one logit a row.

    >>> probabilities(np.array([[0.0], [2.0]])).round(2)
    array([[0.5 , 0.5 ],
           [0.12, 0.88]])
    """
    likely: np.ndarray = np.exp(log_probabilities(logits, temperature=temperature))
    return likely


def label_probabilities(logits: np.ndarray, *, temperature: float = 1.0) -> np.ndarray:
    """Probabilities of labels that are true or not each on its own.

    Shape:
        (n, labels) to the same.

    >>> label_probabilities(np.array([[0.0, 2.0]])).round(2)
    array([[0.5 , 0.88]])
    """
    pairs = probabilities(np.reshape(logits, (-1, 1)), temperature=temperature)
    return pairs[:, 1].reshape(np.shape(logits))


def as_pairs(likely: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each label of each row as a decision between two classes: absent and present.

    Args:
        likely: Probabilities of the labels, (n, labels).
        truth: True labels, 0 or 1, (n, labels).

    Shape:
        (n · labels, 2) and int64 (n · labels,).
    """
    flat = np.ravel(likely)
    return np.stack([1 - flat, flat], axis=1), np.ravel(truth).astype(np.int64)


def negative_log_likelihood(
    logits: np.ndarray,
    truth: np.ndarray,
    *,
    temperature: float = 1.0,
    weights: np.ndarray | None = None,
) -> float:
    """Mean over the rows, without clipping."""
    logarithms = log_probabilities(logits, temperature=temperature)
    return float(-np.average(logarithms[np.arange(len(truth)), truth], weights=weights))


def fit_temperature(
    logits: np.ndarray, truth: np.ndarray, *, weights: np.ndarray | None = None
) -> float:
    """The temperature in [0.5, 20] under which the classes of these rows are most probable.

    One row of unknown class is added to the n, or else a few rows that happen to be separated
    without a mistake would drive it to the lower bound, and the first mistake would be made with
    full confidence.

    Args:
        logits: Logits of validation rows, (n, 1), (n,) or (n, n_classes).
        truth: Class codes of these rows, (n,).
        weights: Weight of each row, (n,), with mean 1; None for equal ones.

    Returns:
        1.0 where nothing else makes these rows likelier.

    Reference: Guo et al., On Calibration of Modern Neural Networks, 2017, arXiv:1706.04599.
    """
    from scipy.optimize import minimize_scalar

    if len(truth) == 0:
        return 1.0
    rows = np.arange(len(truth))

    def loss(log_temperature: float) -> float:
        logarithms = log_probabilities(logits, temperature=math.exp(log_temperature))
        known = np.average(logarithms[rows, truth], weights=weights)
        unknown = np.average(logarithms.mean(axis=1), weights=weights)
        return -float(len(rows) * known + unknown) / (len(rows) + 1)

    bounds = tuple(math.log(bound) for bound in TEMPERATURES)
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-4})
    return math.exp(found.x) if found.fun < loss(0.0) else 1.0


@dataclass(frozen=True)
class Costs:
    """What a wrong decision costs, in any unit.

    Args:
        fp: Cost of deciding for class 1 where class 0 is true.
        fn: Cost of deciding for class 0 where class 1 is true.
    """

    fp: float
    fn: float


def check_threshold(text: str) -> None:
    """Raise unless a text is ``f1`` or a number in [0, 1].

    Raises:
        ConfigError: It is neither.
    """
    try:
        value = 0.0 if text == "f1" else float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ConfigError(
            f"the decision threshold must be a number in [0, 1], 'f1' or costs; got '{text}'",
            hint="write 0.3, f1, or fp=1,fn=5",
        )


def check_decides(target: Target) -> None:
    """Raise if a target is not decided by a threshold.

    Raises:
        ConfigError: It has values, or more than two classes.
    """
    if target.task == "regression":
        problem = (
            f"the target '{target.name}' is a number: there is no decision threshold to choose"
        )
        raise ConfigError(problem, hint="leave the costs and the threshold out")
    if target.task == "multiclass":
        problem = (
            f"a decision threshold needs two classes; '{target.name}' has {len(target.classes)}"
        )
        raise ConfigError(problem, hint="leave the costs and the threshold out")


def parse_costs(text: str) -> Costs:
    """Read ``fp=COST,fn=COST``.

    >>> parse_costs("fp=1,fn=5")
    Costs(fp=1.0, fn=5.0)

    Raises:
        ConfigError: A cost is missing, unknown, no number or negative, or both are 0.
    """
    costs: dict[str, float] = {}
    for part in text.split(","):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if name not in ("fp", "fn"):
            raise UnknownNameError("cost", name, ["fp", "fn"])
        try:
            costs[name] = float(value)
        except ValueError:
            costs[name] = math.nan
        if not (math.isfinite(costs[name]) and costs[name] >= 0):
            raise ConfigError(
                f"the cost of '{name}' must be a number of at least 0; got '{value}'",
                hint="write them as in fp=1,fn=5",
            )
    if len(costs) < 2 or not sum(costs.values()):
        raise ConfigError(
            f"both costs are needed, and one above 0; got '{text}'",
            hint="write them as in fp=1,fn=5",
        )
    return Costs(**costs)


def fit_threshold(
    probability: np.ndarray, truth: np.ndarray, *, costs: Costs | None = None
) -> float:
    """The probability of class 1 from which on to decide for it.

    Lies half-way between two neighbouring probabilities; of equally good ones the nearest to
    the threshold that calibrated probabilities would want, fp / (fp + fn), or 0.5 for F1.

    Args:
        probability: Probability of class 1 on validation rows, (n,).
        truth: Class codes of these rows, (n,).
        costs: Costs to be minimized; F1 is maximized if None.

    Returns:
        In [0, 1]; 0.5 where there is no row of one of the classes.
    """
    positives = np.count_nonzero(truth == 1)
    if positives in (0, len(truth)):
        return 0.5
    order = np.argsort(-probability, kind="stable")
    ordered, hits = probability[order].astype(np.float64), truth[order] == 1
    # A cut k decides for class 1 on the first k rows; only between distinct probabilities.
    cuts = np.concatenate([[0], np.flatnonzero(np.diff(ordered)) + 1, [len(ordered)]])
    true = np.concatenate([[0], np.cumsum(hits)])[cuts]
    false = cuts - true
    bounds = np.concatenate([[1.0], ordered, [0.0]])
    thresholds = (bounds[cuts] + bounds[cuts + 1]) / 2
    if costs is None:
        gain, wanted = 2 * true / (cuts + positives), 0.5
    else:
        gain = -(costs.fp * false + costs.fn * (positives - true))
        wanted = costs.fp / (costs.fp + costs.fn)
    # The first cut decides for nobody, which no threshold can do beside a row of probability 1.
    gain = np.where((cuts > 0) | (ordered[0] < 1), gain, -np.inf)
    best = np.flatnonzero(gain >= gain.max() - 1e-12 * max(1.0, abs(gain.max())))
    return float(thresholds[best[np.abs(thresholds[best] - wanted).argmin()]])


@dataclass(frozen=True, eq=False)
class ReliabilityCurve:
    """How often predictions came true, by their probability; empty bins are left out.

    Args:
        probability: Mean probability of each bin, (n_bins,).
        frequency: Share of each bin that came true, (n_bins,).
        count: Number of rows of each bin, (n_bins,).
    """

    probability: np.ndarray
    frequency: np.ndarray
    count: np.ndarray


def reliability(predictions: Predictions, *, n_bins: int = CALIBRATION_BINS) -> ReliabilityCurve:
    """The curve over bins of equal width, of what the calibration error compares."""
    probability, hit = confidence(predictions)
    bins = np.minimum((probability * n_bins).astype(np.int64), n_bins - 1)
    count = np.bincount(bins, minlength=n_bins)
    filled = count > 0
    means = np.bincount(bins, probability, n_bins)[filled] / count[filled]
    shares = np.bincount(bins, hit, n_bins)[filled] / count[filled]
    return ReliabilityCurve(means, shares, count[filled])
