"""Whether the texts of a table are better cut into words or into characters.

Two quick linear models tell: of words and pairs of words, and of 1 to 7 characters in a row.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from kerasnn.data.columns.values import as_texts
from kerasnn.data.schema import Schema, Target
from kerasnn.options import PreprocessingOptions
from kerasnn.preprocessing.target import TargetCoder
from kerasnn.preprocessing.texts import TextColumn
from kerasnn.runtime.memory import rows_at_once
from kerasnn.signature import Unit

# Shortest and longest n-grams of each unit, as in the default network for texts.
NGRAMS: dict[Unit, tuple[int, int]] = {"words": (1, 2), "characters": (1, 7)}
# So much takes a few seconds.
MOST_ROWS = 10_000
MOST_CHARACTERS = 1_000_000
MOST_CLASSES = 20
# Fewer rows tell nothing.
FEWEST_ROWS = 20
FOLDS = 3
BUCKETS = 2**18
# Of the hashes that are there at once.
BYTES = 64 * 1024 * 1024
# Characters must be better by so many standard errors, and by this share of the words' error for
# each 100 characters of a row: the longer the texts, the longer a network over characters takes.
CLEARLY, NOTABLY = 1.0, 0.015
_PRIME = np.uint64(0x9E3779B97F4A7C15)


def choose_unit(
    train: pd.DataFrame, validation: pd.DataFrame, schema: Schema, options: PreprocessingOptions
) -> Unit:
    """Words, unless characters are clearly better.

    The models are ridge regressions of the target, or of 0 and 1 for its classes, on hashed n-grams
    weighted by TF-IDF. Each third of the rows is predicted from the others, because the validation
    rows alone are too few to tell; the squared errors are compared row by row.

    Args:
        train: Labelled training rows.
        validation: Labelled validation rows.
        schema: Schema of the table.
        options: Preprocessing options, which say how texts are read.
    """
    if min(len(train), len(validation)) < FEWEST_ROWS:
        return "words"
    rows = _few(pd.concat([train, validation], ignore_index=True), schema)
    found = [
        _compare(rows, np.arange(len(rows)) % FOLDS == fold, schema, options)
        for fold in range(FOLDS)
    ]
    words, characters = np.concatenate(found, axis=1)
    gain = words - characters
    noise = gain.std() / np.sqrt(len(gain))
    hundreds = _count_characters(rows, schema) / len(rows) / 100
    least = max(CLEARLY * noise, NOTABLY * hundreds * words.mean())
    return "characters" if gain.mean() > least else "words"


def _compare(
    rows: pd.DataFrame, held: NDArray[np.bool_], schema: Schema, options: PreprocessingOptions
) -> NDArray[np.float64]:
    """Errors on the rows that are held out, of words and of characters, (2, n)."""
    train, others = (rows[part].reset_index(drop=True) for part in (~held, held))
    known, truth = _targets(schema.target, train, others)
    pairs = [_features(train, others, schema, options, unit) for unit in ("words", "characters")]
    return np.stack([_errors(weighed, known, rest, truth) for weighed, rest in pairs])


def _few(frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """Rows from all over the table, so many as are read soon."""
    spread = _spread(frame, MOST_ROWS)
    share = min(1.0, MOST_CHARACTERS / max(_count_characters(spread, schema), 1))
    return _spread(spread, max(FEWEST_ROWS, int(len(spread) * share)))


def _count_characters(frame: pd.DataFrame, schema: Schema) -> int:
    names = [column.name for column in schema.features if column.kind == "text"]
    return sum(len(text) for name in names for text in as_texts(frame[name]))


def _spread(frame: pd.DataFrame, most: int) -> pd.DataFrame:
    return frame.iloc[np.linspace(0, len(frame) - 1, min(most, len(frame))).astype(np.int64)]


def _targets(
    target: Target, train: pd.DataFrame, validation: pd.DataFrame
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What the models are to say, (n, any) of both parts: values, or 0 and 1 for classes."""
    coder = TargetCoder.fit(target, train[target.name], scale=True)
    known, truth = (coder.encode(part[target.name]) for part in (train, validation))
    if known.ndim == 1 and target.task != "regression":
        frequent = np.argsort(-np.bincount(known), kind="stable")[:MOST_CLASSES]
        known, truth = known[:, None] == frequent, truth[:, None] == frequent
    known, truth = (part.reshape(len(part), -1) for part in (known, truth))
    kept = np.argsort(-known.astype(np.float64).std(axis=0), kind="stable")[:MOST_CLASSES]
    return known[:, kept].astype(np.float64), truth[:, kept].astype(np.float64)


