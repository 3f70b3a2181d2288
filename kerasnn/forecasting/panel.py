"""One or many series on a regular grid of time steps, as they were read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kerasnn.data.columns.dates import zone_of
from kerasnn.data.columns.values import as_categories
from kerasnn.data.frames import location, origin_of
from kerasnn.errors import DataError, warn
from kerasnn.forecasting import frequency as frequencies
from kerasnn.forecasting.column_roles import ColumnRoles
from kerasnn.forecasting.frequency import Frequency
from kerasnn.forecasting.times import read_times
from kerasnn.preprocessing.preprocessor import check_columns

Key = tuple[str, ...]

# Points in time times columns; a few rows with a wrong year would fill the memory.
LARGEST_GRID = 200_000_000
# A grid of so many points is a wrong year too, where so few of them have a row.
LARGE_GRID, FULLEST_EMPTY = 5_000, 0.02


@dataclass(frozen=True, eq=False)
class TimeSeries:
    """One series, each time step on the grid from its first row to its last.

    Args:
        key: Texts that name it, one for each series column; empty for a single series.
        start: Ordinal of the first point.
        target: Targets, (points, targets); NaN where nothing was read.
        past_covariates: Columns known up to now, (steps, columns); NaN where missing.
        future_covariates: Columns known ahead, (steps, columns); NaN where missing.
        static_numbers: Numbers that never change, (columns,); NaN where missing.
        static_categories: Texts that never change; None where missing.
    """

    key: Key
    start: int
    target: NDArray[np.float64]
    past_covariates: NDArray[np.float64]
    future_covariates: NDArray[np.float64]
    static_numbers: NDArray[np.float64]
    static_categories: tuple[str | None, ...] = ()

    def __len__(self) -> int:
        return len(self.target)

    @property
    def name(self) -> str:
        """Name for display."""
        return " · ".join(self.key)

    @property
    def end(self) -> int:
        """Index behind the last known target; 0 where there is none."""
        seen = np.flatnonzero(np.isfinite(self.target).any(axis=1))
        return int(seen[-1]) + 1 if len(seen) else 0


@dataclass(frozen=True, eq=False)
class Panel:
    """Series that are forecast by one model.

    Args:
        roles: Roles of the columns.
        frequency: Frequency of the time steps.
        tracks: The series, in the order in which they appeared.
    """

    roles: ColumnRoles
    frequency: Frequency
    tracks: tuple[TimeSeries, ...]

    def __len__(self) -> int:
        return len(self.tracks)

    @property
    def n_points(self) -> int:
        """Points in time of all series."""
        return sum(map(len, self.tracks))

    def values(self, track: int, first: int, stop: int) -> NDArray[np.int64]:
        """Seconds since 1970, or plain numbers, of points of a series, counted from its first."""
        start = self.tracks[track].start
        return self.frequency.values(np.arange(start + first, start + stop, dtype=np.int64))

    def cut(self, starts: Sequence[int]) -> Panel:
        """Without the points of each series before an index."""
        cut = [
            TimeSeries(
                t.key,
                t.start + i,
                t.target[i:],
                t.past_covariates[i:],
                t.future_covariates[i:],
                t.static_numbers,
                t.static_categories,
            )
            for t, i in zip(self.tracks, starts, strict=True)
        ]
        return Panel(self.roles, self.frequency, tuple(cut))

    def to_frame(self) -> pd.DataFrame:
        """A table that `read_panel` makes the same panel of."""
        pieces = [self._frame_of(i) for i in range(len(self))]
        return pd.concat(pieces, ignore_index=True)

    def _frame_of(self, number: int) -> pd.DataFrame:
        track, roles = self.tracks[number], self.roles
        times: NDArray[np.generic] = self.values(number, 0, len(track))
        if self.frequency.unit != "step":
            times = times.astype("datetime64[s]")
        columns: dict[str, object] = dict(zip(roles.series, track.key, strict=True))
        columns[roles.time] = times
        for names, matrix in (
            (roles.targets, track.target),
            (roles.past_covariates, track.past_covariates),
            (roles.future_covariates, track.future_covariates),
            (roles.static_numbers, np.tile(track.static_numbers, (len(track), 1))),
        ):
            columns |= {name: matrix[:, i] for i, name in enumerate(names)}
        columns |= {
            name: word
            for name, word in zip(roles.static_categories, track.static_categories, strict=True)
            if name not in columns
        }
        frame = pd.DataFrame(columns, index=range(len(track)))
        return frame[list(roles.columns)]


@dataclass(frozen=True, eq=False)
class RowLocations:
    """Where the rows of a table are: the series and the time step of each.

    Args:
        keys: Keys of the series.
        series: Number of each row's series, (n,).
        ordinals: Ordinal of each row's time step, (n,).
        frequency: Frequency of the grid.
        roles: Roles of the columns, with the clock that the times were read by.
    """

    keys: tuple[Key, ...]
    series: NDArray[np.int64]
    ordinals: NDArray[np.int64]
    frequency: Frequency
    roles: ColumnRoles


def locate(
    frame: pd.DataFrame, roles: ColumnRoles, frequency: Frequency | str | None = None
) -> RowLocations:
    """Find the series and the time step of each row.

    Args:
        frame: Raw rows.
        roles: Roles of the columns.
        frequency: Frequency of the training, a name, or None to infer it.

    Raises:
        DataError: A time is missing, is there twice, or is not on a regular grid.
    """
    check_columns(frame, [*roles.series, roles.time])
    keys, series = _series_of(frame, roles)
    roles, values = _read_times(frame, roles, series, frequency)
    _check_repeats(frame, roles, keys, series, values)
    found = _frequency(frame, roles, series, values, frequency)
    places = RowLocations(keys, series, found.ordinals(values), found, roles)
    _check_size(frame, places)
    _check_order(frame, series, values)
    return places


def read_panel(frame: pd.DataFrame, places: RowLocations) -> Panel:
    """Put rows on the grid; what lies between them is missing.

    Raises:
        DataError: A cell is no number, or the grid would be very large.
    """
    roles = places.roles
    matrices = [
        roles.read(frame, names)
        for names in (
            roles.targets,
            roles.past_covariates,
            roles.future_covariates,
            roles.static_numbers,
        )
    ]
    check_columns(frame, list(roles.static_categories))
    words = [as_categories(frame[name]) for name in roles.static_categories]
    tracks = []
    order = np.argsort(places.series, kind="stable")
    bounds = np.searchsorted(places.series[order], np.arange(len(places.keys) + 1))
    for number, key in enumerate(places.keys):
        rows = order[bounds[number] : bounds[number + 1]]
        start = int(places.ordinals[rows].min())
        at = places.ordinals[rows] - start
        target, past, future = (_on_grid(m[rows], at) for m in matrices[:3])
        numbers = _first_known(matrices[3][rows])
        texts = tuple(next((w for w in column[rows] if w is not None), None) for column in words)
        tracks.append(TimeSeries(key, start, target, past, future, numbers, texts))
    return Panel(roles, places.frequency, tuple(tracks))


def _series_of(
    frame: pd.DataFrame, roles: ColumnRoles
) -> tuple[tuple[Key, ...], NDArray[np.int64]]:
    if not roles.series:
        return ((),), np.zeros(len(frame), np.int64)
    names = roles.names_of(frame)
    codes, keys = pd.factorize(pd.MultiIndex.from_arrays(list(names.T)))
    tuples = [tuple(key) if isinstance(key, tuple) else (key,) for key in keys]
    return tuple(tuples), codes.astype(np.int64)


def _read_times(
    frame: pd.DataFrame,
    roles: ColumnRoles,
    series: NDArray[np.int64],
    frequency: Frequency | str | None,
) -> tuple[ColumnRoles, NDArray[np.int64]]:
    """The times, in UTC where that makes a regular grid, else as the clocks showed them."""
    column, layout = frame[roles.time], roles.layouts.get(roles.time, "")
    values = read_times(column, layout=layout, clock=roles.clock)
    if roles.clock != "utc":
        return roles, values
    zone, differ = zone_of(column)
    undecided = zone is not None and not isinstance(frequency, Frequency)
    local = read_times(column, layout=layout, clock="local") if undecided else values
    is_regular = not undecided or _grid(series, values, frequency, False)
    if is_regular or not _grid(series, local, frequency, False):
        if differ:
            warn(differ, location=location(column) or None, hint="write all times with one offset")
        return roles, values
    if differ:
        problem = "the offsets of the times change; they are read as the clocks showed them"
        warn(problem, location=location(column) or None)
    return replace(roles, clock="local"), local


def _grid(
    series: NDArray[np.int64],
    values: NDArray[np.int64],
    frequency: Frequency | str | None,
    plain: bool,
) -> Frequency | None:
    """The frequency of the times, if they have one."""
    if isinstance(frequency, Frequency):
        at = frequency.ordinals(values)
        return frequency if (frequency.values(at) == values).all() else None
    if frequency is not None:
        return frequencies.fit(frequencies.parse(frequency), values)
    return frequencies.infer(_by_series(series, values), plain=plain)


def _by_series(series: NDArray[np.int64], values: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The different times of each series, ascending."""
    order = np.lexsort((values, series))
    bounds = np.flatnonzero(np.diff(series[order])) + 1
    return [np.unique(times) for times in np.split(values[order], bounds)]


