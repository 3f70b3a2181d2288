"""Wide and deep."""

from __future__ import annotations

import keras
from keras import layers

from kerasnn.layers.activations import Activation
from kerasnn.layers.blocks import dense_block, head
from kerasnn.layers.features import build_inputs, encode
from kerasnn.layers.ranges import check_network
from kerasnn.recipes import PreprocessingOptions, Recipe
from kerasnn.signature import Signature

RECIPE = Recipe(learning_rate=1e-3)
PREPROCESSING = PreprocessingOptions()


def wide_deep(
    signature: Signature,
    *,
    width: int = 256,
    depth: int = 3,
    activation: Activation = "relu",
    dropout: float = 0.1,
) -> keras.Model:
    """The sum of a linear model, which memorises, and a deep one, which generalises.

    Args:
        signature: Of the table.
        width: Units of each hidden layer of the deep part, 1 to 16,384.
        depth: Number of its hidden layers, 0 to 256.
        activation: Of the hidden layers.
        dropout: In the deep part, in [0, 1).

    Shape:
        Inputs of the signature to raw scores, (batch, output width).

    Raises:
        ConfigError: A hyper-parameter is out of range.

    Reference:
        Cheng et al., Wide & Deep Learning for Recommender Systems, 2016, arXiv 1606.07792; the
        width of its embeddings as of Guo and Berkhahn, 2016, arXiv 1604.06737.
    """
    check_network(width=width, depth=depth, dropout=dropout)
    inputs = build_inputs(signature)
    features = encode(signature, inputs)  # (batch, features)
    deep = features
    for _ in range(depth):
        deep = dense_block(deep, width, activation=activation, dropout=dropout)
    wide = layers.Dense(signature.output.width, use_bias=False, dtype="float32", name="wide")
    scores = layers.Add()([wide(features), head(deep, signature.output.width)])
    return keras.Model(inputs, scores)
