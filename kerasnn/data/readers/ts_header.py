"""The header of a ``.ts`` file, read without heavy imports."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from kerasnn.data.readers import diagnose_file, encodings
from kerasnn.data.readers.encodings import AUTO
from kerasnn.data.readers.sources import Source, text_stream
from kerasnn.errors import DataError

LabelKind = Literal["class", "value", "none"]


@dataclass
class Header:
    """What a file says before its data.

    Args:
        label: Meaning of the last field of a line.
        classes: Labels that the file may hold; any if empty.
        channels: Number of channels of each series; 0 if the header does not say.
        first_line: The first line of the data.
    """

    label: LabelKind = "none"
    classes: list[str] = field(default_factory=list)
    channels: int = 0
    first_line: int = 0


def label_kind(path: str, *, encoding: str = AUTO) -> LabelKind | None:
    """What a file says that its labels are; None where it can't be read."""
    source = Source(Path(path), path, "series", path.lower().endswith(".gz"))
    try:
        return read_header(source, encodings.resolve(source, encoding, quiet=True)).label
    except (DataError, OSError):
        return None


def numbered_lines(source: Source, encoding: str) -> Iterator[tuple[int, str]]:
    """Numbered lines that are neither blank nor comments."""
    with source.open() as stream:
        try:
            with text_stream(stream, encoding) as lines:
                for number, line in enumerate(lines, 1):
                    text = line.strip()
                    if text and not text.startswith(("#", "%")):
                        yield number, text
        except UnicodeError:
            diagnose_file.check_bytes(source, encoding)
            raise diagnose_file.encoding_error(source.origin, encoding) from None


def read_header(source: Source, encoding: str) -> Header:
    """The lines up to the data.

    Raises:
        DataError: The file is not in this format; names the line.
    """
    header = Header()
    for number, line in numbered_lines(source, encoding):
        if header.first_line:
            header.first_line = number
            return header
        location = f"{source.origin}:{number}"
        if not line.startswith("@"):
            hint = "put a line '@data' before the first series"
            raise DataError("data before a line '@data'", location=location, hint=hint)
        word, *values = line[1:].split()
        if word.lower() == "data":
            header.first_line = number + 1
        else:
            _note(header, word.lower(), values, location)
    if not header.first_line:
        hint = "check whether the file is whole"
        raise DataError("no line '@data'", location=source.origin, hint=hint)
    return header


def _note(header: Header, word: str, values: list[str], location: str) -> None:
    """Take down what a line of the header says."""
    is_true = bool(values) and values[0].lower() == "true"
    if word == "timestamps" and is_true:
        hint = "write the readings alone, or a table with a column of times"
        raise DataError(
            "series with time stamps in '.ts' are not read", location=location, hint=hint
        )
    if word == "classlabel" and is_true:
        header.label, header.classes = "class", values[1:]
    if word == "targetlabel" and is_true:
        header.label = "value"
    if word in ("dimensions", "dimension") and values:
        if not values[0].isdigit() or not int(values[0]):
            raise DataError(
                f"'{values[0]}' dimensions", location=location, hint="give a whole number"
            )
        header.channels = int(values[0])
