"""Words that tell most about a class over many texts, and how many words a network knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from kerasnn.data.columns.values import as_texts
from kerasnn.evaluation.predicted_rows import PredictedRows
from kerasnn.explain.occlusion import TokenizedText, strength
from kerasnn.explain.thumbnails import spread
from kerasnn.preprocessing.spans import Word
from kerasnn.preprocessing.texts import FIRST_CODE, count_tokens
from kerasnn.preprocessing.tokens import Texts

if TYPE_CHECKING:
    from kerasnn.preprocessing.texts import TextColumn

MAX_CLASSES, MAX_WORDS = 8, 12
# Texts that are looked at; each takes longer where words must be found among characters.
MOST_TEXTS, MOST_BY_CHARACTERS = 3_000, 400
# A word must be in so many texts, and is left out of so many.
FEWEST_ROWS, ROWS_A_WORD = 5, 10
# Copies of texts that a network reads, fewer of long ones.
MOST_COPIES, FEWEST_COPIES, MOST_CODES = 4_000, 600, 512 * 1024
COUNTED_TEXTS, BINS, MAX_UNKNOWN = 5_000, 24, 12


class TopWord(TypedDict):
    """A word with its mean effect and the number of texts that have it."""

    word: str
    effect: float
    rows: int


class TopWords(TypedDict):
    """Words for a class, or for a larger or smaller value (sign -1)."""

    label: str | None
    sign: int
    words: list[TopWord]


class TextLengths(TypedDict):
    """Histogram of the numbers of tokens; shares of cut and of empty texts."""

    edges: list[float]
    counts: list[int]
    median: float
    longest: int
    cut: float
    empty: float


class VocabularyCoverage(TypedDict):
    """Size of the vocabulary, share of unknown tokens, and the most frequent of these."""

    vocabulary: int
    unknown: float
    frequent: list[list[Any]]


def top_words(predicted_rows: PredictedRows, name: str, column: TextColumn) -> list[TopWords]:
    """Words of each class without which its score falls most: means over some texts.

    Only words are left out, wherever they are in a text, in whose texts the class is likelier than
    in all.

    Args:
        predicted_rows: Held-back rows.
        name: Name of the text's input.
        column: Column of the texts.

    Returns:
        ``label``, ``sign`` (-1 for what speaks against it, or lowers a value) and ``words``, each
        with its ``effect`` and in how many texts it is; of very many classes the most frequent.
    """
    most = MOST_TEXTS if column.unit == "words" else MOST_BY_CHARACTERS
    rows = spread(len(predicted_rows.tested), most)
    readings = list(_readings(column, as_texts(predicted_rows.tested[column.name].iloc[rows])))
    held: dict[str, dict[int, list[Word]]] = {}
    for location, reading in enumerate(readings):
        for word in reading.words:
            held.setdefault(word.text, {}).setdefault(location, []).append(word)
    held = {word: found for word, found in held.items() if len(found) >= FEWEST_ROWS}
    if not held:
        return []
    groups = _groups(predicted_rows)
    copies = int(np.clip(MOST_CODES // column.length, FEWEST_COPIES, MOST_COPIES))
    count = max(MAX_WORDS, copies // ROWS_A_WORD // len(groups))
    found: list[TopWords] = []
    for label, code, sign in groups:
        given = predicted_rows.predictions
        scores = given.scores[rows] if given.task == "regression" else given.scores[rows, code]
        words = _most_probable(held, sign * scores, count)
        effects = [
            _mean_effect(predicted_rows, rows, name, code, readings, held[word]) * sign
            for word in words
        ]
        order = np.argsort(-np.array(effects), kind="stable")[:MAX_WORDS]
        shown: list[TopWord] = [
            {"word": words[i], "effect": effects[i], "rows": len(held[words[i]])}
            for i in order.tolist()
            if effects[i] > 0
        ]
        found.append({"label": label, "sign": sign, "words": shown})
    return found


def lengths(column: TextColumn, texts: Texts) -> TextLengths:
    """How many tokens texts have, as a histogram, and how many are cut or empty.

    Args:
        column: Column of the texts.
        texts: Training texts.
    """
    counted = count_tokens(_some(texts), column.unit, lower_case=column.lower_case)[2]
    top = max(2, int(np.quantile(counted, 0.995)) + 1) if len(counted) else 2
    counts, edges = np.histogram(np.minimum(counted, top), min(BINS, top), (0, top))
    return {
        "edges": edges.tolist(),
        "counts": counts.tolist(),
        "median": float(np.median(counted)) if len(counted) else 0.0,
        "longest": int(counted.max(initial=0)),
        "cut": float((counted > column.length).mean()) if len(counted) else 0.0,
        "empty": float((counted == 0).mean()) if len(counted) else 0.0,
    }


def coverage(column: TextColumn, texts: Texts) -> VocabularyCoverage:
    """How much of texts is in the vocabulary, and what is missing most.

    Args:
        column: Column of the texts.
        texts: Held back.
    """
    counts, _, _ = count_tokens(_some(texts), column.unit, lower_case=column.lower_case)
    unknown = Counter({word: counts[word] for word in counts.keys() - set(column.words)})
    frequent = sorted(unknown, key=lambda word: (-unknown[word], word))[:MAX_UNKNOWN]
    return {
        "vocabulary": len(column.words),
        "unknown": unknown.total() / max(1, counts.total()),
        "frequent": [[word[:40], unknown[word]] for word in frequent if unknown[word] > 1],
    }


def _some(texts: Texts) -> list[str]:
    return [texts[row] for row in spread(len(texts), COUNTED_TEXTS)]


def _readings(column: TextColumn, texts: NDArray[Any]) -> Iterator[TokenizedText]:
    """Texts with the words of the vocabulary, where it is one of words, else with all words."""
    if column.unit == "characters":
        yield from (TokenizedText.of(column, text) for text in texts)
        return
    end = FIRST_CODE + len(column.words)
    for text, codes in zip(texts, column.encode(texts), strict=True):
        words = [
            Word(column.words[code - FIRST_CODE], 0, 0, location, location + 1)
            for location, code in enumerate(codes.tolist())
            if FIRST_CODE <= code < end
        ]
        yield TokenizedText(text, codes, words, np.zeros((codes > 0).sum(), dtype=bool))


def _groups(predicted_rows: PredictedRows) -> list[tuple[str | None, int, int]]:
    """Label, its code, and whether words are for it (1) or against it (-1)."""
    given = predicted_rows.predictions
    if given.task == "regression":
        return [(None, 0, 1), (None, 0, -1)]
    if given.task == "binary":
        return [(given.classes[1], 1, 1), (given.classes[0], 0, 1)]
    several = given.task == "multilabel"
    counts = given.truth.sum(axis=0) if several else np.bincount(given.truth)
    codes = np.sort(np.argsort(-counts, kind="stable")[:MAX_CLASSES]).tolist()
    return [(given.classes[code], code, 1) for code in codes]


def _most_probable(
    held: dict[str, dict[int, list[Word]]], scores: NDArray[np.float64], count: int
) -> list[str]:
    """Words in whose texts the scores are clearly higher than in all, the clearest first."""
    mean, deviation = scores.mean(), max(float(scores.std()), 1e-12)
    clearness = {
        word: (scores[list(places)].mean() - mean) / deviation * np.sqrt(len(places))
        for word, places in held.items()
    }
    return sorted(clearness, key=lambda word: (-clearness[word], word))[:count]


def _mean_effect(
    predicted_rows: PredictedRows,
    rows: NDArray[np.int64],
    name: str,
    code: int,
    readings: list[TokenizedText],
    held: dict[int, list[Word]],
) -> float:
    """What is lost on average where a word is left out of some of the texts that it is in."""
    all_places = list(held)
    places = [all_places[i] for i in spread(len(all_places), ROWS_A_WORD)]
    inputs = predicted_rows.inputs(rows[places])
    without = np.stack([readings[location].without(held[location]) for location in places])
    both = {key: np.concatenate([values, values]) for key, values in inputs.items()}
    both[name] = np.concatenate([inputs[name], without])
    outputs = predicted_rows.predictor.outputs(both)
    scores = strength(predicted_rows.predictor, outputs, code)
    return float((scores[: len(places)] - scores[len(places) :]).mean())
