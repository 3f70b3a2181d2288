"""Parquet files, read with their own types."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from kerasnn.data.frames import column_names
from kerasnn.data.readers.sources import Source
from kerasnn.errors import DataError


def frames(source: Source, names: list[str], *, rows: int | None) -> Iterator[pd.DataFrame]:
    """All rows at once, or pieces of at most ``rows`` rows; nothing for a file without any."""
    with _opened(source) as file:
        keep = _columns(file)
        if rows is None:
            yield _frame(file.read(columns=keep), names)
            return
        for batch in file.iter_batches(batch_size=rows, columns=keep):
            yield _frame(pa.Table.from_batches([batch]), names)


def names(source: Source) -> list[str]:
    """The column names, without the index that pandas may have written beside them."""
    with _opened(source) as file:
        return column_names(_columns(file), source.origin)


@contextmanager
def _opened(source: Source) -> Iterator[Any]:
    # A compressed file can't be sought in, and Parquet keeps its index at the end.
    try:
        if not source.compressed:
            with parquet.ParquetFile(source.path) as file:
                yield file
            return
        with tempfile.TemporaryFile() as unpacked, source.open() as packed:
            while block := packed.read(1 << 20):
                unpacked.write(block)
            unpacked.seek(0)
            with parquet.ParquetFile(unpacked) as file:
                yield file
    except DataError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        problem = f"not a readable Parquet file: {_reason(error)}"
        raise DataError(
            problem, location=source.origin, hint="write or download it again"
        ) from None


def _columns(file: Any) -> list[str]:
    return [name for name in file.schema_arrow.names if not re.match(r"__index_level_\d+__$", name)]


def _frame(table: pa.Table, names: list[str]) -> pd.DataFrame:
    # Damaged text is found here, or by nobody; what pandas noted about the table is not needed.
    table.validate(full=True)
    frame: pd.DataFrame = table.replace_schema_metadata(None).to_pandas(ignore_metadata=True)
    frame.columns = pd.Index(names)
    return frame


def _reason(error: Exception) -> str:
    """The first sentence of an error of Arrow, or of what could not be decoded."""
    if isinstance(error, ValueError) and not isinstance(error, pa.ArrowException):
        return "text that is no UTF-8"
    return ((str(error).splitlines() or [""])[0].split(". ")[0] or "it is damaged")[:200]
