"""A column of series: statistics of the training readings, and its input of a network."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kerasnn.data.columns import series_cells
from kerasnn.data.columns.series_cells import layout_text, parse_layout
from kerasnn.preprocessing.arithmetic import LARGEST, rounded
from kerasnn.signature import Series


@dataclass(frozen=True)
class SeriesColumn:
    """Size and scale of the series of a column.

    Args:
        name: Name of the column.
        length: Most time steps, behind which a series is cut.
        channels: Readings at each point.
        mean: Mean of the training readings, for each channel.
        deviation: Standard deviation of the same; 1 for a channel that never changes.
        has_missing: True if readings were missing within training series.
    """

    name: str
    length: int
    channels: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    has_missing: bool

    @classmethod
    def fit(cls, name: str, values: NDArray[np.float32], layout: str) -> SeriesColumn:
        """Learn from training readings, (n, length, channels), NaN where missing."""
        length, channels = parse_layout(layout)
        with warnings.catch_warnings():
            # A channel may have no reading at all.
            warnings.simplefilter("ignore", RuntimeWarning)
            mean = np.nanmean(values, axis=(0, 1), dtype="float64")
            deviation = np.nanstd(values, axis=(0, 1), dtype="float64")
        mean, deviation = np.nan_to_num(mean), np.nan_to_num(deviation)
        deviation[deviation <= 1e-6 * np.abs(mean)] = 1.0
        missing = np.isnan(values)
        return cls(
            name,
            length,
            channels,
            tuple(map(rounded, mean)),
            tuple(map(rounded, deviation)),
            bool((missing.any(axis=2) & ~behind_end(values)).any()),
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> SeriesColumn:
        """Rebuild from plain data, also after a trip through JSON."""
        scales = {key: tuple(data[key]) for key in ("mean", "deviation")}
        return cls(**{**data, **scales})

    @property
    def series(self) -> Series:
        """What the network is told."""
        return Series(
            self.name, self.length, self.channels, self.mean, self.deviation, self.has_missing
        )


def layout_of(series: pd.Series, *, length: int) -> str:
    """The size that the series of a column are used in.

    Args:
        series: Training cells.
        length: Most time steps; 0 takes the longest series whole.
    """
    cells = series_cells.read(series)
    channels = next((readings.shape[1] for readings in cells if len(readings)), 1)
    return layout_text(length or max([1, *map(len, cells)]), channels)


def values_of(series: pd.Series, layout: str) -> NDArray[np.float32]:
    """The readings of a column, (n, length, channels), NaN where missing and behind the end.

    Raises:
        DataError: A cell is no series, or has another number of channels.
    """
    length, channels = parse_layout(layout)
    cells = series_cells.read(series, channels=channels)
    padded = series_cells.padded(cells, length, channels)
    return np.clip(padded, -LARGEST, LARGEST, out=padded)


def count_longer(series: pd.Series, layout: str) -> int:
    """How many cells have more time steps than the layout."""
    length, _ = parse_layout(layout)
    return sum(len(series_cells.as_readings(cell)) > length for cell in series)


def behind_end(values: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where there is no reading any more.

    Shape:
        values: (n, length, channels); returns (n, length)
    """
    known = ~np.isnan(values).all(axis=2)
    later: NDArray[np.bool_] = np.flip(
        np.maximum.accumulate(np.flip(known, axis=1), axis=1), axis=1
    )
    return ~later
