"""Positions of tokens in a text, so that the text can be shown as it was written."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kerasnn.data.columns.values import LONGEST_TEXT
from kerasnn.preprocessing import tokens
from kerasnn.preprocessing.texts import TextColumn
from kerasnn.signature import Unit

SPACE = " "


@dataclass(frozen=True)
class Token:
    """A token and its place.

    Args:
        text: The token as it is looked up in a vocabulary.
        start: Position of its first character in the text.
        stop: Position after its last character.
    """

    text: str
    start: int
    stop: int


@dataclass(frozen=True)
class Word:
    """A word or a sign of a text, and which of the text's codes are its own.

    Args:
        text: The word as it is looked up, or its tokens joined.
        start: Position of its first character in the text.
        stop: Position after its last character.
        first: Place of its first code.
        last: Place behind its last one.
    """

    text: str
    start: int
    stop: int
    first: int
    last: int


def find_tokens(text: str, unit: Unit, *, lower_case: bool) -> list[Token]:
    """All tokens of a text, in order.

    Args:
        text: Its characters behind `LONGEST_TEXT` are not read.
        unit: Kind of token: words or characters.
        lower_case: True to convert texts to lower case.

    >>> find_tokens("It fits!", "words", lower_case=True)[1:]
    [Token(text='fits', start=3, stop=7), Token(text='!', start=7, stop=8)]
    """
    text = text[:LONGEST_TEXT]
    found = tokens.cut(tokens.tensor([text]), unit, lower_case=lower_case).flat_values.numpy()
    words = [chr(each) if unit == "characters" else each.decode() for each in found]
    # Tokens are all characters that are read, in order; between them is what is not.
    places = np.repeat(np.arange(len(text)), _widths(text, lower_case))
    spans, at = [], 0
    for word in words:
        if word == SPACE:
            spans.append(Token(SPACE, int(places[at - 1]) + 1, int(places[at])))
            continue
        stop = at + len(word)
        spans.append(Token(word, int(places[at]), int(places[stop - 1]) + 1))
        at = stop
    assert at == len(places), "each character that is read belongs to a token"
    return spans


def find_words(column: TextColumn, text: str) -> tuple[list[Word], NDArray[np.bool_]]:
    """The words of a text as far as it is read, and which of its codes stand for spaces.

    A word of a column that is read by characters is what it would be in one that is read by words.

    Args:
        column: Column that the text belongs to.
        text: The text as in the table.
    """
    found = find_tokens(text, column.unit, lower_case=column.lower_case)[: column.length]
    spaces = np.array([token.text == SPACE for token in found], dtype=bool)
    if column.unit == "words":
        return [Word(t.text, t.start, t.stop, i, i + 1) for i, t in enumerate(found)], spaces
    starts = [token.start for token in found]
    words = []
    for word in find_tokens(text, "words", lower_case=column.lower_case):
        first, last = np.searchsorted(starts, (word.start, word.stop)).tolist()
        if first < last:
            words.append(Word(word.text, word.start, found[last - 1].stop, first, last))
    return words, spaces


def _widths(text: str, lower_case: bool) -> list[int]:
    """How many characters of tokens each character becomes: none where it is not read."""
    distinct = sorted(set(text))
    if not distinct:
        return []
    alone = tokens.cut(tokens.tensor(distinct), "characters", lower_case=lower_case)
    width = dict(zip(distinct, alone.row_lengths().numpy().tolist(), strict=True))
    return [width[character] for character in text]
