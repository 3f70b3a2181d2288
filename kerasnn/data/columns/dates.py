"""Dates written as text: ISO 8601, the usual layouts with day, month and year, quarters and weeks.

A quarter such as 2000Q1 and an ISO week such as 2015-W02 are read as their first day. In the layouts
of quarters, ``%q`` is the number of the quarter; the other directives are those of ``strptime``.

One rule for time zones holds wherever dates and times are read:

- A time without an offset is what a clock showed. No zone is assumed.
- A time with an offset, or a timestamp with a zone, is an instant and is counted in UTC.
- Offsets that differ within a column are brought to UTC, with a warning; a time without an offset
  among them is taken for UTC.
- Forecasts return times in the one offset or zone of the column they were given. Where the instants
  are not regular but the clocks are, as with days in a zone with summer time, time steps are
  counted as the clocks show them; with texts whose offsets change this is said, and the forecast
  has no zone.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from datetime import datetime, tzinfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kerasnn.data.columns import cells

ISO = "ISO8601"
MISSING_DATE: int = int(np.iinfo(np.int64).min)

_TIME = r"([ T]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?)?"
_MONTHS = (
    "(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    "|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_MONTH = re.compile(rf"\b{_MONTHS}\b", re.IGNORECASE)
_OFFSET = re.compile(r"\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s?(Z|[-+]\d{2}:?\d{2})$")
_SHAPES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"\d{4}-\d{2}(-\d{2}([ T]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?\s?(Z|[-+]\d{2}:?\d{2})?)?)?", (ISO,)),
    (r"\d{4}/\d{1,2}/\d{1,2}" + _TIME, ("%Y/%m/%d",)),
    (r"\d{1,2}\.\d{1,2}\.\d{4}" + _TIME, ("%d.%m.%Y",)),
    (r"\d{1,2}/\d{1,2}/\d{4}" + _TIME, ("%m/%d/%Y", "%d/%m/%Y")),
    (r"\d{1,2}-\d{1,2}-\d{4}" + _TIME, ("%d-%m-%Y", "%m-%d-%Y")),
    (rf"\d{{1,2}}[- ]{_MONTHS}[- ]\d{{4}}" + _TIME, ("%d %b %Y", "%d-%b-%Y")),
    (rf"{_MONTHS} \d{{1,2}},? \d{{4}}" + _TIME, ("%b %d, %Y", "%b %d %Y")),
    (rf"{_MONTHS}[- ]\d{{4}}", ("%b %Y", "%b-%Y")),
    (rf"\d{{4}}[- ]{_MONTHS}", ("%Y %b", "%Y-%b")),
    (rf"\d{{4}}[- ]{_MONTHS}[- ]\d{{1,2}}" + _TIME, ("%Y %b %d", "%Y-%b-%d")),
)
_QUARTER = re.compile(r"Q([1-4])(?!\d)", re.IGNORECASE)
# Layouts of quarters and weeks, each with its shape and an example for messages.
_PERIODS: dict[str, tuple[str, str]] = {
    "%YQ%q": (r"\d{4}Q[1-4]", "2000Q1"),
    "%Y-Q%q": (r"\d{4}-Q[1-4]", "2000-Q1"),
    "%Y Q%q": (r"\d{4} Q[1-4]", "2000 Q1"),
    "Q%q %Y": (r"Q[1-4] \d{4}", "Q1 2000"),
    "Q%q-%Y": (r"Q[1-4]-\d{4}", "Q1-2000"),
    "Q%q/%Y": (r"Q[1-4]/\d{4}", "Q1/2000"),
    "%G-W%V": (r"\d{4}-W\d{2}", "2015-W02"),
    "%GW%V": (r"\d{4}W\d{2}", "2015W02"),
    "%G-W%V-%u": (r"\d{4}-W\d{2}-[1-7]", "2015-W02-3"),
    "%GW%V%u": (r"\d{4}W\d{2}[1-7]", "2015W023"),
}
_LOOKS = (*_SHAPES, *((shape, (layout,)) for layout, (shape, _) in _PERIODS.items()))
_TIMES = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", "T%H:%M", "T%H:%M:%S")


def layouts(texts: Sequence[str]) -> list[str]:
    """Every layout that all of the texts can be read with; the most probable first."""
    column = pa.array(texts, pa.large_string())
    if not texts or not (days := _common_shape(column)):
        return []
    has_time = days != (ISO,) and not is_period(days[0])
    candidates = [day + time for day in days for time in _TIMES] if has_time else list(days)
    # A few texts rule most layouts out, and cheaply.
    for some in (texts[:100], texts):
        candidates = [layout for layout in candidates if parse_each(some, layout)[1].all()]
    return candidates


def looks_like_dates(texts: Sequence[str]) -> bool:
    """Whether every text has the look of a date, each perhaps in another layout."""
    column = pa.array(texts, pa.large_string())
    return bool(np.any([_matches(column, shape) for shape, _ in _LOOKS], axis=0).all())


def parse_each(texts: Sequence[str], layout: str) -> tuple[np.ndarray, np.ndarray]:
    """Seconds since 1970 UTC, int64 (n,), and whether each text could be read, bool (n,)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain, directives = _without_periods(texts, layout)
        # Whole names and short ones may stand in one column.
        short = map(_with_short_month, plain) if "%b" in layout else plain
        column = pd.Series(list(short), dtype=object)
        parsed = pd.to_datetime(column, format=directives, utc=True, errors="coerce")
    known = parsed.notna().to_numpy()
    if layout == ISO:
        # pandas also takes a bare year, which is a number here.
        known = known & _matches(pa.array(texts, pa.large_string()), _SHAPES[0][0])
    return to_seconds(parsed), known


