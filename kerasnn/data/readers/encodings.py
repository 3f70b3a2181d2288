"""Encodings of text files: the supported ones, and detection of the one that a file has."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kerasnn.errors import DataError, UnknownNameError, warn

if TYPE_CHECKING:
    from kerasnn.data.readers.sources import Source

AUTO = "auto"
"""The encoding of a file is found by its bytes: that of its byte order mark, UTF-8 where it can be,
else Windows-1252."""

WESTERN = "cp1252"
_BLOCK = 1 << 20
# Of UTF-32 first, for its mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ESCAPED = re.compile("[\udc80-\udcff]+")
_WORD = re.compile("[^\\s,;|\"']*[\udc80-\udcff][^\\s,;|\"']*")


def check_encoding(encoding: str) -> None:
    """Raise if Python does not know the encoding."""
    try:
        # Python also has codecs, such as hex, that are none of text.
        if encoding != AUTO:
            "".encode(encoding)
    except (LookupError, ValueError):
        choices = [AUTO, "utf-8", "utf-16", "latin-1", "cp1252"]
        raise UnknownNameError("encoding", encoding, choices) from None


def encoding_of_mark(head: bytes) -> str | None:
    """The wide encoding whose byte order mark a file begins with.

    >>> encoding_of_mark("a".encode("utf-32")), encoding_of_mark(b"a")
    ('utf-32', None)
    """
    return next((name for mark, name in _MARKS if head.startswith(mark)), None)


def is_wide(encoding: str) -> bool:
    """Whether a character takes several bytes even where it is ASCII.

    >>> is_wide("utf-16-le"), is_wide("utf-8")
    (True, False)
    """
    return codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))


def keeps_ascii(encoding: str) -> bool:
    """Whether each byte below 128 is the ASCII character and no part of another one.

    >>> keeps_ascii("cp1252"), keeps_ascii("utf-16"), keeps_ascii("iso2022_jp"), keeps_ascii("cp037")
    (True, False, False, False)
    """
    name = codecs.lookup(encoding).name
    if is_wide(encoding) or name.startswith(("iso2022", "hz", "utf-7")):
        return False
    return bytes(range(128)).decode(encoding, "replace") == bytes(range(128)).decode("ascii")


def resolve(source: Source, encoding: str, *, quiet: bool = False) -> str:
    """The encoding to read a file with; one that had to be found is warned of.

    Args:
        source: A text file.
        encoding: The given one, or ``auto``.
        quiet: True to give no warning.

    Raises:
        DataError: The bytes are neither UTF-8 nor likely to be Windows-1252.
    """
    if encoding != AUTO:
        return encoding
    with source.open() as stream:
        marked = encoding_of_mark(stream.read(4))
    if marked:
        if not quiet:
            problem = f"read as {marked.upper()} text, by its byte order mark"
            hint = "if that is wrong, pass encoding='NAME', such as 'utf-8'"
            warn(problem, location=source.origin, hint=hint)
        return marked
    strays = _Strays()
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    with source.open() as stream:
        while block := stream.read(_BLOCK):
            strays.add(decoder.decode(block))
        strays.add(decoder.decode(b"", True))
    if not strays.n_bytes:
        return "utf-8"
    if not strays.are_western:
        problem = f"neither UTF-8 nor Western European text, such as {strays.shown!a}"
        hint = "pass encoding='NAME', such as 'cp1251' or 'shift_jis'; or save it as UTF-8"
        raise DataError(problem, location=f"{source.origin}:{strays.line}", hint=hint)
    if not quiet:
        problem = f"not UTF-8, read as Windows-1252 text, such as '{strays.shown}'"
        hint = "if that is wrong, pass encoding='NAME', such as 'latin-1'"
        warn(problem, location=f"{source.origin}:{strays.line}", hint=hint)
    return WESTERN


@dataclass
class _Strays:
    """The bytes of a file that UTF-8 can't have."""

    n_bytes: int = 0
    n_few: int = 0
    n_utf8: int = 0
    line: int = 1
    first: str = ""
    is_decodable: bool = True

    def add(self, text: str) -> None:
        """Look at the next piece of the file, bytes that can't be read as lone surrogates."""
        if text.isascii():
            self._count_lines(text)
            return
        found = _ESCAPED.findall(text)
        strays = "".join(found)
        if not self.n_bytes and found:
            self._count_lines(text[: text.index(found[0])])
            word = _WORD.search(text)
            self.first = word[0][:30] if word else found[0]
        elif not found:
            self._count_lines(text)
        self.n_bytes += len(strays)
        self.n_few += sum(len(run) for run in found if len(run) <= 2)
        self.n_utf8 += sum(ord(c) > 127 for c in set(text) - set(strays)) if found else 1
        try:
            strays.encode("ascii", "surrogateescape").decode(WESTERN)
        except UnicodeDecodeError:
            self.is_decodable = False

    @property
    def are_western(self) -> bool:
        """One or two letters with accents in words of ASCII, and no true UTF-8 beside them."""
        return self.is_decodable and 2 * self.n_few > self.n_bytes > 10 * self.n_utf8

    @property
    def shown(self) -> str:
        """The first word with such a byte."""
        raw = self.first.encode("utf-8", "surrogateescape")
        return raw.decode(WESTERN if self.are_western else "latin-1", "replace")

    def _count_lines(self, text: str) -> None:
        if not self.n_bytes:
            self.line += text.count("\n") + text.count("\r") - text.count("\r\n")
