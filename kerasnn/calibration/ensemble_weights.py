"""How much each of several predictors counts in their mean: greedy selection, bagged for few rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# From how often each predictor was picked to the losses of the mean after one more pick of each.
_Losses = Callable[[Floats], Floats]

# A probability below counts as this one: a predictor may be sure and wrong.
SMALLEST = float(np.finfo(np.float64).eps)
# Losses that differ by less, relative to them, are a tie.
TIE = 1e-10
# Resamples of few rows, picks on each, and the share of the largest weight below which one is 0.
RESAMPLES, PICKS_OF_FEW, SELDOM = 25, 16, 0.1
# Rows whose logarithms are taken at once: they fit into the cache of a core.
CHUNK = 2048


def greedy_weights(
    predictions: NDArray[np.floating],
    truth: NDArray[Any],
    weights: NDArray[np.floating] | None = None,
    *,
    rounds: int = 32,
) -> Floats:
    """The weights of predictors whose mean predicts some rows well.

    The best one is picked first. Each round after that picks the one that, picked once more, gives
    the best mean. The best mean of all rounds stays, and a weight is a predictor's share of
    its picks. The loss is the squared error of values, and −log of the probability of what is true
    for classes and, in their mean, for labels.

    Args:
        predictions: Values, or probabilities of classes or labels, of at least one predictor.
        truth: Values, codes of classes, or 0 and 1 of each label.
        weights: Weight of each row, not all 0; None for equal ones.
        rounds: Maximum number of picks, at least 1.

    Shape:
        predictions: (predictors, n), (predictors, n, classes) or (predictors, n, labels);
        truth: (n,), (n,) or (n, labels); weights: (n,); returns (predictors,), of sum 1

    Reference:
        Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble selection from libraries of models",
        2004.

    >>> values = np.array([[0.0, 0.0], [9.0, 9.0], [4.0, 4.0]])
    >>> greedy_weights(values, np.array([1.0, 1.0])).tolist()
    [0.75, 0.0, 0.25]
    """
    shares = np.ones(len(truth)) if weights is None else np.asarray(weights, "float64")
    losses = _losses(np.asarray(predictions, "float64"), truth, shares / shares.sum())
    counts = np.zeros(len(predictions))
    best, lowest = counts, np.inf
    for _ in range(rounds):
        after = losses(counts)
        pick = _earliest(after)
        counts[pick] += 1
        if after[pick] < lowest * (1 - TIE):
            best, lowest = counts.copy(), after[pick]
    return np.asarray(best / best.sum())


def bagged_weights(
    predictions: NDArray[np.floating],
    truth: NDArray[Any],
    weights: NDArray[np.floating] | None = None,
) -> Floats:
    """The mean of the weights that greedy selection finds on resamples of few rows.

    Weights that fit few rows exactly predict others worse; a predictor that is picked on most
    resamples counts much, ones that take turns count alike, and one that is seldom picked is left
    out.

    Args:
        predictions: Values, or probabilities of classes or labels, of at least one predictor.
        truth: Values, codes of classes, or 0 and 1 of each label.
        weights: Weight of each row, not all 0, to which the probability that a resample draws it is
            proportional; None for equal ones.

    Shape:
        predictions: (predictors, n), (predictors, n, classes) or (predictors, n, labels);
        truth: (n,), (n,) or (n, labels); weights: (n,); returns (predictors,), of sum 1

    Reference:
        Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble selection from libraries of models",
        2004, section 2.3.

    >>> values = np.array([[0.1, 0.0, 0.2], [0.2, 0.1, 0.0], [9.0, 8.0, 9.0]])
    >>> bagged_weights(values, np.zeros(3)).round(1).tolist()
    [0.6, 0.4, 0.0]
    """
    n_rows = len(truth)
    shares = np.ones(n_rows) if weights is None else np.asarray(weights, "float64")
    draws = np.random.default_rng(0).multinomial(n_rows, shares / shares.sum(), size=RESAMPLES)
    found = np.mean(
        [greedy_weights(predictions, truth, drawn, rounds=PICKS_OF_FEW) for drawn in draws], axis=0
    )
    found = np.where(found < SELDOM * found.max(), 0.0, found)
    return np.asarray(found / found.sum())


def _earliest(losses: Floats) -> int:
    """The first of those that have the lowest loss."""
    return int(np.argmax(losses <= losses.min() * (1 + TIE)))


def _losses(predictions: Floats, truth: NDArray[Any], shares: Floats) -> _Losses:
    """The losses of means of these predictors; the shares of the rows add up to 1."""
    if predictions.ndim == 2:
        return _squares(predictions - truth, shares)
    if truth.ndim == 2:
        likely = np.where(truth == 1, predictions, 1 - predictions)
        labels = truth.shape[1]
        return _logs(likely.reshape(len(likely), -1), np.repeat(shares / labels, labels))
    return _logs(predictions[:, np.arange(len(truth)), truth], shares)


def _squares(errors: Floats, shares: Floats) -> _Losses:
    """Squared errors of ensembles, from errors (predictors, n) and the products of any two."""
    products = (errors * shares) @ errors.T
    own = products.diagonal()

    def after(counts: Floats) -> Floats:
        crossed = products @ counts
        return np.asarray((counts @ crossed + 2 * crossed + own) / (counts.sum() + 1) ** 2)

    return after


def _logs(likely: Floats, shares: Floats) -> _Losses:
    """Log losses of ensembles, from probabilities of the true class (predictors, n)."""
    likely = np.maximum(likely, SMALLEST)

    def after(counts: Floats) -> Floats:
        total, losses = counts @ likely, np.zeros(len(likely))
        for start in range(0, len(shares), CHUNK):
            rows = slice(start, start + CHUNK)
            losses -= np.log(likely[:, rows] + total[rows]) @ shares[rows]
        return np.asarray(losses + np.log(counts.sum() + 1))

    return after
