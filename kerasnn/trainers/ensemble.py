"""Train several networks on the same rows, and average them with weights of their own.

Of one model with several seeds, or of several models: the networks learn one after the other, each
with checkpoints of its own, and become one network, the model ``ensemble`` of the zoo.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kerasnn.calibration.ensemble_weights import bagged_weights, greedy_weights
from kerasnn.calibration.temperature import label_probabilities, probabilities
from kerasnn.config.config import DEFAULT_PROFILE, Config, ModelOptions
from kerasnn.errors import ResourceError, warn
from kerasnn.evaluation.ensemble_summary import EnsembleSummary, MemberSummary
from kerasnn.models.tabular import ensemble
from kerasnn.prediction.calibrate import monitor_for, monitored
from kerasnn.prediction.predictor import Predictor
from kerasnn.preprocessing import Preprocessor
from kerasnn.preprocessing.joint import (
    fit_encodings,
    inputs_of_encoding,
    select_encodings,
)
from kerasnn.trainers.ensemble_plan import NAME, adapted, plan, wanted_options
from kerasnn.trainers.fit import (
    LEAST_S,
    Ensemble,
    Rows,
    TrainedModel,
    TrainingSetup,
    begin,
    build_network,
    calibrate,
    fit_network,
    prepare_rows,
)
from kerasnn.trainers.refit import refit
from kerasnn.training.checkpoints import Checkpoints, folder_of
from kerasnn.training.engine import Arrays
from kerasnn.training.fit import Callback, FitResult

if TYPE_CHECKING:
    import keras

    from kerasnn.datasets.tabular import Table
    from kerasnn.signature import Task

# Picks of the greedy selection, at least; as many as there are members if these are more.
PICKS = 32
# Of fewer validation rows, weights are those of many resamples.
FEW_ROWS = 500
# Validation rows that the weights are chosen on.
MOST_ROWS = 50_000

# From the number of a network, from 1, its lesson and its configuration to what watches it.
Watch = Callable[[int, TrainingSetup, Config], Sequence[Callback]]


@dataclass(frozen=True)
class TrainedEnsemble:
    """Networks that were trained for an average.

    Args:
        trained_model: Average of the networks that count.
        kept: Networks that count, in the order of the average, each with what it learned from.
    """

    trained_model: TrainedModel
    kept: Sequence[tuple[TrainedModel, TrainingSetup]]

    def again(self, left_s: float | None = None) -> TrainedModel:
        """Refit each member as `kerasnn.trainers.refit.refit` does.

        Args:
            left_s: Seconds that are left for all; None has no limit.
        """
        again, ends = [], None if left_s is None else perf_counter() + left_s
        for each in self.kept:
            left = None if ends is None else ends - perf_counter()
            again.append(refit(*each, left_s=left))
        parts = max((each.parts for each in again), key=len)
        if parts == self.trained_model.parts:
            return self.trained_model
        known, config = self.trained_model.predictor, self.trained_model.config
        network = _network(self.trained_model.model, config, known.preprocessor, again)
        predictor = Predictor(known.preprocessor, network, known.decision)
        return replace(self.trained_model, predictor=predictor, parts=parts)


def fit_ensemble(
    table: Table,
    config: Config,
    *,
    weights: np.ndarray | None = None,
    checkpoints: Checkpoints | None = None,
    fingerprint: Callable[[Config], dict[str, Any]] | None = None,
    watch: Watch = lambda number, training_setup, config: (),
) -> TrainedEnsemble:
    """Train the networks one after the other, and average them.

    A run that was killed goes on with the network that it was at. Ctrl-C keeps those that are
    trained, and so does a time limit, which is shared by all.

    Args:
        table: Rows, schema and parts.
        config: Configuration of the run.
        weights: Weights of the rows of the table, (n,); None for equal ones.
        checkpoints: Checkpoints in whose folder each network has a folder.
        fingerprint: Function from a network's configuration to the values that must be equal for
            its checkpoint to be used.
        watch: Function that returns the callbacks of a network.

    Raises:
        KeyboardInterrupt: Ctrl-C came before there was anything to keep.
    """
    began, plans = perf_counter(), adapted(plan(config), config, table)
    wanted = wanted_options(plans, config, table.schema)
    options = list(dict.fromkeys(wanted))

    def fit_to(train: pd.DataFrame) -> Preprocessor:
        return fit_encodings(train, table.schema, options)

    rows = prepare_rows(table, fit_to, config.training, weights=weights)
    by_encoding = [_with_encoding(rows, encoding) for encoding in range(1, len(options) + 1)]
    limit = config.run.time_limit_s
    if limit is not None:
        limit = max(limit - (perf_counter() - began), LEAST_S)
    progress = _EnsembleTraining(checkpoints, fingerprint, watch)
    for number, (each, option) in enumerate(zip(plans, wanted, strict=True), start=1):
        if not progress.goes_on(limit, [_title(rest.model) for rest in plans[number - 1 :]]):
            break
        encoding = options.index(option) + 1
        progress.train(number, encoding, by_encoding[encoding - 1], each)
    if progress.too_large and not progress.done:
        raise progress.too_large
    return _combine(rows, progress, config)


@dataclass(frozen=True)
class _TrainedMember:
    """A network that has learned.

    Args:
        encoding: Number of its encoding of the columns, from 1.
    """

    trained_model: TrainedModel
    training_setup: TrainingSetup
    encoding: int
    seconds: float

    @property
    def stopped(self) -> str:
        return self.trained_model.fitted.progress.stopped


class _EnsembleTraining:
    """The networks that are trained so far, and whether there is time for another one."""

    def __init__(
        self,
        checkpoints: Checkpoints | None,
        fingerprint: Callable[[Config], dict[str, Any]] | None,
        watch: Watch,
    ) -> None:
        self.checkpoints, self.fingerprint, self.watch = checkpoints, fingerprint, watch
        self.done: list[_TrainedMember] = []
        self.stopped = ""
        self.too_large: ResourceError | None = None
        self._left: float | None = None
        self._rates: dict[str, float] = {}

    def goes_on(self, limit: float | None, titles: Sequence[str]) -> bool:
        """Whether the next one is to be trained; lays down the time that it may take.

        Args:
            limit: Seconds for all; None has no limit.
            titles: Titles of those that are still to be trained.
        """
        if self.stopped:
            return False
        if limit is None:
            return True
        left = limit - sum(each.seconds for each in self.done)
        # None is begun that has no time for what every training begins with.
        if self.done and left <= min(each.training_setup.seconds for each in self.done):
            self.stopped = "time limit"
            count = len(self.done) + len(titles)
            what = f"there was time for {len(self.done)} of {count} networks, not for "
            warn(what + ", ".join(titles), hint="raise `run.time_limit_s`")
            return False
        self._left = max(left, LEAST_S) / len(titles)
        return True

    def train(self, number: int, encoding: int, rows: Rows, config: Config) -> None:
        """Train a network, or find it trained in its checkpoint."""
        config = replace(config, run=replace(config.run, time_limit_s=self._left))
        title = _title(config.model)
        if not config.training.learning_rate and title in self._rates:
            # Found for the first of this model.
            rate = {"training.learning_rate": self._rates[title]}
            config = config.with_inferred(rate)
        began = perf_counter()
        try:
            training_setup = begin(rows, config)
            trained_model = self._fit(number, training_setup, config)
        except KeyboardInterrupt:
            if not self.done:
                raise
            self.stopped = "interrupted"
            return
        except ResourceError as error:
            # Networks that somebody named are all wanted.
            if config.choice is None:
                raise
            self.too_large = error
            told = str(error).partition(" – ")[0]
            warn(f"{told}: {title} is left out of the average")
            return
        self._rates[title] = trained_model.config.training.learning_rate
        seconds = max(perf_counter() - began, trained_model.fitted.progress.seconds)
        self.done.append(_TrainedMember(trained_model, training_setup, encoding, seconds))
        if self.done[-1].stopped == "interrupted":
            self.stopped = "interrupted"

    def _fit(self, number: int, training_setup: TrainingSetup, config: Config) -> TrainedModel:
        own = self.checkpoints.of_member(folder_of(number)) if self.checkpoints else None
        callbacks = tuple(self.watch(number, training_setup, config))
        try:
            return fit_network(
                training_setup,
                config,
                checkpoints=own,
                fingerprint=self.fingerprint(config) if self.fingerprint else None,
                callbacks=callbacks,
            )
        finally:
            for callback in callbacks:
                getattr(callback, "close", lambda: None)()

    def ending(self, number: int) -> str:
        """Why the training ended, of all as of one of them."""
        cut = [each.stopped for each in self.done if each.stopped == "time limit"]
        return self.stopped or next(iter(cut), self.done[number].stopped)


def _combine(rows: Rows, progress: _EnsembleTraining, config: Config) -> TrainedEnsemble:
    """The average of what is trained, and all that there is to say of it."""
    trained = progress.done
    shares = _weigh([each.trained_model.predictor for each in trained], trained)
    kept = [each for each, share in zip(trained, shares, strict=True) if share]
    encodings = sorted({each.encoding for each in kept})
    rows = _with_encodings(rows, encodings)
    model = _model(kept, encodings, [share for share in shares if share])
    network = _network(model, config, rows.preprocessor, [each.trained_model for each in kept])
    training_setup = TrainingSetup(rows.preprocessor, network, rows.train, rows.validation)
    flip_tta = any(each.trained_model.predictor.decision.flip_tta for each in kept)
    predictor, validation = calibrate(training_setup, config, flip_tta=flip_tta)
    ensemble_summary = _ensemble_summary(trained, shares, predictor, rows.validation, config)
    heaviest = trained[ensemble_summary.heaviest].trained_model
    stopped = progress.ending(ensemble_summary.heaviest)
    fitted = FitResult(
        heaviest.fitted.history,
        replace(heaviest.fitted.progress, stopped=stopped),
        heaviest.fitted.resumed_at,
    )
    history = [
        {"member": float(number), **row}
        for number, each in enumerate(trained, start=1)
        for row in each.trained_model.fitted.history
    ]
    rate = heaviest.config.training.learning_rate
    if not config.training.learning_rate and heaviest.config.model == config.model:
        config = config.with_inferred({"training.learning_rate": rate})
    trained_model = TrainedModel(
        predictor,
        fitted,
        config,
        heaviest.sweep,
        ensemble=Ensemble(model, ensemble_summary, history),
        validation=validation,
    )
    return TrainedEnsemble(
        trained_model, [(each.trained_model, each.training_setup) for each in kept]
    )


def _weigh(predictors: Sequence[Predictor], trained: Sequence[_TrainedMember]) -> list[float]:
    """The share of each network: 0 for those without which the rest is as good."""
    outputs = [
        predictor.outputs(each.training_setup.validation.inputs)
        for predictor, each in zip(predictors, trained, strict=True)
    ]
    sound = [number for number, each in enumerate(outputs) if np.isfinite(each).all()]
    shares = [0.0] * len(trained)
    if not sound:
        return [1 / len(trained)] * len(trained)
    checked, task = (
        trained[0].training_setup.validation,
        predictors[0].preprocessor.schema.target.task,
    )
    rows = np.linspace(0, len(checked) - 1, min(len(checked), MOST_ROWS)).astype(np.int64)
    predictions = np.stack([_predictions(outputs[number][rows], task) for number in sound])
    weights = None if checked.weights is None else checked.weights[rows]
    predicted_rows = (predictions, checked.target[rows], weights)
    if len(rows) < FEW_ROWS:
        found = bagged_weights(*predicted_rows)
    else:
        found = greedy_weights(*predicted_rows, rounds=max(PICKS, 2 * len(sound)))
    for number, share in zip(sound, found.tolist(), strict=True):
        shares[number] = share
    return shares


def _predictions(outputs: np.ndarray, task: Task) -> np.ndarray:
    """Probabilities (n, classes or labels), or values (n,) as the networks learn them."""
    if task == "regression":
        return outputs[:, 0]
    read = label_probabilities if task == "multilabel" else probabilities
    return read(outputs, temperature=1.0)


def _ensemble_summary(
    trained: Sequence[_TrainedMember],
    shares: Sequence[float],
    predictor: Predictor,
    validation: Arrays,
    config: Config,
) -> EnsembleSummary:
    monitor = monitor_for(config.training, predictor.preprocessor, validation)

    def value(of: Predictor, rows: Arrays) -> float:
        return float(monitor.measure(of.outputs(rows.inputs)))

    members = [
        MemberSummary(
            title=_title(each.trained_model.config.model),
            seed=each.trained_model.config.run.seed,
            weight=share,
            value=value(each.trained_model.predictor, each.training_setup.validation),
            best_epoch=each.trained_model.fitted.progress.best_epoch,
            n_epochs=len(each.trained_model.fitted.history),
            seconds=round(each.seconds, 3),
            schedule=_schedule(each.trained_model),
        )
        for each, share in zip(trained, shares, strict=True)
    ]
    metric = monitored(config.training, predictor.preprocessor.schema.target.task).name
    return EnsembleSummary(metric, value(predictor, validation), tuple(members))


def _schedule(trained_model: TrainedModel) -> str:
    """Shape of the learning rate; empty where no gradient step was taken."""
    closed = trained_model.fitted.progress.stopped == "closed form"
    return "" if closed else trained_model.config.training.schedule


def _model(
    kept: Sequence[_TrainedMember], encodings: Sequence[int], shares: Sequence[float]
) -> ModelOptions:
    """The average as a model of the zoo."""
    members = [
        ensemble.EnsembleMember(
            each.trained_model.config.model.name,
            each.trained_model.config.model.hyperparameters,
            encodings.index(each.encoding) + 1,
        )
        for each in kept
    ]
    weights = ",".join(f"{share:.9g}" for share in shares)
    return ModelOptions(NAME, {"members": ensemble.text_of(members), "weights": weights})


def _network(
    model: ModelOptions, config: Config, preprocessor: Preprocessor, members: Sequence[TrainedModel]
) -> keras.Model:
    """The average with the weights of its members."""
    network = build_network(replace(config, model=model), preprocessor)
    named = [(each.config.model.name, each.predictor.network) for each in members]
    ensemble.fill(network, named)
    return network


def _with_encoding(rows: Rows, encoding: int) -> Rows:
    """Rows as a network takes them that wants its columns in one of the ways."""
    return _with_encodings(rows, [encoding])


def _with_encodings(rows: Rows, encodings: Sequence[int]) -> Rows:
    """Rows as an average takes them whose networks want their columns in these ways."""
    kept = select_encodings(rows.preprocessor, encodings)
    before, after = rows.preprocessor.signature, kept.signature

    def renamed(arrays: Arrays) -> Arrays:
        inputs = {
            after.encoding_inputs(new)[name]: values
            for new, old in enumerate(encodings, start=1)
            for name, values in inputs_of_encoding(arrays.inputs, before, old).items()
        }
        return Arrays(inputs, arrays.target, arrays.weights)

    return Rows(kept, renamed(rows.train), renamed(rows.validation))


def _title(options: ModelOptions) -> str:
    return options.name + f" ({options.profile})" * (options.profile != DEFAULT_PROFILE)
