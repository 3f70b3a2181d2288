"""A column of texts: the vocabulary of the training rows, and codes of tokens in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasnn.errors import warn
from kerasnn.options import PreprocessingOptions
from kerasnn.preprocessing import tokens
from kerasnn.preprocessing.checks import LONGEST_TOKEN
from kerasnn.preprocessing.tokens import Coder, Texts
from kerasnn.runtime.backend import import_tensorflow
from kerasnn.signature import Text, Unit

FIRST_CODE = 2
# Share of the training texts that are read to their end: nearly all where that costs little, and
# most where a few long ones would make all others as long.
READ_WHOLE, READ_MOSTLY = 0.995, 0.95
# Share of all tokens that may be cut off without a warning.
SMALLEST_SHARE = 0.001
SHORT: dict[Unit, int] = {"words": 512, "characters": 2_048}
CHARACTERS_OF_WORD = 4
# Codes of all training texts together, of 4 bytes each.
MOST_CODES = 250_000_000


@dataclass(frozen=True)
class TextColumn:
    """How the texts of a column become codes.

    Args:
        name: Name of the column.
        unit: Kind of token: words or characters.
        words: The vocabulary: the most frequent first, equals in the order of their code points;
            the first has code 2. Single characters where that is the unit.
        length: Most tokens of a text, behind which it is cut.
        lower_case: True to convert texts to lower case.
        buckets: Codes behind the vocabulary that unknown tokens are hashed to; 0 for one code, 1,
            for all of them.
    """

    name: str
    unit: Unit
    words: tuple[str, ...]
    length: int
    lower_case: bool = True
    buckets: int = 0

    @classmethod
    def fit(
        cls, name: str, texts: Texts, options: PreprocessingOptions, *, unit: Unit
    ) -> TextColumn:
        """Learn the vocabulary and the length from training texts."""
        counts, rows, lengths = count_tokens(texts, unit, lower_case=options.lower_case)
        # What is in a single row may be personal, and teaches nothing that another row could use.
        frequent = [
            word
            for word, n_rows in rows.items()
            if n_rows >= options.min_token_count and len(word) <= LONGEST_TOKEN
        ]
        # The order of code points is that of UTF-8's bytes and of Python's texts.
        words = sorted(frequent, key=lambda word: (-counts[word], word))[: options.max_tokens]
        length = options.text_length or choose_length(lengths, unit, limit=options.text_limit)
        if not options.text_length:
            _warn_of_cut(name, lengths, length, unit)
        return cls(name, unit, tuple(words), length, options.lower_case, options.token_buckets)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TextColumn:
        """Rebuild from plain data, also after a trip through JSON."""
        return cls(**{**data, "words": tuple(data["words"])})

    @property
    def cardinality(self) -> int:
        """Number of codes: padding, unknown, the vocabulary, the buckets."""
        return FIRST_CODE + len(self.words) + self.buckets

    @property
    def text(self) -> Text:
        """What the network is told."""
        return Text(self.name, self.length, self.cardinality, self.unit)

    @cached_property
    def coder(self) -> Coder:
        """What makes codes of texts; also as a part of a graph."""
        how: Any = {"lower_case": self.lower_case, "buckets": self.buckets}
        return Coder(self.words, self.unit, length=self.length, **how)

    def encode(self, texts: Texts) -> NDArray[np.int32]:
        """Codes of the tokens of texts: 0 behind the end, 1 unknown, the vocabulary from 2.

        Shape:
            texts: (n,); returns (n, length).
        """
        return self.coder.encode(texts)

    def __getstate__(self) -> dict[str, Any]:
        # Tables of TensorFlow can't be copied.
        return {key: value for key, value in self.__dict__.items() if key != "coder"}


def count_tokens(
    texts: Texts, unit: Unit, *, lower_case: bool
) -> tuple[Counter[str], Counter[str], NDArray[np.int64]]:
    """How often each token is there, in how many texts, and how many tokens each text has."""
    tf = import_tensorflow()

    counts: Counter[str] = Counter()
    in_texts: Counter[str] = Counter()
    lengths = [np.zeros(0, np.int64)]
    with tf.device("CPU:0"):
        for rows in tokens.batches(texts):
            found = tokens.cut(tokens.tensor(texts[rows]), unit, lower_case=lower_case)
            words, codes, times = tf.unique_with_counts(found.flat_values, tf.int64)
            known = _as_text(words.numpy())
            counts.update(dict(zip(known, times.numpy().tolist(), strict=True)))
            pairs = np.unique(found.value_rowids().numpy() * len(known) + codes.numpy())
            n_texts = np.bincount(pairs % max(len(known), 1), minlength=len(known))
            in_texts.update(dict(zip(known, n_texts.tolist(), strict=True)))
            lengths.append(found.row_lengths().numpy())
    return counts, in_texts, np.concatenate(lengths)


def _as_text(words: NDArray[Any]) -> list[str]:
    if words.dtype == object:
        return [word.decode() for word in words]
    return [chr(code) for code in words]


def choose_length(lengths: NDArray[np.int64], unit: Unit, *, limit: int) -> int:
    """How many tokens of a text are read, by the lengths of the training texts.

    Args:
        lengths: Tokens of each training text.
        unit: Kind of token: words or characters.
        limit: Most words, and a quarter of the most characters; see `PreprocessingOptions`.

    >>> choose_length(np.array([40] * 900 + [3_000] * 100), "words", limit=8_192)
    3000
    >>> choose_length(np.array([40] * 990 + [3_000] * 10), "words", limit=8_192)
    512
    """
    if not len(lengths):
        return 1
    nearly_all, most = np.quantile(lengths, (READ_WHOLE, READ_MOSTLY), method="higher")
    length = max(min(nearly_all, SHORT[unit]), most)
    at_most = limit * (CHARACTERS_OF_WORD if unit == "characters" else 1)
    return int(np.clip(length, 1, max(1, min(at_most, MOST_CODES // len(lengths)))))


def _warn_of_cut(name: str, lengths: NDArray[np.int64], length: int, unit: Unit) -> None:
    """Say how much of the training texts is not read, where that is more than a little."""
    n_cut = int((lengths > length).sum())
    if n_cut <= (1 - READ_WHOLE) * len(lengths):
        return
    beyond = np.maximum(lengths - length, 0).sum() / lengths.sum()
    if beyond < SMALLEST_SHARE:
        return
    problem = (
        f"{n_cut / len(lengths):.1%} of the texts are longer than {length:,} {unit} and cut there, "
        f"with {beyond:.1%} of all {unit}"
    )
    warn(problem, location=f"column '{name}'", hint="set `text_length` for another length")
