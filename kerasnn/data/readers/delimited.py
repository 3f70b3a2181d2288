"""CSV, TSV and the like: every cell is read as text, and an error names its line."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pyarrow as pa
from pyarrow import csv as arrow_csv

from kerasnn.data.frames import column_names
from kerasnn.data.readers import diagnose_file
from kerasnn.data.readers.sources import Source, text_stream
from kerasnn.data.readers.text_bytes import TextBytes
from kerasnn.errors import ConfigError, DataError, warn

BLOCK_BYTES = 4 << 20

_LOOKED_AT = 6
_CANDIDATES = (",", ";", "\t", "|")
_NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*")


@dataclass(frozen=True)
class Layout:
    """What the first lines tell.

    Args:
        names: Names of the columns.
        delimiter: Text between the cells of a row.
        has_rows: True if rows follow the header.
        skipped: Number of empty lines above the header.
    """

    names: list[str]
    delimiter: str
    has_rows: bool
    skipped: int = 0


def layout(source: Source, *, encoding: str, delimiter: str | None) -> Layout:
    """Read the header, and warn or raise where it can't be one."""
    # In a shell, as in a file, a tab is easier to write than to type.
    delimiter = "\t" if delimiter == r"\t" else delimiter
    if delimiter is not None and (len(delimiter) != 1 or ord(delimiter) > 127):
        hint = "pass one such as ',' or '\\t'"
        raise ConfigError(f"`delimiter` must be one ASCII character; got {delimiter!r}", hint=hint)
    default = "\t" if source.suffix in (".tsv", ".tab") else ","
    lines, skipped = _first_records(source, encoding, delimiter or default)
    if not lines:
        raise DataError("the file is empty", location=source.origin, hint="check what wrote it")
    better = _better_delimiter(lines, source, encoding, delimiter or default)
    if better and delimiter:
        problem = f"one column only when split at {delimiter!r}"
        raise DataError(problem, location=f"{source.origin}:1", hint=f"pass delimiter={better!r}")
    if better:
        problem = f"the cells are split at {better!r}, not at {default!r}"
        hint = f"if that is wrong, pass delimiter={default!r}"
        warn(problem, location=f"{source.origin}:1", hint=hint)
        lines, skipped = _first_records(source, encoding, better)
    chosen = better or delimiter or default
    header, rows = lines[0], [record for record in lines[1:] if record]
    if not rows:
        diagnose_file.explain(source, header, encoding, chosen)
    names = column_names(header, f"{source.origin}:1")
    _check_header(header, rows, f"{source.origin}:1")
    return Layout(names, chosen, bool(rows) or (len(names) == 1 < len(lines)), skipped)


def tables(source: Source, found: Layout, *, encoding: str, at_once: bool) -> Iterator[pa.Table]:
    """All rows as text columns, at once or in blocks of some megabytes."""
    with source.open() as stream:
        watched, n_empty = TextBytes(stream, encoding), 0
        try:
            for table in _parsed(watched, found, encoding, at_once=at_once):
                n_empty += table[0].null_count
                yield table
        except (pa.ArrowInvalid, UnicodeError) as error:
            diagnose_file.explain(source, found.names, encoding, found.delimiter)
            # Arrow says that an object straddles two blocks.
            too_long = "straddl" in str(error)
            problem = f"a row of more than {BLOCK_BYTES:,} bytes" if too_long else str(error)
            raise DataError(problem, location=source.origin, hint="check what wrote it") from None
    # Arrow takes a last quote that never closes without a word.
    if watched.n_quotes % 2:
        diagnose_file.explain(source, found.names, encoding, found.delimiter)
    watched.report(source.origin)
    if len(found.names) == 1 and n_empty:
        problem = "an empty line is a row" if n_empty == 1 else f"{n_empty:,} empty lines are rows"
        hint = "remove such lines if they are none"
        warn(f"{problem} with a missing cell", location=source.origin, hint=hint)


def _parsed(
    stream: TextBytes, found: Layout, encoding: str, *, at_once: bool
) -> Iterator[pa.Table]:
    if at_once:
        yield arrow_csv.read_csv(stream, **_options(found, encoding))
        return
    with arrow_csv.open_csv(stream, **_options(found, encoding)) as reader:
        for batch in reader:
            yield pa.Table.from_batches([batch])


def _options(found: Layout, encoding: str) -> dict[str, Any]:
    # An empty line of a single column is a row, which its prediction must stay beside.
    is_single = len(found.names) == 1
    return {
        "read_options": arrow_csv.ReadOptions(
            column_names=found.names,
            skip_rows_after_names=1 + found.skipped,
            block_size=BLOCK_BYTES,
            encoding="utf8" if codecs.lookup(encoding).name == "utf-8" else encoding,
        ),
        "parse_options": arrow_csv.ParseOptions(
            delimiter=found.delimiter, newlines_in_values=True, ignore_empty_lines=not is_single
        ),
        "convert_options": arrow_csv.ConvertOptions(
            column_types={name: pa.string() for name in found.names},
            strings_can_be_null=True,
            null_values=[""],
        ),
    }


def _first_records(source: Source, encoding: str, delimiter: str) -> tuple[list[list[str]], int]:
    """The header and some records, empty lines as empty ones, and the number of those above it."""
    skipped = 0
    with source.open() as stream, diagnose_file.large_cells():
        try:
            with text_stream(stream, encoding) as text:
                reader = csv.reader(text, delimiter=delimiter)
                for record in reader:
                    if record:
                        return [record, *islice(reader, _LOOKED_AT)], skipped
                    skipped += 1
        except UnicodeError:
            diagnose_file.explain(source, [], encoding, delimiter)
            raise
        except csv.Error:
            raise diagnose_file.long_cell_error(source.origin) from None
    return [], skipped


def _better_delimiter(
    lines: list[list[str]], source: Source, encoding: str, delimiter: str
) -> str | None:
    """The one that divides the first lines into equally many columns, where this one does not."""
    if len(lines[0]) > 1:
        return None
    for candidate in _CANDIDATES:
        if candidate == delimiter or candidate not in lines[0][0]:
            continue
        records, _ = _first_records(source, encoding, candidate)
        if len({len(record) for record in records if record}) == 1 and len(records[0]) > 1:
            return candidate
    return None


def _check_header(header: list[str], rows: list[list[str]], location: str) -> None:
    """Warn if the first line has numbers where the rows have them: it may be a row itself."""
    numeric = [bool(_NUMBER.fullmatch(cell)) for cell in header]
    years = [cell for cell in header if re.fullmatch(r"\s*(19|20)\d\d\s*", cell)]
    if sum(numeric) == len(years) or not rows:
        return
    alike = [[bool(_NUMBER.fullmatch(cell)) for cell in row] == numeric for row in rows]
    if all(alike):
        shown = ", ".join(cell.strip() for cell in header[:3])
        hint = "if it is data, add a line of column names"
        warn(f"the header looks like data: {shown}", location=location, hint=hint)
