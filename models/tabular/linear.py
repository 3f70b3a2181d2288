"""Linear and logistic regression."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerasnn import layers
from kerasnn.options import PreprocessingOptions, TrainingOptions

if TYPE_CHECKING:
    import keras

    from kerasnn.signature import Signature

TRAINING_OPTIONS = TrainingOptions(learning_rate=1e-2, weight_decay=0.0)
PREPROCESSING = PreprocessingOptions()


def linear(signature: Signature) -> keras.Model:
    """Linear, logistic or softmax regression: one weight a feature and output.

    Categories enter one-hot, those with an embedding too (as one weight a category); all weights
    start at zero. What any network must beat.

    Args:
        signature: The inputs and the output.

    Shape:
        numbers: (batch, columns); categories: (batch, columns); returns raw scores,
        (batch, output.width)

    Raises:
        ConfigError: The signature has no input.

    Reference:
        Cox, "The regression analysis of binary sequences", 1958.

    >>> from kerasnn.signature import Signature
    >>> linear(Signature.table(numbers=3, classes=2)).count_params()
    4
    """
    inputs = layers.build_inputs(signature)
    return layers.network(inputs, layers.linear_scores(inputs, signature), name="linear")
