"""The state of a run on disk: the two last generations, each with a checksum.

A file is three parts: a line that names the format, the SHA-256 of the rest in hexadecimal on a
line, and a safetensors file whose metadata holds the rest of the state as JSON.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from kerasnn.errors import ModelRefusedError, warn
from kerasnn.files.handles import kind_of
from kerasnn.files.json_values import loads
from kerasnn.files.storage import (
    list_folder,
    make_folder,
    read_file,
    remove,
    remove_leftovers,
    write_atomically,
)

MAGIC = b"kerasnn checkpoint 1\n"
KEPT = 2
# Weights of 3 GiB, their average, and two moments of each.
LARGEST = 12 * 2**30
_DIGEST_LENGTH = 64
_NAME = re.compile(r"generation-(\d{6,})\.checkpoint")


@dataclass(frozen=True)
class Checkpoint:
    """A state as it was saved.

    Args:
        arrays: Arrays by name.
        metadata: State that JSON can hold.
        generation: Counted from 1.
        damaged: Newer files that could not be used.
    """

    arrays: dict[str, NDArray[Any]]
    metadata: dict[str, Any]
    generation: int
    damaged: tuple[Path, ...] = ()


class Checkpoints:
    """Saves and loads the state of one run.

    Args:
        folder: Made by the first save; nobody else may write there.
        run: Folder below which no link is followed; the one above if None.
    """

    def __init__(self, folder: str | os.PathLike[str], *, run: Path | None = None) -> None:
        self.folder = Path(folder)
        self.run = run or self.folder.parent
        self._newest_intact: int | None = None

    def of_member(self, name: str) -> Checkpoints:
        """Those of one of several networks, in a folder of their own."""
        return Checkpoints(self.folder / name, run=self.run)

    def members(self) -> list[Checkpoints]:
        """Those of all of several networks."""
        names = list_folder(self.folder, below=self.run)
        kinds = {name: kind_of(self.folder / name, below=self.run) for name in names}
        return [self.of_member(name) for name in names if kinds[name] in ("folder", "link")]

    def save(self, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> None:
        """Write the next generation, then forget all but it and the one before.

        Raises:
            StorageError: It could not be written; the earlier generations are intact.
        """
        before = self._newest_intact or self._find_intact()
        generation = max(self._generations(), default=0) + 1
        make_folder(self.run)
        make_folder(self.folder, below=self.run)
        remove_leftovers(self.folder, _is_ours, below=self.run)
        write_atomically(self._path(generation), _encode(arrays, metadata), below=self.run)
        self._newest_intact = generation
        for old in self._generations():
            if old not in (generation, before):
                remove(self._path(old), below=self.run)

    def load(self) -> Checkpoint | None:
        """The newest intact generation, with a warning of damaged ones; None if there is none.

        Raises:
            ModelRefusedError: There are some, and all are damaged.
        """
        damaged: list[Path] = []
        for generation in sorted(self._generations(), reverse=True):
            path = self._path(generation)
            try:
                arrays, metadata = _decode(self._read(path))
            except ModelRefusedError:
                damaged.append(path)
                continue
            if damaged:
                problem = f"the checkpoint {damaged[0].name} is damaged"
                warn(problem, location=str(self.folder), hint=f"the run goes on from {path.name}")
            self._newest_intact = generation
            return Checkpoint(arrays, metadata, generation, tuple(damaged))
        if damaged:
            names = " and ".join(path.name for path in damaged)
            problem = f"no checkpoint is intact: {names}"
            raise ModelRefusedError(problem, location=str(self.folder), hint="train from the start")
        return None

    def exist(self) -> bool:
        """Whether something was saved."""
        return bool(self._generations())

    def clear(self) -> None:
        """Forget every generation."""
        for generation in self._generations():
            remove(self._path(generation), below=self.run)
        self._newest_intact = None

    def _find_intact(self) -> int | None:
        """The generation that must outlive the next save."""
        for generation in sorted(self._generations(), reverse=True):
            try:
                _check(self._read(self._path(generation)))
            except ModelRefusedError:
                continue
            return generation
        return None

    def _generations(self) -> list[int]:
        names = map(_NAME.fullmatch, list_folder(self.folder, below=self.run))
        return [int(name[1]) for name in names if name]

    def _read(self, path: Path) -> bytes:
        return read_file(path, most=LARGEST, below=self.run)

    def _path(self, generation: int) -> Path:
        return self.folder / f"generation-{generation:06d}.checkpoint"


def _encode(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> list[bytes]:
    state = {"state": json.dumps(metadata)}
    # safetensors takes the memory as it lies, so it must lie in the order of the axes.
    ordered = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    content = safetensors.numpy.save(ordered, metadata=state)
    return [MAGIC, hashlib.sha256(content).hexdigest().encode() + b"\n", content]


def _is_ours(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def _check(data: bytes) -> memoryview:
    """The safetensors part of a file, if it is what was written."""
    start = len(MAGIC) + _DIGEST_LENGTH + 1
    head, content = data[:start], memoryview(data)[start:]
    if head != MAGIC + hashlib.sha256(content).hexdigest().encode() + b"\n":
        raise ModelRefusedError("the checkpoint is damaged")
    return content


def _decode(data: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Arrays and metadata, each of the form that `fitting` takes without a further look."""
    content = bytes(_check(data))
    length = int.from_bytes(content[:8], "little")
    try:
        header = loads(content[8 : 8 + length], location="the checkpoint")
        metadata = loads(header["__metadata__"]["state"].encode(), location="it", finite=False)
        if not isinstance(metadata, dict):
            raise ModelRefusedError("the checkpoint is malformed")
        return safetensors.numpy.load(content), metadata
    except (LookupError, TypeError, ValueError, AttributeError, SafetensorError):
        # Its checksum is right, but that is no secret.
        raise ModelRefusedError("the checkpoint is malformed") from None


def folder_of(number: int) -> str:
    """Where the checkpoints of a network are, in the folder of all; counted from 1."""
    return f"member-{number}"
