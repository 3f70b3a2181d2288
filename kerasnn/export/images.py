"""Image cells where exported models are compared: as decoded, in any size, and made up."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kerasnn.data.frames import origin_of
from kerasnn.data.media.images import read_image
from kerasnn.data.resize import resize

if TYPE_CHECKING:
    from kerasnn.preprocessing import Preprocessor
    from kerasnn.preprocessing.images import ImageColumn

MOST_ROWS = 50
# Photos of a camera have 12 million pixels; more rows of such are not decoded.
MOST_PIXELS = 30_000_000
# Sides of the coarse image that a made-up one is enlarged from.
COARSE = 4


def decoded(preprocessor: Preprocessor, frame: pd.DataFrame) -> pd.DataFrame:
    """Some rows, their images as arrays in the size they have; a table without is as it was.

    Raises:
        ImageError: An image can't be read.
    """
    if not preprocessor.images:
        return frame
    frame = spread(frame, MOST_ROWS)
    read: dict[str, list[NDArray[np.uint8]]] = {image.name: [] for image in preprocessor.images}
    n_rows = n_pixels = 0
    while n_rows < len(frame) and n_pixels < MOST_PIXELS:
        row = frame.iloc[n_rows : n_rows + 1]
        for image in preprocessor.images:
            (pixels,) = pictures(row[image.name], image.channels)
            read[image.name].append(pixels)
            n_pixels += pixels.shape[0] * pixels.shape[1]
        n_rows += 1
    head = frame.iloc[:n_rows]
    columns = {
        name: pd.Series(_objects(cells), index=head.index, dtype=object)
        for name, cells in read.items()
    }
    return head.assign(**columns)


def spread(frame: pd.DataFrame, most: int) -> pd.DataFrame:
    """So many rows, from all over the table: it may be in the order of the classes."""
    rows = np.linspace(0, len(frame) - 1, min(most, len(frame))).astype(np.int64)
    return frame.iloc[rows]


def pictures(series: pd.Series, channels: int) -> NDArray[Any]:
    """The images of a column as decoded: an array of arrays (height, width, channels)."""
    # Paths in a table are relative to its file.
    folder = os.path.dirname(str(origin_of(series)))
    return _objects([read_image(cell, channels, folder=folder) for cell in series])


def sizes(image: ImageColumn) -> list[tuple[int, int]]:
    """Heights and widths to compare on: the network's own, smaller, larger, and not square."""
    height, width = image.height, image.width
    return [
        (height, width),
        (max(1, height // 2), max(1, width // 3)),
        (2 * height + 3, 2 * width + 1),
        (max(1, height - 1), 3 * width),
    ]


def made_up(image: ImageColumn, n_rows: int, random: np.random.Generator) -> NDArray[Any]:
    """Soft, noisy images about as bright as those of the training, in each of the `sizes` in turn.

    Args:
        image: The column.
        n_rows: Number of images.
        random: Generator of their random numbers.

    Returns:
        An array of arrays (height, width, channels), uint8.
    """
    known = sizes(image)
    return _objects([_made_up(image, *known[i % len(known)], random) for i in range(n_rows)])


def stacked(cells: NDArray[Any]) -> NDArray[Any]:
    """Images of one size as one array, (n, height, width, channels); other cells as they are."""
    return np.stack(list(cells)) if are_pictures(cells) else cells


def are_pictures(cells: NDArray[Any]) -> bool:
    """Whether these are images as `pictures` returns them."""
    is_flat = cells.dtype == object and cells.ndim == 1
    return is_flat and len(cells) > 0 and isinstance(cells[0], np.ndarray)


def _made_up(
    image: ImageColumn, height: int, width: int, random: np.random.Generator
) -> NDArray[np.uint8]:
    coarse = random.normal(image.mean, image.deviation, (COARSE, COARSE, image.channels))
    soft = resize(np.clip(coarse, 0, 255).astype("uint8"), height, width)
    noisy = soft + random.normal(0, np.array(image.deviation) / 4, soft.shape)
    return np.clip(noisy, 0, 255).astype("uint8")


def _objects(cells: list[NDArray[np.uint8]]) -> NDArray[Any]:
    """Images as a one-dimensional array of arrays, also where all have one size."""
    out = np.empty(len(cells), dtype=object)
    for i, pixels in enumerate(cells):
        out[i] = pixels
    return out
