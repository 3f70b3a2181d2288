"""Dates written as text, months by name, and the one rule for time zones."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from kerasnn.data.columns import dates
from kerasnn.data.columns.kinds import infer_kind
from kerasnn.data.columns.values import MISSING_DATE, as_dates
from kerasnn.errors import KerasnnWarning


def days(texts: Sequence[str | None]) -> list[str]:
    seconds = as_dates(pd.Series(texts, dtype=object))
    known = [value for value in seconds.tolist() if value != MISSING_DATE]
    return [str(np.datetime64(value, "s").astype("datetime64[D]")) for value in known]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["Jan 2012", "Feb 2012"], ["2012-01-01", "2012-02-01"]),
        (["January 2012", "February 2012", "May 2012"], ["2012-01-01", "2012-02-01", "2012-05-01"]),
        (["May 2012", "June 2012", "Sept 2012"], ["2012-05-01", "2012-06-01", "2012-09-01"]),
        (["3 Feb 2020", "14 March 2020"], ["2020-02-03", "2020-03-14"]),
        (["3-FEB-2020", "14-mar-2020"], ["2020-02-03", "2020-03-14"]),
        (["Feb 3, 2020", "December 14, 2020"], ["2020-02-03", "2020-12-14"]),
        (["February 3 2020", "March 4 2020 10:30"], []),
        (["February 3 2020 09:00", "March 4 2020 10:30"], ["2020-02-03", "2020-03-04"]),
        (["2020 Feb", "2020 Dec"], ["2020-02-01", "2020-12-01"]),
        (["2020-Feb-03", "2020-Dec-14"], ["2020-02-03", "2020-12-14"]),
    ],
)
def test_months_by_name(texts: list[str], expected: list[str]) -> None:
    if not expected:
        assert dates.layouts(texts) == []
        return
    assert days(texts) == expected
    assert infer_kind(pd.Series(texts * 10, dtype=object)).kind == "date"


def test_words_that_begin_like_months_are_no_dates() -> None:
    assert dates.layouts(["Marble 2012", "Junk 2013"]) == []
    assert dates.layouts(["Jan", "Feb"]) == []


def zone(cells: Sequence[object] | pd.Series) -> tuple[str, str]:
    column = cells if isinstance(cells, pd.Series) else pd.Series(list(cells), dtype=object)
    found, differ = dates.zone_of(column)
    return str(found), differ


def test_the_zone_of_a_column() -> None:
    assert zone(["2026-01-01", "2026-01-02 10:00"]) == ("None", "")
    assert zone(["2026-01-01T10:00+02:00", "2026-01-02 10:00+0200", None]) == ("UTC+02:00", "")
    assert zone(["2026-01-01T10:00Z", "2026-01-02T10:00+00:00"]) == ("UTC", "")
    rome = pd.Series(pd.date_range("2026-01-01", periods=2, tz="Europe/Rome"))
    assert zone(rome) == zone(rome.astype(object)) == ("Europe/Rome", "")
    assert zone(["2026-03-01T10:00+01:00", "2026-05-01T10:00+02:00"]) == (
        "UTC",
        "times with the offsets +01:00, +02:00 are brought to UTC",
    )
    assert zone(["2026-03-01T10:00+01:00", "2026-05-01T10:00"]) == (
        "UTC",
        "times without an offset among others are read as UTC",
    )


def test_a_column_of_a_table_says_that_offsets_differ() -> None:
    column = pd.Series(["2026-03-01T10:00+01:00", "2026-05-01T10:00+02:00"] * 5, dtype=object)
    assert (
        "times with the offsets +01:00, +02:00 are brought to UTC",
        "write all times with one offset",
    ) in infer_kind(column).data_warnings


def test_times_go_back_into_their_zone() -> None:
    rome = pd.date_range("2026-03-28", periods=3, tz="Europe/Rome")
    local = pd.Series(rome.tz_localize(None))
    utc = pd.Series(rome.tz_convert("UTC").tz_localize(None))
    assert dates.in_zone(utc, rome.tz).tolist() == rome.tolist()
    assert dates.in_zone(local, rome.tz, is_local=True).tolist() == rome.tolist()
    assert dates.in_zone(utc, None).tolist() == utc.tolist()


def forecast(times: Sequence[object] | pd.DatetimeIndex) -> tuple[pd.Series, list[str]]:
    """The times of a forecast behind some rows, and the warnings of zones."""
    import kerasnn

    table = pd.DataFrame({"at": list(times), "y": np.sin(np.arange(len(times)) / 3.0)})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run = kerasnn.train(
            table, target="y", horizon=3, model="seasonal_naive", baselines=False, seed=0
        )
        found = run.predict(table)["at"]
    told = [str(w.message) for w in caught if issubclass(w.category, KerasnnWarning)]
    return found, [message for message in told if "offset" in message]


def test_forecasts_return_times_in_the_zone_they_came_in() -> None:
    hours = pd.date_range("2026-01-05", periods=60, freq="h", tz="Etc/GMT-2")
    found, told = forecast([time.isoformat() for time in hours])
    assert [time.isoformat() for time in found] == [
        "2026-01-07T12:00:00+02:00",
        "2026-01-07T13:00:00+02:00",
        "2026-01-07T14:00:00+02:00",
    ]
    assert told == []
    months = pd.date_range("2015-01-01", periods=60, freq="MS", tz="Etc/GMT-2")
    found, told = forecast([time.isoformat() for time in months])
    assert found.iloc[0].isoformat() == "2020-01-01T00:00:00+02:00"
    assert told == []
    rome = pd.date_range("2026-03-01", periods=60, tz="Europe/Rome")
    found, told = forecast(rome)
    assert found.iloc[0].isoformat() == "2026-04-30T00:00:00+02:00"
    found, told = forecast([f"{month} 20{year}" for year in (15, 16, 17, 18) for month in MONTHS])
    assert (found.iloc[0].isoformat(), told) == ("2019-01-01T00:00:00", [])


def test_forecasts_of_offsets_that_differ_are_in_utc_and_say_so() -> None:
    hours = pd.date_range("2026-03-28", periods=60, freq="h", tz="Europe/Rome")
    found, told = forecast([time.isoformat() for time in hours])
    assert found.iloc[0].isoformat() == "2026-03-30T11:00:00+00:00"
    assert told[0] == (
        "times with the offsets +01:00, +02:00 are brought to UTC (column 'at') – write all times "
        "with one offset"
    )


MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
