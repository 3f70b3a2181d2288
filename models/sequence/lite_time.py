"""LITE: a light network with filters made by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from numpy.typing import NDArray

from kerasnn import layers
from kerasnn.layers import choices
from kerasnn.options import PreprocessingOptions, TrainingOptions

if TYPE_CHECKING:
    from keras import KerasTensor

    from kerasnn.signature import Signature

TRAINING_OPTIONS = TrainingOptions(epochs=0, learning_rate=2e-3, schedule="one_cycle", patience=0)
PREPROCESSING = PreprocessingOptions()

SIZES = (40, 20, 10)
# Of the two separable convolutions behind: size and dilation.
SEPARABLE = ((20, 2), (10, 4))
TREND_SIZES, PEAK_SIZES = (2, 4, 8, 16, 32, 64), (4, 8, 16, 32, 64)


def lite_time(signature: Signature, *, width: int = 32) -> keras.Model:
    """One layer of convolutions of three lengths beside filters made by hand, then two light ones.

    The filters made by hand are not trained: they answer to values that rise, that fall, and that
    peak, at several lengths. Behind them are two separable convolutions, dilated by 2 and by 4. The
    paper's LITETime averages five such networks; this is one.

    Args:
        signature: The inputs and the output.
        width: Channels of each of the three parts, and of each separable convolution.

    Shape:
        series: (batch, length, channels); text: (batch, length); sound: (batch, samples);
        past: (batch, history, targets); returns raw scores, (batch, output.width)

    Raises:
        ConfigError: A value is out of its range, or the signature has no sequence.

    Reference:
        Ismail-Fawaz et al., "LITE: light inception with boosting techniques for time series
        classification", 2023, arXiv 2409.02869. Mean accuracy on 128 problems of UCR: .830, of
        five networks .846, with 2 % of InceptionTime's parameters.

    >>> from kerasnn.signature import Signature
    >>> lite_time(Signature.time_series(50, 1, classes=3), width=8).output_shape
    (None, 3)
    """
    choices.check(width=width)

    def encoder(x: KerasTensor, mask: KerasTensor, name: str) -> KerasTensor:
        parts = [layers.conv_1d(x, width=width, size=k, name=f"{name}_conv_{k}") for k in SIZES]
        parts.append(_by_hand(x, name=f"{name}_by_hand"))
        x = layers.norm_block(
            layers.concatenate_features(parts, name=f"{name}_parts"), mask, name=name
        )
        for i, (size, dilation) in enumerate(SEPARABLE, 1):
            x = keras.layers.SeparableConv1D(
                width,
                size,
                dilation_rate=dilation,
                padding="same",
                use_bias=False,
                name=f"{name}_separable_{i}",
            )(x)
            x = layers.norm_block(x, mask, name=f"{name}_separable_{i}")
        return layers.masked_mean(x, mask)

    return layers.sequence_network(signature, encoder, embedding=width, name="lite_time")


def filters_by_hand() -> list[NDArray[Any]]:
    """Each filter from its first place to its last.

    Those that answer to values that rise, and that fall, alternate between -1 and 1. Those that
    answer to a peak are three bumps of the same size k / 2 side by side, the outer ones negative,
    the inner one twice as high; a bump goes up as the square of its place, and down likewise.
    """
    rise = [np.array([-1.0, 1.0] * (size // 2)) for size in TREND_SIZES]
    return [*rise, *(-values for values in rise), *map(_peak, PEAK_SIZES)]


def _peak(size: int) -> NDArray[Any]:
    up = np.linspace(0, 1, size // 4 + 1)[1:] ** 2
    bump = np.concatenate([up, up[::-1]])
    return np.concatenate([-bump, 2 * bump, -bump])


def _by_hand(x: KerasTensor, *, name: str) -> KerasTensor:
    """One channel a filter, which sums over the channels of x."""
    filters = filters_by_hand()
    longest = max(map(len, filters))
    kernel = np.zeros((longest, x.shape[2], len(filters)), "float32")
    for i, values in enumerate(filters):
        # All look as far ahead and back as a kernel of their own size would.
        start = (longest - 1) // 2 - (len(values) - 1) // 2
        kernel[start : start + len(values), :, i] = values[:, None]
    layer = keras.layers.Conv1D(
        len(filters),
        longest,
        padding="same",
        use_bias=False,
        activation="relu",
        trainable=False,
        name=name,
    )
    x = layer(x)
    layer.kernel.assign(kernel)
    return x
