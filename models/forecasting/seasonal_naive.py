"""The last season again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray
from scipy.special import ndtr

from kerasnn import layers
from kerasnn.inference.batched_model import BatchedModel
from kerasnn.layers import choices
from kerasnn.options import PreprocessingOptions, TrainingOptions

if TYPE_CHECKING:
    from keras import KerasTensor

    from kerasnn.signature import Signature, Window

TRAINING_OPTIONS = TrainingOptions(epochs=0)
PREPROCESSING = PreprocessingOptions()
CLOSED_FORM = True

# Windows whose errors the quantiles are taken from.
MOST_WINDOWS = 20_000
# Of no change at all, so that nothing is divided by zero.
LEAST_SPREAD = 1e-6


def seasonal_naive(signature: Signature, *, drift: bool = False) -> keras.Model:
    """The values of the last season again and again; without weights.

    A window that is shorter than a season repeats its last value. Quantiles are those of the errors
    in training, over the mean change from season to season in the window.

    Args:
        signature: The inputs and the output.
        drift: True to move each season by the mean change between seasons in the window.

    Shape:
        past: (batch, history, targets); returns raw scores, (batch, output.width)

    Raises:
        ConfigError: The signature has no window.

    Reference:
        Hyndman & Athanasopoulos, "Forecasting: principles and practice", 3rd edition, 2021,
        section 5.2.

    >>> from kerasnn.signature import Signature
    >>> seasonal_naive(Signature.forecast(48, 24, season=24)).count_params()
    0
    """
    choices.check(drift=drift)
    inputs = layers.build_inputs(signature)
    window, past = layers.window_of(signature), inputs["past"]
    season = window.season if window.season <= window.lookback else 1
    steps = np.arange(window.horizon)
    values = ops.take(past, (window.lookback - season + steps % season).astype("int32"), axis=1)
    changes = past[:, season:] - past[:, :-season] if season < window.lookback else past * 0
    if drift:
        seasons = (1 + steps // season).astype("float32")[None, :, None]
        values = values + ops.mean(changes, axis=1, keepdims=True) * seasons
    values = ops.expand_dims(keras.layers.Identity(name="naive")(values), -1)
    if window.quantiles:
        values = values + _errors(changes, signature, window)
    return layers.network(
        inputs, layers.forecast_scores(values, lambda x: x), name="seasonal_naive"
    )


def initialize(
    network: keras.Model, inputs: Mapping[str, Any], target: Any, seed: int, *, prefix: str = ""
) -> None:
    """Learn the quantiles of the errors, where there are any.

    Args:
        network: Network from `seasonal_naive`, or one that contains its layers.
        inputs: Arrays of the training windows by input name.
        target: Future values, (n, horizon · targets) in this order.
        seed: Draws nothing.
        prefix: Prefix of the layers' names.
    """
    found = [layer for layer in network.layers if layer.name == f"{prefix}errors"]
    for layer in found:
        naive = network.get_layer(f"{prefix}naive").output
        parts = [layers.targets_first(naive), layer.input]
        flat = [ops.reshape(x, (-1, int(np.prod(x.shape[1:])))) for x in parts]
        # In a forecast ensemble, the layers have also been called on inputs of their own, and that first.
        (source,) = keras.utils.get_source_inputs(layer.input)
        both = keras.Model({"past": source}, ops.concatenate(flat, axis=1))
        past = inputs["past"]
        rows = np.linspace(0, len(past) - 1, min(len(past), MOST_WINDOWS)).astype(int)
        outputs = BatchedModel(both)({"past": past[rows]}).astype(np.float64)
        (_, horizon, targets), width = naive.shape, layer.input.shape[1]
        forecast = outputs[:, :-width].reshape(-1, targets, horizon)
        truth = np.asarray(target)[rows].reshape(-1, horizon, targets).transpose(0, 2, 1)
        errors = (truth - forecast) / outputs[:, -width:, None]
        layer.set_weights([_quantiles(errors, layer.get_weights()[0])])


def _errors(changes: KerasTensor, signature: Signature, window: Window) -> KerasTensor:
    """(batch, horizon, targets, levels): factors of the mean change in the window."""
    spread = ops.mean(ops.abs(changes), axis=1) + LEAST_SPREAD
    scores = np.array(layers.normal_scores(signature), "float32")
    layer = keras.layers.Dense(
        window.horizon * len(scores), use_bias=False, dtype="float32", name="errors"
    )
    values = layer(ops.expand_dims(spread, -1))
    # From these `initialize` knows the levels.
    layer.kernel.assign(np.tile(scores, window.horizon)[None])
    return layers.steps_first(values, signature)


def _quantiles(errors: NDArray[Any], kernel: NDArray[Any]) -> NDArray[Any]:
    """The kernel (1, horizon · levels) from (n, targets, horizon) and the one before."""
    lines = errors.reshape(-1, errors.shape[2])
    lines = lines[np.isfinite(lines).all(axis=1)]
    if not len(lines):
        return kernel
    levels = ndtr(kernel[0, : kernel.shape[1] // errors.shape[2]])
    return np.asarray(np.quantile(lines, levels, axis=0).T.reshape(1, -1), "float32")
