"""Rows whose columns are shuffled behind the preprocessing, which is done only once for all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kerasnn.preprocessing.joint import TABLE_KINDS, JointPreprocessor

if TYPE_CHECKING:
    from kerasnn.prediction.predictor import Predictor
    from kerasnn.preprocessing import Preprocessor

# By column of the table: names of inputs, and which of their columns come from it.
Places = dict[str, list[tuple[str, int]]]

# Rows that say which columns the predictions go along with.
MOST_ROWS = 2_000


def is_plain(preprocessor: Preprocessor) -> bool:
    """Whether all columns are of the kinds that become columns of the inputs, one by one."""
    return all(column.kind in TABLE_KINDS for column in preprocessor.schema.features)


class ShuffledInputs:
    """Scores of rows, one of whose columns is shuffled.

    Args:
        predictor: Predictor with plain columns only, see `is_plain`.
        frame: The rows.
        repeats: Number of copies of the rows.
    """

    def __init__(self, predictor: Predictor, frame: pd.DataFrame, repeats: int) -> None:
        self._predictor = predictor
        self._rows = predictor.preprocessor.transform(frame).inputs
        self._inputs = {k: np.concatenate([v] * repeats) for k, v in self._rows.items()}
        self._places = _places(predictor.preprocessor)
        self._repeats = repeats

    def __call__(self, column: str, order: NDArray[np.int64]) -> NDArray[np.float64]:
        """Scores with a column in another order.

        Args:
            column: Column of the table.
            order: Index of the row whose cell each row receives, (rows · repeats,).
        """
        places = self._places[column]
        for name, index in places:
            self._inputs[name][:, index] = self._rows[name][order, index]
        scores = self._predictor.calibrated(self._predictor.outputs(self._inputs))
        for name, index in places:
            self._inputs[name][:, index] = np.tile(self._rows[name][:, index], self._repeats)
        return scores


def followed(
    predictor: Predictor, frame: pd.DataFrame, columns: Sequence[str], *, most: int
) -> list[str]:
    """The columns that predictions go along with most, by their correlation, in their order.

    A column that matters by its product with another one only may be missed: this is for tables of
    so many that shuffling each of them would take very long.

    Args:
        predictor: Predictor with plain columns only.
        frame: Rows to look at.
        columns: Columns to choose from.
        most: Maximum number of columns that are kept.
    """
    rows = np.linspace(0, len(frame) - 1, min(len(frame), MOST_ROWS)).astype(np.int64)
    inputs = predictor.preprocessor.transform(frame.iloc[rows]).inputs
    outputs = _standardised(predictor.outputs(inputs).astype("float64"))
    strengths = {
        name: _numbers(values, outputs) if name != "categories" else _categories(values, outputs)
        for name, values in inputs.items()
    }
    places = _places(predictor.preprocessor)
    found = [max(strengths[name][index] for name, index in places[column]) for column in columns]
    kept = np.sort(np.argsort(-np.array(found), kind="stable")[:most])
    return [columns[index] for index in kept.tolist()]


def _places(preprocessor: Preprocessor) -> Places:
    is_joint = isinstance(preprocessor, JointPreprocessor)
    encodings: Any = preprocessor.encodings if is_joint else (preprocessor,)  # type: ignore[attr-defined]
    places: Places = {column.name: [] for column in preprocessor.schema.features}
    for number, encoding in enumerate(encodings, start=1):
        name = "numbers" if number == 1 else f"numbers_{number}"
        for index, column in enumerate(encoding.number_sources):
            places[column].append((name, index))
    for index, vocabulary in enumerate(preprocessor.vocabularies):
        places[vocabulary.name].append(("categories", index))
    return places


def _standardised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    deviation = values.std(axis=0)
    centred = values - values.mean(axis=0)
    return np.asarray(centred / np.where(deviation > 0, deviation, np.inf))


def _numbers(values: NDArray[Any], outputs: NDArray[np.float64]) -> NDArray[np.float64]:
    """The largest correlation of each column with an output."""
    correlations = _standardised(values.astype("float64")).T @ outputs / len(outputs)
    return np.asarray(np.abs(correlations).max(axis=1))


def _categories(codes: NDArray[Any], outputs: NDArray[np.float64]) -> NDArray[np.float64]:
    """The largest correlation of an output with its means by the categories of each column."""
    found = []
    for column in codes.T:
        counts = np.bincount(column)
        sums = [np.bincount(column, weights=output) for output in outputs.T]
        squares = [(total**2 / np.maximum(counts, 1)).sum() / len(column) for total in sums]
        found.append(np.sqrt(max(squares)))
    return np.array(found)
