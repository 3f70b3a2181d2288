"""Dense blocks, and how a network begins and ends, of plain Keras layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

from kerasnn.layers import choices
from kerasnn.layers.activations import activate
from kerasnn.layers.initializers import initializer_for

if TYPE_CHECKING:
    from keras import KerasTensor

    from kerasnn.layers.choices import Activation, Initializer, Normalization
    from kerasnn.signature import Signature


def dense_block(
    x: KerasTensor,
    *,
    width: int,
    activation: Activation,
    normalization: Normalization = "none",
    dropout: float = 0.0,
    initializer: Initializer = "auto",
    name: str,
) -> KerasTensor:
    """Dense → normalization → activation → dropout.

    Args:
        x: Input tensor.
        width: Units.
        activation: Name of the activation function.
        normalization: Normalization of the units before the activation.
        dropout: Share of the units dropped, in [0, 1); alpha dropout after SELU.
        initializer: Initializer of the kernel.
        name: Prefix of the layers' names.

    Shape:
        x: (batch, any); returns (batch, width)

    Raises:
        ConfigError: A value is out of its range.
    """
    choices.check(width=width, dropout=dropout)
    x = keras.layers.Dense(
        width,
        kernel_initializer=initializer_for(initializer, activation=activation),
        # Batch normalization subtracts any bias.
        use_bias=normalization != "batch",
        name=name,
    )(x)
    x = normalize(x, normalization, name=f"{name}_norm")
    x = activate(x, activation, name=f"{name}_activation")
    return _drop(x, dropout, activation=activation, name=f"{name}_dropout")


def dense_stack(
    x: KerasTensor,
    *,
    depth: int,
    width: int,
    activation: Activation,
    normalization: Normalization,
    dropout: float,
    initializer: Initializer,
) -> KerasTensor:
    """A number of equal `dense_block`, named ``hidden_1`` and so on.

    Shape:
        x: (batch, any); returns (batch, width)

    Raises:
        ConfigError: A value is out of its range.
    """
    choices.check(depth=depth)
    for i in range(depth):
        x = dense_block(
            x,
            width=width,
            activation=activation,
            normalization=normalization,
            dropout=dropout,
            initializer=initializer,
            name=f"hidden_{i + 1}",
        )
    return x


def residual_block(
    x: KerasTensor,
    *,
    expansion: float,
    activation: Activation,
    normalization: Normalization,
    dropout: float,
    residual_dropout: float,
    initializer: Initializer,
    name: str,
) -> KerasTensor:
    """Residual block: x + dropout(W₂ dropout(σ(W₁ norm(x)))).

    Args:
        x: Input tensor.
        expansion: Width of the hidden layer over that of x.
        activation: σ.
        normalization: Normalization of x.
        dropout: Share of the hidden units dropped.
        residual_dropout: Share of the block's outputs dropped.
        initializer: Initializer of both kernels.
        name: Prefix of the layers' names.

    Shape:
        x: (batch, width); returns the same

    Raises:
        ConfigError: A value is out of its range.
    """
    choices.check(expansion=expansion, residual_dropout=residual_dropout)
    width = x.shape[-1]
    inner = dense_block(
        normalize(x, normalization, name=f"{name}_norm"),
        width=max(1, round(expansion * width)),
        activation=activation,
        dropout=dropout,
        initializer=initializer,
        name=f"{name}_hidden",
    )
    inner = keras.layers.Dense(
        width,
        kernel_initializer=initializer_for(initializer, activation=activation),
        use_bias=normalization != "batch",
        name=f"{name}_back",
    )(inner)
    inner = _drop(inner, residual_dropout, activation="relu", name=f"{name}_dropout")
    return add([x, inner], name=name)


def normalize(x: KerasTensor, normalization: Normalization, *, name: str) -> KerasTensor:
    """Batch or layer normalization over the last axis, ε = 1e-5.

    Batch statistics have momentum 0.9: a small table gives few steps to learn them.

    Raises:
        UnknownNameError: There is no such normalization.
    """
    choices.check(normalization=normalization)
    if normalization == "batch":
        return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)(x)
    if normalization == "layer":
        return keras.layers.LayerNormalization(epsilon=1e-5, name=name)(x)
    return x


def project(x: KerasTensor, *, width: int, normalization: Normalization, name: str) -> KerasTensor:
    """One linear layer, without a bias that a later batch normalization would subtract.

    Shape:
        x: (batch, any); returns (batch, width)
    """
    return keras.layers.Dense(width, use_bias=normalization != "batch", name=name)(x)


def concatenate_features(parts: list[KerasTensor], *, name: str) -> KerasTensor:
    """The columns of all parts; a single part as it is."""
    return keras.layers.Concatenate(name=name)(parts) if len(parts) > 1 else parts[0]


def add(parts: list[KerasTensor], *, name: str) -> KerasTensor:
    """The sum of tensors of one shape."""
    return keras.layers.Add(name=name)(parts)


def output_layer(x: KerasTensor, signature: Signature, *, name: str = "output") -> KerasTensor:
    """Raw scores, in float32 also where the network computes in less.

    Shape:
        x: (batch, any); returns (batch, output.width)
    """
    return keras.layers.Dense(signature.output.width, dtype="float32", name=name)(x)


def scaled_output(x: KerasTensor, signature: Signature, *, scale: float) -> KerasTensor:
    """Raw scores as a constant times a linear layer without a bias, in float32.

    Shape:
        x: (batch, any); returns (batch, output.width)
    """
    x = keras.layers.Dense(signature.output.width, use_bias=False, dtype="float32", name="output")(
        x
    )
    return keras.layers.Rescaling(scale, dtype="float32", name="scores")(x)


def drop(x: KerasTensor, dropout: float, *, name: str) -> KerasTensor:
    """Dropout, or x itself where the share is 0.

    Raises:
        ConfigError: The share is out of its range.
    """
    choices.check(dropout=dropout)
    return keras.layers.Dropout(dropout, name=name)(x) if dropout else x


def drop_path(x: KerasTensor, share: float, *, name: str) -> KerasTensor:
    """Stochastic depth: the whole of x, for a share of the rows, is 0 in training.

    Raises:
        ConfigError: The share is out of its range.

    Reference:
        Huang et al., "Deep networks with stochastic depth", 2016, arXiv 1603.09382.
    """
    choices.check(drop_path=share)
    noise_shape = (None, *(1 for _ in x.shape[1:]))
    return keras.layers.Dropout(share, noise_shape=noise_shape, name=name)(x) if share else x


def network(inputs: dict[str, KerasTensor], scores: KerasTensor, *, name: str) -> keras.Model:
    """The functional model from the inputs to raw scores in float32."""
    if scores.dtype != "float32":
        scores = keras.layers.Activation("linear", dtype="float32", name="float32_scores")(scores)
    # On the inputs of an average, a network may know one by another name.
    return keras.Model({tensor.name: tensor for tensor in inputs.values()}, scores, name=name)


def _drop(x: KerasTensor, dropout: float, *, activation: Activation, name: str) -> KerasTensor:
    if not dropout:
        return x
    # Alpha dropout keeps the mean and variance that SELU settles on.
    layer = keras.layers.AlphaDropout if activation == "selu" else keras.layers.Dropout
    return layer(dropout, name=name)(x)
