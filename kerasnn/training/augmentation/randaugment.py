"""RandAugment, two changes for each image."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from kerasnn.training.augmentation import pixels as values
from kerasnn.training.augmentation.draws import Draws
from kerasnn.training.augmentation.geometry import Warp

# 9 of 30, the paper's choice for ImageNet; a 30th of what each change is at most.
STRENGTH = 9 / 30
GEOMETRIC = ("rotate", "shear_x", "shear_y", "translate_x", "translate_y")
TONES = ("brightness", "contrast", "sharpness", "posterize", "solarize", "autocontrast")


class RandAugment:
    """Two different changes out of the paper's, drawn for each image, each with a random sign.

    What the paper does in the order drawn is done in one fixed order here, so that all geometric
    changes are one interpolation and no change is computed twice. Without equalize, which needs a
    histogram of each image.

    Args:
        draws: Of the step.
        colored: Whether saturation is among the changes.

    Reference:
        Cubuk et al. (2019), "RandAugment: Practical automated data augmentation with a reduced
        search space", arXiv 1909.13719.
    """

    def __init__(self, draws: Draws, *, colored: bool) -> None:
        names = ("identity", *GEOMETRIC, *TONES, *(("saturation",) if colored else ()))
        first, second, sign, other_sign = draws.uniform("randaugment", 4)
        one = _index(first, len(names))
        # Among the others: from the next one on, round the list.
        two = (one + 1 + _index(second, len(names) - 1)) % len(names)
        self._signed: Mapping[str, tf.Tensor] = {
            name: _sign(sign) * _is(one, number) + _sign(other_sign) * _is(two, number)
            for number, name in enumerate(names)
        }

    def add_to(self, warp: Warp) -> None:
        """The geometric changes: turned by 30°, slanted by 0.3, moved by 0.45, each times 0.3."""
        chosen = self._signed
        warp.turn(chosen["rotate"] * (STRENGTH * 0.5236))
        warp.shear(chosen["shear_x"] * (STRENGTH * 0.3), chosen["shear_y"] * (STRENGTH * 0.3))
        warp.offset = (
            warp.offset[0] + chosen["translate_x"] * (STRENGTH * 0.45),
            warp.offset[1] + chosen["translate_y"] * (STRENGTH * 0.45),
        )

    def tone(self, pixels: tf.Tensor) -> tf.Tensor:
        """The changes of values; may leave [0, 255]."""
        chosen = self._signed
        pixels = values.stretch(pixels, chosen["autocontrast"] != 0)
        pixels = values.posterize(pixels, chosen["posterize"] != 0, round(STRENGTH * 4))
        pixels = values.solarize(pixels, chosen["solarize"] != 0, 256 * (1 - STRENGTH))
        pixels = values.jitter(
            pixels,
            brightness=1 + STRENGTH * 0.9 * chosen["brightness"],
            contrast=1 + STRENGTH * 0.9 * chosen["contrast"],
            saturation=1 + STRENGTH * 0.9 * chosen.get("saturation", chosen["identity"]),
        )
        return values.sharpen(pixels, STRENGTH * 0.9 * chosen["sharpness"])


def _index(uniform: tf.Tensor, n: int) -> tf.Tensor:
    return tf.cast(uniform * n, "int32")


def _is(index: tf.Tensor, number: int) -> tf.Tensor:
    return tf.cast(tf.equal(index, number), "float32")


def _sign(uniform: tf.Tensor) -> tf.Tensor:
    return tf.where(uniform < 0.5, -1.0, 1.0)
