"""From the numbers and categories of a table to vectors.

Few large operations, because a step on a small network is bound by their number: all one-hot
columns come from one comparison, all embeddings of one width from one table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import ops

from kerasnn.layers.numbers import number_parts

if TYPE_CHECKING:
    from keras import KerasTensor

    from kerasnn.signature import Categories, Signature

# Codes of the contract in `kerasnn.signature.Categories`.
MISSING, UNKNOWN = 0, 1


def table_parts(inputs: dict[str, KerasTensor], signature: Signature) -> list[KerasTensor]:
    """The features of numbers and categories alone, (batch, any) each; none without a table."""
    parts = [number_parts(inputs["numbers"], signature.numbers)] if signature.numbers else []
    if signature.categories:
        codes, widths = inputs["categories"], signature.categories.widths
        if columns := [i for i, width in enumerate(widths) if not width]:
            parts.append(one_hot(codes, signature.categories, columns))
        for width in sorted({width for width in widths if width}):
            columns = [i for i, each in enumerate(widths) if each == width]
            vectors = look_up(codes, signature.categories, columns, width, scale=0.1)
            parts.append(keras.layers.Flatten(name=f"embedding_{width}_flat")(vectors))
    return parts


def table_widths(signature: Signature) -> list[int]:
    """How many columns each number and each category has in what `table_parts` returns, in order.

    >>> from kerasnn.signature import Signature
    >>> table_widths(Signature.table(numbers=2, categories=(4, 9), embedding_widths=(0, 3)))
    [1, 1, 3, 3]
    """
    widths = []
    if numbers := signature.numbers:
        widths += [1 if numbers.embedding == "none" else numbers.width] * len(numbers.names)
    if categories := signature.categories:
        pairs = zip(categories.cardinalities, categories.widths, strict=True)
        widths += [size - 1 for size, width in pairs if not width]
        widths += sorted(width for width in categories.widths if width)
    return widths


def one_hot(codes: KerasTensor, categories: Categories, columns: list[int]) -> KerasTensor:
    """(batch, one-hot columns): each compares the code of its column with its own."""
    sizes = [categories.cardinalities[i] for i in columns]
    own = [[code for code in range(size) if code != UNKNOWN] for size in sizes]
    source = np.repeat(columns, [len(codes) for codes in own]).tolist()
    wanted = np.concatenate(own)[None].astype("int32")
    hits = ops.equal(ops.take(codes, source, axis=1), wanted)
    return ops.cast(hits, "float32")


def look_up(
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
