"""TiDE."""

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
    epochs=20, batch_size=64, optimizer="adam", learning_rate=5e-4, weight_decay=0.0, patience=5
)
PREPROCESSING = PreprocessingOptions()

# Covariates of a time step become so few numbers, and so many stand for a step of the decoder.
COVARIATES_WIDTH = 4
STEP_WIDTH = 8
STEP_HIDDEN = 128


def tide(
    signature: Signature,
    *,
    width: int = 256,
    depth: int = 2,
    dropout: float = 0.3,
    scaling: Scaling = "standard",
) -> keras.Model:
    """TiDE: a perceptron that encodes the past, one that decodes it, and a linear model beside.

    All layers are residual perceptrons, norm(dropout(W₂ ReLU(W₁ x)) + W x). The encoder sees the
    past of a target and all covariates, brought to few numbers at each time step; the decoder
    makes a vector for each step ahead, and the last layer forecasts the step from it and from what
    is known of the step. All targets share the weights.

    Args:
        signature: The inputs and the output.
        width: Hidden units of the encoder and the decoder.
        depth: Layers of the encoder, and of the decoder.
        dropout: Share of units dropped in training, in [0, 1).
        scaling: Scaling of each window: ``none``, ``last`` (subtract the last value) or
            ``standard`` (z-scores).

    Shape:
        past: (batch, history, targets); returns raw scores, (batch, output.width)

    Raises:
        ConfigError: A value is out of its range, or the signature has no window.

    Reference:
        Das et al., "Long-term forecasting with TiDE: time-series dense encoder", 2023,
        arXiv 2304.08424. ETTh1, all seven targets, history 720: MSE 0.375 for horizon 96, 0.412
        for 192, 0.435 for 336, 0.454 for 720.

    >>> from kerasnn.signature import Signature
    >>> tide(Signature.forecast(48, 24)).get_layer("linear_output").units
    24
    """
    choices.check(width=width, depth=depth, dropout=dropout, scaling=scaling)
    inputs = layers.build_inputs(signature)
    window = layers.window_of(signature)
    past, restore = layers.scaled_window(inputs, signature, scaling)
    past = layers.targets_first(past)
    steps = _covariates(inputs, signature, dropout=dropout)
    beside = [keras.layers.Flatten(name=f"{name}_flat")(x) for name, x in steps.items()]
    beside += layers.table_parts(inputs, signature)
    x = layers.concatenate_features(
        [past, *(_for_each(x, signature) for x in beside)], name="encoded"
    )
    for i in range(1, depth + 1):
        x = _layer(x, width=width, out=width, dropout=dropout, name=f"encoder_{i}")
    for i in range(1, depth + 1):
        out = width if i < depth else STEP_WIDTH * window.horizon
        x = _layer(x, width=width, out=out, dropout=dropout, name=f"decoder_{i}")
    x = ops.reshape(x, (-1, len(window.targets), window.horizon, STEP_WIDTH))
    if "future_steps" in steps:
        ahead = steps["future_steps"][:, window.lookback :]
        x = layers.concatenate_features([x, _for_each(ahead, signature)], name="decoded")
    values = _layer(
        x, width=STEP_HIDDEN, out=layers.levels_of(window), dropout=dropout, norm=False, name="step"
    )
    values = ops.cast(ops.transpose(values, (0, 2, 1, 3)), "float32")
    values = values + layers.target_output(past, signature, name="linear_output")
    return layers.network(
        inputs, layers.forecast_scores(layers.ascending(values), restore), name="tide"
    )


def _covariates(
    inputs: dict[str, KerasTensor], signature: Signature, *, dropout: float
) -> dict[str, KerasTensor]:
    """A few numbers for the covariates of each time step, (batch, time, any)."""
    window = layers.window_of(signature)
    found = {}
    for name, columns in (("past", window.past_covariates), ("future", window.future_covariates)):
        if columns:
            found[f"{name}_steps"] = _layer(
                inputs[f"{name}_covariates"],
                width=STEP_HIDDEN,
                out=COVARIATES_WIDTH,
                dropout=dropout,
                name=f"{name}_steps",
            )
    return found


def _layer(
    x: KerasTensor, *, width: int, out: int, dropout: float, name: str, norm: bool = True
) -> KerasTensor:
    """(batch, …, any) → (batch, …, out)."""
    inner = keras.layers.Dense(width, activation="relu", name=f"{name}_1")(x)
    inner = layers.drop(
        keras.layers.Dense(out, name=f"{name}_2")(inner), dropout, name=f"{name}_dropout"
    )
    x = layers.add([inner, keras.layers.Dense(out, name=f"{name}_skip")(x)], name=f"{name}_sum")
    return layers.normalize(x, "layer" if norm else "none", name=f"{name}_norm")


def _for_each(x: KerasTensor, signature: Signature) -> KerasTensor:
    """The same for each target: (batch, …) → (batch, targets, …)."""
    targets = len(layers.window_of(signature).targets)
    return ops.repeat(ops.expand_dims(x, 1), targets, axis=1)
