"""Wide & deep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerasnn import layers
from kerasnn.layers.choices import Activation, Initializer, Normalization
from kerasnn.options import PreprocessingOptions, TrainingOptions

if TYPE_CHECKING:
    import keras

    from kerasnn.signature import Signature

TRAINING_OPTIONS = TrainingOptions(learning_rate=1e-3)
PREPROCESSING = PreprocessingOptions(scale="quantile")


def wide_deep(
    signature: Signature,
    *,
    width: int = 256,
    depth: int = 3,
    activation: Activation = "relu",
    normalization: Normalization = "none",
    dropout: float = 0.1,
    initializer: Initializer = "auto",
) -> keras.Model:
    """Wide & deep: the sum of a linear model and a multilayer perceptron, trained together.

    The wide part sees every category one-hot and remembers; the deep part sees embeddings and
    generalises. There are no hand-made crossed columns.

    Args:
        signature: The inputs and the output.
        width: Units of each hidden layer of the deep part.
        depth: Number of hidden layers.
        activation: Activation function of the hidden units.
        normalization: Normalization of the hidden units before the activation.
        dropout: Share of hidden units dropped in training, in [0, 1).
        initializer: Initializer of the hidden kernels; ``auto`` depends on the activation.

    Shape:
        numbers: (batch, columns); categories: (batch, columns); returns raw scores,
        (batch, output.width)

    Raises:
        ConfigError: A value is out of its range, or the signature has no input.

    Reference:
        Cheng et al., "Wide & deep learning for recommender systems", 2016, arXiv 1606.07792.

    >>> from kerasnn.signature import Signature
    >>> wide_deep(Signature.table(numbers=3, classes=2), width=4, depth=1).count_params()
    25
    """
    inputs = layers.build_inputs(signature)
    x = layers.dense_stack(
        layers.encode(inputs, signature),
        depth=depth,
        width=width,
        activation=activation,
        normalization=normalization,
        dropout=dropout,
        initializer=initializer,
    )
    wide = layers.linear_scores(inputs, signature)
    deep = layers.output_layer(x, signature, name="deep_output")
    return layers.network(inputs, layers.add([wide, deep], name="scores"), name="wide_deep")
