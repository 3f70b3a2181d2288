"""Activation functions, as nodes that every export format can carry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
from keras import ops

from kerasnn.layers import choices
from kerasnn.runtime import compat

if TYPE_CHECKING:
    from keras import KerasTensor

    from kerasnn.layers.choices import Activation


def activate(x: KerasTensor, activation: Activation, *, name: str | None = None) -> KerasTensor:
    """Apply an activation function to each element.

    ``leaky_relu`` has slope 0.01 below zero, ``elu`` has α = 1, ``gelu`` is the tanh approximation
    x · ½(1 + tanh(√(2/π)(x + 0.044715 x³))).

    Args:
        x: Any shape.
        activation: Name of the activation function.
        name: Name of the layer.

    Raises:
        UnknownNameError: There is no such function.
    """
    choices.check(activation=activation)
    if activation == "leaky_relu":
        return keras.layers.LeakyReLU(negative_slope=0.01, name=name)(x)
    if activation == "gelu":
        # The exact one needs Erfc, which breaks the ONNX export.
        active = ops.gelu(x, approximate=True)
        if name:
            # `ops.gelu` takes no name, and the one it makes up depends on what was built before.
            compat.source_operation(active).name = name
        return active
    return keras.layers.Activation(activation, name=name)(x)
