"""Quarters, ISO weeks and years as times, in tables and in forecasts."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

import kerasnn
from kerasnn.data.columns import dates
from kerasnn.data.columns.kinds import infer_kind
from kerasnn.data.columns.values import as_dates
from kerasnn.errors import DataError
from kerasnn.runs.forecast import ForecastRun


@pytest.mark.parametrize(
    ("texts", "layout", "expected"),
    [
        (["2000Q1", "2003q4"], "%YQ%q", ["2000-01-01", "2003-10-01"]),
        (["2000-Q2", "2003-Q3"], "%Y-Q%q", ["2000-04-01", "2003-07-01"]),
        (["2000 Q2", "2003 Q3"], "%Y Q%q", ["2000-04-01", "2003-07-01"]),
        (["Q1 2000", "Q4 2003"], "Q%q %Y", ["2000-01-01", "2003-10-01"]),
        (["Q1-2000", "Q4-2003"], "Q%q-%Y", ["2000-01-01", "2003-10-01"]),
        (["Q1/2000", "Q4/2003"], "Q%q/%Y", ["2000-01-01", "2003-10-01"]),
        (["2015-W02", "2015-W53"], "%G-W%V", ["2015-01-05", "2015-12-28"]),
        (["2015W02", "2015W53"], "%GW%V", ["2015-01-05", "2015-12-28"]),
        (["2015-W02-3", "2015-W01-1"], "%G-W%V-%u", ["2015-01-07", "2014-12-29"]),
        (["2015W023", "2015W011"], "%GW%V%u", ["2015-01-07", "2014-12-29"]),
    ],
)
def test_quarters_and_weeks(texts: list[str], layout: str, expected: list[str]) -> None:
    series = pd.Series(texts, dtype=object)
    stamps = pd.Series(as_dates(series).astype("datetime64[s]"))
    assert stamps.dt.strftime("%Y-%m-%d").tolist() == expected
    found = infer_kind(pd.Series(texts * 20, name="when"))
    assert (found.kind, found.layout, found.reason) == (
        "date",
        layout,
        f"dates as {dates.described(layout)}",
    )
    # What is written is what was read, and a bundle may hold the layout.
    assert dates.write(stamps, layout) == [text.upper() for text in texts]
    assert dates.is_layout(layout)


@pytest.mark.parametrize("texts", [["2000Q5"], ["2015-W54"], ["Q1"], ["2000Q1", "2000-Q2"]])
def test_what_is_no_quarter_or_week(texts: list[str]) -> None:
    assert dates.layouts(texts) == []


def test_a_cell_that_is_no_quarter_is_named() -> None:
    series = pd.Series(["2000Q1", "2000Q7"], name="when")
    with pytest.raises(DataError) as caught:
        as_dates(series, layout="%YQ%q")
    expected = (
        "not a date like 2000Q1: '2000Q7' (row 1, column 'when') – correct it, or leave it empty"
    )
    assert str(caught.value) == expected


@pytest.mark.parametrize("freq", ["Q", "M", "W"])
def test_periods_of_pandas_are_dates(freq: str) -> None:
    periods = pd.Series(pd.period_range("2015-01-05", periods=20, freq=freq))
    assert infer_kind(periods).kind == "date"
    starts = as_dates(periods).astype("datetime64[s]")
    np.testing.assert_array_equal(starts, periods.dt.to_timestamp().to_numpy().astype("M8[s]"))


def forecast(times: Sequence[object], *, name: str = "at") -> tuple[ForecastRun, list[object]]:
    """A run on a table of these times, and the times of its forecast."""
    table = pd.DataFrame({name: list(times), "y": np.sin(np.arange(len(times)) / 3.0)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", kerasnn.KerasnnWarning)
        run = kerasnn.train(
            table, target="y", horizon=3, model="seasonal_naive", baselines=False, seed=0
        )
        assert isinstance(run, ForecastRun)
        return run, run.predict(table)[name].tolist()


@pytest.mark.parametrize(
    ("times", "frequency", "expected"),
    [
        (
            [f"{year}Q{quarter}" for year in range(2000, 2012) for quarter in range(1, 5)],
            "QS",
            ["2012Q1", "2012Q2", "2012Q3"],
        ),
        (
            [f"Q{quarter} {year}" for year in range(2000, 2012) for quarter in range(1, 5)],
            "QS",
            ["Q1 2012", "Q2 2012", "Q3 2012"],
        ),
        (
            [f"2015-W{week:02}" for week in range(2, 52)],
            "W-MON",
            ["2015-W52", "2015-W53", "2016-W01"],
        ),
        (
            [f"2015-W{week:02}-3" for week in range(2, 52)],
            "W-WED",
            ["2015-W52-3", "2015-W53-3", "2016-W01-3"],
        ),
    ],
)
def test_forecasts_are_written_as_the_history(
    times: list[str], frequency: str, expected: list[str]
) -> None:
    run, found = forecast(times)
    assert run.forecaster.preprocessor.frequency.name == frequency
    assert found == expected
    # Timestamps of the same points come back as timestamps.
    stamps = pd.Series(as_dates(pd.Series(times)).astype("datetime64[s]"))
    ahead = run.predict(pd.DataFrame({"at": stamps, "y": np.arange(float(len(times)))}))["at"]
    assert dates.write(ahead, dates.layouts(times)[0]) == expected


def test_a_column_of_years_is_the_time() -> None:
    _, found = forecast(range(1960, 2020), name="year")
    assert found == [2020, 2021, 2022]
    with pytest.raises(DataError, match=r"^no column of dates to forecast along –"):
        forecast(range(1960, 2020), name="gdp")
