"""Images as the cells of a table: what a cell may be, and how a column becomes pixels.

A cell is the path of a file, its bytes, an array, or an image of Pillow. A table to learn from is
decoded once: its cells then are a `Picture` each, a row of one `Pool` in memory or on disk.
"""

from __future__ import annotations

import hashlib
import io
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kerasnn.data import decoding
from kerasnn.data.decoding import PictureError
from kerasnn.data.findings import Findings, origin_in, placed, report_failed, report_odd
from kerasnn.data.folders import printable
from kerasnn.data.frames import Examples, keep_rows, origin_of
from kerasnn.data.stored import Pixels, StoredPixels
from kerasnn.resizing import resize

__all__ = [
    "Picture",
    "PictureError",
    "Pool",
    "decode",
    "digest",
    "is_picture",
    "layout_text",
    "load",
    "parse_layout",
    "pixels_of",
    "png_bytes",
    "read_picture",
    "readable",
]

# Images decoded by a thread at once.
CHUNK = 64
# Files read at once before they are decoded.
AHEAD = 16
# Decoding an image is so much work where threads gain: Python's lock is held around small ones.
SLOW_S = 4e-4
MOST_SHAPED = 8.0
"""Sides that differ more than so many times are warned of."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Picture:
    """A decoded image: one row of a pool.

    Args:
        pool: Where the pixels are.
        row: Which.
        origin: Path of the file; empty for one given in memory.
    """

    pool: Pool
    row: int
    origin: str = ""

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """(height, width, channels)."""
        found: NDArray[np.uint8] = self.pool.pixels[self.row : self.row + 1][0]
        return found

    @property
    def digest(self) -> int:
        """64 bits of a hash of the pixels; equal images have equal ones."""
        return int(self.pool.digests[self.row])

    def __str__(self) -> str:
        return f"{printable(self.origin)}#{self.digest:016x}"


@dataclass(frozen=True, eq=False)
class Pool:
    """Decoded images of one size.

    Args:
        pixels: uint8 (n, height, width, channels).
        digests: uint64 (n,).
    """

    pixels: Pixels
    digests: NDArray[np.uint64]


def is_picture(cell: Any) -> bool:
    """Whether a cell that is no text is an image."""
    if isinstance(cell, Picture):
        return True
    if isinstance(cell, np.ndarray):
        return cell.ndim == 2 or (cell.ndim == 3 and cell.shape[-1] in (1, 3, 4))
    if isinstance(cell, bytes):
        return decoding.is_encoded(cell)
    return hasattr(cell, "getexif")


def layout_text(height: int, width: int, channels: int) -> str:
    """As `Column.layout` of an image column has it, such as ``32x32x3``."""
    return f"{height}x{width}x{channels}"


def parse_layout(layout: str) -> tuple[int, int, int]:
    """Height, width and channels.

    >>> parse_layout("32x48x3")
    (32, 48, 3)
    """
    height, width, channels = map(int, layout.split("x"))
    return height, width, channels


def describe_layout(layout: str) -> str:
    """For people.

    >>> describe_layout("32x48x3"), describe_layout("28x28x1")
    ('32 × 48 colour', '28 × 28 grey')
    """
    height, width, channels = parse_layout(layout)
    return f"{height} × {width} {'grey' if channels == 1 else 'colour'}"


def read_picture(cell: Any, channels: int, *, folder: str = "") -> NDArray[np.uint8]:
    """The pixels of one cell, (height, width, channels).

    Args:
        cell: Path, bytes, array, image of Pillow, or `Picture`.
        channels: 1 for grey, 3 for colour.
        folder: That a path is relative to, if there is no such file in the current one.

    Raises:
        PictureError: It can't be read.
    """
    return _read(cell, channels, folder)[0]


def pixels_of(series: pd.Series, layout: str) -> Pixels:
    """The pixels of a column, (n, height, width, channels), uint8.

    Args:
        series: Image cells.
        layout: Size that they are resized to.

    Raises:
        PictureError: A cell can't be read; names it.
    """
    shape = parse_layout(layout)
    cells = list(series)
    pools = {id(cell.pool): cell.pool for cell in cells if isinstance(cell, Picture)}
    if len(pools) == 1 and all(isinstance(cell, Picture) for cell in cells):
        [pool] = pools.values()
        rows = np.array([cell.row for cell in cells], dtype=np.int64)
        if pool.pixels.shape[1:] == shape:
            in_memory = isinstance(pool.pixels, np.ndarray)
            found: Pixels = pool.pixels[rows] if in_memory else pool.pixels.take(rows)
            return found
    out = np.empty((len(cells), *shape), dtype="uint8")
    found_out = decode(
        cells, layout, lambda at, part: _put(out, at, part), folder=folder_of(series)
    )
    for row, error in found_out.failed.items():
        raise placed(error, series, row)
    return out


def decode(
    cells: Sequence[Any],
    layout: str,
    write: Callable[[int, NDArray[np.uint8]], None],
    *,
    folder: str = "",
) -> Findings:
    """Decode and resize cells, on all processors where that is faster.

    Args:
        cells: Of any kind.
        layout: Their size afterwards.
        write: Takes the position of the first image and some images, from several threads; what
            can't be read is black.
        folder: That paths are relative to, if they are not to the current one.

    Raises:
        StorageError: A file is there but can't be read.
    """
    height, width, channels = parse_layout(layout)
    findings, lock = Findings(), threading.Lock()

    def work(start: int) -> None:
        chunk = cells[start : start + CHUNK]
        part = np.zeros((len(chunk), height, width, channels), dtype="uint8")
        for position, fetched in enumerate(_fetched(chunk, folder), start):
            try:
                pixels, animated = decoding.decode_fetched(fetched, channels)
            except PictureError as error:
                with lock:
                    findings.failed[position] = error
                continue
            if animated or _is_odd(pixels.shape, height, width):
                with lock:
                    if animated:
                        findings.animated.append(position)
                    if _is_odd(pixels.shape, height, width):
                        findings.odd[position] = (pixels.shape[0], pixels.shape[1])
            part[position - start] = resize(pixels, height, width)
        write(start, part)

    _run(work, range(0, len(cells), CHUNK))
    findings.failed = dict(sorted(findings.failed.items()))
    findings.odd = dict(sorted(findings.odd.items()))
    findings.animated.sort()
    return findings


def load(
    tables: Sequence[pd.DataFrame],
    column: str,
    layout: str,
    *,
    strict: bool,
    memory_gb: float | None = None,
) -> list[pd.DataFrame]:
    """Decode a column of some tables into one pool; rows whose image can't be read are left out.

    Args:
        tables: With the column.
        column: Its name.
        layout: The size of the images afterwards.
        strict: Whether an image that can't be read is an error.
        memory_gb: As `RunOptions.memory_gb`.

    Returns:
        The tables with a `Picture` in each cell; messages still name the rows of their files.

    Raises:
        PictureError: An image can't be read, and ``strict`` is set, or most can't; or an image
            is so large that it would fill the memory.
        StorageError: A file can't be read.
    """
    shape = (sum(map(len, tables)), *parse_layout(layout))
    pixels = StoredPixels.fitting(shape, memory_gb=memory_gb)
    pool = Pool(pixels, np.zeros(shape[0], dtype=np.uint64))
    loaded, first = [], 0
    for table in tables:
        done, findings = _load(table, column, layout, pool, first)
        first += len(table)
        series = table[column]
        report_failed(findings, series, strict=strict)
        report_odd(findings, series)
        if findings.failed:
            kept = np.setdiff1d(np.arange(len(table)), np.fromiter(findings.failed, dtype=np.int64))
            done = keep_rows(Examples(done, ""), kept).frame
        loaded.append(done)
    return loaded


def readable(
    frame: pd.DataFrame,
    layouts: Mapping[str, str],
    *,
    strict: bool = False,
    left_out: bool = False,
) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """The rows all of whose images can be read, decoded, and their positions; warns of the others.

    Args:
        frame: With image columns.
        layouts: Of these, by name.
        strict: Whether an image that can't be read is an error.
        left_out: Whether the other rows are left out for good, so that there must not be many.

    Raises:
        PictureError: An image can't be read and ``strict`` is set, or it would fill the memory.
        StorageError: A file can't be read.
    """
    failed: set[int] = set()
    done = frame
    for column, layout in layouts.items():
        if all(isinstance(cell, Picture) for cell in frame[column]):
            continue
        pixels = np.zeros((len(frame), *parse_layout(layout)), dtype="uint8")
        pool = Pool(pixels, np.zeros(len(frame), dtype=np.uint64))
        decoded, findings = _load(done, column, layout, pool, 0)
        report_failed(findings, frame[column], strict=strict, left_out=left_out)
        report_odd(findings, frame[column])
        failed |= findings.failed.keys()
        done = decoded
    kept = np.array(sorted(set(range(len(frame))) - failed), dtype=np.int64)
    return (keep_rows(Examples(done, ""), kept).frame if failed else done), kept


def digest(pixels: NDArray[np.uint8]) -> int:
    """64 bits of a hash of an image."""
    return int.from_bytes(hashlib.blake2b(pixels.data, digest_size=8).digest(), "little")


def png_bytes(cell: Any) -> Any:
    """A cell as a file can hold it: a path as it is, made absolute; anything else as PNG.

    A path that is no UTF-8 becomes a ``file:`` URI, which is read like a path.
    """
    origin = cell.origin if isinstance(cell, Picture) else cell
    if isinstance(origin, str | os.PathLike) and str(origin):
        path = os.path.abspath(decoding.located(origin, ""))
        return path if path.isprintable() else Path(path).as_uri()
    if isinstance(cell, bytes):
        return cell
    from PIL import Image

    pixels = cell.pixels if isinstance(cell, Picture) else read_picture(cell, 3)
    buffer = io.BytesIO()
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _read(cell: Any, channels: int, folder: str) -> tuple[NDArray[np.uint8], bool]:
    if isinstance(cell, Picture):
        return decoding.with_channels(cell.pixels, channels), False
    return decoding.decode_cell(cell, channels, folder=folder)


def _fetched(cells: Sequence[Any], folder: str) -> Iterator[tuple[Any, str]]:
    """The contents of cells, some files ahead: the processor's cache serves one thing at a time."""
    for start in range(0, len(cells), AHEAD):
        yield from [
            (cell.pixels, "") if isinstance(cell, Picture) else decoding.fetch(cell, folder)
            for cell in cells[start : start + AHEAD]
        ]


