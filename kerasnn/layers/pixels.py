"""From pixels to numbers about 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

if TYPE_CHECKING:
    from keras import KerasTensor

    from kerasnn.signature import Image


def scale_pixels(x: KerasTensor, image: Image, *, name: str) -> KerasTensor:
    """(x - mean) / deviation of each channel, in float32 also where the network computes in less.

    The constants are part of the layer, so that an exported network takes plain pixels.

    Args:
        x: Pixels from 0 to 255.
        image: Their mean and deviation.
        name: Name of the layer.

    Shape:
        x: (batch, height, width, channels); returns the same
    """
    moments = list(zip(image.mean, image.deviation, strict=True))
    return keras.layers.Rescaling(
        scale=[1 / deviation for _, deviation in moments],
        offset=[-mean / deviation for mean, deviation in moments],
        dtype="float32",
        name=name,
    )(x)
