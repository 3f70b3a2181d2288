"""InceptionTime."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

from kerasnn import layers
from kerasnn.layers import choices
from kerasnn.options import PreprocessingOptions, TrainingOptions

if TYPE_CHECKING:
    from keras import KerasTensor

    from kerasnn.signature import Signature

# The paper trains up to 1500 epochs, with a rate that is halved where the loss stands still.
TRAINING_OPTIONS = TrainingOptions(epochs=0, learning_rate=2e-3, schedule="one_cycle", patience=0)
PREPROCESSING = PreprocessingOptions()

SIZES = (40, 20, 10)
# Modules between two shortcuts.
RESIDUAL = 3


def inception_time(
    signature: Signature,
    *,
    width: int = 32,
    depth: int = 6,
) -> keras.Model:
    """Modules of convolutions of three lengths side by side, with shortcuts; the mean over time.

    A module makes the channels few by a 1 × 1 convolution, lets kernels of 40, 20 and 10 places
    look at them, and at the greatest of three neighbours, and puts all four side by side. The paper
    averages five such networks; this is one.

    Args:
        signature: The inputs and the output.
        width: Channels of each of the four parts of a module, and of what they look at.
        depth: Modules; each third is followed by a shortcut.

    Shape:
        series: (batch, length, channels); text: (batch, length); sound: (batch, samples);
        past: (batch, history, targets); returns raw scores, (batch, output.width)

    Raises:
        ConfigError: A value is out of its range, or the signature has no sequence.

    Reference:
        Fawaz et al., "InceptionTime", 2020, arXiv 1909.04939. Mean accuracy on 128 problems of
        UCR: .839, of five networks .849.

    >>> from kerasnn.signature import Signature
    >>> inception_time(Signature.time_series(50, 1, classes=3), width=8, depth=3).output_shape
    (None, 3)
    """
    choices.check(width=width, depth=depth)

    def encoder(x: KerasTensor, mask: KerasTensor, name: str) -> KerasTensor:
        shortcut = x
        for i in range(1, depth + 1):
            x = _module(x, mask, width=width, name=f"{name}_module_{i}")
            if i % RESIDUAL == 0:
                x = shortcut = _residual(shortcut, x, mask, name=f"{name}_shortcut_{i}")
        return layers.masked_mean(x, mask)

    return layers.sequence_network(signature, encoder, embedding=2 * width, name="inception_time")


def _module(x: KerasTensor, mask: KerasTensor, *, width: int, name: str) -> KerasTensor:
    """(batch, time, any) → (batch, time, 4 · width)."""
    pooled = layers.masked_max_pool(x, mask, size=3, name=f"{name}_pool")
    if x.shape[2] > 1:
        x = layers.conv_1d(x, width=width, size=1, name=f"{name}_bottleneck")
    parts = [
        layers.conv_1d(x, width=width, size=size, name=f"{name}_conv_{size}") for size in SIZES
    ]
    parts.append(layers.conv_1d(pooled, width=width, size=1, name=f"{name}_pooled"))
    return layers.norm_block(
        layers.concatenate_features(parts, name=f"{name}_parts"), mask, name=name
    )


def _residual(x: KerasTensor, inner: KerasTensor, mask: KerasTensor, *, name: str) -> KerasTensor:
    x = layers.conv_1d(x, width=inner.shape[2], size=1, name=f"{name}_conv")
    x = layers.add([layers.masked_norm(x, mask, name=f"{name}_norm"), inner], name=f"{name}_sum")
    return layers.masked(keras.layers.ReLU(name=f"{name}_activation")(x), mask)
