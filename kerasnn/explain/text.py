"""Why a network says what it says of a text: the push of each word."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kerasnn.data.columns.values import as_texts
from kerasnn.data.frames import origin_of
from kerasnn.errors import ConfigError, UnknownNameError
from kerasnn.explain.image import most_probable_first, numbered
from kerasnn.explain.occlusion import WordAttribution, attribute_words, columns_of, strength

if TYPE_CHECKING:
    from kerasnn.prediction.predictor import Predictor


@dataclass(frozen=True)
class ExplainedText:
    """A text of a row and what each of its words does.

    Args:
        column: Column of the text.
        text: Original text.
        attributions: Attributions of its words, in the order of the text.
    """

    column: str
    text: str
    attributions: Sequence[WordAttribution]


@dataclass(frozen=True, eq=False)
class TextExplanation:
    """What a network says of a row with texts, and which words push it there.

    Args:
        name: The row as the user knows it.
        prediction: A label, several of them as text, or a value.
        probabilities: Probabilities by class, the most probable first; empty for regression.
        target_class: The class or label that is explained; None for a value.
        strength: Its log-odds, or the value: what the base and the effects of words add up to.
        base: The same of the row without any word: the base value.
        texts: Explained texts of the row.
    """

    name: str
    prediction: Any
    probabilities: dict[str, float]
    target_class: str | None
    strength: float
    base: float
    texts: Sequence[ExplainedText]

    @property
    def probability_of_prediction(self) -> float | None:
        """Probability of the predicted class, or of the most probable label."""
        most_probable = next(iter(self.probabilities.values()), None)
        return self.probabilities.get(str(self.prediction), most_probable)

    @property
    def joint(self) -> float:
        """What several words do together, beyond the sum of what each does alone."""
        return self.strength - self.base - sum(effect for _, effect in self.words())

    def words(self) -> list[tuple[str, float]]:
        """Words as they were written, or groups of them, and their effects, the strongest first."""
        found = [
            (text.text[attribution.start : attribution.stop], attribution.effect)
            for text in self.texts
            for attribution in text.attributions
        ]
        return sorted(found, key=lambda word: -abs(word[1]))

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        said = (
            self.prediction.item() if isinstance(self.prediction, np.generic) else self.prediction
        )
        texts = [
            {
                "column": text.column,
                "text": text.text,
                "words": [
                    {
                        "text": text.text[attribution.start : attribution.stop],
                        "start": attribution.start,
                        "stop": attribution.stop,
                        "effect": attribution.effect,
                    }
                    for attribution in text.attributions
                ],
            }
            for text in self.texts
        ]
        return {
            "name": self.name,
            "prediction": said,
            "probabilities": self.probabilities,
            "target_class": self.target_class,
            "strength": self.strength,
            "base": self.base,
            "joint": self.joint,
            "texts": texts,
        }


def check(predictor: Predictor, *, target_class: str | None) -> None:
    """Raise as `explain` does for what is no matter of the rows."""
    classes = predictor.preprocessor.schema.target.classes
    if target_class is not None and not classes:
        raise ConfigError("there is no class to choose, as the target is a number")
    if target_class is not None and target_class not in classes:
        raise UnknownNameError("class", target_class, classes)


def explain(
    predictor: Predictor, pieces: Iterable[pd.DataFrame], *, target_class: str | None = None
) -> Iterator[TextExplanation]:
    """Explain each row by the words of its texts.

    Args:
        predictor: Predictor with a text column.
        pieces: Raw rows, few enough at once for the memory.
        target_class: Class or label to explain in place of the most probable one.

    Raises:
        DataError: A column is missing.
        UnknownNameError: There is no such class.
        ConfigError: There is nothing that could be chosen.
    """
    check(predictor, target_class=target_class)
    return (each for piece in pieces for each in _explained(predictor, piece, target_class))


def _explained(
    predictor: Predictor, rows: pd.DataFrame, target_class: str | None
) -> Iterator[TextExplanation]:
    if not len(rows):
        return
    preprocessor, columns = predictor.preprocessor, columns_of(predictor)
    classes = preprocessor.schema.target.classes
    said = predictor.predict(rows)["prediction"]
    inputs = {key: values[:] for key, values in preprocessor.transform(rows).inputs.items()}
    outputs = predictor.outputs(inputs)
    wordless = {key: np.zeros_like(values) for key, values in inputs.items() if key in columns}
    base_outputs = predictor.outputs({**inputs, **wordless})
    scores = predictor.calibrated(outputs)
    texts = {name: as_texts(rows[column.name]) for name, column in columns.items()}
    origin = origin_of(rows)
    for row in range(len(rows)):
        code = 0
        if classes:
            code = (
                int(scores[row].argmax()) if target_class is None else classes.index(target_class)
            )
        one = {key: values[row : row + 1] for key, values in inputs.items()}
        explained = [
            ExplainedText(
                column.name,
                texts[name][row],
                attribute_words(predictor, one, name, texts[name][row], code),
            )
            for name, column in columns.items()
        ]
        yield TextExplanation(
            name=numbered(*origin.locate(row)),
            prediction=said.iloc[row],
            probabilities=most_probable_first(classes, scores[row]) if classes else {},
            target_class=classes[code] if classes else None,
            strength=float(strength(predictor, outputs[row : row + 1], code)[0]),
            base=float(strength(predictor, base_outputs[row : row + 1], code)[0]),
            texts=explained,
        )
