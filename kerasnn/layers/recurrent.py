"""Recurrent layers that stop at the end of a sequence, of plain Keras layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import keras
from keras import ops

from kerasnn.layers import choices

if TYPE_CHECKING:
    from keras import KerasTensor

Cell = Literal["lstm", "gru"]

_LAYERS = {"lstm": "LSTM", "gru": "GRU"}


def recurrent_layer(
    x: KerasTensor,
    mask: KerasTensor,
    *,
    cell: Cell,
    width: int,
    sequence: bool = False,
    both_ways: bool = False,
    name: str,
) -> KerasTensor:
    """The state of a recurrent layer at the end of a sequence, or at each place.

    Args:
        x: Vectors in the order of time.
        mask: Mask of valid steps: 1 up to the end of a sequence, 0 after it.
        cell: Type of the recurrent cell.
        width: Width of the state.
        sequence: True to return the state at each step, false for the last one.
        both_ways: True for a bidirectional layer, whose two states are concatenated.
        name: Name of the layer.

    Shape:
        x: (batch, time, any); mask: (batch, time); returns (batch, width) or (batch, time, width),
        or twice the width for both ways

    Raises:
        ConfigError: A value is out of its range.
    """
    choices.check(width=width)
    kind = getattr(keras.layers, _LAYERS[cell])
    layer = kind(width, return_sequences=sequence, name=name)
    if both_ways:
        layer = keras.layers.Bidirectional(layer, name=f"{name}_both_ways")
    return layer(x, mask=ops.greater(mask, 0))
