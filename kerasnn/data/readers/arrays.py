"""Tables of arrays: ``.npz`` files with images or series ``x`` and labels ``y``."""

from __future__ import annotations

import lzma
import math
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import IO, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kerasnn.data.columns.series_cells import are_pixels
from kerasnn.data.frames import as_cells
from kerasnn.data.readers.sources import Source
from kerasnn.errors import DataError, ResourceError, warn
from kerasnn.runtime.memory import free_memory

IMAGES, LABELS = "x", "y"

# What reading a damaged file, or one that is no archive of arrays, raises.
_FAULTS = (
    zipfile.BadZipFile,  # no zip at all, or a checksum that is wrong
    zlib.error,  # bytes that can't be inflated
    lzma.LZMAError,
    EOFError,  # a member that ends too early
    ValueError,  # NumPy's, of a header, and ours
    OSError,  # of the disk; `bz2` says so what it can't inflate
    RuntimeError,  # an encrypted member, or a compression that `zipfile` does not know
)


def tables(source: Source, *, rows: int | None) -> tuple[list[str], Iterator[pd.DataFrame]]:
    """Names of the columns, and tables of at most ``rows`` rows; cells of images, series are arrays.

    Args:
        source: The file.
        rows: None gives all rows at once.

    Raises:
        DataError: The file is damaged, there is no ``x``, lengths differ, or an array holds
            Python objects.
    """
    file = open(source.path, "rb")  # noqa: SIM115, the tables are read from it later
    try:
        archive = zipfile.ZipFile(file)
        members = [name for name in archive.namelist() if name.endswith(".npy")]
        arrays = {name[:-4]: _Array(archive, name, source.origin) for name in members}
        columns = _columns(arrays, source.origin)
        _check_memory(columns, source.origin, rows)
    except (*_FAULTS, ResourceError) as error:
        file.close()
        raise error if isinstance(error, ResourceError) else _told(error, source.origin) from None
    return list(columns), _tables(columns, file, source.origin, rows)


class _Array:
    """An array of a file, read piece by piece where that is possible."""

    def __init__(self, archive: zipfile.ZipFile, member: str, origin: str) -> None:
        stream = archive.open(member)
        version = np.lib.format.read_magic(stream)
        first = version == (1, 0)
        form = np.lib.format
        header = (form.read_array_header_1_0 if first else form.read_array_header_2_0)(stream)
        self.shape, fortran, self.dtype = header
        if self.dtype.hasobject or self.dtype.names:
            problem = "an array of Python objects, which could run code and is not read"
            hint = "save numbers or text"
            raise DataError(problem, location=f"{origin},{member[:-4]}", hint=hint)
        size = archive.getinfo(member).file_size - stream.tell()
        if size != math.prod(self.shape) * self.dtype.itemsize:
            raise ValueError("the header does not fit the content")
        self.origin, self._stream, self._done = origin, stream, 0
        self._fortran = fortran
        # What the numbers of pixels mean is told by all of them, unless their type tells it.
        self._in_pieces = not fortran and (
            len(self.shape) < 3 or self.dtype.kind == "b" or self.dtype.name in ("uint8", "uint16")
        )
        self._whole: NDArray[Any] | None = None

    def bytes_at_once(self, n_rows: int | None) -> int:
        """How many bytes reading some rows, or all of them, takes."""
        row = math.prod(self.shape[1:]) * self.dtype.itemsize
        all_rows = self.shape[0] if self.shape else 0
        return row * (min(n_rows, all_rows) if n_rows and self._in_pieces else all_rows)

    def take(self, n_rows: int) -> NDArray[Any]:
        """The next rows, at most so many."""
        start, stop = self._done, min(self._done + n_rows, self.shape[0])
        self._done = stop
        if not self._in_pieces:
            if self._whole is None:
                self._whole = self._read_all(self._fortran)
            return self._whole[start:stop]
        return _read(self._stream, (stop - start, *self.shape[1:]), self.dtype)

    def _read_all(self, fortran: bool) -> NDArray[Any]:
        from kerasnn.data.media.decoding import as_bytes

        shape = self.shape[::-1] if fortran else self.shape
        values = _read(self._stream, shape, self.dtype)
        values = values.T if fortran else values
        if values.ndim < 3 or (values.ndim == 3 and not are_pixels([values])):
            return values
        if not np.isfinite(values).all() or values.min(initial=0) < 0:
            return values
        return as_bytes(values)


