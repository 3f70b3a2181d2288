"""CSV, TSV and the like: every cell is read as text, and an error names its line."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import csv as arrow_csv

from kerasnn.data import faults
from kerasnn.data.frames import column_names
from kerasnn.data.sources import Source, text_stream
from kerasnn.errors import ConfigError, DataError, warn

BLOCK_BYTES = 4 << 20

_CANDIDATES = (",", ";", "\t", "|")
_NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*")


@dataclass(frozen=True)
class Layout:
    """What the first lines tell: the column names, the delimiter, and whether rows follow."""

    names: list[str]
    delimiter: str
    has_rows: bool


def layout(source: Source, *, encoding: str, delimiter: str | None) -> Layout:
    """Read the header, and warn or raise where it can't be one."""
    # In a shell, as in a file, a tab is easier to write than to type.
    delimiter = "\t" if delimiter == r"\t" else delimiter
    if delimiter is not None and (len(delimiter) != 1 or ord(delimiter) > 127):
        fix = "pass one such as ',' or '\\t'"
        raise ConfigError(f"`delimiter` must be one ASCII character; got {delimiter!r}", fix=fix)
    chosen = delimiter or ("\t" if source.suffix in (".tsv", ".tab") else ",")
    lines = _first_records(source, encoding, chosen)
    if not lines:
        raise DataError("the file is empty", place=source.origin, fix="check what wrote it")
    _check_delimiter(lines, source, chosen)
    header, rows = lines[0], lines[1:]
    if not rows:
        faults.explain(source, header, encoding, chosen)
    names = column_names(header, f"{source.origin}:1")
    _check_header(header, rows, f"{source.origin}:1")
    return Layout(names, chosen, bool(rows))


def tables(source: Source, found: Layout, *, encoding: str, at_once: bool) -> Iterator[pa.Table]:
    """All rows as text columns, at once or in blocks of some megabytes."""
    with source.open() as stream:
        watched = _Watched(stream)
        try:
            if at_once:
                yield arrow_csv.read_csv(watched, **_options(found, encoding))
            else:
                with arrow_csv.open_csv(watched, **_options(found, encoding)) as reader:
                    for batch in reader:
                        yield pa.Table.from_batches([batch])
        except (pa.ArrowInvalid, UnicodeError) as error:
            faults.explain(source, found.names, encoding, found.delimiter)
            # Arrow says that an object straddles two blocks.
            too_long = "straddl" in str(error)
            what = f"a row of more than {BLOCK_BYTES:,} bytes" if too_long else str(error)
            raise DataError(what, place=source.origin, fix="check what wrote it") from None
    # Arrow takes a last quote that never closes, and NUL bytes, without a word.
    wide = codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))
    if watched.quotes % 2 or (watched.nul and not wide):
        faults.explain(source, found.names, encoding, found.delimiter)


def _options(found: Layout, encoding: str) -> dict[str, Any]:
    return {
        "read_options": arrow_csv.ReadOptions(
            column_names=found.names,
            skip_rows_after_names=1,
            block_size=BLOCK_BYTES,
            encoding="utf8" if codecs.lookup(encoding).name == "utf-8" else encoding,
        ),
        "parse_options": arrow_csv.ParseOptions(delimiter=found.delimiter, newlines_in_values=True),
        "convert_options": arrow_csv.ConvertOptions(
            column_types={name: pa.string() for name in found.names},
            strings_can_be_null=True,
            null_values=[""],
        ),
    }


class _Watched(io.RawIOBase):
    """A stream that counts the quotes that pass and notices NUL bytes."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream, self.quotes, self.nul = stream, 0, False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        block = self.stream.read(size)
        self.quotes += block.count(b'"')
        self.nul = self.nul or b"\0" in block
        return block


def _first_records(source: Source, encoding: str, delimiter: str) -> list[list[str]]:
    with source.open() as stream, faults.large_cells():
        try:
            with text_stream(stream, encoding) as text:
                reader = csv.reader(text, delimiter=delimiter)
                return list(islice((record for record in reader if record), 6))
        except UnicodeError:
            faults.explain(source, [], encoding, delimiter)
            raise


def _check_delimiter(lines: list[list[str]], source: Source, delimiter: str) -> None:
    if len(lines[0]) > 1:
        return
    for candidate in _CANDIDATES:
        counts = {line[0].count(candidate) if line else 0 for line in lines[:1]}
        agrees = all(delimiter.join(line).count(candidate) in counts for line in lines)
        if candidate != delimiter and 0 not in counts and agrees:
            raise DataError(
                f"one column only when split at {delimiter!r}",
                place=f"{source.origin}:1",
                fix=f"pass delimiter={candidate!r}",
            )


def _check_header(header: list[str], rows: list[list[str]], place: str) -> None:
    """Warn if the first line has numbers where the rows have them: it may be a row itself."""
    numeric = [bool(_NUMBER.fullmatch(cell)) for cell in header]
    years = [cell for cell in header if re.fullmatch(r"\s*(19|20)\d\d\s*", cell)]
    if sum(numeric) == len(years) or not rows:
        return
    alike = [[bool(_NUMBER.fullmatch(cell)) for cell in row] == numeric for row in rows]
    if all(alike):
        shown = ", ".join(cell.strip() for cell in header[:3])
        fix = "if it is data, add a line of column names"
        warn(f"the header looks like data: {shown}", place=place, fix=fix)
