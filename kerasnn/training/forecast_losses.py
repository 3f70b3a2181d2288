"""Losses of forecasts, one value a window; what nobody knows has no say."""

from __future__ import annotations

from typing import Any

import numpy as np
from keras import ops

from kerasnn.options import TrainingOptions
from kerasnn.signature import Window
from kerasnn.training.checks import check_forecast_loss, forecast_measure
from kerasnn.training.losses import RowLoss, distance
from kerasnn.training.stopping import Monitor

Tensor = Any


def forecast_loss(training_options: TrainingOptions, window: Window) -> RowLoss:
    """The loss that a recipe names, of scaled forecasts.

    Returns:
        From the target, float32 (batch, horizon · targets) with NaN where nobody knows, and the
        raw outputs, (batch, window.width), to the mean loss of each window, (batch,).

    Raises:
        ConfigError: The loss is one for classes.
    """
    check_forecast_loss(training_options)
    if window.quantiles:
        return lambda target, outputs: _pinball(target, outputs, window.quantiles)
    apart = distance(
        "mse" if training_options.loss == "auto" else training_options.loss, training_options
    )

    def loss(target: Tensor, outputs: Tensor) -> Tensor:
        known, filled = _known(target)
        return _mean(apart(filled - outputs), known)

    return loss


def forecast_monitor(
    training_options: TrainingOptions, window: Window, target: np.ndarray
) -> Monitor:
    """What picks the best epoch: the validation loss, or another measure of scaled forecasts.

    Args:
        training_options: Names the loss and the monitor.
        window: Window that is forecast.
        target: Target of the validation part, (n, horizon · targets).

    Raises:
        ConfigError: There is no such measure.
    """
    name = forecast_measure(training_options, has_quantiles=bool(window.quantiles))
    known = np.isfinite(target)

    def measure(outputs: np.ndarray) -> float:
        if not np.isfinite(outputs).all() or not known.any():
            return float("nan")
        if name == "quantile_loss":
            shaped = outputs.reshape(*target.shape, len(window.quantiles))
            error = target[..., None] - shaped
            levels = np.array(window.quantiles)
            return float(np.maximum(levels * error, (levels - 1) * error)[known].mean())
        error = (target - outputs)[known].astype("float64")
        mean = np.abs(error).mean() if name == "mae" else np.square(error).mean()
        return float(np.sqrt(mean) if name == "rmse" else mean)

    return Monitor(f"validation_{name}", "lower", measure)


def _pinball(target: Tensor, outputs: Tensor, levels: tuple[float, ...]) -> Tensor:
    """max(q e, (q − 1) e) of the error e = truth − forecast, in the mean over levels.

    Reference: Koenker, Bassett, Regression Quantiles, 1978.
    """
    known, filled = _known(target)
    shape = (-1, outputs.shape[-1] // len(levels), len(levels))
    error = ops.expand_dims(filled, -1) - ops.reshape(outputs, shape)
    q = np.array(levels, "float32")
    return _mean(ops.mean(ops.maximum(q * error, (q - 1.0) * error), axis=-1), known)


def _known(target: Tensor) -> tuple[Tensor, Tensor]:
    """Where the target is known, and the target with 0 elsewhere: NaN would spread by gradients."""
    known = ops.logical_not(ops.isnan(target))
    return ops.cast(known, "float32"), ops.where(known, target, ops.zeros_like(target))


def _mean(losses: Tensor, known: Tensor) -> Tensor:
    """Over what is known of each row, (batch,)."""
    return ops.sum(losses * known, axis=-1) / ops.maximum(ops.sum(known, axis=-1), 1.0)
