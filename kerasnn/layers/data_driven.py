"""First weights that come from training rows, layer after layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from kerasnn.inference.memory_batches import in_batches
from kerasnn.layers.centered_one_hot import fit_centered_one_hot
from kerasnn.layers.parametric import HIGHEST, LOWEST, OUTPUT, dense_layers
from kerasnn.runtime.memory import rows_at_once

# Rows that a layer's first weights come from, and bytes of what they are to the layer.
ROWS, BYTES = 16_384, 1024 * 1024 * 1024
ROWS_AT_ONCE = 2_048
# Rows that a unit's bias comes from.
BIAS_ROWS = 5
# A unit that varies less is as good as constant.
LEAST_DEVIATION = 1e-6


def fit_first_weights(network: keras.Model, inputs: Mapping[str, Any], *, seed: int) -> None:
    """Units that vary by 1 over training rows and are 0 somewhere among them.

    Args:
        network: Its one-hot columns are centered first, then each dense layer is filled from what
            the layers before it give.
        inputs: Training inputs by name; arrays, or anything indexed like one.
        seed: Seed of the weights and of the sample of rows.

    Reference:
        Holzmüller, Grinsztajn and Steinwart, 2024, arXiv 2407.04491.
    """
    generator = np.random.default_rng(seed)
    n_rows = len(next(iter(inputs.values())))
    widest = max(layer.input.shape[-1] for layer in dense_layers(network))
    # In double precision.
    most = rows_at_once(8 * widest, most=ROWS, budget=BYTES)
    rows = generator.choice(n_rows, min(n_rows, most), replace=False)
    rows.sort()
    if "categories" in inputs:
        fit_centered_one_hot(network, inputs["categories"][rows])
    for layer in dense_layers(network):
        x = _values(network, layer.input, inputs, rows)
        # One logit of two classes is the difference of two.
        pair = layer.name == OUTPUT and layer.units == 1 and LOWEST not in _names(network)
        kernel, bias = first_weights(x, layer.units + pair, generator)
        if pair:
            kernel, bias = kernel[:, 1:] - kernel[:, :1], bias[1:] - bias[:1]
        layer.kernel.assign(kernel.astype("float32"))
        layer.bias.assign(bias.astype("float32"))


def first_weights(
    x: NDArray[Any], units: int, generator: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Kernel and bias: normal columns over the deviation of what they give, and minus a mean of it.

    Of each unit the mean is over five rows of its own, weighted at random.

    Args:
        x: Inputs of the layer, (rows, d).
        units: Number of units of the layer.
        generator: Generator of random numbers.

    Shape:
        returns (d, units) and (units,)
    """
    kernel = generator.standard_normal((x.shape[1], units))
    given = x.astype("float64") @ kernel
    deviation = given.std(axis=0)
    deviation = np.where(deviation > LEAST_DEVIATION, deviation, np.sqrt(x.shape[1]))
    rows = generator.integers(len(x), size=(BIAS_ROWS, units))
    weights = generator.exponential(size=(BIAS_ROWS, units))
    weights /= weights.sum(axis=0)
    chosen = given[rows, np.arange(units)] / deviation
    return kernel / deviation, -(weights * chosen).sum(axis=0)


def fit_bounds(network: keras.Model, target: Any) -> None:
    """Let a network of `bounded_output` predict nothing beyond the targets seen in training.

    Args:
        network: Network for any task; only one for regression has bounds.
        target: Target as the loss of the network takes it.
    """
    if LOWEST in _names(network):
        for name, bound in ((LOWEST, np.min(target)), (HIGHEST, np.max(target))):
            network.get_layer(name).kernel.assign(np.full((1, 1), bound, "float32"))


def _values(
    network: keras.Model, tensor: Any, inputs: Mapping[str, Any], rows: NDArray[Any]
) -> NDArray[np.float32]:
    """A tensor within a network for some rows."""
    part = keras.Model(network.inputs, tensor)
    return np.concatenate(list(in_batches(part, inputs, rows, most=ROWS_AT_ONCE)))


def _names(network: keras.Model) -> set[str]:
    return {layer.name for layer in network.layers}
