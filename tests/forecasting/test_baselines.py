"""Seasonal naive forecasts against plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from kerasnn.forecasting.baselines import all_positive, naive_baselines, seasonal_naive
from kerasnn.forecasting.column_roles import ColumnRoles
from kerasnn.forecasting.frequency import Frequency
from kerasnn.forecasting.panel import Panel, TimeSeries
from kerasnn.forecasting.windows import Origins
from kerasnn.metrics.forecasts import Forecasts


def panel(*series: np.ndarray) -> Panel:
    roles = ColumnRoles(time="t", series=("s",), targets=("y",), clock="steps")
    none = np.zeros(0)
    tracks = tuple(
        TimeSeries(
            (f"s{i}",),
            3 * i,
            values[:, None],
            np.zeros((len(values), 0)),
            np.zeros((len(values), 0)),
            none,
        )
        for i, values in enumerate(series)
    )
    return Panel(roles, Frequency("step", 1), tracks)


def walk(n: int, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.1, 0.05, n).cumsum() + 5


def origins(*pairs: tuple[int, int]) -> Origins:
    track, at = np.array(pairs, np.int64).T
    return Origins(track, at)


@pytest.mark.parametrize("logarithm", [False, True])
def test_the_last_season_with_the_mean_change_of_all_that_is_known(logarithm: bool) -> None:
    one, two = walk(30), walk(40, seed=1)
    season, horizon = 4, 10
    where = origins((0, 29), (1, 17), (1, 30))
    found = seasonal_naive(
        panel(one, two), where, horizon=horizon, season=season, drift=True, logarithm=logarithm
    )
    for row, (values, at) in enumerate(((one, 29), (two, 17), (two, 30))):
        known = np.log(values[: at + 1]) if logarithm else values[: at + 1]
        change = np.mean(known[season:] - known[:-season])
        expected = [
            known[len(known) - season + step % season] + (1 + step // season) * change
            for step in range(horizon)
        ]
        expected = np.exp(expected) if logarithm else expected
        np.testing.assert_allclose(found[row, :, 0], expected, rtol=1e-5)


def test_without_drift_and_without_a_season() -> None:
    values = walk(20)
    plain = seasonal_naive(panel(values), origins((0, 19)), horizon=5, season=3)
    np.testing.assert_allclose(plain[0, :, 0], values[[17, 18, 19, 17, 18]], rtol=1e-6)
    drifting = seasonal_naive(panel(values), origins((0, 19)), horizon=3, season=1, drift=True)
    change = (values[-1] - values[0]) / 19
    np.testing.assert_allclose(drifting[0, :, 0], values[-1] + change * np.arange(1, 4), rtol=1e-5)


def test_nothing_behind_the_origin_has_a_say() -> None:
    values = walk(30)
    other = values.copy()
    other[20:] = 99
    known = [
        seasonal_naive(panel(each), origins((0, 19)), horizon=6, season=4, drift=True)
        for each in (values, other)
    ]
    np.testing.assert_array_equal(*known)


def test_gaps_are_filled_by_what_was_known() -> None:
    values = walk(24)
    holes = values.copy()
    holes[[5, 18, 23]] = np.nan
    found = seasonal_naive(
        panel(holes), origins((0, 23)), horizon=4, season=4, drift=True, logarithm=True
    )
    assert np.isfinite(found).all()
    logs = np.log(holes)
    change = np.nanmean(logs[4:] - logs[:-4])
    # The last reading is missing: the one before it holds.
    np.testing.assert_allclose(found[0, 3, 0], np.exp(logs[22] + change), rtol=1e-5)


def test_a_series_shorter_than_a_season() -> None:
    found = seasonal_naive(panel(walk(3)), origins((0, 2)), horizon=5, season=12, drift=True)
    assert np.isfinite(found).all()


def test_titles_and_positive_series() -> None:
    values = walk(30)
    where = origins((0, 20))
    found = Forecasts(
        ("y",),
        np.array(["s0"], dtype=object),
        np.array(["2020-01-01"], "datetime64[s]"),
        np.array([["2020-01-02"] * 5], "datetime64[s]"),
        np.zeros((1, 5, 1)),
        np.zeros((1, 5, 1)),
        np.ones((1, 1)),
        season=4,
    )
    titles = [b.title for b in naive_baselines(panel(values), where, found, logarithm=True)]
    assert titles == ["seasonal naive", "log seasonal naive + drift"]
    assert all_positive(panel(values), np.array([30]))
    values[12] = 0
    assert not all_positive(panel(values), np.array([30]))
    assert all_positive(panel(values), np.array([12]))
