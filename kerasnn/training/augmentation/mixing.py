"""MixUp and CutMix: images of which a part belongs to another row."""

from __future__ import annotations

import tensorflow as tf

from kerasnn.training.augmentation.draws import Draws
from kerasnn.training.augmentation.pixels import box


class Mixing:
    """How much of each image of a step stays its own.

    The other image is that of the next row of the batch: rows come in random order anyhow. The
    share is even in [0, 1), Beta(1, 1), for each image. CutMix alone is done to half of the images;
    where both are asked for, a coin decides for each.

    Args:
        changes: ``mixup``, ``cutmix`` or both.
        draws: Of the step.

    References:
        Zhang et al. (2017), "mixup: Beyond Empirical Risk Minimization", arXiv 1710.09412.
        Yun et al. (2019), "CutMix: Regularization Strategy to Train Strong Classifiers with
        Localizable Features", arXiv 1905.04899.
    """

    def __init__(self, changes: frozenset[str], draws: Draws) -> None:
        share, self._x, self._y, coin = draws.uniform("cutmix", 4)
        blends, cuts = "mixup" in changes, "cutmix" in changes
        cut = coin < (0.5 if cuts else 0.0)
        # What one of the two does not do to an image is done with a share of 1, which is nothing.
        self._blended = tf.where(cut, 1.0, share) if blends else tf.ones_like(share)
        self._kept = tf.where(cut, share, 1.0)
        batch = tf.shape(share)[0]
        self.partner = (tf.range(batch) + 1) % batch

    def apply(self, pixels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The mixed images and, (batch,), the share of its pixels that is each image's own."""
        height, width = pixels.shape[1:3]
        pasted = tf.cast(self._box(height, width), "float32")
        own = self._blended[:, tf.newaxis, tf.newaxis, tf.newaxis] * (1 - pasted)
        mixed = own * pixels + (1 - own) * tf.roll(pixels, -1, axis=0)
        return mixed, tf.reduce_mean(own, axis=(1, 2, 3))

    def _box(self, height: int, width: int) -> tf.Tensor:
        """Sides of √(1 - share), round an even centre, cut off at the border."""
        size = tf.sqrt(1 - self._kept)
        ends = []
        for centre, side in ((self._y, height), (self._x, width)):
            middle = tf.cast(centre * side, "int32")
            half = tf.cast(size * side, "int32") // 2
            ends += [tf.maximum(middle - half, 0), tf.minimum(middle + half, side)]
        return box(height, width, top=ends[0], bottom=ends[1], left=ends[2], right=ends[3])
