"""Texts as weighed counts of words, for models that read no sequence."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from kerasnn.data.columns.scripts import SPACELESS
from kerasnn.data.columns.values import as_texts
from kerasnn.preprocessing.preprocessor import Preprocessor

# So that the usual penalty holds n-grams down a quarter as much as other columns; on reviews it
# scores a little higher than without.
SCALE = 2.0
# Words and pairs of words; 1 to 4 characters in a row, where texts are read by characters.
NGRAMS = {"words": (1, 2), "characters": (1, 4)}
MAX_FEATURES, MAX_WEIGHTS = 200_000, 2_000_000
# In fewer rows, n-grams that are in one of them only are kept.
FEW_ROWS = 1_000

_RANGES = "".join(f"{chr(low)}-{chr(high)}" for low, high in SPACELESS)
# Words, and single characters of scripts without spaces.
_WORD = rf"[{_RANGES}]|[^\W{_RANGES}]+"


def texts_of(preprocessor: Preprocessor, frame: pd.DataFrame) -> list[np.ndarray]:
    """The texts of each text column as they are, (n,) each."""
    return [as_texts(frame[column.name]) for column in preprocessor.texts]


def tf_idf(
    preprocessor: Preprocessor,
    train: Sequence[np.ndarray],
    test: Sequence[np.ndarray],
) -> tuple[Any, Any]:
    """TF-IDF of the n-grams of all text columns side by side, weighed on the training rows.

    Args:
        preprocessor: Preprocessor of the columns.
        train: Training texts that `texts_of` returns.
        test: Test texts that `texts_of` returns.

    Returns:
        Sparse matrices of both parts, (n, any).

    Reference:
        Salton and Buckley, "Term-weighting approaches in automatic text retrieval", 1988.
    """
    from scipy import sparse
    from sklearn.feature_extraction.text import TfidfVectorizer

    classes = max(1, len(preprocessor.schema.target.classes))
    most = max(1_000, min(MAX_FEATURES, MAX_WEIGHTS // classes) // max(1, len(train)))
    parts: tuple[list[Any], list[Any]] = ([], [])
    for column, known, others in zip(preprocessor.texts, train, test, strict=True):
        vectorizer = TfidfVectorizer(
            analyzer="word" if column.unit == "words" else "char",
            ngram_range=NGRAMS[column.unit],
            token_pattern=_WORD,
            lowercase=column.lower_case,
            min_df=1 if len(known) < FEW_ROWS else 2,
            max_features=most,
            sublinear_tf=True,
        )
        try:
            with warnings.catch_warnings():
                # That characters need no pattern.
                warnings.simplefilter("ignore")
                parts[0].append(vectorizer.fit_transform(known) * SCALE)
        except ValueError:  # There is no word in any of them.
            continue
        parts[1].append(vectorizer.transform(others) * SCALE)
    empty = [sparse.csr_matrix((len(each[0]), 0)) for each in (train, test)]
    known, others = (
        sparse.hstack([none, *found], format="csr")
        for none, found in zip(empty, parts, strict=True)
    )
    return known, others
