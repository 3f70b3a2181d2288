"""Files that are either the old one or the new one, and folders that only one run writes to."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import secrets
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from kerasnn.errors import StorageError

LOCK_NAME = ".lock"
_PART = ".part"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS}


def write_atomically(path: str | os.PathLike[str], chunks: bytes | Iterable[bytes]) -> None:
    """Write a file so that at any moment, a power cut included, it is the old or the new one.

    Args:
        path: Of the file; a link is followed.
        chunks: Its content, in order.

    Raises:
        StorageError: The disk is full or the folder can't be written; the old file is intact.
    """
    target = Path(os.path.realpath(path))
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}{_PART}")
    try:
        # As `open` makes files: readable as far as the umask lets it be.
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            with os.fdopen(handle, "wb") as file:
                for chunk in [chunks] if isinstance(chunks, bytes) else chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, target)
        except BaseException:
            with contextlib.suppress(OSError):
                part.unlink()
            raise
        _sync_folder(target.parent)
    except OSError as error:
        raise _explain(error, path) from error


def remove_leftovers(folder: str | os.PathLike[str]) -> None:
    """Remove what killed writers left half written; only for the one who may write there."""
    for part in Path(folder).glob(f".*{_PART}"):
        with contextlib.suppress(OSError):
            part.unlink()


def check_writable(folder: str | os.PathLike[str]) -> None:
    """Raise if no file can be made in a folder, or the folder itself can't be made.

    Nothing is left behind: of a folder that isn't there, the nearest one above is tried.

    Raises:
        StorageError: Say why.
    """
    nearest = Path(os.path.realpath(folder))
    while not os.path.lexists(nearest):
        nearest = nearest.parent
    if not nearest.is_dir():
        raise StorageError("not a folder", place=str(nearest), fix="choose another folder")
    trial = nearest / f".{secrets.token_hex(4)}{_PART}"
    try:
        handle = os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            os.write(handle, b"trial")
            os.fsync(handle)
        finally:
            os.close(handle)
            trial.unlink()
    except OSError as error:
        raise _explain(error, nearest, fix="choose another folder") from error


@contextlib.contextmanager
def lock_folder(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Be the only run that writes to a folder, until the block ends or the process dies.

    The kernel drops the lock of a killed process. On file systems without locks, the process
    that the lock file names is looked for.

    Raises:
        StorageError: Another run holds the folder, or it can't be written.
    """
    path = Path(folder) / LOCK_NAME
    try:
        handle = _acquire(path)
    except StorageError:
        raise
    except OSError as error:
        raise _explain(error, path) from error
    try:
        remove_leftovers(folder)
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()  # while it is still locked, so that nobody else's goes
        os.close(handle)


def _acquire(path: Path) -> int:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
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
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _held(path: Path, record: dict[str, Any]) -> StorageError:
    holder = f"process {record['pid']} on {record['host']}" if record else "another process"
    return StorageError(
        f"another run writes to this folder: {holder}",
        place=str(path.parent),
        fix="wait for it, or choose another folder",
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


def _sync_folder(folder: Path) -> None:
    """Make the new name of a file last through a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _explain(
    error: OSError, path: str | os.PathLike[str], *, fix: str = "check the folder"
) -> StorageError:
    if error.errno in _FULL:
        what, fix = "the disk is full", "free some space; what was there before is intact"
    else:
        what = f"can't be written: {(error.strerror or str(error)).lower()}"
    return StorageError(what, place=os.fspath(path), fix=fix)
