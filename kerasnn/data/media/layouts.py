"""The size at which the images of a column are used, found from a sample of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from kerasnn.data.frames import location
from kerasnn.data.media import decoding
from kerasnn.data.media.decoding import ImageError
from kerasnn.data.media.image_columns import folder_of
from kerasnn.data.media.images import ImageCell, layout_text, read_image
from kerasnn.errors import warn

LAYOUT_SAMPLE, COLOUR_SAMPLE = 500, 500
SMALLEST_SIDE, LARGEST_SIDE, LARGEST_NATIVE = 32, 96, 128
NEARLY_ALL = 0.95


def layout_of(series: pd.Series, *, size: int, channels: int) -> str:
    """The size that the images of a column are used in, by the headers of a sample of them.

    Args:
        series: Image cells; what can't be opened is skipped.
        size: Height and width; 0 keeps the size of small images nearly all of which have it, and
            else takes a square by the median of their shorter sides, and says so.
        channels: 1 or 3; 0 is 1 where no image has a colour.

    Raises:
        ImageError: No image can be opened to see its size.
    """
    channels = channels or (1 if _are_grey(series) else 3)
    if size:
        return layout_text(size, size, channels)
    sizes = _sizes(series)
    if not sizes:
        raise ImageError("no image can be read", location=location(series), hint="check the files")
    commonest = max(set(sizes), key=sizes.count)
    if sizes.count(commonest) >= NEARLY_ALL * len(sizes) and max(commonest) <= LARGEST_NATIVE:
        height, width = commonest
    else:
        side = int(np.clip(np.median([min(each) for each in sizes]), SMALLEST_SIDE, LARGEST_SIDE))
        height = width = side
        low, high = min(sizes, key=_area), max(sizes, key=_area)
        shown = f"{low[0]}x{low[1]}" + ("" if low == high else f" to {high[0]}x{high[1]}")
        problem = f"images of {shown} pixels are resized to {height}x{width}"
        warn(problem, location=location(series) or None, hint="set `image_size` for another size")
    return layout_text(height, width, channels)


def _sizes(series: pd.Series) -> list[tuple[int, int]]:
    """Height and width of each image of a sample that can be opened."""
    folder = folder_of(series)

    def size_of(cell: Any) -> tuple[int, int] | None:
        if isinstance(cell, ImageCell):
            return cell.pool.pixels.shape[1], cell.pool.pixels.shape[2]
        if isinstance(cell, np.ndarray):
            return cell.shape[0], cell.shape[1]
        try:
            with decoding.open_header(cell, folder=folder) as image:
                width, height = image.size
                turned = decoding.orientation(image) >= 5
        except ImageError:
            return None
        return (width, height) if turned else (height, width)

    return [size for size in map(size_of, _sample(series, LAYOUT_SAMPLE)) if size is not None]


def _are_grey(series: pd.Series) -> bool:
    folder = folder_of(series)
    for cell in _sample(series, COLOUR_SAMPLE):
        if isinstance(cell, np.ndarray) and (cell.ndim == 2 or cell.shape[-1] == 1):
            continue
        try:
            pixels = read_image(cell, 3, folder=folder)
        except ImageError:
            continue
        if (pixels != pixels[..., :1]).any():
            return False
    return True


def _sample(series: pd.Series, n_rows: int) -> list[Any]:
    rows = np.linspace(0, len(series) - 1, min(n_rows, len(series))).astype(np.int64)
    return list(series.iloc[rows])


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]
