"""Long tables: each row is a time step of a series, and each series becomes one row.

Columns of numbers that change within a series are its channels; what never changes in any series,
such as its label, stays a column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kerasnn.data.columns import labels, values
from kerasnn.data.columns.values import MISSING_DATE
from kerasnn.data.frames import SourceTable, as_objects, location, origin_of, with_origin
from kerasnn.errors import DataError, UnknownNameError, warn

SERIES = "series"


@dataclass(frozen=True)
class LongTable:
    """Which columns of a long table are what.

    Args:
        keys: Together they name the series of a row.
        time: Column that orders the points of a series; empty for the order of the rows.
        channels: Readings at each time step.
        constants: Columns that never change within a series.
        column: Name of the column of series that is made.
    """

    keys: tuple[str, ...]
    time: str
    channels: tuple[str, ...]
    constants: tuple[str, ...]
    column: str

    @classmethod
    def of(
        cls,
        table: SourceTable,
        *,
        keys: Sequence[str],
        time: str | None,
        target: str,
        drop: Sequence[str] = (),
    ) -> LongTable:
        """Find the channels of a table to learn from; warns of what can't be one.

        Args:
            table: The table.
            keys: Columns that name the series.
            time: Column of the time.
            target: Column to be predicted.
            drop: Columns that are left out.

        Raises:
            UnknownNameError: A column is not there.
            DataError: No number changes within a series.
        """
        frame = table.frame
        names = [str(name) for name in frame.columns]
        for name in (*keys, *([time] if time else []), target):
            if name not in names:
                raise UnknownNameError("column", name, names, location=table.origin)
        codes, _ = _series_of(frame, keys)
        known = {*keys, time, target, *drop}
        others = [name for name in names if name not in known]
        constants = tuple(name for name in others if _is_constant(frame[name], codes))
        changing = [name for name in others if name not in constants]
        channels = tuple(name for name in changing if _are_numbers(frame[name]))
        unread = [f"'{name}'" for name in changing if name not in channels]
        if unread:
            problem = (
                f"what changes within a series and is no number is left out: {', '.join(unread)}"
            )
            warn(problem, location=table.origin, hint="write it as a number to learn from it")
        if not channels:
            hint = "check which column names the series"
            problem = "no column of numbers changes within a series"
            raise DataError(problem, location=table.origin, hint=hint)
        column = SERIES
        while column in names:
            column += "_"
        return cls(tuple(keys), time or "", channels, constants, column)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> LongTable:
        """Rebuild from plain data, also after a trip through JSON."""
        lists = {key: tuple(data[key]) for key in ("keys", "channels", "constants")}
        return cls(**{**data, **lists})

    def collapse(self, table: SourceTable, target: str) -> SourceTable:
        """One row a series, in the order of their first rows; as it is where that was done.

        Args:
            table: The table.
            target: Column to be predicted, which need not be there.

        Raises:
            DataError: Columns are missing, a time is there twice or missing, or the target changes
                within a series.
        """
        frame = table.frame
        if self.column in frame.columns:
            return table
        wanted = [*self.keys, *filter(None, [self.time]), *self.channels, *self.constants]
        absent = [f"'{name}'" for name in wanted if name not in frame.columns]
        if absent:
            problem = f"columns are missing: {', '.join(absent)}"
            raise DataError(
                problem, location=table.origin, hint="name them as in the training data"
            )
        codes, names = _series_of(frame, self.keys)
        order = self._order(frame, codes, names)
        starts = np.searchsorted(codes[order], np.arange(len(names) + 1))
        numbers = [values.as_numbers(frame[name]).astype("float32") for name in self.channels]
        readings = np.stack(numbers, axis=1)[order]
        columns = {
            name: _firsts(frame[name], codes, names) for name in (*self.keys, *self.constants)
        }
        columns[self.column] = as_objects(np.split(readings, starts[1:-1]) if len(names) else [])
        if target in frame.columns:
            _check_target(frame[target], codes, names)
            columns[target] = _firsts(frame[target], codes, names)
        origin = str(origin_of(frame))
        shown = [f"{origin}, series '{name}'" if origin else f"series '{name}'" for name in names]
        made = with_origin(pd.DataFrame(columns), origin, first_row=0, names=shown)
        return SourceTable(made, table.origin)

    def _order(
        self, frame: pd.DataFrame, codes: NDArray[np.int64], names: Sequence[str]
    ) -> NDArray[np.int64]:
        """The rows by series, and within each by time."""
        if not self.time:
            return np.argsort(codes, kind="stable")
        times = _times(frame[self.time])
        order = np.lexsort((times, codes))
        same = (np.diff(times[order]) == 0) & (np.diff(codes[order]) == 0)
        if same.any():
            row = int(order[int(np.flatnonzero(same)[0]) + 1])
            shown = str(frame[self.time].iloc[row])
            problem = f"series '{names[codes[row]]}' has the time {shown} more than once"
            where = location(frame[self.time], frame.index[row])
            raise DataError(problem, location=where, hint="keep one row for each time of a series")
        as_given = np.argsort(codes, kind="stable")
        n_moved = len(np.unique(codes[order[order != as_given]]))
        if n_moved:
            whose = f"{n_moved:,} series" if n_moved > 1 else "a series"
            problem = f"the rows of {whose} are not in the order of time"
            warn(problem, location=location(frame[self.time]), hint="they are sorted")
        return order


def _series_of(frame: pd.DataFrame, keys: Sequence[str]) -> tuple[NDArray[np.int64], list[str]]:
    """The number of each row's series, (n,), in the order of their first rows; and their names."""
    texts = [values.as_categories(frame[key]) for key in keys]
    for key, column in zip(keys, texts, strict=True):
        missing = np.flatnonzero([text is None for text in column])
        if len(missing):
            problem = (
                "a row has no series"
                if len(missing) == 1
                else f"{len(missing):,} rows have no series"
            )
            where = location(frame[key], frame.index[missing[0]])
            raise DataError(problem, location=where, hint="fill it in, or leave such rows out")
    whole = [", ".join(parts) for parts in zip(*texts, strict=True)]
    pairs = pd.factorize(pd.Series(list(zip(*texts, strict=True)), dtype=object))[0]
    codes = np.asarray(pairs, dtype=np.int64)
    _, first = np.unique(codes, return_index=True)
    return codes, [whole[row] for row in first]


