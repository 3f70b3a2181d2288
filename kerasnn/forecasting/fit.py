"""From series in parts to a trained forecaster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from kerasnn import models
from kerasnn.config.config import Config
from kerasnn.forecasting.forecaster import Forecaster
from kerasnn.forecasting.intervals import levels_for
from kerasnn.forecasting.lookback import MOST_VALIDATION, check_model, window_origins
from kerasnn.forecasting.panel import Panel
from kerasnn.forecasting.preprocessor import ForecastPreprocessor, Prepared
from kerasnn.forecasting.splits import PartName, Splits
from kerasnn.forecasting.windows import MOST_BYTES, Origins, in_memory, origins
from kerasnn.inference.batched_model import BatchedModel
from kerasnn.training.batch_memory import require_weights
from kerasnn.training.checkpoints import Checkpoints
from kerasnn.training.context import precision, seeded
from kerasnn.training.engine import Arrays
from kerasnn.training.fit import Callback, FitResult, fit
from kerasnn.training.forecast_losses import forecast_loss, forecast_monitor
from kerasnn.training.learning_rate_finder import Sweep, find_learning_rate
from kerasnn.training.stopping import Monitor, Progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kerasnn.training.losses import RowLoss

CLOSED_FORM = "closed form"


@dataclass(frozen=True)
class TrainingSetup:
    """A network and its windows, ready to be trained; made anew and equal by each session.

    Args:
        prepared: All series as the network sees them.
        splits: Parts of the series in time.
    """

    preprocessor: ForecastPreprocessor
    network: keras.Model
    train: Arrays
    validation: Arrays
    prepared: Prepared
    splits: Splits

    def origins(self, part: PartName) -> Origins:
        """All origins of a part."""
        lookback, horizon = self.preprocessor.lookback, self.preprocessor.horizon
        return origins(self.prepared.panel, self.splits, part, lookback=lookback, horizon=horizon)


@dataclass(frozen=True)
class TrainedModel:
    """What came of a training.

    Args:
        config: Configuration with the values inferred from the data.
        training_setup: Network and windows of the training.
        sweep: Result of the learning-rate finder, if it ran.
    """

    forecaster: Forecaster
    fitted: FitResult
    config: Config
    training_setup: TrainingSetup
    sweep: Sweep | None = None


def prepare(panel: Panel, splits: Splits, config: Config) -> TrainingSetup:
    """Fit the preprocessing to the training part, cut the windows, and build the network.

    Args:
        panel: All series.
        splits: Parts of the series in time.
        config: Configuration whose season, lookback and transform are set.

    Raises:
        ConfigError: The model does not forecast, or a setting does not fit.
        DataError: No series is as long as a window.
    """
    options = config.forecast
    quantiles = levels_for(options.coverage) if config.training.loss == "quantile" else ()
    preprocessor = ForecastPreprocessor.fit(
        panel, splits, options, config.preprocessing, quantiles=quantiles
    )
    prepared = preprocessor.prepare(panel)
    train, validation = window_origins(panel, splits, options)
    network = build_network(config, preprocessor)
    rows = _arrays(preprocessor, prepared, train)
    _start(config, network, rows)
    checked = _arrays(preprocessor, prepared, validation)
    checked = replace(checked, target=np.asarray(checked.target[:]))
    return TrainingSetup(preprocessor, network, rows, checked, prepared, splits)


def build_network(config: Config, preprocessor: ForecastPreprocessor) -> keras.Model:
    """The network of a configuration, with the first weights that its seed gives.

    Raises:
        ConfigError: The model does not forecast.
    """
    name, values = config.model.name, config.model.hyperparameters
    check_model(name)
    build = partial(models.build, name, preprocessor.signature, **values)
    with seeded(config.run.seed), precision(config.training):
        require_weights(build, preprocessor.signature, values)
    with seeded(config.run.seed), precision(config.training):
        return build()


def fit_network(
    training_setup: TrainingSetup,
    config: Config,
    *,
    checkpoints: Checkpoints | None = None,
    fingerprint: Mapping[str, Any] | None = None,
    callbacks: Sequence[Callback] = (),
) -> TrainedModel:
    """Train the network of a lesson.

    Args:
        training_setup: Setup that `prepare` returned.
        config: The same.
        checkpoints: Storage of checkpoints; None for none.
        fingerprint: Values that must be equal for a run to be resumed.
        callbacks: Callbacks of the training.
    """
    window = training_setup.preprocessor.signature.window
    assert window is not None
    training_options, seed, sweep = config.training, config.run.seed, None
    row_loss = forecast_loss(training_options, window)
    monitor = forecast_monitor(training_options, window, training_setup.validation.target)
    if models.get(config.model.name).closed_form:
        return without_training(training_setup, config)
    if training_options.learning_rate == 0:
        sweep = find_learning_rate(
            training_setup.network,
            training_setup.train,
            training_options=training_options,
            row_loss=row_loss,
            seed=seed,
        )
        config = config.with_inferred({"training.learning_rate": sweep.suggestion})
        training_options = config.training
    fitted = fit(
        training_setup.network,
        training_setup.train,
        training_setup.validation,
        training_options=training_options,
        row_loss=row_loss,
        monitor=monitor,
        seed=seed,
        time_limit_s=config.run.time_limit_s,
        checkpoints=checkpoints,
        # As the configuration of a finished run has it.
        fingerprint={
            **(fingerprint or {}),
            "training.learning_rate": training_options.learning_rate,
        },
        callbacks=tuple(callbacks),
    )
    return TrainedModel(
        Forecaster(training_setup.preprocessor, training_setup.network),
        fitted,
        config,
        training_setup,
        sweep,
    )


def without_training(training_setup: TrainingSetup, config: Config) -> TrainedModel:
    """A network whose weights are found already."""
    window = training_setup.preprocessor.signature.window
    assert window is not None
    monitor = forecast_monitor(config.training, window, training_setup.validation.target)
    fitted = _evaluated(training_setup, forecast_loss(config.training, window), monitor)
    return TrainedModel(
        Forecaster(training_setup.preprocessor, training_setup.network),
        fitted,
        config,
        training_setup,
    )


def refit(trained_model: TrainedModel) -> TrainedModel:
    """A closed form solved on all points before the test part; others stay as they are.

    What validates and calibrates is the newest there is, and no gradient step needs it any more.
    How wide intervals must be is to be found before that.
    """
    training_setup, config = trained_model.training_setup, trained_model.config
    if not models.get(config.model.name).closed_form:
        return trained_model
    splits = replace(
        training_setup.splits,
        validation=training_setup.splits.test,
        calibration=training_setup.splits.test,
    )
    options, panel = config.forecast, training_setup.prepared.panel
    sizes = {"lookback": options.lookback, "horizon": options.horizon}
    found = origins(panel, splits, "train", **sizes, most=options.windows)
    network = build_network(config, training_setup.preprocessor)
    _start(config, network, _arrays(training_setup.preprocessor, training_setup.prepared, found))
    forecaster = Forecaster(
        training_setup.preprocessor, network, trained_model.forecaster.intervals
    )
    return replace(trained_model, forecaster=forecaster)


def _arrays(preprocessor: ForecastPreprocessor, prepared: Prepared, found: Origins) -> Arrays:
    inputs, target = in_memory(
        preprocessor.inputs(prepared, found), preprocessor.target(prepared, found)
    )
    return Arrays(inputs, target)


def _start(config: Config, network: keras.Model, rows: Arrays) -> None:
    """First weights that come from the windows, for the models that have such."""
    entry = models.get(config.model.name)
    if entry.initialize is None:
        return
    size = sum(values[:1].nbytes for values in (*rows.inputs.values(), rows.target))
    count = min(len(rows), max(MOST_BYTES // size, 1))
    some = np.linspace(0, len(rows) - 1, count).round().astype(np.int64)
    chosen: Any = slice(None) if count == len(rows) else some
    inputs = {name: np.asarray(values[chosen]) for name, values in rows.inputs.items()}
    entry.initialize(network, inputs, np.asarray(rows.target[chosen]), config.run.seed)


def _evaluated(training_setup: TrainingSetup, row_loss: RowLoss, monitor: Monitor) -> FitResult:
    """What the history of a training says, of weights that no training made."""
    forward = BatchedModel(training_setup.network)
    row: dict[str, float] = {"epoch": 0, "learning_rate": 0.0, "gradient_norm": 0.0}
    for name, arrays in (
        ("loss", training_setup.train),
        ("validation_loss", training_setup.validation),
    ):
        some = (
            np.linspace(0, len(arrays) - 1, min(len(arrays), MOST_VALIDATION)).round().astype(int)
        )
        outputs = forward({key: values[some] for key, values in arrays.inputs.items()})
        losses = row_loss(np.asarray(arrays.target[some]), outputs)
        row[name] = float(np.mean(np.asarray(losses)))
    outputs = forward(training_setup.validation.inputs)
    row[monitor.name] = best = float(monitor.measure(outputs))
    return FitResult([row], Progress(best=best, stopped=CLOSED_FORM))
