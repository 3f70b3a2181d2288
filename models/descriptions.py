"""A network as a table of its layers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class LayerRow:
    """A layer, or an operation of the graph.

    Args:
        name: Name of the layer.
        kind: Class, such as ``Dense``.
        shape: Shape of the output without the batch axis.
        parameters: Trainable numbers.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int


@dataclass(frozen=True)
class Description:
    """Size and layers of a network.

    Args:
        name: Name of the network.
        parameters: Trainable numbers.
        layers: Descriptions of the layers in the order of computation.
    """

    name: str
    parameters: int
    layers: tuple[LayerRow, ...]

    def text(self) -> str:
        """A table for a terminal."""
        cells = [("layer", "kind", "output", "parameters")]
        for row in self.layers:
            shape = " × ".join(map(str, row.shape))
            cells.append((row.name, row.kind, shape, f"{row.parameters:,}"))
        cells.append(("", "", "total", f"{self.parameters:,}"))
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        return "\n".join(
            f"{name:{widths[0]}}  {kind:{widths[1]}}  {shape:>{widths[2]}}  {count:>{widths[3]}}"
            for name, kind, shape, count in cells
        )


def describe_network(network: keras.Model) -> Description:
    """The table of a functional model."""
    return Description(
        network.name,
        _count(network.trainable_weights),
        tuple(
            LayerRow(
                layer.name,
                type(layer).__name__,
                tuple(layer.output.shape[1:]),
                _count(layer.trainable_weights),
            )
            for layer in network.layers
        ),
    )


def _count(weights: list[keras.Variable]) -> int:
    return sum(math.prod(weight.shape) for weight in weights)
