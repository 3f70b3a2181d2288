"""Words that push what a network says: what it would say of a text without each of them.

Reference:
    Li, Monroe and Jurafsky, "Understanding neural networks through representation erasure", 2016,
    arXiv 1612.08220.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kerasnn.preprocessing.spans import Word, find_words

if TYPE_CHECKING:
    from kerasnn.prediction.predictor import Predictor
    from kerasnn.preprocessing.texts import TextColumn

# Copies of a text, each without a word, that a network reads of one text; fewer of long ones.
MOST_COPIES, FEWEST_COPIES, MOST_CODES = 160, 64, 64 * 1024
# Of a text with more words, so many groups of them are left out first; the strongest ones are then
# cut in so many parts, so many groups at once.
GROUPS, PARTS, AT_ONCE = 32, 16, 2

Score = Callable[[NDArray[np.int32]], NDArray[np.float64]]


@dataclass(frozen=True)
class WordAttribution:
    """What some words of a text say, by what changes where they are left out.

    Args:
        start: Position of the first character.
        stop: Position after the last character.
        effect: Difference to the text without them: of the log-odds of a class, or of a value.
        n_words: Number of words; 1 except in long texts.
    """

    start: int
    stop: int
    effect: float
    n_words: int = 1


@dataclass(frozen=True, eq=False)
class TokenizedText:
    """A text as a network reads it.

    Args:
        text: Original text.
        codes: int32 (length,), 0 behind the end.
        words: Words that have codes.
        spaces: Mask of the codes that stand for spaces, where the text is read by characters.
    """

    text: str
    codes: NDArray[np.int32]
    words: Sequence[Word]
    spaces: NDArray[np.bool_]

    @classmethod
    def of(cls, column: TextColumn, text: str) -> TokenizedText:
        """Read a text of a column."""
        words, spaces = find_words(column, text)
        return cls(text, column.encode([text])[0], words, spaces)

    def without(self, words: Sequence[Word]) -> NDArray[np.int32]:
        """The codes with those of some words taken out, and the others moved up."""
        kept = np.ones(len(self.spaces), dtype=bool)
        for word in words:
            kept[word.first : word.last] = False
        places = np.flatnonzero(kept)
        if self.spaces.any():
            # Two spaces in a row are read as one, and none at the ends.
            space = self.spaces[places]
            places = places[~(space & np.concatenate([[True], space[:-1]]))]
            places = places[:-1] if len(places) and self.spaces[places[-1]] else places
        codes = np.zeros_like(self.codes)
        codes[: len(places)] = self.codes[places]
        return codes


def log_odds(outputs: NDArray[Any], code: int, *, temperature: float = 1.0) -> NDArray[np.float64]:
    """The log-odds, log p / (1 - p), of a class by the logits of a network, however near p is to 0 or 1.

    Args:
        outputs: (n, 1) for two classes, else (n, classes) of which one is true.
        code: Code of the class.
        temperature: Divisor of the logits.

    Shape:
        returns (n,)
    """
    logits = np.asarray(outputs, "float64") / temperature
    if logits.shape[1] == 1:
        return logits[:, 0] * (2 * code - 1)
    others: NDArray[np.float64] = np.logaddexp.reduce(np.delete(logits, code, axis=1), axis=1)
    return logits[:, code] - others


def strength(predictor: Predictor, outputs: NDArray[Any], code: int) -> NDArray[np.float64]:
    """How strongly outputs speak for a class or a label, as log-odds; the value of a regression.

    Shape:
        outputs: (n, width); returns (n,)
    """
    task = predictor.preprocessor.schema.target.task
    if task == "regression":
        return predictor.calibrated(outputs)
    temperature = predictor.decision.temperature
    if task == "multilabel":
        labels = np.asarray(outputs[:, code], "float64")
        return labels / temperature
    return log_odds(outputs, code, temperature=temperature)


def attribute_words(
    predictor: Predictor, inputs: Mapping[str, NDArray[Any]], name: str, text: str, code: int
) -> list[WordAttribution]:
    """What each word of a text of a row does to what is said of the row.

    In a text of very many words, most are left out in groups.

    Args:
        predictor: Predictor with text columns.
        inputs: All inputs of the row, (1, …) each.
        name: Name of the text's input.
        text: Original text.
        code: Class or label asked about; of no meaning for regression.

    Returns:
        In the order of the text.
    """
    column = columns_of(predictor)[name]

    def score(codes: NDArray[np.int32]) -> NDArray[np.float64]:
        copies = {key: np.repeat(row, len(codes), axis=0) for key, row in inputs.items()}
        return strength(predictor, predictor.outputs({**copies, name: codes}), code)

    most = int(np.clip(MOST_CODES // column.length, FEWEST_COPIES, MOST_COPIES))
    return leave_out(TokenizedText.of(column, text), score, most=most)


def columns_of(predictor: Predictor) -> dict[str, TextColumn]:
    """Text columns by the names of their inputs."""
    preprocessor = predictor.preprocessor
    return dict(zip(preprocessor.signature.text_inputs, preprocessor.texts, strict=True))


def leave_out(
    reading: TokenizedText, score: Score, *, most: int = MOST_COPIES
) -> list[WordAttribution]:
    """Score a text without each word; of one with more words than ``most``, without groups first.

    Args:
        reading: Tokenized text.
        score: Function of codes (n, length) that returns scores (n,).
        most: Texts to score.
    """
    n_words = len(reading.words)
    if not n_words:
        return []
    whole = float(score(reading.codes[None])[0])

    def measured(groups: list[range]) -> dict[range, float]:
        copies = [reading.without(reading.words[g.start : g.stop]) for g in groups]
        scores = score(np.stack(copies))
        return dict(zip(groups, (whole - scores).tolist(), strict=True))

    found = measured(_cut(range(n_words), n_words if n_words <= most else GROUPS))
    left = most - len(found)
    while groups := _strongest(found, left):
        parts = [part for group in groups for part in _cut(group, PARTS)]
        found |= measured(parts)
        left -= len(parts)
        for group in groups:
            del found[group]
    return [
        WordAttribution(
            reading.words[g.start].start, reading.words[g.stop - 1].stop, effect, len(g)
        )
        for g, effect in sorted(found.items(), key=lambda item: item[0].start)
    ]


def _strongest(found: Mapping[range, float], left: int) -> list[range]:
    """The groups with the largest effects, if there is room for their parts."""
    groups = sorted((g for g in found if len(g) > 1), key=lambda g: -abs(found[g]))
    return groups[: min(AT_ONCE, left // PARTS)]


def _cut(group: range, count: int) -> list[range]:
    """Parts of about one size, of one word at least."""
    edges = np.linspace(group.start, group.stop, min(count, len(group)) + 1).astype(int).tolist()
    return [range(*pair) for pair in itertools.pairwise(edges)]
