"""Sources of tables, and the checks of a file that need no parser.

Imports neither pandas nor pyarrow, so that a wrong path is an error at once.
"""

from __future__ import annotations

import codecs
import difflib
import gzip
import io
import os
import re
import shutil
import stat
import sys
import tempfile
import weakref
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

from kerasnn.data.readers import folders, foreign_formats
from kerasnn.data.readers.encodings import AUTO, check_encoding, encoding_of_mark, is_wide
from kerasnn.data.readers.text_bytes import (
    LONGEST_LINE,
    LongLineError,
    TextBytes,
    binary_error,
    count_controls,
    is_binary,
)
from kerasnn.errors import ConfigError, DataError, KerasnnError, StorageError

Format = Literal[
    "delimited", "json_lines", "parquet", "arrays", "series", "image", "sound", "folder"
]

HEAD_BYTES = 8_192

_FORMATS: dict[str, Format] = {
    ".csv": "delimited",
    ".tsv": "delimited",
    ".tab": "delimited",
    ".txt": "delimited",
    ".json": "json_lines",
    ".jsonl": "json_lines",
    ".ndjson": "json_lines",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".npz": "arrays",
    ".ts": "series",
    **cast(dict[str, Format], dict.fromkeys(folders.SUFFIXES, "image")),
    **cast(dict[str, Format], dict.fromkeys(folders.SOUND_SUFFIXES, "sound")),
}
_FILE_NAME = re.compile(r"\S+\.[A-Za-z]\w{0,7}")
_GZIP, _ZIP, _PARQUET = b"\x1f\x8b", b"PK\x03\x04", b"PAR1"


@dataclass(frozen=True)
class Source:
    """A checked file (or standard input, set aside in a temporary file).

    Args:
        path: File that holds the bytes.
        origin: The user's name for it, for messages.
        format: Format of the bytes.
        compressed: True if the bytes are compressed with gzip.
        keep: Whatever must live as long as the bytes are needed.
    """

    path: Path
    origin: str
    format: Format
    compressed: bool = False
    keep: Any = field(default=None, repr=False, compare=False)

    @property
    def suffix(self) -> str:
        """The ending of the name, without ``.gz``."""
        return _suffix(self.path)

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """The uncompressed bytes, from the start; a damaged archive is a `DataError`."""
        opener = gzip.open if self.compressed else open
        try:
            with opener(self.path, "rb") as stream:
                yield cast(BinaryIO, stream)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise DataError(
                "damaged gzip file", location=self.origin, hint="download or compress it again"
            ) from None
        except LongLineError:
            problem = f"a line of more than {LONGEST_LINE >> 20} MiB"
            hint = "check what wrote it; a table has shorter lines"
            raise DataError(problem, location=self.origin, hint=hint) from None


def check_source(source: str | os.PathLike[str], *, encoding: str | None = AUTO) -> None:
    """Raise if ``source`` can't be a table: missing, empty, or of another format.

    Args:
        source: A path of a file or of a folder of images or sounds, or ``-`` for standard input, of which
            nothing is read.
        encoding: Encoding of the text, whose first bytes are checked; None for no check.

    >>> check_source("-")
    """
    if encoding is not None:
        check_encoding(encoding)
    if os.fspath(source) != "-" and not _is_pipe(Path(source)):
        _check_file(Path(source), os.fspath(source), encoding)


def names_file(text: str) -> bool:
    """Whether an argument is the name of a file, there or not, and no text to be read.

    >>> names_file("reviews.csv"), names_file("-"), names_file("It fits."), names_file("good")
    (True, True, False, False)
    """
    if text == "-" or os.path.exists(text):
        return True
    has_known_ending = "\n" not in text and _suffix(Path(text)) in _FORMATS
    return has_known_ending or bool(_FILE_NAME.fullmatch(text))


def locate(source: str | os.PathLike[str], *, encoding: str = AUTO) -> Source:
    """Check a path, or set standard input aside, and say how it is to be parsed."""
    check_encoding(encoding)
    name = os.fspath(source)
    if name == "-":
        spooled = _Spool(_standard_input())
        return _check_file(Path(spooled.name), "standard input", encoding, keep=spooled)
    if _is_pipe(Path(name)):
        with open(name, "rb") as pipe:
            spooled = _Spool(pipe)
        return _check_file(Path(spooled.name), name, encoding, keep=spooled)
    return _check_file(Path(name), name, encoding)


@contextmanager
def text_stream(stream: BinaryIO, encoding: str, *, origin: str = "") -> Iterator[io.TextIOWrapper]:
    """Decode with line ends as they are; a UTF-8 byte order mark is skipped.

    Args:
        stream: Bytes of the file.
        encoding: Encoding of the text.
        origin: Name of the file, to warn of its control characters at the end; quiet if empty.
    """
    is_utf8 = codecs.lookup(encoding).name == "utf-8"
    watched = TextBytes(stream, encoding)
    buffer = io.BufferedReader(watched, 1 << 16)
    text = io.TextIOWrapper(buffer, encoding="utf-8-sig" if is_utf8 else encoding, newline="")
    try:
        yield text
        if origin:
            watched.report(origin)
    finally:
        text.detach()


