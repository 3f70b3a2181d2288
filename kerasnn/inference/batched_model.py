"""Raw outputs of a network on any number of rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasnn.errors import ModelRefusedError
from kerasnn.inference.memory_batches import Walk, most_numbers, numbers_at_once
from kerasnn.runtime.fork_check import check_process

BATCH_SIZE = 8192
SMALLEST_BATCH = 64
# What a layer keeps of an image is many times as large as the image.
PIXELS_AT_ONCE = 512 * 1024
# Of the layer that makes most of a sequence: 200 MiB; of a table, that makes little of a row, more.
NUMBERS_AT_ONCE = 50 * 1024 * 1024
NUMBERS_OF_TABLES = 4 * NUMBERS_AT_ONCE
# Of all that exists at a time: 1 GiB; of a wide network, which is no faster with more, 64 MiB.
NUMBERS_TOGETHER, NUMBERS_OF_WIDE = 256 * 1024 * 1024, 16 * 1024 * 1024
# A network whose branches take so many times as much side by side as one after the other has them
# computed one after the other.
WIDE = 4


class BatchedModel:
    """A network as a function of arrays, traced once.

    The last rows of a table are filled up to a size from a few (by repeating the last one), so
    that a row's outputs do not depend on how many others come with it.

    Args:
        network: Inputs by name.
        batch_size: Largest number of rows a call; fewer where a row takes much memory.
        flip_tta: True to average the outputs of an image and its mirror image.
    """

    def __init__(
        self, network: keras.Model, *, batch_size: int = BATCH_SIZE, flip_tta: bool = False
    ) -> None:
        check_process()
        self.network = network
        self.batch_size = min(batch_size, _affordable(network))
        inputs = {
            name: tf.TensorSpec((None, *tensor.shape[1:]), _dtype(tensor))
            for name, tensor in network.input.items()
        }
        # TensorFlow warns when one function is traced often, and takes those of all networks for
        # one; a partial is one of its own.
        called = partial(_in_turn, Walk(network)) if _is_wide(network) else network
        outputs = (
            partial(_mirrored, called, network) if flip_tta else partial(called, training=False)
        )
        self._call = tf.function(outputs, input_signature=[inputs], autograph=False)

    def __call__(self, inputs: Mapping[str, Any]) -> np.ndarray:
        """Inputs of (n, …) each, in memory or read by rows, to float32 outputs, (n, width).

        Raises:
            ConfigError: This process was forked from one that uses TensorFlow.
        """
        check_process()
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


def check_finite(values: np.ndarray) -> None:
    """Raise if a network returns NaN or infinity for some rows.

    Args:
        values: Outputs of the network, or values computed from them, (n, …).

    Raises:
        ModelRefusedError: Says of how many.
    """
    is_finite = np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
    if not is_finite.all():
        count = int((~is_finite).sum())
        raise ModelRefusedError(
            f"the network returns no finite number for {count:,} of {len(values):,} rows",
            hint="train it again: its weights, or the values of these rows, are too large",
        )


def _is_wide(network: keras.Model) -> bool:
    return numbers_at_once(network) > WIDE * Walk(network).most_numbers()


def _in_turn(walk: Walk, inputs: Mapping[str, tf.Tensor], *, training: bool) -> tf.Tensor:
    """The outputs in inference, by operations that wait for each other."""
    assert not training
    return walk(inputs, turn=tf.control_dependencies)


def _mirrored(
    called: Callable[..., tf.Tensor], network: keras.Model, inputs: Mapping[str, tf.Tensor]
) -> tf.Tensor:
    """The mean of the outputs of images and of their mirror images."""
    turned = {
        name: tf.reverse(x, [2]) if _is_image(network.input[name]) else x
        for name, x in inputs.items()
    }
    return (called(inputs, training=False) + called(turned, training=False)) / 2


def _dtype(tensor: Any) -> str:
    """Images come as bytes; the network makes floats of them."""
    return "uint8" if _is_image(tensor) else str(tensor.dtype)


def _is_image(tensor: Any) -> bool:
    return len(tensor.shape) == 4


def _affordable(network: keras.Model) -> int:
    """A power of two of rows that take a bounded number of bytes together."""
    images = {name for name, tensor in network.input.items() if _is_image(tensor)}
    pixels = sum(t.shape[1] * t.shape[2] for n, t in network.input.items() if n in images)
    rows = PIXELS_AT_ONCE // pixels if pixels else BATCH_SIZE
    beside = {name.partition("_")[0] for name in set(network.input) - images}
    if beside <= {"numbers", "categories"}:
        rows = min(rows, NUMBERS_OF_TABLES // most_numbers(network))
    else:
        rows = min(rows, NUMBERS_AT_ONCE // most_numbers(network))
    if _is_wide(network):
        rows = min(rows, NUMBERS_OF_WIDE // Walk(network).most_numbers())
    elif images or not beside <= {"numbers", "categories"}:
        rows = min(rows, NUMBERS_TOGETHER // numbers_at_once(network))
    return int(1 << (max(int(rows), 1).bit_length() - 1))


def _padded(count: int, batch_size: int) -> int:
    """The next power of two."""
    return min(batch_size, max(SMALLEST_BATCH, 1 << (count - 1).bit_length()))
