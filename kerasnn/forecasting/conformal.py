"""Fit intervals to what forecasts left over, of values that no weights were fitted to.

With many windows each step ahead has a quantile of its own; with few, one that all steps share,
times a width that grows with the step.

Reference: Vovk, Gammerman & Shafer, "Algorithmic learning in a random world", 2005; Lei et al.,
2018, arXiv 1604.04173 (split conformal); Romano, Patterson & Candès, 2019, arXiv 1905.03222 (CQR).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from kerasnn.forecasting.intervals import Intervals, levels_for

Array = NDArray[np.float64]

# So many windows that do not overlap give each step a quantile of its own.
ENOUGH_WINDOWS = 20
SMALLEST = 1e-9


@dataclass(frozen=True, eq=False)
class CalibrationResiduals:
    """Forecasts and what came, both scaled, of windows that the model was not fitted to.

    Args:
        truth: Truth, (n, horizon, targets); NaN where nobody knows.
        outputs: Outputs, (n, horizon, targets, 1), or with one for each quantile in place of 1.
        apart: Number of windows that do not overlap.
    """

    truth: Array
    outputs: Array
    apart: int

    def __len__(self) -> int:
        return len(self.truth)


def fit_intervals(
    calibration: CalibrationResiduals | None,
    coverage: float,
    *,
    earlier: Sequence[CalibrationResiduals] = (),
    quantiles: Sequence[float] = (),
    shared: bool = False,
) -> Intervals | None:
    """Intervals that hold a share of what came.

    Args:
        calibration: Residuals of the model itself on the calibration part.
        coverage: The share, in (0, 1).
        earlier: Residuals of the same model, trained on less data, in a rolling back-test; used
            where there is little to calibrate with.
        quantiles: Levels of the outputs; none for one value.
        shared: True if the calibration part also picked the best epoch.

    Returns:
        None where nothing is left over to fit to.
    """
    found = [calibration] if calibration is not None and len(calibration) else []
    many = bool(found) and found[0].apart >= ENOUGH_WINDOWS
    found += [] if many else [each for each in earlier if len(each)]
    if not found:
        return None
    low, high = (_misses(found, side, quantiles) for side in (-1, 1))
    n_known = int(np.isfinite(high).any(axis=(1, 2)).sum())
    if not n_known:
        return None
    if quantiles:
        # One number for both ends: how far the truth is outside, negative within.
        score = np.fmax(low, high)
        below = above = _by_step(score, coverage) if many else _pooled_shift(score, coverage)
    elif many:
        tail = (1 + coverage) / 2
        below, above = _by_step(low, tail), _by_step(high, tail)
    else:
        below = above = _growing(np.abs(high), coverage)
    levels = levels_for(coverage)
    offsets = np.stack([-below, np.zeros_like(below), above])
    return Intervals(levels, offsets, _note(found, many=many, shared=shared, n_known=n_known))


def quantile_with_correction(values: Array, level: float) -> Array:
    """The ⌈(n + 1) · level⌉-th smallest of n known values, along the first axis; NaN of none.

    The largest where n is too small. It holds a new value with a probability of at least the
    level, if that and the n may be exchanged.
    """
    n_known = np.isfinite(values).sum(axis=0)
    rank = np.clip(np.ceil((n_known + 1) * level - 1e-9), 1, np.maximum(n_known, 1)).astype(int)
    ordered = np.sort(values, axis=0)
    picked: Array = np.take_along_axis(ordered, rank[None] - 1, axis=0)[0]
    return picked


def _misses(found: Sequence[CalibrationResiduals], side: int, quantiles: Sequence[float]) -> Array:
    """How far the truth is beyond the lower (−1) or the upper (1) end, (n, horizon, targets)."""
    end = (0 if side < 0 else -1) if quantiles else 0
    return np.concatenate([side * (each.truth - each.outputs[..., end]) for each in found])


def _by_step(misses: Array, level: float) -> Array:
    """A quantile for each step, (horizon, targets); the largest where nothing is known."""
    found = quantile_with_correction(misses, level)
    known = np.isfinite(found)
    most = np.where(known, found, -np.inf).max(axis=0, keepdims=True)
    return np.where(known, found, np.where(np.isfinite(most), most, 0.0))


def _pooled_shift(score: Array, level: float) -> Array:
    """One number for all steps of a target."""
    flat = quantile_with_correction(score.reshape(-1, score.shape[2]), level)
    return np.broadcast_to(np.nan_to_num(flat), score.shape[1:]).copy()


def _growing(sizes: Array, level: float) -> Array:
    """A width for each step that never falls, times a quantile that all steps share."""
    squares, known = np.nan_to_num(np.square(sizes)), np.isfinite(sizes)
    shape = np.empty(sizes.shape[1:])
    for target in range(sizes.shape[2]):
        count = known[:, :, target].sum(axis=0)
        mean = squares[:, :, target].sum(axis=0) / np.maximum(count, 1)
        risen = isotonic_regression(np.sqrt(mean), weights=np.maximum(count, SMALLEST)).x
        shape[:, target] = np.maximum(risen, SMALLEST)
    relative = (sizes / shape).reshape(-1, sizes.shape[2])
    return shape * np.nan_to_num(quantile_with_correction(relative, level))


def _note(found: Sequence[CalibrationResiduals], *, many: bool, shared: bool, n_known: int) -> str:
    if many:
        return f"from {n_known:,} windows that were not trained on, step by step"
    apart = sum(each.apart for each in found)
    text = f"from {n_known:,} windows of which {apart:,} do not overlap, all steps together"
    if len(found) > 1:
        text += "; most of them from the back-test, by models trained on less data"
    return f"{text}; some of them chose the best epoch" if shared else text


def windows_apart(track: NDArray[np.int64], at: NDArray[np.int64], horizon: int) -> int:
    """Number of windows that do not overlap.

    Args:
        track: Number of each window's series.
        at: Index of each window's origin.
        horizon: Points ahead.

    >>> windows_apart(np.array([0, 0, 0, 1]), np.array([0, 3, 6, 6]), 4)
    3
    """
    count = 0
    for number in np.unique(track):
        free = -math.inf
        for origin in np.sort(at[track == number]).tolist():
            if origin >= free:
                count, free = count + 1, origin + horizon
    return count
