"""Linear and logistic regression."""

from __future__ import annotations

import keras

from kerasnn.layers.blocks import head
from kerasnn.layers.features import build_inputs, encode
from kerasnn.recipes import PreprocessingOptions, Recipe
from kerasnn.signature import Signature

RECIPE = Recipe(learning_rate=1e-2, weight_decay=1e-3)
PREPROCESSING = PreprocessingOptions(max_one_hot=1000)


def linear(signature: Signature) -> keras.Model:
    """A weighted sum of the features: logistic, softmax or linear regression.

    Args:
        signature: Of the table.

    Shape:
        Inputs of the signature to raw scores, (batch, output width).

    Reference:
        Cox, The Regression Analysis of Binary Sequences, 1958.
    """
    inputs = build_inputs(signature)
    return keras.Model(inputs, head(encode(signature, inputs), signature.output.width))
