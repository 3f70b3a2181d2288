"""Measures of several labels a row: of the sets that are decided, and of the ranking of each label.

All labels are ranked at once, so that a resample costs the same few sums however many they are.
"""

from __future__ import annotations

import numpy as np

from kerasnn.metrics.predictions import Predictions
from kerasnn.metrics.weighting import Measure, divide, mean_defined, mean_of


def exact_match(predictions: Predictions) -> Measure:
    """Share of rows whose labels are all right."""
    return mean_of((predictions.truth == predictions.decision).all(axis=1))


def hamming_loss(predictions: Predictions) -> Measure:
    """Share of labels that are wrong."""
    return mean_of((predictions.truth != predictions.decision).mean(axis=1))


def micro_f1(predictions: Predictions) -> Measure:
    """F1 over all labels of all rows together."""
    truth, decision = predictions.truth, predictions.decision
    hits = (truth * decision).sum(axis=1, dtype=np.float64)
    total = (truth + decision).sum(axis=1, dtype=np.float64)
    return lambda weights: divide(2 * (weights @ hits), weights @ total)


def macro_f1(predictions: Predictions) -> Measure:
    """The mean F1 of the labels that are true or decided anywhere."""
    hits = (predictions.truth * predictions.decision).astype(np.float64)
    total = (predictions.truth + predictions.decision).astype(np.float64)
    return lambda weights: mean_defined(divide(2 * (weights @ hits), weights @ total))


def mean_average_precision(predictions: Predictions) -> Measure:
    """The mean average precision of the labels that any row has."""
    each = average_precisions(predictions)
    return lambda weights: mean_defined(each(weights))


def average_precisions(predictions: Predictions) -> Measure:
    """Function from row weights to the average precision of each label, (…, labels)."""
    ranking = _Ranking(predictions)

    def measure(weights: np.ndarray) -> np.ndarray:
        hits, taken = ranking.sums(weights)
        true, all_taken = ranking.at_end(np.cumsum(hits, axis=-1)), ranking.at_end(taken)
        precision = np.divide(true, all_taken, out=np.zeros_like(true), where=all_taken > 0)
        return divide((hits * precision).sum(axis=-1), hits.sum(axis=-1))

    return measure


def area_under_roc(predictions: Predictions) -> Measure:
    """The mean area under the ROC curve of the labels that some rows have and some have not."""
    ranking = _Ranking(predictions)

    def measure(weights: np.ndarray) -> np.ndarray:
        hits, taken = ranking.sums(weights)
        false = taken - np.cumsum(hits, axis=-1)
        # A positive row beats the negatives below it, and half of those of its own score.
        ahead = (ranking.at_end(false) + ranking.before_start(false)) / 2
        n_true, n_false = hits.sum(axis=-1), false[..., -1]
        beaten = (hits * (n_false[..., None] - ahead)).sum(axis=-1)
        return mean_defined(divide(beaten, n_true * n_false))

    return measure


class _Ranking:
    """The rows in falling order of each label's score, and where equal scores begin and end.

    Rows run along the last axis, so that the sums of a label read memory in order.
    """

    def __init__(self, predictions: Predictions) -> None:
        scores, truth = predictions.scores.T, predictions.truth.T  # (labels, n)
        n_rows = scores.shape[1]
        self._order = np.argsort(-scores, axis=1, kind="stable")
        ordered = np.take_along_axis(scores, self._order, axis=1)
        self._hits = np.take_along_axis(truth, self._order, axis=1).astype(np.float64)
        rows = np.arange(n_rows)
        is_new = np.ones(ordered.shape, dtype=bool)
        is_new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
        self._start = np.maximum.accumulate(np.where(is_new, rows, 0), axis=1)
        is_last = np.roll(is_new, -1, axis=1)
        is_last[:, -1] = True
        ends = np.where(is_last, rows, n_rows)
        self._end = np.minimum.accumulate(ends[:, ::-1], axis=1)[:, ::-1]

    def sums(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights of the rows that have each label, and of all rows down to each, (…, labels, n)."""
        ordered = np.take(weights, self._order, axis=-1)
        return ordered * self._hits, np.cumsum(ordered, axis=-1)

    def at_end(self, running: np.ndarray) -> np.ndarray:
        """A running sum up to the last row of the same score, (…, labels, n)."""
        return np.take_along_axis(running, self._along(running, self._end), axis=-1)

    def before_start(self, running: np.ndarray) -> np.ndarray:
        """A running sum up to the last row of a higher score, (…, labels, n)."""
        padded = np.concatenate([np.zeros_like(running[..., :1]), running], axis=-1)
        return np.take_along_axis(padded, self._along(running, self._start), axis=-1)

    @staticmethod
    def _along(running: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Row numbers with an axis for each leading one of the running sum."""
        return rows.reshape((1,) * (running.ndim - 2) + rows.shape)
