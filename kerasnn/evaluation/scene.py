"""Rows with images beside their predictions, from which a report shows some."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kerasnn.data.frames import origin_of
from kerasnn.data.image_columns import pixels_of
from kerasnn.data.pictures import Picture
from kerasnn.evaluation.thumbnails import Album

if TYPE_CHECKING:
    from kerasnn.evaluation.predictions import Predictions
    from kerasnn.predictor import Predictor

Rows = Sequence[int] | NDArray[np.int64]
Card = dict[str, Any]


@dataclass(frozen=True)
class Scene:
    """Labelled rows with images, what was predicted for them, and the album for what is shown.

    Args:
        predictor: With an image column.
        train: Training rows.
        tested: Held-back rows.
        predictions: Of these.
    """

    predictor: Predictor
    train: pd.DataFrame
    tested: pd.DataFrame
    predictions: Predictions
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
        return [self._card(int(row), file) for row, file in zip(rows, files, strict=True)]

    @cached_property
    def loss(self) -> NDArray[np.float64]:
        """How badly each held-back row was predicted, (n,)."""
        given = self.predictions
        if given.task == "regression":
            error: NDArray[np.float64] = np.abs(given.decision - given.truth)
            return error
        if given.task == "multilabel":
            likely = np.where(given.truth == 1, given.scores, 1 - given.scores)
            missed: NDArray[np.float64] = -np.log(np.maximum(likely, 1e-12)).mean(axis=1)
            return missed
        surprise: NDArray[np.float64] = 1 - given.scores[np.arange(len(given)), given.truth]
        return surprise

    @cached_property
    def is_right(self) -> NDArray[np.bool_]:
        """Whether a held-back row was decided as is true; all are for values."""
        given = self.predictions
        if given.task == "regression":
            return np.ones(len(given), dtype=bool)
        if given.task == "multilabel":
            missed = np.count_nonzero(given.decision != given.truth, axis=1)
            fine: NDArray[np.bool_] = missed == 0
            return fine
        right: NDArray[np.bool_] = given.decision == given.truth
        return right

    def inputs(self, rows: Rows) -> dict[str, NDArray[Any]]:
        """Of the network, for held-back rows."""
        frame = self.tested.iloc[list(rows)].reset_index(drop=True)
        found = self.predictor.preprocessor.transform(frame).inputs
        return {name: values[:] for name, values in found.items()}

    def _card(self, row: int, file: int | None) -> Card:
        given = self.predictions
        card: Card = {"file": file, "name": self.name(self.tested, row)}
        if given.task == "regression":
            return card | {"truth": given.truth[row], "decided": given.decision[row]}
        if given.task == "multilabel":
            both = {"truth": given.truth[row], "decided": given.decision[row]}
            return card | {name: self._labels(codes) for name, codes in both.items()}
        truth, decided = int(given.truth[row]), int(given.decision[row])
        return card | {
            "truth": given.classes[truth],
            "decided": given.classes[decided],
            "probability": given.scores[row, decided],
            "probability_of_truth": given.scores[row, truth],
        }

    def _labels(self, present: NDArray[Any]) -> str:
        return ", ".join(self.predictions.classes[code] for code in np.flatnonzero(present)) or "–"

    def name(self, frame: pd.DataFrame, row: int) -> str:
        """The end of the path of an image, or its row."""
        cell = frame[self.column].iloc[row]
        path = cell.origin if isinstance(cell, Picture) else cell
        if isinstance(path, str) and path:
            return "/".join(PurePath(path).parts[-2:]).encode("utf-8", "replace").decode()
        name, number = origin_of(frame).locate(row)
        return f"{PurePath(name).name}:{number}" if name else f"row {number}"
