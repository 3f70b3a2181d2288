"""One-hot columns, centered and scaled like numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from kerasnn.layers.tables import MISSING, look_up

if TYPE_CHECKING:
    from keras import KerasTensor

    from kerasnn.signature import Categories

LAYER = "one_hot_centered"
FIRST = 2
EPSILON = 1e-3
# A code that no row has.
NEVER = -1
# With the large steps of this recipe, a column of many categories may be forgotten that often.
MOST_FORGOTTEN = 0.9


def category_parts(codes: KerasTensor, categories: Categories) -> list[KerasTensor]:
    """One-hot columns to be centered by `fit_centered_one_hot`, and embeddings of unit variance.

    Args:
        codes: Category codes of all columns.
        categories: Description of the categories.

    Shape:
        codes: (batch, columns); returns (batch, any) each
    """
    parts, widths = [], categories.widths
    if not all(widths):
        parts.append(centered_one_hot(codes, categories))
    for width in sorted({width for width in widths if width}):
        columns = [i for i, each in enumerate(widths) if each == width]
        vectors = look_up(codes, categories, columns, width, scale=1.0, forgotten=MOST_FORGOTTEN)
        parts.append(keras.layers.Flatten(name=f"embedding_{width}_flat")(vectors))
    return parts


def centered_one_hot(codes: KerasTensor, categories: Categories) -> KerasTensor:
    """All columns without an embedding one-hot, to be centered by `fit_centered_one_hot`.

    Missing and unknown have no column, so that all are zeros there. Two categories have one column,
    of -1 and 1, and zero where neither is.

    Args:
        codes: Category codes of all columns.
        categories: Description of the categories.

    Shape:
        codes: (batch, columns); returns (batch, one-hot columns)
    """
    source, wanted, against = columns_of(categories)
    picked = ops.take(codes, source, axis=1)
    hits = ops.cast(ops.equal(picked, _codes(wanted)), "float32")
    if max(against) != NEVER:
        hits = ops.subtract(hits, ops.cast(ops.equal(picked, _codes(against)), "float32"))
    # The layer of Keras that takes constants off and divides by others, in every export.
    return keras.layers.BatchNormalization(
        center=False, scale=False, epsilon=EPSILON, trainable=False, name=LAYER
    )(hits)


def columns_of(categories: Categories) -> tuple[list[int], list[int], list[int]]:
    """Input column, code that is 1 and code that is -1, for each one-hot column."""
    source, wanted, against = [], [], []
    for column, (size, width) in enumerate(
        zip(categories.cardinalities, categories.widths, strict=True)
    ):
        if width:
            continue
        # Where no category is known, all that can be told is what is missing.
        own = {FIRST: [MISSING], FIRST + 2: [FIRST + 1]}.get(size, list(range(FIRST, size)))
        source += [column] * len(own)
        wanted += own
        against += [FIRST if size == FIRST + 2 else NEVER] * len(own)
    return source, wanted, against


def fit_centered_one_hot(network: keras.Model, codes: NDArray[Any]) -> None:
    """Center and scale the columns of `centered_one_hot` like numbers, by training rows.

    Args:
        network: Network with or without such a layer.
        codes: Category codes of training rows, (rows, columns).
    """
    for layer in network.layers:
        if layer.name == LAYER:
            # The layer before it is what makes the columns, of codes alone.
            columns = keras.Model(network.input["categories"], layer.input)
            center, factor = robust_scale(ops.convert_to_numpy(columns(codes)))
            layer.moving_mean.assign(center)
            layer.moving_variance.assign(1 / factor**2 - EPSILON)


def robust_scale(columns: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The median of each column, and the factor that the smooth clip leaves of its range.

    Columns of two values become 0 and one other, which the clip moves no more once it is known:
    so the clip is part of the factor. Those of three are held for two as well.

    Shape:
        columns: (rows, n); returns (n,) each
    """
    lower, center, upper = np.quantile(columns, [0.25, 0.5, 0.75], axis=0)
    spread = np.ptp(columns, axis=0)
    quartiles = upper - lower
    factor = np.where(quartiles > 0, 1 / np.maximum(quartiles, 0.5), 2 / np.maximum(spread, 1))
    largest = np.abs(columns - center).max(axis=0) * factor
    factor /= np.sqrt(1 + np.square(largest / 3))
    return center.astype("float32"), factor.astype("float32")


def _codes(values: list[int]) -> NDArray[np.int32]:
    return np.array([values], dtype="int32")
