"""Raw outputs of a network on any number of rows."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

BATCH_SIZE = 8192
SMALLEST_BATCH = 64


class Forward:
    """A network as a function of arrays, traced once.

    The last rows of a table are filled up to a size from a few (by repeating the last one), so
    that a row's outputs do not depend on how many others come with it.

    Args:
        network: Inputs by name.
        batch_size: Rows a call; bounds the memory.
    """

    def __init__(self, network: keras.Model, *, batch_size: int = BATCH_SIZE) -> None:
        self.network = network
        self.batch_size = batch_size
        inputs = {
            name: tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype)
            for name, tensor in network.input.items()
        }
        # TensorFlow warns when one function is traced often, and takes those of all networks for
        # one; a partial is one of its own.
        self._call = tf.function(partial(network, training=False), input_signature=[inputs])

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Inputs of (n, …) each to float32 outputs, (n, width)."""
        n_rows = len(next(iter(inputs.values())))
        if not n_rows:
            return np.zeros((0, self.network.output_shape[-1]), "float32")
        parts = [self._part(inputs, at, n_rows) for at in range(0, n_rows, self.batch_size)]
        return np.concatenate(parts)

    def _part(self, inputs: Mapping[str, np.ndarray], start: int, n_rows: int) -> np.ndarray:
        stop = min(start + self.batch_size, n_rows)
        size = _padded(stop - start, self.batch_size)
        rows = np.minimum(np.arange(start, start + size), n_rows - 1)
        outputs: Any = self._call({name: tf.constant(v[rows]) for name, v in inputs.items()})
        return np.asarray(outputs, "float32")[: stop - start]


def _padded(count: int, batch_size: int) -> int:
    """The next power of two."""
    return min(batch_size, max(SMALLEST_BATCH, 1 << (count - 1).bit_length()))
