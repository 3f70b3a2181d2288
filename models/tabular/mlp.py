"""The multi-layer perceptron."""

from __future__ import annotations

import keras

from kerasnn.layers.activations import Activation, Initializer, Normalization
from kerasnn.layers.blocks import dense_block, head
from kerasnn.layers.features import build_inputs, encode
from kerasnn.layers.ranges import check_network
from kerasnn.recipes import PreprocessingOptions, Recipe
from kerasnn.signature import Signature

RECIPE = Recipe(learning_rate=2e-3)
PREPROCESSING = PreprocessingOptions()


def mlp(
    signature: Signature,
    *,
    width: int = 256,
    depth: int = 3,
    activation: Activation = "silu",
    normalization: Normalization = "none",
    dropout: float = 0.1,
    initializer: Initializer = "auto",
) -> keras.Model:
    """A stack of dense layers: h ← dropout(f(norm(Wh + b))).

    Args:
        signature: Of the table.
        width: Units of each hidden layer, 1 to 16,384.
        depth: Number of hidden layers, 0 to 256.
        activation: Of the hidden layers.
        normalization: Between the matrix and the activation.
        dropout: Share of hidden units that a step leaves out, in [0, 1).
        initializer: Of the hidden layers' kernels; ``auto`` suits the activation.

    Shape:
        Inputs of the signature to raw scores, (batch, output width).

    Raises:
        ConfigError: A hyper-parameter is out of range.

    Reference:
        Rumelhart, Hinton and Williams, 1986; as a baseline for tables Gorishniy et al., 2021,
        arXiv 2106.11959.
    """
    check_network(width=width, depth=depth, dropout=dropout)
    inputs = build_inputs(signature)
    hidden = encode(signature, inputs)  # (batch, features)
    for _ in range(depth):
        hidden = dense_block(
            hidden,
            width,
            activation=activation,
            normalization=normalization,
            dropout=dropout,
            initial=initializer,
        )  # (batch, width)
    return keras.Model(inputs, head(hidden, signature.output.width))
