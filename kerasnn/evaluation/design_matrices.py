"""Rows as simple models take them: scaled numbers, coded categories, pixels and n-grams."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from kerasnn.data.resize import resample
from kerasnn.evaluation.series_summaries import summaries
from kerasnn.evaluation.text_features import texts_of, tf_idf
from kerasnn.preprocessing.categories import MISSING_CODE, UNKNOWN_CODE
from kerasnn.preprocessing.columns import read_column
from kerasnn.preprocessing.joint import select_encodings
from kerasnn.preprocessing.numbers import NumberColumn
from kerasnn.preprocessing.preprocessor import Preprocessor
from kerasnn.preprocessing.target import TargetCoder

MAX_ONE_HOT = 1_000
# Of images, a linear model sees this many pixels a side.
MAX_SIDE, IMAGES_AT_ONCE = 16, 1_024
# Small, so that the usual penalty holds the many pixels down: on photographs it scores a little
# higher than without, in a tenth of the time.
PIXEL_SCALE = 0.1 / 255
CHARACTERS_A_WORD = 6


def standardized(preprocessor: Preprocessor, train: pd.DataFrame) -> Preprocessor:
    """The same columns with standardized numbers, and the target in its own unit."""
    preprocessor = select_encodings(preprocessor, [1])
    options = replace(
        preprocessor.options,
        missing="mean",
        indicator=True,
        scale="standard",
        number_embedding="none",
        target_transform="none",
    )
    columns = {column.name: column for column in preprocessor.schema.features}
    numbers = [
        NumberColumn.fit(name, read_column(train[name], columns[name]), options)
        for name in (column.name for column in preprocessor.numbers)
    ]
    target = preprocessor.schema.target
    coder = TargetCoder.fit(target, train[target.name], scale=True)
    return replace(preprocessor, options=options, numbers=tuple(numbers), bins=(), coder=coder)


@dataclass(frozen=True, eq=False)
class BaselineRows:
    """Prepared rows: numbers and where they had been missing, category codes, the target.

    Numbers are also those that say what series and sounds are like.

    ``pixels`` are those of all images, reduced and side by side, (n, any); ``texts`` are those of
    each column as they are.
    """

    numbers: np.ndarray
    missing: np.ndarray
    codes: np.ndarray
    target: np.ndarray
    pixels: np.ndarray
    texts: list[np.ndarray]

    @classmethod
    def of(cls, preprocessor: Preprocessor, frame: pd.DataFrame) -> BaselineRows:
        inputs = preprocessor.transform(frame).inputs
        empty = np.zeros((len(frame), 0))
        numbers = inputs.get("numbers", empty).astype(np.float64)
        raw, missing = preprocessor.raw(frame), np.zeros(numbers.shape, dtype=bool)
        for index, column in enumerate(preprocessor.numbers):
            missing[:, index] = np.isnan(raw[column.name][:, 0])
        told = summaries(preprocessor, inputs)
        missing = np.concatenate([missing, np.isnan(told)], axis=1)
        numbers = np.concatenate([numbers, np.nan_to_num(told)], axis=1)
        codes = inputs.get("categories", empty).astype(np.int32)
        images = [_reduced(inputs[name]) for name in preprocessor.signature.image_inputs]
        pixels = np.concatenate([empty.astype("float32"), *images], axis=1)
        texts = texts_of(preprocessor, frame)
        return cls(numbers, missing, codes, preprocessor.target(frame), pixels, texts)

    @property
    def has_columns(self) -> bool:
        """Whether there is anything but images and texts."""
        return bool(self.numbers.shape[1] + self.codes.shape[1])


def design_matrices(
    preprocessor: Preprocessor, train: pd.DataFrame, test: pd.DataFrame
) -> tuple[Any, Any]:
    """Rows as a linear model takes them, (n, any), dense or sparse.

    Args:
        preprocessor: Fitted columns, without embeddings of numbers.
        train: Rows that the scales and weights of the columns are from.
        test: Rows that are brought to the same columns.
    """
    known, others = (BaselineRows.of(preprocessor, part) for part in (train, test))
    columns = linear_columns(preprocessor, known, others)
    return columns[0], columns[1]


def linear_columns(
    preprocessor: Preprocessor, train: BaselineRows, test: BaselineRows
) -> list[Any]:
    """Scaled numbers, one-hot categories, pixels and n-grams side by side, of both parts."""
    mean, deviation = train.numbers.mean(axis=0), train.numbers.std(axis=0)
    deviation[deviation == 0] = 1.0
    cardinalities = [
        min(vocabulary.cardinality, MAX_ONE_HOT) for vocabulary in preprocessor.vocabularies
    ]
    columns = [
        _sparse((rows.numbers - mean) / deviation, rows.codes, cardinalities)
        for rows in (train, test)
    ]
    if train.pixels.shape[1]:
        middle = train.pixels.mean(axis=0)
        columns = [
            np.concatenate([known.toarray(), (rows.pixels - middle) * PIXEL_SCALE], axis=1)
            for known, rows in zip(columns, (train, test), strict=True)
        ]
    if train.texts:
        columns = _beside_texts(preprocessor, columns, train, test)
    return columns


def boosting_columns(rows: BaselineRows) -> np.ndarray:
    """Numbers and codes side by side, NaN where missing, as trees can take them."""
    numbers = np.where(rows.missing, np.nan, rows.numbers)
    codes = np.where(rows.codes == MISSING_CODE, np.nan, rows.codes)
    return np.concatenate([numbers, codes], axis=1)


def n_words(texts: list[np.ndarray]) -> int:
    """About the number of words and pairs of words of a row."""
    n_characters = sum(len(text) for column in texts for text in column)
    n_rows = len(texts[0]) if texts else 1
    return 2 * n_characters // (CHARACTERS_A_WORD * max(1, n_rows))


def _beside_texts(
    preprocessor: Preprocessor, columns: list[Any], train: BaselineRows, test: BaselineRows
) -> list[Any]:
    """What is known of both parts, and their texts."""
    from scipy import sparse

    weighed = tf_idf(preprocessor, train.texts, test.texts)
    return [
        sparse.hstack([sparse.csr_matrix(known), found], format="csr")
        for known, found in zip(columns, weighed, strict=True)
    ]


def _reduced(images: Any) -> np.ndarray:
    """Images no larger than 16 × 16, as rows of pixels, (n, pixels); they may be on disk."""
    height, width = (min(side, MAX_SIDE) for side in images.shape[1:3])
    reduced = np.empty((len(images), height, width, images.shape[3]), dtype="float32")
    for start in range(0, len(images), IMAGES_AT_ONCE):
        some = images[start : start + IMAGES_AT_ONCE].astype("float32")
        for channel in range(images.shape[3]):
            plane = resample(some[..., channel], height, width)
            reduced[start : start + len(some), ..., channel] = plane
    return reduced.reshape(len(images), -1)


def _sparse(numbers: np.ndarray, codes: np.ndarray, cardinalities: list[int]) -> Any:
    """Numbers and one-hot codes side by side; the rarest of very many categories as unknown."""
    from scipy import sparse

    codes = np.where(codes >= np.array(cardinalities, dtype=int), UNKNOWN_CODE, codes)
    offsets = np.concatenate([[0], np.cumsum(cardinalities)]).astype(int)
    n_rows, n_columns = codes.shape
    indices = (codes + offsets[:-1]).ravel()
    starts = np.arange(0, n_rows * n_columns + 1, n_columns) if n_columns else np.zeros(n_rows + 1)
    one_hot = sparse.csr_matrix(
        (np.ones(len(indices)), indices, starts), shape=(n_rows, offsets[-1])
    )
    return sparse.hstack([sparse.csr_matrix(numbers), one_hot], format="csr")
