"""Many small networks side by side, (batch, members, width), each layer as one multiplication."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

if TYPE_CHECKING:
    from keras import KerasTensor

# The highest over the lowest that is drawn, as in the paper: 1e-4 to 5e-3, and 1e-3 to 1.
RATES, DECAYS = 50.0, 1000.0
# No draw of a normal distribution is below.
NEVER = -1e9


@dataclass(frozen=True)
class Drawn:
    """Hyper-parameters of each member.

    Args:
        rates: Factors of the learning rate.
        decays: Factors of the weight decay.
        dropouts: Shares of hidden units dropped.
    """

    rates: NDArray[np.float32]
    decays: NDArray[np.float32]
    dropouts: list[float]

    def give(self, layer: keras.layers.EinsumDense) -> None:
        """Let the first members, as many as the layer has, learn and decay as drawn."""
        layer.bias.learning_rate_factor = _along(layer.bias, self.rates)
        layer.kernel.learning_rate_factor = _along(layer.kernel, self.rates)
        # An optimizer multiplies the decay by the rate of all.
        layer.kernel.weight_decay_factor = _along(layer.kernel, self.decays * self.rates)


def _along(variable: keras.Variable, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The values of its members, of as many axes as the variable has."""
    members, *rest = variable.shape
    return values[:members].reshape(members, *(1 for _ in rest))


def draw_members(count: int, *, dropout: float, seed: int) -> Drawn:
    """Draw rates and decays whose logarithms are uniform, and dropouts, of which half are 0.

    Args:
        count: Number of members.
        dropout: The highest.
        seed: Seed of the draw.
    """
    generator = np.random.default_rng(seed)
    rates = RATES ** generator.uniform(-0.5, 0.5, count)
    decays = DECAYS ** generator.uniform(-0.5, 0.5, count)
    dropouts = generator.uniform(0, dropout, count) * (generator.random(count) < 0.5)
    return Drawn(rates.astype("float32"), decays.astype("float32"), dropouts.tolist())


def join_members(parts: list[KerasTensor]) -> KerasTensor:
    """Members one after the other, (batch, members, width).

    Shape:
        parts: (batch, some members, width) each
    """
    return ops.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]


def pack_dense(
    x: KerasTensor, *, members: int, width: int, name: str, dtype: str | None = None
) -> tuple[KerasTensor, keras.layers.EinsumDense]:
    """A dense layer of each member, with a kernel (members, in, width) for all of them.

    Kernels and biases begin uniform between ±1/√in. Of a single unit, the kernel is (members, in).

    Args:
        x: Input tensor, shared by all members or one for each.
        members: Number of members.
        width: Units of each.
        name: Name of the layer.
        dtype: Data type of the layer.

    Shape:
        x: (batch, in) or (batch, members, in); returns (batch, members, width)

    Returns:
        What comes out, and the layer.
    """
    bound = 1 / math.sqrt(x.shape[-1])
    uniform = keras.initializers.RandomUniform
    given = "bd" if len(x.shape) == 2 else "bkd"
    # LiteRT's converter fails on an axis of size 1 here.
    single = width == 1
    layer = keras.layers.EinsumDense(
        f"{given},kd->bk" if single else f"{given},kdw->bkw",
        members if single else (members, width),
        bias_axes="k" if single else "kw",
        kernel_initializer=uniform(-bound, bound),
        bias_initializer=uniform(-bound, bound),
        dtype=dtype,
        name=name,
    )
    out = layer(x)
    if not single:
        return out, layer
    # A vector of each member.
    layer.kernel.holds_matrices = False
    return ops.expand_dims(out, axis=-1), layer


def pack_dropout(x: KerasTensor, rates: Sequence[float], *, name: str) -> KerasTensor:
    """Dropout with a rate for each member; x itself where all are 0.

    One draw for each row and unit serves all members, since they do not see each other: a unit is
    dropped where the draw, of a normal distribution, is below the quantile of the member's rate.

    Args:
        x: Hidden units of each member.
        rates: Shares of the units dropped, in [0, 1).
        name: Name of the layer that draws the noise.

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
