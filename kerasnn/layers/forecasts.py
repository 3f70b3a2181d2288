"""How networks for forecasts begin and end: the scale of a window, and its way back.

Models for each target on its own keep the targets in front of the time, (batch, targets, time), so
that a dense layer works on the time of every target alike.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from statistics import NormalDist
from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import ops

from kerasnn.errors import ConfigError
from kerasnn.layers import choices

if TYPE_CHECKING:
    from keras import KerasTensor

    from kerasnn.layers.choices import Scaling
    from kerasnn.signature import Signature, Window

# From values in the scale of a window, (batch, horizon, targets, levels), to those of the targets.
Restore = Callable[["KerasTensor"], "KerasTensor"]

EPSILON = 1e-5


def window_of(signature: Signature) -> Window:
    """The window of a forecast.

    Raises:
        ConfigError: The signature is of another task.
    """
    if signature.window is None:
        raise ConfigError(
            "a model for forecasts needs a window of the past; got none",
            hint="set `forecast.horizon`, or choose a model for tables, such as mlp",
        )
    return signature.window


def levels_of(window: Window) -> int:
    """Numbers forecast for each time step and target: one, or one a quantile."""
    return max(1, len(window.quantiles))


def scaled_window(
    inputs: dict[str, KerasTensor],
    signature: Signature,
    how: Scaling,
    *,
    effect: tuple[KerasTensor, KerasTensor] | None = None,
) -> tuple[KerasTensor, Restore]:
    """The past of the targets about zero, and the way back to their scale.

    ``last`` subtracts the last value; ``standard`` subtracts the mean of the window and divides by
    √(variance + 1e-5), as RevIN does without its learned scale; ``none`` leaves it as it is. A
    window is data: no gradient flows through its moments.

    Args:
        inputs: Input tensors by name, made by `build_inputs`.
        signature: Signature of a forecast.
        how: Name of the scaling.
        effect: Result of `known_effect`, subtracted from the past and added to the forecast.

    Shape:
        past: (batch, history, targets); returns the same, and a function from (batch, horizon,
        targets, levels) to the same

    Raises:
        ConfigError: The signature has no window.

    Reference:
        Kim et al., "Reversible instance normalization", 2022 (RevIN); Zeng et al., 2022,
        arXiv 2205.13504 (the last value).
    """
    window_of(signature)
    choices.check(scaling=how)
    if effect:
        past, restore = _scaled(inputs["past"] - effect[0], how)
        return past, lambda values: restore(values) + ops.expand_dims(effect[1], -1)
    return _scaled(inputs["past"], how)


def _scaled(past: KerasTensor, how: Scaling) -> tuple[KerasTensor, Restore]:
    if how == "none":
        return past, lambda values: values
    if how == "last":
        last = past[:, -1:]
        return past - last, lambda values: values + ops.expand_dims(last, -1)
    mean = ops.mean(past, axis=1, keepdims=True)
    centered = past - mean
    deviation = ops.sqrt(ops.mean(ops.square(centered), axis=1, keepdims=True) + EPSILON)
    return (
        centered / deviation,
        lambda values: values * ops.expand_dims(deviation, -1) + ops.expand_dims(mean, -1),
    )


def forecast_output(
    features: KerasTensor, signature: Signature, restore: Restore, *, name: str = "output"
) -> KerasTensor:
    """A linear layer from what a network made of a window to the forecast.

    Args:
        features: Any, about unit scale.
        signature: Signature of a forecast.
        restore: Function from `scaled_window` that restores the scale.
        name: Name of the layer.

    Shape:
        features: (batch, any); returns (batch, horizon · targets · levels)
    """
    window = window_of(signature)
    values = keras.layers.Dense(window.width, dtype="float32", name=name)(features)
    shape = (-1, window.horizon, len(window.targets), levels_of(window))
    return forecast_scores(ascending(ops.reshape(values, shape)), restore)


def forecast_scores(values: KerasTensor, restore: Restore) -> KerasTensor:
    """Values in the scale of the window as the raw output of a network.

    Shape:
        values: (batch, horizon, targets, levels); returns (batch, horizon · targets · levels)
    """
    values = restore(ops.cast(values, "float32"))
    return ops.reshape(values, (-1, int(np.prod(values.shape[1:]))))


def ascending(values: KerasTensor) -> KerasTensor:
    """Quantiles that never cross: the middle one as it is, the others by softplus steps from it.

    Shape:
        values: (…, levels), any; returns the same, ascending
    """
    count = values.shape[-1]
    if count == 1:
        return values
    middle = count // 2
    columns = [values[..., i : i + 1] for i in range(count)]
    for i in range(middle + 1, count):
        columns[i] = columns[i - 1] + ops.softplus(columns[i])
    for i in reversed(range(middle)):
        columns[i] = columns[i + 1] - ops.softplus(columns[i])
    return ops.concatenate(columns, axis=-1)


def total(parts: list[KerasTensor]) -> KerasTensor:
    """The sum of tensors of one shape, in their own precision."""
    return reduce(ops.add, parts)


def targets_first(x: KerasTensor) -> KerasTensor:
    """(batch, time, targets) → (batch, targets, time)."""
    return ops.transpose(x, (0, 2, 1))


def target_output(
    x: KerasTensor,
    signature: Signature,
    *,
    l2: float = 0.0,
    bias: list[float] | None = None,
    name: str = "output",
) -> KerasTensor:
    """One linear layer, for each target alike, from its features to its future; levels as they are.

    Args:
        x: Features.
        signature: Signature of a forecast.
        l2: Penalty on the squares of the kernel.
        bias: First values of the bias, one a level; 0 if None.
        name: Name of the layer.

    Shape:
        x: (batch, targets, any); returns (batch, horizon, targets, levels)
    """
    window = window_of(signature)
    width = window.horizon * levels_of(window)
    penalty = keras.regularizers.L2(l2) if l2 else None
    layer = keras.layers.Dense(width, kernel_regularizer=penalty, dtype="float32", name=name)
    x = layer(x)
    if bias:
        layer.bias.assign(np.tile(np.array(bias, "float32"), window.horizon))
    return steps_first(x, signature)


def normal_scores(signature: Signature) -> list[float]:
    """The quantiles that a forecast asks for, of a standard normal distribution; else a 0."""
    normal = NormalDist()
    return [normal.inv_cdf(level) for level in window_of(signature).quantiles] or [0.0]


def steps_first(x: KerasTensor, signature: Signature) -> KerasTensor:
    """(batch, targets, horizon · levels) → (batch, horizon, targets, levels)."""
    window = window_of(signature)
    shape = (-1, len(window.targets), window.horizon, levels_of(window))
    return ops.transpose(ops.reshape(x, shape), (0, 2, 1, 3))


def fold_targets(x: KerasTensor) -> KerasTensor:
    """Each target as a row of its own: (batch, targets, …) → (batch · targets, …)."""
    return ops.reshape(x, (-1, *x.shape[2:]))


def unfold_targets(x: KerasTensor, targets: int) -> KerasTensor:
    """What `fold_targets` did, undone: (batch · targets, …) → (batch, targets, …)."""
    return ops.reshape(x, (-1, targets, *x.shape[1:]))


def moving_average(x: KerasTensor, *, size: int, name: str) -> KerasTensor:
    """Means of ``size`` neighbours in time; beyond the ends, the first and the last value go on.

    Shape:
        x: (batch, time, any); returns the same
    """
    before = (size - 1) // 2
    places = np.arange(-before, x.shape[1] + size - 1 - before).clip(0, x.shape[1] - 1)
    # Each time is picked, rather than padded: an edge is no constant.
    longer = ops.take(x, places.astype("int32"), axis=1)
    return keras.layers.AveragePooling1D(size, strides=1, name=name)(longer)
