"""Images as the cells of a table: what a cell may be, and its pixels.

A cell is the path of a file, its bytes, an array, or an image of Pillow. A table to learn from is
decoded once (`kerasnn.data.media.image_columns`): its cells then are a `ImageCell` each, a row of one
`Pool` in memory or on disk.
"""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasnn.data.media import decoding
from kerasnn.data.media.stored import Pixels
from kerasnn.data.readers.folders import printable


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ImageCell:
    """A decoded image: one row of a pool.

    Args:
        pool: Pool that holds the pixels.
        row: Position of the image in the pool.
        origin: Path of the file; empty for one given in memory.
    """

    pool: Pool
    row: int
    origin: str = ""

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """(height, width, channels)."""
        found: NDArray[np.uint8] = self.pool.pixels[self.row : self.row + 1][0]
        return found

    @property
    def digest(self) -> int:
        """64 bits of a hash of the pixels; equal images have equal ones."""
        return int(self.pool.digests[self.row])

    def __str__(self) -> str:
        return f"{printable(self.origin)}#{self.digest:016x}"


@dataclass(frozen=True, eq=False)
class Pool:
    """Decoded images of one size.

    Args:
        pixels: uint8 (n, height, width, channels).
        digests: uint64 (n,).
    """

    pixels: Pixels
    digests: NDArray[np.uint64]


def is_image_cell(cell: Any) -> bool:
    """Whether a cell that is no text is an image."""
    if isinstance(cell, ImageCell):
        return True
    if isinstance(cell, np.ndarray):
        return cell.ndim == 2 or (cell.ndim == 3 and cell.shape[-1] in (1, 3, 4))
    if isinstance(cell, bytes):
        return decoding.is_encoded(cell)
    return hasattr(cell, "getexif")


def layout_text(height: int, width: int, channels: int) -> str:
    """Text of `Column.layout` for an image column, such as ``32x32x3``."""
    return f"{height}x{width}x{channels}"


def parse_layout(layout: str) -> tuple[int, int, int]:
    """Height, width and channels.

    >>> parse_layout("32x48x3")
    (32, 48, 3)
    """
    height, width, channels = map(int, layout.split("x"))
    return height, width, channels


def describe_layout(layout: str) -> str:
    """Description of a layout for display.

    >>> describe_layout("32x48x3"), describe_layout("28x28x1")
    ('32 × 48 colour', '28 × 28 grey')
    """
    height, width, channels = parse_layout(layout)
    return f"{height} × {width} {'grey' if channels == 1 else 'colour'}"


def read_image(cell: Any, channels: int, *, folder: str = "") -> NDArray[np.uint8]:
    """The pixels of one cell, (height, width, channels).

    Args:
        cell: Path, bytes, array, image of Pillow, or `ImageCell`.
        channels: 1 for grey, 3 for colour.
        folder: Folder that a path is relative to if the current one has no such file.

    Raises:
        ImageError: It can't be read.
    """
    if isinstance(cell, ImageCell):
        return decoding.with_channels(cell.pixels, channels)
    return decoding.decode_cell(cell, channels, folder=folder)[0]


def digest(pixels: NDArray[np.uint8]) -> int:
    """64 bits of a hash of an image."""
    return int.from_bytes(hashlib.blake2b(pixels.data, digest_size=8).digest(), "little")


def png_bytes(cell: Any) -> Any:
    """A cell as a file can hold it: a path as it is, made absolute; anything else as PNG.

    A path that is no UTF-8 becomes a ``file:`` URI, which is read like a path.
    """
    origin = cell.origin if isinstance(cell, ImageCell) else cell
    if isinstance(origin, str | os.PathLike) and str(origin):
        path = os.path.abspath(decoding.located(origin, ""))
        return path if path.isprintable() else Path(path).as_uri()
    if isinstance(cell, bytes):
        return cell
    from PIL import Image

    pixels = cell.pixels if isinstance(cell, ImageCell) else read_image(cell, 3)
    buffer = io.BytesIO()
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
