"""Windows: what was known at an origin, and what came after it.

They are cut out of the series when they are needed, so that their overlap takes no memory. What is
missing at an origin is filled in by what was known then: a straight line between readings before
it, else the last one. No reading behind the origin has a say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from kerasnn.forecasting.panel import Panel
from kerasnn.forecasting.splits import PartName, Splits

# Windows of more bytes are cut out block by block as they are needed.
MOST_BYTES = 400_000_000
_NEVER = np.iinfo(np.int32).max


@dataclass(frozen=True, eq=False)
class Origins:
    """Points in time to forecast from.

    Args:
        track: Number of the series, (n,).
        at: Index of the last known point, (n,); −1 where nothing is.
    """

    track: NDArray[np.int64]
    at: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.at)

    def take(self, rows: NDArray[np.int64]) -> Origins:
        """Some of them."""
        return Origins(self.track[rows], self.at[rows])


def origins(
    panel: Panel,
    splits: Splits,
    part: PartName,
    *,
    lookback: int,
    horizon: int,
    most: int | None = None,
) -> Origins:
    """The origins whose targets lie within a part, and are not all missing.

    In training only those with a whole history. A part that is shorter than the horizon has one
    origin a series, of which the end of the truth is missing.

    Args:
        panel: The series.
        splits: Parts of the series in time.
        part: Name of a part.
        lookback: Points that the network looks back.
        horizon: Points that it looks ahead.
        most: Take only each second, third … origin, so that there are no more than these.
    """
    tracks, places = [], []
    for number, (first, stop) in enumerate(zip(*splits.bounds(part), strict=True)):
        earliest = max(int(first) - 1, lookback - 1 if part == "train" else 0)
        latest = int(stop) - 1 - horizon
        if part != "train" and stop > first:
            latest = max(latest, earliest)
        at = np.arange(earliest, latest + 1, dtype=np.int64)
        target = panel.tracks[number].target
        at = at[
            _has_reading(target, at + 1, at + 1 + horizon) & _has_reading(target, 0 * at, at + 1)
        ]
        tracks.append(np.full(len(at), number, np.int64))
        places.append(at)
    found = Origins(np.concatenate(tracks), np.concatenate(places))
    if most is None or len(found) <= most:
        return found
    stride = -(-len(found) // most)
    # Counted from the last one: what is near the end is most like the future.
    return found.take(np.flatnonzero((found.track.size - 1 - np.arange(len(found))) % stride == 0))


def _has_reading(
    target: NDArray[np.float64], first: NDArray[np.int64], stop: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Whether any target is known from one point up to another, (n,)."""
    known = np.concatenate([[0], np.cumsum(np.isfinite(target).any(axis=1))])
    there: NDArray[np.bool_] = known[np.minimum(stop, len(target))] > known[first]
    return there


@dataclass(frozen=True, eq=False)
class Filled:
    """Readings of all series below each other, as they can be known from any origin.

    Each series has ``pad`` points before its first and behind its last.

    Args:
        between: A straight line between readings, (points, columns) float32.
        held: The last reading, (points, columns) float32; 0 before the first.
        next: Row of the next reading at or behind a point, (points, columns) int32.
        starts: Row of the first point of each series.
    """

    between: NDArray[np.float32]
    held: NDArray[np.float32]
    next: NDArray[np.int32]
    starts: NDArray[np.int64]


def fill(series: Sequence[NDArray[np.float64]], pad: int) -> Filled:
    """Fill what is missing in each series, (points, columns)."""
    starts, between, held, following, row = [], [], [], [], 0
    for values in series:
        padded = np.pad(values, ((pad, pad), (0, 0)), constant_values=np.nan)
        lines, last, nearest = _filled(padded)
        between.append(lines)
        held.append(last)
        following.append(np.where(nearest == _NEVER, _NEVER, nearest + row).astype(np.int32))
        starts.append(row + pad)
        row += len(padded)
    return Filled(
        np.concatenate(between),
        np.concatenate(held),
        np.concatenate(following),
        np.array(starts, np.int64),
    )


def _filled(
    values: NDArray[np.float64],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    rows = np.arange(len(values))
    known = np.isfinite(values)
    before = np.maximum.accumulate(np.where(known, rows[:, None], -1), axis=0)
    after = np.minimum.accumulate(np.where(known, rows[:, None], _NEVER)[::-1], axis=0)[::-1]
    columns = np.arange(values.shape[1])
    held = np.where(before >= 0, values[np.maximum(before, 0), columns], 0.0)
    coming = values[np.where(after == _NEVER, 0, after), columns]
    span = np.maximum(after - before, 1)
    line = held + (coming - held) * ((rows[:, None] - before) / span)
    between = np.where(after == _NEVER, held, np.where(before >= 0, line, coming))
    return between.astype("float32"), held.astype("float32"), after


class PastRows:
    """Windows of readings up to an origin, (n, history, columns) float32, cut out when read."""

    dtype = np.dtype("float32")

    def __init__(self, filled: Filled, origins: Origins, lookback: int) -> None:
        self.filled = filled
        self.at = filled.starts[origins.track] + origins.at
        self.lookback = lookback

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n, history, columns)."""
        return len(self.at), self.lookback, self.filled.held.shape[1]

    def __len__(self) -> int:
        return len(self.at)

    def __getitem__(self, rows: Any) -> NDArray[np.float32]:
        """Some windows."""
        at = self.at[rows]
        index = at[:, None] + np.arange(1 - self.lookback, 1)
        index = np.maximum(index, 0)
        filled = self.filled
        unknown = filled.next[index] > at[:, None, None]
        window: NDArray[np.float32] = np.where(unknown, filled.held[index], filled.between[index])
        return window


class AroundRows:
    """Windows from the history to the horizon, of what is known or what is to be forecast.

    Args:
        values: Values of all series below each other, (points, columns) float32.
        starts: Row of the first point of each series.
        origins: The windows.
        before: Points up to the origin.
        ahead: Points behind it.
        flat: True if a window is one row of numbers.
    """

    dtype = np.dtype("float32")

    def __init__(
        self,
        values: NDArray[np.float32],
        starts: NDArray[np.int64],
        origins: Origins,
        *,
        before: int,
        ahead: int,
        flat: bool = False,
    ) -> None:
        self.values, self.before, self.ahead, self.flat = values, before, ahead, flat
        self.at = starts[origins.track] + origins.at

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, before + ahead, columns), or (n, all of them)."""
        length, columns = self.before + self.ahead, self.values.shape[1]
        return (len(self.at), length * columns) if self.flat else (len(self.at), length, columns)

    def __len__(self) -> int:
        return len(self.at)

    def __getitem__(self, rows: Any) -> NDArray[np.float32]:
        """Some windows."""
        at = self.at[rows]
        index = at[:, None] + np.arange(1 - self.before, self.ahead + 1)
        index = np.clip(index, 0, len(self.values) - 1)
        window: NDArray[np.float32] = self.values[index]
        return window.reshape(len(at), -1) if self.flat else window


Cut = PastRows | AroundRows


def in_memory(rows: dict[str, Any], target: AroundRows) -> tuple[dict[str, Any], Any]:
    """Inputs and target as arrays where these are not too large, else as they are."""
    size = sum(4 * int(np.prod(each.shape)) for each in (*rows.values(), target))
    if size > MOST_BYTES:
        return rows, target
    return {name: each[:] for name, each in rows.items()}, target[:]


InputName = Literal["past", "past_covariates", "future_covariates"]
