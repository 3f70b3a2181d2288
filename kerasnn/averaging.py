"""Train several networks on the same rows, and average them with weights of their own.

Of one model with several seeds, or of several models: the networks learn one after the other, each
with checkpoints of its own, and become one network, the model ``average`` of the zoo.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kerasnn.average_plan import NAME, adapted, folder_of, plan, wanted_options
from kerasnn.config import DEFAULT_PROFILE, Config, ModelOptions
from kerasnn.deciding import monitor_for, monitored
from kerasnn.errors import ResourceError, warn
from kerasnn.evaluation.calibration import label_probabilities, probabilities
from kerasnn.evaluation.membership import Member, Membership
from kerasnn.greedy import bagged_weights, greedy_weights
from kerasnn.learning import (
    LEAST_S,
    Average,
    Learned,
    Lesson,
    Rows,
    begin,
    build_network,
    decided,
    learn,
    learned_again,
    prepare_rows,
)
from kerasnn.models.tabular import average
from kerasnn.predictor import Predictor
from kerasnn.preprocessing import Preprocessor
from kerasnn.preprocessing.joint import (
    fit_ways,
    keep_ways,
    of_way,
)
from kerasnn.training.checkpoints import Checkpoints
from kerasnn.training.engine import Arrays
from kerasnn.training.fitting import Fitted, Watcher

if TYPE_CHECKING:
    import keras

    from kerasnn.signature import Task
    from kerasnn.table import Table

# Picks of the greedy selection, at least; as many as there are members if these are more.
PICKS = 32
# Of fewer validation rows, weights are those of many resamples.
FEW_ROWS = 500
# Validation rows that the weights are chosen on.
MOST_ROWS = 50_000

# From the number of a network, from 1, its lesson and its configuration to what watches it.
Watch = Callable[[int, Lesson, Config], Sequence[Watcher]]


@dataclass(frozen=True)
class Averaged:
    """Networks that were trained for an average.

    Args:
        learned: The average of those that count.
        kept: Networks that count, in the order of the average, each with what it learned from.
    """

    learned: Learned
    kept: Sequence[tuple[Learned, Lesson]]

    def again(self, left_s: float | None = None) -> Learned:
        """As `kerasnn.learning.learned_again`, for each of them.

        Args:
            left_s: Seconds that are left for all; None has no limit.
        """
        again, ends = [], None if left_s is None else perf_counter() + left_s
        for each in self.kept:
            left = None if ends is None else ends - perf_counter()
            again.append(learned_again(*each, left_s=left))
        parts = max((each.parts for each in again), key=len)
        if parts == self.learned.parts:
            return self.learned
        known, config = self.learned.predictor, self.learned.config
        network = _network(self.learned.model, config, known.preprocessor, again)
        predictor = Predictor(known.preprocessor, network, known.decision)
        return replace(self.learned, predictor=predictor, parts=parts)


def learn_average(
    table: Table,
    config: Config,
    *,
    weights: np.ndarray | None = None,
    checkpoints: Checkpoints | None = None,
    fingerprint: Callable[[Config], dict[str, Any]] | None = None,
    watch: Watch = lambda number, lesson, config: (),
) -> Averaged:
    """Train the networks one after the other, and average them.

    A run that was killed goes on with the network that it was at. Ctrl-C keeps those that are
    trained, and so does a time limit, which is shared by all.

    Args:
        table: Rows, schema and parts.
        config: Of the run.
        weights: As for `kerasnn.learning.prepare`.
        checkpoints: In whose folder each network has one.
        fingerprint: Of a network's configuration: what must be equal for its checkpoint to be used.
        watch: What watches a network.

    Raises:
        KeyboardInterrupt: Ctrl-C came before there was anything to keep.
    """
    began, plans = perf_counter(), adapted(plan(config), config, table)
    wanted = wanted_options(plans, config, table.schema)
    options = list(dict.fromkeys(wanted))

    def fit_to(train: pd.DataFrame) -> Preprocessor:
        return fit_ways(train, table.schema, options)

    rows = prepare_rows(table, fit_to, config.training, weights=weights)
    by_way = [_of_way(rows, way) for way in range(1, len(options) + 1)]
    limit = config.run.time_limit_s
    if limit is not None:
        limit = max(limit - (perf_counter() - began), LEAST_S)
    course = _Course(checkpoints, fingerprint, watch)
    for number, (each, option) in enumerate(zip(plans, wanted, strict=True), start=1):
        if not course.goes_on(limit, [_title(rest.model) for rest in plans[number - 1 :]]):
            break
        way = options.index(option) + 1
        course.train(number, way, by_way[way - 1], each)
    if course.too_large and not course.done:
        raise course.too_large
    return _averaged(rows, course, config)


@dataclass(frozen=True)
class _Trained:
    """A network that has learned.

    Args:
        way: In which it takes its columns.
    """

    learned: Learned
    lesson: Lesson
    way: int
    seconds: float

    @property
    def stopped(self) -> str:
        return self.learned.fitted.progress.stopped


class _Course:
    """The networks that are trained so far, and whether there is time for another one."""

    def __init__(
        self,
        checkpoints: Checkpoints | None,
        fingerprint: Callable[[Config], dict[str, Any]] | None,
        watch: Watch,
    ) -> None:
        self.checkpoints, self.fingerprint, self.watch = checkpoints, fingerprint, watch
        self.done: list[_Trained] = []
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
        if self.done and left <= min(each.lesson.seconds for each in self.done):
            self.stopped = "time limit"
            count = len(self.done) + len(titles)
            what = f"there was time for {len(self.done)} of {count} networks, not for "
            warn(what + ", ".join(titles), fix="raise `run.time_limit_s`")
            return False
        self._left = max(left, LEAST_S) / len(titles)
        return True

    def train(self, number: int, way: int, rows: Rows, config: Config) -> None:
        """Train a network, or find it trained in its checkpoint."""
        config = replace(config, run=replace(config.run, time_limit_s=self._left))
        title = _title(config.model)
        if not config.training.learning_rate and title in self._rates:
            # Found for the first of this model.
            rate = {"training.learning_rate": self._rates[title]}
            config = config.with_inferred(rate)
        began = perf_counter()
        try:
            lesson = begin(rows, config)
            learned = self._learn(number, lesson, config)
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
        self._rates[title] = learned.config.training.learning_rate
        seconds = max(perf_counter() - began, learned.fitted.progress.seconds)
        self.done.append(_Trained(learned, lesson, way, seconds))
        if self.done[-1].stopped == "interrupted":
            self.stopped = "interrupted"

    def _learn(self, number: int, lesson: Lesson, config: Config) -> Learned:
        own = self.checkpoints.of_member(folder_of(number)) if self.checkpoints else None
        watchers = tuple(self.watch(number, lesson, config))
        try:
            return learn(
                lesson,
                config,
                checkpoints=own,
                fingerprint=self.fingerprint(config) if self.fingerprint else None,
                watchers=watchers,
            )
        finally:
            for watcher in watchers:
                getattr(watcher, "close", lambda: None)()

    def ending(self, number: int) -> str:
        """Why the training ended, of all as of one of them."""
        cut = [each.stopped for each in self.done if each.stopped == "time limit"]
        return self.stopped or next(iter(cut), self.done[number].stopped)


def _averaged(rows: Rows, course: _Course, config: Config) -> Averaged:
    """The average of what is trained, and all that there is to say of it."""
    trained = course.done
    shares = _weigh([each.learned.predictor for each in trained], trained)
    kept = [each for each, share in zip(trained, shares, strict=True) if share]
    ways = sorted({each.way for each in kept})
    rows = _of_ways(rows, ways)
    model = _model(kept, ways, [share for share in shares if share])
    network = _network(model, config, rows.preprocessor, [each.learned for each in kept])
    lesson = Lesson(rows.preprocessor, network, rows.train, rows.validation)
    mirror = any(each.learned.predictor.decision.mirror for each in kept)
    predictor, validation = decided(lesson, config, mirror=mirror)
    membership = _membership(trained, shares, predictor, rows.validation, config)
    heaviest = trained[membership.heaviest].learned
    stopped = course.ending(membership.heaviest)
    fitted = Fitted(
        heaviest.fitted.history,
        replace(heaviest.fitted.progress, stopped=stopped),
        heaviest.fitted.resumed_at,
    )
    history = [
        {"member": float(number), **row}
        for number, each in enumerate(trained, start=1)
        for row in each.learned.fitted.history
    ]
    rate = heaviest.config.training.learning_rate
    if not config.training.learning_rate and heaviest.config.model == config.model:
        config = config.with_inferred({"training.learning_rate": rate})
    learned = Learned(
        predictor,
        fitted,
        config,
        heaviest.sweep,
        average=Average(model, membership, history),
        validation=validation,
    )
    return Averaged(learned, [(each.learned, each.lesson) for each in kept])


def _weigh(predictors: Sequence[Predictor], trained: Sequence[_Trained]) -> list[float]:
    """The share of each network: 0 for those without which the rest is as good."""
    outputs = [
        predictor.outputs(each.lesson.validation.inputs)
        for predictor, each in zip(predictors, trained, strict=True)
    ]
    sound = [number for number, each in enumerate(outputs) if np.isfinite(each).all()]
    shares = [0.0] * len(trained)
    if not sound:
        return [1 / len(trained)] * len(trained)
    checked, task = trained[0].lesson.validation, predictors[0].preprocessor.schema.target.task
    rows = np.linspace(0, len(checked) - 1, min(len(checked), MOST_ROWS)).astype(np.int64)
    predictions = np.stack([_predictions(outputs[number][rows], task) for number in sound])
    weights = None if checked.weights is None else checked.weights[rows]
    judged = (predictions, checked.target[rows], weights)
    if len(rows) < FEW_ROWS:
        found = bagged_weights(*judged)
    else:
        found = greedy_weights(*judged, rounds=max(PICKS, 2 * len(sound)))
    for number, share in zip(sound, found.tolist(), strict=True):
        shares[number] = share
    return shares


def _predictions(outputs: np.ndarray, task: Task) -> np.ndarray:
    """Probabilities (n, classes or labels), or values (n,) as the networks learn them."""
    if task == "regression":
        return outputs[:, 0]
    read = label_probabilities if task == "multilabel" else probabilities
    return read(outputs, temperature=1.0)


def _membership(
    trained: Sequence[_Trained],
    shares: Sequence[float],
    predictor: Predictor,
    validation: Arrays,
    config: Config,
) -> Membership:
    monitor = monitor_for(config.training, predictor.preprocessor, validation)

    def value(of: Predictor, rows: Arrays) -> float:
        return float(monitor.measure(of.outputs(rows.inputs)))

    members = [
        Member(
            title=_title(each.learned.config.model),
            seed=each.learned.config.run.seed,
            weight=share,
            value=value(each.learned.predictor, each.lesson.validation),
            best_epoch=each.learned.fitted.progress.best_epoch,
            n_epochs=len(each.learned.fitted.history),
            seconds=round(each.seconds, 3),
            schedule=_schedule(each.learned),
        )
        for each, share in zip(trained, shares, strict=True)
    ]
    metric = monitored(config.training, predictor.preprocessor.schema.target.task).name
    return Membership(metric, value(predictor, validation), tuple(members))


def _schedule(learned: Learned) -> str:
    """Shape of the learning rate; empty where no gradient step was taken."""
    closed = learned.fitted.progress.stopped == "closed form"
    return "" if closed else learned.config.training.schedule


def _model(kept: Sequence[_Trained], ways: Sequence[int], shares: Sequence[float]) -> ModelOptions:
    """The average as a model of the zoo."""
    members = [
        average.Member(
            each.learned.config.model.name,
            each.learned.config.model.hyperparameters,
            ways.index(each.way) + 1,
        )
        for each in kept
    ]
    weights = ",".join(f"{share:.9g}" for share in shares)
    return ModelOptions(NAME, {"members": average.text_of(members), "weights": weights})


def _network(
    model: ModelOptions, config: Config, preprocessor: Preprocessor, members: Sequence[Learned]
) -> keras.Model:
    """The average with the weights of its members."""
    network = build_network(replace(config, model=model), preprocessor)
    named = [(each.config.model.name, each.predictor.network) for each in members]
    average.fill(network, named)
    return network


def _of_way(rows: Rows, way: int) -> Rows:
    """Rows as a network takes them that wants its columns in one of the ways."""
    return _of_ways(rows, [way])


def _of_ways(rows: Rows, ways: Sequence[int]) -> Rows:
    """Rows as an average takes them whose networks want their columns in these ways."""
    kept = keep_ways(rows.preprocessor, ways)
    before, after = rows.preprocessor.signature, kept.signature

    def renamed(arrays: Arrays) -> Arrays:
        inputs = {
            after.way_inputs(new)[name]: values
            for new, old in enumerate(ways, start=1)
            for name, values in of_way(arrays.inputs, before, old).items()
        }
        return Arrays(inputs, arrays.target, arrays.weights)

    return Rows(kept, renamed(rows.train), renamed(rows.validation))


def _title(options: ModelOptions) -> str:
    return options.name + f" ({options.profile})" * (options.profile != DEFAULT_PROFILE)