def _check_order(frame: pd.DataFrame, series: NDArray[np.int64], values: NDArray[np.int64]) -> None:
    order = np.argsort(series, kind="stable")
    back = (np.diff(values[order]) < 0) & (np.diff(series[order]) == 0)
    if back.any():
        row = int(order[np.flatnonzero(back)[0] + 1])
        where = location(frame, frame.index[row]) or None
        warn("rows are not in the order of time; they are sorted", location=where)


def _check_repeats(
    frame: pd.DataFrame,
    roles: ColumnRoles,
    keys: tuple[Key, ...],
    series: NDArray[np.int64],
    values: NDArray[np.int64],
) -> None:
    pairs = pd.DataFrame({"series": series, "time": values})
    repeated = np.flatnonzero(pairs.duplicated())
    if not len(repeated):
        return
    row = int(repeated[0])
    same = (series[:row] == series[row]) & (values[:row] == values[row])
    first = int(np.flatnonzero(same)[0])
    text = frame[roles.time].iloc[row]
    where = f"{location(frame, frame.index[first])} and {_short_place(frame, row)}"
    name = f" of series '{' · '.join(keys[series[row]])}'" if roles.series else ""
    many = f", and {len(repeated) - 1:,} more" if len(repeated) > 1 else ""
    raise DataError(
        f"two rows{name} have the time {text}{many}", location=where, hint=_repeat_fix(frame, roles)
    )


