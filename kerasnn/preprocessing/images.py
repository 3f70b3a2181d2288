"""A column of images: statistics of the training pixels, and its input in an exported graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerasnn.data.media.images import parse_layout
from kerasnn.data.media.stored import Pixels
from kerasnn.preprocessing.arithmetic import rounded
from kerasnn.signature import Image

# Images that the mean and the deviation are taken from.
SAMPLE = 2_000


@dataclass(frozen=True)
class ImageColumn:
    """Size and scale of the images of a column.

    Args:
        name: Name of the column.
        height: Height in pixels.
        width: Width in pixels.
        channels: 1 or 3.
        mean: Mean of the training pixels, for each channel.
        deviation: Standard deviation of the same; 1 for a channel that never changes.
    """

    name: str
    height: int
    width: int
    channels: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @classmethod
    def fit(cls, name: str, pixels: Pixels, layout: str) -> ImageColumn:
        """Learn the scale of each channel from training pixels, (n, height, width, channels)."""
        rows = np.linspace(0, len(pixels) - 1, min(SAMPLE, len(pixels))).astype(np.int64)
        values = pixels[rows].astype("float64")
        mean, deviation = values.mean(axis=(0, 1, 2)), values.std(axis=(0, 1, 2))
        deviation[deviation < 1e-6] = 1.0
        return cls(
            name, *parse_layout(layout), tuple(map(rounded, mean)), tuple(map(rounded, deviation))
        )

    @property
    def image(self) -> Image:
        """What the network is told."""
        sizes = (self.height, self.width, self.channels)
        return Image(self.name, *sizes, self.mean, self.deviation)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ImageColumn:
        """Rebuild from plain data, also after a trip through JSON."""
        return cls(**{**data, "mean": tuple(data["mean"]), "deviation": tuple(data["deviation"])})
