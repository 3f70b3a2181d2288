"""What is known beside the past of the targets of a forecast, as networks take it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
from keras import ops

from kerasnn.layers import blocks, choices
from kerasnn.layers.forecasts import levels_of, window_of
from kerasnn.layers.tables import table_parts

if TYPE_CHECKING:
    from keras import KerasTensor

    from kerasnn.signature import Signature


def window_context(
    inputs: dict[str, KerasTensor], signature: Signature, *, name: str = "context"
) -> KerasTensor | None:
    """All that is known beside the past of the targets, as one row of numbers; None if nothing.

    Shape:
        returns (batch, history · past covariates + (history + horizon) · known covariates +
        features of what never changes)
    """
    covariates = [key for key in ("past_covariates", "future_covariates") if key in inputs]
    parts = [keras.layers.Flatten(name=f"{key}_flat")(inputs[key]) for key in covariates]
    parts += table_parts(inputs, signature)
    return blocks.concatenate_features(parts, name=name) if parts else None


def window_stack(
    x: KerasTensor,
    context: KerasTensor | None,
    *,
    width: int,
    depth: int,
    dropout: float,
    name: str,
) -> KerasTensor:
    """A perceptron of ReLUs, for each target alike, that also sees the context of the window.

    Args:
        x: Features of each target.
        context: Features from `window_context`, the same for all targets.
        width: Units of each hidden layer.
        depth: Number of hidden layers.
        dropout: Share of the units dropped, in [0, 1).
        name: Prefix of the layers' names.

    Shape:
        x: (batch, targets, any); context: (batch, any); returns (batch, targets, width)

    Raises:
        ConfigError: A value is out of its range.
    """
    choices.check(width=width, depth=depth)
    for i in range(1, depth + 1):
        x = keras.layers.Dense(width, kernel_initializer="he_normal", name=f"{name}_{i}")(x)
        if i == 1 and context is not None:
            # A layer of its own is the same as longer rows, without repeating them for each target.
            layer = keras.layers.Dense(width, use_bias=False, name=f"{name}_context")
            x = x + ops.expand_dims(layer(context), 1)
        x = keras.layers.Activation("relu", name=f"{name}_activation_{i}")(x)
        x = blocks.drop(x, dropout, name=f"{name}_dropout_{i}")
    return x


def past_steps(inputs: dict[str, KerasTensor], signature: Signature) -> list[KerasTensor]:
    """Covariates at each point of the past, (batch, history, any) each; none without any."""
    window = window_of(signature)
    parts = [inputs["past_covariates"]] if window.past_covariates else []
    return (
        [*parts, inputs["future_covariates"][:, : window.lookback]]
        if window.future_covariates
        else parts
    )


def future_steps(inputs: dict[str, KerasTensor], signature: Signature) -> list[KerasTensor]:
    """What is known of each point of the future, (batch, horizon, any) each; none without any.

    These are covariates that are known ahead, the last values of the others, and what never
    changes.
    """
    window = window_of(signature)
    ahead = [inputs["future_covariates"][:, window.lookback :]] if window.future_covariates else []
    fixed = [inputs["past_covariates"][:, -1]] if window.past_covariates else []
    fixed += table_parts(inputs, signature)
    return ahead + [ops.repeat(ops.expand_dims(x, 1), window.horizon, axis=1) for x in fixed]


def moved_by_the_known(
    values: KerasTensor,
    inputs: dict[str, KerasTensor],
    signature: Signature,
    *,
    width: int,
    dropout: float,
    name: str = "known",
) -> KerasTensor:
    """A forecast, plus what a perceptron makes of it and of what is known, step by step.

    Args:
        values: Forecast of the network without covariates.
        inputs: Input tensors by name, made by `build_inputs`.
        signature: Signature of a forecast.
        width: Hidden units.
        dropout: Share of them dropped, in [0, 1).
        name: Prefix of the layers' names.

    Shape:
        values: (batch, horizon, targets, levels); returns the same
    """
    window = window_of(signature)
    parts = future_steps(inputs, signature)
    if not parts:
        return values
    count = len(window.targets) * levels_of(window)
    flat = ops.reshape(values, (-1, window.horizon, count))
    x = blocks.concatenate_features([flat, *parts], name=f"{name}_steps")
    x = keras.layers.Dense(width, activation="relu", name=f"{name}_hidden")(x)
    x = blocks.drop(x, dropout, name=f"{name}_dropout")
    x = keras.layers.Dense(count, dtype="float32", name=f"{name}_output")(x)
    return values + ops.reshape(x, (-1, *values.shape[1:]))


def known_effect(
    inputs: dict[str, KerasTensor], signature: Signature, *, name: str
) -> tuple[KerasTensor, KerasTensor] | None:
    """What a linear model of the known covariates says of the targets, then and in time to come.

    Its layer starts at zero. A model that subtracts the first part from the past and adds the
    second to its forecast sees the past as if the covariates had not moved.

    Args:
        inputs: Input tensors by name, made by `build_inputs`.
        signature: Signature of a forecast.
        name: Name of the layer.

    Shape:
        returns (batch, history, targets) and (batch, horizon, targets); None without covariates
    """
    window = window_of(signature)
    if not window.future_covariates:
        return None
    effect = _linear(inputs["future_covariates"], signature, scale=0.0, name=name)
    return effect[:, : window.lookback], effect[:, window.lookback :]


def fixed_effect(
    inputs: dict[str, KerasTensor], signature: Signature, *, name: str
) -> KerasTensor | None:
    """What a linear model says of the targets by what stays, or is known up to now only.

    Its layer starts almost at zero: learned embeddings before it would have no gradient at zero.

    Shape:
        returns (batch, 1, targets, 1); None without such columns
    """
    parts = [inputs["past_covariates"][:, -1]] if window_of(signature).past_covariates else []
    parts += table_parts(inputs, signature)
    if not parts:
        return None
    columns = blocks.concatenate_features(parts, name=f"{name}_columns")
    effect = _linear(columns, signature, scale=0.01, name=name)
    return ops.reshape(effect, (-1, 1, effect.shape[1], 1))


def _linear(x: KerasTensor, signature: Signature, *, scale: float, name: str) -> KerasTensor:
    return keras.layers.Dense(
        len(window_of(signature).targets),
        use_bias=False,
        kernel_initializer=keras.initializers.RandomNormal(stddev=scale) if scale else "zeros",
        dtype="float32",
        name=name,
    )(x)
