"""What any forecast is held against: the last season, with its drift, and a linear model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kerasnn.forecasting.panel import Panel
from kerasnn.forecasting.windows import Origins, PastRows, fill
from kerasnn.metrics.forecasts import Forecasts

RIDGE = "ridge_nlinear"


@dataclass(frozen=True, eq=False)
class Baseline:
    """A simple model's forecasts of the windows that a model forecast.

    Args:
        name: Name in score files.
        title: Title in reports.
        forecasts: Forecasts of the same windows in the same order.
    """

    name: str
    title: str
    forecasts: Forecasts


def naive_baselines(
    panel: Panel, origins: Origins, found: Forecasts, *, logarithm: bool
) -> list[Baseline]:
    """The last season, and the last season with its drift.

    Args:
        panel: The series.
        origins: Origins of the forecasts.
        found: Forecasts whose windows, season and truth are taken.
        logarithm: True for a drift of the logarithms; the readings that were trained on are then
            all above 0.
    """
    plain = seasonal_naive(panel, origins, horizon=found.horizon, season=found.season)
    drifting = seasonal_naive(
        panel,
        origins,
        horizon=found.horizon,
        season=found.season,
        drift=True,
        logarithm=logarithm,
    )
    what = "seasonal naive" if found.season > 1 else "naive"
    title = f"log {what} + drift" if logarithm else f"{what} + drift"
    pairs = (("seasonal_naive", what, plain), ("naive_drift", title, drifting))
    return [Baseline(name, title, _with(found, values)) for name, title, values in pairs]


def seasonal_naive(
    panel: Panel,
    origins: Origins,
    *,
    horizon: int,
    season: int,
    drift: bool = False,
    logarithm: bool = False,
) -> NDArray[np.float64]:
    """The values of the last season again and again.

    Args:
        panel: The series.
        origins: Origins to forecast from.
        horizon: Points ahead.
        season: Points of a season.
        drift: True to move each season by the mean change from season to season, over all that was
            known at the origin.
        logarithm: True to do this with the logarithms; a reading that has none is missing.

    Returns:
        (n, horizon, targets), in the unit of the targets.

    Reference: Hyndman & Athanasopoulos, "Forecasting: principles and practice", 2021, section 5.2.
    """
    series = [_logarithm(t.target) if logarithm else t.target for t in panel.tracks]
    last = PastRows(fill(series, season + horizon), origins, season)[:].astype(np.float64)
    steps = np.arange(horizon)
    values = last[:, steps % season]
    if drift:
        changes = _mean_changes(series, season)
        firsts = np.cumsum([0, *map(len, series)])[:-1]
        mean = changes[firsts[origins.track] + origins.at]
        values = values + mean[:, None] * (1 + steps // season)[None, :, None]
    return np.exp(np.minimum(values, 700.0)) if logarithm else values


def all_positive(panel: Panel, stops: NDArray[np.int64]) -> bool:
    """Whether every reading before an index of each series is above 0."""
    least = [
        float(np.nanmin(track.target[:stop]))
        for track, stop in zip(panel.tracks, stops, strict=True)
        if np.isfinite(track.target[:stop]).any()
    ]
    return bool(least) and min(least) > 0


def _mean_changes(series: Sequence[NDArray[np.float64]], season: int) -> NDArray[np.float64]:
    """Mean change from season to season up to each point, below each other; 0 where unknown."""
    means = []
    for values in series:
        changes = np.full_like(values, np.nan)
        changes[season:] = values[season:] - values[:-season]
        count = np.cumsum(np.isfinite(changes), axis=0)
        means.append(np.nancumsum(changes, axis=0) / np.maximum(count, 1))
    return np.concatenate(means)


def _logarithm(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log(np.where(values > 0, values, np.nan))


def _with(found: Forecasts, values: NDArray[np.float64]) -> Forecasts:
    return replace(found, prediction=values, quantiles={})
