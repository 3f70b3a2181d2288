"""BatchEnsemble: members that share their kernels, and differ by scales and biases of their own.

The state is (batch, members, width), so that a kernel meets all members in one multiplication. What
a member has of its own is the embedding of its number, because a product and a sum that are
broadcast fuse with the activation behind them; an ``EinsumDense`` of the same weights takes half as
long as the matrices.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import ops

from kerasnn.layers import choices
from kerasnn.layers.blocks import drop
from kerasnn.layers.packs import pack_dense
from kerasnn.layers.tables import table_widths

if TYPE_CHECKING:
    from keras import KerasTensor
    from numpy.typing import NDArray

    from kerasnn.signature import Signature


def expand_members(
    x: KerasTensor, numbers: KerasTensor, signature: Signature, *, name: str
) -> KerasTensor:
    """The features once for each member, times scales of its own: by these members begin to differ.

    At first a member has one scale for all columns of a feature, such as those of a one-hot
    category: normal where numbers are embedded, else 1 or −1, for it may not lose a feature that
    has one column.

    Args:
        x: Features from `kerasnn.layers.encode`.
        numbers: Member indices from `hidden_member_indices`.
        signature: Signature that x was encoded from.
        name: Name of the layer that holds the scales.

    Shape:
        x: (batch, width); returns (batch, members, width)
    """
    width = x.shape[-1]
    chunks = table_widths(signature)
    chunks += [1] * (width - sum(chunks))
    shape = (numbers.shape[0], len(chunks))

    def scales() -> NDArray[np.floating]:
        if signature.numbers and signature.numbers.embedding != "none":
            found = _array(keras.initializers.RandomNormal(stddev=1.0)(shape))
        else:
            found = np.where(_array(_uniform(1.0)(shape)) < 0, -1.0, 1.0)
        return np.repeat(found, chunks, axis=1)

    own = _own(numbers, width, scales, name=name)
    return ops.multiply(ops.expand_dims(x, 1), own)


def ensemble_block(
    x: KerasTensor,
    numbers: KerasTensor,
    *,
    width: int,
    dropout: float,
    is_scaled: bool = True,
    name: str,
) -> KerasTensor:
    """ReLU(((x ∘ r) W) ∘ s + b) → dropout, with W for all and r, s, b of each member.

    Scales begin as 1, and the biases of all members are the same at first.

    Args:
        x: Input tensor.
        numbers: Member indices from `hidden_member_indices`.
        width: Units.
        dropout: Share of the units dropped, in [0, 1).
        is_scaled: True to scale the inputs by r; false directly after `expand_members`.
        name: Name of the layer with W, and prefix of the other layers' names.

    Shape:
        x: (batch, members, any); returns (batch, members, width)

    Raises:
        ConfigError: A value is out of its range.

    Reference:
        Wen, Tran and Ba, "BatchEnsemble: an alternative approach to efficient ensemble and lifelong
        learning", 2020, arXiv 2002.06715.
    """
    choices.check(width=width, dropout=dropout)
    before = x.shape[-1]
    first = _uniform(1 / math.sqrt(before))
    if is_scaled:
        x = ops.multiply(x, _own(numbers, before, _ones, name=f"{name}_in"))
    x = keras.layers.Dense(width, use_bias=False, kernel_initializer=first, name=name)(x)
    x = ops.multiply(x, _own(numbers, width, _ones, name=f"{name}_out"))
    biases = _own(numbers, width, lambda: _array(first((1, width))), name=f"{name}_bias")
    x = ops.add(x, biases)
    x = keras.layers.Activation("relu", name=f"{name}_activation")(x)
    return drop(x, dropout, name=f"{name}_dropout")


def shared_block(x: KerasTensor, *, width: int, dropout: float, name: str) -> KerasTensor:
    """ReLU(x W + b) → dropout, the same for each member.

    Shape:
        x: (batch, members, any); returns (batch, members, width)

    Raises:
        ConfigError: A value is out of its range.
    """
    choices.check(width=width, dropout=dropout)
    first = _uniform(1 / math.sqrt(x.shape[-1]))
    x = keras.layers.Dense(width, kernel_initializer=first, bias_initializer=first, name=name)(x)
    x = keras.layers.Activation("relu", name=f"{name}_activation")(x)
    return drop(x, dropout, name=f"{name}_dropout")


def member_heads(x: KerasTensor, signature: Signature) -> KerasTensor:
    """Raw scores of each member by a linear layer of its own, in float32.

    Shape:
        x: (batch, members, any); returns (batch, members, output.width)
    """
    width = signature.output.width
    return pack_dense(x, members=x.shape[1], width=width, name="output", dtype="float32")[0]


def hidden_member_indices(x: KerasTensor, *, members: int) -> KerasTensor:
    """0, 1, … up to the number of members.

    Args:
        x: Anything of the network: its layers are called on what comes from the inputs.
        members: Number of members.

    Shape:
        x: (batch, any); returns (members,)
    """
    zero = ops.zeros_like(ops.sum(x[:, 0]), dtype="int32")
    return ops.add(zero, np.arange(members, dtype="int32"))


def _own(
    numbers: KerasTensor, width: int, first: Callable[[], NDArray[np.floating]], *, name: str
) -> KerasTensor:
    """Learned rows, one for each member, (members, width), and their first values or row.

    The values are made once the layer is: a bundle's network may be refused for its size.
    """
    members = numbers.shape[0]
    layer = keras.layers.Embedding(members, width, embeddings_initializer="zeros", name=name)
    rows = layer(numbers)
    layer.embeddings.assign(np.broadcast_to(first(), (members, width)))
    return rows


def _ones() -> NDArray[np.floating]:
    return np.ones(1)


def _uniform(bound: float) -> keras.initializers.Initializer:
    return keras.initializers.RandomUniform(-bound, bound)


def _array(values: object) -> NDArray[np.floating]:
    return np.asarray(keras.ops.convert_to_numpy(values))
