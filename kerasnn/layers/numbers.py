"""From numbers to vectors: learned embeddings, one for each column, as the signature says.

The layers are ``number_embedding``, and before it ``number_frequencies`` where there are cosines.
Few large operations for all columns together, because a step on a small network is bound by their
number.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

if TYPE_CHECKING:
    from keras import KerasTensor

    from kerasnn.signature import Numbers

# Beyond it float32 can't tell the angles of cosines, and a place in a bin says nothing.
FURTHEST = 1e4
UNBOUNDED = 1e30


def number_parts(x: KerasTensor, numbers: Numbers) -> KerasTensor:
    """The vectors of all columns side by side; the numbers themselves without an embedding.

    Args:
        x: The input ``"numbers"``.
        numbers: Description of the columns and of their embedding.

    Shape:
        x: (batch, columns); returns (batch, columns · width)
    """
    if numbers.embedding == "none":
        return x
    return keras.layers.Flatten(name="number_features")(number_vectors(x, numbers))


def number_vectors(x: KerasTensor, numbers: Numbers, *, width: int = 0) -> KerasTensor:
    """A vector for each number; a linear one without an embedding.

    Weight decay acts on no vector that multiplies a number itself, and on no frequency.

    Args:
        x: The input ``"numbers"``.
        numbers: Description of the columns and of their embedding.
        width: Length of the vectors; 0 for that of the signature.

    Shape:
        x: (batch, columns); returns (batch, columns, width)

    Reference:
        Gorishniy et al., "On embeddings for numerical features in tabular deep learning", 2022,
        arXiv 2203.05556; ``piecewise_linear`` as in "TabM", 2024, arXiv 2410.24210; ``pbld``:
        Holzmüller et al., "Better by default", 2024, arXiv 2407.04491.
    """
    width = width or numbers.width
    if numbers.embedding == "piecewise_linear":
        return _piecewise_linear(x, numbers, width)
    if numbers.embedding == "periodic":
        return _periodic(x, numbers, width)
    if numbers.embedding == "pbld":
        return _pbld(x, numbers, width)
    return _linear(x, numbers, width)


def _linear(x: KerasTensor, numbers: Numbers, width: int) -> KerasTensor:
    """X · w + c."""
    layer = _per_column("bf,fd->bfd", numbers, width, bound=1 / math.sqrt(width))
    vectors = layer(x)
    layer.kernel.weight_decay_factor = 0.0
    return vectors


def _piecewise_linear(x: KerasTensor, numbers: Numbers, width: int) -> KerasTensor:
    """X · w + c, plus weights, zero at first, of how far x is through each of its bins."""
    start, slope, least, most = _ramps(numbers.bins)
    ramps = ops.multiply(ops.subtract(ops.expand_dims(x, -1), start), slope)
    ramps = ops.minimum(ops.maximum(ramps, least), most)
    layer = _per_column("bft,ftd->bfd", numbers, width, bound=1 / math.sqrt(width))
    vectors = layer(ramps)
    values = np.array(ops.convert_to_numpy(layer.kernel))
    values[:, 1:] = 0
    layer.kernel.assign(values)
    decay = np.ones((1, values.shape[1], 1), dtype="float32")
    decay[:, 0] = 0
    layer.kernel.weight_decay_factor = decay
    return vectors


def _ramps(bins: tuple[tuple[float, ...], ...]) -> NDArray[np.float32]:
    """Start, slope, least and most of (x − start) · slope, four times (columns, 1 + bins).

    The first ramp is x itself. Then comes one for each bin: from 0 at its lower edge to 1 at its
    upper one. The first goes on below, the last above; what a column has less than others is 0.
    """
    ramps = np.zeros((4, len(bins), max(1, *map(len, bins))), dtype="float32")
    ramps[1:, :, 0] = np.array([1, -UNBOUNDED, UNBOUNDED])[:, None]
    for i, edges in enumerate(bins):
        if count := max(0, len(edges) - 1):
            ramps[0, i, 1 : count + 1] = edges[:-1]
            ramps[1, i, 1 : count + 1] = 1 / np.diff(edges)
            ramps[3, i, 1 : count + 1] = 1
            ramps[2, i, 1], ramps[3, i, count] = -FURTHEST, FURTHEST
    return ramps


def _periodic(x: KerasTensor, numbers: Numbers, width: int) -> KerasTensor:
    """ReLU of one linear layer, for all columns the same, of cosines and sines of 2πwx."""
    angles = _angles(x, numbers, has_shifts=False)
    waves = ops.concatenate([ops.cos(angles), ops.sin(angles)], axis=-1)
    bound = _uniform(1 / math.sqrt(waves.shape[-1]))
    return keras.layers.Dense(
        width,
        activation="relu",
        kernel_initializer=bound,
        bias_initializer=bound,
        name="number_embedding",
    )(waves)


def _pbld(x: KerasTensor, numbers: Numbers, width: int) -> KerasTensor:
    """X, and beside it a linear layer, for each column its own, of cosines of 2πwx + b."""
    waves = ops.cos(_angles(x, numbers, has_shifts=True))
    layer = _per_column(
        "bfk,fkd->bfd", numbers, width - 1, bound=1 / math.sqrt(numbers.frequencies)
    )
    vectors = layer(waves)
    itself = ops.cast(ops.expand_dims(x, -1), vectors.dtype)
    return ops.concatenate([itself, vectors], axis=-1)


def _angles(x: KerasTensor, numbers: Numbers, *, has_shifts: bool) -> KerasTensor:
    """2πwx, (batch, columns, frequencies), in float32 also where the network computes in less."""
    layer = keras.layers.EinsumDense(
        "bf,fk->bfk",
        (len(numbers.names), numbers.frequencies),
        bias_axes="fk" if has_shifts else None,
        kernel_initializer=keras.initializers.RandomNormal(stddev=numbers.frequency_scale),
        bias_initializer=_uniform(math.pi),
        dtype="float32",
        name="number_frequencies",
    )
    angles = layer(ops.clip(x, -FURTHEST, FURTHEST) * (2 * math.pi))
    layer.kernel.weight_decay_factor = 0.0
    return angles


def _per_column(
    equation: str, numbers: Numbers, width: int, *, bound: float
) -> keras.layers.EinsumDense:
    """A linear layer with weights of its own for each column."""
    return keras.layers.EinsumDense(
        equation,
        (len(numbers.names), width),
        bias_axes="fd",
        kernel_initializer=_uniform(bound),
        bias_initializer=_uniform(bound),
        name="number_embedding",
    )


def _uniform(bound: float) -> keras.initializers.Initializer:
    return keras.initializers.RandomUniform(-bound, bound)
