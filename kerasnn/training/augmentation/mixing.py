"""MixUp and CutMix: images of which a part belongs to another row.

The other image is that of the next row of the batch: rows come in random order anyhow. The share
that stays is even in [0, 1), Beta(1, 1), for each image.

References:
    Zhang et al. (2017), "mixup: Beyond Empirical Risk Minimization", arXiv 1710.09412.
    Yun et al. (2019), "CutMix: Regularization Strategy to Train Strong Classifiers with
    Localizable Features", arXiv 1905.04899.
"""

from __future__ import annotations

import tensorflow as tf

from kerasnn.training.augmentation.draws import Draws, whole
from kerasnn.training.augmentation.pixels import box


def partner(batch: tf.Tensor) -> tf.Tensor:
    """Place of the other image of each, (batch,) int32."""
    return (tf.range(batch) + 1) % batch


def mix(pixels: tf.Tensor, draws: Draws) -> tf.Tensor:
    """The mixed images: MixUp of all of them, CutMix of half, with both one of the two."""
    _, height, width, _ = pixels.shape
    own = _own(draws, height, width)
    pixels = tf.cast(pixels, "float32")
    return own * pixels + (1 - own) * tf.roll(pixels, -1, axis=0)


def share(draws: Draws, height: int, width: int) -> tf.Tensor:
    """How much of each image is its own, by area, (batch,)."""
    return tf.reduce_mean(_own(draws, height, width), axis=(1, 2, 3))


def _own(draws: Draws, height: int, width: int) -> tf.Tensor:
    """Weight of the own image at each place, (batch, height, width, 1) or what broadcasts to it."""
    blended = draws["mixup"][0][:, tf.newaxis, tf.newaxis, tf.newaxis] if "mixup" in draws else 1.0
    if "cutmix" not in draws:
        return blended
    kept, x, y, coin = draws["cutmix"]
    outside = 1 - tf.cast(_box(kept, x, y, height, width), "float32")
    return tf.where((coin < 0.5)[:, tf.newaxis, tf.newaxis, tf.newaxis], outside, blended)


def _box(kept: tf.Tensor, x: tf.Tensor, y: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Sides of √(1 - kept) round any centre, cut off at the border."""
    size = tf.sqrt(1 - kept)
    ends = []
    for centre, side in ((y, height), (x, width)):
        middle, half = whole(centre, side), whole(size, side) // 2
        ends += [tf.maximum(middle - half, 0), tf.minimum(middle + half, side)]
    return box(height, width, top=ends[0], bottom=ends[1], left=ends[2], right=ends[3])
