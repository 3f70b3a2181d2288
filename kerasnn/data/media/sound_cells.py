"""Sounds as the cells of a table: what a cell may be, and its samples.

A cell is the path of a WAV file or its bytes. A table to learn from is decoded once
(`kerasnn.data.media.sound_columns`): its cells then are a `AudioCell` each.
"""

from __future__ import annotations

import hashlib
import math
import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasnn.data.media import decoding, wav
from kerasnn.data.media.decoding import ImageError
from kerasnn.data.media.wav import SoundError
from kerasnn.data.readers.folders import printable


@dataclass(frozen=True, eq=False, repr=False)
class AudioCell:
    """A decoded sound of one channel.

    Args:
        samples: Samples in [-1, 1], (n,).
        rate: Samples a second.
        origin: Path of the file; empty for one given in memory.
        channels: There were in the file; they are mixed.
        own_rate: Sampling rate of the file, in Hz.
    """

    samples: NDArray[np.float32]
    rate: int
    origin: str = ""
    channels: int = 1
    own_rate: int = 0

    @property
    def digest(self) -> int:
        """64 bits of a hash of the samples; equal sounds have equal ones."""
        content = np.ascontiguousarray(self.samples).data
        return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")

    def __str__(self) -> str:
        return f"{printable(self.origin)}#{self.digest:016x}"


def is_sound(cell: Any) -> bool:
    """Whether a cell that is no text is a sound."""
    return isinstance(cell, AudioCell) or (isinstance(cell, bytes) and wav.is_wav(cell))


def read_sound(cell: Any, *, folder: str = "") -> AudioCell:
    """The samples of one cell, its channels mixed into one.

    Args:
        cell: Path, bytes or `AudioCell`.
        folder: Folder that a path is relative to if the current one has no such file.

    Raises:
        SoundError: It can't be read.
        StorageError: The file is there but can't be read.
    """
    if isinstance(cell, AudioCell):
        return cell
    content, name = _content(cell, folder)
    try:
        samples, rate = wav.decode(content)
    except SoundError as error:
        raise SoundError(error.problem, location=printable(name) or None, hint=error.hint) from None
    mixed: NDArray[np.float32] = samples.mean(axis=1, dtype="float32")
    return AudioCell(mixed, rate, name, samples.shape[1], rate)


def at_rate(sound: AudioCell, rate: int) -> AudioCell:
    """The same sound with another number of samples a second."""
    if sound.rate == rate:
        return sound
    from scipy.signal import resample_poly

    shared = math.gcd(sound.rate, rate)
    samples = resample_poly(sound.samples, rate // shared, sound.rate // shared)
    return replace(sound, samples=np.clip(samples, -1, 1).astype("float32"), rate=rate)


def as_stored(cell: Any, *, folder: str = "") -> Any:
    """A cell as a file can hold it: a path made absolute, or the bytes of a WAV file."""
    if isinstance(cell, AudioCell):
        return os.path.abspath(cell.origin) if cell.origin else wav.encode(cell.samples, cell.rate)
    if isinstance(cell, str | os.PathLike):
        return os.path.abspath(decoding.located(cell, folder))
    return cell


def layout_text(rate: int, samples: int) -> str:
    """Text of `Column.layout` for a column of sounds, such as ``16000x32000``."""
    return f"{rate}x{samples}"


def parse_layout(layout: str) -> tuple[int, int]:
    """Samples a second, and samples.

    >>> parse_layout("16000x32000")
    (16000, 32000)
    """
    rate, samples = map(int, layout.split("x"))
    return rate, samples


def describe_layout(layout: str) -> str:
    """Description of a layout for display.

    >>> describe_layout("16000x32000")
    'up to 2.0 s at 16,000 Hz'
    """
    rate, samples = parse_layout(layout)
    return f"up to {samples / rate:.1f} s at {rate:,} Hz"


def _content(cell: Any, folder: str) -> tuple[bytes, str]:
    """The bytes of a file, and its name."""
    if isinstance(cell, bytes):
        return cell, ""
    if not isinstance(cell, str | os.PathLike):
        raise SoundError("no sound", hint="give the path of a WAV file, or leave the row out")
    name = decoding.located(cell, folder)
    try:
        return decoding.read_file(name), name
    except ImageError as error:
        raise SoundError(error.problem, location=printable(name), hint=error.hint) from None
