"""Thumbnails as base64 text for report data, within bounds."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from kerasnn.data.resize import resize

# Longest side of a thumbnail, and up to which it is kept without loss.
SIDE, EXACT_SIDE = 96, 40
MOST_BYTES = 3_600
MOST_SHEET_BYTES = 40_000
# Of all files of an album, as text; report data must stay well under the limit of its file.
MOST_TEXT = 960 * 1024
QUALITIES = (88, 70, 45)
# Colours of maps, and of the lines between them; of the lines between other pictures.
MAP_SCALE, LAST_STEP, PAPER = "magma", 254, 255
LINE = 200


class Album:
    """Files of pictures, each once, that grow to less than 1 MiB together.

    Attributes:
        files: PNG or JPEG, in base64.
    """

    def __init__(self) -> None:
        self.files: list[str] = []
        self._numbers: dict[str, int] = {}
        self._left = MOST_TEXT

    def add(self, pixels: NDArray[np.uint8]) -> int | None:
        """Keep a thumbnail of an image; returns its number, None where the album is full.

        Shape:
            pixels: (height, width, channels)
        """
        return self._keep(small_file(pixels, side=SIDE, most=MOST_BYTES))

    def add_sheet(self, pictures: NDArray[np.uint8], columns: int) -> tuple[int | None, int]:
        """Keep some pictures of one size side by side in one file.

        Shape:
            pictures: (n, height, width, channels)

        Returns:
            Number of the file, and how many it has: the first half, or less, if all are too much.
        """
        return self._keep_sheet(pictures, lambda some: png(sheet(some, columns, line=LINE)))

    def add_maps(self, maps: NDArray[np.float32], columns: int) -> tuple[int | None, int]:
        """Keep maps side by side, in colours from the smallest to the largest value of each.

        Shape:
            maps: (n, height, width)
        """
        steps = _steps(maps)[..., None]
        return self._keep_sheet(steps, lambda some: _coloured_png(sheet(some, columns, line=PAPER)))

    def _keep_sheet(
        self,
        pictures: NDArray[np.uint8],
        save: Callable[[NDArray[np.uint8]], bytes],
    ) -> tuple[int | None, int]:
        while True:
            file = self._keep(save(pictures), most=MOST_SHEET_BYTES)
            if file is not None or len(pictures) == 1:
                return file, len(pictures)
            pictures = pictures[: len(pictures) // 2]

    def _keep(self, content: bytes, *, most: int = MOST_BYTES) -> int | None:
        text = base64.b64encode(content).decode("ascii")
        if text not in self._numbers:
            if len(content) > most or len(text) > self._left:
                return None
            self._left -= len(text)
            self._numbers[text] = len(self.files)
            self.files.append(text)
        return self._numbers[text]


def small_file(pixels: NDArray[np.uint8], *, side: int, most: int) -> bytes:
    """An image as a file of few bytes: small ones exact, larger ones as coarse as it takes.

    Args:
        pixels: (height, width, channels).
        side: Longest in pixels.
        most: Bytes.
    """
    pixels = within(pixels, side)
    if max(pixels.shape[:2]) <= EXACT_SIDE:
        exact = png(pixels)
        if len(exact) <= most:
            return exact
    for quality in QUALITIES:
        content = _saved(pixels, "JPEG", quality=quality, optimize=True)
        if len(content) <= most:
            return content
    return small_file(pixels, side=side // 2, most=most) if side > 1 else content


def within(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """An image no longer than that in any direction, of the same shape."""
    height, width = pixels.shape[:2]
    longest = max(height, width)
    if longest <= side:
        return pixels
    return resize(pixels, max(1, height * side // longest), max(1, width * side // longest))


def sheet(pictures: NDArray[np.uint8], columns: int, *, line: int) -> NDArray[np.uint8]:
    """Pictures of one size in rows, with lines of a value between them.

    Shape:
        pictures: (n, height, width, channels); returns (…, …, channels)
    """
    n, height, width, channels = pictures.shape
    columns = min(columns, n)
    rows = -(-n // columns)
    shape = rows * (height + 1) - 1, columns * (width + 1) - 1, channels
    page = np.full(shape, line, dtype="uint8")
    for index, picture in enumerate(pictures):
        top, left = (index // columns) * (height + 1), (index % columns) * (width + 1)
        page[top : top + height, left : left + width] = picture
    return page


def png(pixels: NDArray[np.uint8]) -> bytes:
    """(height, width, channels) as a PNG file, without loss."""
    return _saved(pixels, "PNG", optimize=True)


def kernel_pictures(kernels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Weights as images: zero is grey, the largest of each kernel black or white.

    Shape:
        kernels: (n, height, width, channels); returns the same
    """
    largest = np.abs(kernels).max(axis=(1, 2, 3), keepdims=True)
    scaled = kernels / np.maximum(largest, np.float32(1e-12))
    pictures: NDArray[np.uint8] = np.rint(127.5 + 127.5 * scaled).astype("uint8")
    return pictures


