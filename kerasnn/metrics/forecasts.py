"""What was forecast for a number of windows, beside what came: the ground of every score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Forecasts:
    """Forecasts from n origins, all of one horizon, in the unit of the targets.

    Args:
        targets: Names of the targets.
        series: Name of the series of each window, (n,).
        origins: The last time step that a forecast knew, datetime64[s], (n,).
        times: The time steps that are forecast, datetime64[s], (n, horizon).
        truth: True values, (n, horizon, targets); NaN where they are not known.
        prediction: Point forecasts, (n, horizon, targets).
        quantiles: Forecasts of quantiles by their level in (0, 1), each (n, horizon, targets).
        naive_error: Mean absolute error, on the training part of the series, of repeating the
            value of a season ago, (n, targets); by it MASE divides.
        season: Number of time steps of a season.
    """

    targets: tuple[str, ...]
    series: NDArray[np.object_]
    origins: NDArray[np.datetime64]
    times: NDArray[np.datetime64]
    truth: NDArray[np.float64]
    prediction: NDArray[np.float64]
    naive_error: NDArray[np.float64]
    season: int = 1
    quantiles: Mapping[float, NDArray[np.float64]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.origins)

    @property
    def horizon(self) -> int:
        """Points in time ahead."""
        return int(self.prediction.shape[1])
