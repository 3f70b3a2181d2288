"""RandAugment, two changes for each image.

What the paper does in the order drawn is done in one fixed order here, so that all geometric
changes are one interpolation and no change is computed twice. Without equalize, which needs a
histogram of each image.

Reference:
    Cubuk et al. (2019), "RandAugment: Practical automated data augmentation with a reduced search
    space", arXiv 1909.13719.
"""

from __future__ import annotations

import math

import tensorflow as tf

from kerasnn.training.augmentation import pixels as values
from kerasnn.training.augmentation.draws import whole
from kerasnn.training.augmentation.geometry import Warp

# 9 of 30, the paper's choice for ImageNet: the share of what each change is at most.
STRENGTH = 9 / 30

NAMES = (
    "identity",
    "rotate",
    "shear_x",
    "shear_y",
    "translate_x",
    "translate_y",
    "brightness",
    "contrast",
    "sharpness",
    "posterize",
    "solarize",
    "autocontrast",
    "saturation",
)

Amounts = dict[str, tf.Tensor]


def amounts(uniform: list[tf.Tensor], *, colored: bool) -> Amounts:
    """Two different changes of each image, by name: -1 or 1 where it is done, 0 where not.

    Args:
        uniform: Four numbers in [0, 1) for each image, (batch,) each.
        colored: True if the image has colors; saturation is left out otherwise.
    """
    names = NAMES if colored else NAMES[:-1]
    first, second, sign, other_sign = uniform
    one = whole(first, len(names))
    # Among the others: from the next one on, round the list.
    two = (one + 1 + whole(second, len(names) - 1)) % len(names)
    return {
        name: _sign(sign) * _is(one, location) + _sign(other_sign) * _is(two, location)
        for location, name in enumerate(names)
    }


def _is(index: tf.Tensor, location: int) -> tf.Tensor:
    return tf.cast(tf.equal(index, location), "float32")


def _sign(uniform: tf.Tensor) -> tf.Tensor:
    return tf.where(uniform < 0.5, -1.0, 1.0)


def add_to(warp: Warp, chosen: Amounts) -> None:
    """The geometric changes, at most 30 degrees, a slant of 0.3 and 0.45 of the side."""
    warp.turn(STRENGTH * math.pi / 6 * chosen["rotate"])
    warp.shear(STRENGTH * 0.3 * chosen["shear_x"], STRENGTH * 0.3 * chosen["shear_y"])
    warp.shift(STRENGTH * 0.45 * chosen["translate_x"], STRENGTH * 0.45 * chosen["translate_y"])


def tone(pixels: tf.Tensor, chosen: Amounts) -> tf.Tensor:
    """The changes of single pixels; may leave [0, 255].

    At most 4 bits less, all inverted, and brightness, contrast and saturation times 0.1 or 1.9.
    """
    pixels = values.stretch(tf.cast(pixels, "float32"), chosen["autocontrast"] != 0)
    pixels = values.posterize(pixels, chosen["posterize"] != 0, round(STRENGTH * 4))
    pixels = values.solarize(pixels, chosen["solarize"] != 0, 256 * (1 - STRENGTH))
    return values.jitter(
        pixels,
        brightness=1 + STRENGTH * 0.9 * chosen["brightness"],
        contrast=1 + STRENGTH * 0.9 * chosen["contrast"],
        saturation=1 + STRENGTH * 0.9 * chosen.get("saturation", chosen["identity"]),
    )


def sharpen(pixels: tf.Tensor, chosen: Amounts) -> tf.Tensor:
    """The change that looks at neighbours, last; then all is within [0, 255]."""
    sharpened = values.sharpen(pixels, STRENGTH * 0.9 * chosen["sharpness"])
    return tf.clip_by_value(sharpened, 0.0, 255.0)
