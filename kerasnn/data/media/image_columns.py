"""From a column of image cells to the pixels of all of them, in one size."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kerasnn.data.frames import SourceTable, keep_rows, origin_of
from kerasnn.data.media import decoding
from kerasnn.data.media.data_warnings import (
    ImageWarnings,
    origin_in,
    placed,
    report_failed,
    report_odd,
)
from kerasnn.data.media.decoding import ImageError
from kerasnn.data.media.images import ImageCell, Pool, digest, parse_layout
from kerasnn.data.media.stored import Pixels, StoredPixels
from kerasnn.data.resize import resize

# Images decoded by a thread at once.
CHUNK = 64
# Files read at once before they are decoded.
AHEAD = 16
# Decoding an image is so much work where threads gain: Python's lock is held around small ones.
SLOW_S = 4e-4
MOST_SHAPED = 8.0
"""Sides that differ more than so many times are warned of."""


def pixels_of(series: pd.Series, layout: str) -> Pixels:
    """The pixels of a column, (n, height, width, channels), uint8.

    Args:
        series: Image cells.
        layout: Size that they are resized to.

    Raises:
        ImageError: A cell can't be read; names it.
    """
    shape = parse_layout(layout)
    cells = list(series)
    pools = {id(cell.pool): cell.pool for cell in cells if isinstance(cell, ImageCell)}
    if len(pools) == 1 and all(isinstance(cell, ImageCell) for cell in cells):
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
) -> ImageWarnings:
    """Decode and resize cells, on all processors where that is faster.

    Args:
        cells: Cells of an image column, in any form that is read.
        layout: Their size afterwards.
        write: Takes the position of the first image and some images, from several threads; what
            can't be read is black.
        folder: Folder that paths are relative to if the current one has no such file.

    Raises:
        StorageError: A file is there but can't be read.
    """
    height, width, channels = parse_layout(layout)
    data_warnings, lock = ImageWarnings(), threading.Lock()

    def work(start: int) -> None:
        chunk = cells[start : start + CHUNK]
        part = np.zeros((len(chunk), height, width, channels), dtype="uint8")
        for position, fetched in enumerate(_fetched(chunk, folder), start):
            try:
                pixels, animated = decoding.decode_fetched(fetched, channels)
            except ImageError as error:
                with lock:
                    data_warnings.failed[position] = error
                continue
            if animated or _is_odd(pixels.shape, height, width):
                with lock:
                    if animated:
                        data_warnings.animated.append(position)
                    if _is_odd(pixels.shape, height, width):
                        data_warnings.odd[position] = (pixels.shape[0], pixels.shape[1])
            part[position - start] = resize(pixels, height, width)
        write(start, part)

    _run(work, range(0, len(cells), CHUNK))
    data_warnings.failed = dict(sorted(data_warnings.failed.items()))
    data_warnings.odd = dict(sorted(data_warnings.odd.items()))
    data_warnings.animated.sort()
    return data_warnings


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
        tables: Tables with the column.
        column: Its name.
        layout: The size of the images afterwards.
        strict: True to raise an error if an image can't be read.
        memory_gb: Memory that may be used, in GiB, as in `RunOptions`.

    Returns:
        The tables with a `ImageCell` in each cell; messages still name the rows of their files.

    Raises:
        ImageError: An image can't be read, and ``strict`` is set, or most can't; or an image
            is so large that it would fill the memory.
        StorageError: A file can't be read.
    """
    shape = (sum(map(len, tables)), *parse_layout(layout))
    pixels = StoredPixels.fitting(shape, memory_gb=memory_gb)
    pool = Pool(pixels, np.zeros(shape[0], dtype=np.uint64))
    loaded, first = [], 0
    for table in tables:
        done, data_warnings = _load(table, column, layout, pool, first)
        first += len(table)
        series = table[column]
        report_failed(data_warnings, series, strict=strict)
        report_odd(data_warnings, series)
        if data_warnings.failed:
            kept = np.setdiff1d(
                np.arange(len(table)), np.fromiter(data_warnings.failed, dtype=np.int64)
            )
            done = keep_rows(SourceTable(done, ""), kept).frame
        loaded.append(done)
    return loaded


def readable(
    frame: pd.DataFrame,
    layouts: Mapping[str, str],
    *,
    strict: bool = False,
    left_out: bool = False,
    outcome: str = "not predicted",
) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    """The rows all of whose images can be read, decoded, and their positions; warns of the others.

    Args:
        frame: Table with image columns.
        layouts: Layouts of the image columns, by name.
        strict: True to raise an error if an image can't be read.
        left_out: True if unreadable rows are left out for good, so that there must be few.
        outcome: Words for what becomes of unreadable rows that are not left out for good.

    Raises:
        ImageError: An image can't be read and ``strict`` is set, or it would fill the memory.
        StorageError: A file can't be read.
    """
    failed: set[int] = set()
    done = frame
    for column, layout in layouts.items():
        if all(isinstance(cell, ImageCell) for cell in frame[column]):
            continue
        pixels = np.zeros((len(frame), *parse_layout(layout)), dtype="uint8")
        pool = Pool(pixels, np.zeros(len(frame), dtype=np.uint64))
        decoded, data_warnings = _load(done, column, layout, pool, 0)
        how: dict[str, Any] = {"strict": strict, "left_out": left_out, "outcome": outcome}
        report_failed(data_warnings, frame[column], **how)
        report_odd(data_warnings, frame[column])
        failed |= data_warnings.failed.keys()
        done = decoded
    kept = np.array(sorted(set(range(len(frame))) - failed), dtype=np.int64)
    return (keep_rows(SourceTable(done, ""), kept).frame if failed else done), kept


def folder_of(table: pd.DataFrame | pd.Series) -> str:
    """The folder of the file that a table was read from."""
    name = str(origin_of(table))
    return str(Path(name).parent) if name and os.path.isfile(name) else ""


def _fetched(cells: Sequence[Any], folder: str) -> Iterator[tuple[Any, str]]:
    """The contents of cells, some files ahead: the processor's cache serves one thing at a time."""
    for start in range(0, len(cells), AHEAD):
        yield from [
            (cell.pixels, "") if isinstance(cell, ImageCell) else decoding.fetch(cell, folder)
            for cell in cells[start : start + AHEAD]
        ]


def _load(
    table: pd.DataFrame, column: str, layout: str, pool: Pool, first: int
) -> tuple[pd.DataFrame, ImageWarnings]:
    """Decode a column into the rows of a pool from ``first`` on."""
    cells, folder = list(table[column]), folder_of(table)

    def write(start: int, part: NDArray[np.uint8]) -> None:
        _put(pool.pixels, first + start, part)
        pool.digests[first + start : first + start + len(part)] = [digest(image) for image in part]

    data_warnings = decode(cells, layout, write, folder=folder)
    cells_done = np.empty(len(cells), dtype=object)
    for row, cell in enumerate(cells):
        cells_done[row] = ImageCell(pool, first + row, origin_in(cell, folder))
    done = table.assign(**{column: pd.Series(cells_done, index=table.index, dtype=object)})
    done.attrs = table.attrs
    return done, data_warnings


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


def _put(pixels: Pixels, start: int, part: NDArray[np.uint8]) -> None:
    pixels[start : start + len(part)] = part
