"""How far the truth may lie from a forecast: quantiles of what a calibration part left over."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasnn.errors import ModelRefusedError

MOST_LEVELS = 99


@dataclass(frozen=True, eq=False)
class Intervals:
    """What is added to a forecast for each of its quantiles, in the deviations of its series.

    Args:
        levels: Levels of the quantiles, ascending, in (0, 1).
        offsets: Numbers to add to a scaled forecast, (levels, horizon, targets).
        note: Remark for people on how they were found.
    """

    levels: tuple[float, ...]
    offsets: NDArray[np.float64]
    note: str = ""

    def apply(self, scaled: NDArray[np.float64]) -> NDArray[np.float64]:
        """Quantiles of scaled forecasts, still scaled.

        Args:
            scaled: Forecasts, (n, horizon, targets, 1), or with one for each level in place of 1.

        Shape:
            returns (n, horizon, targets, levels), ascending in the levels
        """
        return np.sort(scaled + np.moveaxis(self.offsets, 0, -1), axis=-1)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {"levels": list(self.levels), "offsets": self.offsets.tolist(), "note": self.note}

    @classmethod
    def from_dict(cls, data: Any, *, horizon: int, targets: int) -> Intervals:
        """Rebuild from `to_dict`'s data, which may be a stranger's.

        Raises:
            ModelRefusedError: It is no such data.
        """
        if not isinstance(data, Mapping) or {*data} != {"levels", "offsets", "note"}:
            raise ModelRefusedError("the intervals are malformed")
        try:
            levels = tuple(float(level) for level in data["levels"])
            offsets = np.array(data["offsets"], dtype=np.float64)
        except (TypeError, ValueError):
            raise ModelRefusedError("the intervals are malformed") from None
        right = (
            0 < len(levels) <= MOST_LEVELS
            and list(levels) == sorted(set(levels))
            and all(0 < level < 1 for level in levels)
            and offsets.shape == (len(levels), horizon, targets)
            and bool(np.isfinite(offsets).all())
            and isinstance(data["note"], str)
        )
        if not right:
            raise ModelRefusedError("the intervals are malformed")
        return cls(levels, offsets, data["note"])


def levels_for(coverage: float) -> tuple[float, float, float]:
    """The quantiles at the ends of an interval, and the median.

    >>> levels_for(0.8)
    (0.1, 0.5, 0.9)
    """
    tail = (1 - coverage) / 2
    digits = max(4, -math.floor(math.log10(tail)) + 2)
    return round(tail, digits), 0.5, round(1 - tail, digits)
