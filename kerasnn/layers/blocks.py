"""Dense blocks shared by the models for tables."""

from __future__ import annotations

from typing import Any

from keras import layers

from kerasnn.errors import UnknownNameError
from kerasnn.layers.activations import Activation, Initializer, Normalization, activate, initializer

Tensor = Any


def normalize(inputs: Tensor, kind: Normalization) -> Tensor:
    """Batch normalisation, layer normalisation, or nothing.

    Raises:
        UnknownNameError: There is no such normalisation.

    Reference:
        Ioffe and Szegedy, 2015, arXiv 1502.03167; Ba et al., 2016, arXiv 1607.06450.
    """
    if kind == "none":
        return inputs
    if kind == "batch":
        return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(inputs)
    if kind == "layer":
        return layers.LayerNormalization(epsilon=1e-5)(inputs)
    raise UnknownNameError("normalization", kind, ("none", "batch", "layer"))


def drop(inputs: Tensor, rate: float) -> Tensor:
    """Dropout; nothing at rate 0."""
    return layers.Dropout(rate)(inputs) if rate else inputs


def dense_block(
    inputs: Tensor,
    width: int,
    *,
    activation: Activation = "relu",
    normalization: Normalization = "none",
    dropout: float = 0.0,
    initial: Initializer = "auto",
    name: str | None = None,
) -> Tensor:
    """Dense → normalisation → activation → dropout: (batch, d) → (batch, width)."""
    kernel = initializer(initial, activation=activation)
    # Its shift would be undone by the mean that the normalisation takes away.
    dense = layers.Dense(
        width, use_bias=normalization == "none", kernel_initializer=kernel, name=name
    )
    hidden = normalize(dense(inputs), normalization)
    return drop(activate(hidden, activation), dropout)


def head(inputs: Tensor, width: int) -> Tensor:
    """The last layer: raw scores in float32, (batch, width)."""
    return layers.Dense(width, dtype="float32", name="head")(inputs)
