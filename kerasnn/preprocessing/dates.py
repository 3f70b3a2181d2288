"""Dates: seconds since 1970 become elapsed time and the positions in the year, month, week, day.

Everything up to the angles is integer arithmetic on numbers that are never negative, because the
runtimes of exported models differ in how they divide negative integers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasnn.data.columns.dates import MISSING_DATE
from kerasnn.preprocessing.arithmetic import Namespace, Tensor, cast, rounded

DAY_S = 86_400
# Days from 0000-03-01, where the calendar's cycles start, to 1970-01-01.
EPOCH_DAY = 719_468
TURN = 2 * math.pi
# The years 1 to 9999: what a calendar library can name.
EARLIEST_S, LATEST_S = -62_135_596_800, 253_402_300_799


@dataclass(frozen=True)
class DateColumn:
    """What one column's training rows taught.

    Args:
        name: Name of the column in the data.
        centre_day: Whole days from 0000-03-01 to the mean date.
        centre_share: The rest of the mean date, as a share of a day.
        factor: One over the standard deviation in days; 0 where the dates are all the same.
        has_time: True if any date has a time of day.
        indicator: True if a 0/1 column marks missing dates.
    """

    name: str
    centre_day: int
    centre_share: float
    factor: float
    has_time: bool
    indicator: bool

    @classmethod
    def fit(cls, name: str, seconds: NDArray[np.int64], *, indicator: bool) -> DateColumn:
        """Learn from the training rows' dates."""
        seen = seconds[seconds != MISSING_DATE]
        has_missing = len(seen) < len(seconds)
        if not len(seen):
            return cls(name, EPOCH_DAY, 0.0, 0.0, False, indicator and has_missing)
        from_start = np.clip(seen, EARLIEST_S, LATEST_S) + EPOCH_DAY * DAY_S
        days = from_start / DAY_S
        mean, deviation = float(days.mean()), float(days.std())
        return cls(
            name,
            int(mean),
            rounded(mean - int(mean)),
            rounded(1 / deviation) if len(np.unique(seen)) > 1 else 0.0,
            bool((from_start % DAY_S).any()),
            indicator and has_missing,
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> DateColumn:
        """Rebuild from plain data."""
        return cls(**data)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the columns that `date_features` makes."""
        cycles = ["month", "day", "weekday", *(["hour"] if self.has_time else [])]
        names = ["elapsed", *(f"{c} {wave}" for c in cycles for wave in ("sin", "cos"))]
        return tuple(f"{self.name}: {n}" for n in [*names, *(["missing"] * self.indicator)])


def date_features(xp: Namespace, seconds: Tensor, column: DateColumn) -> Tensor:
    """Elapsed time in standard deviations, and a point on a circle for each cycle.

    A missing date has 0 everywhere: the mean date, at the centre of each circle.

    Shape:
        seconds: (batch, 1), int64.
        Returns: (batch, len(column.features)), float32.
    """
    missing = xp.equal(seconds, MISSING_DATE)
    seconds = xp.clip(xp.where(missing, xp.zeros_like(seconds), seconds), EARLIEST_S, LATEST_S)
    from_start = seconds + EPOCH_DAY * DAY_S
    days, second = split_days(xp, from_start)
    time = cast(xp, second, "float32") / float(DAY_S)  # in [0, 1)
    month, day, weekday = calendar(xp, days)
    angles = [month / 12.0, day / 31.0, weekday / 7.0]
    features = [_elapsed(xp, days, time, column)]
    for share in [*angles, time] if column.has_time else angles:
        features += [xp.sin(share * TURN), xp.cos(share * TURN)]
    present = cast(xp, xp.logical_not(missing), "float32")
    together = xp.concatenate(features, axis=1) * present
    if not column.indicator:
        return together
    return xp.concatenate([together, cast(xp, missing, "float32")], axis=1)


def split_days(xp: Namespace, seconds: Tensor) -> tuple[Tensor, Tensor]:
    """Whole days, int32, and the seconds of the rest, int64, of seconds from 0 up to year 9999.

    LiteRT has no division of int64, but its remainder. So blocks of days and days are divided as
    float32, where they are too few to round to another integer.
    """
    block_s = 4_096 * DAY_S
    in_block = xp.mod(seconds, block_s)
    second = xp.mod(seconds, DAY_S)
    blocks = xp.round(cast(xp, seconds - in_block, "float32") / float(block_s))
    days = xp.round(cast(xp, in_block - second, "float32") / float(DAY_S))
    return cast(xp, blocks, "int32") * 4_096 + cast(xp, days, "int32"), second


def calendar(xp: Namespace, days: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Month (0 is January), day of the month (0 is the first) and weekday (0 is Monday).

    Args:
        xp: NumPy or ``keras.ops``.
        days: int32, days since 0000-03-01 of the proleptic Gregorian calendar, >= 0.

    Returns:
        Three float32 arrays.

    Reference: Hinnant, *chrono-Compatible Low-Level Date Algorithms*.
    """
    divide = xp.floor_divide
    day_of_era = days - divide(days, 146_097) * 146_097  # 400 years
    leap_days = divide(day_of_era, 1_460) - divide(day_of_era, 36_524) + divide(day_of_era, 146_096)
    year = divide(day_of_era - leap_days, 365)
    day_of_year = day_of_era - (year * 365 + divide(year, 4) - divide(year, 100))
    month_from_march = divide(day_of_year * 5 + 2, 153)
    day = day_of_year - divide(month_from_march * 153 + 2, 5)
    month = xp.mod(month_from_march + 2, 12)
    weekday = xp.mod(days + 2, 7)
    as_floats = [cast(xp, part, "float32") for part in (month, day, weekday)]
    return as_floats[0], as_floats[1], as_floats[2]


def _elapsed(xp: Namespace, days: Tensor, time: Tensor, column: DateColumn) -> Tensor:
    # Whole days are subtracted as integers: as float32 they would lose the time of day.
    whole = cast(xp, days - column.centre_day, "float32")
    return (whole + (time - column.centre_share)) * column.factor
