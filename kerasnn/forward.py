"""Raw outputs of a network on any number of rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

BATCH_SIZE = 8192
SMALLEST_BATCH = 64
# What a layer keeps of an image is many times as large as the image.
PIXELS_AT_ONCE = 512 * 1024
# Of the layer that makes most of a sequence: 200 MiB.
NUMBERS_AT_ONCE = 50 * 1024 * 1024


class Forward:
    """A network as a function of arrays, traced once.

    The last rows of a table are filled up to a size from a few (by repeating the last one), so
    that a row's outputs do not depend on how many others come with it.

    Args:
        network: Inputs by name.
        batch_size: Rows a call; bounds the memory, and is less for large images and long sequences.
        mirror: Whether the outputs are the mean of an image's and its mirror image's.
    """

    def __init__(
        self, network: keras.Model, *, batch_size: int = BATCH_SIZE, mirror: bool = False
    ) -> None:
        self.network = network
        self.batch_size = min(batch_size, _affordable(network))
        inputs = {
            name: tf.TensorSpec((None, *tensor.shape[1:]), _dtype(tensor))
            for name, tensor in network.input.items()
        }
        # TensorFlow warns when one function is traced often, and takes those of all networks for
        # one; a partial is one of its own.
        outputs = partial(_mirrored, network) if mirror else partial(network, training=False)
        self._call = tf.function(outputs, input_signature=[inputs])

    def __call__(self, inputs: Mapping[str, Any]) -> np.ndarray:
        """Inputs of (n, …) each, in memory or read by rows, to float32 outputs, (n, width)."""
        n_rows = len(next(iter(inputs.values())))
        if not n_rows:
            return np.zeros((0, self.network.output_shape[-1]), "float32")
        parts = [self._part(inputs, at, n_rows) for at in range(0, n_rows, self.batch_size)]
        return np.concatenate(parts)

    def _part(self, inputs: Mapping[str, Any], start: int, n_rows: int) -> np.ndarray:
        stop = min(start + self.batch_size, n_rows)
        size = _padded(stop - start, self.batch_size)
        rows = np.minimum(np.arange(start, start + size), n_rows - 1)
        outputs: Any = self._call({name: tf.constant(v[rows]) for name, v in inputs.items()})
        return np.asarray(outputs, "float32")[: stop - start]


def _mirrored(network: keras.Model, inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """The mean of the outputs of images and of their mirror images."""
    turned = {
        name: tf.reverse(x, [2]) if _is_image(network.input[name]) else x
        for name, x in inputs.items()
    }
    return (network(inputs, training=False) + network(turned, training=False)) / 2


def _dtype(tensor: Any) -> str:
    """Images come as bytes; the network makes floats of them."""
    return "uint8" if _is_image(tensor) else str(tensor.dtype)


def _is_image(tensor: Any) -> bool:
    return len(tensor.shape) == 4


def _affordable(network: keras.Model) -> int:
    """A power of two of rows whose images and sequences are small enough together."""
    images = {name for name, tensor in network.input.items() if _is_image(tensor)}
    pixels = sum(t.shape[1] * t.shape[2] for n, t in network.input.items() if n in images)
    rows = PIXELS_AT_ONCE // pixels if pixels else BATCH_SIZE
    if any(
        name.partition("_")[0] not in ("numbers", "categories")
        for name in set(network.input) - images
    ):
        rows = min(rows, NUMBERS_AT_ONCE // _largest(network))
    return int(1 << (max(int(rows), 1).bit_length() - 1))


def _largest(network: keras.Model) -> int:
    """Most numbers that an operation makes of a row."""
    outputs = keras.tree.flatten([operation.output for operation in network.operations])
    sizes = [math.prod(output.shape[1:]) for output in outputs]
    for layer in network.layers:
        if isinstance(layer, keras.layers.MultiHeadAttention):
            # Within it, each place looks at each.
            sizes.append(layer.num_heads * layer.output.shape[1] ** 2)
    return int(max(sizes))


def _padded(count: int, batch_size: int) -> int:
    """The next power of two."""
    return min(batch_size, max(SMALLEST_BATCH, 1 << (count - 1).bit_length()))