def _is_constant(series: pd.Series, codes: NDArray[np.int64]) -> bool:
    """Whether what is known of a column never changes within a series."""
    return _first_change(series, codes) is None


def _first_change(series: pd.Series, codes: NDArray[np.int64]) -> int | None:
    """The first row with another value than the row before it of the same series."""
    numbers = labels.numbers_or_none(series)
    if numbers is None:
        distinct = pd.factorize(pd.Series(values.as_categories(series), dtype=object))[0]
    else:
        distinct = pd.factorize(numbers)[0]
    known = np.flatnonzero(distinct >= 0)
    order = known[np.argsort(codes[known], kind="stable")]
    changes = (np.diff(distinct[order]) != 0) & (np.diff(codes[order]) == 0)
    return int(order[1:][changes].min()) if changes.any() else None


def _are_numbers(series: pd.Series) -> bool:
    return series.dtype.kind == "b" or labels.numbers_or_none(series) is not None


def _times(series: pd.Series) -> NDArray[Any]:
    """What rows are sorted by, (n,)."""
    numbers = labels.numbers_or_none(series)
    times = values.as_dates(series) if numbers is None else numbers
    missing = np.flatnonzero(times == MISSING_DATE if numbers is None else np.isnan(times))
    if len(missing):
        problem = f"{len(missing):,} rows have no time" if len(missing) > 1 else "a row has no time"
        where = location(series, series.index[missing[0]])
        raise DataError(problem, location=where, hint="fill it in, or leave such rows out")
    return times


def _check_target(series: pd.Series, codes: NDArray[np.int64], names: Sequence[str]) -> None:
    row = _first_change(series, codes)
    if row is not None:
        problem = f"the target changes within series '{names[codes[row]]}'"
        where = location(series, series.index[row])
        hint = "give a series one label; to forecast its future, set `horizon`"
        raise DataError(problem, location=where, hint=hint)


def _firsts(series: pd.Series, codes: NDArray[np.int64], names: Sequence[str]) -> pd.Series:
    """The first known cell of each series."""
    known = np.flatnonzero(series.notna().to_numpy())
    found, first = np.unique(codes[known], return_index=True)
    rows = np.full(len(names), -1, dtype=np.int64)
    rows[found] = known[first]
    taken = series.iloc[np.maximum(rows, 0)].reset_index(drop=True)
    taken.attrs = {}
    return taken.where(rows >= 0) if (rows < 0).any() else taken
