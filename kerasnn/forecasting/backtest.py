"""A rolling back-test: train on what lies before a cut, score what follows, at cut after cut."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasnn import models
from kerasnn.config.config import Config, ModelOptions, Origin
from kerasnn.errors import ConfigError, DataError, KerasnnWarning
from kerasnn.forecasting.fit import fit_network, prepare
from kerasnn.forecasting.lookback import lookback_for
from kerasnn.forecasting.panel import Panel
from kerasnn.forecasting.splits import Splits
from kerasnn.forecasting.windows import Origins, origins
from kerasnn.metrics import forecast as metrics
from kerasnn.metrics.forecasts import Forecasts
from kerasnn.options import TrainingOptions, Transform

Array = NDArray[np.float64]

# Share of the points that the back-test forecasts, at its longest.
SHARE = 0.4
# Windows that a fold scores, and that a candidate is trained on.
MOST_SCORED, MOST_TRAINED = 1_000, 6_000
MOST_EPOCHS = 4
LONGEST_SEASONS = 20
_LEFT_OPEN = ("default", "model recipe", "inferred")


@dataclass(frozen=True)
class Candidate:
    """A model that is tried.

    Args:
        model: Name of a model in the zoo.
        hyperparameters: Hyper-parameters that differ from the defaults.
        transform: Transform of the targets.
        long_lookback: True to look back as far as it can, in whole seasons.
        members: Titles of the candidates that it is the mean of.
    """

    model: str
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    transform: Transform = "none"
    long_lookback: bool = False
    members: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Title for people.

        >>> Candidate("seasonal_naive", {"drift": True}, "log").title
        'seasonal_naive + drift, logarithm'
        """
        added = [name if v is True else f"{name} {v}" for name, v in self.hyperparameters.items()]
        named = " + ".join([self.model, *added])
        if self.members:
            named = f"mean of {', '.join(each.partition(', ')[0] for each in self.members)}"
        return f"{named}, logarithm" if self.transform == "log" else named


