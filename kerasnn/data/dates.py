"""Dates written as text: ISO 8601 and the usual layouts with day, month and year."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd

ISO = "ISO8601"
MISSING_DATE: int = int(np.iinfo(np.int64).min)

_TIME = r"([ T]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?)?"
_MONTHS = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_SHAPES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"\d{4}-\d{2}(-\d{2}([ T]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?\s?(Z|[-+]\d{2}:?\d{2})?)?)?", (ISO,)),
    (r"\d{4}/\d{1,2}/\d{1,2}" + _TIME, ("%Y/%m/%d",)),
    (r"\d{1,2}\.\d{1,2}\.\d{4}" + _TIME, ("%d.%m.%Y",)),
    (r"\d{1,2}/\d{1,2}/\d{4}" + _TIME, ("%m/%d/%Y", "%d/%m/%Y")),
    (r"\d{1,2}-\d{1,2}-\d{4}" + _TIME, ("%d-%m-%Y", "%m-%d-%Y")),
    (rf"\d{{1,2}}[- ]{_MONTHS}[- ]\d{{4}}", ("%d %b %Y", "%d-%b-%Y")),
    (rf"{_MONTHS} \d{{1,2}}, \d{{4}}", ("%b %d, %Y",)),
)
_TIMES = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", "T%H:%M", "T%H:%M:%S")


def layouts(texts: Sequence[str]) -> list[str]:
    """Every layout that all of the texts can be read with; the likeliest first."""
    shape = _common_shape(texts)
    if shape is None:
        return []
    candidates = [ISO] if shape == (ISO,) else [day + time for day in shape for time in _TIMES]
    return [layout for layout in candidates if parse(texts, layout) is not None]


def looks_like_dates(texts: Sequence[str]) -> bool:
    """Whether every text has the look of a date, each perhaps in another layout."""
    return all(any(_matches(shape, text) for shape, _ in _SHAPES) for text in texts)


def parse(texts: Sequence[str], layout: str) -> np.ndarray | None:
    """Seconds since 1970 UTC, int64 (n,); None if one of the texts has another layout."""
    seconds, known = parse_each(texts, layout)
    return seconds if known.all() else None


def parse_each(texts: Sequence[str], layout: str) -> tuple[np.ndarray, np.ndarray]:
    """Seconds since 1970 UTC, int64 (n,), and whether each text could be read, bool (n,)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        column = pd.Series(list(texts), dtype=object)
        parsed = pd.to_datetime(column, format=layout, utc=True, errors="coerce")
    known = parsed.notna().to_numpy()
    if layout == ISO:
        # pandas also takes a bare year, which is a number here.
        known = known & np.array([_matches(_SHAPES[0][0], text) for text in texts], bool)
    return to_seconds(parsed), known


def to_seconds(stamps: pd.Series) -> np.ndarray:
    """Timestamps as seconds since 1970, int64 (n,), rounded down; missing is `MISSING_DATE`."""
    if getattr(stamps.dtype, "tz", None) is not None:
        stamps = stamps.dt.tz_convert("UTC").dt.tz_localize(None)
    return stamps.to_numpy().astype("datetime64[s]").astype(np.int64)


def _common_shape(texts: Sequence[str]) -> tuple[str, ...] | None:
    for shape, found in _SHAPES:
        if texts and all(_matches(shape, text) for text in texts):
            return found
    return None


def _matches(shape: str, text: str) -> bool:
    return re.fullmatch(shape, text, re.IGNORECASE) is not None
