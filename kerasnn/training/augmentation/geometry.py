"""Where each pixel of a changed image comes from.

Images are (batch, height, width, channels), uint8 or float32; parameters (batch,) vectors.
"""

from __future__ import annotations

import tensorflow as tf

from kerasnn.training.augmentation.draws import Draws, whole


def move(pixels: tf.Tensor, draws: Draws) -> tf.Tensor:
    """Shift by up to an eighth of the sides, then flips: whole pixels, in one gather."""
    height, width = pixels.shape[1:3]
    rows, columns = tf.range(height)[tf.newaxis], tf.range(width)[tf.newaxis]
    if "flip" in draws:
        columns = _flipped(columns, draws["flip"][0])
    if "flip_vertical" in draws:
        rows = _flipped(rows, draws["flip_vertical"][0])
    if "shift" in draws:
        columns, rows = (
            _shifted(places, whole(uniform, 2 * (side // 8) + 1) - side // 8, side)
            for places, uniform, side in (
                (columns, draws["shift"][0], width),
                (rows, draws["shift"][1], height),
            )
        )
    return take(pixels, rows[:, :, tf.newaxis], columns[:, tf.newaxis, :])


def _flipped(places: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    return tf.where(chosen[:, tf.newaxis], places[:, ::-1], places)


def _shifted(places: tf.Tensor, by: tf.Tensor, length: int) -> tf.Tensor:
    """Reflected at the border, whose pixel is not repeated; ``by`` is less than the length."""
    last = length - 1
    return last - tf.abs(last - tf.abs(places + by[:, tf.newaxis]))


def take(pixels: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
    """Pixels by their row and column in the image.

    Args:
        pixels: The images.
        rows: int32, (batch, height, width) or what broadcasts to it.
        columns: Column of each pixel, int32, of the shape of ``rows``.
    """
    height, width, channels = pixels.shape[1:]
    first = tf.range(tf.shape(pixels)[0]) * (height * width)
    # One gather of whole pixels: on a CPU faster than one along each side.
    places = first[:, tf.newaxis, tf.newaxis] + rows * width + columns
    return tf.gather(tf.reshape(pixels, (-1, channels)), places)


class Warp:
    """Affine map from the places of a new image to those of the old one, for each image.

    Places are in pixels, from the middle; the offset is in sides. Any number of maps is collected
    and costs one interpolation.

    Args:
        batch: Number of images.
    """

    def __init__(self, batch: tf.Tensor) -> None:
        one, none = tf.ones((batch,)), tf.zeros((batch,))
        self.matrix = ((one, none), (none, one))  # (x from x, x from y), (y from x, y from y)
        self.offset = (none, none)

    def turn(self, angle: tf.Tensor) -> None:
        """Rotate by an angle in radians; positive angles turn the image counterclockwise."""
        self._multiply(tf.cos(angle), -tf.sin(angle), tf.sin(angle), tf.cos(angle))

    def shear(self, x: tf.Tensor, y: tf.Tensor) -> None:
        """Slant by so many pixels a pixel."""
        one = tf.ones_like(x)
        self._multiply(one, x, y, one)

    def scale(self, factor: tf.Tensor) -> None:
        """Reduce by a factor."""
        none = tf.zeros_like(factor)
        self._multiply(factor, none, none, factor)

    def shift(self, x: tf.Tensor, y: tf.Tensor) -> None:
        """Move by shares of the sides, whatever the other maps are."""
        self.offset = (self.offset[0] + x, self.offset[1] + y)

    def _multiply(self, xx: tf.Tensor, xy: tf.Tensor, yx: tf.Tensor, yy: tf.Tensor) -> None:
        (a, b), (c, d) = self.matrix
        self.matrix = ((a * xx + b * yx, a * xy + b * yy), (c * xx + d * yx, c * xy + d * yy))

    def apply(self, pixels: tf.Tensor) -> tf.Tensor:
        """Interpolated between the four neighbours, reflected at the border; float32."""
        height, width = pixels.shape[1:3]
        x = (tf.range(width, dtype="float32") - (width - 1) / 2)[tf.newaxis, tf.newaxis]
        y = (tf.range(height, dtype="float32") - (height - 1) / 2)[tf.newaxis, :, tf.newaxis]
        columns, rows = (
            _reflected(
                _wide(from_x) * x + _wide(from_y) * y + _wide(offset) * side + (side - 1) / 2, side
            )
            for (from_x, from_y), offset, side in zip(
                self.matrix, self.offset, (width, height), strict=True
            )
        )
        return interpolate(pixels, rows, columns)


def _wide(values: tf.Tensor) -> tf.Tensor:
    return values[:, tf.newaxis, tf.newaxis]


def _reflected(places: tf.Tensor, length: int) -> tf.Tensor:
    """Folded into [0, length - 1], from wherever."""
    last = length - 1
    if last == 0:
        return tf.zeros_like(places)
    return last - tf.abs(last - tf.math.floormod(places, 2.0 * last))


def interpolate(pixels: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
    """Bilinear, at float32 places (batch, height, width) within the image; float32."""
    height, width = pixels.shape[1:3]
    top, left = tf.floor(rows), tf.floor(columns)
    down, right = (rows - top)[..., tf.newaxis], (columns - left)[..., tf.newaxis]
    top, left = tf.cast(top, "int32"), tf.cast(left, "int32")
    below, beside = tf.minimum(top + 1, height - 1), tf.minimum(left + 1, width - 1)

    def pixel(rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
        return tf.cast(take(pixels, rows, columns), "float32")

    upper = pixel(top, left) * (1 - right) + pixel(top, beside) * right
    lower = pixel(below, left) * (1 - right) + pixel(below, beside) * right
    return upper * (1 - down) + lower * down
