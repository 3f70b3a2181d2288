"""Labelled series in the text format of the time series archives (``.ts``).

Lines that begin with ``#`` are comments, those with ``@`` say what follows; after ``@data``, each
line is an example: channels separated by ``:``, their readings by ``,``, ``?`` where one is
missing, and the class or the value last::

    @dimensions 2
    @classLabel true walking running
    @data
    0.1,0.3,0.2:1.5,?,1.7:walking

Reference: Bagnall et al., The UEA multivariate time series classification archive, 2018,
arXiv:1811.00075.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from kerasnn.data.frames import as_objects
from kerasnn.data.readers.sources import Source
from kerasnn.data.readers.ts_header import Header, numbered_lines, read_header
from kerasnn.errors import DataError, quantity

SERIES, LABEL = "series", "label"
"""Columns of the table that a file is."""

_MISSING = ("?", "nan", "")


def tables(
    source: Source, *, encoding: str, rows: int | None
) -> tuple[list[str], Iterator[pd.DataFrame]]:
    """Names of the columns, and tables of at most ``rows`` rows; cells of series are arrays.

    Args:
        source: The file.
        encoding: Encoding of its text.
        rows: None gives all rows at once.

    Raises:
        DataError: The file is not in this format; names the line.
    """
    header = read_header(source, encoding)
    names = [SERIES] if header.label == "none" else [SERIES, LABEL]
    return names, _frames(source, header, encoding, rows)


def first_row(source: Source, *, encoding: str) -> int:
    """The line of the first example."""
    return read_header(source, encoding).first_line


def _frames(
    source: Source, header: Header, encoding: str, rows: int | None
) -> Iterator[pd.DataFrame]:
    cells: list[Any] = []
    labels: list[str] = []
    for number, line in numbered_lines(source, encoding):
        if number < header.first_line:
            continue
        readings, label = _example(line, header, f"{source.origin}:{number}")
        # What the header leaves open is what the first example has.
        header.channels = header.channels or readings.shape[1]
        cells.append(readings)
        labels.append(label)
        if len(cells) == rows:
            yield _frame(cells, labels, header)
            cells, labels = [], []
    if cells:
        yield _frame(cells, labels, header)


def _frame(cells: list[Any], labels: list[str], header: Header) -> pd.DataFrame:
    columns: dict[str, Any] = {SERIES: as_objects(cells)}
    if header.label != "none":
        columns[LABEL] = pd.Series(labels, dtype="str")
    return pd.DataFrame(columns)


def _example(line: str, header: Header, location: str) -> tuple[Any, str]:
    """Readings, (time, channels), and the label as text."""
    parts = line.split(":")
    label = parts.pop().strip() if header.label != "none" else ""
    if header.channels and len(parts) != header.channels:
        problem = f"{quantity(len(parts), 'channel')} where there should be {header.channels}"
        raise DataError(problem, location=location, hint="correct the line, or '@dimensions'")
    if header.classes and label not in header.classes:
        listed = ", ".join(header.classes[:10])
        problem = f"the class '{label[:40]}' is not one of '@classLabel': {listed}"
        raise DataError(problem, location=location, hint="correct the line, or '@classLabel'")
    channels = [_channel(part, location) for part in parts]
    length = max(map(len, channels), default=0)
    readings = np.full((length, len(channels)), np.nan, dtype="float32")
    for index, values in enumerate(channels):
        readings[: len(values), index] = values
    return readings, label


def _channel(text: str, location: str) -> Any:
    try:
        return (
            np.array(text.split(","), dtype="float32") if text.strip() else np.zeros(0, "float32")
        )
    except ValueError:
        return np.array([_reading(each.strip(), location) for each in text.split(",")], "float32")


def _reading(text: str, location: str) -> float:
    if text.lower() in _MISSING:
        return np.nan
    try:
        return float(text)
    except ValueError:
        hint = "correct it, or write ? for a missing reading"
        raise DataError(f"not a number: '{text[:40]}'", location=location, hint=hint) from None