def _read(stream: IO[bytes], shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    out = np.empty(shape, dtype=dtype)
    target = out.reshape(-1).view(np.uint8).data
    while target:
        # ZipExtFile inflates no more than it is asked for.
        piece = stream.read(min(len(target), 1 << 20))
        if not piece:
            raise EOFError
        target[: len(piece)] = piece
        target = target[len(piece) :]
    return out


def _columns(arrays: Mapping[str, _Array], origin: str) -> dict[str, _Array]:
    """The arrays that are columns of the table; warns of the others."""
    if IMAGES not in arrays:
        listed = ", ".join(f"'{name}'" for name in arrays) or "none"
        problem = f"no array '{IMAGES}' among the arrays: {listed}"
        hint = "call the images or series 'x' and the labels 'y'"
        raise DataError(problem, location=origin, hint=hint)
    shape = arrays[IMAGES].shape
    if len(shape) not in (2, 3, 4):
        problem = f"'{IMAGES}' has the shape {shape}"
        hint = "give series as (n, time) or (n, time, channels), images as (n, height, width, channels)"
        raise DataError(problem, location=f"{origin},{IMAGES}", hint=hint)
    if LABELS in arrays and arrays[LABELS].shape[:1] != shape[:1]:
        labels = (arrays[LABELS].shape or (0,))[0]
        problem = f"{shape[0]:,} examples in '{IMAGES}' but {labels:,} labels in '{LABELS}'"
        raise DataError(problem, location=origin, hint="give one label an example")
    columns = {
        name: array
        for name, array in arrays.items()
        if array.shape[:1] == shape[:1] and (name in (IMAGES, LABELS) or len(array.shape) == 1)
    }
    for name in arrays.keys() - columns.keys():
        problem = (
            f"an array of the shape {arrays[name].shape} is no column of the table and ignored"
        )
        warn(problem, location=f"{origin},{name}")
    return columns


def _check_memory(columns: Mapping[str, _Array], origin: str, rows: int | None) -> None:
    """Raise before anything is read that would fill the memory; zeros take no room in a file."""
    needed = sum(array.bytes_at_once(rows) for array in columns.values())
    # Numbers that may be pixels are looked at as another array of their size.
    if 2 * needed > free_memory():
        problem = f"the arrays are {needed / 1e6:,.0f} MB, more than there is memory for"
        raise ResourceError(problem, location=origin, hint="divide the file, or use a smaller type")


def _tables(
    columns: Mapping[str, _Array], file: IO[bytes], origin: str, rows: int | None
) -> Iterator[pd.DataFrame]:
    n_rows = columns[IMAGES].shape[0]
    at_once = rows or max(n_rows, 1)
    with file:
        for _ in range(math.ceil(n_rows / at_once)):
            try:
                pieces = {name: array.take(at_once) for name, array in columns.items()}
            except _FAULTS as error:
                raise _told(error, origin) from None
            yield pd.DataFrame({name: as_cells(_flat(piece)) for name, piece in pieces.items()})


def _flat(array: NDArray[Any]) -> NDArray[Any]:
    """Labels as (n, 1), as some data sets have them, are (n,)."""
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


def _told(error: Exception, origin: str) -> DataError:
    if isinstance(error, DataError):
        return error
    return DataError("a damaged .npz file", location=origin, hint="copy or save it again")
