"""Folders that only one run writes to."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from kerasnn.errors import ModelRefusedError, StorageError
from kerasnn.files.handles import AnyPath, open_own, storage_error
from kerasnn.files.storage import remove_leftovers

LOCK_NAME = ".lock"
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS}


@contextlib.contextmanager
def lock_folder(
    folder: AnyPath, *, is_ours: Callable[[str], bool] = lambda name: False
) -> Iterator[None]:
    """Be the only run that writes to a folder, until the block ends or the process dies.

    The kernel drops the lock of a killed process. On file systems without locks, the process
    that the lock file names is looked for.

    Args:
        folder: Folder to lock.
        is_ours: True for names of files that a run writes; leftovers of these are removed.

    Raises:
        ModelRefusedError: The lock is something else than a file.
        StorageError: Another run holds the folder, or it can't be written.
    """
    path = Path(folder) / LOCK_NAME
    try:
        handle = _acquire(path)
    except (StorageError, ModelRefusedError):
        raise
    except OSError as error:
        raise storage_error(error, path) from error
    try:
        remove_leftovers(folder, is_ours)
        yield
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)  # while it is still locked, so that nobody else's goes
        os.close(handle)


def _acquire(path: Path) -> int:
    while True:
        handle = open_own(path, os.fspath(path), None)
        try:
            if _lock(handle, path) and _is_still_there(handle, path):
                os.ftruncate(handle, 0)
                os.pwrite(handle, json.dumps(_identity(os.getpid())).encode(), 0)
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # its holder removed it after it was opened here


def _lock(handle: int, path: Path) -> bool:
    """Lock the open file; raise if somebody else has."""
    record = _read_record(handle)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise _held(path, record) from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        if _may_be_alive(record):
            raise _held(path, record) from None
    return True


def _is_still_there(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except FileNotFoundError:
        return False


def _held(path: Path, record: dict[str, Any]) -> StorageError:
    holder = f"process {record['pid']} on {record['host']}" if record else "another process"
    return StorageError(
        f"another run writes to this folder: {holder}",
        location=str(path.parent),
        hint="wait for it, or choose another folder",
    )


def _read_record(handle: int) -> dict[str, Any]:
    """Who wrote the lock file; nothing if it is empty or torn."""
    try:
        record = json.loads(os.pread(handle, 4096, 0))
    except ValueError:
        return {}
    complete = isinstance(record, dict) and record.keys() == _identity(0).keys()
    return record if complete and isinstance(record["pid"], int) else {}


def _identity(pid: int) -> dict[str, Any]:
    return {"host": socket.gethostname(), "pid": pid, "started": _start_time(pid)}


def _may_be_alive(record: dict[str, Any]) -> bool:
    """Whether the recorded process lives; of another host it can't be known."""
    if not record:
        return False
    if record["host"] != socket.gethostname():
        return True
    try:
        os.kill(record["pid"], 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    # The number of a dead process is given to a new one, which started later.
    return bool(record["started"] == _start_time(record["pid"]))


def _start_time(pid: int) -> str | None:
    """In ticks since the machine started; None where the system doesn't say."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The second field, the name in parentheses, may itself hold blanks and parentheses.
    return text.rpartition(")")[2].split()[19]
