"""Read a table: all of it, or piece by piece in bounded memory."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from kerasnn.data.columns.infinite import without_infinite
from kerasnn.data.frames import (
    SourceTable,
    check_rows,
    from_frame,
    slices,
    with_origin,
)
from kerasnn.data.readers import arrays, delimited, encodings, folders, jsonlines, parquet, ts_files
from kerasnn.data.readers.inputs import as_frame
from kerasnn.data.readers.sources import Source, locate
from kerasnn.errors import ConfigError, DataError, KerasnnWarning
from kerasnn.options import Infinite
from kerasnn.runtime import memory

CHUNK_ROWS, IMAGES_AT_ONCE = 65_536, 4_096
# At the least, what is read lies in memory twice, as it came and as cells; a compressed file is
# several times as large.
COPIES_OF_CELLS, EXPANSION = 2, 3


def read(
    source: Any,
    *,
    encoding: str = encodings.AUTO,
    delimiter: str | None = None,
    infinite: Infinite = "error",
) -> SourceTable:
    """Read a whole table.

    Args:
        source: A path to CSV, TSV, JSON lines or Parquet, or one of these with gzip; to ``.npz``
            with images or series ``x``; to a ``.ts`` file of series; to a folder of images or
            sounds, or one of these; a list of the latter; ``-`` for
            standard input; or a table in memory, of any kind that `kerasnn.data.readers.inputs` knows.
        encoding: Encoding of a text file; ``auto`` finds it.
        delimiter: Text between the cells of a text file; None detects it.
        infinite: Treatment of infinite numbers: left for the checks to refuse, or read as missing.

    Raises:
        DataError: If it is not a table; names the file and line.

    >>> read({"age": [31, 42], "bought": ["no", "yes"]}).frame.shape
    (2, 2)
    """
    given = as_frame(source)
    if given is not None:
        frame = from_frame(given)
        check_rows(frame, None, allow_empty=False)
        return SourceTable(_finite(frame, infinite), "the table")
    if folders.is_media_source(source):
        files = _media(source, encoding, allow_empty=False)
        if "sound" in files:
            _require_memory_of_sounds(files["sound"].tolist())
        return SourceTable(files, _called(source))
    located = _locate(source, encoding)
    _require_memory(located)
    pieces = _pieces(located, encoding=encoding, delimiter=delimiter, rows=None)
    [frame] = list(pieces)
    check_rows(frame, located.origin, allow_empty=False)
    return SourceTable(_finite(frame, infinite), located.origin)


def read_names(
    source: Any, *, encoding: str = encodings.AUTO, delimiter: str | None = None
) -> list[str] | None:
    """The names of the columns, where they stand at the beginning of a file; else None.

    Warnings are left to who reads the rows.

    Args:
        source: Table, as in `read`.
        encoding: Encoding of a text file.
        delimiter: Character between the cells of a text file.

    Raises:
        DataError: If it is not a table; names the file and line.
    """
    if not isinstance(source, str | os.PathLike) or not os.path.isfile(source):
        return None
    located = _locate(source, encoding)
    if located.format == "parquet":
        return parquet.names(located)
    if located.format != "delimited":
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", KerasnnWarning)
        encoding = encodings.resolve(located, encoding, quiet=True)
        return delimited.layout(located, encoding=encoding, delimiter=delimiter).names


def read_chunks(
    source: Any,
    *,
    encoding: str = encodings.AUTO,
    delimiter: str | None = None,
    infinite: Infinite = "error",
    chunk_rows: int = CHUNK_ROWS,
    allow_empty: bool = False,
) -> Iterator[pd.DataFrame]:
    """Read a table piece by piece, with the same cells as `read`; each piece counts from 0.

    Args:
        source: Table, as in `read`.
        encoding: Encoding of a text file.
        delimiter: Character between the cells of a text file.
        infinite: Treatment of infinite numbers, as in `read`.
        chunk_rows: Largest number of rows of a piece; >= 1.
        allow_empty: Give one piece without rows for a table without rows, instead of an error.

    Raises:
        DataError: If it is not a table; in its middle, after the pieces before.
    """
    if chunk_rows < 1:
        raise ConfigError(f"`chunk_rows` must be at least 1; got {chunk_rows}")
    given = as_frame(source)
    if given is not None:
        frame = from_frame(given)
        check_rows(frame, None, allow_empty=allow_empty)
        yield from slices(_finite(frame, infinite), chunk_rows)
        return
    if folders.is_media_source(source):
        files = _media(source, encoding, allow_empty=allow_empty)
        # What is in them takes more memory than the cells of a table.
        yield from slices(files, min(chunk_rows, IMAGES_AT_ONCE))
        return
    located = _locate(source, encoding)
    if located.format == "arrays":
        chunk_rows = min(chunk_rows, IMAGES_AT_ONCE)
    for piece in _pieces(located, encoding=encoding, delimiter=delimiter, rows=chunk_rows):
        check_rows(piece, located.origin, allow_empty=allow_empty)
        yield _finite(piece, infinite)


def _finite(frame: pd.DataFrame, infinite: Infinite) -> pd.DataFrame:
    return without_infinite(frame) if infinite == "missing" else frame


def _require_memory(source: Source) -> None:
    """Raise if all rows of a file surely do not fit into memory.

    Raises:
        ResourceError: They do not fit.
    """
    if source.format == "arrays":
        # Which say themselves how large they are.
        return
    size = source.path.stat().st_size
    needed = size * (EXPANSION if source.compressed else 1) * COPIES_OF_CELLS
    hint = "give fewer rows, or a machine with more memory"
    memory.require(needed, "the rows of the file", location=source.origin, hint=hint)


def _require_memory_of_sounds(paths: Sequence[str]) -> None:
    """Raise if the samples of files surely do not fit into memory, 2 bytes of which become 4."""
    size = sum(os.path.getsize(path) for path in paths if os.path.isfile(path))
    hint = "give fewer or shorter sounds"
    memory.require(2 * size, f"the samples of {len(paths):,} sounds", hint=hint)


def _media(source: Any, encoding: str, *, allow_empty: bool) -> pd.DataFrame:
    """The images or sounds of folders and files; labelled if all of them are in class folders."""
    if isinstance(source, list | tuple) and not source:
        raise ConfigError("no images", hint="name at least one")
    paths: list[str] = []
    labels: list[str] | None = []
    kinds: list[str] = []
    for item in source if isinstance(source, list | tuple) else [source]:
        located = _locate(item, encoding)
        if located.format in ("image", "sound"):
            paths, labels = [*paths, os.fspath(item)], None
            kinds.append(located.format)
        elif located.format == "folder":
            listing = folders.scan(item, needs_labels=not allow_empty)
            folders.check(listing, item, allow_empty=allow_empty)
            paths += listing.paths
            kinds.append(listing.kind)
            known = labels is not None and listing.labels is not None
            labels = [*labels, *listing.labels] if known else None  # type: ignore[misc]
        else:
            hint = "give one table, or images, sounds and folders of these"
            raise DataError("a table among several sources", location=located.origin, hint=hint)
    if len(set(kinds)) > 1:
        raise DataError(
            "images beside sounds", location=_called(source), hint="give one of the two"
        )
    # As objects: a name that is no UTF-8 can't be text of Arrow.
    columns = {kinds[0]: pd.Series(np.array(paths, dtype=object), dtype=object)}
    if labels is not None:
        columns[folders.LABEL] = pd.Series(labels, dtype="str")
    names = [folders.printable(path) for path in paths]
    return with_origin(pd.DataFrame(columns), _called(source), first_row=1, names=names)


def _called(source: Any) -> str:
    """What messages call a source of files."""
    if isinstance(source, list | tuple):
        return "the files" if len(source) != 1 else _called(source[0])
    return folders.printable(os.fspath(source))


def _locate(source: Any, encoding: str) -> Source:
    if not isinstance(source, str | os.PathLike):
        raise ConfigError(
            f"a table must be a path, '-', a DataFrame or a dict of arrays; got {type(source).__name__}"
        )
    return locate(source, encoding=encoding)


def _pieces(
    source: Source, *, encoding: str, delimiter: str | None, rows: int | None
) -> Iterator[pd.DataFrame]:
    """One frame with all rows, or frames of at most ``rows``; one without rows if there are none."""
    if source.format in ("delimited", "json_lines", "series"):
        encoding = encodings.resolve(source, encoding)
    first_row = {"delimited": 2, "arrays": 0}.get(source.format, 1)
    if source.format == "series":
        first_row = ts_files.first_row(source, encoding=encoding)
    names, frames = _parsed(source, encoding=encoding, delimiter=delimiter, rows=rows)
    count = 0
    for frame in frames:
        yield with_origin(frame, source.origin, first_row=first_row + count)
        count += len(frame)
    if not count:
        empty = pd.DataFrame({name: pd.Series(dtype="str") for name in names})
        yield with_origin(empty, source.origin, first_row=first_row)


def _parsed(
    source: Source, *, encoding: str, delimiter: str | None, rows: int | None
) -> tuple[list[str], Iterator[pd.DataFrame]]:
    if source.format == "arrays":
        return arrays.tables(source, rows=rows)
    if source.format == "series":
        return ts_files.tables(source, encoding=encoding, rows=rows)
    if source.format == "parquet":
        names = parquet.names(source)
        return names, _nonempty(parquet.frames(source, names, rows=rows))
    if source.format == "json_lines":
        keys = jsonlines.names(source, encoding=encoding)
        return list(keys.values()), jsonlines.frames(source, keys, encoding=encoding, rows=rows)
    found = delimited.layout(source, encoding=encoding, delimiter=delimiter)
    if not found.has_rows:
        return found.names, iter(())
    tables = delimited.tables(source, found, encoding=encoding, at_once=rows is None)
    return found.names, (table.to_pandas() for table in (_cut(tables, rows) if rows else tables))


def _nonempty(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    return (frame for frame in frames if len(frame))


def _cut(tables: Iterator[pa.Table], rows: int) -> Iterator[pa.Table]:
    """Join and cut tables of any length into ones of ``rows`` rows."""
    held: pa.Table | None = None
    for table in tables:
        held = table if held is None else pa.concat_tables([held, table])
        while held.num_rows >= rows:
            yield held.slice(0, rows)
            held = held.slice(rows)
    if held is not None and held.num_rows:
        yield held
