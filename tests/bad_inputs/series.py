"""Bad series and sounds: the contents of the rows in series.yaml."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from bad_inputs.rows import read_rows
from numpy.typing import NDArray

from kerasnn.data.media import wav

NAN = float("nan")
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


RATE = 4_000


def tone(hertz: float, seconds: float = 0.05, rate: int = RATE) -> NDArray[np.float32]:
    times = np.arange(round(seconds * rate)) / rate
    found: NDArray[np.float32] = (0.5 * np.sin(2 * np.pi * hertz * times)).astype("float32")
    return found


def pcm(
    samples: NDArray[np.float32], *, bits: int = 16, channels: int = 1, rate: int = RATE
) -> bytes:
    """A WAV file of whole numbers."""
    whole = samples * (2 ** (bits - 1) - 1) + (128 if bits == 8 else 0)
    data = whole.astype("u1" if bits == 8 else "<i2").tobytes()
    size = bits // 8 * channels
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * size, size, bits)
    body = (
        b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(data)) + data
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


WHOLE = pcm(tone(400.0))
REFUSED = {
    "unequal channels": with_line(3, "1,2,3:a"),
    "a class that is not named": with_line(3, "1,2:3,4:c"),
    "no line @data": "@classLabel true a b\n",
    "an empty file": "",
    "no series": ts([]).rstrip() + "\n",
    "words among readings": with_line(0, "1,two:3,4:a"),
    "an infinite reading": with_line(2, "1,inf:3,4:a"),
    "one class": ts([line[:-1] + "a" for line in GOOD]),
    "unequal channels in lists": json_lines(put(5, [[1.0], [2.0]])),
    "ragged": json_lines(put(5, [[1.0, 2.0], [2.0]])),
    "a word for a series": json_lines(put(5, "three")),
    "a time twice": long(set_cell(1, "t", 0)),
    "no time": long(set_cell(1, "t", None)),
    "a label that changes": long(set_cell(1, "label", "b")),
    "no such column": long(lambda frame: frame),
    "a time without series": long(lambda frame: frame),
}
TRAINED = {
    "missing readings": ts(
        [
            ts_line(np.where(np.arange(8).reshape(4, 2) == 3, NAN, cell[:4]), label)
            for cell, label in zip(readings(), LABELS, strict=True)
        ]
    ),
    "a constant series": with_line(2, "1,1,1:1,1,1:a"),
    "a series without readings": with_line(2, "?,?:?,?:a"),
    "a series of one point": with_line(2, "1:2:a"),
    "rows out of order": long(lambda frame: frame.iloc[::-1]),
    "channels of words": long(
        lambda frame: frame.assign(mood=[f"m{i % 7}" for i in range(len(frame))])
    ),
}
SOUNDS = {
    "no samples": pcm(tone(400.0)[:0]),
    "cut off": WHOLE[:-50],
    "not a WAV": b"ID3\x04 not a sound",
    "empty": b"",
    "another rate": pcm(tone(400.0, rate=8_000), rate=8_000),
    "stereo": pcm(np.repeat(tone(400.0), 2), channels=2),
    "8 bits": pcm(tone(400.0), bits=8),
    "32-bit floats": wav.encode(tone(400.0), RATE),
}
REFUSED_ROWS = read_rows("series", "refused", REFUSED, name="a.ts")
TRAINED_ROWS = read_rows("series", "trained", TRAINED, name="a.ts")
SOUND_ROWS = read_rows("series", "sounds", SOUNDS, name="3.wav")
