"""How good forecasts are, in the units of the targets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from kerasnn.errors import ModelRefusedError
from kerasnn.forecasting.forecasts import Forecasts

Values = dict[str, float | None]


@dataclass(frozen=True)
class ForecastScores:
    """Measures of forecasts; None where something is not defined.

    Args:
        n_windows: Forecasts that were scored.
        n_values: Known values among what they forecast.
        values: By the metric's name.
        notes: What a reader must know.
    """

    n_windows: int
    n_values: int
    values: Values
    notes: tuple[str, ...] = ()
    task: Literal["forecast"] = "forecast"

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON: no NaN, no infinity."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ForecastScores:
        """Rebuild from `to_dict`'s data, which may be a stranger's.

        Raises:
            ModelRefusedError: It is no such data.
        """
        try:
            values = {str(k): None if v is None else float(v) for k, v in data["values"].items()}
            notes = tuple(map(str, data["notes"]))
            return cls(int(data["n_windows"]), int(data["n_values"]), values, notes)
        except (AttributeError, KeyError, TypeError, ValueError):
            raise ModelRefusedError("the scores in the bundle are damaged") from None

    def table(self) -> str:
        """Everything as plain text."""
        titles = {"mae": "MAE ↓", "rmse": "RMSE ↓"}
        lines = [f"{self.n_windows:,} forecasts of {self.n_values:,} known values"]
        lines += [
            f"{titles[name]:8} {'–' if value is None else f'{value:.5g}'}"
            for name, value in self.values.items()
            if name in titles
        ]
        return "\n".join([*lines, *(f"Note: {note}." for note in self.notes)])


def score(found: Forecasts) -> ForecastScores:
    """Score forecasts by what came; what nobody knows has no say."""
    error: NDArray[np.float64] = found.truth - found.prediction
    known = error[np.isfinite(error)]
    values = {
        "mae": float(np.abs(known).mean()) if len(known) else math.nan,
        "rmse": float(np.sqrt(np.square(known).mean())) if len(known) else math.nan,
    }
    defined = {name: value if math.isfinite(value) else None for name, value in values.items()}
    return ForecastScores(len(found), len(known), defined)
