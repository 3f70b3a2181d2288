"""What a report shows of series and sounds: some of each class, and mistakes, as small lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kerasnn.evaluation.predicted_rows import Card, PredictedRows, Rows
from kerasnn.explain.thumbnails import spread

if TYPE_CHECKING:
    from kerasnn.metrics.predictions import Predictions
    from kerasnn.prediction.predictor import Predictor

MAX_WORST, MAX_CONFIDENT = 12, 6
MAX_CLASSES, MAX_A_CLASS, MAX_VALUES = 12, 4, 12
# Points of a line, fewer where there are several, and lines of a series.
POINTS, FEWER_POINTS, CHANNELS = 90, 45, 6


Line = list[list[float | None]]


class SeriesSample(TypedDict):
    """Training rows of a class, or of a range of values."""

    label: str | None
    count: int
    values: list[float]
    lines: list[list[Line]]


class SeriesSection(TypedDict):
    """A column of series or sounds as small lines."""

    column: str
    kind: str
    seconds: float | None
    channels: int
    length: int
    samples: list[SeriesSample]
    worst: list[Card]
    most_confident: list[Card]


def series_section(
    predictor: Predictor,
    train: pd.DataFrame,
    tested: pd.DataFrame,
    predictions: Predictions,
) -> SeriesSection | None:
    """Lines for the report of a run with series or sounds; None for one without.

    Args:
        predictor: Trained predictor.
        train: Its training rows.
        tested: Held-back rows.
        predictions: Predictions for the held-back rows.

    Returns:
        Plain data for JSON, below 1 MiB; of several columns the first is shown.
    """
    signature = predictor.preprocessor.signature
    columns: dict[str, Any] = {**signature.series_inputs, **signature.sound_inputs}
    if not columns:
        return None
    name, column = next(iter(columns.items()))
    predicted_rows = PredictedRows(predictor, train, tested, predictions)
    is_sound = name in signature.sound_inputs
    return {
        "column": column.name,
        "kind": "sound" if is_sound else "series",
        "seconds": column.samples / column.rate if is_sound else None,
        "channels": 1 if is_sound else column.channels,
        "length": column.samples if is_sound else column.length,
        "samples": _samples(predicted_rows, name),
        "worst": _cards(predicted_rows, name, predicted_rows.worst(MAX_WORST)),
        "most_confident": _cards(
            predicted_rows, name, predicted_rows.most_confident(MAX_CONFIDENT)
        ),
    }


def lines_of(values: NDArray[np.float32]) -> list[Line]:
    """A series or a sound as few lines of few points: each the lowest and the highest of a piece.

    Args:
        values: (length, channels), or the samples of a sound, (n,); NaN where there is nothing.

    Returns:
        By channel, pairs for each piece of the length up to the end; None where nothing is read.
    """
    values = values[:, None] if values.ndim == 1 else values[:, :CHANNELS]
    known = ~np.isnan(values)
    there = np.flatnonzero(known.any(axis=1))
    values = values[: there[-1] + 1] if len(there) else values[:0]
    found: list[Line] = []
    points = POINTS if values.shape[1] == 1 else FEWER_POINTS
    for channel in values.T:
        pieces = np.array_split(channel, min(points, max(1, len(channel))))
        found.append([_ends(piece[~np.isnan(piece)]) for piece in pieces])
    return found


def _ends(piece: NDArray[np.float32]) -> list[float | None]:
    if not len(piece):
        return [None, None]
    return [float(f"{piece.min():.3g}"), float(f"{piece.max():.3g}")]


def _samples(predicted_rows: PredictedRows, name: str) -> list[SeriesSample]:
    """Training rows of each class, or from the lowest to the highest value."""
    preprocessor, train = predicted_rows.predictor.preprocessor, predicted_rows.train
    target = preprocessor.schema.target
    if target.task == "regression":
        values = preprocessor.coder.values(train[target.name])
        order = np.argsort(values, kind="stable")[spread(len(values), MAX_VALUES)]
        lines = _lines(predicted_rows, train, order, name)
        return [
            {"label": None, "count": len(order), "values": values[order].tolist(), "lines": lines}
        ]
    codes = preprocessor.target(train)
    has = codes == 1 if codes.ndim == 2 else codes[:, None] == np.arange(len(target.classes))
    found: list[SeriesSample] = []
    for code in np.sort(np.argsort(-has.sum(axis=0), kind="stable")[:MAX_CLASSES]).tolist():
        rows = np.flatnonzero(has[:, code])
        if len(rows):
            lines = _lines(predicted_rows, train, rows[spread(len(rows), MAX_A_CLASS)], name)
            found.append(
                {"label": target.classes[code], "count": len(rows), "values": [], "lines": lines}
            )
    return found


def _cards(predicted_rows: PredictedRows, name: str, rows: Rows) -> list[Card]:
    """Held-back rows with what is true and what was predicted."""
    cards = []
    for row, lines in zip(
        rows, _lines(predicted_rows, predicted_rows.tested, rows, name), strict=True
    ):
        card = predicted_rows.card(int(row))
        plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in card.items()}
        cards.append({**plain, "lines": lines})
    return cards


def _lines(
    predicted_rows: PredictedRows, frame: pd.DataFrame, rows: Rows, name: str
) -> list[list[Line]]:
    if not len(rows):
        return []
    some = frame.iloc[list(rows)].reset_index(drop=True)
    values = predicted_rows.predictor.preprocessor.transform(some).inputs[name]
    return [lines_of(each) for each in values[:]]
