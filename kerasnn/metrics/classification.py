"""Measures of classes; of several labels too, where the same sum serves both.

Each is given predictions and gives a function of row weights: see `kerasnn.metrics.registry`.
"""

from __future__ import annotations

import numpy as np

from kerasnn.metrics import multilabel
from kerasnn.metrics.predictions import Predictions
from kerasnn.metrics.weighting import Measure, count_of, divide, mean_defined, mean_of

CALIBRATION_BINS = 15


def accuracy(predictions: Predictions) -> Measure:
    """Share of rows that are right."""
    return mean_of(predictions.truth == predictions.decision)


def balanced_accuracy(predictions: Predictions) -> Measure:
    """The mean recall of the classes that are true."""
    return _from_confusion(predictions, lambda m: mean_defined(divide(_hits(m), m.sum(axis=-1))))


def f1(predictions: Predictions) -> Measure:
    """F1 of class 1 for two classes; else the mean over the classes that are true or predicted."""
    return _from_confusion(predictions, _f1_of)


def matthews(predictions: Predictions) -> Measure:
    """Matthews' correlation, Gorodkin's form for many classes; 0 where a margin is empty."""
    return _from_confusion(predictions, _matthews_of)


def area_under_roc(predictions: Predictions) -> Measure:
    """ROC AUC of class 1 for two classes; else the mean over the classes, or the labels."""
    if predictions.task == "multilabel":
        return multilabel.area_under_roc(predictions)
    return _one_against_rest(predictions, _area)


def average_precision(predictions: Predictions) -> Measure:
    """Average precision of class 1 for two classes; else the mean over the classes."""
    return _one_against_rest(predictions, _precision_area)


def log_loss(predictions: Predictions) -> Measure:
    """−log of the probability of what is true; of labels their mean."""
    scores, epsilon = predictions.scores.astype(np.float64), np.finfo(np.float64).eps
    if predictions.task == "multilabel":
        likelihood = np.where(predictions.truth == 1, scores, 1 - scores)
    else:
        likelihood = scores[np.arange(len(predictions)), predictions.truth][:, None]
    return mean_of(-np.log(np.clip(likelihood, epsilon, 1 - epsilon)).mean(axis=1))


def brier(predictions: Predictions) -> Measure:
    """Squared error of class 1's probability; summed over the classes, or the labels' mean."""
    if predictions.task == "multilabel":
        return mean_of(np.square(predictions.scores - predictions.truth).mean(axis=1))
    errors = predictions.scores.astype(np.float64)
    errors[np.arange(len(predictions)), predictions.truth] -= 1
    squares = np.square(errors)
    return mean_of(squares[:, 1] if predictions.task == "binary" else squares.sum(axis=1))


def calibration_error(predictions: Predictions) -> Measure:
    """Expected calibration error over 15 bins of equal width."""
    probability, hit = confidence(predictions)
    bins = np.minimum((probability * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    excess = probability - hit
    each = len(probability) // len(predictions)

    gaps = count_of(bins, CALIBRATION_BINS, excess)

    def measure(weights: np.ndarray) -> np.ndarray:
        weights = np.repeat(weights, each, axis=-1) if each > 1 else weights
        error: np.ndarray = np.abs(gaps(weights)).sum(axis=-1) / weights.sum(axis=-1)
        return error

    return measure


def confidence(predictions: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """What calibration compares: probabilities and how often they came true, (n,) each.

    For two classes the probability of class 1 and whether it is true; for many the largest
    probability and whether its class is true; for labels those of each, (n · labels,).
    """
    if predictions.task == "multilabel":
        return predictions.scores.ravel().astype(np.float64), predictions.truth.ravel() == 1
    if predictions.task == "binary":
        return predictions.scores[:, 1].astype(np.float64), predictions.truth == 1
    most_probable = predictions.scores.argmax(axis=1)
    return predictions.scores.max(axis=1).astype(np.float64), most_probable == predictions.truth


def weighted_confusion(predictions: Predictions) -> Measure:
    """Function from row weights to sums, (…, n_classes true, n_classes predicted)."""
    n_classes = len(predictions.classes)
    counts = count_of(
        predictions.truth.astype(np.int64) * n_classes + predictions.decision, n_classes**2
    )
    return lambda weights: counts(weights).reshape(*weights.shape[:-1], n_classes, n_classes)


def _from_confusion(predictions: Predictions, value: Measure) -> Measure:
    matrix = weighted_confusion(predictions)
    return lambda weights: value(matrix(weights))


def _hits(matrix: np.ndarray) -> np.ndarray:
    """Rows of each class that are decided right, (…, n_classes)."""
    return np.diagonal(matrix, axis1=-2, axis2=-1)


def _f1_of(matrix: np.ndarray) -> np.ndarray:
    each = divide(2 * _hits(matrix), matrix.sum(axis=-2) + matrix.sum(axis=-1))
    return each[..., 1] if each.shape[-1] == 2 else mean_defined(each)


def _matthews_of(matrix: np.ndarray) -> np.ndarray:
    true, decided = matrix.sum(axis=-1), matrix.sum(axis=-2)
    total = true.sum(axis=-1)
    covariance = _hits(matrix).sum(axis=-1) * total - (true * decided).sum(axis=-1)
    spread = (total**2 - np.square(decided).sum(-1)) * (total**2 - np.square(true).sum(-1))
    return np.where(spread > 0, divide(covariance, np.sqrt(np.maximum(spread, 0.0))), 0.0)


def _one_against_rest(predictions: Predictions, value: Measure) -> Measure:
    """Value of class 1 for two classes; else the mean over the classes for which it is defined."""
    codes = [1] if predictions.task == "binary" else range(len(predictions.classes))
    ranked = [_ranked(predictions.scores[:, code], predictions.truth == code) for code in codes]
    return lambda weights: mean_defined(
        np.stack([value(counts(weights)) for counts in ranked], axis=-1)
    )


def _ranked(score: np.ndarray, positive: np.ndarray) -> Measure:
    """Function from row weights to true and false positives above each score, (…, 2, cuts)."""
    order = np.argsort(-score, kind="stable").astype(np.int32)
    ordered, hits = score[order], positive[order].astype(np.float64)
    cuts = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)

    def counts(weights: np.ndarray) -> np.ndarray:
        weights = np.take(weights, order, axis=-1)
        taken = np.take(np.cumsum(weights, axis=-1), cuts, axis=-1)
        true = np.take(np.cumsum(weights * hits, axis=-1), cuts, axis=-1)
        return np.stack([true, taken - true], axis=-2)

    return counts


def _area(counts: np.ndarray) -> np.ndarray:
    from_zero = np.concatenate([np.zeros_like(counts[..., :1]), counts], axis=-1)
    true, false = from_zero[..., 0, :], from_zero[..., 1, :]
    return divide(np.trapezoid(true, false, axis=-1), true[..., -1] * false[..., -1])


def _precision_area(counts: np.ndarray) -> np.ndarray:
    """Average precision: sum of precision times the step of recall."""
    true, taken = counts[..., 0, :], counts.sum(axis=-2)
    precision = np.divide(true, taken, out=np.zeros_like(true), where=taken > 0)
    steps = np.diff(true, axis=-1, prepend=0.0)
    return divide((steps * precision).sum(axis=-1), true[..., -1])
