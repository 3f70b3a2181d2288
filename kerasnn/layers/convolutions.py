"""Convolutions and pooling that fit images of any size, of plain Keras layers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import keras
import numpy as np
from keras import ops

from kerasnn.layers import choices
from kerasnn.layers.activations import activate
from kerasnn.layers.blocks import normalize
from kerasnn.layers.initializers import initializer_for

if TYPE_CHECKING:
    from keras import KerasTensor

    from kerasnn.layers.choices import Activation, Normalization

# Smaller sides are not halved: there would be nothing left for a 3 × 3 kernel to see.
SMALLEST_HALVED = 4
# Networks for small images are made for sides of about this many pixels.
USUAL_SIDE = 32


def convolution(
    x: KerasTensor,
    *,
    width: int,
    size: int = 3,
    stride: int = 1,
    activation: Activation = "relu",
    use_bias: bool = False,
    name: str,
) -> KerasTensor:
    """A convolution that keeps the size of the image, or divides it by the stride.

    Args:
        x: Input tensor.
        width: Channels that come out.
        size: Side of the square kernel in pixels.
        stride: Pixels from one position of the kernel to the next.
        activation: Activation function after the layer, which decides the initial scale of the
            kernel.
        use_bias: True to add a bias to each channel; useless before a normalization.
        name: Name of the layer.

    Shape:
        x: (batch, height, width, channels); returns (batch, ⌈height / stride⌉, ⌈…⌉, width)

    Raises:
        ConfigError: The width is out of its range.
    """
    choices.check(width=width)
    return keras.layers.Conv2D(
        width,
        size,
        strides=stride,
        padding="same",
        use_bias=use_bias,
        kernel_initializer=initializer_for("auto", activation=activation),
        name=name,
    )(x)


def conv_block(
    x: KerasTensor,
    *,
    width: int,
    size: int = 3,
    stride: int = 1,
    activation: Activation = "relu",
    normalization: Normalization = "batch",
    name: str,
) -> KerasTensor:
    """Convolution → normalization → activation.

    Args:
        x: Input tensor.
        width: Channels that come out.
        size: Side of the square kernel in pixels.
        stride: Pixels from one position of the kernel to the next.
        activation: Name of the activation function.
        normalization: Normalization of the channels before the activation.
        name: Prefix of the layers' names.

    Shape:
        x: (batch, height, width, channels); returns (batch, ⌈height / stride⌉, ⌈…⌉, width)

    Raises:
        ConfigError: A value is out of its range.
    """
    x = convolution(
        x,
        width=width,
        size=size,
        stride=stride,
        activation=activation,
        use_bias=normalization != "batch",
        name=f"{name}_conv",
    )
    x = normalize(x, normalization, name=f"{name}_norm")
    return activate(x, activation, name=f"{name}_activation")


def halve(x: KerasTensor, *, name: str) -> KerasTensor:
    """Max-pooling by 2 of the sides that have at least 4 pixels; nothing where neither has.

    Shape:
        x: (batch, height, width, channels); returns (batch, height // 2, width // 2, channels)
    """
    pool = tuple(2 if side >= SMALLEST_HALVED else 1 for side in x.shape[1:3])
    return x if pool == (1, 1) else keras.layers.MaxPooling2D(pool, name=name)(x)


def global_pool(x: KerasTensor, kind: Literal["mean", "max"], *, name: str) -> KerasTensor:
    """The mean or the maximum of each channel over the whole image.

    Shape:
        x: (batch, height, width, channels); returns (batch, channels)
    """
    if kind == "max":
        return keras.layers.GlobalMaxPooling2D(name=name)(x)
    return keras.layers.GlobalAveragePooling2D(name=name)(x)


def stem_stride(x: KerasTensor) -> int:
    """Stride of the first convolution for large images: 1, 2 or 4.

    >>> stem_stride(keras.Input((32, 32, 3))), stem_stride(keras.Input((224, 224, 3)))
    (1, 4)
    """
    return power_of_two(x, 1 / USUAL_SIDE, largest=4)


def stage_stride(x: KerasTensor) -> int:
    """2 where both sides have at least 4 pixels, else 1."""
    return 2 if min(x.shape[1:3]) >= SMALLEST_HALVED else 1


def power_of_two(x: KerasTensor, share: float, *, largest: int, nearest: bool = False) -> int:
    """The power of 2 that is at most a share of the image's side, or nearest to it; >= 1.

    Args:
        x: An image; the side of the square of as many pixels counts.
        share: Fraction of the side.
        largest: No more than that.
        nearest: True to round the exponent to the nearest integer, false to round it down.
    """
    exponent = math.log2(share * math.sqrt(x.shape[1] * x.shape[2]))
    whole = round(exponent) if nearest else math.floor(exponent + 1e-9)
    return min(largest, 1 << max(0, whole))


def depthwise(x: KerasTensor, *, size: int, name: str) -> KerasTensor:
    """A convolution of each channel on its own.

    Shape:
        x: (batch, height, width, channels); returns the same
    """
    return keras.layers.DepthwiseConv2D(
        size, padding="same", depthwise_initializer="he_normal", name=name
    )(x)


def layer_scale(x: KerasTensor, start: float, *, name: str) -> KerasTensor:
    """One learned factor a channel.

    Args:
        x: Input tensor.
        start: First value of the factors.
        name: Name of the layer.

    Shape:
        x: (batch, height, width, channels); returns the same

    Reference:
        Touvron et al., "Going deeper with image transformers", 2021, arXiv 2103.17239.
    """
    # The layer of Keras that does this, and opens in a saved network without a class of ours.
    return keras.layers.DepthwiseConv2D(
        1,
        use_bias=False,
        depthwise_initializer=keras.initializers.Constant(start),
        name=name,
    )(x)


def dirac_convolution(x: KerasTensor, *, width: int, size: int = 3, name: str) -> KerasTensor:
    """A convolution without bias that starts by repeating its input, as far as it has channels.

    Of the output channels, the first have 1 at the center of the kernel for the channel of their
    own number and 0 elsewhere; any others start uniform in ±1/√(number of inputs).

    Args:
        x: Input tensor.
        width: Channels that come out.
        size: Side of the square kernel in pixels.
        name: Name of the layer.

    Shape:
        x: (batch, height, width, channels); returns (batch, height, width, width)

    Raises:
        ConfigError: The width is out of its range.

    Reference:
        Zagoruyko and Komodakis, "DiracNets", 2017, arXiv 1706.00388.
    """
    choices.check(width=width)
    layer = keras.layers.Conv2D(
        width,
        size,
        padding="same",
        use_bias=False,
        kernel_initializer=keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform"),
        name=name,
    )
    x = layer(x)
    kernel = np.array(ops.convert_to_numpy(layer.kernel))
    kept = np.arange(min(kernel.shape[2:]))
    kernel[..., kept] = 0
    kernel[size // 2, size // 2, kept, kept] = 1
    layer.kernel.assign(kernel)
    return x


def shift_norm(
    x: KerasTensor, *, momentum: float, bias_rate: float = 1.0, name: str
) -> KerasTensor:
    """Batch normalization with a learned shift of each channel and no scale, ε = 1e-5.

    Args:
        x: Input tensor.
        momentum: Momentum of the moving statistics for inference.
        bias_rate: Factor of the learning rate for the shifts.
        name: Name of the layer.
    """
    layer = keras.layers.BatchNormalization(momentum=momentum, epsilon=1e-5, scale=False, name=name)
    x = layer(x)
    layer.beta.learning_rate_factor = bias_rate
    return x
