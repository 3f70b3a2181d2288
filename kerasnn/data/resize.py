"""One resize for training and serving, equal to the bit in every runtime.

A separable triangle filter, as wide as the step from one output pixel to the next: bilinear where
an image grows, antialiased where it shrinks. Its weights are whole multiples of 2⁻¹¹ with the sum
1, so products with pixels of 8 bits and their sums need at most 19 bits: float32 holds them
exactly, in whatever order a runtime adds them up. The weights themselves need 11 bits, so the
multiplications of graphics cards that round what they multiply to 11 bits (TF32) keep them too.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

Tensor = Any

STEPS = 2048.0
# From here on most weights of a matrix are zero, and are left out.
SPARSE_FROM = 256


def filter_weights(xp: Any, positions: Tensor, size_out: int) -> Tensor:
    """How much each pixel of a line counts for each pixel of the resized line.

    Args:
        xp: NumPy, or ``keras.ops``.
        positions: 0, 1, 2 … of the pixels of a line, float32.
        size_out: Pixels of the resized line; >= 1.

    Shape:
        positions: (1, size_in); returns (size_out, size_in), float32; each row has the sum 1.

    >>> filter_weights(np, np.array([[0.0, 1.0, 2.0, 3.0]], "float32"), 2).sum(axis=1)
    array([1., 1.], dtype=float32)
    """
    # Distances in units of 1 / (2 size_out) pixels are whole numbers.
    wanted = 2.0 * np.arange(size_out, dtype="float32")[:, None] + 1.0
    length = xp.max(positions) + 1.0
    reach = 2.0 * xp.maximum(length, np.float32(size_out))
    distances = (2.0 * positions + 1.0) * float(size_out) - length * wanted
    raw = xp.maximum(reach - xp.absolute(distances), 0.0)
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
    resized: NDArray[Any] = pixels
    if old_height != height:
        lines = resized.reshape(old_height, -1).astype("float32")
        resized = _rounded(_weights(old_height, height) @ lines)
        resized = resized.reshape(height, old_width, channels)
    if old_width != width:
        lines = resized.transpose(1, 0, 2).reshape(old_width, -1).astype("float32")
        resized = _rounded(_weights(old_width, width) @ lines)
        resized = resized.reshape(width, height, channels).transpose(1, 0, 2)
    return np.ascontiguousarray(resized, dtype="uint8")


def resample(maps: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Maps of any numbers in another size, by the same filter, not rounded.

    Shape:
        maps: (n, h, w); returns (n, height, width)
    """
    down, across = (
        filter_weights(np, np.arange(old, dtype="float32")[None], new)
        for old, new in zip(maps.shape[1:], (height, width), strict=True)
    )
    resampled: NDArray[np.float32] = down @ maps @ across.T
    return resampled


def resize_tensor(pixels: Tensor, height: int, width: int) -> Tensor:
    """`resize` of a batch as a Keras graph, for images of any size, unknown until it runs.

    Shape:
        pixels: (batch, h, w, channels), any number type; returns (batch, height, width, channels),
        float32 whole numbers from 0 to 255
    """
    from keras import ops

    # Only operations that every format of export has, and none that asks for the size.
    planes = ops.cast(ops.transpose(pixels, (0, 3, 1, 2)), "float32")
    vertical = filter_weights(ops, _positions(planes[:1, 0, :, 0]), height)
    rows = ops.floor(ops.matmul(vertical, planes) + 0.5)
    horizontal = filter_weights(ops, _positions(planes[:1, 0, 0, :]), width)
    resized = ops.floor(ops.matmul(rows, ops.transpose(horizontal)) + 0.5)
    return ops.transpose(resized, (0, 2, 3, 1))


def _positions(line: Tensor) -> Tensor:
    """0, 1, 2 … for each pixel of a line, (1, size)."""
    from keras import ops

    return ops.cumsum(ops.ones_like(line), axis=1) - 1.0


@functools.lru_cache(maxsize=64)
def _weights(size_in: int, size_out: int) -> Any:
    weights = filter_weights(np, np.arange(size_in, dtype="float32")[None], size_out)
    if size_in < SPARSE_FROM:
        return weights
    from scipy import sparse

    return sparse.csr_matrix(weights)


def _rounded(lines: NDArray[np.float32]) -> NDArray[np.float32]:
    rounded: NDArray[np.float32] = np.floor(lines + np.float32(0.5))
    return rounded
