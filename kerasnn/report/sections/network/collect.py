"""A network as plain data: its operations, what flows into each, and what each returns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from kerasnn.runtime import compat

if TYPE_CHECKING:
    import keras

MAX_OPERATIONS = 400


class LayerEntry(TypedDict):
    """An operation of a network."""

    name: str
    type: str
    detail: str
    shape: list[int | None]
    parameters: int
    inputs: list[str]


class NetworkSection(TypedDict):
    """A network as its operations, in the order of the graph."""

    layers: list[LayerEntry]
    left_out: int
    parameters: int
    trainable: int


def network_graph(network: keras.Model) -> NetworkSection:
    """Describe a network.

    Returns:
        ``parameters`` and ``trainable`` in all, and ``layers``: of each operation in the order of
        the graph its name, type, detail (an activation, a rate), output shape without the batch,
        parameters, and the names of those that it takes its inputs from.
    """
    # A Sequential has no operations of its own; its layers are a chain.
    operations = getattr(network, "operations", None) or network.layers
    names = _names(operations)
    described = [_describe(operation, names) for operation in operations[:MAX_OPERATIONS]]
    return {
        "layers": described,
        "left_out": max(0, len(operations) - MAX_OPERATIONS),
        "parameters": _count(network.weights),
        "trainable": _count(network.trainable_weights),
    }


def _names(operations: Sequence[Any]) -> dict[str, str]:
    """Names that don't depend on what was built before: Keras numbers what it names itself."""
    names, counts = {}, Counter[str]()
    for operation in operations:
        name = operation.name
        # As Keras makes a name of a class.
        kind = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", type(operation).__name__)
        kind = re.sub("([a-z])([A-Z])", r"\1_\2", kind).lower()
        if re.fullmatch(rf"{re.escape(kind)}(_\d+)?", name):
            names[name] = f"{kind}_{counts[kind]}" if counts[kind] else kind
            counts[kind] += 1
    return names


def _describe(operation: Any, names: Mapping[str, str]) -> LayerEntry:
    return {
        "name": names.get(operation.name, operation.name),
        "type": type(operation).__name__,
        "detail": _detail(operation),
        "shape": _shape(operation),
        "parameters": _count(getattr(operation, "weights", [])),
        "inputs": [names.get(name, name) for name in _inputs(operation)],
    }


def _count(weights: list[Any]) -> int:
    total = 0
    for weight in weights:
        size = 1
        for length in weight.shape:
            size *= length
        total += size
    return total


def _shape(operation: Any) -> list[int | None]:
    output = operation.output
    while isinstance(output, list | tuple | dict):
        output = next(iter(output.values() if isinstance(output, dict) else output))
    return list(output.shape[1:])


def _inputs(operation: Any) -> list[str]:
    """Names of the operations before this one, each once; the graph is kept by Keras' tensors."""
    nodes = compat.inbound_nodes(operation)
    if not nodes:
        return []
    names = [compat.source_operation(tensor).name for tensor in nodes[0].input_tensors]
    return [name for name in dict.fromkeys(names) if name != operation.name]


def _detail(operation: Any) -> str:
    """What one would say of a layer beside its type and size."""
    activation = getattr(getattr(operation, "activation", None), "__name__", "")
    if activation and activation != "linear":
        return str(activation)
    rate = getattr(operation, "rate", None)
    return f"{rate:g}" if isinstance(rate, float) else ""
