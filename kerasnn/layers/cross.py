"""The cross layer of DCN v2."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

from kerasnn.layers import choices

if TYPE_CHECKING:
    from keras import KerasTensor


def cross_layer(first: KerasTensor, x: KerasTensor, *, rank: int = 0, name: str) -> KerasTensor:
    """x₀ ∘ (W x + b) + x: multiplies features explicitly, one degree a layer.

    Args:
        first: x₀, the input of the first cross layer.
        x: Output of the layer before.
        rank: W = U V with this inner width; 0 for a full matrix.
        name: Prefix of the layers' names.

    Shape:
        first, x: (batch, width); returns the same

    Raises:
        ConfigError: The rank is out of its range.

    Reference:
        Wang et al., "DCN V2", 2021, arXiv 2008.13535.
    """
    choices.check(cross_rank=rank)
    projected = x
    if rank:
        projected = keras.layers.Dense(rank, use_bias=False, name=f"{name}_down")(x)
    projected = keras.layers.Dense(first.shape[-1], name=name)(projected)
    product = keras.layers.Multiply(name=f"{name}_product")([first, projected])
    return keras.layers.Add(name=f"{name}_sum")([product, x])
