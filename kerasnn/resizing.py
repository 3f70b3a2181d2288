"""One resize for training and serving, equal to the bit in every runtime.

A separable triangle filter, as wide as the step from one output pixel to the next: bilinear where
an image grows, antialiased where it shrinks. Its weights are whole multiples of 2⁻¹² with the sum
1, so products with pixels of 8 bits and their sums need at most 20 bits: float32 holds them
exactly, in whatever order a runtime adds them up.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

Tensor = Any

STEPS = 4096.0
# From here on most weights of a matrix are zero, and are left out.
SPARSE_FROM = 256


def filter_weights(xp: Any, size_in: Any, size_out: int) -> Tensor:
    """How much each pixel of a line counts for each pixel of the resized line.

    Args:
        xp: NumPy, or ``keras.ops``, where ``size_in`` may be a tensor.
        size_in: Pixels of the line; >= 1.
        size_out: Pixels of the resized line; >= 1.

    Shape:
        returns (size_out, size_in), float32; each row has the sum 1.

    >>> filter_weights(np, 4, 2).sum(axis=1)
    array([1., 1.], dtype=float32)
    """
    # Distances in units of 1 / (2 size_out) pixels are whole numbers.
    wanted = 2.0 * np.arange(size_out, dtype="float32")[:, None] + 1.0
    if xp is np:
        given = 2.0 * np.arange(size_in, dtype="float32")[None] + 1.0
        length = np.float32(size_in)
    else:
        given = 2.0 * xp.cast(xp.arange(size_in), "float32")[None] + 1.0
        length = xp.cast(size_in, "float32")
    reach = 2.0 * xp.maximum(length, np.float32(size_out))
    raw = xp.maximum(reach - xp.absolute(given * float(size_out) - wanted * length), 0.0)
    # Rounding the running share, not each weight, keeps the sum at 1.
    reached = xp.cumsum(raw, axis=1)
    marks = xp.floor(reached / reached[:, -1:] * STEPS + 0.5)
    before = xp.concatenate([xp.zeros_like(marks[:, :1]), marks[:, :-1]], axis=1)
    return (marks - before) / STEPS


def resize(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """An image in another size.

    Shape:
        pixels: (h, w, channels); returns (height, width, channels)
    """
    old_height, old_width, channels = pixels.shape
    if old_height != height:
        lines = pixels.reshape(old_height, -1).astype("float32")
        pixels = _rounded(_weights(old_height, height) @ lines)
        pixels = pixels.reshape(height, old_width, channels)
    if old_width != width:
        lines = pixels.transpose(1, 0, 2).reshape(old_width, -1).astype("float32")
        pixels = _rounded(_weights(old_width, width) @ lines)
        pixels = pixels.reshape(width, height, channels).transpose(1, 0, 2)
    return np.ascontiguousarray(pixels, dtype="uint8")


def resize_tensor(pixels: Tensor, height: int, width: int) -> Tensor:
    """`resize` of a batch as a Keras graph.

    Shape:
        pixels: (batch, h, w, channels), any number type; returns (batch, height, width, channels),
        float32 whole numbers from 0 to 255
    """
    from keras import ops

    _, old_height, old_width, channels = ops.shape(pixels)
    floats = ops.cast(pixels, "float32")
    rows = ops.matmul(
        filter_weights(ops, old_height, height),
        ops.reshape(floats, (-1, old_height, old_width * channels)),
    )
    rows = ops.floor(ops.reshape(rows, (-1, height, old_width, channels)) + 0.5)
    columns = ops.reshape(ops.transpose(rows, (0, 2, 1, 3)), (-1, old_width, height * channels))
    resized = ops.matmul(filter_weights(ops, old_width, width), columns)
    resized = ops.floor(ops.reshape(resized, (-1, width, height, channels)) + 0.5)
    return ops.transpose(resized, (0, 2, 1, 3))


@functools.lru_cache(maxsize=64)
def _weights(size_in: int, size_out: int) -> Any:
    weights = filter_weights(np, size_in, size_out)
    if size_in < SPARSE_FROM:
        return weights
    from scipy import sparse

    return sparse.csr_matrix(weights)


def _rounded(lines: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.floor(lines + np.float32(0.5))
