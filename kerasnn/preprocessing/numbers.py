"""Numbers and booleans: missing values, scaling, and columns that say what was missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasnn.options import PreprocessingOptions, Scale
from kerasnn.preprocessing.arithmetic import (
    LARGEST,
    Namespace,
    Tensor,
    cast,
    count_below,
    rounded,
    single,
)

# Spreads below it count as none: float32 loses its precision there.
SMALLEST = 1e-30
# The normal score of the smallest and largest value: the 1e-7 quantile.
LARGEST_SCORE = 5.199337582605575
# Where the smooth clip starts from, so that its square stays finite; it is flat long before.
LARGEST_SCALED = 1e6


@dataclass(frozen=True)
class NumberColumn:
    """What one column's training rows taught.

    Args:
        name: Name of the column in the data.
        fill: Replaces a missing value, before scaling.
        center: Subtracted from the value.
        factor: Multiplies the difference; 0 where the column does not vary.
        indicator: True if a 0/1 column marks missing values.
        knots: Ascending quantiles, for the quantile scale alone.
        scores: The normal score of each knot.
    """

    name: str
    fill: float
    center: float
    factor: float
    indicator: bool
    knots: tuple[float, ...] = ()
    scores: tuple[float, ...] = ()

    @classmethod
    def fit(
        cls, name: str, values: NDArray[np.float32], options: PreprocessingOptions
    ) -> NumberColumn:
        """Learn from the training rows' values, NaN where missing."""
        seen = np.clip(values[~np.isnan(values)], -LARGEST, LARGEST).astype("float64")
        fill = _fill(seen, options)
        center, factor = _center_and_factor(seen, options.scale)
        knots, scores = _quantile_knots(seen) if options.scale == "quantile" else ((), ())
        indicator = options.indicator and len(seen) < len(values)
        return cls(name, rounded(fill), rounded(center), rounded(factor), indicator, knots, scores)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> NumberColumn:
        """Rebuild from plain data, also after a trip through JSON."""
        lists = {"knots": tuple(data["knots"]), "scores": tuple(data["scores"])}
        return cls(**{**data, **lists})


def scale_numbers(
    xp: Namespace, raw: Tensor, columns: Sequence[NumberColumn], scale: Scale
) -> Tensor:
    """Fill, scale, and append the missing indicators.

    Shape:
        raw: (batch, len(columns)), float32, NaN where missing.
        Returns: (batch, len(columns) + indicators), float32, finite.
    """
    missing = xp.isnan(raw)
    fill = single([column.fill for column in columns])
    x = xp.where(missing, fill, xp.clip(raw, -LARGEST, LARGEST))
    x = _normal_scores(xp, x, columns) if scale == "quantile" else _linear(xp, x, columns)
    if scale == "robust_smooth_clip":
        x = smooth_clip(xp, x)
    flagged = np.array([i for i, column in enumerate(columns) if column.indicator], dtype="int32")
    if not len(flagged):
        return x
    indicators = xp.take(cast(xp, missing, "float32"), flagged, axis=1)
    return xp.concatenate([x, indicators], axis=1)


def smooth_clip(xp: Namespace, x: Tensor) -> Tensor:
    """The identity around 0, never beyond ±3: x / √(1 + (x/3)²).

    Reference: Holzmüller, Grinsztajn, Steinwart 2024, arXiv 2407.04491.
    """
    x = xp.clip(x, -LARGEST_SCALED, LARGEST_SCALED)
    third = x / 3.0
    return x / xp.sqrt(third * third + 1.0)


def _linear(xp: Namespace, x: Tensor, columns: Sequence[NumberColumn]) -> Tensor:
    center = single([column.center for column in columns])
    factor = single([column.factor for column in columns])
    with np.errstate(over="ignore"):
        return xp.clip((x - center) * factor, -LARGEST, LARGEST)


def _normal_scores(xp: Namespace, x: Tensor, columns: Sequence[NumberColumn]) -> Tensor:
    scaled = [_interpolate(xp, x[:, i : i + 1], column) for i, column in enumerate(columns)]
    return xp.concatenate(scaled, axis=1)


def _interpolate(xp: Namespace, x: Tensor, column: NumberColumn) -> Tensor:
    """The line through the knots at x, flat beyond the first and the last."""
    if len(column.knots) < 2:
        return xp.zeros_like(x)
    knots, scores = single(column.knots), single(column.scores)
    left = xp.clip(count_below(xp, x, knots) - 1, 0, len(knots) - 2)
    share = (x - xp.take(knots, left)) / xp.take(np.diff(knots), left)
    rise = xp.take(np.diff(scores), left)
    return xp.take(scores, left) + xp.clip(share, 0.0, 1.0) * rise


def _fill(seen: NDArray[np.float64], options: PreprocessingOptions) -> float:
    if options.missing == "constant":
        return float(np.clip(options.missing_value, -LARGEST, LARGEST))
    if not len(seen):
        return 0.0
    if options.missing == "mean":
        return float(seen.mean())
    if options.missing == "median":
        return float(np.median(seen))
    values, counts = np.unique(seen, return_counts=True)
    return float(values[counts.argmax()])


def _center_and_factor(seen: NDArray[np.float64], scale: Scale) -> tuple[float, float]:
    if scale in ("none", "quantile"):
        return 0.0, 1.0
    if not len(seen):
        return 0.0, 0.0
    spread = float(np.ptp(seen))
    if spread < SMALLEST:
        return float(seen[0]), 0.0
    if scale == "standard":
        return float(seen.mean()), 1 / float(seen.std())
    if scale == "minmax":
        return float(seen.min()), 1 / spread
    lower, median, upper = np.quantile(seen, [0.25, 0.5, 0.75])
    quartiles = float(upper - lower)
    return float(median), 1 / quartiles if quartiles >= SMALLEST else 2 / spread


def _quantile_knots(seen: NDArray[np.float64]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Distinct quantiles and their normal scores.

    A value that fills several quantiles, such as the zeros of a sparse column, gets the score of
    their middle.
    """
    if not len(seen):
        return (), ()
    ranks = np.linspace(0, 1, max(min(len(seen) // 30, 1000), 10))
    quantiles = np.quantile(seen, ranks).astype("float32").astype("float64")
    starts = np.flatnonzero(np.diff(quantiles, prepend=-np.inf) >= SMALLEST)
    ends = np.append(starts[1:], len(ranks)) - 1
    scores = [_score(rank) for rank in (ranks[starts] + ranks[ends]) / 2]
    return tuple(quantiles[starts].tolist()), tuple(scores)


def _score(rank: float) -> float:
    if rank <= 0 or rank >= 1:
        return rounded(LARGEST_SCORE if rank >= 1 else -LARGEST_SCORE)
    return rounded(np.clip(NormalDist().inv_cdf(rank), -LARGEST_SCORE, LARGEST_SCORE))
