"""Give a trained forecaster its intervals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kerasnn.errors import warn
from kerasnn.forecasting.conformal import CalibrationResiduals, fit_intervals, windows_apart
from kerasnn.forecasting.ensemble import is_solved
from kerasnn.forecasting.fit import TrainedModel
from kerasnn.forecasting.model_selection import Choice

# Windows that the intervals are fitted to: more would say the same.
MOST_WINDOWS = 5_000


def calibrated(trained_model: TrainedModel, choice: Choice) -> TrainedModel:
    """The trained model with intervals that are fitted to the residuals of the calibration part.

    Args:
        trained_model: Trained forecaster without intervals.
        choice: Choice of the model; residuals of its back-test are used too where the calibration
            part is short.
    """
    training_setup, options = trained_model.training_setup, trained_model.config.forecast
    fitted = training_setup.preprocessor
    origins = training_setup.origins("calibration")
    if len(origins) > MOST_WINDOWS:
        rows = np.linspace(0, len(origins) - 1, MOST_WINDOWS).round().astype(np.int64)
        origins = origins.take(rows)
    found = None
    if len(origins):
        outputs = trained_model.forecaster.scaled(training_setup.prepared, origins)
        truth = np.asarray(fitted.target(training_setup.prepared, origins)[:], np.float64)
        apart = windows_apart(origins.track, origins.at, fitted.horizon)
        found = CalibrationResiduals(truth.reshape(outputs.shape[:3]), outputs, apart)
    intervals = fit_intervals(
        found,
        options.coverage,
        earlier=choice.earlier(training_setup.prepared, fitted.horizon),
        quantiles=fitted.quantiles,
        shared=training_setup.splits.shared and not is_solved(trained_model.config),
    )
    if intervals is None:
        warn("nothing is left to calibrate with, so the forecasts have no intervals")
    return replace(trained_model, forecaster=trained_model.forecaster.with_intervals(intervals))
