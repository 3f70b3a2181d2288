"""Dates written as text: ISO 8601 and the usual layouts with day, month and year."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

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
    column = pa.array(texts, pa.large_string())
    if not texts or not (days := _common_shape(column)):
        return []
    candidates = [ISO] if days == (ISO,) else [day + time for day in days for time in _TIMES]
    # A few texts rule most layouts out, and cheaply.
    for some in (texts[:100], texts):
        candidates = [layout for layout in candidates if parse_each(some, layout)[1].all()]
    return candidates


def looks_like_dates(texts: Sequence[str]) -> bool:
    """Whether every text has the look of a date, each perhaps in another layout."""
    column = pa.array(texts, pa.large_string())
    return bool(np.any([_matches(column, shape) for shape, _ in _SHAPES], axis=0).all())


def parse_each(texts: Sequence[str], layout: str) -> tuple[np.ndarray, np.ndarray]:
    """Seconds since 1970 UTC, int64 (n,), and whether each text could be read, bool (n,)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        column = pd.Series(list(texts), dtype=object)
        parsed = pd.to_datetime(column, format=layout, utc=True, errors="coerce")
    known = parsed.notna().to_numpy()
    if layout == ISO:
        # pandas also takes a bare year, which is a number here.
        known = known & _matches(pa.array(texts, pa.large_string()), _SHAPES[0][0])
    return to_seconds(parsed), known


def to_seconds(stamps: pd.Series) -> np.ndarray:
    """Timestamps as seconds since 1970, int64 (n,), rounded down; missing is `MISSING_DATE`."""
    if getattr(stamps.dtype, "tz", None) is not None:
        stamps = stamps.dt.tz_convert("UTC").dt.tz_localize(None)
    return stamps.to_numpy().astype("datetime64[s]").astype(np.int64)


def _common_shape(column: pa.Array) -> tuple[str, ...]:
    """Layouts of the day that fit the look of every text."""
    return next((found for shape, found in _SHAPES if _matches(column, shape).all()), ())


def _matches(column: pa.Array, shape: str) -> np.ndarray:
    matches = pc.match_substring_regex(column, f"^(?:{shape})$", ignore_case=True)
    return np.asarray(matches, dtype=bool)
