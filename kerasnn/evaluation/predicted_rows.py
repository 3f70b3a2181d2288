"""Held-back rows beside what was predicted for them, of which a report shows the most telling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kerasnn.data.frames import origin_of

if TYPE_CHECKING:
    from kerasnn.metrics.predictions import Predictions
    from kerasnn.prediction.predictor import Predictor

Rows = Sequence[int] | NDArray[np.int64]
Card = dict[str, Any]


@dataclass(frozen=True)
class PredictedRows:
    """Labelled rows and what was predicted for them.

    Args:
        predictor: Trained predictor.
        train: Training rows.
        tested: Held-back rows.
        predictions: Predictions for the held-back rows.
    """

    predictor: Predictor
    train: pd.DataFrame
    tested: pd.DataFrame
    predictions: Predictions

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

    def worst(self, most: int) -> NDArray[np.int64]:
        """The wrong rows, or all for values, the worst first."""
        is_value = self.predictions.task == "regression"
        rows = np.arange(len(self.loss)) if is_value else np.flatnonzero(~self.is_right)
        return rows[np.argsort(-self.loss[rows], kind="stable")][:most]

    def most_confident(self, most: int) -> NDArray[np.int64]:
        """The right rows, the surest first; first the surest of each class, then its second …."""
        rows = np.flatnonzero(self.is_right)
        rows = rows[np.argsort(self.loss[rows], kind="stable")]
        if self.predictions.task in ("binary", "multiclass"):
            truth = self.predictions.truth[rows]
            rank = pd.Series(truth).groupby(truth).cumcount().to_numpy()
            rows = rows[np.argsort(rank, kind="stable")]
        return rows[:most]

    def asked(self, rows: Rows) -> NDArray[Any]:
        """The class decided for each row; of several labels the most probable one, 0 for values."""
        given, rows = self.predictions, np.asarray(rows, dtype=np.int64)
        if given.task == "multilabel":
            most_probable: NDArray[Any] = given.scores[rows].argmax(axis=1)
            return most_probable
        return np.zeros(len(rows), int) if given.task == "regression" else given.decision[rows]

    def inputs(self, rows: Rows) -> dict[str, NDArray[Any]]:
        """Inputs of the network for held-out rows."""
        frame = self.tested.iloc[list(rows)].reset_index(drop=True)
        found = self.predictor.preprocessor.transform(frame).inputs
        return {name: values[:] for name, values in found.items()}

    def card(self, row: int) -> Card:
        """A held-back row: its name, what is true and what was predicted."""
        given = self.predictions
        card: Card = {"name": self.name(self.tested, row)}
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

    def name(self, frame: pd.DataFrame, row: int) -> str:
        """The file of a row and its number there."""
        name, number = origin_of(frame).locate(row)
        if number is None:
            return PurePath(name).name
        return f"{PurePath(name).name}:{number}" if name else f"row {number}"

    def _labels(self, present: NDArray[Any]) -> str:
        return ", ".join(self.predictions.classes[code] for code in np.flatnonzero(present)) or "–"
