"""From the inputs of a `Signature` to one matrix of features.

Few large operations, because a step on a small network is bound by their number: all one-hot
columns come from one comparison, all embeddings of one width from one table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import ops

from kerasnn.errors import ConfigError
from kerasnn.layers.blocks import add, side_by_side
from kerasnn.layers.pixels import scale_pixels

if TYPE_CHECKING:
    from keras import KerasTensor

    from kerasnn.signature import Categories, Signature

# Codes of the contract in `kerasnn.signature.Categories`.
MISSING, UNKNOWN = 0, 1


def build_inputs(signature: Signature) -> dict[str, KerasTensor]:
    """A ``keras.Input`` for each input of the signature, by its name.

    Shape:
        numbers: (batch, columns), float32; categories: (batch, columns), int32; image, image_2
        …: (batch, height, width, channels), float32 from 0 to 255.

    Raises:
        ConfigError: The signature has no input.
    """
    inputs = {}
    if signature.numbers:
        inputs["numbers"] = keras.Input((len(signature.numbers.names),), name="numbers")
    if signature.categories:
        width = len(signature.categories.names)
        inputs["categories"] = keras.Input((width,), dtype="int32", name="categories")
    for name, image in signature.image_inputs.items():
        shape = (image.height, image.width, image.channels)
        inputs[name] = keras.Input(shape, dtype="float32", name=name)
    if not inputs:
        raise ConfigError("a network needs an input; got none", fix="add a column to learn from")
    return inputs


def encode(inputs: dict[str, KerasTensor], signature: Signature) -> KerasTensor:
    """All features side by side: numbers, one-hot categories, learned embeddings, scaled pixels.

    An unknown category is all zeros as one-hot. In an embedding, missing and unknown start as
    zeros, and so stay silent where training never saw them. A pixel is a number like another here:
    a model for images goes through `image_features`.

    Args:
        inputs: From `build_inputs`.
        signature: What the inputs hold.

    Shape:
        returns (batch, numbers + one-hot columns + embedding widths + pixels · channels)
    """
    parts = [*table_parts(inputs, signature), *_flat_pixels(inputs, signature)]
    return side_by_side(parts, name="features")


def table_parts(inputs: dict[str, KerasTensor], signature: Signature) -> list[KerasTensor]:
    """The features of numbers and categories alone, (batch, any) each; none without a table."""
    parts = [inputs["numbers"]] if signature.numbers else []
    if signature.categories:
        codes, widths = inputs["categories"], signature.categories.widths
        if columns := [i for i, width in enumerate(widths) if not width]:
            parts.append(_one_hot(codes, signature.categories, columns))
        for width in sorted({width for width in widths if width}):
            columns = [i for i, each in enumerate(widths) if each == width]
            vectors = _look_up(codes, signature.categories, columns, width, scale=0.1)
            parts.append(keras.layers.Flatten(name=f"embedding_{width}_flat")(vectors))
    return parts


def linear_scores(inputs: dict[str, KerasTensor], signature: Signature) -> KerasTensor:
    """A linear model of all columns and pixels, every category as if one-hot; starts at zero.

    Args:
        inputs: From `build_inputs`.
        signature: What the inputs hold.

    Shape:
        returns (batch, output.width)
    """
    narrow = [inputs["numbers"]] if signature.numbers else []
    scores, width = [], signature.output.width
    if signature.categories:
        codes, widths = inputs["categories"], signature.categories.widths
        if columns := [i for i, each in enumerate(widths) if not each]:
            narrow.append(_one_hot(codes, signature.categories, columns))
        if columns := [i for i, each in enumerate(widths) if each]:
            # The sum of one number a category is what a one-hot column times a kernel is.
            vectors = _look_up(codes, signature.categories, columns, width, scale=0.0)
            scores.append(ops.sum(vectors, axis=1))
    narrow += _flat_pixels(inputs, signature, prefix="linear_")
    if narrow:
        features = side_by_side(narrow, name="linear_features")
        scores.append(
            keras.layers.Dense(width, kernel_initializer="zeros", name="linear_output")(features)
        )
    return add(scores, name="linear_scores") if len(scores) > 1 else scores[0]


def _flat_pixels(
    inputs: dict[str, KerasTensor], signature: Signature, *, prefix: str = ""
) -> list[KerasTensor]:
    """The scaled pixels of each image, (batch, pixels · channels)."""
    parts = []
    for name, image in signature.image_inputs.items():
        scaled = scale_pixels(inputs[name], image, name=f"{prefix}{name}_scaled")
        parts.append(keras.layers.Flatten(name=f"{prefix}{name}_flat")(scaled))
    return parts


def _one_hot(codes: KerasTensor, categories: Categories, columns: list[int]) -> KerasTensor:
    """(batch, one-hot columns): each compares the code of its column with its own."""
    sizes = [categories.cardinalities[i] for i in columns]
    own = [[code for code in range(size) if code != UNKNOWN] for size in sizes]
    source = np.repeat(columns, [len(codes) for codes in own]).tolist()
    wanted = np.concatenate(own)[None].astype("int32")
    hits = ops.equal(ops.take(codes, source, axis=1), wanted)
    return ops.cast(hits, "float32")


def _look_up(
    codes: KerasTensor, categories: Categories, columns: list[int], width: int, *, scale: float
) -> KerasTensor:
    """(batch, columns, width): embeddings from one table, where each column has its rows."""
    sizes = [categories.cardinalities[i] for i in columns]
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    if len(columns) < len(categories.names):
        codes = ops.take(codes, columns, axis=1)
    table = keras.layers.Embedding(
        sum(sizes),
        width,
        embeddings_initializer=keras.initializers.RandomNormal(stddev=scale) if scale else "zeros",
        name=f"embedding_{width}" if scale else "linear_embedding",
    )
    vectors = table(ops.add(codes, np.array([starts], dtype="int32")))
    if scale:
        _silence(table.embeddings, starts)
    return vectors


def _silence(table: keras.Variable, starts: list[int]) -> None:
    """Set the rows of missing and unknown categories to zero."""
    values = np.array(ops.convert_to_numpy(table))
    values[[start + code for start in starts for code in (MISSING, UNKNOWN)]] = 0
    table.assign(values)