def _load(
    table: pd.DataFrame, column: str, layout: str, pool: Pool, first: int
) -> tuple[pd.DataFrame, Findings]:
    """Decode a column into the rows of a pool from ``first`` on."""
    cells, folder = list(table[column]), folder_of(table)

    def write(start: int, part: NDArray[np.uint8]) -> None:
        _put(pool.pixels, first + start, part)
        pool.digests[first + start : first + start + len(part)] = [digest(image) for image in part]

    findings = decode(cells, layout, write, folder=folder)
    pictures = np.empty(len(cells), dtype=object)
    for row, cell in enumerate(cells):
        pictures[row] = Picture(pool, first + row, origin_in(cell, folder))
    done = table.assign(**{column: pd.Series(pictures, index=table.index, dtype=object)})
    done.attrs = table.attrs
    return done, findings


def _run(work: Callable[[int], None], starts: range) -> None:
    """Do the first part here, and the others in threads if it was much work, or much waiting."""
    from PIL import Image

    Image.preinit()
    began, worked = time.perf_counter(), time.thread_time()
    for start in starts[:1]:
        work(start)
    waited, worked = time.perf_counter() - began, time.thread_time() - worked
    if worked < SLOW_S * CHUNK and waited < 20 * worked:
        for start in starts[1:]:
            work(start)
        return
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(work, starts[1:]))


def _is_odd(shape: tuple[int, ...], height: int, width: int) -> bool:
    short, long = sorted(shape[:2])
    return shape[:2] != (height, width) and (short == 1 or long > MOST_SHAPED * short)


def folder_of(table: pd.DataFrame | pd.Series) -> str:
    """The folder of the file that a table was read from."""
    name = str(origin_of(table))
    return str(Path(name).parent) if name and os.path.isfile(name) else ""


def _put(pixels: Pixels, start: int, part: NDArray[np.uint8]) -> None:
    pixels[start : start + len(part)] = part
