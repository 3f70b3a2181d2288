"""DLinear."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerasnn import layers
from kerasnn.layers import choices
from kerasnn.layers.choices import Scaling
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


def dlinear(
    signature: Signature,
    *,
    smoothing: int = 25,
    scaling: Scaling = "none",
    covariates: bool = True,
) -> keras.Model:
    """DLinear: one linear layer for the trend of the past and one for what is left, summed.

    The trend is a moving average; both layers are shared by all targets.

    Args:
        signature: The inputs and the output.
        smoothing: Points in time of the moving average.
        scaling: Scaling of each window: ``none``, ``last`` (subtract the last value) or
            ``standard`` (z-scores).
        covariates: True to learn linear effects of the covariates.

    Shape:
        past: (batch, history, targets); returns raw scores, (batch, output.width)

    Raises:
        ConfigError: A value is out of its range, or the signature has no window.

    Reference:
        Zeng et al., "Are transformers effective for time series forecasting?", 2022,
        arXiv 2205.13504. ETTh1, all seven targets, history 336: MSE 0.375 for horizon 96, 0.405
        for 192, 0.439 for 336, 0.472 for 720.

    >>> from kerasnn.signature import Signature
    >>> dlinear(Signature.forecast(48, 24)).count_params()  # 2 · (48 + 1) · 24
    2352
    """
    choices.check(smoothing=smoothing, scaling=scaling, covariates=covariates)
    inputs = layers.build_inputs(signature)
    effect = fixed = None
    if covariates:
        effect = layers.known_effect(inputs, signature, name="known_effect")
        fixed = layers.fixed_effect(inputs, signature, name="fixed_effect")
    past, restore = layers.scaled_window(inputs, signature, scaling, effect=effect)
    trend = layers.moving_average(past, size=smoothing, name="trend")
    parts = {"trend": trend, "remainder": past - trend}
    values = [
        layers.target_output(layers.targets_first(x), signature, name=f"{part}_output")
        for part, x in parts.items()
    ]
    if fixed is not None:
        values.append(fixed)
    scores = layers.forecast_scores(layers.ascending(layers.total(values)), restore)
    return layers.network(inputs, scores, name="dlinear")
