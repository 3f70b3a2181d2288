"""The position in the day, the week, the month and the year: known for any time ahead."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kerasnn.forecasting.frequency import DAY_S, WEEK_S, Frequency

# Seconds of each cycle.
CYCLES = {"day": DAY_S, "week": WEEK_S, "month": 31 * DAY_S, "year": 366 * DAY_S}


def cycles_for(frequency: Frequency, n_points: int) -> tuple[str, ...]:
    """The cycles that a frequency can tell apart, and of which training saw two at least.

    >>> cycles_for(Frequency("second", 3600), 24 * 400), cycles_for(Frequency("month", 1), 60)
    (('day', 'week'), ('year',))
    """
    if frequency.unit == "step":
        return ()
    finest = frequency.seconds
    span = finest * n_points
    telling = {
        "day": finest < DAY_S,
        "week": finest < WEEK_S,
        "month": DAY_S <= finest < WEEK_S,
        "year": finest < 200 * DAY_S,
    }
    return tuple(name for name, tells in telling.items() if tells and span >= 2 * CYCLES[name])


def feature_names(cycles: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the columns of `features`."""
    return tuple(f"{cycle} {wave}" for cycle in cycles for wave in ("sin", "cos"))


def features(cycles: tuple[str, ...], seconds: NDArray[np.int64]) -> NDArray[np.float32]:
    """A point on a circle for each cycle, (n, 2 · cycles).

    Args:
        cycles: Names of cycles, as `cycles_for` returns them.
        seconds: Seconds since 1970, (n,).
    """
    columns = []
    for cycle in cycles:
        angle = 2 * np.pi * _share(cycle, seconds)
        columns += [np.sin(angle), np.cos(angle)]
    if not columns:
        return np.zeros((len(seconds), 0), "float32")
    return np.stack(columns, axis=1).astype("float32")


def _share(cycle: str, seconds: NDArray[np.int64]) -> NDArray[np.float64]:
    """How much of the cycle has passed, in [0, 1)."""
    if cycle == "day":
        return seconds % DAY_S / DAY_S
    if cycle == "week":
        return (seconds + 3 * DAY_S) % WEEK_S / WEEK_S
    unit = "datetime64[M]" if cycle == "month" else "datetime64[Y]"
    begun = seconds.astype("datetime64[s]").astype(unit)
    start = begun.astype("datetime64[s]").astype(np.int64)
    stop = (begun + 1).astype("datetime64[s]").astype(np.int64)
    share: NDArray[np.float64] = (seconds - start) / (stop - start)
    return share
