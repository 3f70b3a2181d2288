"""Score a trained forecaster beside baselines."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kerasnn import models
from kerasnn.config import Config, ModelOptions
from kerasnn.errors import ConfigError, DataError
from kerasnn.forecasting import learning
from kerasnn.forecasting.baselines import RIDGE, Baseline, all_positive, naive_baselines
from kerasnn.forecasting.forecasts import Forecasts
from kerasnn.forecasting.learning import Learned
from kerasnn.forecasting.lookback import history_for
from kerasnn.forecasting.parts import PartName
from kerasnn.forecasting.scores import ForecastScores, score
from kerasnn.forecasting.windows import Origins
from kerasnn.training.divergence import FAILED, FAILED_NOTE

# Windows that are scored: more would say the same and fill the memory.
MOST_NUMBERS = 100_000_000


@dataclass(frozen=True, eq=False)
class Judged:
    """Forecasts of a part, and what is said of them.

    Args:
        part: Which.
        forecasts: Beside what came; None where there is no window.
        scores: Likewise.
        baselines: Forecasts of the same windows.
    """

    part: PartName
    forecasts: Forecasts | None = None
    scores: ForecastScores | None = None
    baselines: tuple[Baseline, ...] = ()


def judge(learned: Learned, part: PartName, *, baselines: bool) -> Judged:
    """Score the forecasts of a part.

    Args:
        learned: The forecaster, calibrated.
        part: Which.
        baselines: Whether simple models are scored on the same windows.
    """
    lesson, config = learned.lesson, learned.config
    origins = _affordable(lesson.origins(part), learned)
    if not len(origins):
        return Judged(part)
    found = learned.forecaster.forecasts(lesson.prepared, origins)
    compared: list[Baseline] = []
    if baselines:
        positive = all_positive(lesson.prepared.panel, lesson.parts.validation)
        compared = naive_baselines(lesson.prepared.panel, origins, found, logarithm=positive)
        compared += _ridge(learned, origins)
    notes = [] if part == "test" else [_NO_TEST]
    notes += [FAILED_NOTE] if learned.fitted.progress.stopped == FAILED else []
    notes += [learned.forecaster.intervals.note] if learned.forecaster.intervals else []
    scores = score(found, compared, seed=config.run.seed, notes=notes)
    return Judged(part, found, scores, tuple(compared))


_NO_TEST = "there is no test part: this is the validation part, which chose the best epoch"


def _affordable(origins: Origins, learned: Learned) -> Origins:
    """All of them, or evenly chosen ones of very many."""
    fitted = learned.lesson.preprocessor
    most = max(MOST_NUMBERS // (fitted.horizon * len(fitted.roles.targets)), 1)
    if len(origins) <= most:
        return origins
    return origins.take(np.linspace(0, len(origins) - 1, most).round().astype(np.int64))


def _ridge(learned: Learned, origins: Origins) -> list[Baseline]:
    """The linear model, solved on the same points as a model of the zoo would be."""
    lesson, config = learned.lesson, learned.config
    if config.model.name == RIDGE and config.forecast.transform == "none":
        return []
    options = config.forecast
    longest = int(lesson.parts.validation.max())
    usual = history_for(options.season, options.horizon, longest)
    history = min(usual, options.history) if config.model.name != RIDGE else options.history
    own: Config = replace(
        config,
        model=ModelOptions(RIDGE, models.hyperparameters(RIDGE)),
        training=models.get(RIDGE).recipe,
        forecast=replace(options, transform="none", history=history),
    )
    try:
        plain = learning.prepare(lesson.prepared.panel, lesson.parts, own)
        solved = learning.solved_again(learning.learn(plain, own))
    except (ConfigError, DataError):
        return []
    found = solved.forecaster.forecasts(plain.prepared, origins)
    return [Baseline(RIDGE, "ridge NLinear", replace(found, quantiles={}))]
