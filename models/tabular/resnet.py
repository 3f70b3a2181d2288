"""Residual blocks for tables."""

from __future__ import annotations

import keras
from keras import layers

from kerasnn.layers.activations import Activation, Normalization, activate, initializer
from kerasnn.layers.blocks import drop, head, normalize
from kerasnn.layers.features import build_inputs, encode
from kerasnn.layers.ranges import check_count, check_network, check_rate
from kerasnn.recipes import PreprocessingOptions, Recipe
from kerasnn.signature import Signature

RECIPE = Recipe(learning_rate=1e-3)
PREPROCESSING = PreprocessingOptions(scale="quantile")


def resnet(
    signature: Signature,
    *,
    width: int = 192,
    depth: int = 2,
    expansion: int = 2,
    activation: Activation = "relu",
    normalization: Normalization = "batch",
    dropout: float = 0.15,
    residual_dropout: float = 0.0,
) -> keras.Model:
    """x ← x + drop(W₂ drop(f(W₁ norm(x)))), then norm, activation and the last layer.

    Args:
        signature: Of the table.
        width: Of the stream, 1 to 16,384.
        depth: Number of blocks, 0 to 256.
        expansion: Width within a block over the width of the stream, 1 to 16.
        activation: Within the blocks and before the last layer.
        normalization: At the start of each block.
        dropout: Within a block, in [0, 1).
        residual_dropout: At the end of a block, in [0, 1).

    Shape:
        Inputs of the signature to raw scores, (batch, output width).

    Raises:
        ConfigError: A hyper-parameter is out of range.

    Reference:
        Gorishniy et al., Revisiting Deep Learning Models for Tabular Data, 2021,
        arXiv 2106.11959.
    """
    check_network(width=width, depth=depth, dropout=dropout)
    check_count("expansion", expansion, high=16)
    check_rate("residual_dropout", residual_dropout)
    inputs = build_inputs(signature)
    stream = layers.Dense(width)(encode(signature, inputs))  # (batch, width)
    kernel = initializer("auto", activation=activation)
    for _ in range(depth):
        hidden = layers.Dense(width * expansion, kernel_initializer=kernel)(
            normalize(stream, normalization)
        )  # (batch, width · expansion)
        hidden = drop(activate(hidden, activation), dropout)
        stream = layers.Add()([stream, drop(layers.Dense(width)(hidden), residual_dropout)])
    hidden = activate(normalize(stream, normalization), activation)
    return keras.Model(inputs, head(hidden, signature.output.width))