def maps_png(maps: NDArray[np.float32], *, columns: int, side: int) -> bytes:
    """Maps side by side as a PNG file, in colours from the smallest to the largest value of each.

    Args:
        maps: (n, height, width).
        columns: Maps in a row.
        side: About the longest side of a map in pixels; its values are repeated.
    """
    pictures = np.stack([enlarged(each, side) for each in _steps(maps)[..., None]])
    return _coloured_png(sheet(pictures, columns, line=PAPER))


def coloured(shares: NDArray[np.floating], scale: str) -> NDArray[np.uint8]:
    """Numbers in [0, 1] as colours, (…, 3)."""
    import matplotlib

    colours: NDArray[np.uint8] = matplotlib.colormaps[scale](shares, bytes=True)[..., :3]
    return colours


def overlay(pixels: NDArray[np.uint8], heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    """An image in grey under the colours of a map, which is the more opaque the higher it is.

    Shape:
        pixels: (height, width, channels); heat: (height, width) in [0, 1]; returns (height,
        width, 3)
    """
    grey = np.repeat(pixels.mean(axis=2, keepdims=True), 3, axis=2)
    opacity = 0.15 + 0.55 * heat[..., None]
    mixed = (1 - opacity) * grey + opacity * coloured(heat, "turbo")
    blended: NDArray[np.uint8] = np.rint(mixed).astype("uint8")
    return blended


def enlarged(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """An image whose pixels are repeated until its longest side is about that long."""
    times = max(1, side // max(pixels.shape[:2]))
    return np.repeat(np.repeat(pixels, times, axis=0), times, axis=1)


def spread(count: int, wanted: int) -> NDArray[np.int64]:
    """Positions in a sequence, evenly, the first and the last among them."""
    return np.unique(np.linspace(0, count - 1, min(count, wanted)).round().astype(np.int64))


def _steps(maps: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Each map from 0 to the last step."""
    low, high = maps.min(axis=(1, 2), keepdims=True), maps.max(axis=(1, 2), keepdims=True)
    scaled = (maps - low) / np.maximum(high - low, np.float32(1e-12)) * LAST_STEP
    steps: NDArray[np.uint8] = np.rint(scaled).astype("uint8")
    return steps


def _coloured_png(steps: NDArray[np.uint8]) -> bytes:
    """Steps of colours as a PNG file with a palette, a third as large as one without."""
    from PIL import Image

    colours = coloured(np.arange(256) / np.float32(LAST_STEP), MAP_SCALE)
    colours[PAPER] = 255
    image = Image.fromarray(steps[..., 0]).convert("P")
    image.putpalette(colours.tobytes())
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _saved(pixels: NDArray[np.uint8], form: str, **settings: int | bool) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    grey = pixels.shape[2] == 1
    Image.fromarray(pixels[..., 0] if grey else pixels).save(buffer, form, **settings)
    return buffer.getvalue()