def _features(
    train: pd.DataFrame,
    validation: pd.DataFrame,
    schema: Schema,
    options: PreprocessingOptions,
    unit: Unit,
) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Weighted n-grams of all text columns, rows of length 1, of both parts."""
    counted: list[list[sparse.csr_matrix]] = [[], []]
    for column in schema.features:
        if column.kind == "text":
            cells = [as_texts(part[column.name]) for part in (train, validation)]
            fitted = TextColumn.fit(column.name, cells[0], options, unit=unit)
            for grams, texts in zip(counted, cells, strict=True):
                grams.append(count_ngrams(fitted.encode(texts), *NGRAMS[unit]))
    known, others = (sparse.hstack(grams, format="csr") for grams in counted)
    inverse = np.log((1 + known.shape[0]) / (1 + known.getnnz(axis=0))) + 1
    return _weigh(known, inverse), _weigh(others, inverse)


def count_ngrams(codes: NDArray[np.int32], shortest: int, longest: int) -> sparse.csr_matrix:
    """How often each n-gram is in each text, hashed.

    Shape:
        codes: (n, length), 0 behind the end; returns (n, BUCKETS)
    """
    at_once = rows_at_once(8 * codes.shape[1], most=max(len(codes), 1), budget=BYTES)
    starts = range(0, max(len(codes), 1), at_once)
    parts = [_count_some(codes[start : start + at_once], shortest, longest) for start in starts]
    return sparse.vstack(parts, format="csr")


def _count_some(codes: NDArray[np.int32], shortest: int, longest: int) -> sparse.csr_matrix:
    shape = (len(codes), BUCKETS)
    found = sparse.csr_matrix(shape, dtype=np.float64)
    value = np.zeros(codes.shape, np.uint64)
    for size in range(1, min(longest, codes.shape[1]) + 1):
        value = value[:, : codes.shape[1] - size + 1]
        last = codes[:, size - 1 :]
        value = (value + last.astype(np.uint64)) * _PRIME
        if size >= shortest:
            rows, places = np.nonzero(last)
            # The upper bits of a product are mixed best.
            hashed = (value[rows, places] >> np.uint64(64 - 18)).astype(np.int64)
            found += sparse.csr_matrix((np.ones(len(rows)), (rows, hashed)), shape=shape)
    return found


def _weigh(counts: sparse.csr_matrix, inverse: NDArray[np.float64]) -> sparse.csr_matrix:
    """(1 + log count) · inverse document frequency, each row of length 1."""
    weighed = counts.copy()
    weighed.data = 1 + np.log(weighed.data)
    weighed = weighed @ sparse.diags(inverse)
    lengths = np.sqrt(weighed.multiply(weighed).sum(axis=1).A1)
    return sparse.diags(1 / np.maximum(lengths, 1e-12)) @ weighed


def _errors(
    known: sparse.csr_matrix,
    target: NDArray[np.float64],
    others: sparse.csr_matrix,
    truth: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Mean squared error of each row, (n,), with the best scale: how much ridge shrinks differs."""
    from sklearn.linear_model import Ridge

    model = Ridge(alpha=1.0, solver="sparse_cg", tol=1e-3, max_iter=200).fit(known, target)
    found = model.predict(others).reshape(truth.shape)
    apart, wanted = found - found.mean(axis=0), truth - truth.mean(axis=0)
    slopes = (apart * wanted).sum(axis=0) / np.maximum(np.square(apart).sum(axis=0), 1e-12)
    errors: NDArray[np.float64] = np.square(slopes * apart - wanted).mean(axis=1)
    return errors
