"""Small sums that metrics share: weighted means, weighted counts, and quotients that may not exist.

A `Measure` takes the weights of n rows, (n,), or those of many resamples at once, (resamples, n),
and returns one value for each: an array of the leading shape.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Measure = Callable[[np.ndarray], np.ndarray]


def mean_of(values: np.ndarray) -> Measure:
    """Function from row weights to the weighted mean of one value a row."""
    values = values.astype(np.float64)
    return lambda weights: weights @ values / weights.sum(axis=-1)


def count_of(codes: np.ndarray, n_codes: int, values: np.ndarray | None = None) -> Measure:
    """Function from row weights to the weighted count of each code, (…, n_codes).

    Args:
        codes: Code of each row, integers in [0, n_codes), (n,).
        n_codes: Number of codes.
        values: Value of each row that is summed instead of counted, (n,).
    """

    def measure(weights: np.ndarray) -> np.ndarray:
        summed = weights if values is None else weights * values
        leading = summed.shape[:-1]
        n_vectors = summed.size // len(codes)
        # One call of bincount for all resamples: each has codes of its own.
        shifted = np.arange(n_vectors)[:, None] * n_codes + codes
        counts = np.bincount(shifted.ravel(), summed.ravel(), n_vectors * n_codes)
        return counts.reshape(*leading, n_codes)

    return measure


def divide(numerator: np.ndarray | float, denominator: np.ndarray | float) -> np.ndarray:
    """The quotient, NaN where the denominator is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.true_divide(numerator, denominator))


def mean_defined(values: np.ndarray) -> np.ndarray:
    """The mean over the last axis of those that are not NaN; NaN of none."""
    is_defined = ~np.isnan(values)
    return divide(np.where(is_defined, values, 0.0).sum(axis=-1), is_defined.sum(axis=-1))
