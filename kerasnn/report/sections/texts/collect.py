"""What a report shows of texts: mistakes word by word, telling words, lengths, what is unknown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
import pandas as pd

from kerasnn.data.columns.values import as_texts
from kerasnn.evaluation.predicted_rows import Card, PredictedRows, Rows
from kerasnn.explain.excerpts import text_excerpts
from kerasnn.explain.occlusion import attribute_words, columns_of
from kerasnn.report.sections.texts.top_words import (
    TextLengths,
    TopWords,
    VocabularyCoverage,
    coverage,
    lengths,
    top_words,
)

if TYPE_CHECKING:
    from kerasnn.metrics.predictions import Predictions
    from kerasnn.prediction.predictor import Predictor

MAX_WORST, MAX_CONFIDENT, MAX_COLUMNS = 10, 6, 3


class TextColumnSection(TypedDict):
    """A text column: lengths, coverage of the vocabulary, and words with the largest effects."""

    name: str
    unit: str
    length: int
    lengths: TextLengths
    coverage: VocabularyCoverage
    top_words: list[TopWords]


class TextSection(TypedDict):
    """Text columns, and rows with their texts."""

    columns: list[TextColumnSection]
    worst: list[Card]
    most_confident: list[Card]


def text_section(
    predictor: Predictor,
    train: pd.DataFrame,
    tested: pd.DataFrame,
    predictions: Predictions,
    *,
    look_inside: bool = True,
) -> TextSection | None:
    """Texts for the report of a run with text columns; None for one without.

    Args:
        predictor: Trained predictor.
        train: Its training rows.
        tested: Held-back rows.
        predictions: Predictions for the held-back rows.
        look_inside: True to attribute words by occlusion, which takes some seconds.

    Returns:
        Plain data for JSON, some ten thousand characters of text at most.
    """
    columns = dict(list(columns_of(predictor).items())[:MAX_COLUMNS])
    if not columns:
        return None
    predicted_rows = PredictedRows(predictor, train, tested, predictions)
    column_sections: list[TextColumnSection] = []
    for name, column in columns.items():
        column_sections.append(
            {
                "name": column.name,
                "unit": column.unit,
                "length": column.length,
                "lengths": lengths(column, as_texts(train[column.name])),
                "coverage": coverage(column, as_texts(tested[column.name])),
                "top_words": top_words(predicted_rows, name, column) if look_inside else [],
            }
        )
    return {
        "columns": column_sections,
        "worst": _cards(
            predicted_rows, predicted_rows.worst(MAX_WORST), list(columns), look_inside
        ),
        "most_confident": _cards(
            predicted_rows, predicted_rows.most_confident(MAX_CONFIDENT), list(columns), look_inside
        ),
    }


def _cards(
    predicted_rows: PredictedRows, rows: Rows, names: Sequence[str], look_inside: bool
) -> list[Card]:
    """Rows with their texts, each word with what it does for what was decided."""
    if not len(rows):
        return []
    inputs, asked = predicted_rows.inputs(rows), predicted_rows.asked(rows)
    columns = columns_of(predicted_rows.predictor)
    frame = predicted_rows.tested.iloc[list(rows)].reset_index(drop=True)
    texts = {name: as_texts(frame[columns[name].name]) for name in names}
    cards = []
    for location, row in enumerate(rows):
        one = {key: values[location : location + 1] for key, values in inputs.items()}
        code = int(asked[location])
        excerpted = []
        for name in names:
            text = texts[name][location]
            found = (
                attribute_words(predicted_rows.predictor, one, name, text, code)
                if look_inside
                else []
            )
            excerpted.append({"column": columns[name].name, **text_excerpts(text, found)})
        card = {key: _plain(value) for key, value in predicted_rows.card(int(row)).items()}
        if predicted_rows.predictions.classes:
            card["target_class"] = predicted_rows.predictions.classes[code]
        cards.append({**card, "texts": excerpted})
    return cards


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
