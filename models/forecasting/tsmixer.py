"""TSMixer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
from keras import ops

from kerasnn import layers
from kerasnn.layers import choices
from kerasnn.layers.choices import Scaling
from kerasnn.options import PreprocessingOptions, TrainingOptions

if TYPE_CHECKING:
    from keras import KerasTensor

    from kerasnn.signature import Signature

TRAINING_OPTIONS = TrainingOptions(
    epochs=20, batch_size=32, optimizer="adam", learning_rate=1e-3, weight_decay=0.0, patience=5
)
PREPROCESSING = PreprocessingOptions()


def tsmixer(
    signature: Signature,
    *,
    depth: int = 2,
    width: int = 64,
    dropout: float = 0.7,
    scaling: Scaling = "standard",
) -> keras.Model:
    """TSMixer: dense layers over the time and over the channels in turn.

    A block is x + dropout(ReLU(W norm(x))) along the time, shared by the channels, then x + a
    perceptron along the channels, shared by the time. Covariates of the past are channels like the
    targets; what is known ahead moves the forecast of each time step by a perceptron.

    Args:
        signature: The inputs and the output.
        depth: Number of blocks.
        width: Hidden units of the perceptron over the channels.
        dropout: Share of units dropped in training, in [0, 1).
        scaling: Scaling of each window: ``none``, ``last`` (subtract the last value) or
            ``standard`` (z-scores).

    Shape:
        past: (batch, history, targets); returns raw scores, (batch, output.width)

    Raises:
        ConfigError: A value is out of its range, or the signature has no window.

    Reference:
        Chen et al., "TSMixer: an all-MLP architecture for time series forecasting", 2023,
        arXiv 2303.06053.

    >>> from kerasnn.signature import Signature
    >>> tsmixer(Signature.forecast(48, 24, targets=3), depth=1).get_layer("block_1_time").units
    48
    """
    choices.check(depth=depth, width=width, dropout=dropout, scaling=scaling)
    inputs = layers.build_inputs(signature)
    window = layers.window_of(signature)
    past, restore = layers.scaled_window(inputs, signature, scaling)
    x = layers.concatenate_features([past, *layers.past_steps(inputs, signature)], name="channels")
    for i in range(1, depth + 1):
        x = _block(x, width=width, dropout=dropout, name=f"block_{i}")
    targets = layers.targets_first(x[:, :, : len(window.targets)])
    values = layers.target_output(targets, signature)
    values = layers.moved_by_the_known(values, inputs, signature, width=width, dropout=dropout)
    scores = layers.forecast_scores(layers.ascending(values), restore)
    return layers.network(inputs, scores, name="tsmixer")


def _block(x: KerasTensor, *, width: int, dropout: float, name: str) -> KerasTensor:
    """(batch, time, channels) → the same."""
    time, channels = x.shape[1:]
    inner = layers.targets_first(_norm(x, name=f"{name}_time_norm"))
    inner = keras.layers.Dense(time, activation="relu", name=f"{name}_time")(inner)
    inner = layers.drop(layers.targets_first(inner), dropout, name=f"{name}_time_dropout")
    x = layers.add([x, inner], name=f"{name}_mixed_time")
    inner = _norm(x, name=f"{name}_channels_norm")
    inner = keras.layers.Dense(width, activation="relu", name=f"{name}_channels_1")(inner)
    inner = layers.drop(inner, dropout, name=f"{name}_channels_dropout_1")
    inner = keras.layers.Dense(channels, name=f"{name}_channels_2")(inner)
    inner = layers.drop(inner, dropout, name=f"{name}_channels_dropout_2")
    return layers.add([x, inner], name=name)


def _norm(x: KerasTensor, *, name: str) -> KerasTensor:
    """Batch normalization of each channel at each time step."""
    flat = ops.reshape(x, (-1, x.shape[1] * x.shape[2]))
    return ops.reshape(layers.normalize(flat, "batch", name=name), (-1, *x.shape[1:]))
