"""Pixels on disk that are read like an array, for what does not fit in memory."""

from __future__ import annotations

import math
import os
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasnn.errors import StorageError
from kerasnn.runtime.memory import free_memory, unnamed_file

# The pool, the parts of it, and TensorFlow's copy.
COPIES = 3


class StoredPixels:
    """uint8 pixels in a temporary file, of which each read brings some rows into memory.

    The file has no name: the disk is free again when the process ends, however it ends.

    Args:
        shape: (n, height, width, channels).
    """

    dtype = np.dtype("uint8")

    def __init__(
        self,
        shape: Sequence[int],
        *,
        file: _Unnamed | None = None,
        rows: NDArray[np.int64] | None = None,
    ) -> None:
        self.shape = tuple(shape)
        self._file = file or _Unnamed(math.prod(shape))
        self._rows = rows

    @classmethod
    def fitting(
        cls, shape: Sequence[int], *, memory_gb: float | None
    ) -> NDArray[np.uint8] | StoredPixels:
        """An array where there is memory for it and what is made of it, else one on disk."""
        limit = memory_gb * 1e9 if memory_gb else free_memory() / 2
        if COPIES * math.prod(shape) <= limit:
            return np.zeros(tuple(shape), dtype="uint8")
        return cls(shape)

    def take(self, rows: NDArray[np.int64]) -> StoredPixels:
        """Some rows, which stay on disk."""
        chosen = rows if self._rows is None else self._rows[rows]
        return StoredPixels((len(chosen), *self.shape[1:]), file=self._file, rows=chosen)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | NDArray[Any]) -> NDArray[np.uint8]:
        """Rows by a slice or by their numbers, read from disk."""
        positions = np.arange(len(self))[rows]
        if self._rows is not None:
            positions = self._rows[positions]
        out = np.empty((len(positions), *self.shape[1:]), dtype="uint8")
        size, handle = math.prod(self.shape[1:]), self._file.handle
        for start, stop in _stretches(positions):
            # A view: what is read lands in the array at once.
            _read(handle, out[start:stop].reshape(-1).data, int(positions[start]) * size)
        return out

    def __setitem__(self, rows: slice, pixels: NDArray[np.uint8]) -> None:
        start, _, _ = rows.indices(len(self))
        data = np.ascontiguousarray(pixels).reshape(-1).data
        position, handle = start * math.prod(self.shape[1:]), self._file.handle
        while data:
            try:
                done = os.pwrite(handle, data, position)
            except OSError as error:
                raise _disk_error(error) from None
            data, position = data[done:], position + done


Pixels = NDArray[np.uint8] | StoredPixels
# Any input of a network: read by rows, in memory or on disk.
Rows = NDArray[Any] | StoredPixels


def _stretches(positions: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Where runs of neighbours begin and end."""
    if not len(positions):
        return []
    cuts = (np.flatnonzero(np.diff(positions) != 1) + 1).tolist()
    return list(zip([0, *cuts], [*cuts, len(positions)], strict=True))


def _read(handle: int, target: memoryview, position: int) -> None:
    while target:
        done = os.preadv(handle, [target], position)
        if not done:
            raise StorageError("the temporary file of the images was cut off")
        target, position = target[done:], position + done


class _Unnamed:
    """A file without a name, closed when nothing refers to it any more."""

    def __init__(self, size: int) -> None:
        with unnamed_file(size) as file:
            self.handle = os.dup(file.fileno())
        weakref.finalize(self, os.close, self.handle)


def _disk_error(error: OSError) -> StorageError:
    return StorageError(
        f"the decoded images can't be kept on disk: {error.strerror}",
        hint="set TMPDIR to a folder with more room, or give more memory",
    )
