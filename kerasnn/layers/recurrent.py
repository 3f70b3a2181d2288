"""Recurrent layers that stop at the end of a sequence, of plain Keras layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import keras
from keras import ops

from kerasnn.layers import choices
from kerasnn.layers.blocks import drop
from kerasnn.layers.sequences import sequence_network

if TYPE_CHECKING:
    from keras import KerasTensor

    from kerasnn.signature import Signature

Cell = Literal["lstm", "gru"]

_LAYERS = {"lstm": "LSTM", "gru": "GRU"}


def recurrent_layer(
    x: KerasTensor,
    mask: KerasTensor,
    *,
    cell: Cell,
    width: int,
    sequence: bool = False,
    bidirectional: bool = False,
    name: str,
) -> KerasTensor:
    """The state of a recurrent layer at the end of a sequence, or at each place.

    Args:
        x: Vectors in the order of time.
        mask: Mask of valid steps: 1 up to the end of a sequence, 0 after it.
        cell: Type of the recurrent cell.
        width: Width of the state.
        sequence: True to return the state at each step, false for the last one.
        bidirectional: True for a bidirectional layer, whose two states are concatenated.
        name: Name of the layer.

    Shape:
        x: (batch, time, any); mask: (batch, time); returns (batch, width) or (batch, time, width),
        or twice the width if bidirectional

    Raises:
        ConfigError: A value is out of its range.
    """
    choices.check(width=width)
    kind = getattr(keras.layers, _LAYERS[cell])
    layer = kind(width, return_sequences=sequence, name=name)
    if bidirectional:
        layer = keras.layers.Bidirectional(layer, name=f"{name}_both_ways")
    return layer(x, mask=ops.greater(mask, 0))


def recurrent_network(
    signature: Signature,
    *,
    cell: Cell,
    width: int,
    depth: int,
    dropout: float,
    bidirectional: bool = False,
    name: str,
) -> keras.Model:
    """A network of stacked recurrent layers, each followed by dropout.

    Args:
        signature: Description of the inputs and the output.
        cell: Type of the recurrent cell.
        width: Width of each state and of the token embeddings.
        depth: Number of recurrent layers.
        dropout: Share of each layer's states dropped, in [0, 1).
        bidirectional: True for layers that also read from the end to the start.
        name: Name of the network.

    Raises:
        ConfigError: A value is out of its range, or the signature has no sequence.
    """
    choices.check(width=width, depth=depth, dropout=dropout)

    def encoder(x: KerasTensor, mask: KerasTensor, prefix: str) -> KerasTensor:
        for i in range(1, depth + 1):
            x = recurrent_layer(
                x,
                mask,
                cell=cell,
                width=width,
                sequence=i < depth,
                bidirectional=bidirectional,
                name=f"{prefix}_{cell}_{i}",
            )
            x = drop(x, dropout, name=f"{prefix}_dropout_{i}")
        return x

    return sequence_network(signature, encoder, embedding=width, name=name)