@dataclass(frozen=True, eq=False)
class Fold:
    """A cut: what is trained on lies before it.

    Args:
        splits: Parts of the series in time, of which the test part is scored.
        origins: Origins of the forecasts that are scored.
    """

    splits: Splits
    origins: Origins


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a candidate forecast from the origins of a fold.

    Args:
        fold: Fold that was forecast.
        forecasts: Forecasts in the unit of the targets.
        errors: Truth minus forecast, before the transform is undone, (n, horizon, targets).
    """

    fold: Fold
    forecasts: Forecasts
    errors: Array


def folds(panel: Panel, splits: Splits, *, lookback: int, horizon: int, count: int) -> list[Fold]:
    """Cuts through what lies before the calibration part, or the test part if these are one.

    Each origin behind the first cut is scored once, by what was trained before the last cut that
    it knows.

    Args:
        panel: All series.
        splits: Parts of the series in time.
        lookback: Points that most models look back.
        horizon: Points ahead.
        count: Number of folds; fewer are made where there is no room.
    """
    stop = splits.test if splits.shared else splits.calibration
    starts = np.array([track.start for track in panel.tracks], np.int64)
    longest = int(stop.max())
    if not longest:
        return []
    latest = int((starts + stop)[stop > 0].max())
    back = min(int(SHARE * longest), longest - (lookback + 2 * horizon))
    back = max(back, min(2 * horizon, longest // 2))
    if back < horizon:
        return []
    count = max(1, min(count, back // horizon))
    # Counted back from the end, each cut as far from the next.
    cuts = [round(back - (back - horizon + 1) * i / count) for i in range(count)]
    found = []
    for i, cut in enumerate(cuts):
        first = np.clip(latest - cut - starts, 0, stop)
        last = stop
        if i + 1 < count:
            last = np.minimum(np.clip(latest - cuts[i + 1] - starts, 0, stop) + horizon - 1, stop)
        before = np.maximum(first - min(horizon, max(1, int(first.max()) // 5)), 0)
        fold_parts = Splits(before, first, first, np.maximum(last, first), shared=True)
        some = origins(
            panel, fold_parts, "test", lookback=lookback, horizon=horizon, most=MOST_SCORED
        )
        if len(some):
            found.append(Fold(fold_parts, some))
    return found


def tried(candidate: Candidate, fold: Fold, panel: Panel, config: Config) -> Outcome | None:
    """Train a candidate before a cut, and forecast what follows.

    Args:
        candidate: Candidate that is tried.
        fold: The cut.
        panel: All series.
        config: Configuration that `configured` returned.

    Returns:
        None where the candidate can't be trained on so little.
    """
    horizon = config.forecast.horizon
    longest = int(fold.splits.validation.max())
    lookback = config.forecast.lookback
    if candidate.long_lookback:
        lookback = far(config.forecast.season, horizon, longest)
    elif lookback + horizon > longest:
        lookback = lookback_for(config.forecast.season, horizon, longest)
    forecast = replace(
        config.forecast, lookback=lookback, windows=min(config.forecast.windows, MOST_TRAINED)
    )
    epochs = min(config.training.epochs, MOST_EPOCHS)
    config = replace(
        config,
        forecast=forecast,
        training=replace(config.training, epochs=epochs, loss=_loss(config)),
    )
    with warnings.catch_warnings():
        # Of the data they are told by the training itself.
        warnings.simplefilter("ignore", KerasnnWarning)
        try:
            training_setup = prepare(panel, fold.splits, config)
            trained_model = fit_network(training_setup, config)
        except (DataError, ConfigError):
            return None
    forecaster, prepared = trained_model.forecaster, training_setup.prepared
    scaled = forecaster.scaled(prepared, fold.origins)
    if not np.isfinite(scaled).all():
        return None
    forecasts = forecaster.decoded(prepared, fold.origins, scaled)
    deviations = np.array([prepared.scales[i].deviation for i in fold.origins.track])
    truth = training_setup.preprocessor.target(prepared, fold.origins)[:].reshape(scaled.shape[:-1])
    errors = (truth - scaled[..., 0]) * deviations[:, None]
    return Outcome(fold, forecasts, errors)


def configured(candidate: Candidate, config: Config) -> Config:
    """A configuration for a candidate: its model with its own recipe.

    What somebody chose of the training stays.
    """
    entry = models.get(candidate.model)
    chosen = {
        name: getattr(config.training, name)
        for name in asdict(config.training)
        if config.origins.get(f"training.{name}", "default") not in _LEFT_OPEN
    }
    values = {**models.hyperparameters(candidate.model), **candidate.hyperparameters}
    training = replace(entry.training_options, **chosen)
    usual = asdict(TrainingOptions())
    origins: dict[str, Origin] = {
        key: origin
        for key, origin in config.origins.items()
        if not key.startswith(("model.", "training."))
    }
    for name, value in asdict(training).items():
        key = f"training.{name}"
        left_open: Origin = "default" if value == usual[name] else "model recipe"
        origins[key] = config.origins[key] if name in chosen else left_open
    for name in values:
        origins[f"model.{name}"] = "inferred" if name in candidate.hyperparameters else "default"
    origins |= {"model.name": "inferred", "model.profile": "default"}
    origins["forecast.transform"] = "inferred"
    return replace(
        config,
        model=ModelOptions(candidate.model, values),
        training=training,
        forecast=replace(config.forecast, transform=candidate.transform),
        origins=origins,
    )


def far(season: int, horizon: int, longest: int) -> int:
    """Points of as many whole seasons as leave a window to look at, one season at least.

    >>> far(12, 24, 84), far(52, 104, 1853), far(1, 8, 50)
    (60, 1040, 20)
    """
    seasonality = min((longest - horizon) // season, LONGEST_SEASONS)
    return max(seasonality, 1) * season


def mean_score(outcomes: Sequence[Outcome]) -> float:
    """MASE over all windows of some folds, or MAE where no series has a naive error."""
    pairs = [metrics.sums_of(each.forecasts, ("mase", "mae")) for each in outcomes]
    for name in ("mase", "mae"):
        above, below = (sum(float(pair[name].windows[i].sum()) for pair in pairs) for i in range(2))
        if below > 0:
            return above / below
    return math.nan


def averaged(members: Sequence[Outcome], transform: Transform) -> Outcome:
    """The mean of several candidates' forecasts of one fold, before the transform is undone."""
    first = members[0]
    errors = np.mean([each.errors for each in members], axis=0)
    truth = first.forecasts.truth
    prediction = truth * np.exp(-errors) if transform == "log" else truth - errors
    return Outcome(first.fold, replace(first.forecasts, prediction=prediction), errors)


def _loss(config: Config) -> Any:
    """Quantiles are compared by their middle, which is the absolute error's."""
    return "mae" if config.training.loss == "quantile" else config.training.loss
