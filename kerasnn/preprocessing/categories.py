"""Categories: a vocabulary in the order of frequency, with codes for missing and unknown."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kerasnn.options import PreprocessingOptions

MISSING_CODE = 0
UNKNOWN_CODE = 1
FIRST_CODE = 2


@dataclass(frozen=True)
class Vocabulary:
    """The categories of one column.

    Args:
        name: Name of the column in the data.
        words: The most frequent first, equals in the order of their text; the first has code 2.
        width: Width of the learned embedding; 0 for one-hot encoding.
    """

    name: str
    words: tuple[str, ...]
    width: int

    @classmethod
    def fit(cls, name: str, values: NDArray[Any], options: PreprocessingOptions) -> Vocabulary:
        """Learn from the training rows' categories, None where missing.

        A category that is too rare stays out, so that its rows train the code of the unknown.
        """
        counts = Counter(value for value in values if value is not None)
        ordered = sorted(counts, key=lambda word: (-counts[word], word))
        frequent = [word for word in ordered if counts[word] >= options.min_count]
        words = tuple(frequent[: options.max_categories])
        return cls(name, words, _width(len(words) + FIRST_CODE, options))

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Vocabulary:
        """Rebuild from plain data, also after a trip through JSON."""
        return cls(**{**data, "words": tuple(data["words"])})

    @property
    def cardinality(self) -> int:
        """Number of codes, missing and unknown counted."""
        return len(self.words) + FIRST_CODE

    def encode(self, values: NDArray[Any]) -> NDArray[np.int32]:
        """Codes of categories, None where missing.

        Shape:
            values: (n,); returns (n,), in [0, cardinality).
        """
        positions, distinct = pd.factorize(values)  # -1 for None
        table = dict(zip(self.words, range(FIRST_CODE, self.cardinality), strict=True))
        codes = [table.get(word, UNKNOWN_CODE) for word in distinct]
        # The last entry is what position -1 takes.
        coded: NDArray[np.int32] = np.array([*codes, MISSING_CODE], dtype="int32")[positions]
        return coded


def embedding_width(cardinality: int) -> int:
    """min(600, round(1.6 n^0.56)), the rule of fastai.

    >>> embedding_width(10)
    6
    """
    return min(600, round(1.6 * math.pow(cardinality, 0.56)))


def _width(cardinality: int, options: PreprocessingOptions) -> int:
    small = options.encode == "auto" and cardinality <= options.max_one_hot
    if options.encode == "one_hot" or small:
        return 0
    return options.embedding_width or embedding_width(cardinality)
