"""Score a trained forecaster beside baselines."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kerasnn import models
from kerasnn.config.config import Config, ModelOptions
from kerasnn.errors import ConfigError, DataError
from kerasnn.forecasting import fit as learning
from kerasnn.forecasting.baselines import RIDGE, Baseline, all_positive, naive_baselines
from kerasnn.forecasting.fit import TrainedModel
from kerasnn.forecasting.lookback import lookback_for
from kerasnn.forecasting.scores import ForecastScores, score
from kerasnn.forecasting.splits import PartName
from kerasnn.forecasting.windows import Origins
from kerasnn.metrics.forecasts import Forecasts
from kerasnn.training.divergence import FAILED, FAILED_NOTE

# Windows that are scored: more would say the same and fill the memory.
MOST_NUMBERS = 100_000_000


@dataclass(frozen=True, eq=False)
class PredictedRows:
    """Forecasts of a part, and what is said of them.

    Args:
        part: Name of the part that is scored.
        forecasts: Forecasts and true values; None where there is no window.
        scores: Scores; None where there is no window.
        baselines: Forecasts of the same windows.
    """

    part: PartName
    forecasts: Forecasts | None = None
    scores: ForecastScores | None = None
    baselines: tuple[Baseline, ...] = ()


def evaluate(trained_model: TrainedModel, part: PartName, *, baselines: bool) -> PredictedRows:
    """Score the forecasts of a part.

    Args:
        trained_model: The forecaster, calibrated.
        part: Name of the part that is scored.
        baselines: True to score simple models on the same windows.
    """
    training_setup, config = trained_model.training_setup, trained_model.config
    origins = _affordable(training_setup.origins(part), trained_model)
    if not len(origins):
        return PredictedRows(part)
    found = trained_model.forecaster.forecasts(training_setup.prepared, origins)
    compared: list[Baseline] = []
    if baselines:
        positive = all_positive(training_setup.prepared.panel, training_setup.splits.validation)
        compared = naive_baselines(
            training_setup.prepared.panel, origins, found, logarithm=positive
        )
        compared += _ridge(trained_model, origins)
    notes = [] if part == "test" else [_NO_TEST]
    notes += [FAILED_NOTE] if trained_model.fitted.progress.stopped == FAILED else []
    notes += [trained_model.forecaster.intervals.note] if trained_model.forecaster.intervals else []
    scores = score(found, compared, seed=config.run.seed, notes=notes)
    return PredictedRows(part, found, scores, tuple(compared))


_NO_TEST = "there is no test part: this is the validation part, which chose the best epoch"


def _affordable(origins: Origins, trained_model: TrainedModel) -> Origins:
    """All of them, or evenly chosen ones of very many."""
    fitted = trained_model.training_setup.preprocessor
    most = max(MOST_NUMBERS // (fitted.horizon * len(fitted.roles.targets)), 1)
    if len(origins) <= most:
        return origins
    return origins.take(np.linspace(0, len(origins) - 1, most).round().astype(np.int64))


def _ridge(trained_model: TrainedModel, origins: Origins) -> list[Baseline]:
    """The linear model, solved on the same points as a model of the zoo would be."""
    training_setup, config = trained_model.training_setup, trained_model.config
    if config.model.name == RIDGE and config.forecast.transform == "none":
        return []
    options = config.forecast
    longest = int(training_setup.splits.validation.max())
    usual = lookback_for(options.season, options.horizon, longest)
    lookback = min(usual, options.lookback) if config.model.name != RIDGE else options.lookback
    own: Config = replace(
        config,
        model=ModelOptions(RIDGE, models.hyperparameters(RIDGE)),
        training=models.get(RIDGE).training_options,
        forecast=replace(options, transform="none", lookback=lookback),
    )
    try:
        plain = learning.prepare(training_setup.prepared.panel, training_setup.splits, own)
        solved = learning.refit(learning.fit_network(plain, own))
    except (ConfigError, DataError):
        return []
    found = solved.forecaster.forecasts(plain.prepared, origins)
    return [Baseline(RIDGE, "ridge NLinear", replace(found, quantiles={}))]
