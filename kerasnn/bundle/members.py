"""The five files of a bundle, their bounds, and the manifest with their checksums."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from kerasnn.bundle.archive import LARGEST_ARCHIVE, Archive, pack
from kerasnn.errors import DataError, ModelRefusedError, StorageError
from kerasnn.files.handles import kind_of
from kerasnn.files.json_values import MOST_VALUES, dumps, loads
from kerasnn.files.storage import list_folder, open_file, write_atomically

SCHEMA = 1
BUNDLE_NAME = "model.kerasnn"
MANIFEST = "manifest.json"
TRAINING_OPTIONS, PREPROCESSING = "recipe.json", "preprocessing.json"
WEIGHTS, REPORT = "weights.safetensors", "report.json"
MIB = 2**20
# The bound of preprocessing.json is wide for vocabularies; of weights, 800 million numbers.
LIMITS = {
    TRAINING_OPTIONS: 4 * MIB,
    PREPROCESSING: 256 * MIB,
    WEIGHTS: 3 * 1024 * MIB,
    REPORT: 4 * MIB,
}
# A vocabulary may have ten million words.
LARGEST_VOCABULARY = 11_000_000
LARGEST_MANIFEST = 64 * 1024
_FORMAT = "kerasnn bundle"
assert sum(LIMITS.values()) + 2 * LARGEST_MANIFEST < LARGEST_ARCHIVE


def write_members(path: str | os.PathLike[str], members: Mapping[str, bytes]) -> None:
    """Write a bundle as one file, at once or not at all.

    Raises:
        StorageError: It could not be written, or is larger than a bundle may be.
    """
    for name, limit in LIMITS.items():
        if len(members[name]) > limit:
            problem = f"{name} takes {len(members[name]) / MIB:.1f} MiB, more than {limit // MIB}"
            raise StorageError(problem, location=os.fspath(path), hint="make it smaller")
    content = {MANIFEST: make_manifest(members)} | {name: members[name] for name in LIMITS}
    write_atomically(path, pack(content))


def read_members(path: str | os.PathLike[str]) -> dict[str, bytes]:
    """The members of a bundle, each as long as the manifest says and with its checksum.

    Nothing but the manifest is parsed, and nothing outside the bundle is opened.

    Args:
        path: A file, a folder with the members, or the folder of a run.

    Raises:
        DataError: There is no such bundle.
        ModelRefusedError: It is damaged, not a bundle, or of a newer schema.
        StorageError: It can't be read.
    """
    found = locate(path)
    # What lies in the folder of a run is no link; what the user names may be one.
    run = None if found == Path(path) else found.parent
    try:
        with refused_at(path):
            if found.is_dir() and not (run and found.is_symlink()):
                return _read_folder(found)
            with _open(found, run) as file:
                return _read_file(file)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError(f"can't be read: {reason}", location=os.fspath(path)) from error


def parse(members: Mapping[str, bytes], name: str) -> Any:
    """The plain data of a member that is JSON.

    Raises:
        ModelRefusedError: It is no JSON, or is not bounded.
    """
    most_values = LARGEST_VOCABULARY if name == PREPROCESSING else MOST_VALUES
    return loads(members[name], location=name, most_values=most_values)


@contextlib.contextmanager
def refused_at(path: str | os.PathLike[str]) -> Iterator[None]:
    """Say of which bundle a refusal is."""
    try:
        yield
    except ModelRefusedError as refusal:
        problem = f"the model is refused: {refusal.problem}"
        hint = refusal.hint or "get it again from where it was made"
        raise ModelRefusedError(problem, location=os.fspath(path), hint=hint) from None


def locate(path: str | os.PathLike[str]) -> Path:
    """The bundle itself, also where the folder of its run is given."""
    given = Path(path)
    if not given.exists():
        raise DataError("no such model", location=os.fspath(path), hint="check the path")
    if not given.is_dir():
        return given
    inner = given / BUNDLE_NAME
    is_inner = kind_of(inner) is not None
    if not is_inner and kind_of(given / MANIFEST) is None:
        hint = "name a folder that training made"
        raise DataError("there is no model in the folder", location=os.fspath(path), hint=hint)
    return inner if is_inner else given


def make_manifest(members: Mapping[str, bytes]) -> bytes:
    """Format, schema, and size and SHA-256 of each member; and a digest of all that."""
    described = {
        name: {"size": len(members[name]), "sha256": hashlib.sha256(members[name]).hexdigest()}
        for name in LIMITS
    }
    return _sealed({"format": _FORMAT, "schema": SCHEMA, "members": described})


def _sealed(manifest: Mapping[str, Any]) -> bytes:
    digest = hashlib.sha256(dumps(manifest)).hexdigest()
    return dumps({**manifest, "digest": digest})


def _read_manifest(content: bytes) -> dict[str, dict[str, Any]]:
    """What the manifest says of each member, once it is known to be whole and of our schema."""
    manifest = loads(content, location=MANIFEST)
    if not isinstance(manifest, dict) or manifest.get("format") != _FORMAT:
        raise ModelRefusedError(f"{MANIFEST} is not the one of a bundle")
    if _sealed({k: v for k, v in manifest.items() if k != "digest"}) != content:
        raise ModelRefusedError(f"{MANIFEST} is damaged")
    schema = manifest.get("schema")
    if type(schema) is int and schema > SCHEMA:
        problem = f"made by a newer kerasnn (schema {schema}); this one reads {SCHEMA}"
        raise ModelRefusedError(problem, hint="pip install -U kerasnn")
    expected = {"format", "schema", "members", "digest"}
    if manifest.keys() != expected or type(schema) is not int or schema != SCHEMA:
        raise ModelRefusedError(f"{MANIFEST} is malformed")
    return _checked(manifest["members"])


def _checked(described: Any) -> dict[str, dict[str, Any]]:
    if not isinstance(described, dict) or list(described) != list(LIMITS):
        raise ModelRefusedError(f"{MANIFEST} does not list the members of a bundle")
    for name, entry in described.items():
        if not isinstance(entry, dict) or list(entry) != ["size", "sha256"]:
            raise ModelRefusedError(f"{MANIFEST} is malformed")
        if type(entry["size"]) is not int or entry["size"] < 0:
            raise ModelRefusedError(f"{MANIFEST} is malformed")
        if entry["size"] > LIMITS[name]:
            raise ModelRefusedError(f"{name} is larger than {LIMITS[name] // MIB} MiB")
    return described


def _read_file(file: BinaryIO) -> dict[str, bytes]:
    archive = Archive(file)
    size = archive.next_size()
    if size > LARGEST_MANIFEST:
        raise ModelRefusedError(f"{MANIFEST} is larger than {LARGEST_MANIFEST // 1024} KiB")
    described = _read_manifest(archive.read(MANIFEST, size))
    # Before memory is taken for what the manifest says is there.
    if sum(entry["size"] for entry in described.values()) > os.fstat(file.fileno()).st_size:
        raise ModelRefusedError("it is cut off")
    members = {}
    for name, entry in described.items():
        members[name] = archive.read(name, entry["size"])
        _verify(name, members[name], entry)
    archive.finish()
    return members


def _read_folder(folder: Path) -> dict[str, bytes]:
    for name in list_folder(folder):
        if name not in LIMITS and name != MANIFEST:
            raise ModelRefusedError(f"'{ascii(name)[1:-1][:60]}' has no place in a bundle")
    with _open(folder / MANIFEST, folder) as file:
        described = _read_manifest(file.read(LARGEST_MANIFEST + 1))
    members = {}
    for name, entry in described.items():
        with _open(folder / name, folder) as file:
            if os.fstat(file.fileno()).st_size != entry["size"]:
                raise ModelRefusedError(f"{name} is damaged")
            members[name] = file.read(entry["size"])
        _verify(name, members[name], entry)
    return members


def _verify(name: str, content: bytes, entry: Mapping[str, Any]) -> None:
    if len(content) != entry["size"] or hashlib.sha256(content).hexdigest() != entry["sha256"]:
        raise ModelRefusedError(f"{name} is damaged")


def _open(path: Path, below: Path | None) -> BinaryIO:
    try:
        return open_file(path, below=below)
    except FileNotFoundError:
        raise ModelRefusedError(f"{path.name} is missing") from None
