"""Give a trained forecaster its intervals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kerasnn.errors import warn
from kerasnn.forecasting.blending import is_solved
from kerasnn.forecasting.conformal import Leftover, fit_intervals, windows_apart
from kerasnn.forecasting.learning import Learned
from kerasnn.forecasting.selecting import Choice

# Windows that the intervals are fitted to: more would say the same.
MOST_WINDOWS = 5_000


def calibrated(learned: Learned, choice: Choice) -> Learned:
    """With intervals that are fitted to what was left over in the calibration part.

    Args:
        learned: From the training.
        choice: What the back-test left over is asked where the calibration part is short.
    """
    lesson, options = learned.lesson, learned.config.forecast
    fitted = lesson.preprocessor
    origins = lesson.origins("calibration")
    if len(origins) > MOST_WINDOWS:
        rows = np.linspace(0, len(origins) - 1, MOST_WINDOWS).round().astype(np.int64)
        origins = origins.take(rows)
    found = None
    if len(origins):
        outputs = learned.forecaster.scaled(lesson.prepared, origins)
        truth = np.asarray(fitted.target(lesson.prepared, origins)[:], np.float64)
        apart = windows_apart(origins.track, origins.at, fitted.horizon)
        found = Leftover(truth.reshape(outputs.shape[:3]), outputs, apart)
    intervals = fit_intervals(
        found,
        options.coverage,
        earlier=choice.earlier(lesson.prepared, fitted.horizon),
        quantiles=fitted.quantiles,
        shared=lesson.parts.shared and not is_solved(learned.config),
    )
    if intervals is None:
        warn("nothing is left to calibrate with, so the forecasts have no intervals")
    return replace(learned, forecaster=learned.forecaster.with_intervals(intervals))
