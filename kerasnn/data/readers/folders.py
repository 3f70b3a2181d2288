"""Folders of images or sounds: one subfolder a class, or these alone.

Imports neither pandas nor Pillow, so that a wrong path is an error at once.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from kerasnn.errors import DataError, StorageError, warn

SUFFIXES = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".dib", ".webp", ".avif"),
        *(".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".ico", ".tga"),
    )
)
SOUND_SUFFIXES = frozenset((".wav", ".wave"))
IMAGE, SOUND, LABEL = "image", "sound", "label"
"""Columns of the table that a folder is."""

PART_NAMES = {
    "train": "data",
    "training": "data",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
    "testing": "test",
}
"""Folders that are parts of the data, not classes."""

# Files and folders that programs leave behind.
_LEFT_BEHIND = frozenset(("thumbs.db", "desktop.ini", "__macosx", "@eadir", "__pycache__"))


@dataclass(frozen=True)
class Listing:
    """The images or the sounds of a folder, in the order of their names.

    Args:
        paths: Paths of the files, which begin with the folder as the user named it.
        labels: Name of the class folder of each; None where there are no class folders.
        ignored: Files whose names are not those of images, or of sounds.
        empty: Class folders without any.
        kind: Kind of the files: `IMAGE`, or `SOUND` where there is no image.
        unlabeled: Images, or sounds, beside the class folders, which are left out.
    """

    paths: list[str]
    labels: list[str] | None
    ignored: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    kind: str = IMAGE
    unlabeled: list[str] = field(default_factory=list)


def is_image_path(text: str) -> bool:
    """Whether a text ends as the name of an image does.

    >>> is_image_path("cats/1.JPG"), is_image_path("notes.txt")
    (True, False)
    """
    return os.path.splitext(text)[1].lower() in SUFFIXES


def is_sound_path(text: str) -> bool:
    """Whether a text ends as the name of a sound does.

    >>> is_sound_path("yes/1.WAV"), is_sound_path("yes/1.mp3")
    (True, False)
    """
    return os.path.splitext(text)[1].lower() in SOUND_SUFFIXES


def scan(folder: str | os.PathLike[str], *, needs_labels: bool = True) -> Listing:
    """Find the images of a folder, or its sounds where it has no image; links are followed.

    Args:
        folder: Folder of class folders, of splits (train, test) of class folders, or of files.
        needs_labels: True to leave out files next to class folders, which have no label.

    Raises:
        DataError: A link leads back to a folder above it, or there is neither image nor sound.
        StorageError: A folder can't be read.
    """
    top = os.fspath(folder)
    above = (_identity(top),)
    parts = parts_of(top)
    classes = [
        (name, path)
        for part in (parts.values() if parts else [top])
        for name, path in _subfolders(part)
    ]
    ignored: list[str] = []
    kind = kind_of(top)
    everything = list(_files(top, above, ignored, kind))
    paths, labels, empty = [], [], []
    for name, path in classes:
        found = list(_files(path, (*above, _identity(path)), [], kind))
        paths += found
        labels += [printable(name)] * len(found)
        if not found:
            empty.append(path)
    labelled = set(paths)
    unlabeled = [path for path in everything if path not in labelled]
    if not classes or (unlabeled and not needs_labels):
        listing = Listing(everything, None, ignored, kind=kind)
    else:
        listing = Listing(paths, labels, ignored, empty, kind, unlabeled)
    if not listing.paths:
        raise no_images(top)
    return listing


def check(listing: Listing, folder: str | os.PathLike[str], *, allow_empty: bool = False) -> None:
    """Raise for a class folder without any; warn of files that are left out.

    Args:
        listing: Listing of the folder.
        folder: Name of the folder for messages.
        allow_empty: True if a class folder may be empty, as it may where classes don't matter.
    """
    if listing.empty and not allow_empty:
        hint = f"put {listing.kind}s into it, or remove it"
        problem = f"a class folder without {listing.kind}s"
        raise DataError(problem, location=printable(listing.empty[0]), hint=hint)
    location, kind = printable(os.fspath(folder)), listing.kind
    if listing.ignored:
        number, shown = len(listing.ignored), _some(listing.ignored)
        problem = f"{number:,} files that are no {kind}s by their name are ignored: {shown}"
        if number == 1:
            problem = f"a file that is no {kind} by its name is ignored: {shown}"
        warn(problem, location=location)
    if listing.unlabeled:
        number, shown = len(listing.unlabeled), _some(listing.unlabeled)
        problem = (
            f"{number:,} {kind}s beside the class folders have no class and are left out: {shown}"
        )
        if number == 1:
            one = "an image" if kind == IMAGE else "a sound"
            problem = f"{one} beside the class folders has no class and is left out: {shown}"
        warn(problem, location=location, hint="put each into the folder of its class")


def warn_of_unused(source: Any) -> None:
    """Warn of images or sounds in a folder of parts (train, test) that are in none of them."""
    parts = parts_of(source)
    if parts is None:
        return
    top, kind = os.fspath(source), kind_of(source)
    used = {path for part in parts.values() for path in _files(part, (_identity(part),), [], kind)}
    everything = _files(top, (_identity(top),), [], kind)
    unused = [path for path in everything if path not in used]
    if unused:
        names = " and ".join(f"'{os.path.basename(part)}'" for part in parts.values())
        n_files = f"{len(unused):,} {kind}s are" if len(unused) > 1 else f"one {kind} is"
        problem = f"{n_files} not in {names} and left out: {_some(unused)}"
        warn(problem, location=printable(top), hint="a part needs one subfolder a class")


def check_has_classes(source: Any) -> None:
    """Raise for a folder of images or sounds that says nothing about their classes."""
    if isinstance(source, str | os.PathLike) and os.path.isdir(source) and holds_any(source):
        kind = kind_of(source)
        problem = f"a folder of {kind}s without a subfolder for each class"
        hint = f"sort the {kind}s into one subfolder a class, or give a table of paths and labels"
        raise DataError(problem, location=printable(os.fspath(source)), hint=hint)


def kind_of(folder: str | os.PathLike[str]) -> str:
    """`IMAGE` where an image is in a folder, or in one below it; else `SOUND` where a sound is.

    Returns:
        `IMAGE` for a folder without either.
    """
    return SOUND if not _holds(folder, IMAGE) and _holds(folder, SOUND) else IMAGE


def holds_any(folder: str | os.PathLike[str]) -> bool:
    """Whether there is an image or a sound in a folder, or in one below it."""
    return _holds(folder, IMAGE) or _holds(folder, SOUND)


def no_images(folder: str) -> DataError:
    """The error for a folder in which neither an image nor a sound is."""
    hint = "name a file, or a folder with one subfolder of images or WAV files a class"
    return DataError("a folder without images", location=printable(folder), hint=hint)


def parts_of(source: Any) -> dict[str, str] | None:
    """The parts of a folder with train, validation and test folders; None for other sources.

    Returns:
        Such as ``{"data": "photos/train", "test": "photos/test"}``.
    """
    if not isinstance(source, str | os.PathLike) or not os.path.isdir(source):
        return None
    found: dict[str, str] = {}
    others = False
    for name, path in _subfolders(os.fspath(source)):
        part = PART_NAMES.get(name.lower())
        if part is None:
            others = True
        elif part not in found and _subfolders(path):
            found[part] = path
    # A class may be called "train"; then its neighbours are classes too.
    if "data" not in found or (others and len(found) == 1):
        return None
    return {name: found[name] for name in ("data", "validation", "test") if name in found}


def default_target(source: Any) -> str | None:
    """The column to predict where there is no doubt: of class folders, ``x`` and ``y``, or ``.ts``."""
    if not isinstance(source, str | os.PathLike):
        return None
    path = os.fspath(source)
    if os.path.isdir(path):
        return LABEL if _subfolders(path) else None
    if is_series_path(path):
        from kerasnn.data.readers.ts_header import label_kind

        return LABEL if label_kind(path) in ("class", "value") else None
    if path.lower().endswith(".npz"):
        try:
            with zipfile.ZipFile(path) as archive:
                return "y" if {"x.npy", "y.npy"} <= set(archive.namelist()) else None
        except (OSError, zipfile.BadZipFile):
            return None
    return None


def is_series_path(text: str) -> bool:
    """Whether a text ends as the name of a file of series does.

    >>> is_series_path("GunPoint_TRAIN.ts"), is_series_path("GunPoint.ts.gz")
    (True, True)
    """
    return text.lower().endswith((".ts", ".ts.gz"))


def is_media_source(source: Any) -> bool:
    """Whether a source is a folder, an image, a sound or several of them, not a table or texts."""
    if isinstance(source, list | tuple):
        return all(isinstance(each, str | os.PathLike) for each in source) and _are_files(source)
    if not isinstance(source, str | os.PathLike):
        return False
    path = os.fspath(source)
    return is_image_path(path) or is_sound_path(path) or os.path.isdir(source)


def _are_files(paths: Sequence[Any]) -> bool:
    """Whether texts are the names of files, there or not, and not texts to be read."""
    from kerasnn.data.readers.sources import names_file

    is_one = any(
        isinstance(path, os.PathLike)
        or is_image_path(path)
        or is_sound_path(path)
        or os.path.isdir(path)
        for path in paths
    )
    return is_one or all(names_file(path) for path in paths)


def printable(path: str) -> str:
    r"""A path with the bytes that are no UTF-8 written out, such as ``caf\xe9``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _some(paths: Sequence[str]) -> str:
    """Names of the first few files, in quotes."""
    names = ", ".join(f"'{printable(os.path.basename(path))}'" for path in paths[:3])
    return names + (", …" if len(paths) > 3 else "")


