"""A column of texts: the vocabulary of the training rows, and codes of tokens in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasnn.preprocessing import tokens
from kerasnn.preprocessing.checks import LONGEST_TOKEN
from kerasnn.preprocessing.tokens import Coder, Texts
from kerasnn.recipes import PreprocessingOptions
from kerasnn.signature import Text, Unit

FIRST_CODE = 2
# Share of the training texts that are read to their end, and the most tokens that are read.
READ_WHOLE = 0.995
MOST_READ = {"words": 512, "characters": 2_048}


@dataclass(frozen=True)
class TextColumn:
    """How the texts of a column become codes.

    Args:
        name: Of the column.
        unit: What a token is.
        words: The vocabulary: the most frequent first, equals in the order of their code points;
            the first has code 2. Single characters where that is the unit.
        length: Most tokens of a text, behind which it is cut.
        lower_case: Whether capitals are read as small letters.
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
        length = options.text_length or _length(lengths, MOST_READ[unit])
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
    import tensorflow as tf

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


def _length(lengths: NDArray[np.int64], most: int) -> int:
    if not len(lengths):
        return 1
    longest = np.quantile(lengths, READ_WHOLE, method="higher")
    return int(np.clip(longest, 1, most))
