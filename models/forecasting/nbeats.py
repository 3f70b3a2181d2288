"""N-BEATS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

from kerasnn import layers
from kerasnn.layers import choices
from kerasnn.layers.choices import Scaling
from kerasnn.options import PreprocessingOptions, TrainingOptions

if TYPE_CHECKING:
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


def nbeats(
    signature: Signature,
    *,
    blocks: int = 6,
    width: int = 128,
    depth: int = 4,
    dropout: float = 0.3,
    scaling: Scaling = "standard",
) -> keras.Model:
    """N-BEATS, generic: a chain of perceptrons, each on what those before left unexplained.

    A block explains a part of the past, which is taken away before the next one, and forecasts a
    part of the future; the forecast is the sum. All targets share the weights; what else is known
    goes into each perceptron.

    Args:
        signature: The inputs and the output.
        blocks: Perceptrons in the chain; the paper has 30.
        width: Units of each hidden layer; the paper has 512.
        depth: Hidden layers of a block.
        dropout: Share of hidden units dropped in training, in [0, 1); the paper has none.
        scaling: Scaling of each window: ``none``, ``last`` (subtract the last value) or
            ``standard`` (z-scores).

    Shape:
        past: (batch, history, targets); returns raw scores, (batch, output.width)

    Raises:
        ConfigError: A value is out of its range, or the signature has no window.

    Reference:
        Oreshkin et al., "N-BEATS: neural basis expansion analysis for interpretable time series
        forecasting", 2019, arXiv 1905.10437. M4: OWA 0.795, by an ensemble.

    >>> from kerasnn.signature import Signature
    >>> nbeats(Signature.forecast(48, 24), blocks=2, width=8).get_layer("block_2_output").units
    24
    """
    choices.check(blocks=blocks, width=width, depth=depth, dropout=dropout, scaling=scaling)
    inputs = layers.build_inputs(signature)
    window = layers.window_of(signature)
    past, restore = layers.scaled_window(inputs, signature, scaling)
    context = layers.window_context(inputs, signature)
    rest, parts = layers.targets_first(past), []
    for i in range(1, blocks + 1):
        name = f"block_{i}"
        x = layers.window_stack(rest, context, width=width, depth=depth, dropout=dropout, name=name)
        parts.append(layers.target_output(x, signature, name=f"{name}_output"))
        if i < blocks:
            back = keras.layers.Dense(window.lookback, name=f"{name}_backcast")(x)
            rest = rest - back
    scores = layers.forecast_scores(layers.ascending(layers.total(parts)), restore)
    return layers.network(inputs, scores, name="nbeats")
