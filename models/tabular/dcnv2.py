"""Deep and cross network, second version."""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import layers

from kerasnn.errors import UnknownNameError
from kerasnn.layers.activations import Activation
from kerasnn.layers.blocks import dense_block, head
from kerasnn.layers.features import build_inputs, encode
from kerasnn.layers.ranges import check_count, check_network
from kerasnn.recipes import PreprocessingOptions, Recipe
from kerasnn.signature import Signature

RECIPE = Recipe(learning_rate=1e-3)
PREPROCESSING = PreprocessingOptions(scale="quantile")

Structure = Literal["parallel", "stacked"]


def dcnv2(
    signature: Signature,
    *,
    crosses: int = 3,
    width: int = 256,
    depth: int = 2,
    structure: Structure = "parallel",
    activation: Activation = "relu",
    dropout: float = 0.1,
) -> keras.Model:
    """Products of features of bounded degree, x ← x₀ ∘ (Wx + b) + x, and a deep part.

    Args:
        signature: Of the table.
        crosses: Number of cross layers, 1 to 16; the degree is one more.
        width: Units of each hidden layer of the deep part, 1 to 16,384.
        depth: Number of its hidden layers, 0 to 256.
        structure: Whether the deep part stands beside the crosses or on top of them.
        activation: Of the hidden layers.
        dropout: In the deep part, in [0, 1).

    Shape:
        Inputs of the signature to raw scores, (batch, output width).

    Raises:
        ConfigError: A hyper-parameter is out of range.
        UnknownNameError: There is no such structure.

    Reference:
        Wang et al., DCN V2, 2020, arXiv 2008.13535.
    """
    check_count("crosses", crosses, high=16)
    check_network(width=width, depth=depth, dropout=dropout)
    if structure not in ("parallel", "stacked"):
        raise UnknownNameError("structure", structure, ("parallel", "stacked"))
    inputs = build_inputs(signature)
    features = encode(signature, inputs)  # (batch, features)
    crossed = features
    for _ in range(crosses):
        crossed = cross(features, crossed)
    deep = crossed if structure == "stacked" else features
    for _ in range(depth):
        deep = dense_block(deep, width, activation=activation, dropout=dropout)
    if structure == "parallel":
        deep = layers.Concatenate()([crossed, deep])  # (batch, features + width)
    return keras.Model(inputs, head(deep, signature.output.width))


def cross(first: Any, current: Any) -> Any:
    """x₀ ∘ (Wx + b) + x: (batch, d) → (batch, d)."""
    product = layers.Multiply()([first, layers.Dense(first.shape[-1])(current)])
    return layers.Add()([product, current])
