"""Reading a column of times: dates with or without offsets, or plain whole numbers."""

from __future__ import annotations

import re
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kerasnn.data.columns import cells
from kerasnn.data.columns.labels import numbers_or_none
from kerasnn.data.columns.values import MISSING_DATE, as_dates
from kerasnn.data.frames import location
from kerasnn.data.readers.inputs import as_frame
from kerasnn.errors import DataError

Clock = Literal["utc", "local", "steps"]
"""Whether times are seconds in UTC, seconds on the clocks where they were read, or numbers."""

_OFFSET = re.compile(r"(\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)\s?(?:Z|[-+]\d{2}:?\d{2})$")


def with_time_column(data: Any) -> Any:
    """A table whose index holds the times, with these as a column; anything else as it is."""
    frame = as_frame(data)
    data = data if frame is None else frame
    if not (isinstance(data, pd.DataFrame) and len(data)):
        return data
    index = data.index
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp().rename(index.name)
    if not isinstance(index, pd.DatetimeIndex):
        return data
    name = "time" if index.name is None else str(index.name)
    return data if name in data.columns else data.set_axis(index).reset_index(names=name)


def are_steps(series: pd.Series) -> bool:
    """Whether a column of times holds numbers."""
    form = cells.form_of(cells.to_arrow(series))
    return form == "numbers" or (form == "text" and numbers_or_none(series) is not None)


def read_times(series: pd.Series, *, layout: str = "", clock: Clock = "utc") -> NDArray[np.int64]:
    """Seconds since 1970, or plain numbers, (n,).

    Args:
        series: The column.
        layout: Layout of dates, as in the training; found if empty.
        clock: Reading of the times.

    Raises:
        DataError: A cell is empty, or holds no time.
    """
    if clock == "steps":
        return _steps(series)
    seconds = as_dates(without_offsets(series) if clock == "local" else series, layout=layout)
    missing = np.flatnonzero(seconds == MISSING_DATE)
    if len(missing):
        raise _empty(series, missing)
    return seconds


def without_offsets(series: pd.Series) -> pd.Series:
    """The same times as the clocks showed them."""
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        plain = series.dt.tz_localize(None)
    elif pd.api.types.is_string_dtype(series.dtype) or series.dtype == object:
        plain = series.map(lambda cell: _OFFSET.sub(r"\1", cell) if isinstance(cell, str) else cell)
    else:
        return series
    plain.attrs, plain.name = series.attrs, series.name
    read: pd.Series = plain
    return read


def _steps(series: pd.Series) -> NDArray[np.int64]:
    numbers = numbers_or_none(series)
    if numbers is None:
        hint = "write times as numbers, as in the training"
        raise DataError("a time that is no number", location=location(series), hint=hint)
    missing = np.flatnonzero(np.isnan(numbers))
    if len(missing):
        raise _empty(series, missing)
    odd = np.flatnonzero((numbers != np.floor(numbers)) | (np.abs(numbers) > 2**53))
    if len(odd):
        where = location(series, series.index[odd[0]])
        problem = f"a time must be a date or a whole number; got {numbers[odd[0]]:g}"
        raise DataError(problem, location=where, hint="number the time steps 0, 1, 2 …")
    return numbers.astype(np.int64)


def _empty(series: pd.Series, rows: NDArray[np.int64]) -> DataError:
    where = location(series, series.index[rows[0]])
    problem = f"{len(rows):,} rows have no time" if len(rows) > 1 else "a row has no time"
    return DataError(problem, location=where, hint="fill it in, or leave the row out")
