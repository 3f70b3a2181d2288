"""Estimates of the memory that a training needs, before it is allocated; smaller batches to fit."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import keras

from kerasnn.inference.memory_batches import numbers_of_all
from kerasnn.runtime import memory
from kerasnn.training.engine import wanted_batch

if TYPE_CHECKING:
    from kerasnn.options import TrainingOptions
    from kerasnn.signature import Signature

_BYTES = 4
# Of the weights: themselves, gradients, two moments of the optimizer, and copies of the start, of
# the last epoch and of the best one.
COPIES_OF_WEIGHTS = 7
# Of the inputs: what was prepared, and TensorFlow's copy.
COPIES_OF_INPUTS = 2
# Networks with so many weights in one matrix are counted before they are built.
LARGE_MATRIX = 10_000_000


def affordable(
    network: keras.Model, training_options: TrainingOptions, n_rows: int
) -> TrainingOptions:
    """Training options whose steps fit into memory: of as many rows as wanted, or half of them, a quarter, …

    Args:
        network: Network to be trained.
        training_options: Training options with the number of rows that is wanted.
        n_rows: Number of training rows.

    Raises:
        ResourceError: A step of a single row does not fit.
    """
    weights = _BYTES * COPIES_OF_WEIGHTS * _numbers(network)
    # What each layer gives is kept for the gradients.
    a_row = _BYTES * numbers_of_all(network)
    free = memory.free_memory() * memory.SHARE - weights
    size = wanted = wanted_batch(training_options, n_rows)
    while size > 1 and size * a_row > free:
        size //= 2
    hint = "choose a smaller model, or shorten what it reads"
    memory.require(weights + size * a_row, "the network and a step of it", hint=hint)
    return training_options if size == wanted else replace(training_options, batch_size=size)


def require_inputs(signature: Signature, n_rows: int) -> None:
    """Refuse rows whose inputs do not fit into memory; images are kept on disk instead.

    Args:
        signature: Inputs of the network.
        n_rows: Number of rows of all parts.

    Raises:
        ResourceError: They do not fit.
    """
    a_row = _BYTES * sum(map(_inputs, signature.members or (signature,)))
    hint = "give fewer rows, or limit their length"
    memory.require(COPIES_OF_INPUTS * n_rows * a_row, f"the inputs of {n_rows:,} rows", hint=hint)


def require_weights(
    build: Callable[[], keras.Model], signature: Signature, values: Mapping[str, Any]
) -> None:
    """Refuse a network whose weights do not fit into memory, before it is built.

    Args:
        build: Builds the network.
        signature: Its inputs and its output.
        values: Its hyper-parameters, as far as they were chosen. Where no matrix can be large, the
            weights are not counted.

    Raises:
        ResourceError: They do not fit.
    """
    widest = max([value for value in values.values() if isinstance(value, int)], default=0)
    suspected = widest * max(widest, _inputs(signature))
    if signature.window:
        suspected = max(suspected, signature.window.lookback * signature.window.width)
    if suspected < LARGE_MATRIX:
        return
    with keras.StatelessScope(initialize_variables=False):
        size = _BYTES * COPIES_OF_WEIGHTS * _numbers(build())
    hint = "choose a smaller model, lookback or horizon"
    memory.require(size, "the weights of the network", hint=hint)


def _inputs(signature: Signature) -> int:
    """Numbers of a row, but for the pixels of images."""
    columns = [signature.numbers, signature.categories]
    sizes = [len(each.names) for each in columns if each]
    sizes += [each.length for each in signature.texts]
    sizes += [each.length * each.channels for each in signature.series]
    sizes += [each.samples for each in signature.sounds]
    return sum(sizes)


def _numbers(network: keras.Model) -> int:
    """Number of elements of its weights."""
    return sum(math.prod(variable.shape) for variable in network.variables)