def _holds(folder: str | os.PathLike[str], kind: str) -> bool:
    top = os.fspath(folder)
    return any(True for _ in _files(top, (_identity(top),), [], kind))


def _files(
    folder: str, above: tuple[tuple[int, int], ...], ignored: list[str], kind: str
) -> Iterator[str]:
    """Paths of the images or of the sounds; other files are noted."""
    is_one = is_image_path if kind == IMAGE else is_sound_path
    for entry in _entries(folder):
        if _is_folder(entry):
            identity = _identity(entry.path)
            if identity in above:
                problem = "a link leads back to a folder above it"
                raise DataError(problem, location=printable(entry.path), hint="remove the link")
            yield from _files(entry.path, (*above, identity), ignored, kind)
        elif is_one(entry.name):
            yield entry.path
        else:
            ignored.append(entry.path)


def _subfolders(folder: str) -> list[tuple[str, str]]:
    return [(entry.name, entry.path) for entry in _entries(folder) if _is_folder(entry)]


def _entries(folder: str) -> list[os.DirEntry[str]]:
    """What is in a folder, sorted, without hidden files and what programs leave behind."""
    try:
        with os.scandir(folder) as entries:
            shown = [
                entry
                for entry in entries
                if not entry.name.startswith(".") and entry.name.lower() not in _LEFT_BEHIND
            ]
    except OSError as error:
        problem = f"cannot read: {error.strerror}"
        hint = "check its permissions"
        raise StorageError(problem, location=printable(folder), hint=hint) from None
    return sorted(shown, key=lambda entry: entry.name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        problem = "a link that leads to itself"
        raise DataError(problem, location=printable(entry.path), hint="remove the link") from None


def _identity(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError as error:
        problem = f"cannot read: {error.strerror}"
        hint = "check its permissions"
        raise StorageError(problem, location=printable(path), hint=hint) from None
    return status.st_dev, status.st_ino
