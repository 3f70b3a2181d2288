"""Bad series and sounds through the commands: one clear line each, or a warned treatment."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray

from kerasnn.cli.main import commands
from kerasnn.data.media import wav

NAN = float("nan")
TINY = ["--set", "width=4", "--set", "depth=1", "--epochs", "1", "--no-baselines", "--model", "mlp"]
N = 12


def readings(channels: int = 2) -> list[NDArray[np.float32]]:
    """Series of 4 to 6 points, of two sorts in turn."""
    random = np.random.default_rng(0)
    return [(random.normal(size=(4 + i % 3, channels)) + i % 2).astype("float32") for i in range(N)]


LABELS = ["ab"[i % 2] for i in range(N)]


def ts(lines: list[str], *, head: str = "@classLabel true a b\n@data\n") -> str:
    return head + "\n".join(lines) + "\n"


def ts_line(cell: NDArray[np.float32], label: str) -> str:
    parts = [",".join("?" if np.isnan(x) else f"{x:g}" for x in channel) for channel in cell.T]
    return ":".join([*parts, label])


GOOD = [ts_line(cell, label) for cell, label in zip(readings(), LABELS, strict=True)]


def with_line(location: int, line: str) -> str:
    return ts([*GOOD[:location], line, *GOOD[location + 1 :]])


def json_lines(change: Callable[[list[Any]], None]) -> str:
    cells = [cell.tolist() for cell in readings()]
    change(cells)
    rows = [{"x": cell, "y": label} for cell, label in zip(cells, LABELS, strict=True)]
    return "\n".join(json.dumps(row) for row in rows)


def long(change: Callable[[pd.DataFrame], pd.DataFrame]) -> str:
    rows = [
        (f"s{i}", step, float(x), float(y), LABELS[i])
        for i, cell in enumerate(readings())
        for step, (x, y) in enumerate(cell)
    ]
    frame = pd.DataFrame(rows, columns=["id", "t", "x", "y", "label"])
    return change(frame).to_csv(index=False)


def set_cell(row: int, name: str, value: Any) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame = frame.astype({name: object})
        frame.loc[row, name] = value
        return frame

    return change


def put(location: int, value: Any) -> Callable[[list[Any]], None]:
    def change(cells: list[Any]) -> None:
        cells[location] = value

    return change


def every(value: Callable[[Any], Any]) -> Callable[[list[Any]], None]:
    def change(cells: list[Any]) -> None:
        cells[:] = map(value, cells)

    return change


LONG = ["--series", "id", "--time", "t", "--target", "label"]
REFUSED = [
    (
        "unequal channels",
        "a.ts",
        with_line(3, "1,2,3:a"),
        [],
        "error: 1 channel where there should be 2 ({path}:6) – correct the line, or '@dimensions'",
    ),
    (
        "a class that is not named",
        "a.ts",
        with_line(3, "1,2:3,4:c"),
        [],
        "error: the class 'c' is not one of '@classLabel': a, b ({path}:6) – correct the line, or "
        "'@classLabel'",
    ),
    (
        "no line @data",
        "a.ts",
        "@classLabel true a b\n",
        ["--target", "label"],
        "error: no line '@data' ({path}) – check whether the file is whole",
    ),
    (
        "an empty file",
        "a.ts",
        "",
        ["--target", "label"],
        "error: the file is empty ({path}) – check what wrote it",
    ),
    (
        "no series",
        "a.ts",
        ts([]).rstrip() + "\n",
        [],
        "error: a header but no rows ({path}) – check what made it",
    ),
    (
        "words among readings",
        "a.ts",
        with_line(0, "1,two:3,4:a"),
        [],
        "error: not a number: 'two' ({path}:3) – correct it, or write ? for a missing reading",
    ),
    (
        "an infinite reading",
        "a.ts",
        with_line(2, "1,inf:3,4:a"),
        [],
        "error: an infinite reading ({path}:5,series) – give numbers, NaN where one is missing",
    ),
    (
        "one class",
        "a.ts",
        ts([line[:-1] + "a" for line in GOOD]),
        [],
        "error: the target has one class only: 'a' ({path},label) – add rows of another class",
    ),
    (
        "unequal channels in lists",
        "a.jsonl",
        json_lines(put(5, [[1.0], [2.0]])),
        ["--target", "y"],
        "error: a series of 1 channel where others have 2 ({path}:6,x) – give (time, channels), "
        "with equal channels everywhere",
    ),
    (
        "ragged",
        "a.jsonl",
        json_lines(put(5, [[1.0, 2.0], [2.0]])),
        ["--target", "y"],
        "error: a series whose points have different numbers of channels ({path}:6,x) – give "
        "numbers, NaN where one is missing",
    ),
    (
        "a word for a series",
        "a.jsonl",
        json_lines(put(5, "three")),
        ["--target", "y"],
        "error: not a series of numbers: 'three' ({path}:6,x) – give numbers, NaN where one is "
        "missing",
    ),
    (
        "a time twice",
        "a.csv",
        long(set_cell(1, "t", 0)),
        LONG,
        "error: series 's0' has the time 0 more than once ({path}:3,t) – keep one row for each time "
        "of a series",
    ),
    (
        "no time",
        "a.csv",
        long(set_cell(1, "t", None)),
        LONG,
        "error: a row has no time ({path}:3,t) – fill it in, or leave such rows out",
    ),
    (
        "a label that changes",
        "a.csv",
        long(set_cell(1, "label", "b")),
        LONG,
        "error: the target changes within series 's0' ({path}:3,label) – give a series one label; "
        "to forecast its future, add --horizon N",
    ),
    (
        "no such column",
        "a.csv",
        long(lambda frame: frame),
        ["--series", "ident", "--target", "label"],
        "error: unknown column 'ident' ({path}) – choose from id, t, x, y, label",
    ),
    (
        "a time without series",
        "a.csv",
        long(lambda frame: frame),
        ["--time", "t", "--target", "label"],
        "error: the time 't' has no series – name what a row belongs to with --series, or add "
        "--horizon N to forecast",
    ),
]


def invoke(*arguments: str | Path, code: int = 0) -> Result:
    result = CliRunner().invoke(commands, [str(each) for each in arguments])
    assert result.exit_code == code, result.output
    return result


def told(result: Result) -> list[str]:
    """What was said on stderr, but for the bar."""
    lines = result.stderr.replace("\r", "\n").split("\n")
    return [line for line in lines if line.startswith(("warning:", "error:"))]


@pytest.mark.parametrize(
    ("name", "content", "options", "message"),
    [row[1:] for row in REFUSED],
    ids=[row[0] for row in REFUSED],
)
def test_training_refuses(
    name: str, content: str, options: list[str], message: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    result = invoke("train", path, *TINY, *options, "--output", tmp_path / "run", code=2)
    assert told(result)[-1] == message.format(path=path)
    assert not (tmp_path / "run").exists()


GOES_ON = [
    (
        "missing readings",
        "a.ts",
        ts(
            [
                ts_line(np.where(np.arange(8).reshape(4, 2) == 3, NAN, cell[:4]), label)
                for cell, label in zip(readings(), LABELS, strict=True)
            ]
        ),
        [],
        [],
    ),
    (
        "a constant series",
        "a.ts",
        with_line(2, "1,1,1:1,1,1:a"),
        [],
        ["warning: 1 of 12 series never changes ({path},series) – check what recorded them"],
    ),
    (
        "a series without readings",
        "a.ts",
        with_line(2, "?,?:?,?:a"),
        [],
        [
            "warning: 1 of 12 series has no reading ({path},series) – leave such rows out if they "
            "carry no information"
        ],
    ),
    ("a series of one point", "a.ts", with_line(2, "1:2:a"), [], []),
    (
        "rows out of order",
        "a.csv",
        long(lambda frame: frame.iloc[::-1]),
        LONG,
        [
            "warning: the rows of 12 series are not in the order of time ({path},t) – they are sorted"
        ],
    ),
    (
        "channels of words",
        "a.csv",
        long(lambda frame: frame.assign(mood=[f"m{i % 7}" for i in range(len(frame))])),
        LONG,
        [
            "warning: what changes within a series and is no number is left out: 'mood' ({path}) – "
            "write it as a number to learn from it"
        ],
    ),
]


@pytest.mark.parametrize(
    ("name", "content", "options", "messages"),
    [row[1:] for row in GOES_ON],
    ids=[row[0] for row in GOES_ON],
)
def test_training_goes_on(
    name: str, content: str, options: list[str], messages: list[str], tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    run = tmp_path / "run"
    result = invoke("train", path, *TINY, *options, "--output", run)
    assert told(result)[: len(messages)] == [line.format(path=path) for line in messages]
    n_rows = N
    printed = invoke("predict", run, path).stdout.splitlines()
    assert len(printed) == 1 + n_rows
    assert printed[0].startswith("id,prediction" if options else "prediction")


def test_other_series_are_predicted_or_refused(tmp_path: Path) -> None:
    path, run = tmp_path / "a.ts", tmp_path / "run"
    path.write_text(ts(GOOD), encoding="utf-8")
    invoke("train", path, *TINY, "--output", run)
    longer = tmp_path / "b.ts"
    longer.write_text(ts(["1,2,3,4,5,6,7,8:1,2:a", "?:?:b"]), encoding="utf-8")
    result = invoke("predict", run, longer)
    assert len(result.stdout.splitlines()) == 3
    assert told(result) == [
        "warning: 1 cell is longer than any in training (column 'series') – cut at the end"
    ]
    other = tmp_path / "c.ts"
    other.write_text("@data\n1,2,3\n4,5,6\n", encoding="utf-8")
    assert told(invoke("predict", run, other, code=2)) == [
        f"error: a series of 1 channel where training had 2 ({other}:2,series) – give (time, "
        "channels), with equal channels everywhere"
    ]
    np.savez(tmp_path / "d.npz", x=np.zeros((3, 4, 2), "float32") - 0.5)
    assert len(invoke("predict", run, tmp_path / "d.npz").stdout.splitlines()) == 4


# Sounds.

RATE = 4_000


def tone(hertz: float, seconds: float = 0.05, rate: int = RATE) -> NDArray[np.float32]:
    times = np.arange(round(seconds * rate)) / rate
    found: NDArray[np.float32] = (0.5 * np.sin(2 * np.pi * hertz * times)).astype("float32")
    return found


def pcm(
    samples: NDArray[np.float32], *, bits: int = 16, channels: int = 1, rate: int = RATE
) -> bytes:
    """A WAV file of whole numbers."""
    import struct

    whole = samples * (2 ** (bits - 1) - 1) + (128 if bits == 8 else 0)
    data = whole.astype("u1" if bits == 8 else "<i2").tobytes()
    size = bits // 8 * channels
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * size, size, bits)
    body = (
        b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(data)) + data
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    for i in range(6):
        for name, hertz in (("high", 1_200.0), ("low", 300.0)):
            path = tmp_path / "sounds" / name / f"{i}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(pcm(tone(hertz + 10 * i)))
    return tmp_path / "sounds"


WHOLE = pcm(tone(400.0))
ODD_SOUNDS = [
    (
        "no samples",
        pcm(tone(400.0)[:0]),
        "a sound without samples, left out ({path}) – remove it, or save it again",
    ),
    (
        "cut off",
        WHOLE[:-50],
        "a sound that is cut off, left out ({path}) – remove it, or copy it again",
    ),
    ("not a WAV", b"ID3\x04 not a sound", "not a WAV file, left out ({path}) – convert it to WAV"),
    ("empty", b"", "the file is empty, left out ({path}) – remove it, or save it again"),
    (
        "another rate",
        pcm(tone(400.0, rate=8_000), rate=8_000),
        "a sound is brought from 8,000 to 4,000 samples a second ({path}) – add --set sample_rate=N "
        "for another rate",
    ),
    (
        "stereo",
        pcm(np.repeat(tone(400.0), 2), channels=2),
        "a sound of 2 channels is mixed into one ({path}) – save one channel if it matters",
    ),
    ("8 bits", pcm(tone(400.0), bits=8), None),
    ("32-bit floats", wav.encode(tone(400.0), RATE), None),
]


@pytest.mark.parametrize(
    ("content", "message"), [row[1:] for row in ODD_SOUNDS], ids=[row[0] for row in ODD_SOUNDS]
)
def test_odd_sounds(content: bytes, message: str | None, sounds: Path, tmp_path: Path) -> None:
    odd = sounds / "low" / "3.wav"
    odd.write_bytes(content)
    run = tmp_path / "run"
    result = invoke("train", sounds, *TINY, "--output", run)
    expected = [f"warning: {message.format(path=odd)}"] if message else []
    assert told(result)[:1] == expected
    is_left_out = message is not None and "left out" in message
    if not is_left_out:
        return
    printed = invoke("predict", run, sounds / "low").stdout.splitlines()
    assert printed[0].startswith("path,prediction,probability:high")
    assert [line.split(",")[0] for line in printed[1:]] == [
        str(sounds / "low" / f"{i}.wav") for i in range(6)
    ]
    assert [line.split(",")[1] == "" for line in printed[1:]] == [i == 3 for i in range(6)]
    strict = invoke("train", sounds, "--strict", *TINY, "--output", tmp_path / "b", code=2)
    assert told(strict)[0] == f"error: {str(message).format(path=odd).replace(', left out', '')}"


def test_folders_of_sounds_that_cannot_be_learned_from(sounds: Path, tmp_path: Path) -> None:
    for path in (sounds / "low").iterdir():
        path.unlink()
    (sounds / "low").rmdir()
    result = invoke("train", sounds, *TINY, "--output", tmp_path / "run", code=2)
    assert told(result)[-1] == (
        f"error: the target has one class only: 'high' ({sounds},label) – add rows of another class"
    )


def test_tables_of_sounds(sounds: Path, tmp_path: Path) -> None:
    rows = [
        {"file": f"sounds/{name}/{i}.wav", "age": 10 * i % 7, "pitch": name}
        for name in ("high", "low")
        for i in range(6)
    ]
    table = tmp_path / "table.csv"
    pd.DataFrame(rows).to_csv(table, index=False)
    run = tmp_path / "run"
    result = invoke("train", table, "--target", "pitch", *TINY, "--output", run)
    assert "1 sound column, up to 0.1 s at 4,000 Hz" in result.stdout
    assert len(invoke("predict", run, table).stdout.splitlines()) == 13
    assert invoke("evaluate", run).exit_code == 0
    (sounds / "low" / "2.wav").unlink()
    result = invoke("predict", run, table)
    assert told(result)[0] == (
        f"warning: no such file, not predicted ({sounds}/low/2.wav) – check the path"
    )
    assert result.stdout.splitlines()[9].startswith(",")
