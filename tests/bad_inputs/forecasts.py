"""Bad series to forecast: the contents of the rows in forecasts.yaml."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from bad_inputs.rows import read_rows

N = 80
TINY = ("--model", "nlinear", "--epochs", "1", "--no-baselines", "--set", "transform=none")
ARGUMENTS = ("--target", "sales", "--horizon", "4", "--lookback", "8")

Change = Callable[[pd.DataFrame], Any]


def good(n: int = N) -> pd.DataFrame:
    days = np.arange(n)
    return pd.DataFrame(
        {
            "day": pd.date_range("2023-01-02", periods=n).strftime("%Y-%m-%d"),
            "sales": (20 + 5 * np.sin(2 * np.pi * days / 7) + 0.1 * ((days * 37) % 11)).round(2),
        }
    )


def hourly(start: str, zone: str, n: int = N) -> pd.DataFrame:
    hours = pd.date_range(start, periods=n, freq="h", tz=zone)
    return good(n).assign(day=[hour.isoformat() for hour in hours])


def clock_hours(start: str, zone: str) -> pd.DataFrame:
    """As the clocks show them, without an offset."""
    hours = pd.date_range(start, periods=N, freq="h", tz=zone)
    return good().assign(day=hours.strftime("%Y-%m-%d %H:%M"))


def shops(*lengths: int) -> pd.DataFrame:
    return pd.concat([good(n).assign(shop=f"shop {i}") for i, n in enumerate(lengths)])


def cell(row: int, column: str, value: Any) -> Change:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        changed = frame.astype(object)
        changed.loc[row, column] = value
        return changed

    return change


def recent(rows: int = 20) -> pd.DataFrame:
    frame = good().tail(rows).assign(shop="shop 0", holiday=0)
    days = pd.date_range("2023-03-23", periods=4).strftime("%Y-%m-%d")
    ahead = pd.DataFrame({"day": days, "sales": None, "shop": "shop 0", "holiday": 0})
    return pd.concat([frame.astype(object), ahead.astype(object)], ignore_index=True)


def content(change: Change) -> str:
    """The good table after a change; None leaves it as it is."""
    frame = good()
    changed = change(frame)
    return str((frame if changed is None else changed).to_csv(index=False))


REFUSED = {
    "no column of times": lambda frame: frame.drop(columns="day").assign(size=frame["sales"] * 2),
    "two columns of times": lambda frame: frame.assign(other=frame["day"]),
    "a time column that is not there": lambda frame: None,
    "a time that is text": cell(7, "day", "soon"),
    "an empty time": cell(7, "day", None),
    "a time of the wrong century": cell(7, "day", "1923-01-09"),
    "one time twice": cell(7, "day", "2023-01-08"),
    "two series in one": lambda frame: shops(60, 60),
    "clocks set back": lambda frame: clock_hours("2023-10-28 12:00", "Europe/Rome"),
    "times that are not regular": lambda frame: frame.assign(
        day=pd.date_range("2023-01-01", periods=N, freq="h")
        + pd.to_timedelta([i * 37 % 50 for i in range(N)], unit="s")
    ),
    "a frequency that is not that of the times": lambda frame: None,
    "a frequency that is none": lambda frame: None,
    "a horizon longer than the series": lambda frame: None,
    "a horizon as long as the series": lambda frame: None,
    "a horizon and a history far longer than the series": lambda frame: None,
    "a horizon of nothing": lambda frame: None,
    "a horizon before now": lambda frame: None,
    "a history longer than the series": lambda frame: None,
    "one row": lambda frame: frame.head(1),
    "a target that is no number": cell(5, "sales", "many"),
    "a target that is infinite": cell(5, "sales", "inf"),
    "a target without a value": lambda frame: frame.assign(sales=None),
    "a series without a name": lambda frame: cell(3, "shop", None)(
        shops(60, 60).reset_index(drop=True)
    ),
    "what is known ahead is text": lambda frame: frame.assign(weather=["sun", "rain"] * (N // 2)),
    "a split that is not by time": lambda frame: None,
    "a model for tables": lambda frame: None,
    "a model for forecasts without a horizon": lambda frame: None,
    "the logarithm of nothing": cell(5, "sales", 0),
}
TRAINED = {
    "rows out of order": lambda frame: frame.sample(frac=1, random_state=0),
    "gaps in time": lambda frame: frame.drop(index=[5, 6, 30, 31, 32, 70]),
    "missing readings": lambda frame: frame.assign(sales=frame["sales"].where(frame.index % 9 > 0)),
    "times with an offset": lambda frame: hourly("2023-03-25 12:00", "Etc/GMT-2"),
    "times in two zones": lambda frame: hourly("2023-10-28 12:00", "Europe/Rome"),
    "days of clocks that change": lambda frame: frame.assign(
        day=[d.isoformat() for d in pd.date_range("2023-03-01", periods=N, tz="Europe/Rome")]
    ),
    "a target that never changes": lambda frame: frame.assign(sales=3.5),
    "a series shorter than a window": lambda frame: shops(80, 9),
    "series that end at different times": lambda frame: shops(80, 66),
    "a column that is text": lambda frame: frame.assign(note=[f"note {i % 9}" for i in range(N)]),
    "short data": lambda frame: frame.head(40),
}
REFUSED_PREDICTIONS = {
    "no column of times": lambda frame: recent().drop(columns="day"),
    "the future of a known column is missing": lambda frame: recent().head(22),
    "another frequency": lambda frame: recent().assign(
        day=pd.date_range("2023-01-01", periods=24, freq="6h")
    ),
    "a target that is no number": lambda frame: cell(3, "sales", "many")(recent()),
    "no reading at all": lambda frame: recent().assign(sales=None),
}
PREDICTED = {
    "as it should be": lambda frame: recent(),
    "a history shorter than the window": lambda frame: recent(5),
    "a series that training did not know": lambda frame: recent().assign(shop="new"),
    "rows out of order": lambda frame: recent().iloc[::-1],
}
REFUSED_ROWS = read_rows(
    "forecasts", "refused", REFUSED, name="sales.csv", make=content, arguments=ARGUMENTS
)
TRAINED_ROWS = read_rows(
    "forecasts", "trained", TRAINED, name="sales.csv", make=content, arguments=ARGUMENTS
)
UNPREDICTED_ROWS = read_rows(
    "forecasts",
    "refused_predictions",
    REFUSED_PREDICTIONS,
    name="sales.csv",
    make=content,
    arguments=ARGUMENTS,
)
PREDICTED_ROWS = read_rows(
    "forecasts", "predicted", PREDICTED, name="sales.csv", make=content, arguments=ARGUMENTS
)
