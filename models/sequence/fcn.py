"""The fully convolutional network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerasnn import layers
from kerasnn.layers import choices
from kerasnn.options import PreprocessingOptions, TrainingOptions

if TYPE_CHECKING:
    import keras
    from keras import KerasTensor

    from kerasnn.signature import Signature

TRAINING_OPTIONS = TrainingOptions(epochs=0, learning_rate=2e-3, schedule="one_cycle", patience=0)
PREPROCESSING = PreprocessingOptions()

SIZES = (8, 5, 3)


def fcn(
    signature: Signature,
    *,
    width: int = 128,
    width_2: int = 256,
    width_3: int = 128,
) -> keras.Model:
    """Three convolutions over time with kernels of 8, 5 and 3, and the mean over all places.

    Each is followed by batch normalization and ReLU. There is no pooling before the end, so that
    the network takes sequences of any length.

    Args:
        signature: The inputs and the output.
        width: Channels of the first convolution.
        width_2: Channels of the second.
        width_3: Channels of the third.

    Shape:
        series: (batch, length, channels); text: (batch, length); sound: (batch, samples);
        past: (batch, history, targets); returns raw scores, (batch, output.width)

    Raises:
        ConfigError: A value is out of its range, or the signature has no sequence.

    Reference:
        Wang, Yan and Oates, "Time series classification from scratch with deep neural networks",
        2017, arXiv 1611.06455. Mean accuracy on 128 problems of UCR: .788.

    >>> from kerasnn.signature import Signature
    >>> fcn(Signature.time_series(50, 1, classes=3)).count_params()
    266627
    """
    widths = {"width": width, "width_2": width_2, "width_3": width_3}
    choices.check(**widths)

    def encoder(x: KerasTensor, mask: KerasTensor, name: str) -> KerasTensor:
        for i, (channels, size) in enumerate(zip(widths.values(), SIZES, strict=True)):
            x = layers.conv_1d_block(
                x, mask, width=channels, size=size, name=f"{name}_block_{i + 1}"
            )
        return layers.masked_mean(x, mask)

    return layers.sequence_network(signature, encoder, embedding=width, name="fcn")
