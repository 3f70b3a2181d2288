"""Forward passes in batches that fit into memory, by the elements that a network computes per row."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from kerasnn.runtime import compat
from kerasnn.runtime.memory import rows_at_once

# Of a network that is called operation by operation, so much may exist at a time.
KEPT_BYTES = 512 * 1024 * 1024
_BYTES = 4


def in_batches(
    part: keras.Model, inputs: Mapping[str, Any], rows: NDArray[Any], *, most: int
) -> Iterator[NDArray[Any]]:
    """What a network gives for rows, a few of them at a time.

    Args:
        part: Network whose one output is wanted.
        inputs: Arrays by name, or anything indexed like one.
        rows: Numbers of the rows.
        most: Largest number of rows at a time; fewer where they take much memory.
    """
    walk = Walk(part)
    at_once = walk.affordable_rows(most=most)
    for start in range(0, len(rows), at_once):
        some = rows[start : start + at_once]
        given = {name: ops.convert_to_tensor(values[some]) for name, values in inputs.items()}
        yield ops.convert_to_numpy(walk(given))


class Walk:
    """A network that is called operation by operation, each as late as can be.

    What an operation gives is forgotten after its last use. Keras keeps what all of them give until
    the end, and calls wide networks branch beside branch.

    Args:
        network: Network whose one output is wanted.
    """

    def __init__(self, network: keras.Model) -> None:
        self._network, self._order = network, _depth_first(network)
        uses = [id(each) for node in self._order for each in node.input_tensors]
        self._uses = Counter([*uses, id(network.output)])

    def __call__(
        self,
        inputs: Mapping[str, Any],
        *,
        turn: Callable[[list[Any]], AbstractContextManager[Any]] = lambda _: nullcontext(),
    ) -> Any:
        """What it gives in inference.

        Args:
            inputs: Tensors by name.
            turn: Gives the context that an operation is called in, from what the one before gave.
        """
        tensors = {
            id(tensor): ops.cast(inputs[tensor.name], tensor.dtype)
            for tensor in self._network.inputs
        }
        left, found = self._uses.copy(), list(tensors.values())
        for node in self._order:
            args, kwargs = node.arguments.fill_in(tensors)
            if compat.takes_training(node.operation):
                kwargs["training"] = False
            with turn(found):
                found = keras.tree.flatten(node.operation(*args, **kwargs))
            tensors.update(zip(map(id, node.output_tensors), found, strict=True))
            del args, kwargs
            for each in node.input_tensors:
                left[id(each)] -= 1
                if not left[id(each)]:
                    del tensors[id(each)]
        return tensors[id(self._network.output)]

    def affordable_rows(self, *, most: int) -> int:
        """Rows that it can be called for at once.

        Args:
            most: Largest number of rows.
        """
        return rows_at_once(_BYTES * self.most_numbers(), most=most, budget=KEPT_BYTES)

    def most_numbers(self) -> int:
        """Most numbers of a row that exist at a time."""
        left, now, most = self._uses.copy(), 0, 0
        for node in self._order:
            now += sum(map(_numbers, node.output_tensors))
            most = max(most, now + _inner_size(node.operation))
            for each in node.input_tensors:
                left[id(each)] -= 1
                now -= _numbers(each) * (not left[id(each)])
        return most


def _depth_first(network: keras.Model) -> list[Any]:
    """The nodes of a network, each right before the first that needs it."""
    order: list[Any] = []
    found = {id(each) for each in network.inputs}
    waiting = [network.output]
    while waiting:
        tensor = waiting[-1]
        node = compat.source_node(tensor)
        needed = [each for each in node.input_tensors if id(each) not in found]
        if id(tensor) in found or not needed:
            waiting.pop()
        else:
            waiting += reversed(needed)
            continue
        if id(tensor) not in found:
            order.append(node)
            found.update(map(id, node.output_tensors))
    return order


def numbers_of_all(network: keras.Model) -> int:
    """Numbers that all operations together make of a row."""
    sizes = [_inner_size(each) + sum(map(_numbers, _outputs(each))) for each in network.operations]
    return sum(sizes)


def most_numbers(network: keras.Model) -> int:
    """Most numbers that an operation makes of a row."""
    sizes = [max(_inner_size(each), *map(_numbers, _outputs(each))) for each in network.operations]
    return max(sizes)


def numbers_at_once(network: keras.Model) -> int:
    """Most numbers of a row that exist at a time in a compiled network.

    TensorFlow calls an operation as soon as there is what it needs, so that branches lie side by
    side in memory: all that can be computed after the same number of steps is there at once, beside
    what later steps still need.
    """
    steps: dict[int, int] = {}  # by identity of a tensor: after how many steps it is there
    last_use: dict[int, int] = {}
    sizes: dict[int, int] = {}
    for operation in network.operations:
        given = [id(each) for each in keras.tree.flatten(_input(operation))]
        step = 1 + max((steps.get(each, 0) for each in given), default=-1)
        for each in given:
            last_use[each] = max(last_use.get(each, 0), step)
        for tensor in _outputs(operation):
            steps[id(tensor)], sizes[id(tensor)] = step, _numbers(tensor)
    changes = np.zeros(max(steps.values()) + 2, dtype=np.int64)
    for each, step in steps.items():
        changes[step] += sizes[each]
        changes[max(last_use.get(each, step), step) + 1] -= sizes[each]
    return int(max(changes.cumsum().max(), most_numbers(network)))


def _input(operation: Any) -> Any:
    """What goes into an operation; nothing for the inputs of the network."""
    return [] if isinstance(operation, keras.layers.InputLayer) else operation.input


def _outputs(operation: Any) -> list[Any]:
    return list(keras.tree.flatten(operation.output))


def _numbers(tensor: Any) -> int:
    """Number of elements of a row."""
    return math.prod(tensor.shape[1:])


def _inner_size(operation: Any) -> int:
    """Numbers within an operation: in attention, each place looks at each."""
    if isinstance(operation, keras.layers.MultiHeadAttention):
        return int(operation.num_heads * operation.output.shape[1] ** 2)
    return 0
