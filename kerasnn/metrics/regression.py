"""Measures of a regression.

Each is given predictions and gives a function of row weights: see `kerasnn.metrics.registry`.
"""

from __future__ import annotations

import numpy as np

from kerasnn.metrics.predictions import Predictions
from kerasnn.metrics.weighting import Measure, divide, mean_of


def rmse(predictions: Predictions) -> Measure:
    """Root of the mean squared error."""
    mean_square = mean_of(np.square(_errors(predictions)))
    return lambda weights: np.sqrt(mean_square(weights))


def mae(predictions: Predictions) -> Measure:
    """Mean absolute error."""
    return mean_of(np.abs(_errors(predictions)))


def r2(predictions: Predictions) -> Measure:
    """Share of the variance that is explained; NaN where all true values are equal."""
    truth = predictions.truth.astype(np.float64)
    mean_square = mean_of(np.square(_errors(predictions)))
    # Centred, so that the variance as a difference of moments keeps its digits.
    centred = truth - truth.mean()
    mean, second = mean_of(centred), mean_of(np.square(centred))

    def measure(weights: np.ndarray) -> np.ndarray:
        variance = np.maximum(second(weights) - mean(weights) ** 2, 0.0)
        return np.where(variance > 0, 1 - divide(mean_square(weights), variance), np.nan)

    return measure


def mape(predictions: Predictions) -> Measure:
    """Mean absolute error as a share of the truth, over the rows whose truth is not 0."""
    truth = predictions.truth.astype(np.float64)
    counted = (truth != 0).astype(np.float64)
    errors = np.abs(_errors(predictions)) * counted / np.where(truth == 0, 1.0, np.abs(truth))
    return lambda weights: divide(weights @ errors, weights @ counted)


def _errors(predictions: Predictions) -> np.ndarray:
    errors: np.ndarray = predictions.decision.astype(np.float64) - predictions.truth
    return errors
