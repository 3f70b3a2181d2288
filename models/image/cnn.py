"""The plain convolutional network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerasnn import layers
from kerasnn.layers import choices
from kerasnn.layers.choices import Activation, Normalization
from kerasnn.options import PreprocessingOptions, TrainingOptions

if TYPE_CHECKING:
    import keras
    from keras import KerasTensor

    from kerasnn.signature import Signature

TRAINING_OPTIONS = TrainingOptions(
    epochs=30, batch_size=128, learning_rate=2e-3, weight_decay=0.02, patience=8
)
PREPROCESSING = PreprocessingOptions()


def cnn(
    signature: Signature,
    *,
    width: int = 32,
    depth: int = 3,
    activation: Activation = "relu",
    normalization: Normalization = "batch",
    dropout: float = 0.2,
) -> keras.Model:
    """Convolutional network: blocks of two 3 × 3 convolutions and a max-pooling.

    Each block has twice the channels of the one before and half the height and width; a small
    image is not halved below 2 pixels, a large one is halved before the first block. The mean over
    the image goes to the output.

    Args:
        signature: The inputs and the output.
        width: Channels of the first block.
        depth: Number of blocks.
        activation: Activation function after each convolution.
        normalization: Normalization of the channels before the activation.
        dropout: Share of the features dropped before the output in training, in [0, 1).

    Shape:
        image: (batch, height, width, channels); returns raw scores, (batch, output.width)

    Raises:
        ConfigError: A value is out of its range, or the signature has no image.

    Reference:
        Simonyan and Zisserman, "Very deep convolutional networks for large-scale image
        recognition", 2014, arXiv 1409.1556. Two convolutions reach accuracy .925 on Fashion-MNIST
        by its own table; stacks of these blocks, augmented, 99.87 % on MNIST in arXiv 2008.10400.

    >>> from kerasnn.signature import Signature
    >>> cnn(Signature.image(8, 8, 1, classes=2), width=2, depth=1).count_params()
    73
    """
    choices.check(width=width, depth=depth, dropout=dropout)

    def backbone(x: KerasTensor, name: str) -> KerasTensor:
        stride = layers.stem_stride(x)
        for i in range(depth):
            for j in range(2):
                x = layers.conv_block(
                    x,
                    width=width * 2**i,
                    stride=stride,
                    activation=activation,
                    normalization=normalization,
                    name=f"{name}_block_{i + 1}_{'ab'[j]}",
                )
                stride = 1
            x = layers.halve(x, name=f"{name}_block_{i + 1}_pool")
        return layers.global_pool(x, "mean", name=f"{name}_pool")

    inputs = layers.build_inputs(signature)
    x = layers.drop(layers.image_features(inputs, signature, backbone), dropout, name="dropout")
    return layers.network(inputs, layers.output_layer(x, signature), name="cnn")
