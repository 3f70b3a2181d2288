"""The one module that opens the files of runs and bundles.

A run or a bundle may be a stranger's. So only regular files are opened, none is waited for, none is
larger than its reader allows, and below the folder of a run no link is followed. What is written is
either the old file or the new one, and replaces a regular file or nothing.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from kerasnn.errors import ConfigError, ModelRefusedError, StorageError
from kerasnn.files.handles import (
    AnyPath,
    kind_of,
    kind_of_status,
    not_a_file,
    not_replaced,
    open_inner,
    open_own,
    parent_of,
    storage_error,
)

_TRIAL = "trial"
_PART = re.compile(r"\.(.+)\.[0-9a-f]{8}\.part", re.DOTALL)
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


def open_file(
    path: AnyPath, *, below: Path | None = None, most: int | None = None
) -> BufferedReader:
    """Open a regular file to read it.

    Args:
        path: Name of the file; where it is the user's own (no ``below``), a link is followed.
        below: Folder of a run, below which no link is followed.
        most: Number of bytes that the file may have.

    Raises:
        FileNotFoundError: There is nothing.
        ModelRefusedError: It is something else than a file, or is larger.
    """
    try:
        if below is None:
            handle = os.open(path, _READ)
        else:
            with parent_of(path, below) as (parent, name):
                handle = os.open(name, _READ | os.O_NOFOLLOW, dir_fd=parent)
    except OSError as error:
        # A socket and a device without a driver can't be opened at all.
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.ENODEV):
            raise not_a_file(path, kind_of(path, below=below)) from None
        raise
    found = os.fstat(handle)
    if kind_of_status(found) != "file":
        os.close(handle)
        raise not_a_file(path, kind_of_status(found))
    if most is not None and found.st_size > most:
        os.close(handle)
        problem = f"{Path(path).name} is larger than {most / 2**20:,.6g} MiB"
        raise ModelRefusedError(
            problem, location=os.fspath(path), hint="get it again from its maker"
        )
    return os.fdopen(handle, "rb")


def read_file(path: AnyPath, *, most: int, below: Path | None = None) -> bytes:
    """The content of a regular file.

    Args:
        path: Name of the file.
        most: Number of bytes that the file may have.
        below: Folder of a run, below which no link is followed.

    Raises:
        FileNotFoundError: There is nothing.
        ModelRefusedError: It is something else than a file, or is larger.
        StorageError: It can't be read.
    """
    try:
        with open_file(path, below=below, most=most) as file:
            return file.read(os.fstat(file.fileno()).st_size)
    except (FileNotFoundError, ModelRefusedError):
        raise
    except OSError as error:
        problem = f"can't be read: {(error.strerror or str(error)).lower()}"
        raise StorageError(
            problem, location=os.fspath(path), hint="check its permissions"
        ) from error


def check_output(path: AnyPath, *, force: bool) -> None:
    """Raise if something is at a path that an output must not replace.

    Raises:
        ConfigError: It is no regular file, or it is one and ``force`` is not set.
    """
    kind = kind_of(path)
    if kind is None:
        return
    if kind == "folder":
        raise ConfigError(f"'{os.fspath(path)}' is a folder", hint="give the name of a file")
    if kind != "file":
        raise not_replaced(path, kind)
    if not force:
        hint = "choose another name, or force its replacement"
        raise ConfigError(f"'{os.fspath(path)}' exists", hint=hint)


@contextlib.contextmanager
def replacing(path: AnyPath, *, below: Path | None = None) -> Iterator[BinaryIO]:
    """A file to write to, which takes the place of another one when the block ends without error.

    At any moment, a power cut included, there is the old file or the new one.

    Args:
        path: Name of the file; a regular file or nothing is there.
        below: Folder of a run, below which no link is followed.

    Raises:
        ConfigError: Something else than a file is there.
        StorageError: The disk is full or the folder can't be written; the old file is intact.
    """
    try:
        with parent_of(path, below) as (parent, name):
            part = part_name(name)
            _check_replaceable(path, name, parent)
            # As `open` makes files: readable as far as the umask lets it be.
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            handle = os.open(part, flags, 0o666, dir_fd=parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    yield file
                    file.flush()
                    os.fsync(file.fileno())
                _check_replaceable(path, name, parent)
                os.replace(part, name, src_dir_fd=parent, dst_dir_fd=parent)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(part, dir_fd=parent)
                raise
            os.fsync(parent)
    except (StorageError, ConfigError, ModelRefusedError):
        raise
    except OSError as error:
        raise storage_error(error, path) from error


def write_atomically(
    path: AnyPath, chunks: bytes | Iterable[bytes], *, below: Path | None = None
) -> None:
    """Write a file so that at any moment, a power cut included, it is the old or the new one.

    Args:
        path: Name of the file; a regular file or nothing is there.
        chunks: Its content, in order.
        below: Folder of a run, below which no link is followed.

    Raises:
        ConfigError: Something else than a file is there.
        StorageError: The disk is full or the folder can't be written; the old file is intact.
    """
    with replacing(path, below=below) as file:
        for chunk in [chunks] if isinstance(chunks, bytes) else chunks:
            file.write(chunk)


def append(path: AnyPath, content: bytes, *, below: Path | None = None, at: int) -> None:
    """Write behind the first bytes of a file, which is made if it is not there.

    Args:
        path: Name of the file.
        content: Bytes that become the end of the file.
        below: Folder of a run, below which no link is followed.
        at: Number of bytes that are kept.

    Raises:
        ModelRefusedError: It is something else than a file.
        StorageError: It can't be written.
    """
    try:
        with parent_of(path, below) as (parent, name):
            handle = open_own(path, name, parent)
            try:
                os.ftruncate(handle, at)
                written = 0
                while written < len(content):
                    written += os.pwrite(handle, content[written:], at + written)
                os.fsync(handle)
            finally:
                os.close(handle)
    except (StorageError, ModelRefusedError):
        raise
    except OSError as error:
        raise storage_error(error, path) from error


def remove(path: AnyPath, *, below: Path | None = None) -> None:
    """Remove a file, if it is there; of a link, the link."""
    with contextlib.suppress(FileNotFoundError), parent_of(path, below) as (parent, name):
        os.unlink(name, dir_fd=parent)


def make_folder(path: AnyPath, *, below: Path | None = None) -> None:
    """Make a folder and those above it, if they are not there.

    Raises:
        ModelRefusedError: Below the folder of a run, something else is there.
        StorageError: It can't be made.
    """
    try:
        if below is None:
            os.makedirs(path, exist_ok=True)
            return
        folder = below
        for name in Path(path).relative_to(below).parts:
            folder = folder / name
            with parent_of(folder, below) as (parent, _):
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, dir_fd=parent)
                os.close(open_inner(folder, name, parent))
    except (StorageError, ModelRefusedError):
        raise
    except OSError as error:
        problem, hint = f"cannot make the folder: {error.strerror}", "choose another one"
        raise StorageError(problem, location=os.fspath(path), hint=hint) from None


def list_folder(path: AnyPath, *, below: Path | None = None) -> list[str]:
    """Sorted names of what is in a folder; none if it is not there.

    Raises:
        ModelRefusedError: It is a link below the folder of a run.
    """
    try:
        with parent_of(Path(path) / _TRIAL, below) as (folder, _):
            return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def move_into(path: AnyPath, location: AnyPath) -> None:
    """Give a file or folder another name on the same disk, which nothing or a file may have."""
    os.replace(path, location)
    with parent_of(location, None) as (parent, _):
        os.fsync(parent)


def part_name(name: str) -> str:
    """A new name for what is to become a file or folder of this name."""
    return f".{name}.{secrets.token_hex(4)}.part"


def is_leftover(name: str, is_ours: Callable[[str], bool]) -> bool:
    """Whether a name is one of `part_name`.

    Args:
        name: Name of something in a folder.
        is_ours: True for names of files that are written to the folder.
    """
    part = _PART.fullmatch(name)
    return part is not None and (part[1] == _TRIAL or is_ours(part[1]))


def remove_leftovers(
    folder: AnyPath, is_ours: Callable[[str], bool], *, below: Path | None = None
) -> None:
    """Remove what killed writers left half written; only for the one who may write there."""
    for name in list_folder(folder, below=below):
        if is_leftover(name, is_ours):
            path = Path(folder) / name
            with contextlib.suppress(OSError):
                if kind_of(path, below=below) == "folder":
                    shutil.rmtree(path)
                else:
                    remove(path, below=below)


def check_writable(folder: AnyPath) -> None:
    """Raise if no file can be made in a folder, or the folder itself can't be made.

    Nothing is left behind: of a folder that isn't there, the nearest one above is tried.

    Raises:
        StorageError: Say why.
    """
    nearest = Path(os.path.realpath(folder))
    while not os.path.lexists(nearest):
        nearest = nearest.parent
    if not nearest.is_dir():
        raise StorageError("not a folder", location=str(nearest), hint="choose another folder")
    trial = nearest / part_name(_TRIAL)
    try:
        handle = os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW)
        try:
            os.write(handle, b"trial")
            os.fsync(handle)
        finally:
            os.close(handle)
            trial.unlink()
    except OSError as error:
        raise storage_error(error, nearest, hint="choose another folder") from error


def _check_replaceable(path: AnyPath, name: str, parent: int) -> None:
    try:
        kind = kind_of_status(os.stat(name, dir_fd=parent, follow_symlinks=False))
    except FileNotFoundError:
        return
    if kind != "file":
        raise not_replaced(path, kind)
