"""NLinear."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerasnn import layers
from kerasnn.layers import choices
from kerasnn.options import PreprocessingOptions, TrainingOptions

if TYPE_CHECKING:
    import keras

    from kerasnn.signature import Signature

# The rate is halved each epoch.
TRAINING_OPTIONS = TrainingOptions(
    epochs=10,
    batch_size=32,
    optimizer="adam",
    learning_rate=5e-3,
    weight_decay=0.0,
    schedule="exponential",
    warmup=0.0,
    final_rate=1e-3,
    patience=3,
)
PREPROCESSING = PreprocessingOptions()


def nlinear(signature: Signature, *, covariates: bool = True) -> keras.Model:
    """NLinear: one linear layer from the past, minus its last value, to the future.

    The layer is shared by all targets. `ridge_nlinear` solves for the same weights.

    Args:
        signature: The inputs and the output.
        covariates: True to learn linear effects of the covariates.

    Shape:
        past: (batch, history, targets); returns raw scores, (batch, output.width)

    Raises:
        ConfigError: The signature has no window.

    Reference:
        Zeng et al., "Are transformers effective for time series forecasting?", 2022,
        arXiv 2205.13504.

    >>> from kerasnn.signature import Signature
    >>> nlinear(Signature.forecast(48, 24)).count_params()  # (48 + 1) · 24
    1176
    """
    choices.check(covariates=covariates)
    inputs = layers.build_inputs(signature)
    effect = fixed = None
    if covariates:
        effect = layers.known_effect(inputs, signature, name="known_effect")
        fixed = layers.fixed_effect(inputs, signature, name="fixed_effect")
    past, restore = layers.scaled_window(inputs, signature, "last", effect=effect)
    values = layers.target_output(layers.targets_first(past), signature)
    if fixed is not None:
        values = values + fixed
    scores = layers.forecast_scores(layers.ascending(values), restore)
    return layers.network(inputs, scores, name="nlinear")
