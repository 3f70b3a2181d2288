"""Convolutions over time, and pooling, that never see what is behind the end of a sequence.

Their inputs and outputs are 0 where the mask is, as if the sequence were followed by nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
from keras import ops

from kerasnn.layers import choices
from kerasnn.layers.activations import activate
from kerasnn.layers.initializers import initializer_for

if TYPE_CHECKING:
    from keras import KerasTensor

    from kerasnn.layers.choices import Activation

# Below every reading there is, and finite in bfloat16 too.
LOWEST = -1e30


def masked(x: KerasTensor, mask: KerasTensor) -> KerasTensor:
    """The vectors within a sequence, and zeros behind its end.

    Shape:
        x: (batch, time, any); mask: (batch, time); returns the shape of x
    """
    return ops.multiply(x, ops.cast(ops.expand_dims(mask, 2), x.dtype))


def conv_1d(
    x: KerasTensor,
    *,
    width: int,
    size: int,
    dilation: int = 1,
    causal: bool = False,
    activation: Activation = "relu",
    use_bias: bool = False,
    name: str,
) -> KerasTensor:
    """A convolution over time that keeps the length.

    Args:
        x: Zero behind the end.
        width: Channels that come out.
        size: Length of the kernel; one of even length sees one more step ahead than back.
        dilation: Places from one value of the kernel to the next.
        causal: True for a causal convolution, which sees no later steps.
        activation: Activation function after the layer, which decides the initial scale of the
            kernel.
        use_bias: True to add a bias to each channel.
        name: Name of the layer.

    Shape:
        x: (batch, time, channels); returns (batch, time, width)

    Raises:
        ConfigError: A value is out of its range.
    """
    choices.check(width=width, size=size)
    return keras.layers.Conv1D(
        width,
        size,
        dilation_rate=dilation,
        padding="causal" if causal else "same",
        use_bias=use_bias,
        kernel_initializer=initializer_for("auto", activation=activation),
        name=name,
    )(x)


def masked_norm(x: KerasTensor, mask: KerasTensor, *, name: str) -> KerasTensor:
    """Batch normalization whose statistics count what is within the sequences alone.

    Shape:
        x: (batch, time, channels); mask: (batch, time); returns the shape of x
    """
    layer = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)
    # With a mask, Keras' layer loses the axis of a single channel.
    return layer(x, mask=ops.greater(mask, 0)) if x.shape[2] > 1 else layer(x)


def conv_1d_block(
    x: KerasTensor,
    mask: KerasTensor,
    *,
    width: int,
    size: int,
    dilation: int = 1,
    activation: Activation = "relu",
    name: str,
) -> KerasTensor:
    """Convolution → batch normalization → activation → mask.

    Shape:
        x: (batch, time, channels); mask: (batch, time); returns (batch, time, width)

    Raises:
        ConfigError: A value is out of its range.
    """
    x = conv_1d(
        x,
        width=width,
        size=size,
        dilation=dilation,
        activation=activation,
        name=f"{name}_conv",
    )
    return norm_block(x, mask, activation=activation, name=name)


def norm_block(
    x: KerasTensor, mask: KerasTensor, *, activation: Activation = "relu", name: str
) -> KerasTensor:
    """Batch normalization → activation → mask.

    Shape:
        x: (batch, time, channels); mask: (batch, time); returns the shape of x
    """
    x = masked_norm(x, mask, name=f"{name}_norm")
    return masked(activate(x, activation, name=f"{name}_activation"), mask)


def masked_mean(x: KerasTensor, mask: KerasTensor) -> KerasTensor:
    """The mean within the sequence, and 0 of an empty one; in float32.

    Shape:
        x: (batch, time, any), zero behind the end; mask: (batch, time); returns (batch, any)
    """
    count = ops.maximum(ops.sum(mask, axis=1, keepdims=True), 1.0)
    return ops.sum(ops.cast(x, "float32"), axis=1) / count


def last_valid_step(x: KerasTensor, mask: KerasTensor) -> KerasTensor:
    """The vector at the last place of a sequence, and zeros of an empty one.

    Shape:
        x: (batch, time, any); mask: (batch, time); returns (batch, any)
    """
    is_last = mask - ops.pad(mask[:, 1:], ((0, 0), (0, 1)))
    return ops.sum(masked(x, is_last), axis=1)


def masked_max(x: KerasTensor, mask: KerasTensor) -> KerasTensor:
    """The largest value of each channel within the sequence, and 0 of an empty one.

    Shape:
        x: (batch, time, any); mask: (batch, time); returns (batch, any)
    """
    there = ops.expand_dims(mask, 2)
    largest = ops.max(ops.where(ops.greater(there, 0), x, LOWEST), axis=1)
    return ops.multiply(largest, ops.cast(ops.max(mask, axis=1, keepdims=True), x.dtype))


def masked_max_pool(x: KerasTensor, mask: KerasTensor, *, size: int, name: str) -> KerasTensor:
    """The largest value near each place, of those within the sequence.

    Shape:
        x: (batch, time, any); mask: (batch, time); returns the shape of x
    """
    there = ops.greater(ops.expand_dims(mask, 2), 0)
    x = ops.where(there, x, LOWEST)
    x = keras.layers.MaxPooling1D(size, strides=1, padding="same", name=name)(x)
    return ops.where(there, x, 0.0)
