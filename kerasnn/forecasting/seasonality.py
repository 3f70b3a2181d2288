"""How many time steps a season has: by the frequency, confirmed by the readings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kerasnn.forecasting.frequency import DAY_S, WEEK_S, Frequency

# Correlations with the season before: below it there is none; so much more another one must have.
WEAKEST, CLEARLY = 0.1, 0.1
# A season that nothing but the readings tells must show clearly.
WEAKEST_UNNAMED = 0.4
LONGEST_UNNAMED = 400
# What is looked at: more would take long and say the same.
MOST_SERIES, MOST_POINTS = 20, 20_000


def candidates(frequency: Frequency) -> tuple[int, ...]:
    """Seasons that a calendar suggests, the most probable first.

    >>> candidates(Frequency("second", 3600)), candidates(Frequency("month", 1))
    ((24, 168), (12,))
    """
    step = frequency.step
    if frequency.unit == "month":
        return (12 // step,) if step < 12 and 12 % step == 0 else ()
    if frequency.unit == "weekday":
        return (5,)
    if frequency.unit == "step":
        return ()
    if step == WEEK_S:
        return (52,)
    if step == DAY_S:
        return (7, 365)
    spans = (DAY_S, WEEK_S, 3_600) if step >= 300 else (3_600, DAY_S)
    return tuple(span // step for span in spans if span % step == 0 and span > step)


def infer(frequency: Frequency, series: Sequence[NDArray[np.float64]]) -> int:
    """The season of the training readings; 1 where there is none.

    Args:
        frequency: Frequency of the readings.
        series: Those of each series, (time steps, targets); NaN where one is missing.
    """
    columns = [
        values[-MOST_POINTS:, target]
        for values in list(series)[:MOST_SERIES]
        for target in range(min(values.shape[1], MOST_SERIES))
    ]
    named = candidates(frequency)
    if not named:
        return _unnamed(columns) if frequency.unit == "step" else 1
    strengths = {season: strength(columns, season) for season in named}
    best = max(named, key=lambda season: strengths[season])
    if strengths[best] < strengths[named[0]] + CLEARLY:
        best = named[0]
    return best if strengths[best] >= WEAKEST else 1


def strength(columns: Sequence[NDArray[np.float64]], season: int) -> float:
    """Mean correlation of readings with those a season ago, their moving average taken away.

    −1 where no series has two seasons.
    """
    found = []
    for values in columns:
        if len(values) < 2 * season + 2:
            continue
        level = pd.Series(values).rolling(season, center=True, min_periods=max(1, season // 2))
        rest = values - level.mean().to_numpy()
        now, before = rest[season:], rest[:-season]
        both = np.isfinite(now) & np.isfinite(before)
        spread = now[both].std() * before[both].std() if both.sum() > 2 else 0.0
        if spread > 1e-12:
            product = (now[both] - now[both].mean()) * (before[both] - before[both].mean())
            found.append(float(product.mean() / spread))
    return float(np.mean(found)) if found else -1.0


def _unnamed(columns: Sequence[NDArray[np.float64]]) -> int:
    """The shortest season that is nearly as strong as the strongest."""
    longest = min(max((len(values) for values in columns), default=0) // 3, LONGEST_UNNAMED)
    strengths = {season: strength(columns, season) for season in range(2, longest + 1)}
    best = max(strengths.values(), default=-1.0)
    if best < WEAKEST_UNNAMED:
        return 1
    return next(season for season, value in strengths.items() if value >= 0.95 * best)
