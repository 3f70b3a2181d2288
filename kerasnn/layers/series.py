"""From readings as they are to scaled ones without gaps, and where they end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import ops

if TYPE_CHECKING:
    from keras import KerasTensor

    from kerasnn.signature import Series


def scaled_series(x: KerasTensor, series: Series, *, name: str) -> tuple[KerasTensor, KerasTensor]:
    """Scaled readings, 0 where there is none, beside 1 where one is missing; and the mask.

    A constant of the network scales them, in float32 also where it computes in less.

    Args:
        x: Readings as they are, NaN where missing and behind the end.
        series: Their mean and deviation, and whether readings are missing within series.
        name: Prefix of the layers' names.

    Shape:
        x: (batch, length, channels); returns (batch, length, channels or twice as many) and
        (batch, length)
    """
    gone = ops.isnan(x)
    mean = np.array(series.mean, "float32")
    moments = list(zip(series.mean, series.deviation, strict=True))
    # In this order: of the other one ONNX's converter makes a product, in which NaN stays.
    filled = ops.where(gone, mean, x)
    scaled = keras.layers.Rescaling(
        scale=[1 / deviation for _, deviation in moments],
        offset=[-mean / deviation for mean, deviation in moments],
        dtype="float32",
        name=f"{name}_scaled",
    )(filled)
    present = 1.0 - ops.cast(gone, "float32")
    mask = before_end(ops.max(present, axis=2))
    # The mean of large readings does not scale to 0 to the last bit.
    scaled = ops.multiply(scaled, present)
    if series.has_missing:
        missing = ops.multiply(1.0 - present, ops.expand_dims(mask, 2))
        scaled = keras.layers.Concatenate(name=f"{name}_and_missing")([scaled, missing])
    return scaled, mask


def before_end(present: KerasTensor) -> KerasTensor:
    """1 up to the last place that has a 1.

    Shape:
        present: (batch, time), of 0 and 1; returns the same
    """
    places = ops.cumsum(ops.ones_like(present), axis=1)
    last = ops.max(ops.multiply(present, places), axis=1, keepdims=True)
    return ops.cast(ops.less_equal(places, last), "float32")
