"""The bytes of a text file on their way to a parser: control characters out, lines bounded."""

from __future__ import annotations

import io
from typing import BinaryIO

from kerasnn.data.readers.encodings import keeps_ascii
from kerasnn.errors import DataError, warn

LONGEST_LINE = 64 << 20
"""Bytes without a line end after which a file is taken for something other than text."""

BINARY = 0.1
"""Share of control characters above which a file is binary."""

# All but tab, line feed, vertical tab, form feed and carriage return.
CONTROLS = bytes([*range(9), *range(14, 32), 127])
_TO_SPACE = bytes.maketrans(CONTROLS, b" " * len(CONTROLS))


class LongLineError(Exception):
    """A line is longer than any text has; `Source.open` says where."""


class TextBytes(io.RawIOBase):
    """A stream whose control characters become spaces, with a count of what passed.

    Args:
        stream: The bytes of a file.
        encoding: Encoding of the text; controls are left alone where bytes are no characters.
    """

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self.n_bytes, self.n_controls, self.n_quotes, self.first_line = 0, 0, 0, 1
        self._stream, self._cleans = stream, keeps_ascii(encoding)
        self._line_bytes, self._after_cr = 0, False

    def readable(self) -> bool:
        """True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        if size < 0:
            return self.readall()
        block = self._stream.read(size)
        self.n_bytes += len(block)
        self.n_quotes += block.count(b'"')
        self._bound(block)
        return self._clean(block) if self._cleans else block

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill a buffer with the next bytes."""
        block = self.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)

    def report(self, origin: str) -> None:
        """Warn of the control characters that passed.

        Args:
            origin: Name of the file.

        Raises:
            DataError: They are so many that this is no text.
        """
        if is_binary(self.n_controls, self.n_bytes):
            raise binary_error(origin)
        if self.n_controls:
            several = f"{self.n_controls:,} control characters are"
            what = "a control character is" if self.n_controls == 1 else several
            location = f"{origin}:{self.first_line}"
            warn(f"{what} read as a space", location=location, hint="check what wrote the file")

    def _bound(self, block: bytes) -> None:
        last = max(block.rfind(b"\n"), block.rfind(b"\r"))
        self._line_bytes = len(block) - last - 1 + (self._line_bytes if last < 0 else 0)
        if self._line_bytes > LONGEST_LINE:
            raise LongLineError

    def _clean(self, block: bytes) -> bytes:
        kept = block.translate(None, CONTROLS)
        found = len(block) - len(kept)
        if not self.n_controls:
            first = (
                next((at for at, byte in enumerate(block) if byte in CONTROLS), 0)
                if found
                else None
            )
            self._count_lines(block[:first])
        self.n_controls += found
        return block.translate(_TO_SPACE) if found else block

    def _count_lines(self, block: bytes) -> None:
        self.first_line += block.count(b"\n") + block.count(b"\r") - block.count(b"\r\n")
        self.first_line -= self._after_cr and block.startswith(b"\n")
        self._after_cr = block.endswith(b"\r")


def count_controls(head: bytes) -> int:
    """How many control characters there are."""
    return len(head) - len(head.translate(None, CONTROLS))


def is_binary(n_controls: int, n_bytes: int) -> bool:
    """Whether a file with so many control characters is no text at all.

    >>> is_binary(1, 8), is_binary(30, 100)
    (False, True)
    """
    return n_controls > max(8, BINARY * n_bytes)


def binary_error(origin: str) -> DataError:
    """The error for a file that is no text."""
    hint = "name a table as text, such as CSV, or a Parquet file"
    return DataError("a binary file or a damaged one, not text", location=origin, hint=hint)
