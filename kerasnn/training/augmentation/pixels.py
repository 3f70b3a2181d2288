"""Changes of the values of pixels, float32 from 0 to 255, for each image its own.

Parameters are (batch,) vectors; images (batch, height, width, channels).
"""

from __future__ import annotations

import tensorflow as tf

# Of red, green and blue in a grey value (ITU-R 601-2, as Pillow has it).
LUMA = (0.299, 0.587, 0.114)


def jitter(
    pixels: tf.Tensor, *, brightness: tf.Tensor, contrast: tf.Tensor, saturation: tf.Tensor
) -> tf.Tensor:
    """Blend with black, then with the mean grey, then with the grey image; 1 changes nothing.

    All three are linear, so that one pass does them; it may leave [0, 255].
    """
    grey = _grey(pixels)
    mean = tf.reduce_mean(grey, axis=(1, 2, 3))
    scale = _wide(brightness * contrast)
    level = _wide(brightness * (1 - contrast) * mean)
    if pixels.shape[-1] == 3:
        pixels = _wide(saturation) * pixels + _wide(1 - saturation) * grey
    return scale * pixels + level


def stretch(pixels: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    """Each channel of the chosen images from its darkest to its brightest value on 0 to 255."""
    low = tf.reduce_min(pixels, axis=(1, 2), keepdims=True)
    span = tf.reduce_max(pixels, axis=(1, 2), keepdims=True) - low
    chosen = tf.logical_and(_wide(chosen), span > 0)
    scale = tf.where(chosen, 255 / tf.maximum(span, 1e-3), 1.0)
    return (pixels - tf.where(chosen, low, 0.0)) * scale


def posterize(pixels: tf.Tensor, chosen: tf.Tensor, bits: int) -> tf.Tensor:
    """Without the given number of low bits in the chosen images."""
    step = 2.0**bits
    return tf.where(_wide(chosen), tf.floor(pixels / step) * step, pixels)


def solarize(pixels: tf.Tensor, chosen: tf.Tensor, threshold: float) -> tf.Tensor:
    """Inverted from the threshold on in the chosen images."""
    inverted = tf.logical_and(_wide(chosen), pixels >= threshold)
    return tf.where(inverted, 255 - pixels, pixels)


def sharpen(pixels: tf.Tensor, amount: tf.Tensor) -> tf.Tensor:
    """Away from the smoothed image by a share of the distance; below 0 towards it.

    Smoothed with the kernel [[1, 1, 1], [1, 5, 1], [1, 1, 1]] / 13; the border stays as it is.
    """
    height, width = pixels.shape[1:3]
    if min(height, width) < 3:
        return pixels
    total = tf.add_n(
        [pixels[:, i : i + height - 2, j : j + width - 2] for i in range(3) for j in range(3)]
    )
    inner = pixels[:, 1:-1, 1:-1]
    change = _wide(amount) * (inner - (total + 4 * inner) / 13)
    return pixels + tf.pad(change, ((0, 0), (1, 1), (1, 1), (0, 0)))


def cutout(pixels: tf.Tensor, x: tf.Tensor, y: tf.Tensor, fill: tuple[float, ...]) -> tf.Tensor:
    """A square of a quarter of the shorter side, within the image, takes the given colour.

    Args:
        pixels: The images.
        x: Position between left and right, in [0, 1).
        y: Position between top and bottom, in [0, 1).
        fill: Value of each channel.

    Reference:
        DeVries and Taylor (2017), "Improved Regularization of Convolutional Neural Networks with
        Cutout", arXiv 1708.04552.
    """
    height, width = pixels.shape[1:3]
    side = min(height, width) // 4
    top = tf.cast(y * (height - side + 1), "int32")
    left = tf.cast(x * (width - side + 1), "int32")
    hole = box(height, width, top=top, bottom=top + side, left=left, right=left + side)
    return tf.where(hole, tf.constant(fill, "float32"), pixels)


def box(
    height: int,
    width: int,
    *,
    top: tf.Tensor,
    bottom: tf.Tensor,
    left: tf.Tensor,
    right: tf.Tensor,
) -> tf.Tensor:
    """(batch, height, width, 1) bool: from the top to above the bottom, likewise across."""
    rows, columns = tf.range(height), tf.range(width)
    down = tf.logical_and(rows >= top[:, tf.newaxis], rows < bottom[:, tf.newaxis])
    across = tf.logical_and(columns >= left[:, tf.newaxis], columns < right[:, tf.newaxis])
    inside = tf.logical_and(down[:, :, tf.newaxis], across[:, tf.newaxis, :])
    return inside[..., tf.newaxis]


def _grey(pixels: tf.Tensor) -> tf.Tensor:
    if pixels.shape[-1] == 1:
        return pixels
    return tf.reduce_sum(pixels * tf.constant(LUMA), axis=-1, keepdims=True)


def _wide(values: tf.Tensor) -> tf.Tensor:
    return values[:, tf.newaxis, tf.newaxis, tf.newaxis]
