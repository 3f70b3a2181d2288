"""Handles of files and folders that follow no link below a run, and what stands in their place.

A name is looked up in the open handle of its folder, so that nothing changes between a check and
its use.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from kerasnn.errors import ConfigError, ModelRefusedError, StorageError

Kind = Literal["file", "folder", "link", "pipe", "socket", "device"]
AnyPath = str | os.PathLike[str]

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_KINDS: dict[int, Kind] = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "folder",
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: "socket",
}


def kind_of(path: AnyPath, *, below: Path | None = None) -> Kind | None:
    """What is at a path, a link as such; None for nothing.

    Raises:
        ModelRefusedError: A folder on the way is a link.
    """
    try:
        with parent_of(path, below) as (parent, name):
            return kind_of_status(os.stat(name, dir_fd=parent, follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        return None


@contextlib.contextmanager
def parent_of(path: AnyPath, below: Path | None) -> Iterator[tuple[int, str]]:
    """Handle of the folder that a file lies in, and the file's name there."""
    path = Path(path)
    if below is None:
        handle = os.open(path.parent, _FOLDER)
        names: tuple[str, ...] = (path.name or os.fspath(path),)
    else:
        handle = os.open(below, _FOLDER)
        names = path.relative_to(below).parts
    try:
        folder = below or path.parent
        for name in names[:-1]:
            folder = folder / name
            inner = open_inner(folder, name, handle)
            os.close(handle)
            handle = inner
        yield handle, names[-1]
    finally:
        os.close(handle)


def open_inner(path: Path, name: str, parent: int) -> int:
    """Open a folder in another one, without following a link."""
    try:
        return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=parent)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENOTDIR):
            raise
        kind = kind_of_status(os.stat(name, dir_fd=parent, follow_symlinks=False))
        raise ModelRefusedError(
            f"{name} is a {kind}, where a run has a folder", location=str(path), hint="remove it"
        ) from None


def open_own(path: AnyPath, name: str, parent: int | None) -> int:
    """Open a file that is written in place, or make it; it must have no other name."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        handle = os.open(name, flags, 0o666, dir_fd=parent)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.ENODEV, errno.EISDIR):
            raise not_a_file(path, kind_of(path)) from None
        raise
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        os.close(handle)
        raise not_a_file(path, "link" if stat.S_ISREG(found.st_mode) else kind_of_status(found))
    return handle


def kind_of_status(found: os.stat_result) -> Kind:
    return _KINDS.get(stat.S_IFMT(found.st_mode), "device")


def not_replaced(path: AnyPath, kind: Kind) -> ConfigError:
    """The refusal of an output in whose place something else than a file is."""
    hint = "choose another name: only files are replaced"
    return ConfigError(f"'{os.fspath(path)}' is a {kind}", hint=hint)


def not_a_file(path: AnyPath, kind: Kind | None) -> ModelRefusedError:
    what = "is a link" if kind == "link" else "is not a file"
    hint = "put a file in its place"
    return ModelRefusedError(f"{Path(path).name} {what}", location=os.fspath(path), hint=hint)


def storage_error(error: OSError, path: AnyPath, *, hint: str = "check the folder") -> StorageError:
    """An error of the system as one of ours."""
    if error.errno in _FULL:
        problem, hint = "the disk is full", "free some space; what was there before is intact"
    else:
        problem = f"can't be written: {(error.strerror or str(error)).lower()}"
    return StorageError(problem, location=os.fspath(path), hint=hint)
