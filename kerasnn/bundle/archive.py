"""A zip file of one possible layout: from names and contents each byte of it follows.

Members are stored as they are, one after the other, then the directory. Whatever differs from
that by a bit (other members, links, compression, encryption, comments, hidden bytes) is refused
by comparing, without interpreting it. Any zip tool can read the result.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from kerasnn.errors import ModelRefusedError

# Without the 64-bit extension no offset may need more bits.
LARGEST_ARCHIVE = 2**32 - 1
_VERSION = 10  # of the zip format: plain files
_MADE_ON_UNIX = 3 << 8 | _VERSION
_FLAGS = _STORED = _TIME = 0
_DATE = 1 << 5 | 1  # 1980-01-01, the first there is: equal contents give equal files
_REGULAR_FILE = 0o100644 << 16
_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_CENTRAL = struct.Struct("<4sHHHHHHIIIHHHHHII")
_END = struct.Struct("<4sHHHHIIH")


def pack(members: Mapping[str, bytes]) -> Iterator[bytes]:
    """The file, piece by piece."""
    entries = []
    for name, content in members.items():
        entries.append((name, len(content), zlib.crc32(content)))
        yield _local_header(*entries[-1])
        yield content
    yield _directory(entries)


class Archive:
    """Reads members in the order in which they lie.

    Args:
        file: Open for reading, at its start.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._entries: list[tuple[str, int, int]] = []

    def next_size(self) -> int:
        """The size that the next member claims to have; nothing is read past."""
        start = self._file.tell()
        header = self._file.read(_LOCAL.size)
        self._file.seek(start)
        if header[:4] != b"PK\3\4" or len(header) < _LOCAL.size:
            raise ModelRefusedError("it is not a file of kerasnn, or its start is damaged")
        return int(_LOCAL.unpack(header)[8])

    def read(self, name: str, size: int) -> bytes:
        """The content of the next member, which must have this name and size."""
        header = self._file.read(_LOCAL.size + len(name))
        content = self._file.read(size)
        if len(content) < size:
            raise ModelRefusedError("it is cut off")
        self._entries.append((name, size, zlib.crc32(content)))
        if header != _local_header(*self._entries[-1]):
            raise ModelRefusedError(f"{name} is damaged, or not stored as kerasnn stores it")
        return content

    def finish(self) -> None:
        """Check that the directory follows, and nothing else."""
        expected = _directory(self._entries)
        if self._file.read(len(expected) + 1) != expected:
            raise ModelRefusedError("its directory does not fit its members")


def _local_header(name: str, size: int, checksum: int) -> bytes:
    raw = name.encode("ascii")
    common = (_VERSION, _FLAGS, _STORED, _TIME, _DATE, checksum, size, size, len(raw))
    return _LOCAL.pack(b"PK\3\4", *common, 0) + raw


def _directory(entries: list[tuple[str, int, int]]) -> bytes:
    records, offset = b"", 0
    for name, size, checksum in entries:
        raw = name.encode("ascii")
        common = (_VERSION, _FLAGS, _STORED, _TIME, _DATE, checksum, size, size, len(raw))
        nothing = (0, 0, 0, 0)  # no extra field, comment, other disk, text mark
        records += _CENTRAL.pack(b"PK\1\2", _MADE_ON_UNIX, *common, *nothing, _REGULAR_FILE, offset)
        records += raw
        offset += _LOCAL.size + len(raw) + size
    count = len(entries)
    return records + _END.pack(b"PK\5\6", 0, 0, count, count, len(records), offset, 0)
