"""Bad series through the commands: each an exact error, or a treatment that works, warned of."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from kerasnn.cli.main import commands

N = 80
TINY = ["--model", "nlinear", "--epochs", "1", "--no-baselines", "--set", "transform=none"]
HORIZON = ("--horizon", "4")
ALL = ("--target", "sales", *HORIZON, "--history", "8")

Change = Callable[[pd.DataFrame], Any]


@dataclass(frozen=True)
class Row:
    """A bad input.

    Args:
        title: Says what is bad.
        change: Makes it of the good table.
        lines: On stderr; ``{path}`` stands for the file.
        arguments: In place of those that every training has.
    """

    title: str
    change: Change
    lines: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ALL

    def write(self, folder: Path) -> Path:
        path = folder / "sales.csv"
        frame = good()
        changed = self.change(frame)
        (frame if changed is None else changed).to_csv(path, index=False)
        return path

    def stderr(self, path: Path) -> str:
        return "".join(line.replace("{path}", str(path)) + "\n" for line in self.lines)


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


def each(rows: list[Row]) -> Any:
    return pytest.mark.parametrize("row", rows, ids=[row.title for row in rows])


def invoke(*arguments: str | Path, code: int = 0) -> Result:
    result = CliRunner().invoke(commands, [str(item) for item in arguments])
    assert result.exit_code == code, result.stderr
    assert "Traceback" not in result.stderr
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", result.stderr)
    return result


SERIES = ("--series", "shop")
REFUSED = [
    Row(
        "no column of times",
        lambda frame: frame.drop(columns="day").assign(size=frame["sales"] * 2),
        (
            "error: no column of dates to forecast along ({path}) – name the column of the time "
            "with --time",
        ),
    ),
    Row(
        "two columns of times",
        lambda frame: frame.assign(other=frame["day"]),
        ("error: several columns of dates: 'day', 'other' ({path}) – name one with --time",),
    ),
    Row(
        "a time column that is not there",
        lambda frame: None,
        ("error: unknown column 'date' ({path}) – choose from day, sales",),
        (*ALL, "--time", "date"),
    ),
    Row(
        "a time that is text",
        cell(7, "day", "soon"),
        ("error: not a date: 'soon' ({path}:9,day) – correct it, or leave it empty",),
        (*ALL, "--time", "day"),
    ),
    Row(
        "an empty time",
        cell(7, "day", None),
        ("error: a row has no time ({path}:9,day) – fill it in, or leave the row out",),
    ),
    Row(
        "a time of the wrong century",
        cell(7, "day", "1923-01-09"),
        (
            "error: 80 rows span 36,598 points in time of 'D' (column 'day') – check for a wrong "
            "date, or give a coarser frequency",
        ),
    ),
    Row(
        "one time twice",
        cell(7, "day", "2023-01-08"),
        (
            "error: two rows have the time 2023-01-08 ({path}:8 and 9) – keep one of them; where "
            "clocks were set back, give the times with their offset",
        ),
    ),
    Row(
        "two series in one",
        lambda frame: shops(60, 60),
        (
            "error: two rows have the time 2023-01-02, and 59 more ({path}:2 and 62) – if each "
            "'shop' is a series of its own, add --series 'shop'",
        ),
    ),
    Row(
        "clocks set back",
        lambda frame: clock_hours("2023-10-28 12:00", "Europe/Rome"),
        (
            "error: two rows have the time 2023-10-29 02:00 ({path}:16 and 17) – keep one of them; "
            "where clocks were set back, give the times with their offset",
        ),
    ),
    Row(
        "times that are not regular",
        lambda frame: frame.assign(
            day=pd.date_range("2023-01-01", periods=N, freq="h")
            + pd.to_timedelta([i * 37 % 50 for i in range(N)], unit="s")
        ),
        (
            "error: the times are not regular: 79 of 80 are off a grid of '3587s' ({path}:3,day) – "
            "round the times, or take the mean of each period first",
        ),
    ),
    Row(
        "a frequency that is not that of the times",
        lambda frame: None,
        (
            "error: the times are not regular: 68 of 80 are off a grid of 'W-MON' ({path}:3,day) – "
            "round the times, or take the mean of each period first",
        ),
        (*ALL, "--frequency", "W"),
    ),
    Row(
        "a frequency that is none",
        lambda frame: None,
        ("error: unknown frequency 'often' – choose from s, 15min, h, D, B, W, MS, QS, YS",),
        (*ALL, "--frequency", "often"),
    ),
    Row(
        "a horizon longer than the series",
        lambda frame: None,
        (
            "error: 80 points in time are too few for a horizon of 60 – give a shorter horizon or "
            "more history: training, validation and test each need one",
        ),
        ("--target", "sales", "--horizon", "60"),
    ),
    Row(
        "a horizon as long as the series",
        lambda frame: None,
        (
            "error: 80 points in time are too few for a horizon of 80 – give a shorter horizon or "
            "more history: training, validation and test each need one",
        ),
        ("--target", "sales", "--horizon", "80"),
    ),
    Row(
        "a horizon and a history far longer than the series",
        lambda frame: None,
        (
            "error: 80 points in time are too few for a horizon of 99,999 – give a shorter horizon "
            "or more history: training, validation and test each need one",
        ),
        ("--target", "sales", "--horizon", "99999", "--history", "99999"),
    ),
    Row(
        "a horizon of nothing",
        lambda frame: None,
        (
            "error: invalid value for '--horizon': 0 is not in the range x>=1 – see "
            "'kerasnn train --help'",
        ),
        ("--target", "sales", "--horizon", "0"),
    ),
    Row(
        "a horizon before now",
        lambda frame: None,
        (
            "error: invalid value for '--horizon': -3 is not in the range x>=1 – see "
            "'kerasnn train --help'",
        ),
        ("--target", "sales", "--horizon", "-3"),
    ),
    Row(
        "a history longer than the series",
        lambda frame: None,
        (
            "error: a window of 70 + 4 points is longer than the 56 points of the training part "
            "(forecast.history) – give a shorter history or horizon",
        ),
        ("--target", "sales", *HORIZON, "--history", "70"),
    ),
    Row(
        "one row",
        lambda frame: frame.head(1),
        (
            "error: no series has two points in time ({path},day) – give more rows, or another "
            "column with --series",
        ),
        (*ALL, "--time", "day"),
    ),
    Row(
        "a target that is no number",
        cell(5, "sales", "many"),
        ("error: not a number: 'many' ({path}:7,sales) – correct it, or leave it empty",),
    ),
    Row(
        "a target that is infinite",
        cell(5, "sales", "inf"),
        (
            "error: infinite or too large: inf ({path}:7,sales) – leave such cells empty, or add --set data.infinite=missing",
        ),
    ),
    Row(
        "a target without a value",
        lambda frame: frame.assign(sales=None),
        ("error: the targets have no value at all – name another target",),
    ),
    Row(
        "a series without a name",
        lambda frame: cell(3, "shop", None)(shops(60, 60).reset_index(drop=True)),
        ("error: a row has no series ({path}:5,shop) – fill it in, or leave the row out",),
        (*ALL, *SERIES),
    ),
    Row(
        "what is known ahead is text",
        lambda frame: frame.assign(weather=["sun", "rain"] * (N // 2)),
        (
            "error: a column known ahead must be a number (column 'weather') – make it a number, "
            "such as 1 for yes and 0 for no",
        ),
        (*ALL, "--known", "weather"),
    ),
    Row(
        "a split that is not by time",
        lambda frame: None,
        ("error: a forecast is split by time, not by 'random' (split.kind) – leave the split out",),
        (*ALL, "--split", "random"),
    ),
    Row(
        "a model for tables",
        lambda frame: None,
        ("error: the model 'linear' does not forecast – choose {able}",),
        (*ALL, "--model", "linear"),
    ),
    Row(
        "a model for forecasts without a horizon",
        lambda frame: None,
        (
            "error: the model 'nlinear' needs a horizon – say with --horizon how many points in "
            "time are to be forecast",
        ),
        ("--target", "sales"),
    ),
    Row(
        "the logarithm of nothing",
        cell(5, "sales", 0),
        (
            "error: the logarithm needs targets above 0; the smallest is 0 (forecast.transform) – "
            "choose none or auto",
        ),
        (*ALL, "--set", "transform=log"),
    ),
]


def lines_of(row: Row, path: Path) -> str:
    from kerasnn import models

    able = [name for name in models.names() if models.data_of(name) in ("forecast", "sequence")]
    return row.stderr(path).replace("{able}", ", ".join(able))


@each(REFUSED)
def test_what_can_t_be_forecast_is_refused_and_nothing_is_lost(row: Row, tmp_path: Path) -> None:
    path = row.write(tmp_path)
    before = tmp_path / "run"
    before.mkdir()
    (before / "config.yaml").write_text("run: {}\n")
    result = invoke("train", path, *TINY, *row.arguments, "--output", before, "--force", code=2)
    assert result.stderr == lines_of(row, path)
    assert (before / "config.yaml").read_text() == "run: {}\n"


CLOSE = (
    "warning: too few points in time to calibrate apart: intervals come from the points that also "
    "pick the best epoch, and may be too narrow"
)
TREATED = [
    Row(
        "rows out of order",
        lambda frame: frame.sample(frac=1, random_state=0),
        ("warning: rows are not in the order of time; they are sorted ({path}:3)",),
    ),
    Row("gaps in time", lambda frame: frame.drop(index=[5, 6, 30, 31, 32, 70])),
    Row(
        "missing readings",
        lambda frame: frame.assign(sales=frame["sales"].where(frame.index % 9 > 0)),
    ),
    Row("times with an offset", lambda frame: hourly("2023-03-25 12:00", "Etc/GMT-2")),
    Row(
        "times in two zones",
        lambda frame: hourly("2023-10-28 12:00", "Europe/Rome"),
        (
            "warning: times with the offsets +01:00, +02:00 are brought to UTC ({path},day) – write "
            "all times with one offset",
        ),
    ),
    Row(
        "days of clocks that change",
        lambda frame: frame.assign(
            day=[d.isoformat() for d in pd.date_range("2023-03-01", periods=N, tz="Europe/Rome")]
        ),
        (
            "warning: the offsets of the times change; they are read as the clocks showed them "
            "({path},day)",
        ),
    ),
    Row(
        "a target that never changes",
        lambda frame: frame.assign(sales=3.5),
        ("warning: a target never changes in training – its forecast will be that value",),
    ),
    Row(
        "a series shorter than a window",
        lambda frame: shops(80, 9),
        (
            "warning: series shorter than a window of 12 points: 'shop 1' – they are forecast, but "
            "not learned from",
        ),
        (*ALL, *SERIES),
    ),
    Row("series that end at different times", lambda frame: shops(80, 66), (), (*ALL, *SERIES)),
    Row(
        "a column that is text",
        lambda frame: frame.assign(note=[f"note {i % 9}" for i in range(N)]),
        (
            "warning: columns that can't help a forecast are left out: 'note' ({path}) – make "
            "numbers of what could",
        ),
    ),
    Row(
        "short data",
        lambda frame: frame.head(40),
        (CLOSE,),
        ("--target", "sales", "--horizon", "6", "--history", "6"),
    ),
]


@each(TREATED)
def test_what_is_odd_is_forecast_all_the_same(row: Row, tmp_path: Path) -> None:
    path = row.write(tmp_path)
    result = invoke("train", path, *TINY, *row.arguments, "--output", tmp_path / "run")
    assert result.stderr == row.stderr(path)
    scores = json.loads((tmp_path / "run" / "scores.json").read_text())
    assert np.isfinite(scores["values"]["mae"])
    forecast = pd.read_csv(tmp_path / "run" / "predictions.csv")
    assert np.isfinite(forecast["prediction"]).all()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    frame = shops(N, N).assign(holiday=lambda rows: (rows.index % 7 == 0).astype(int))
    frame.to_csv(folder / "sales.csv", index=False)
    invoke(
        "train",
        folder / "sales.csv",
        *TINY,
        *ALL,
        *SERIES,
        "--known",
        "holiday",
        "--output",
        folder / "run",
    )
    return folder / "run"


def recent(rows: int = 20) -> pd.DataFrame:
    frame = good().tail(rows).assign(shop="shop 0", holiday=0)
    days = pd.date_range("2023-03-23", periods=4).strftime("%Y-%m-%d")
    ahead = pd.DataFrame({"day": days, "sales": None, "shop": "shop 0", "holiday": 0})
    return pd.concat([frame.astype(object), ahead.astype(object)], ignore_index=True)


PREDICTED = [
    Row(
        "no column of times",
        lambda frame: recent().drop(columns="day"),
        (
            "error: a column is missing: 'day' ({path}) – add it, or name it as in the training "
            "data",
        ),
    ),
    Row(
        "the future of a known column is missing",
        lambda frame: recent().head(22),
        (
            "error: 'holiday' of series 'shop 0' must be known 4 points ahead ({path}) – add rows "
            "with the times to come, and leave the target in them empty",
        ),
    ),
    Row(
        "another frequency",
        lambda frame: recent().assign(day=pd.date_range("2023-01-01", periods=24, freq="6h")),
        (
            "error: the times are not regular: 18 of 24 are off a grid of 'D' ({path}:3,day) – "
            "round the times, or take the mean of each period first",
        ),
    ),
    Row(
        "a target that is no number",
        lambda frame: cell(3, "sales", "many")(recent()),
        ("error: not a number: 'many' ({path}:5,sales) – correct it, or leave it empty",),
    ),
    Row(
        "no reading at all",
        lambda frame: recent().assign(sales=None),
        (
            "error: no reading of series 'shop 0' to forecast from ({path}) – give its recent "
            "history",
        ),
    ),
]


@each(PREDICTED)
def test_a_history_that_can_t_be_used_is_refused(row: Row, tmp_path: Path, run: Path) -> None:
    path = row.write(tmp_path)
    output = tmp_path / "out.csv"
    output.write_text("before")
    result = invoke("predict", run, path, "--output", output, "--force", code=2)
    assert result.stderr == row.stderr(path)
    assert output.read_text() == "before"


WARNED = [
    Row("as it should be", lambda frame: recent()),
    Row(
        "a history shorter than the window",
        lambda frame: recent(5),
        (
            "warning: the history of 'shop 0' is shorter than the 8 points of a window – what is "
            "missing is filled with its first value",
        ),
    ),
    Row(
        "a series that training did not know",
        lambda frame: recent().assign(shop="new"),
        (
            "warning: series that training did not know: 'new' – they are scaled by their own "
            "history",
        ),
    ),
    Row(
        "rows out of order",
        lambda frame: recent().iloc[::-1],
        ("warning: rows are not in the order of time; they are sorted ({path}:3)",),
    ),
]


@each(WARNED)
def test_an_odd_history_is_forecast_all_the_same(row: Row, tmp_path: Path, run: Path) -> None:
    path = row.write(tmp_path)
    output = tmp_path / "out.csv"
    result = invoke("predict", run, path, "--output", output)
    assert result.stderr == row.stderr(path) + f"4 rows predicted in {output}\n"
    forecast = pd.read_csv(output)
    assert forecast["day"].tolist()[0].startswith("2023-03-23")
    assert np.isfinite(forecast["prediction"]).all()
