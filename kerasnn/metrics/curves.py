"""Curves over thresholds, and other summaries of predictions that can be drawn."""

from __future__ import annotations

from typing import Any

import numpy as np

from kerasnn.metrics.predictions import Predictions

MAX_POINTS = 200
RESIDUAL_BINS = 40
TREND_BINS = 12


def thin(
    x: np.ndarray, y: np.ndarray, *, points: int = MAX_POINTS
) -> tuple[np.ndarray, np.ndarray]:
    """At most that many points of a curve, its ends among them, spread evenly along its length."""
    if len(x) <= points:
        return x, y
    spans = [np.ptp(axis) or 1.0 for axis in (x, y)]
    steps = np.abs(np.diff(x)) / spans[0] + np.abs(np.diff(y)) / spans[1]
    length = np.concatenate([[0.0], np.cumsum(steps)])
    wanted = np.linspace(0, length[-1], points)
    kept = np.unique(np.minimum(np.searchsorted(length, wanted), len(x) - 1))
    kept[0], kept[-1] = 0, len(x) - 1
    return x[kept], y[kept]


def _counts(score: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """True and false positives above each distinct score, from none to all."""
    order = np.argsort(-score, kind="stable")
    ordered, hits = score[order], positive[order]
    cuts = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
    true = np.cumsum(hits)[cuts]
    return np.append(0, true), np.append(0, cuts + 1 - true)


def roc(score: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """False and true positive rates over all thresholds; there must be rows of both kinds.

    Shape:
        (n,) and (n,) booleans to two of (distinct scores + 1,).
    """
    true, false = _counts(score, positive)
    return false / false[-1], true / true[-1]


def precision_recall(score: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Recall and precision over all thresholds at which a row is taken; some must be positive.

    Shape:
        (n,) and (n,) booleans to two of (distinct scores,).
    """
    true, false = _counts(score, positive)
    return true[1:] / true[-1], true[1:] / (true[1:] + false[1:])


def operating_point(decided: np.ndarray, positive: np.ndarray) -> dict[str, float | None]:
    """Where the decisions stand on both curves; None for a share of nothing.

    Args:
        decided: True for each row that is predicted to be of the class, (n,).
        positive: True for each row that is of the class, (n,).
    """
    hits = float(np.sum(decided & positive))
    wrong = float(np.sum(decided & ~positive))
    n_positive, n_decided = float(positive.sum()), float(decided.sum())
    return {
        "recall": hits / n_positive if n_positive else None,
        "precision": hits / n_decided if n_decided else None,
        "false_positive_rate": wrong / (len(positive) - n_positive)
        if n_positive < len(positive)
        else None,
    }


def residuals(predictions: Predictions) -> dict[str, Any]:
    """How far off a regression is: histogram, quantiles, and its course over the prediction.

    The histogram holds the middle 99 % of the rows; the rest is counted at its ends.
    """
    error = predictions.decision.astype(np.float64) - predictions.truth
    size = np.abs(error)
    low, high = np.quantile(error, [0.005, 0.995])
    reach = max(abs(low), abs(high)) or 1.0
    edges = np.linspace(-reach, reach, RESIDUAL_BINS + 1)
    counts, _ = np.histogram(np.clip(error, -reach, reach), edges)
    return {
        "edges": edges,
        "counts": counts,
        "mean": error.mean(),
        "half_within": np.quantile(size, 0.5),
        "most_within": np.quantile(size, 0.95),
        "trend": _trend(predictions.decision.astype(np.float64), error),
    }


def _trend(prediction: np.ndarray, error: np.ndarray) -> dict[str, list[float]]:
    """Quartiles of the error in parts of about equal size, by the prediction."""
    order = np.argsort(prediction, kind="stable")
    parts = [part for part in np.array_split(order, min(TREND_BINS, len(order))) if len(part)]
    quartiles = np.array([np.quantile(error[part], [0.25, 0.5, 0.75]) for part in parts])
    return {
        "prediction": [float(prediction[part].mean()) for part in parts],
        "low": quartiles[:, 0].tolist(),
        "middle": quartiles[:, 1].tolist(),
        "high": quartiles[:, 2].tolist(),
    }