def is_period(layout: str) -> bool:
    """Whether a layout is one of quarters or of weeks, which give no day of a month.

    >>> is_period("%YQ%q"), is_period("%d.%m.%Y")
    (True, False)
    """
    return layout in _PERIODS


def described(layout: str) -> str:
    """A layout for people.

    >>> described("ISO8601"), described("%d.%m.%Y"), described("%YQ%q")
    ('ISO 8601', '%d.%m.%Y', '2000Q1')
    """
    return _PERIODS[layout][1] if layout in _PERIODS else "ISO 8601" if layout == ISO else layout


def write(times: pd.Series, layout: str) -> list[str]:
    """Timestamps as texts.

    >>> write(pd.Series(pd.to_datetime(["2000-04-01"])), "Q%q %Y")
    ['Q2 2000']
    """
    return [time.strftime(layout.replace("%q", str(time.quarter))) for time in times]


def is_layout(layout: str) -> bool:
    """Whether dates can be read with a layout; others come from damaged bundles alone.

    >>> is_layout("%d.%m.%Y"), is_layout("%d%d")
    (True, False)
    """
    try:
        parse_each(["x"], layout)
    except (ValueError, re.error):
        return False
    return True


def offset_of(text: object) -> str:
    """The offset from UTC that a time is written with; empty where it has none.

    >>> offset_of("2026-01-31 12:00+02:00"), offset_of("2026-01-31T12:00Z"), offset_of("12:00")
    ('+0200', '+0000', '')
    """
    match = _OFFSET.search(text.strip()) if isinstance(text, str) else None
    if match is None:
        return ""
    return "+0000" if match[1] == "Z" else match[1].replace(":", "")


def zone_of(series: pd.Series) -> tuple[tzinfo | None, str]:
    """The one zone or offset that the times of a column are in, and what to warn of if none is.

    Args:
        series: Timestamps, or texts.

    Returns:
        None for times without one; UTC, and a sentence, where offsets differ or some lack one.
    """
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        return series.dtype.tz, ""
    array = cells.to_arrow(series)
    if pa.types.is_timestamp(array.type):
        zone = array.type.tz
        return (pd.DatetimeTZDtype(tz=zone).tz if zone else None), ""
    if cells.form_of(array) != "text":
        return None, ""
    texts = cells.distinct(cells.text_cells(array, dash=True))[0]
    offsets = sorted({offset_of(text) for text in texts})
    if offsets in ([], [""]):
        return None, ""
    if len(offsets) == 1:
        zone = datetime.strptime(offsets[0], "%z").tzinfo
        return pd.Timestamp(0, tz=zone).tz, ""
    if offsets[0] == "":
        return pd.Timestamp(0, tz="UTC").tz, "times without an offset among others are read as UTC"
    listed = ", ".join(f"{offset[:3]}:{offset[3:]}" for offset in offsets[:3])
    return pd.Timestamp(0, tz="UTC").tz, f"times with the offsets {listed} are brought to UTC"


def in_zone(times: pd.Series, zone: tzinfo | None, *, is_local: bool = False) -> pd.Series:
    """Timestamps in UTC, or as the clocks of a zone show them, with that zone.

    Args:
        times: Timestamps without a zone.
        zone: Zone or offset; None gives them back as they are.
        is_local: True if the times are local ones, without an offset from UTC.
    """
    if zone is None:
        return times
    placed: pd.Series
    if not is_local:
        placed = times.dt.tz_localize("UTC").dt.tz_convert(zone)
        return placed
    # An hour that there is twice is its first one; one that there is not is the next.
    is_summer = np.ones(len(times), dtype=bool)
    placed = times.dt.tz_localize(zone, ambiguous=is_summer, nonexistent="shift_forward")
    return placed


def to_seconds(stamps: pd.Series) -> np.ndarray:
    """Timestamps as seconds since 1970, int64 (n,), rounded down; missing is `MISSING_DATE`."""
    if getattr(stamps.dtype, "tz", None) is not None:
        stamps = stamps.dt.tz_convert("UTC").dt.tz_localize(None)
    return stamps.to_numpy().astype("datetime64[s]").astype(np.int64)


def _without_periods(texts: Sequence[str], layout: str) -> tuple[Sequence[str], str]:
    """Quarters as their first months, and weeks with their first days, and the layout of these."""
    if "%q" in layout:
        # What is no quarter must not pass for a month.
        months = [
            _QUARTER.sub(lambda found: f"Q{3 * int(found[1]) - 2:02}", text)
            if _QUARTER.search(text)
            else ""
            for text in texts
        ]
        return months, layout.replace("%q", "%m")
    if "%V" in layout and "%u" not in layout:
        return [f"{text}-1" for text in texts], f"{layout}-%u"
    return texts, layout


def _with_short_month(text: str) -> str:
    return _MONTH.sub(lambda match: match[0][:3], text)


def _common_shape(column: pa.Array) -> tuple[str, ...]:
    """Layouts of the day that fit the look of every text."""
    return next((found for shape, found in _LOOKS if _matches(column, shape).all()), ())


def _matches(column: pa.Array, shape: str) -> np.ndarray:
    matches = pc.match_substring_regex(column, f"^(?:{shape})$", ignore_case=True)
    return np.asarray(matches, dtype=bool)
