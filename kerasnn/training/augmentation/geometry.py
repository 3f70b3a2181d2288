"""Where each pixel of a changed image comes from."""

from __future__ import annotations

import tensorflow as tf


def shifted(length: int, shifts: tf.Tensor) -> tf.Tensor:
    """Source of each pixel of a side that is moved, reflected at the border.

    Args:
        length: Of the side.
        shifts: (batch,) int32, less than the length.

    Returns:
        (batch, length) int32.
    """
    last = length - 1
    places = tf.abs(tf.range(length) + shifts[:, tf.newaxis])
    return last - tf.abs(last - places)


def flipped(places: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    """Sources (batch, length) in reverse order where chosen, (batch,) bool."""
    return tf.where(chosen[:, tf.newaxis], tf.reverse(places, [1]), places)


def take(pixels: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
    """Pixels by their row and column in the image.

    Args:
        pixels: (batch, height, width, channels).
        rows: int32, (batch, height, width) or what broadcasts to it.
        columns: Likewise.

    Returns:
        (batch, height, width, channels), of the type of the pixels.
    """
    height, width, channels = pixels.shape[1:]
    first = tf.range(tf.shape(pixels)[0]) * (height * width)
    # One gather of whole pixels: on a CPU faster than one along each side.
    places = first[:, tf.newaxis, tf.newaxis] + rows * width + columns
    return tf.gather(tf.reshape(pixels, (-1, channels)), places)


class Warp:
    """Affine map from the places of a new image to those of the old one, for each image.

    Places are in pixels, from the middle; the offset is in sides. `then` collects maps, so that
    any number of them costs one interpolation.

    Args:
        batch: Number of images.
    """

    def __init__(self, batch: tf.Tensor) -> None:
        one, none = tf.ones((batch,)), tf.zeros((batch,))
        self.matrix = ((one, none), (none, one))  # (x from x, x from y), (y from x, y from y)
        self.offset = (none, none)

    def then(self, xx: tf.Tensor, xy: tf.Tensor, yx: tf.Tensor, yy: tf.Tensor) -> None:
        """Multiply by [[xx, xy], [yx, yy]], (batch,) each."""
        (a, b), (c, d) = self.matrix
        self.matrix = ((a * xx + b * yx, a * xy + b * yy), (c * xx + d * yx, c * xy + d * yy))

    def turn(self, angles: tf.Tensor) -> None:
        """Turn clockwise by (batch,) radians."""
        self.then(tf.cos(angles), tf.sin(angles), -tf.sin(angles), tf.cos(angles))

    def shear(self, x: tf.Tensor, y: tf.Tensor) -> None:
        """Slant by (batch,) pixels a pixel."""
        one = tf.ones_like(x)
        self.then(one, x, y, one)

    def apply(self, pixels: tf.Tensor) -> tf.Tensor:
        """Interpolated between the four neighbours, reflected at the border; float32."""
        height, width = pixels.shape[1:3]
        x = (tf.range(width, dtype="float32") - (width - 1) / 2)[tf.newaxis, tf.newaxis]
        y = (tf.range(height, dtype="float32") - (height - 1) / 2)[tf.newaxis, :, tf.newaxis]
        places = [
            _wide(from_x) * x + _wide(from_y) * y + _wide(offset) * side + (side - 1) / 2
            for (from_x, from_y), offset, side in zip(
                self.matrix, self.offset, (width, height), strict=True
            )
        ]
        return _interpolate(pixels, _reflect(places[1], height), _reflect(places[0], width))


def _wide(values: tf.Tensor) -> tf.Tensor:
    return values[:, tf.newaxis, tf.newaxis]


def _reflect(places: tf.Tensor, length: int) -> tf.Tensor:
    """Fold any places into [0, length - 1]."""
    last = length - 1
    if last == 0:
        return tf.zeros_like(places)
    return last - tf.abs(last - tf.math.floormod(places, 2.0 * last))


def _interpolate(pixels: tf.Tensor, y: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """Bilinear; the places are (batch, height, width) and within the image."""
    height, width = pixels.shape[1:3]
    top, left = tf.floor(y), tf.floor(x)
    down, right = (y - top)[..., tf.newaxis], (x - left)[..., tf.newaxis]
    top, left = tf.cast(top, "int32"), tf.cast(left, "int32")
    below, beside = tf.minimum(top + 1, height - 1), tf.minimum(left + 1, width - 1)

    def pixel(rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
        return tf.cast(take(pixels, rows, columns), "float32")

    upper = pixel(top, left) * (1 - right) + pixel(top, beside) * right
    lower = pixel(below, left) * (1 - right) + pixel(below, beside) * right
    return upper * (1 - down) + lower * down
