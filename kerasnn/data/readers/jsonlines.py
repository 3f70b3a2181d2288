"""JSON lines: one object a line, its keys the columns."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pandas as pd

from kerasnn.data.frames import column_names
from kerasnn.data.readers import diagnose_file
from kerasnn.data.readers.sources import Source, text_stream
from kerasnn.errors import DataError


def names(source: Source, *, encoding: str) -> dict[str, str]:
    """The keys of all lines, in the order of their first use, and the columns they become."""
    seen: dict[str, None] = {}
    for record in _records(source, encoding):
        if record.keys() - seen.keys():
            seen.update(dict.fromkeys(record))
    if not seen:
        raise DataError("objects without a key", location=source.origin, hint="check what wrote it")
    return dict(zip(seen, column_names(seen, source.origin), strict=True))


def frames(
    source: Source, keys: dict[str, str], *, encoding: str, rows: int | None
) -> Iterator[pd.DataFrame]:
    """All rows at once, or pieces of at most ``rows`` rows; nothing for a file without any."""
    columns: dict[str, list[Any]] = {key: [] for key in keys}
    count = 0
    for record in _records(source, encoding, origin=source.origin):
        for key, cells in columns.items():
            cells.append(record.get(key))
        count += 1
        if count == rows:
            yield pd.DataFrame(columns).rename(columns=keys)
            columns, count = {key: [] for key in keys}, 0
    if count:
        yield pd.DataFrame(columns).rename(columns=keys)


def _records(source: Source, encoding: str, *, origin: str = "") -> Iterator[dict[str, Any]]:
    with source.open() as stream:
        try:
            with text_stream(stream, encoding, origin=origin) as lines:
                for number, line in enumerate(lines, 1):
                    if line.strip():
                        yield _record(line.rstrip(), f"{source.origin}:{number}")
        except UnicodeError:
            diagnose_file.check_bytes(source, encoding)
            raise diagnose_file.encoding_error(source.origin, encoding) from None


def _record(line: str, location: str) -> dict[str, Any]:
    try:
        record = json.loads(line, object_pairs_hook=_object)
        if _SURROGATE.search(line):
            # Half of a surrogate pair is no character.
            plain = json.dumps(record, ensure_ascii=False).encode("utf-8", "replace")
            record = json.loads(plain)
    except json.JSONDecodeError as error:
        problem = f"not JSON: {error.msg} at character {error.colno}"
        raise DataError(problem, location=location, hint="write one JSON object a line") from None
    except _RepeatedKeyError as error:
        hint = "give each key once"
        raise DataError(f"repeated key '{error}'", location=location, hint=hint) from None
    except ValueError:
        # Python reads no whole number of more than 4,300 digits.
        problem, hint = "a whole number of thousands of digits", "write it as text"
        raise DataError(problem, location=location, hint=hint) from None
    except RecursionError:
        raise DataError("JSON nested too deeply", location=location, hint="flatten it") from None
    if not isinstance(record, dict):
        problem = f"a JSON {type(record).__name__} where an object is meant"
        raise DataError(problem, location=location, hint="write one JSON object a line")
    return {key.strip(): value for key, value in record.items()}


_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class _RepeatedKeyError(Exception):
    """A key that an object has twice."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _RepeatedKeyError(next(key for key in keys if keys.count(key) > 1))
    return record
