"""From a column of any type to Arrow: plain values of one type, with missing cells null.

What a cell means is looked at once per distinct value, which is what makes large tables cheap.
"""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

MARKERS = ("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "?", "#N/A", "<NA>")
"""Text that stands for a missing value in any column. A lone ``-`` does so too where the column
is not made of categories."""

Form = Literal["numbers", "booleans", "dates", "durations", "text"]

_BLANKS = " \t\r\n\f\v\u00a0"


def to_arrow(series: pd.Series) -> pa.Array:
    """Numbers, booleans, timestamps, durations or text; anything else becomes text.

    A column of Python objects of several types becomes text too, each as JSON would write it.
    """
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = (
            series.astype(series.cat.categories.dtype if len(series.cat.categories) else "str")
            if not series.isna().any()
            else series.astype(object)
        )
    if isinstance(series.dtype, pd.PeriodDtype):
        series = series.dt.to_timestamp()
    try:
        array = pa.array(series, from_pandas=True)
    except (pa.ArrowException, TypeError, OverflowError, UnicodeEncodeError):
        array = _as_text_array(series)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    kind = array.type
    if pa.types.is_dictionary(kind):
        array = array.dictionary_decode()
        kind = array.type
    if pa.types.is_null(kind):
        return array.cast(pa.string())
    if pa.types.is_decimal(kind):
        return array.cast(pa.float64())
    if pa.types.is_float16(kind):
        return array.cast(pa.float32())
    if form_of(array) is None:
        return _as_text_array(series)
    return array


def form_of(array: pa.Array) -> Form | None:
    """What an Arrow array holds; None for what no column kind can read."""
    kind = array.type
    if pa.types.is_boolean(kind):
        return "booleans"
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return "numbers"
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return "dates"
    if pa.types.is_duration(kind) or pa.types.is_time(kind):
        return "durations"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "text"
    return None


def text_cells(array: pa.Array, *, dash: bool) -> pa.Array:
    """Text without blanks around it, missing-value markers made null.

    Args:
        array: Text.
        dash: True if ``-`` stands for a missing value.
    """
    trimmed = pc.utf8_trim(array, _BLANKS)
    markers = pa.array([*MARKERS, "-"] if dash else MARKERS, type=trimmed.type)
    return pc.if_else(pc.is_in(trimmed, value_set=markers), pa.scalar(None, trimmed.type), trimmed)


def distinct(array: pa.Array) -> tuple[list[Any], np.ndarray]:
    """The distinct values, null apart, and each cell's index among them, -1 for null."""
    encoded = array.dictionary_encode()
    indices = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return encoded.dictionary.to_pylist(), indices.astype(np.int64)


def expand(values: np.ndarray, indices: np.ndarray, missing: Any) -> np.ndarray:
    """Put a result of each distinct value where its cells are."""
    table = np.empty(len(values) + 1, values.dtype)
    table[:-1] = values
    table[-1] = missing
    result: np.ndarray = table[indices]
    return result


def _as_text_array(series: pd.Series) -> pa.Array:
    texts = [plain_text(value) for value in series]
    # Half of a surrogate pair is no character.
    known = [None if text is None else text.encode("utf-8", "replace") for text in texts]
    return pa.array(known, pa.large_binary()).cast(pa.large_string())


def plain_text(value: Any) -> str | None:
    """One Python object as text; None if it is missing."""
    if isinstance(value, str):
        return value
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, list | dict | tuple | np.ndarray):
        listed = value.tolist() if isinstance(value, np.ndarray) else value
        return json.dumps(listed, default=str)
    if isinstance(value, float | np.floating):
        return None if np.isnan(value) else number_text(float(value))
    return str(value)


def number_text(value: float) -> str:
    """A number as a category: ``3.0`` and ``3`` are the same one."""
    if float(value).is_integer() and abs(value) < 2**63:
        return str(int(value))
    return repr(float(value))
