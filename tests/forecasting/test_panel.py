"""Series on a regular grid: frequency, season, calendar, roles of columns, gaps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from kerasnn.data import read
from kerasnn.errors import ConfigError, DataError, KerasnnWarning, UnknownNameError
from kerasnn.forecasting import calendar, column_roles, frequency, seasonality
from kerasnn.forecasting.frequency import Frequency
from kerasnn.forecasting.panel import Panel, locate, read_panel
from kerasnn.forecasting.splits import divide
from kerasnn.options import DataOptions, ForecastOptions, SplitOptions

NAMES = {
    "s": "s",
    "15min": "15min",
    "h": "h",
    "6h": "6h",
    "D": "D",
    "2D": "2D",
    "W-SAT": "W-SAT",
    "W-MON": "W-MON",
    "B": "B",
    "MS": "MS",
    "ME": "ME",
    "2MS": "2MS",
    "QS": "QS",
    "QE": "QE",
    "YS": "YS",
    "YE": "YE",
}


def panel_of(frame: pd.DataFrame, **options: Any) -> Panel:
    target = options.pop("target", None if "targets" in options else "y")
    chosen = ForecastOptions(horizon=2, **options)
    table = read(frame).frame
    found = column_roles.infer(table, DataOptions(target=target), chosen)
    return read_panel(table, locate(table, found, chosen.frequency))


def seconds(times: pd.DatetimeIndex) -> np.ndarray:
    return times.to_numpy().astype("datetime64[s]").astype(np.int64)


@pytest.mark.parametrize("alias", NAMES)
def test_frequencies_are_found_and_named_as_by_pandas(alias: str) -> None:
    times = seconds(pd.date_range("2019-01-03", periods=40, freq=alias))
    found = frequency.infer([times])
    assert found is not None
    assert found.name == NAMES[alias]
    ordinals = found.ordinals(times)
    assert (np.diff(ordinals) == 1).all()
    assert (found.values(ordinals) == times).all()


@pytest.mark.parametrize("alias", NAMES)
def test_a_named_frequency_is_the_one_that_would_be_found(alias: str) -> None:
    times = seconds(pd.date_range("2019-01-03", periods=40, freq=alias))
    assert frequency.fit(frequency.parse(alias), times) == frequency.infer([times])


@pytest.mark.parametrize("alias", ["h", "W-SAT", "MS", "QE", "B"])
def test_gaps_do_not_hide_the_frequency(alias: str) -> None:
    times = seconds(pd.date_range("2019-01-03", periods=60, freq=alias))
    kept = np.delete(times, [5, 6, 20, 41])
    found = frequency.infer([kept])
    assert found is not None
    assert found.name == alias
    assert found.ordinals(kept)[-1] - found.ordinals(kept)[0] == 59


def test_times_of_day_and_days_of_the_month_are_kept() -> None:
    half_past = seconds(pd.date_range("2020-01-01 00:30", periods=9, freq="h"))
    found = frequency.infer([half_past])
    assert found == Frequency("second", 3600, 1800)
    fifteenth = seconds(pd.date_range("2020-01-01", periods=9, freq="MS") + pd.Timedelta("14D6h"))
    found = frequency.infer([fifteenth])
    assert found == Frequency("month", 1, 0, 15, 6 * 3600)
    assert (found.values(found.ordinals(fifteenth)) == fifteenth).all()


def test_the_last_day_of_each_month_is_the_end_of_months() -> None:
    ends = seconds(pd.DatetimeIndex(["2020-01-31", "2020-02-29", "2020-03-31", "2020-04-30"]))
    found = frequency.infer([ends])
    assert found is not None
    assert found.name == "ME"
    assert found.texts(found.values(found.ordinals(ends) + 12))[1] == "2021-02-28"


def test_an_unknown_frequency_names_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="unknown frequency 'fortnight'"):
        frequency.parse("fortnight")


def test_irregular_times_have_no_frequency() -> None:
    random = np.random.default_rng(0)
    times = np.sort(random.integers(0, 10**7, 50))
    assert frequency.infer([times]) is None


def test_plain_numbers_are_steps() -> None:
    found = panel_of(pd.DataFrame({"t": [0, 2, 4, 8], "y": [1.0, 2, 3, 4]}), time="t")
    assert found.frequency == Frequency("step", 2)
    assert len(found.tracks[0]) == 5
    assert np.isnan(found.tracks[0].target[3, 0])


def test_season_is_confirmed_by_the_readings() -> None:
    random = np.random.default_rng(0)
    hours = np.arange(24 * 30)
    noise = random.normal(0, 0.3, len(hours))
    hourly = Frequency("second", 3600)
    daily = np.sin(2 * np.pi * hours / 24) + noise
    weekly = 3.0 * ((hours // 24) % 7 >= 5) + 0.1 * np.sin(2 * np.pi * hours / 24) + noise
    assert seasonality.infer(hourly, [daily[:, None]]) == 24
    assert seasonality.infer(hourly, [weekly[:, None]]) == 168
    assert seasonality.infer(hourly, [noise[:, None]]) == 1
    assert seasonality.infer(hourly, [np.cumsum(noise)[:, None]]) == 1


def test_the_season_of_plain_steps_is_searched_for() -> None:
    random = np.random.default_rng(0)
    steps = np.arange(200)
    wave = np.sin(2 * np.pi * steps / 9) + random.normal(0, 0.2, 200)
    assert seasonality.infer(Frequency("step", 1), [wave[:, None]]) == 9
    assert seasonality.infer(Frequency("step", 1), [random.normal(size=(200, 1))]) == 1


def test_a_season_survives_gaps_and_a_trend() -> None:
    months = np.arange(120)
    values = months + 10 * np.sin(2 * np.pi * months / 12)
    values[[3, 40, 41, 42]] = np.nan
    assert seasonality.infer(Frequency("month", 1), [values[:, None]]) == 12


def test_calendar_says_where_in_each_cycle_a_time_is() -> None:
    times = pd.DatetimeIndex(["2024-01-01 00:00", "2024-01-03 12:00", "2024-07-02 00:00"])
    waves = calendar.features(("day", "week", "year"), seconds(times))
    share = np.array([[0, 0, 0], [0.5, 2.5 / 7, 2.5 / 366], [0, 1 / 7, 183 / 366]])
    expected = np.stack([np.sin(2 * np.pi * share), np.cos(2 * np.pi * share)], axis=-1)
    np.testing.assert_allclose(waves, expected.reshape(3, 6), atol=1e-6)
    assert calendar.feature_names(("day", "week"))[:2] == ("day sin", "day cos")


def test_a_cycle_needs_two_turns_in_training() -> None:
    hourly = Frequency("second", 3600)
    assert calendar.cycles_for(hourly, 24 * 10) == ("day",)
    assert calendar.cycles_for(hourly, 24 * 800) == ("day", "week", "year")
    assert calendar.cycles_for(Frequency("second", 86_400), 800) == ("week", "month", "year")
    assert calendar.cycles_for(Frequency("step", 1), 10**6) == ()


def test_rows_are_put_on_the_grid() -> None:
    frame = pd.DataFrame({"when": ["2020-01-03", "2020-01-01", "2020-01-05"], "y": [3, 1, None]})
    with pytest.warns(KerasnnWarning, match="not in the order of time; they are sorted"):
        panel = panel_of(frame, frequency="D")
    track = panel.tracks[0]
    np.testing.assert_array_equal(track.target[:, 0], [1, np.nan, 3, np.nan, np.nan])
    assert track.end == 3
    assert panel.frequency.texts(panel.values(0, 0, 2)) == ["2020-01-01", "2020-01-02"]


def test_columns_find_their_roles() -> None:
    days = pd.date_range("2020-01-01", periods=30)
    frame = pd.concat(
        [
            pd.DataFrame(
                {
                    "day": days,
                    "shop": shop,
                    "town": town,
                    "area": area,
                    "y": np.arange(30.0),
                    "visitors": np.arange(30.0) ** 2,
                    "holiday": days.day_of_week == 6,
                    "comment": [f"word {i % 7}" for i in range(30)],
                    "same": 1,
                }
            )
            for shop, town, area in (("a", "Rome", 10.0), ("b", "Bonn", 20.0))
        ]
    )
    panel = panel_of(frame, series=("shop",), future_covariates=("holiday",))
    found = panel.roles
    with pytest.warns(KerasnnWarning, match="can't help a forecast are left out: 'comment' –"):
        column_roles.warn_of_unused(read(frame).frame, found, DataOptions(target="y"))
    assert (found.time, found.series, found.targets) == ("day", ("shop",), ("y",))
    assert (found.past_covariates, found.future_covariates) == (("visitors",), ("holiday",))
    assert (found.static_numbers, found.static_categories) == (("area",), ("shop", "town"))
    assert [track.static_categories for track in panel.tracks] == [("a", "Rome"), ("b", "Bonn")]
    assert [track.static_numbers.tolist() for track in panel.tracks] == [[10.0], [20.0]]
    assert panel.tracks[0].future_covariates[:5, 0].tolist() == [0, 0, 0, 0, 1]
    assert column_roles.ColumnRoles.from_dict(found.to_dict()) == found


def test_a_wide_table_has_several_targets() -> None:
    frame = pd.DataFrame(
        {"day": pd.date_range("2020-01-01", periods=9), "a": range(9), "b": range(9, 0, -1)}
    )
    panel = panel_of(frame, targets=("a", "b"))
    assert panel.tracks[0].target.shape == (9, 2)
    assert panel.roles.past_covariates == ()


def test_a_panel_comes_back_from_its_table() -> None:
    frame = pd.DataFrame(
        {
            "s": ["x"] * 4 + ["y"] * 3,
            "day": [
                "2020-01-01",
                "2020-01-02",
                "2020-01-05",
                "2020-01-06",
                "2020-02-01",
                "2020-02-02",
                "2020-02-03",
            ],
            "y": [1.5, None, 3, 4, 5, 6, 7],
            "size": [2.0] * 4 + [3.0] * 3,
            "other": [1.0, 2, 3, 4, 5, 6, None],
        }
    )
    panel = panel_of(frame, series=("s",))
    again_table = read(panel.to_frame()).frame
    again = read_panel(again_table, locate(again_table, panel.roles, panel.frequency))
    for one, other in zip(panel.tracks, again.tracks, strict=True):
        assert (one.key, one.start, one.static_categories) == (
            other.key,
            other.start,
            other.static_categories,
        )
        for name in ("target", "past_covariates", "future_covariates", "static_numbers"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_offsets_are_brought_to_utc() -> None:
    hours = pd.date_range("2020-03-28 20:00", periods=12, freq="h", tz="Europe/Rome")
    frame = pd.DataFrame({"at": hours.map(lambda time: time.isoformat()), "y": range(12)})
    with pytest.warns(KerasnnWarning, match=r"offsets \+01:00, \+02:00 are brought to UTC"):
        panel = panel_of(frame)
    assert panel.frequency.name == "h"
    assert len(panel.tracks[0]) == 12
    assert panel.frequency.texts(panel.values(0, 0, 1)) == ["2020-03-28 19:00:00"]
    assert panel_of(pd.DataFrame({"at": hours, "y": range(12)})).tracks[0].start == (
        panel.tracks[0].start
    )


def test_days_on_changing_clocks_are_read_as_the_clocks_showed_them() -> None:
    days = pd.date_range("2020-03-20", periods=20, tz="Europe/Rome")
    frame = pd.DataFrame({"at": days.map(lambda time: time.isoformat()), "y": range(20)})
    with pytest.warns(KerasnnWarning, match="offsets of the times change"):
        panel = panel_of(frame)
    assert panel.frequency.name == "D"
    assert panel.roles.clock == "local"
    assert panel.frequency.texts(panel.values(0, 0, 1)) == ["2020-03-20"]


def test_a_repeated_time_names_both_rows_and_the_column_that_tells_them_apart() -> None:
    days = [*pd.date_range("2020-01-01", periods=6)] * 2
    frame = pd.DataFrame({"day": days, "shop": ["a"] * 6 + ["b"] * 6, "y": range(12)})
    with pytest.raises(DataError, match=r"two rows have the time.*pass series='shop'"):
        panel_of(frame)
    assert len(panel_of(frame, series=("shop",))) == 2


def test_a_role_is_given_once() -> None:
    frame = pd.DataFrame({"day": pd.date_range("2020-01-01", periods=6), "y": range(6)})
    with pytest.raises(ConfigError, match="column 'y' has two roles"):
        panel_of(frame, future_covariates=("y",))
    with pytest.raises(UnknownNameError, match=r"unknown column 'dya'.*did you mean 'day'"):
        panel_of(frame, time="dya")


def parts_of(lengths: list[int], horizon: int, start: str = "2020-01-01", **options: Any) -> Any:
    frames = [
        pd.DataFrame({"day": pd.date_range(start, periods=n), "s": f"s{i}", "y": np.arange(n)})
        for i, n in enumerate(lengths)
    ]
    given = options.pop("given", None)
    return divide(
        panel_of(pd.concat(frames), series=("s",)), SplitOptions(**options), horizon, given
    )


def test_parts_are_in_the_order_of_time_and_do_not_overlap() -> None:
    parts = parts_of([200], 10)
    bounds = [parts.bounds(p) for p in ("train", "validation", "calibration", "test")]
    assert [int(first[0]) for first, _ in bounds] == [0, 140, 155, 170]
    assert [int(stop[0]) for _, stop in bounds] == [140, 155, 170, 200]


def test_times_before_1970_are_divided_like_others() -> None:
    parts = parts_of([200], 10, start="1949-01-01")
    assert [parts.validation.tolist(), parts.test.tolist()] == [[140], [170]]


def test_all_series_are_cut_at_one_time() -> None:
    parts = parts_of([200, 120, 160], 10)
    assert parts.test.tolist() == [170, 120, 160]
    assert parts.validation.tolist() == [140, 120, 140]
    assert parts.n_points("test") == 30


def test_rows_of_a_test_file_are_the_test_part() -> None:
    parts = parts_of([100, 100], 10, given={"test": [90, None]})
    assert parts.test.tolist() == [90, 100]
    assert parts.end.tolist() == [100, 100]


def test_validation_rows_of_their_own_need_test_rows() -> None:
    with pytest.raises(ConfigError, match="need test rows of their own"):
        parts_of([100], 10, given={"validation": [80]})
    parts = parts_of([100], 10, given={"validation": [60], "test": [90]})
    assert (parts.validation[0], parts.calibration[0], parts.test[0]) == (60, 75, 90)


def test_short_data_share_a_part_and_say_so() -> None:
    with pytest.warns(KerasnnWarning, match="too few time steps to calibrate apart"):
        parts = parts_of([60], 12)
    assert parts.shared
    assert [b.tolist() for b in parts.bounds("validation")] == [
        b.tolist() for b in parts.bounds("calibration")
    ]


def test_too_long_a_horizon_is_an_error() -> None:
    with pytest.raises(DataError, match="40 time steps are too few for a horizon of 20"):
        parts_of([40], 20)


def test_a_forecast_is_split_by_time_alone() -> None:
    with pytest.raises(ConfigError, match="split by time, not by 'random'"):
        parts_of([100], 5, kind="random")
