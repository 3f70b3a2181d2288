"""From the inputs of a signature to one vector a row, in a few large operations."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from kerasnn.signature import Categories, Signature

Tensor = Any


def build_inputs(signature: Signature) -> dict[str, Tensor]:
    """A ``keras.Input`` for each input of a signature, by its name."""
    inputs = {}
    if signature.numbers:
        inputs["numbers"] = keras.Input((len(signature.numbers.names),), name="numbers")
    if signature.categories:
        width = len(signature.categories.names)
        inputs["categories"] = keras.Input((width,), dtype="int32", name="categories")
    return inputs


def encode(signature: Signature, inputs: dict[str, Tensor]) -> Tensor:
    """Numbers as they are, categories one-hot or embedded, side by side.

    Shape:
        ``numbers`` (batch, N) and ``categories`` (batch, C) to (batch, width).
    """
    parts = [inputs["numbers"]] if signature.numbers else []
    if signature.categories:
        codes, described = inputs["categories"], signature.categories
        widths = sorted(set(described.widths))
        parts += [_encode(described, codes, width) for width in widths]
    return layers.Concatenate(name="features")(parts) if len(parts) > 1 else parts[0]


def _encode(described: Categories, codes: Tensor, width: int) -> Tensor:
    """The columns whose embeddings are of one width; 0 is one-hot."""
    columns = [i for i, each in enumerate(described.widths) if each == width]
    cardinalities = [described.cardinalities[i] for i in columns]
    if width == 0:
        return one_hot(codes, columns, cardinalities)
    return embed(ops.take(codes, columns, axis=1), cardinalities, width)


def one_hot(codes: Tensor, columns: list[int], cardinalities: list[int]) -> Tensor:
    """All one-hot columns by a single comparison.

    Shape:
        codes: (batch, C); returns (batch, Σ cardinalities).
    """
    source = np.repeat(columns, cardinalities).astype("int32")
    wanted = np.concatenate([np.arange(n) for n in cardinalities]).astype("int32")
    return ops.cast(ops.equal(ops.take(codes, source, axis=1), wanted), "float32")


def embed(codes: Tensor, cardinalities: list[int], width: int) -> Tensor:
    """Learned embeddings of all columns from one table, each column with rows of its own.

    Shape:
        codes: (batch, C); returns (batch, C · width).
    """
    offsets = np.array([0, *accumulate(cardinalities[:-1])], dtype="int32")
    table = layers.Embedding(
        sum(cardinalities),
        width,
        embeddings_initializer=keras.initializers.RandomNormal(stddev=width**-0.5),
        name=f"embedding_{width}",
    )
    vectors = table(codes + offsets)  # (batch, C, width)
    return ops.reshape(vectors, (-1, len(cardinalities) * width))
