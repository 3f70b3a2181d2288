"""Small sums that metrics share: means by row weights, and quotients that may not be defined."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Measure = Callable[[np.ndarray], float]


def mean_of(values: np.ndarray) -> Measure:
    """From row weights to the mean of one value a row."""
    values = values.astype(np.float64)
    return lambda weights: float(weights @ values / weights.sum())


def divide(numerator: np.ndarray | float, denominator: np.ndarray | float) -> np.ndarray:
    """The quotient, NaN where the denominator is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.true_divide(numerator, denominator))


def mean_defined(values: np.ndarray) -> float:
    """The mean of those that are not NaN; NaN of none."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")
