"""Predictions as CSV, written piece by piece; a file appears only when it is whole."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd

from kerasnn.storage import check_output, replacing

Write = Callable[[pd.DataFrame], None]

# The name of a file that is no UTF-8 is written as the bytes that it is.
_NAMES = "surrogateescape"


@contextmanager
def csv_writer(output: str | os.PathLike[str], *, force: bool = False) -> Iterator[Write]:
    """A function that appends rows to a CSV file, or to standard output for ``-``.

    Raises:
        ConfigError: The file exists and is not to be replaced, or it is something else.
        StorageError: It can't be written.
    """
    if os.fspath(output) == "-":
        with _names_as_bytes(sys.stdout):
            yield _appender(sys.stdout)
        return
    check_output(output, force=force)
    with replacing(output) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", errors=_NAMES)
        try:
            yield _appender(text)
            text.flush()
        finally:
            text.detach()


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


def _appender(file: object) -> Write:
    header = True

    def write(frame: pd.DataFrame) -> None:
        nonlocal header
        frame.to_csv(file, index=False, header=header, float_format="%.7g")  # type: ignore[call-overload]
        header = False

    return write