def _check_file(path: Path, origin: str, encoding: str | None, *, keep: Any = None) -> Source:
    _check_exists(path, origin)
    if path.is_dir():
        _check_folder(path, origin)
        return Source(path, origin, "folder")
    form = _FORMATS.get(_suffix(path))
    if form in ("image", "sound") and keep is None:
        # Whether it is one is told when it is decoded, as for the files of a folder.
        return Source(path, origin, form)
    try:
        with open(path, "rb") as stream:
            head = stream.read(HEAD_BYTES)
    except OSError as error:
        hint = "check its permissions"
        raise StorageError(f"cannot read: {error.strerror}", location=origin, hint=hint) from None
    _check_not_empty(head, origin)
    name = path.name if keep is None else ""
    compressed = head.startswith(_GZIP)
    if compressed != name.lower().endswith(".gz") and keep is None:
        raise _misnamed(name, origin, "gzip", ".gz", really=compressed)
    if compressed:
        with Source(path, origin, "delimited", compressed=True).open() as unpacked:
            head = unpacked.read(HEAD_BYTES)
        _check_not_empty(head, origin)
    form = _format(path, head, origin, named=keep is None)
    if form in ("delimited", "json_lines", "series") and encoding is not None:
        _check_text(head, origin, encoding)
    return Source(path, origin, form, compressed, keep)


def _check_exists(path: Path, origin: str) -> None:
    if path.exists():
        return
    foreign_formats.check_not_url(origin)
    if not path.parent.is_dir():
        hint = f"there is no folder '{path.parent}' either"
    else:
        names = [p.name for p in path.parent.iterdir()]
        close = difflib.get_close_matches(path.name, names, n=1)
        hint = f"did you mean '{path.parent / close[0]}'?" if close else "check the path"
    raise DataError("no such file", location=origin, hint=hint)


def _check_folder(path: Path, origin: str) -> None:
    if folders.holds_any(path):
        return
    example = next((p.name for p in sorted(path.iterdir()) if _suffix(p) in _FORMATS), None)
    if example:
        hint = f"name a file in it, such as '{example}'"
        raise DataError("a folder where a file is meant", location=origin, hint=hint)
    raise folders.no_images(origin)


def _check_not_empty(head: bytes, origin: str) -> None:
    if not head.strip():
        raise DataError("the file is empty", location=origin, hint="check what wrote it")


def _format(path: Path, head: bytes, origin: str, *, named: bool) -> Format:
    """Format by the name, which the content must not contradict, or else by the content."""
    if named and _FORMATS.get(_suffix(path)) == "arrays":
        if not head.startswith(_ZIP):
            raise _misnamed(path.name, origin, "a file of NumPy arrays", ".npz", really=False)
        return "arrays"
    foreign_formats.check_content(head, origin)
    form = _FORMATS.get(_suffix(path)) if named else None
    is_parquet = head.startswith(_PARQUET)
    if form is None:
        marked = encoding_of_mark(head)
        text = head.decode(marked, "ignore") if marked else head.decode("latin-1")
        looks_json = text.lstrip().startswith("{")
        return "parquet" if is_parquet else "json_lines" if looks_json else "delimited"
    if is_parquet != (form == "parquet"):
        raise _misnamed(path.name, origin, "Parquet", ".parquet", really=is_parquet)
    return form


def _misnamed(name: str, origin: str, what: str, suffix: str, *, really: bool) -> KerasnnError:
    if not really:
        hint = f"rename it to '{name[:-3]}'" if suffix == ".gz" else "rename it after its content"
        return DataError(f"named {suffix} but not {what}", location=origin, hint=hint)
    better = name + suffix if suffix == ".gz" else Path(name).stem + suffix
    hint = f"rename it to '{better}'"
    return DataError(f"a {what} file that is not named {suffix}", location=origin, hint=hint)


def _check_text(head: bytes, origin: str, encoding: str) -> None:
    if encoding != AUTO and is_wide(encoding):
        return
    marked = encoding_of_mark(head)
    if marked and encoding == AUTO:
        return
    if marked:
        raise _wide(marked, origin)
    if b"\0" in head:
        # Latin text in UTF-16 without a mark has a NUL in every other byte.
        for offset, name in ((1, "utf-16-le"), (0, "utf-16-be")):
            half = head[offset::2]
            if half.count(0) > 0.7 * len(half):
                raise _wide(name, origin)
    if is_binary(count_controls(head), len(head)):
        raise binary_error(origin)


def _wide(name: str, origin: str) -> DataError:
    return DataError(
        f"the text is {name.upper()}, not UTF-8", location=origin, hint=f"pass encoding='{name}'"
    )


def _suffix(path: Path) -> str:
    return Path(path.stem if path.suffix.lower() == ".gz" else path.name).suffix.lower()


class _Spool:
    """A stream in a temporary file: errors can be located, and Parquet needs to seek.

    Args:
        stream: Stream that is read once, to its end.
    """

    def __init__(self, stream: BinaryIO) -> None:
        handle, self.name = tempfile.mkstemp(prefix="kerasnn-")
        weakref.finalize(self, os.unlink, self.name)
        with open(handle, "wb") as file:
            shutil.copyfileobj(stream, file, 1 << 20)


def _standard_input() -> BinaryIO:
    if sys.stdin is None or sys.stdin.closed:
        raise ConfigError("there is no standard input", hint="name a file")
    if hasattr(sys.stdin, "buffer"):
        return sys.stdin.buffer
    return io.BytesIO(sys.stdin.read().encode())


def _is_pipe(path: Path) -> bool:
    """Whether a path is a named pipe, such as the shell makes of ``<(command)``.

    Raises:
        DataError: It is a device or a socket.
    """
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode) or stat.S_ISSOCK(mode):
        hint = "give the path of a file, or - for standard input"
        raise DataError("a device where a file is meant", location=os.fspath(path), hint=hint)
    return stat.S_ISFIFO(mode)
