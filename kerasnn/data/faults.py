"""The slow second look at a text table that could not be read: which line is it, and why."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

from kerasnn.data.sources import Source, nul_error, text_stream
from kerasnn.errors import DataError


def explain(source: Source, names: Sequence[str], encoding: str, delimiter: str) -> None:
    """Raise a `DataError` with the line of the first fault; return if there is none.

    Args:
        source: The file.
        names: The column names; empty if the header itself could not be read.
        encoding: Of the text.
        delimiter: Between cells.
    """
    with source.open() as stream:
        _check_bytes(stream, source.origin, names, encoding, delimiter)
    with source.open() as stream, large_cells():
        _check_records(text_stream(stream, encoding), source.origin, len(names), delimiter)


def encoding_error(place: str, encoding: str, byte: int | None = None) -> DataError:
    """The error for text that is not in the encoding it is read with."""
    shown = f" (byte 0x{byte:02X})" if byte is not None else ""
    better = "latin-1" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else "utf-8"
    fix = f"save it as UTF-8, or pass encoding='{better}'"
    return DataError(f"not {encoding.upper()} text{shown}", place=place, fix=fix)


@contextmanager
def large_cells() -> Iterator[None]:
    """The csv module with no limit on the size of a cell."""
    before = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _check_bytes(
    stream: BinaryIO, origin: str, names: Sequence[str], encoding: str, delimiter: str
) -> None:
    """Find the first line with a NUL byte or undecodable text; wide encodings have no byte lines."""
    if encoding.lower().startswith(("utf-16", "utf-32", "utf16", "utf32", "u16", "u32")):
        return
    for number, line in enumerate(stream, 1):
        try:
            line.decode(encoding)
            if b"\0" not in line:
                continue
            before, byte = line[: line.index(b"\0")], None
        except UnicodeDecodeError as error:
            before, byte = line[: error.start], line[error.start]
        column = len(next(csv.reader([before.decode("latin-1")], delimiter=delimiter), [""])) - 1
        name = f",{names[column]}" if 0 <= column < len(names) and number > 1 else ""
        place = f"{origin}:{number}{name}"
        raise nul_error(place) if byte is None else encoding_error(place, encoding, byte)


def _check_records(lines: Iterator[str], origin: str, width: int, delimiter: str) -> None:
    """Find the first record that is ragged or whose quotes do not match."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        start = reader.line_num + 1
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _quote_error(
                str(error), f"{origin}:{start}", f"{origin}:{reader.line_num}"
            ) from None
        if record and width and len(record) != width:
            n_lines = reader.line_num - start + 1
            what = f"{len(record)} cells where the header has {width}"
            if n_lines > 1:
                what += f", over {n_lines} lines"
            fix = "mend the line" if n_lines == 1 else "close the quote that opens here"
            raise DataError(what, place=f"{origin}:{start}", fix=fix)


def _quote_error(error: str, start: str, end: str) -> DataError:
    if "unexpected end of data" in error:
        return DataError("a quote that is never closed", place=start, fix="close or remove it")
    if "expected after" in error:
        fix = 'double a quote inside a cell: ""'
        return DataError("text after a closing quote", place=end, fix=fix)
    return DataError(f"not a line of a table: {error}", place=end, fix="mend the line")
