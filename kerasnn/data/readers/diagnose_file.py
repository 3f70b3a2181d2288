"""Diagnosis of a text table that could not be read: the faulty line and the reason."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from kerasnn.data.readers.encodings import is_wide
from kerasnn.data.readers.sources import Source, text_stream
from kerasnn.data.readers.text_bytes import LONGEST_LINE, TextBytes
from kerasnn.errors import DataError, quantity


def explain(source: Source, names: Sequence[str], encoding: str, delimiter: str) -> None:
    """Raise a `DataError` with the line of the first fault; return if there is none.

    Args:
        source: The file.
        names: The column names; empty if the header itself could not be read.
        encoding: Encoding of the text.
        delimiter: Character between cells.
    """
    check_bytes(
        source, encoding, lambda line: names or _cells(line, encoding, delimiter), delimiter
    )
    with source.open() as stream, large_cells(), text_stream(stream, encoding) as lines:
        try:
            _check_records(lines, source.origin, len(names), delimiter)
        except UnicodeError:
            raise encoding_error(source.origin, encoding) from None


def encoding_error(location: str, encoding: str, byte: int | None = None) -> DataError:
    """The error for text that is not in the encoding it is read with."""
    shown = f" (byte 0x{byte:02X})" if byte is not None else ""
    better = "cp1252" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else "utf-8"
    hint = f"save it as UTF-8, or pass encoding='{better}'"
    return DataError(f"not {encoding.upper()} text{shown}", location=location, hint=hint)


def long_cell_error(location: str) -> DataError:
    """The error for a cell, mostly one of an unclosed quote, that is longer than any text."""
    problem = f"a cell of more than {LONGEST_LINE >> 20} MiB"
    return DataError(problem, location=location, hint="check for an unclosed quote")


@contextmanager
def large_cells() -> Iterator[None]:
    """The csv module with the limit of a line as that of a cell."""
    before = csv.field_size_limit(LONGEST_LINE)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def check_bytes(
    source: Source,
    encoding: str,
    header: Callable[[bytes], Sequence[str]] | None = None,
    delimiter: str = ",",
) -> None:
    """Raise for the first line with text that is not in the encoding.

    Args:
        source: The file.
        encoding: Encoding of the text; wide ones, whose lines don't end at a byte, are not checked.
        header: Function from the first line to the column names; None if lines have no columns.
        delimiter: Character between cells.
    """
    if is_wide(encoding):
        return
    names: Sequence[str] = []
    with source.open() as stream:
        # A file may end some of its lines with CR alone.
        bounded = io.BufferedReader(TextBytes(stream, encoding))
        lines = (piece for line in bounded for piece in line.splitlines(keepends=True))
        for number, line in enumerate(lines, 1):
            if number == 1 and header:
                names = header(line)
            fault = _fault(line, encoding)
            if fault is None:
                continue
            column = len(_cells(line[:fault], "latin-1", delimiter)) - 1
            name = f",{names[column]}" if column < len(names) and number > 1 else ""
            location = f"{source.origin}:{number}{name}"
            raise encoding_error(location, encoding, line[fault])


def _fault(line: bytes, encoding: str) -> int | None:
    """Where the first byte is that text can't have."""
    try:
        line.decode(encoding)
    except UnicodeDecodeError as error:
        return error.start
    return None


def _cells(line: bytes, encoding: str, delimiter: str) -> list[str]:
    text = line.decode(encoding, "replace").strip("\ufeff\r\n")
    return next(csv.reader([text], delimiter=delimiter), []) or [""]


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
            problem = f"{quantity(len(record), 'cell')} where the header has {width}"
            if n_lines > 1:
                problem += f", over {n_lines} lines"
            hint = "correct the line" if n_lines == 1 else "close the quote that opens here"
            raise DataError(problem, location=f"{origin}:{start}", hint=hint)


def _quote_error(error: str, start: str, end: str) -> DataError:
    if "field larger than field limit" in error:
        return long_cell_error(start)
    if "unexpected end of data" in error:
        return DataError("a quote that is never closed", location=start, hint="close or remove it")
    hint = 'double a quote inside a cell: ""'
    return DataError("text after a closing quote", location=end, hint=hint)
