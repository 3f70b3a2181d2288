"""Series as the cells of a table: readings at time steps.

A cell is an array or a list: of readings, of one channel, or of the readings of all channels at
each time step. NaN and None stand for a missing reading. An empty cell has no reading at all.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kerasnn.data.frames import location
from kerasnn.errors import DataError

# Images have sides of this many pixels at least, and are not longer than so many times their width.
SMALLEST_SIDE, MOST_SHAPED = 3, 2
LARGEST_PIXEL = 65_535


def are_pixels(arrays: Iterable[NDArray[Any]]) -> bool:
    """Whether arrays that may be images or series are images, by what all of them hold.

    Bytes are, and so are numbers from 0 to 1 and whole ones that are not negative, in a matrix that
    is about a square. Other numbers, such as negative or missing ones, are readings.

    Shape:
        each (height, width) or (time, channels), or (n, …) of these at once
    """
    largest, are_whole = 0.0, True
    for array in arrays:
        if array.dtype == bool or array.dtype.name in ("uint8", "uint16"):
            continue
        short, long = sorted(array.shape[-2:])
        if array.dtype.kind not in "iuf" or short < SMALLEST_SIDE or long > MOST_SHAPED * short:
            return False
        if not array.size or not np.isfinite(array).all() or array.min() < 0:
            return False
        largest = max(largest, float(array.max()))
        are_whole = are_whole and (array.dtype.kind != "f" or bool((array == np.rint(array)).all()))
    return largest <= 1 or (are_whole and largest <= LARGEST_PIXEL)


def is_series(cell: Any) -> bool:
    """Whether a cell that is no image is a series: an array or a list of several numbers."""
    if isinstance(cell, list | tuple):
        first = next((item for item in cell if item is not None), None)
        if isinstance(first, list | tuple | np.ndarray):
            return all(isinstance(item, list | tuple | np.ndarray) for item in cell)
        return len(cell) > 1 and isinstance(first, int | float) and not isinstance(first, bool)
    if not isinstance(cell, np.ndarray) or cell.ndim not in (1, 2):
        return False
    if cell.dtype == object:
        return is_series(list(cell))
    return cell.dtype.kind in "iufb" and cell.size > 1


def as_readings(cell: Any) -> NDArray[np.float32]:
    """The readings of a cell without the missing ones behind the last.

    Shape:
        (time, channels), NaN where missing; (0, 0) of an empty cell.

    Raises:
        ValueError: It is no series; says why.
    """
    if not isinstance(cell, list | tuple | np.ndarray):
        if cell is None or cell is pd.NA or (isinstance(cell, float) and np.isnan(cell)):
            return np.zeros((0, 0), dtype="float32")
        raise ValueError(f"not a series of numbers: '{str(cell)[:40]}'")
    readings = _numbers(cell)
    if readings.ndim == 1:
        readings = readings[:, None]
    if readings.ndim != 2 or (len(readings) and not readings.shape[1]):
        raise ValueError(f"an array of the shape {readings.shape} is no series")
    if np.isinf(readings).any():
        raise ValueError("an infinite reading")
    return readings[: _end(readings)]


def read(series: pd.Series, *, channels: int = 0) -> list[NDArray[np.float32]]:
    """The readings of each cell of a column.

    Args:
        series: Column with a series in each cell.
        channels: Number of channels that each must have; 0 for the most frequent number.

    Raises:
        DataError: A cell is no series, or has another number of channels.
    """
    found: list[NDArray[np.float32]] = []
    for label, cell in series.items():
        try:
            found.append(as_readings(cell))
        except ValueError as error:
            hint = "give numbers, NaN where one is missing"
            raise DataError(str(error), location=location(series, label), hint=hint) from None
    wanted = channels or _commonest(found)
    for label, readings in zip(series.index, found, strict=True):
        if len(readings) and readings.shape[1] != wanted:
            whose = "training had" if channels else "others have"
            problem = f"a series of {_count(readings.shape[1])} where {whose} {wanted}"
            hint = "give (time, channels), with equal channels everywhere"
            raise DataError(problem, location=location(series, label), hint=hint)
    return found


def padded(cells: Sequence[NDArray[np.float32]], length: int, channels: int) -> NDArray[np.float32]:
    """Series below each other: the first points of each, NaN behind its end.

    Shape:
        returns (n, length, channels)
    """
    values = np.full((len(cells), length, channels), np.nan, dtype="float32")
    for row, readings in enumerate(cells):
        if len(readings):
            values[row, : len(readings)] = readings[:length]
    return values


def as_lists(cell: Any) -> Any:
    """An array as Parquet can hold it: of two axes, a list of arrays."""
    return list(cell) if isinstance(cell, np.ndarray) and cell.ndim > 1 else cell


def digest(cell: Any) -> int:
    """64 bits of a hash of a cell; equal arrays have equal ones."""
    if not isinstance(cell, np.ndarray) or cell.dtype == object:
        content = repr(cell).encode()
    else:
        content = repr((cell.dtype.str, cell.shape)).encode() + cell.tobytes()
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")


def layout_text(length: int, channels: int) -> str:
    """Text of `Column.layout` for a column of series, such as ``150x3``."""
    return f"{length}x{channels}"


def parse_layout(layout: str) -> tuple[int, int]:
    """Length and channels.

    >>> parse_layout("150x3")
    (150, 3)
    """
    length, channels = map(int, layout.split("x"))
    return length, channels


def describe_layout(layout: str) -> str:
    """Description of a layout for display.

    >>> describe_layout("150x3"), describe_layout("24x1")
    ('up to 150 points of 3 channels', 'up to 24 points')
    """
    length, channels = parse_layout(layout)
    return f"up to {length:,} points" + (f" of {channels:,} channels" if channels > 1 else "")


def _numbers(cell: Any) -> NDArray[np.float32]:
    if isinstance(cell, np.ndarray) and cell.dtype.kind in "iufb":
        return cell.astype("float32")
    items = [np.asarray(item, dtype=object) for item in cell]
    shapes = {item.shape for item in items}
    if len(shapes) > 1:
        raise ValueError("a series whose points have different numbers of channels")
    try:
        values = [[_number(each) for each in item.reshape(-1)] for item in items]
    except (TypeError, ValueError):
        raise ValueError("a series with something that is no number") from None
    return np.array(values, dtype="float32").reshape(len(items), *next(iter(shapes), ()))


def _number(value: Any) -> float:
    if isinstance(value, str):
        raise TypeError
    return np.nan if value is None else float(value)


def _end(readings: NDArray[np.float32]) -> int:
    """Points up to the last that has a reading."""
    known = np.flatnonzero(~np.isnan(readings).all(axis=1))
    return int(known[-1]) + 1 if len(known) else 0


def _commonest(cells: Sequence[NDArray[np.float32]]) -> int:
    counts = Counter(readings.shape[1] for readings in cells if len(readings))
    return counts.most_common(1)[0][0] if counts else 1


def _count(channels: int) -> str:
    return "1 channel" if channels == 1 else f"{channels} channels"
