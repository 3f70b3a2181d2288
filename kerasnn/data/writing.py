"""Predictions as CSV, written piece by piece; a file appears only when it is whole."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from kerasnn.errors import ConfigError, StorageError

Write = Callable[[pd.DataFrame], None]

# The name of a file that is no UTF-8 is written as the bytes that it is.
_NAMES = "surrogateescape"


@contextmanager
def csv_writer(output: str | os.PathLike[str], *, force: bool = False) -> Iterator[Write]:
    """A function that appends rows to a CSV file, or to standard output for ``-``.

    Raises:
        ConfigError: The file exists and is not to be replaced.
        StorageError: It can't be written.
    """
    if os.fspath(output) == "-":
        with _names_as_bytes(sys.stdout):
            yield _appender(sys.stdout)
        return
    path = Path(output)
    if path.is_dir():
        raise ConfigError(f"'{path}' is a folder", fix="give the name of a file")
    if path.exists() and not force:
        raise ConfigError(f"'{path}' exists", fix="choose another name, or force its replacement")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(part, "w", encoding="utf-8", newline="", errors=_NAMES) as file:
            yield _appender(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        what = f"can't be written: {(error.strerror or str(error)).lower()}"
        raise StorageError(what, place=str(path), fix="check the folder and the disk") from error
    finally:
        part.unlink(missing_ok=True)


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
