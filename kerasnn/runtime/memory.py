"""Free memory, the share of it that work may take, and an error before it runs out.

What a run needs is estimated before it is allocated: a process that takes more than there is gets
killed by the system, without a word.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from kerasnn.errors import ResourceError, StorageError

# Of what is free, so much may be planned for: an estimate is not exact.
SHARE = 0.9
GIB = 1 << 30

_GROUPS = Path("/sys/fs/cgroup")
# Names of the limit, of the use, and of the part of it that the system takes back when it must.
_GROUP_FILES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
)


def free_memory() -> float:
    """Bytes that this process can still get; infinite where the system does not say."""
    return max(0.0, min(_free_of_machine(), *_free_of_groups(), _free_of_process()))


def rows_at_once(row_bytes: float, *, most: int, budget: float) -> int:
    """How many rows fit into a number of bytes.

    Args:
        row_bytes: Bytes that a row takes.
        most: Largest number of rows.
        budget: Bytes for all of them.

    Returns:
        At least 1, whatever a row takes.

    >>> rows_at_once(100, most=64, budget=1_000), rows_at_once(5_000, most=64, budget=1_000)
    (10, 1)
    """
    return max(1, min(most, int(budget // max(row_bytes, 1))))


def require(needed: float, what: str, *, hint: str, location: str | None = None) -> None:
    """Refuse work that does not fit into memory, before anything of it is allocated.

    Args:
        needed: Bytes that it takes.
        what: Name of what takes them, in the plural.
        hint: Advice on what to do about it, as an imperative.
        location: Name of the file or column, if it is of one.

    Raises:
        ResourceError: There is less.
    """
    free = free_memory() * SHARE
    if needed > free:
        told = f"{what} need about {show(needed)} of memory and {show(free)} can be had"
        raise ResourceError(told, location=location, hint=hint)


def unnamed_file(size: int) -> IO[bytes]:
    """A file without a name, for what does not fit into memory.

    The disk is free again when the process ends, however it ends.

    Args:
        size: Bytes that the disk must have room for.

    Raises:
        StorageError: It has not.
    """
    # /tmp is often in memory, which is just what is short here.
    folder = os.environ.get("TMPDIR") or ("/var/tmp" if os.path.isdir("/var/tmp") else None)
    try:
        file = tempfile.TemporaryFile(dir=folder, prefix="kerasnn-")  # noqa: SIM115
        os.posix_fallocate(file.fileno(), 0, max(size, 1))
    except OSError as error:
        raise StorageError(
            f"what does not fit into memory can't be kept on disk: {error.strerror}",
            hint="set TMPDIR to a folder with more room, or give more memory",
        ) from None
    return file


def show(size: float) -> str:
    """A number of bytes, roughly.

    >>> show(250e6), show(3.24e9), show(0)
    ('250 MB', '3.2 GB', '0 MB')
    """
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.0f} MB"


def _free_of_machine() -> float:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(float(x.split()[1]) * 1024 for x in lines if x.startswith("MemAvailable"))
    except (OSError, ValueError, IndexError, StopIteration):
        pass
    try:
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, OSError, ValueError):
        # Neither Linux nor one that counts free pages.
        return math.inf


def _free_of_groups() -> Iterator[float]:
    """Free memory of the container, and of each control group that the process is in."""
    for folder in _groups():
        for limit, used, reclaimable in _GROUP_FILES:
            try:
                most = float((folder / limit).read_text())
                taken = float((folder / used).read_text())
                given_back = _stat((folder / limit).with_name("memory.stat"), reclaimable)
            except (OSError, ValueError):
                continue
            yield most - taken + given_back


def _groups() -> list[Path]:
    """The root of the control groups, and those on the way to the one of this process."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
        own = next(line[3:] for line in lines if line.startswith("0::"))
    except (OSError, StopIteration):
        own = ""
    parts = [part for part in own.split("/") if part and part != ".."]
    return [_GROUPS.joinpath(*parts[:count]) for count in range(len(parts) + 1)]


def _stat(path: Path, name: str) -> float:
    for line in path.read_text().splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return float(value)
    return 0.0


def _free_of_process() -> float:
    """Address space below the limit of the process (``ulimit -v``)."""
    try:
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit == resource.RLIM_INFINITY:
            return math.inf
        pages = float(Path("/proc/self/statm").read_text().split()[0])
        return limit - pages * os.sysconf("SC_PAGE_SIZE")
    except (ImportError, OSError, ValueError, IndexError):
        return math.inf
