"""How far time steps are apart, and their numbers on a regular grid.

A grid of seconds (an hour, a week), of months (also quarters and years), of working days, or of
plain whole numbers. Each point has an ordinal: neighbours differ by one, whatever the calendar.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kerasnn.errors import DataError, UnknownNameError

Unit = Literal["second", "month", "weekday", "step"]

DAY_S, WEEK_S = 86_400, 604_800
LAST_DAY = 31
_WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_SECONDS = {"s": 1, "min": 60, "h": 3_600, "d": DAY_S, "w": WEEK_S}
_CALENDAR = {"m": 1, "ms": 1, "me": 1, "q": 3, "qs": 3, "qe": 3, "y": 12, "ys": 12, "ye": 12}
# What regular data may lack at most, where the distances have no common multiple of their own.
_FULL_ENOUGH = 0.25


@dataclass(frozen=True)
class Frequency:
    """A regular grid of time steps.

    Args:
        unit: Unit of the distance between neighbours.
        step: Number of units between neighbours; >= 1.
        phase: Seconds, months or whole numbers by which the grid is shifted, below the step.
        day: Day of the month, for months; 31 is the last one.
        second: Second of the day, for months and weekdays.
    """

    unit: Unit
    step: int
    phase: int = 0
    day: int = 1
    second: int = 0

    @property
    def name(self) -> str:
        """Name in the letters of pandas, such as ``h`` or ``W-SAT``; a number for plain steps.

        >>> Frequency("second", 900).name, Frequency("month", 3).name, Frequency("step", 1).name
        ('15min', 'QS', '1')
        """
        if self.unit == "step":
            return str(self.step)
        if self.unit == "weekday":
            return "B"
        return self._seconds_name() if self.unit == "second" else self._months_name()

    @property
    def seconds(self) -> float:
        """Mean seconds between neighbours; plain steps have none and count as one."""
        return self.step * {"second": 1.0, "month": 2_629_746.0, "weekday": 1.4 * DAY_S}.get(
            self.unit, 1.0
        )

    def ordinals(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """Numbers on the grid of seconds since 1970 (or plain numbers), rounded down."""
        if self.unit == "month":
            return (_months(values) - self.phase) // self.step
        if self.unit == "weekday":
            days = values // DAY_S + 3  # 1970-01-01 was a Thursday
            return 5 * (days // 7) + np.minimum(days % 7, 4)
        return (values - self.phase) // self.step

    def values(self, ordinals: NDArray[np.int64]) -> NDArray[np.int64]:
        """Seconds since 1970, or plain numbers, of points on the grid."""
        if self.unit == "month":
            months = ordinals * self.step + self.phase
            start = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
            stop = (months + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
            days: NDArray[np.int64] = start + np.minimum(self.day, stop - start) - 1
            return days * DAY_S + self.second
        if self.unit == "weekday":
            return (7 * (ordinals // 5) - 3 + ordinals % 5) * DAY_S + self.second
        return ordinals * self.step + self.phase

    def texts(self, values: NDArray[np.int64]) -> list[str]:
        """Points in time for people."""
        if self.unit == "step":
            return [str(value) for value in values.tolist()]
        stamps = values.astype("datetime64[s]")
        midnight = self.unit != "second" or (self.step % DAY_S == 0 and self.phase % DAY_S == 0)
        plain = stamps.astype("datetime64[D]") if midnight and not self.second else stamps
        return [str(stamp).replace("T", " ") for stamp in plain]

    def _seconds_name(self) -> str:
        if self.step % WEEK_S == 0:
            weekday = _WEEKDAYS[(self.phase // DAY_S + 3) % 7]
            return f"{_count(self.step // WEEK_S)}W-{weekday}"
        for letters, size in (("D", DAY_S), ("h", 3_600), ("min", 60)):
            if self.step % size == 0:
                return f"{_count(self.step // size)}{letters}"
        return f"{_count(self.step)}s"

    def _months_name(self) -> str:
        edge = {1: "S", LAST_DAY: "E"}.get(self.day, "")
        for letter, size in (("Y", 12), ("Q", 3)):
            if self.step % size == 0:
                first = self.phase % size
                # The end of December and of March are where years and quarters end anyway.
                usual = size - 1 if edge == "E" else 0
                anchor = "" if first == usual else f"-{_MONTHS[first]}"
                return f"{_count(self.step // size)}{letter}{edge}{anchor}"
        return f"{_count(self.step)}M{edge}"


def parse(text: str) -> Frequency:
    """The grid that a name stands for, still without its phase.

    Raises:
        UnknownNameError: It is none.

    >>> parse("15min").step, parse("W-SAT").name, parse("MS").unit
    (900, 'W-SAT', 'month')
    """
    match = re.fullmatch(r"(\d*)\s*([A-Za-z]*)(?:-([A-Za-z]{3}))?", text.strip())
    count = int(match[1] or 1) if match else 0
    letters, anchor = (match[2].lower(), (match[3] or "").upper()) if match else ("", "")
    if match and count and match[1] and not letters:
        return Frequency("step", count)
    if count and letters in _SECONDS:
        step = count * _SECONDS[letters]
        phase = (_WEEKDAYS.index(anchor) - 3) % 7 * DAY_S if anchor in _WEEKDAYS else 0
        return Frequency("second", step, phase)
    if count and letters in _CALENDAR:
        phase = _MONTHS.index(anchor) if anchor in _MONTHS else 0
        day = LAST_DAY if letters.endswith("e") else 1
        return Frequency("month", count * _CALENDAR[letters], phase, day)
    if count == 1 and letters == "b":
        return Frequency("weekday", 1)
    raise UnknownNameError("frequency", text, ("s", "15min", "h", "D", "B", "W", "MS", "QS", "YS"))


def infer(series: Sequence[NDArray[np.int64]], *, plain: bool = False) -> Frequency | None:
    """The grid on which the times of all series lie; None if there is none.

    Args:
        series: The times of each, ascending and different; seconds since 1970, or plain numbers.
        plain: True if they are numbers and no dates.
    """
    distances = np.concatenate([np.diff(times) for times in series])
    if not len(distances):
        return None
    together = np.concatenate(list(series))
    if not plain and (found := _of_months(together, distances)):
        return found
    step = _step(distances)
    if step is None:
        return None
    unit: Unit = "step" if plain else "second"
    if not plain and step == DAY_S and _skips_weekends(together, distances):
        found = Frequency("weekday", 1, second=int(together[0] % DAY_S))
    else:
        found = Frequency(unit, step, int(together[0] % step))
    return found if _holds(found, together) else None


def fit(given: Frequency, times: NDArray[np.int64]) -> Frequency | None:
    """A named grid with its phase from the data; None where some time is not on it."""
    first = times[0]
    if given.unit == "month":
        phase, second = int(_months(first) % given.step), int(first % DAY_S)
        found = replace(given, phase=phase, day=_day(times), second=second)
    elif given.unit == "weekday":
        found = replace(given, second=int(first % DAY_S))
    else:
        found = replace(given, phase=int(first % given.step))
    return found if _holds(found, times) else None


def common_distance(series: Sequence[NDArray[np.int64]]) -> int:
    """The distance between neighbours that occurs most often, for a message."""
    return _mode(np.concatenate([np.diff(times) for times in series]))


def check_anchor(given: str, found: Frequency) -> None:
    """Raise if a name such as ``W-MON`` was given and the times lie on another day.

    Raises:
        DataError: Says on which.
    """
    if "-" in given and found.name.upper().partition("-")[2] != given.upper().partition("-")[2]:
        problem = f"the times are '{found.name}', not '{given}'"
        raise DataError(problem, location="forecast.frequency", hint="leave the frequency out")


def _holds(found: Frequency, times: NDArray[np.int64]) -> bool:
    return bool((found.values(found.ordinals(times)) == times).all())


def _count(number: int) -> str:
    return str(number) if number > 1 else ""


def _mode(distances: NDArray[np.int64]) -> int:
    values, counts = np.unique(distances, return_counts=True)
    return int(values[counts.argmax()])


def _step(distances: NDArray[np.int64]) -> int | None:
    """The commonest distance where it divides all, else what does if most points are there."""
    mode, common = _mode(distances), int(np.gcd.reduce(distances))
    if not (distances % mode).any():
        return mode
    full = len(distances) * common / distances.sum()
    return common if 4 * common >= mode and full >= _FULL_ENOUGH else None


def _months(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Months since January 1970."""
    months: NDArray[np.int64] = (
        np.asarray(values).astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)
    )
    return months


def _days_of_month(values: NDArray[np.int64]) -> NDArray[np.int64]:
    days = values.astype("datetime64[s]").astype("datetime64[D]")
    counted: NDArray[np.int64] = (days - days.astype("datetime64[M]")).astype(np.int64) + 1
    return counted


def _day(times: NDArray[np.int64]) -> int:
    """The day of the month that all times have; 31 where each is the last of its month."""
    tomorrow = _days_of_month(times + DAY_S)
    return LAST_DAY if (tomorrow == 1).all() else int(_days_of_month(times).max())


def _of_months(times: NDArray[np.int64], distances: NDArray[np.int64]) -> Frequency | None:
    if distances.min() < 28 * DAY_S:
        return None
    months = _months(times)
    day, second = _day(times), int(times[0] % DAY_S)
    step = int(np.gcd.reduce(np.abs(np.diff(months))))
    if step < 1:
        return None
    found = Frequency("month", step, int(months[0] % step), day, second)
    return found if _holds(found, times) else None


def _skips_weekends(times: NDArray[np.int64], distances: NDArray[np.int64]) -> bool:
    weekdays = (times // DAY_S + 3) % 7
    return bool((weekdays < 5).all() and (distances == 3 * DAY_S).sum() >= 2)