def _short_place(frame: pd.DataFrame, row: int) -> str:
    """Only the number of the row, where the file was named just before."""
    _, number = origin_of(frame).locate(row)
    return str(number) if number is not None else location(frame, frame.index[row])


def _repeat_fix(frame: pd.DataFrame, roles: ColumnRoles) -> str:
    """A column that tells the rows of a time apart may name the series."""
    used = {roles.time, *roles.series, *roles.targets}
    for name in frame.columns:
        if name in used or frame[name].nunique() > len(frame) / 2:
            continue
        if not frame.duplicated([*roles.series, name, roles.time]).any():
            return f"if each '{name}' is a series of its own, pass series='{name}'"
    return "keep one of them; where clocks were set back, give the times with their offset"


def _frequency(
    frame: pd.DataFrame,
    roles: ColumnRoles,
    series: NDArray[np.int64],
    values: NDArray[np.int64],
    given: Frequency | str | None,
) -> Frequency:
    plain = roles.clock == "steps"
    found = _grid(series, values, given, plain)
    if found is not None and plain != (found.unit == "step"):
        what = f"the frequency '{found.name}' does not fit times that are "
        raise DataError(
            what + ("whole numbers" if plain else "dates"), location=f"column '{roles.time}'"
        )
    if found is not None:
        if isinstance(given, str):
            frequencies.check_anchor(given, found)
        return found
    column = location(frame[roles.time]) or f"column '{roles.time}'"
    apart = _by_series(series, values)
    if max(map(len, apart)) < 2:
        hint = "give more rows, or another column as `series`"
        raise DataError("no series has two time steps", location=column, hint=hint)
    if isinstance(given, Frequency):
        grid: Frequency | None = given
    elif given is not None:
        grid = frequencies.parse(given)
        grid = grid if grid.unit in ("second", "step") else None
    else:
        grid = Frequency("step" if plain else "second", frequencies.common_distance(apart))
    raise _irregular(frame, roles, values, grid, column)


def _irregular(
    frame: pd.DataFrame,
    roles: ColumnRoles,
    values: NDArray[np.int64],
    grid: Frequency | None,
    column: str,
) -> DataError:
    """Which time is the first that is off the grid."""
    hint = "round the times, or take the mean of each period first"
    if grid is None:
        return DataError("the times are not regular", location=column, hint=hint)
    shifted = (
        Frequency(grid.unit, grid.step, int(values[0] % grid.step)) if not grid.phase else grid
    )
    off = np.flatnonzero(shifted.values(shifted.ordinals(values)) != values)
    row = int(off[0]) if len(off) else 0
    where = location(frame[roles.time], frame.index[row])
    what = f"the times are not regular: {len(off):,} of {len(values):,} are off a grid of"
    return DataError(f"{what} '{shifted.name}'", location=where, hint=hint)


def _check_size(frame: pd.DataFrame, places: RowLocations) -> None:
    spans = pd.Series(places.ordinals).groupby(places.series).agg(["min", "max"])
    points = int((spans["max"] - spans["min"] + 1).sum())
    empty = points > LARGE_GRID and len(frame) < FULLEST_EMPTY * points
    if empty or points * len(places.roles.columns) > LARGEST_GRID:
        problem = f"{len(frame):,} rows span {points:,} time steps of '{places.frequency.name}'"
        hint = "check for a wrong date, or give a coarser frequency"
        raise DataError(problem, location=f"column '{places.roles.time}'", hint=hint)


def _on_grid(rows: NDArray[np.float64], at: NDArray[np.int64]) -> NDArray[np.float64]:
    grid = np.full((int(at.max()) + 1, rows.shape[1]), np.nan)
    grid[at] = rows
    return grid


def _first_known(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The first value of each column that is not missing."""
    known = np.isfinite(rows)
    first = known.argmax(axis=0)
    found: NDArray[np.float64] = rows[first, np.arange(rows.shape[1])]
    return found
