"""A budget for building a network that an untrusted bundle describes.

A recipe of a few bytes can describe a network without end. What its weights hold is known before
it is built, and a network needs little more than that: building stops at the first variable,
tensor or second beyond.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import keras

from kerasnn.bundle.header import Totals
from kerasnn.errors import ModelRefusedError

# One element in a row of a batch, of the largest tensor of a network: 1 GiB.
LARGEST_ROW = 2**28
# One budget at a time: the constructors that count are of the whole process.
_LOCK = threading.Lock()


@dataclass
class Budget:
    """What building a network may take.

    Args:
        variables: Number of weights.
        elements: Number of elements of all weights together.
        tensors: Number of outputs of layers and operations.
        seconds: Seconds of building.
    """

    variables: int
    elements: int
    tensors: int
    seconds: float
    _stop: float = field(default=math.inf, init=False)

    @classmethod
    def for_weights(cls, totals: Totals) -> Budget:
        """Enough for each network of the zoo with such weights.

        Such a network has exactly these weights, and a state for each layer that draws numbers; the
        rest is for differences to be told by the names of the weights. Over the zoo, up to 25
        tensors were counted for each weight.
        """
        return cls(
            variables=2 * totals.tensors + 64,
            elements=2 * totals.elements + 2**20,
            tensors=4_096 + 64 * totals.tensors,
            seconds=60 + 0.1 * totals.tensors,
        )

    @contextmanager
    def limit(self) -> Iterator[None]:
        """Count what this thread builds.

        Raises:
            ModelRefusedError: More was built than the budget allows.
        """
        variable, tensor = keras.Variable.__init__, keras.KerasTensor.__init__
        owner = threading.get_ident()

        def make_variable(made: Any, initializer: Any, *args: Any, **kwargs: Any) -> None:
            if threading.get_ident() == owner:
                self._count_variable(_shape(initializer, *args, **kwargs))
            variable(made, initializer, *args, **kwargs)

        def make_tensor(made: Any, shape: Any, *args: Any, **kwargs: Any) -> None:
            if threading.get_ident() == owner:
                self._count_tensor(shape)
            tensor(made, shape, *args, **kwargs)

        with _LOCK:
            self._stop = time.monotonic() + self.seconds
            keras.Variable.__init__, keras.KerasTensor.__init__ = make_variable, make_tensor
            try:
                yield
            finally:
                keras.Variable.__init__, keras.KerasTensor.__init__ = variable, tensor

    def _count_variable(self, shape: tuple[int, ...]) -> None:
        self.variables -= 1
        self.elements -= math.prod(shape)
        self._check(self.variables >= 0 and self.elements >= 0, "weights than the file holds")

    def _count_tensor(self, shape: Any) -> None:
        self.tensors -= 1
        self._check(self.tensors >= 0, "layers than its weights are enough for")
        sizes = [size for size in shape if size is not None]
        self._check(math.prod(sizes) <= LARGEST_ROW, "memory for a row than 1 GiB")
        self._check(time.monotonic() <= self._stop, "time to be built than its weights are worth")

    def _check(self, holds: bool, what: str) -> None:
        if not holds:
            raise ModelRefusedError(f"its network needs more {what}")


def _shape(initializer: Any, shape: Any = None, *_: Any, **__: Any) -> tuple[int, ...]:
    """Shape of a variable from the arguments of its constructor."""
    found = getattr(initializer, "shape", ()) if shape is None else shape
    return (found,) if isinstance(found, int) else tuple(found)
