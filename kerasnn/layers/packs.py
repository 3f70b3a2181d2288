"""Many small networks side by side, (batch, members, width), each layer as one multiplication."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import ops

if TYPE_CHECKING:
    from keras import KerasTensor

# No draw of a normal distribution is below.
NEVER = -1e9


def pack_dense(
    x: KerasTensor, *, members: int, width: int, name: str, dtype: str | None = None
) -> tuple[KerasTensor, keras.layers.EinsumDense]:
    """A dense layer of each member, with a kernel (members, in, width) for all of them.

    Kernels and biases begin uniform between ±1/√in.

    Args:
        x: What goes in, the same for all or of each member.
        members: How many.
        width: Units of each.
        name: Of the layer.
        dtype: Of the layer.

    Shape:
        x: (batch, in) or (batch, members, in); returns (batch, members, width)

    Returns:
        What comes out, and the layer.
    """
    bound = 1 / math.sqrt(x.shape[-1])
    uniform = keras.initializers.RandomUniform
    layer = keras.layers.EinsumDense(
        "bd,kdw->bkw" if len(x.shape) == 2 else "bkd,kdw->bkw",
        (members, width),
        bias_axes="kw",
        kernel_initializer=uniform(-bound, bound),
        bias_initializer=uniform(-bound, bound),
        dtype=dtype,
        name=name,
    )
    return layer(x), layer


def pack_dropout(x: KerasTensor, rates: Sequence[float], *, name: str) -> KerasTensor:
    """Dropout with a rate for each member; x itself where all are 0.

    One draw for each row and unit serves all members, since they do not see each other: a unit is
    dropped where the draw, of a normal distribution, is below the quantile of the member's rate.

    Args:
        x: Hidden units of each member.
        rates: Shares of the units dropped, in [0, 1).
        name: Of the layer that draws.

    Shape:
        x: (batch, members, width); returns the same
    """
    if not any(rates):
        return x
    normal = NormalDist()
    quantiles = [normal.inv_cdf(rate) if rate else NEVER for rate in rates]
    least = np.array(quantiles, dtype="float32")[:, None]
    kept = 1 / (1 - np.array(rates, dtype="float32")[:, None])
    zeros = ops.cast(ops.zeros_like(x[:, :1]), "float32")
    # All zeros but in training.
    noise = keras.layers.GaussianNoise(1.0, dtype="float32", name=name)(zeros)
    factors = ops.where(ops.greater(noise, least), kept, 0.0)
    factors = ops.where(ops.equal(noise, 0.0), 1.0, factors)
    return ops.multiply(x, ops.cast(factors, x.dtype))
