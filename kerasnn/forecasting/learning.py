"""From series in parts to a trained forecaster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from kerasnn import models
from kerasnn.config import Config
from kerasnn.forecasting.forecaster import Forecaster
from kerasnn.forecasting.intervals import levels_for
from kerasnn.forecasting.lookback import MOST_VALIDATION, check_model, window_origins
from kerasnn.forecasting.panel import Panel
from kerasnn.forecasting.parts import PartName, Parts
from kerasnn.forecasting.preprocessor import ForecastPreprocessor, Prepared
from kerasnn.forecasting.windows import MOST_BYTES, Origins, in_memory, origins
from kerasnn.forward import Forward
from kerasnn.training.batch_memory import require_weights
from kerasnn.training.checkpoints import Checkpoints
from kerasnn.training.engine import Arrays
from kerasnn.training.finder import Sweep, find_learning_rate
from kerasnn.training.fitting import Fitted, Watcher, fit
from kerasnn.training.forecast_losses import forecast_loss, forecast_monitor
from kerasnn.training.stopping import Monitor, Progress
from kerasnn.training.surroundings import precision, seeded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kerasnn.training.losses import RowLoss

CLOSED_FORM = "closed form"


@dataclass(frozen=True)
class Lesson:
    """A network and its windows, ready to be trained; made anew and equal by each sitting.

    Args:
        prepared: All series as the network sees them.
        parts: Of their points.
    """

    preprocessor: ForecastPreprocessor
    network: keras.Model
    train: Arrays
    validation: Arrays
    prepared: Prepared
    parts: Parts

    def origins(self, part: PartName) -> Origins:
        """All origins of a part."""
        history, horizon = self.preprocessor.history, self.preprocessor.horizon
        return origins(self.prepared.panel, self.parts, part, history=history, horizon=horizon)


@dataclass(frozen=True)
class Learned:
    """What came of a training.

    Args:
        config: With what the data decided.
        lesson: What was learned from.
        sweep: Of the learning-rate finder, if it ran.
    """

    forecaster: Forecaster
    fitted: Fitted
    config: Config
    lesson: Lesson
    sweep: Sweep | None = None


def prepare(panel: Panel, parts: Parts, config: Config) -> Lesson:
    """Fit the preprocessing to the training part, cut the windows, and build the network.

    Args:
        panel: All series.
        parts: Of their points.
        config: With season, history and transform decided.

    Raises:
        ConfigError: The model does not forecast, or a setting does not fit.
        DataError: No series is as long as a window.
    """
    options = config.forecast
    quantiles = levels_for(options.coverage) if config.training.loss == "quantile" else ()
    preprocessor = ForecastPreprocessor.fit(
        panel, parts, options, config.preprocessing, quantiles=quantiles
    )
    prepared = preprocessor.prepare(panel)
    train, validation = window_origins(panel, parts, options)
    network = build_network(config, preprocessor)
    rows = _arrays(preprocessor, prepared, train)
    _start(config, network, rows)
    checked = _arrays(preprocessor, prepared, validation)
    checked = replace(checked, target=np.asarray(checked.target[:]))
    return Lesson(preprocessor, network, rows, checked, prepared, parts)


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


def learn(
    lesson: Lesson,
    config: Config,
    *,
    checkpoints: Checkpoints | None = None,
    fingerprint: Mapping[str, Any] | None = None,
    watchers: Sequence[Watcher] = (),
) -> Learned:
    """Train the network of a lesson.

    Args:
        lesson: From `prepare`.
        config: The same.
        checkpoints: As for `kerasnn.training.fitting.fit`.
        fingerprint: Likewise.
        watchers: Likewise.
    """
    window = lesson.preprocessor.signature.window
    assert window is not None
    recipe, seed, sweep = config.training, config.run.seed, None
    row_loss = forecast_loss(recipe, window)
    monitor = forecast_monitor(recipe, window, lesson.validation.target)
    if models.get(config.model.name).closed_form:
        return as_it_is(lesson, config)
    if recipe.learning_rate == 0:
        sweep = find_learning_rate(
            lesson.network, lesson.train, recipe=recipe, row_loss=row_loss, seed=seed
        )
        config = config.with_inferred({"training.learning_rate": sweep.suggestion})
        recipe = config.training
    fitted = fit(
        lesson.network,
        lesson.train,
        lesson.validation,
        recipe=recipe,
        row_loss=row_loss,
        monitor=monitor,
        seed=seed,
        time_limit_s=config.run.time_limit_s,
        checkpoints=checkpoints,
        # As the configuration of a finished run has it.
        fingerprint={**(fingerprint or {}), "training.learning_rate": recipe.learning_rate},
        watchers=tuple(watchers),
    )
    return Learned(Forecaster(lesson.preprocessor, lesson.network), fitted, config, lesson, sweep)


def as_it_is(lesson: Lesson, config: Config) -> Learned:
    """A network whose weights are found already."""
    window = lesson.preprocessor.signature.window
    assert window is not None
    monitor = forecast_monitor(config.training, window, lesson.validation.target)
    fitted = _judged(lesson, forecast_loss(config.training, window), monitor)
    return Learned(Forecaster(lesson.preprocessor, lesson.network), fitted, config, lesson)


def solved_again(learned: Learned) -> Learned:
    """A closed form solved on all points before the test part; others stay as they are.

    What validates and calibrates is the newest there is, and no gradient step needs it any more.
    How wide intervals must be is to be found before that.
    """
    lesson, config = learned.lesson, learned.config
    if not models.get(config.model.name).closed_form:
        return learned
    parts = replace(lesson.parts, validation=lesson.parts.test, calibration=lesson.parts.test)
    options, panel = config.forecast, lesson.prepared.panel
    sizes = {"history": options.history, "horizon": options.horizon}
    found = origins(panel, parts, "train", **sizes, most=options.windows)
    network = build_network(config, lesson.preprocessor)
    _start(config, network, _arrays(lesson.preprocessor, lesson.prepared, found))
    forecaster = Forecaster(lesson.preprocessor, network, learned.forecaster.intervals)
    return replace(learned, forecaster=forecaster)


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


def _judged(lesson: Lesson, row_loss: RowLoss, monitor: Monitor) -> Fitted:
    """What the history of a training says, of weights that no training made."""
    forward = Forward(lesson.network)
    row: dict[str, float] = {"epoch": 0, "learning_rate": 0.0, "gradient_norm": 0.0}
    for name, arrays in (("loss", lesson.train), ("validation_loss", lesson.validation)):
        some = (
            np.linspace(0, len(arrays) - 1, min(len(arrays), MOST_VALIDATION)).round().astype(int)
        )
        outputs = forward({key: values[some] for key, values in arrays.inputs.items()})
        losses = row_loss(np.asarray(arrays.target[some]), outputs)
        row[name] = float(np.mean(np.asarray(losses)))
    outputs = forward(lesson.validation.inputs)
    row[monitor.name] = best = float(monitor.measure(outputs))
    return Fitted([row], Progress(best=best, stopped=CLOSED_FORM))
