"""Digests of the data, which show whether a resumed run has the data that it began with."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kerasnn.data.columns import series_cells
from kerasnn.data.media.images import ImageCell
from kerasnn.data.media.sound_cells import AudioCell
from kerasnn.files.storage import open_file

if TYPE_CHECKING:
    from kerasnn.datasets.tabular import Table

_READ = ("source", "validation", "test")


def can_be_read_again(data: Mapping[str, Any]) -> bool:
    """Whether a run reads files and folders alone, which, unlike pipes, hold the same once more.

    Args:
        data: The section ``data`` of a configuration, which may be a stranger's.
    """
    named = [data[name] for name in _READ if data[name] is not None]
    return data["source"] is not None and all(
        name != "-" and (os.path.isfile(name) or os.path.isdir(name)) for name in named
    )


def hash_files(data: Mapping[str, Any]) -> str:
    """SHA-256 of the files that a run reads.

    Args:
        data: Data options of the configuration, as plain data.

    Raises:
        FileNotFoundError: One is not there.
        ModelRefusedError: One is a pipe or a device, which may have no end.
    """
    digest = hashlib.sha256()
    for name in _READ:
        if data[name] is None or data[name] == "-":
            continue
        if os.path.isdir(data[name]):
            digest.update(_listing(data[name]))
        else:
            with open_file(data[name]) as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def hash_file(path: str | None) -> str | None:
    """SHA-256 of a file: where it lies does not matter."""
    if path is None:
        return None
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _listing(folder: str) -> bytes:
    """Names and sizes of all files in a folder: to read each of very many images takes too long."""
    lines = []
    for where, _, names in os.walk(folder, followlinks=False):
        for name in names:
            path = os.path.join(where, name)
            size = os.lstat(path).st_size
            lines.append(f"{os.path.relpath(path, folder)}\0{size}")
    return "\n".join(sorted(lines)).encode("utf-8", "surrogateescape")


def hash_table(table: Table) -> str:
    """SHA-256 of all cells, and of which row is in which part."""
    frame = table.source.frame
    digest = hashlib.sha256("\0".join(map(str, frame.columns)).encode())
    for name in frame.columns:
        cells = frame[name]
        digests = _digests(cells)
        if digests is not None:
            digest.update(digests.tobytes())
            continue
        hashes = pd.util.hash_pandas_object(cells.astype(str), index=False)
        digest.update(hashes.to_numpy().tobytes())
    for part in (table.splits.train, table.splits.validation, table.splits.test):
        digest.update(part.tobytes())
    return digest.hexdigest()


def _digests(series: pd.Series) -> np.ndarray | None:
    """64 bits of a hash of each image, sound or series, uint64 (n,); None for other cells."""
    known = series.dropna() if series.dtype == object else series[:0]
    first = known.iloc[0] if len(known) else None
    if isinstance(first, ImageCell | AudioCell):
        return np.array([cell.digest for cell in series], dtype=np.uint64)
    if not isinstance(first, np.ndarray):
        return None
    return np.array([series_cells.digest(cell) for cell in series], dtype=np.uint64)
