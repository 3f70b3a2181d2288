"""From the numbers and categories of a table to vectors.

Few large operations, because a step on a small network is bound by their number: all one-hot
columns come from one comparison, all embeddings of one width from one table.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import ops

from kerasnn.layers.numbers import number_parts

if TYPE_CHECKING:
    from keras import KerasTensor
    from numpy.typing import NDArray

    from kerasnn.signature import Categories, Signature

# Codes of the contract in `kerasnn.signature.Categories`.
MISSING, UNKNOWN = 0, 1
# A column of so many categories is forgotten in half of the training rows, if it may be.
HALF_FORGOTTEN, MOST_FORGOTTEN = 500, 0.5
# Standard deviation that such columns start with at most, so that no guess drowns the others.
FORGOTTEN_SCALE = 0.1


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
    >>> table_widths(Signature.table(numbers=2, categories=(4, (9, 3))))
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
    codes: KerasTensor,
    categories: Categories,
    columns: list[int],
    width: int,
    *,
    scale: float,
    forgotten: float = MOST_FORGOTTEN,
) -> KerasTensor:
    """Embeddings from one table, where each column has its rows; in the order of `forgotten_share`.

    Args:
        codes: Category codes of all columns.
        categories: Description of the categories.
        columns: Indices of the columns to embed.
        width: Length of a vector.
        scale: Standard deviation of what they start with; of 0 none is ever forgotten.
        forgotten: Largest share of the training rows in which a column may be.

    Shape:
        codes: (batch, all columns); returns (batch, columns, width)
    """
    shares = {i: forgotten_share(categories.cardinalities[i], most=forgotten) for i in columns}
    columns = sorted(columns, key=lambda i: shares[i])
    sizes = [categories.cardinalities[i] for i in columns]
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    if columns != list(range(len(categories.names))):
        codes = ops.take(codes, columns, axis=1)
    table = keras.layers.Embedding(
        sum(sizes),
        width,
        embeddings_initializer=keras.initializers.RandomNormal(stddev=scale) if scale else "zeros",
        name=f"embedding_{width}" if scale else "linear_embedding",
    )
    # Of an addition, LiteRT's converter makes the addition of a bias, which has no whole numbers.
    before = -np.array([starts], dtype="int32")
    vectors = table(ops.subtract(codes, before))
    if not scale:
        return vectors
    own = [shares[i] for i in columns]
    factors = np.where(np.repeat(own, sizes) > 0, min(1.0, FORGOTTEN_SCALE / scale), 1.0)
    _start(table.embeddings, starts, factors)
    return _forget(vectors, own, name=f"forget_{width}")


def forgotten_share(size: int, *, most: float = 1.0) -> float:
    """How often a column of categories is unknown to the network in training, by their number.

    What thousands of categories tell is soon learned by heart, each with the other columns of its
    few rows. So the network learns to do without, and to take from the column what adds to that.

    >>> [forgotten_share(size, most=0.9) for size in (20, 100, 500, 10_000)]
    [0.0, 0.2, 0.5, 0.9]
    """
    return min(round(size / (size + HALF_FORGOTTEN), 1), most)


def _forget(vectors: KerasTensor, shares: list[float], *, name: str) -> KerasTensor:
    """Zeros in place of a column's whole vector, in its share of the rows; shares are sorted."""
    parts, first = [], 0
    for share, same in groupby(shares):
        last = first + len(list(same))
        part = vectors[:, first:last] if last - first < len(shares) else vectors
        if share:
            noise_shape = (None, last - first, 1)
            layer = keras.layers.Dropout(
                share, noise_shape=noise_shape, name=f"{name}_{round(10 * share)}"
            )
            part = layer(part)
        parts.append(part)
        first = last
    return ops.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]


def _start(table: keras.Variable, starts: list[int], factors: NDArray[np.float64]) -> None:
    """Zeros for missing and unknown categories, and a factor for the others."""
    values = np.array(ops.convert_to_numpy(table)) * factors[:, None].astype("float32")
    values[[start + code for start in starts for code in (MISSING, UNKNOWN)]] = 0
    table.assign(values)
