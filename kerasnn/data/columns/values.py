"""From a column to raw values; one way for training, predicting, evaluating and exporting.

Each function takes a column of any type: text as a CSV file has it, or numbers, booleans and
timestamps. A cell that can't be read is a `DataError` that names it.
"""

from __future__ import annotations

import re
from typing import NoReturn

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kerasnn.data.columns import cells, dates, number_parsing
from kerasnn.data.columns.dates import MISSING_DATE
from kerasnn.data.frames import location
from kerasnn.errors import DataError

__all__ = [
    "LONGEST_CATEGORY",
    "LONGEST_TEXT",
    "MISSING_DATE",
    "as_booleans",
    "as_categories",
    "as_dates",
    "as_numbers",
    "as_texts",
]

LONGEST_CATEGORY = 1_000
LONGEST_TEXT = 100_000

TRUTHS = {"true": 1.0, "yes": 1.0, "t": 1.0, "y": 1.0, "on": 1.0, "1": 1.0, "1.0": 1.0}
FALSEHOODS = {"false": 0.0, "no": 0.0, "f": 0.0, "n": 0.0, "off": 0.0, "0": 0.0, "0.0": 0.0}
_BOOLEANS = TRUTHS | FALSEHOODS
_INTEGRAL = re.compile(r"\+?(-?)0*(\d+)\.0*")


def as_numbers(series: pd.Series, *, layout: str = "") -> np.ndarray:
    """Read numbers.

    Args:
        series: Numbers, booleans, durations or times of day (in seconds), or text: numbers with or
            without separated thousands, decimal comma and unit, or durations.
        layout: Layout of the column (`Column.layout`), which tells how to read ``1,234`` and which
            unit may stand around a number; if empty, the cells of ``series`` decide.

    Shape:
        float64, (n,); NaN is missing.

    >>> as_numbers(pd.Series(["1.5", "NA", " 2 "])).tolist()
    [1.5, nan, 2.0]
    """
    array = cells.to_arrow(series)
    form = cells.form_of(array)
    if form in ("numbers", "booleans"):
        return _floats(array.cast(pa.float64(), safe=False))
    if form == "durations":
        return _durations(array)
    if form == "dates":
        _refuse(series, "number", array)
    array = cells.text_cells(array, dash=True)
    try:
        if not layout.startswith(","):
            return _floats(array.cast(pa.float64()))
    except pa.ArrowInvalid:
        pass
    return _parsed(series, array, layout)


def as_booleans(series: pd.Series) -> np.ndarray:
    """Read yes and no: true/false, yes/no, t/f, y/n, on/off, 1/0, in any case.

    Shape:
        float64, (n,) of 1 and 0; NaN is missing.

    >>> as_booleans(pd.Series(["yes", "No", None])).tolist()
    [1.0, 0.0, nan]
    """
    array = cells.to_arrow(series)
    form = cells.form_of(array)
    if form == "dates":
        _refuse(series, "boolean", array)
    if form == "text":
        array = cells.text_cells(array, dash=True)
    values, indices = cells.distinct(array)
    read = [_BOOLEANS.get(str(value).lower(), np.nan) for value in values]
    _check_known(series, values, indices, ~np.isnan(np.array(read, float)), "boolean")
    return cells.expand(np.array(read, float), indices, np.nan)


def as_categories(series: pd.Series) -> np.ndarray:
    """Read categories as one text each, whatever the type they came in.

    A text is cut after `LONGEST_CATEGORY` characters (the schema warned of it).
    ``3``, ``3.0`` and ``"3"`` are ``"3"``; ``True`` and ``"TRUE"`` are ``"true"``; a date is its
    ISO text.

    Shape:
        object, (n,) of str; None is missing.

    >>> as_categories(pd.Series([3.0, None, 4.5])).tolist()
    ['3', None, '4.5']
    """
    array = cells.to_arrow(series)
    form = cells.form_of(array)
    if form == "text":
        array = cells.text_cells(array, dash=False)
    elif form == "numbers":
        array = (
            pc.if_else(pc.is_nan(array), pa.scalar(None, array.type), array)
            if pa.types.is_floating(array.type)
            else array
        )
    values, indices = cells.distinct(array)
    texts = [_category(value) for value in values]
    table = np.array([text[:LONGEST_CATEGORY] for text in texts], dtype=object)
    return cells.expand(table, indices, None)


