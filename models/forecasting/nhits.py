"""N-HiTS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import ops

from kerasnn import layers
from kerasnn.layers import choices
from kerasnn.layers.choices import Scaling
from kerasnn.options import PreprocessingOptions, TrainingOptions

if TYPE_CHECKING:
    from keras import KerasTensor

    from kerasnn.signature import Signature

TRAINING_OPTIONS = TrainingOptions(
    epochs=16,
    batch_size=64,
    optimizer="adam",
    learning_rate=1e-3,
    weight_decay=0.0,
    loss="mae",
    patience=4,
)
PREPROCESSING = PreprocessingOptions()

# Of the three blocks: time steps that are pooled, and time steps ahead for each knot.
POOLS = (2, 2, 1)
REDUCTIONS = (4, 2, 1)


def nhits(
    signature: Signature,
    *,
    width: int = 128,
    depth: int = 2,
    dropout: float = 0.3,
    scaling: Scaling = "standard",
) -> keras.Model:
    """N-HiTS: blocks that look at the past through coarser and finer eyes.

    A block pools the past by its maxima, and a perceptron makes of it what the block explains of
    the past, which is taken away before the next one, and a few knots of the future, between which
    lines are drawn. The forecast is the sum over the blocks. All targets share the weights; what
    else is known goes into each perceptron.

    Args:
        signature: The inputs and the output.
        width: Units of each hidden layer; the paper has 512, without dropout, for more data.
        depth: Hidden layers of a block.
        dropout: Share of hidden units dropped in training, in [0, 1).
        scaling: Scaling of each window: ``none``, ``last`` (subtract the last value) or
            ``standard`` (z-scores).

    Shape:
        past: (batch, history, targets); returns raw scores, (batch, output.width)

    Raises:
        ConfigError: A value is out of its range, or the signature has no window.

    Reference:
        Challu et al., "N-HiTS: neural hierarchical interpolation for time series forecasting",
        2022, arXiv 2201.12886. ETTh1, all seven targets: MSE 0.378 for horizon 96, 0.427 for 192,
        0.458 for 336, 0.561 for 720.

    >>> from kerasnn.signature import Signature
    >>> nhits(Signature.forecast(48, 24), width=8).get_layer("block_1_knots").units
    6
    """
    choices.check(width=width, depth=depth, dropout=dropout, scaling=scaling)
    inputs = layers.build_inputs(signature)
    window, count = layers.window_of(signature), layers.levels_of(layers.window_of(signature))
    past, restore = layers.scaled_window(inputs, signature, scaling)
    context = layers.window_context(inputs, signature)
    rest, parts = layers.targets_first(past), []
    for i, (pool, reduction) in enumerate(zip(POOLS, REDUCTIONS, strict=True), start=1):
        name = f"block_{i}"
        x = layers.window_stack(
            max_pool(rest, pool), context, width=width, depth=depth, dropout=dropout, name=name
        )
        knots = max(1, window.horizon // reduction)
        ahead = keras.layers.Dense(knots * count, dtype="float32", name=f"{name}_knots")(x)
        ahead = ops.reshape(ahead, (-1, len(window.targets), knots, count))
        parts.append(interpolate(ahead, window.horizon))
        if i < len(POOLS):
            back = keras.layers.Dense(window.lookback, name=f"{name}_backcast")(x)
            rest = rest - back
    values = layers.ascending(layers.total(parts))
    return layers.network(inputs, layers.forecast_scores(values, restore), name="nhits")


def max_pool(x: KerasTensor, size: int) -> KerasTensor:
    """Maxima of ``size`` time steps each; the last one may have fewer.

    Shape:
        x: (batch, targets, time); returns (batch, targets, ⌈time / size⌉)
    """
    if size == 1:
        return x
    count = -(-x.shape[2] // size)
    places = np.arange(count * size, dtype="int32").clip(0, x.shape[2] - 1)
    return ops.max(ops.take(x, places.reshape(count, size), axis=2), axis=-1)


def interpolate(knots: KerasTensor, length: int) -> KerasTensor:
    """Lines between knots that stand in the middle of equal shares of the time.

    Shape:
        knots: (batch, targets, count, levels); returns (batch, length, targets, levels)
    """
    count = knots.shape[2]
    x = ops.transpose(knots, (0, 2, 1, 3))
    if count == length:
        return x
    # Not by a matrix: its size would grow with the square of the length.
    places = ((np.arange(length) + 0.5) * count / length - 0.5).clip(0, count - 1)
    before = places.astype("int32")
    after = np.minimum(before + 1, count - 1).astype("int32")
    share = (places - before).astype("float32")[:, None, None]
    return ops.take(x, before, axis=1) * (1 - share) + ops.take(x, after, axis=1) * share
