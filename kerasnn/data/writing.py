"""Predictions as CSV, written piece by piece; the file appears only when it is complete."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import pandas as pd

from kerasnn.errors import one_line
from kerasnn.files.storage import check_output, replacing

Write = Callable[[pd.DataFrame], None]

# The name of a file that is no UTF-8 is written as the bytes that it is.
_NAMES = "surrogateescape"
# A spreadsheet takes a cell that begins so for a formula, after blanks too.
_FORMULA = re.compile(r"\s*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


@contextmanager
def csv_writer(
    output: str | os.PathLike[str], *, force: bool = False, spreadsheet_safe: bool = False
) -> Iterator[Write]:
    """A function that appends rows to a CSV file, or to standard output for ``-``.

    Args:
        output: Name of the file.
        force: True to replace a file that exists.
        spreadsheet_safe: True to put an apostrophe before texts, in cells and in the header, that a
            spreadsheet takes for formulas.

    Raises:
        ConfigError: The file exists and is not to be replaced, or it is something else.
        StorageError: It can't be written.
    """
    if os.fspath(output) == "-":
        with _names_as_bytes(sys.stdout):
            stream: Any = _Terminal(sys.stdout) if sys.stdout.isatty() else sys.stdout
            yield _appender(stream, spreadsheet_safe)
        return
    check_output(output, force=force)
    with replacing(output) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", errors=_NAMES)
        try:
            yield _appender(text, spreadsheet_safe)
            text.flush()
        finally:
            text.detach()


class _Terminal:
    """Standard output where somebody reads along: nothing but line ends commands the terminal.

    Args:
        stream: Standard output.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write text with the other control characters spelled out."""
        return self._stream.write("\n".join(map(one_line, text.split("\n"))))


@contextmanager
def _names_as_bytes(stream: Any) -> Iterator[None]:
    if not hasattr(stream, "reconfigure"):
        yield
        return
    before = stream.errors
    stream.reconfigure(errors=_NAMES)
    try:
        yield
    finally:
        stream.reconfigure(errors=before)


def _appender(file: object, spreadsheet_safe: bool) -> Write:
    header = True

    def write(frame: pd.DataFrame) -> None:
        nonlocal header
        frame = without_formulas(frame) if spreadsheet_safe else frame
        frame.to_csv(file, index=False, header=header, float_format="%.7g")  # type: ignore[call-overload]
        header = False

    return write


def without_formulas(frame: pd.DataFrame) -> pd.DataFrame:
    r"""The same table as plain text to a spreadsheet: an apostrophe before what begins a formula.

    >>> without_formulas(pd.DataFrame({"=a": ["=1+1", "b"], "n": [-1, 2]})).to_csv(index=False)
    "'=a,n\n'=1+1,-1\nb,2\n"
    """
    texts = frame.select_dtypes(exclude=["number", "bool", "datetime"]).columns
    safe = frame.copy()
    for at, name in enumerate(frame.columns):
        if name in texts:
            safe.isetitem(at, [_safe(value) for value in frame.iloc[:, at]])
    return safe.set_axis([_safe(name) for name in frame.columns], axis=1)


def _safe(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    # A carriage return is not quoted, and what follows it would be a cell of its own.
    text = value.replace("\r\n", "\n").replace("\r", "\n")
    return f"'{text}" if _FORMULA.match(text) else text
