"""Rows with images beside their predictions, from which a report shows some."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePath

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kerasnn.data.media.image_columns import pixels_of
from kerasnn.data.media.images import ImageCell
from kerasnn.evaluation.predicted_rows import Card, PredictedRows, Rows
from kerasnn.explain.thumbnails import Album


@dataclass(frozen=True)
class ImageRows(PredictedRows):
    """Labelled rows with images, what was predicted for them, and the album for what is shown.

    Args:
        album: Takes the thumbnails.
    """

    album: Album = field(default_factory=Album)

    @property
    def column(self) -> str:
        """The first image column."""
        return self.predictor.preprocessor.images[0].name

    def pixels(self, frame: pd.DataFrame, rows: Rows) -> NDArray[np.uint8]:
        """Images as the network sees them, (n, height, width, channels)."""
        image = self.predictor.preprocessor.images[0]
        layout = f"{image.height}x{image.width}x{image.channels}"
        return pixels_of(frame[self.column].iloc[list(rows)], layout)[:]

    def files(self, frame: pd.DataFrame, rows: Rows) -> list[int | None]:
        """Numbers of their thumbnails."""
        return [self.album.add(image) for image in self.pixels(frame, rows)]

    def cards(self, rows: Rows) -> list[Card]:
        """Thumbnails of held-back rows with what is true and what was predicted."""
        files = self.files(self.tested, rows)
        return [
            {"file": file, **self.card(int(row))} for row, file in zip(rows, files, strict=True)
        ]

    def name(self, frame: pd.DataFrame, row: int) -> str:
        """The end of the path of an image, or its row."""
        cell = frame[self.column].iloc[row]
        path = cell.origin if isinstance(cell, ImageCell) else cell
        if isinstance(path, str) and path:
            return "/".join(PurePath(path).parts[-2:]).encode("utf-8", "replace").decode()
        return super().name(frame, row)
