"""The temporal convolutional network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
from keras import ops

from kerasnn import layers
from kerasnn.layers import choices
from kerasnn.options import PreprocessingOptions, TrainingOptions

if TYPE_CHECKING:
    from keras import KerasTensor

    from kerasnn.signature import Signature

TRAINING_OPTIONS = TrainingOptions(epochs=60, learning_rate=2e-3)
PREPROCESSING = PreprocessingOptions()


def tcn(
    signature: Signature,
    *,
    width: int = 64,
    depth: int = 6,
    size: int = 3,
    dropout: float = 0.1,
) -> keras.Model:
    """Convolutions that look back alone, each block twice as far as the one before.

    A block is twice convolution, layer normalization, ReLU and dropout, with a shortcut around
    both. With kernels of size k, ``depth`` blocks see 1 + 2 (k - 1) (2 ** depth - 1) places: 253 by
    default. The vector at the last place, and the mean over all, say what the sequence is. The
    paper normalises the kernels in place of the channels.

    Args:
        signature: The inputs and the output.
        width: Channels.
        depth: Blocks.
        size: Length of the kernels.
        dropout: Share of each convolution's outputs dropped.

    Shape:
        text: (batch, length); series: (batch, length, channels); sound: (batch, samples);
        past: (batch, history, targets); returns raw scores, (batch, output.width)

    Raises:
        ConfigError: A value is out of its range, or the signature has no sequence.

    Reference:
        Bai, Kolter and Koltun, "An empirical evaluation of generic convolutional and recurrent
        networks for sequence modeling", 2018, arXiv 1803.01271.

    >>> from kerasnn.signature import Signature
    >>> tcn(Signature.forecast(48, 24), width=8, depth=3).output_shape
    (None, 24)
    """
    choices.check(width=width, depth=depth, size=size, dropout=dropout)

    def encoder(x: KerasTensor, mask: KerasTensor, name: str) -> KerasTensor:
        for i in range(depth):
            x = _block(
                x,
                width=width,
                size=size,
                dilation=2**i,
                dropout=dropout,
                name=f"{name}_block_{i + 1}",
            )
        x = layers.masked(x, mask)
        last = layers.last_valid_step(x, mask)
        mean = ops.cast(layers.masked_mean(x, mask), x.dtype)
        return layers.concatenate_features([last, mean], name=f"{name}_last_and_mean")

    return layers.sequence_network(signature, encoder, embedding=width, name="tcn")


def _block(
    x: KerasTensor, *, width: int, size: int, dilation: int, dropout: float, name: str
) -> KerasTensor:
    """(batch, time, any) → (batch, time, width); what is behind the end is never looked at."""
    inner = x
    for part in "ab":
        inner = layers.conv_1d(
            inner, width=width, size=size, dilation=dilation, causal=True, name=f"{name}{part}_conv"
        )
        inner = layers.normalize(inner, "layer", name=f"{name}{part}_norm")
        inner = layers.activate(inner, "relu", name=f"{name}{part}_activation")
        inner = layers.drop(inner, dropout, name=f"{name}{part}_dropout")
    if x.shape[2] != width:
        x = keras.layers.Dense(width, name=f"{name}_shortcut")(x)
    return layers.add([x, inner], name=name)