def as_texts(series: pd.Series) -> np.ndarray:
    """Read free text as it is; what is missing is an empty text, what is no text is as a category.

    A text is cut after `LONGEST_TEXT` characters (the schema warned of it).

    Shape:
        object, (n,) of str.

    >>> as_texts(pd.Series(["It fits.", None, " NA "])).tolist()
    ['It fits.', '', ' NA ']
    """
    array = cells.to_arrow(series)
    if cells.form_of(array) == "text":
        texts = [text[:LONGEST_TEXT] for text in array.fill_null("").to_pylist()]
    else:
        texts = [text or "" for text in as_categories(series)]
    result = np.empty(len(texts), dtype=object)
    result[:] = texts
    return result


def as_dates(series: pd.Series, *, layout: str = "") -> np.ndarray:
    """Read dates and times.

    Args:
        series: Timestamps, or text: ISO 8601 or one of the usual layouts.
        layout: The column's (`Column.layout`), as of ``strptime``; if empty, the cells decide.

    Shape:
        int64, (n,), seconds since 1970 in UTC, rounded down; `MISSING_DATE` is missing.

    >>> as_dates(pd.Series(["1970-01-02", "1970-01-01T00:01:00+00:00"])).tolist()
    [86400, 60]
    """
    array = cells.to_arrow(series)
    form = cells.form_of(array)
    if form == "dates":
        # int64 seconds can hold every timestamp; casting may drop a fraction.
        return _seconds(array)
    if form != "text":
        _refuse(series, "date", array)
    values, indices = cells.distinct(cells.text_cells(array, dash=True))
    if not layout:
        layout = next(iter(dates.layouts(values)), dates.ISO)
    seconds, known = dates.parse_each(values, layout)
    expected = "date" if layout == dates.ISO else f"date like {dates.described(layout)}"
    _check_known(series, values, indices, known, expected)
    return cells.expand(seconds, indices, MISSING_DATE)


def _floats(array: pa.Array) -> np.ndarray:
    return np.array(array.fill_null(np.nan), dtype=np.float64)


def _parsed(series: pd.Series, array: pa.Array, layout: str) -> np.ndarray:
    values, indices = cells.distinct(array)
    layout = (
        layout or number_parsing.find_layout(values) or number_parsing.decimal_sign(values) or ""
    )
    parsed = [number_parsing.parse_as(value, layout) for value in values]
    known = np.array([number is not None for number in parsed], bool)
    unit = layout[2:] if number_parsing.unit_of(layout) else ""
    expected = f"number with the unit '{unit}'" if unit else "number"
    expected = "duration" if layout == number_parsing.DURATION else expected
    _check_known(series, values, indices, known, expected)
    return cells.expand(np.array(parsed, float), indices, np.nan)


def _durations(array: pa.Array) -> np.ndarray:
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[array.type.unit]
    whole = pa.int32() if array.type.bit_width == 32 else pa.int64()
    return _floats(array.cast(whole).cast(pa.float64(), safe=False)) / per_second


def _seconds(array: pa.Array) -> np.ndarray:
    stamps = array.cast(pa.timestamp("us"), safe=False) if pa.types.is_date(array.type) else array
    unit = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[stamps.type.unit]
    ticks = np.array(stamps.cast(pa.int64()).fill_null(MISSING_DATE), dtype=np.int64)
    return np.where(ticks == MISSING_DATE, MISSING_DATE, ticks // unit)


def _category(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return cells.number_text(value)
    if not isinstance(value, str):
        return cells.plain_text(value) or ""
    if value.lower() in ("true", "false"):
        return value.lower()
    integral = _INTEGRAL.fullmatch(value)
    # Python makes no int of more than 4,300 digits.
    return (integral[1] if integral[2] != "0" else "") + integral[2] if integral else value


def _check_known(
    series: pd.Series, values: list[str], indices: np.ndarray, known: np.ndarray, expected: str
) -> None:
    if known.all():
        return
    unknown = np.append(~known, False)[indices]
    rows = np.flatnonzero(unknown)
    where = location(series, series.index[rows[0]])
    different = dict.fromkeys(f"'{str(values[indices[row]])[:40]}'" for row in rows[:1000])
    shown = ", ".join(list(different)[:3])
    hint = f"correct {'it' if len(rows) == 1 else f'these {len(rows):,} cells'}, or leave {'it' if len(rows) == 1 else 'them'} empty"
    raise DataError(f"not a {expected}: {shown}", location=where, hint=hint)


def _refuse(series: pd.Series, expected: str, array: pa.Array) -> NoReturn:
    problem = f"{cells.form_of(array)} where a {expected} is meant"
    raise DataError(
        problem, location=location(series), hint="give the column the type it had in training"
    )
