"""The residual network for tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerasnn import layers
from kerasnn.layers import choices
from kerasnn.layers.choices import Activation, Initializer, Normalization
from kerasnn.options import PreprocessingOptions, TrainingOptions

if TYPE_CHECKING:
    import keras

    from kerasnn.signature import Signature

TRAINING_OPTIONS = TrainingOptions(learning_rate=1e-3)
PREPROCESSING = PreprocessingOptions(scale="quantile")


def resnet(
    signature: Signature,
    *,
    width: int = 192,
    depth: int = 2,
    expansion: float = 2.0,
    activation: Activation = "relu",
    normalization: Normalization = "batch",
    dropout: float = 0.15,
    residual_dropout: float = 0.0,
    initializer: Initializer = "auto",
) -> keras.Model:
    """Residual network: x + W₂ σ(W₁ norm(x)) a block, after one linear layer.

    Args:
        signature: The inputs and the output.
        width: Width of the residual stream.
        depth: Number of blocks.
        expansion: Hidden width of a block over ``width``.
        activation: Activation function of the hidden units.
        normalization: Normalization of the input of each block and of the head.
        dropout: Share of hidden units dropped in training, in [0, 1).
        residual_dropout: Share of a block's outputs dropped in training, in [0, 1).
        initializer: Initializer of the kernels in the blocks; ``auto`` depends on the activation.

    Shape:
        numbers: (batch, columns); categories: (batch, columns); returns raw scores,
        (batch, output.width)

    Raises:
        ConfigError: A value is out of its range, or the signature has no input.

    Reference:
        Gorishniy et al., "Revisiting deep learning models for tabular data", 2021,
        arXiv 2106.11959.

    >>> from kerasnn.signature import Signature
    >>> resnet(Signature.table(numbers=3, classes=2), width=4, depth=1).output_shape
    (None, 1)
    """
    choices.check(width=width, depth=depth)
    inputs = layers.build_inputs(signature)
    x = layers.project(
        layers.encode(inputs, signature), width=width, normalization=normalization, name="stem"
    )
    for i in range(depth):
        x = layers.residual_block(
            x,
            expansion=expansion,
            activation=activation,
            normalization=normalization,
            dropout=dropout,
            residual_dropout=residual_dropout,
            initializer=initializer,
            name=f"block_{i + 1}",
        )
    x = layers.normalize(x, normalization, name="head_norm")
    x = layers.activate(x, activation, name="head_activation")
    return layers.network(inputs, layers.output_layer(x, signature), name="resnet")
