"""Infinite numbers of a table as missing cells, where the option says so."""

from __future__ import annotations

import numpy as np
import pandas as pd

from kerasnn.data.frames import location, origin_of
from kerasnn.errors import warn

_TEXT = r"\s*[-+]?inf(?:inity)?\s*"


def without_infinite(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with each infinite number, and each text that writes one, as a missing cell.

    >>> without_infinite(pd.DataFrame({"x": [1.0, 2.0]}))["x"].tolist()
    [1.0, 2.0]
    """
    attributes, count, first = frame.attrs, 0, ""
    for name in frame.columns:
        infinite = _infinite(frame[name])
        if infinite is None or not infinite.any():
            continue
        first = first or location(frame[name], frame.index[int(infinite.argmax())])
        count += int(infinite.sum())
        frame = frame.assign(**{str(name): frame[name].mask(infinite)})
    frame.attrs = attributes
    if count:
        what = "an infinite cell is" if count == 1 else f"{count:,} infinite cells are"
        where = first or str(origin_of(frame)) or None
        warn(f"{what} read as missing", location=where, hint="nothing to do, if that is right")
    return frame


def _infinite(series: pd.Series) -> np.ndarray | None:
    """Where the cells are infinite; None for a column that can't hold such."""
    if pd.api.types.is_float_dtype(series.dtype):
        numbers: np.ndarray = np.isinf(series.to_numpy(dtype="float64", na_value=np.nan))
        return numbers
    if series.dtype == object:
        return np.array([isinstance(x, float | np.floating) and np.isinf(x) for x in series], bool)
    if not pd.api.types.is_string_dtype(series.dtype):
        return None
    found = series.str.fullmatch(_TEXT, case=False)
    return found.fillna(False).to_numpy(dtype=bool)
