"""The header of weights.safetensors: names, shapes and types of the tensors, without Keras."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from kerasnn.bundle.members import WEIGHTS
from kerasnn.errors import ModelRefusedError
from kerasnn.files.json_values import loads, shown

MOST_TENSORS = 20_000
MOST_AXES = 8
# Of one axis, and of a tensor: more than a bundle may hold.
LARGEST_SHAPE = 2**32


class Totals(NamedTuple):
    """How much a file of weights holds.

    Args:
        tensors: Number of tensors.
        elements: Number of elements of all tensors together.
    """

    tensors: int
    elements: int


def read_totals(content: bytes) -> Totals:
    """Number of tensors and of elements, from the header alone.

    Args:
        content: All bytes of the safetensors file.

    Raises:
        ModelRefusedError: The header is malformed, or its shapes are not those of tensors.
    """
    length = int.from_bytes(content[:8], "little")
    if not 0 < length <= len(content) - 8:
        raise ModelRefusedError(f"{WEIGHTS} is malformed: its header is cut off")
    header = loads(content[8 : 8 + length], location=WEIGHTS)
    if not isinstance(header, dict):
        raise ModelRefusedError(f"{WEIGHTS} is malformed: its header is not an object")
    if len(header) > MOST_TENSORS:
        raise ModelRefusedError(f"{WEIGHTS} has more than {MOST_TENSORS:,} tensors")
    shapes = [_shape(name, entry) for name, entry in header.items()]
    return Totals(len(shapes), sum(map(math.prod, shapes)))


def _shape(name: str, entry: Any) -> list[int]:
    shape = entry.get("shape") if isinstance(entry, dict) else None
    if not isinstance(shape, list) or len(shape) > MOST_AXES:
        raise ModelRefusedError(
            f"the weight '{shown(name)}' has no shape of {MOST_AXES} axes or fewer"
        )
    if not all(type(size) is int and 0 <= size <= LARGEST_SHAPE for size in shape):
        raise ModelRefusedError(f"the shape of the weight '{shown(name)}' is malformed")
    if math.prod(shape) > LARGEST_SHAPE:
        raise ModelRefusedError(f"the weight '{shown(name)}' is larger than a bundle")
    return shape
