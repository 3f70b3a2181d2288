"""From a network and its rows to trained weights and the history of how they came about."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from kerasnn.errors import ConfigError, DataError, ModelRefusedError, ResourceError, warn
from kerasnn.forward import Forward
from kerasnn.plain import conform
from kerasnn.recipes import Recipe
from kerasnn.training.determinism import deterministic
from kerasnn.training.engine import Arrays, Engine
from kerasnn.training.losses import RowLoss
from kerasnn.training.schedules import learning_rates, regularization_shares
from kerasnn.training.stopping import Monitor, Progress

if TYPE_CHECKING:
    from kerasnn.training.augmentation import Augmenter
    from kerasnn.training.checkpoints import Checkpoints

# Of the time since the last checkpoint, writing the next one may take this share.
CHECKPOINT_SHARE = 0.05
# Epochs of a sitting after which a time limit sets the horizon of the schedule.
TIMED_EPOCHS = 2

Row = dict[str, float]


class Watcher(Protocol):
    """Is told what happens; `kerasnn.progress` and `kerasnn.training.probes` have some."""

    def on_steps(self, epoch: int, done: int, total: int) -> None:
        """Some steps of an epoch are done."""

    def on_epoch(self, row: Row, engine: Engine) -> None:
        """An epoch is done and validated."""


@dataclass
class Fitted:
    """How a training went.

    Args:
        history: One row an epoch: ``epoch`` (from 1), ``loss``, ``validation_loss``, the
            monitor's value, ``learning_rate`` (of the last step), ``gradient_norm``.
        progress: Where it ended, and why.
        resumed_at: Epochs that an earlier sitting had done.
    """

    history: list[Row] = field(default_factory=list)
    progress: Progress = field(default_factory=Progress)
    resumed_at: int = 0


class _TimeLimitError(Exception):
    """The time limit passed within an epoch."""


def fit(
    network: keras.Model,
    train: Arrays,
    validation: Arrays,
    *,
    recipe: Recipe,
    row_loss: RowLoss,
    monitor: Monitor,
    seed: int,
    time_limit_s: float | None = None,
    checkpoints: Checkpoints | None = None,
    fingerprint: dict[str, Any] | None = None,
    watchers: tuple[Watcher, ...] = (),
    augmenter: Augmenter | None = None,
    start_counts: bool = False,
) -> Fitted:
    """Train a network; afterwards it holds the weights of the best epoch.

    With checkpoints, a run that was killed goes on where it stood and ends with the same bits; one
    that had ended goes on when the recipe now asks for more epochs. Ctrl-C ends the training and
    keeps the best weights, if an epoch is done: see ``progress.stopped``.

    Args:
        network: Uncompiled; inputs by name, raw outputs.
        train: Rows to learn from.
        validation: Rows that pick the best epoch.
        recipe: With a learning rate above 0.
        row_loss: From `kerasnn.training.losses.loss_function`.
        monitor: What picks the best epoch.
        seed: Of the order of the rows.
        time_limit_s: Seconds of training at most, over all sittings.
        checkpoints: Where to keep the state; none are kept if None.
        fingerprint: What must be equal for a checkpoint to be used.
        watchers: Told what happens.
        augmenter: Changes training images at random; validation never sees it.
        start_counts: Whether the weights as they are compete with those of the epochs.

    Raises:
        DataError: The loss is not finite in the first epoch.
        ConfigError: There is a checkpoint of another fingerprint.
        ResourceError: Memory ran out.
        KeyboardInterrupt: Ctrl-C came before there was anything to keep.
    """
    with deterministic():
        engine = Engine(
            network, train, recipe=recipe, row_loss=row_loss, seed=seed, augmenter=augmenter
        )
        sitting = _Sitting(engine, validation, recipe, monitor, time_limit_s, watchers)
        sitting.checkpoints, sitting.fingerprint = checkpoints, fingerprint or {}
        sitting.restore()
        if start_counts and not sitting.best:
            sitting.count_start()
        try:
            sitting.train()
        except KeyboardInterrupt:
            sitting.end("interrupted")
            if not (sitting.progress.epoch or sitting.best):
                raise
        except _TimeLimitError:
            sitting.end("time limit")
        except (MemoryError, tf.errors.ResourceExhaustedError) as error:
            size = engine.batch_size
            fix = f"set `training.batch_size` to {max(1, size // 2)}"
            raise ResourceError(f"memory ran out at {size} rows a step", fix=fix) from error
        sitting.keep_best()
    return sitting.fitted


@dataclass(frozen=True)
class _Moment:
    """The end of an epoch, to which a run goes back when the next one is cut short."""

    state: list[np.ndarray]
    progress: Progress
    n_rows: int
    best: list[np.ndarray]


class _Sitting:
    """One uninterrupted stretch of a run."""

    def __init__(
        self,
        engine: Engine,
        validation: Arrays,
        recipe: Recipe,
        monitor: Monitor,
        time_limit_s: float | None,
        watchers: tuple[Watcher, ...],
    ) -> None:
        self.engine, self.validation = engine, validation
        self.recipe, self.monitor = recipe, monitor
        self.limit, self.watchers = time_limit_s or math.inf, watchers
        self.checkpoints: Checkpoints | None = None
        self.fingerprint: dict[str, Any] = {}
        self.fitted = Fitted(progress=Progress(horizon=recipe.epochs))
        self.best: list[np.ndarray] = []
        self._forward = Forward(engine.network)
        self._moment = self._now()
        self._began = self._saved = time.perf_counter()
        self._earlier = self._save_seconds = 0.0
        self._epoch_ends: list[float] = []
        self._laid_out = not math.isfinite(self.limit)

    @property
    def progress(self) -> Progress:
        return self.fitted.progress

    @property
    def seconds(self) -> float:
        """Time trained, over all sittings."""
        return self._earlier + time.perf_counter() - self._began

    def _now(self) -> _Moment:
        return _Moment(
            self.engine.read_state(), replace(self.progress), len(self.fitted.history), self.best
        )

    def _go_back(self) -> None:
        self.engine.write_state(self._moment.state)
        horizon = self.progress.horizon
        self.fitted.progress = replace(self._moment.progress, horizon=horizon)
        del self.fitted.history[self._moment.n_rows :]
        self.best = self._moment.best

    def restore(self) -> None:
        """Go on from a checkpoint, if there is one."""
        found = self.checkpoints.load() if self.checkpoints else None
        if found is None:
            return
        _check_form(found.metadata)
        check_fingerprint(found.metadata["fingerprint"], self.fingerprint)
        self.fitted.history = [dict(row) for row in found.metadata["history"]]
        self.fitted.progress = progress = Progress(**found.metadata["progress"])
        self.fitted.resumed_at, self._earlier = progress.epoch, progress.seconds
        if progress.stopped == "time limit":
            # There may be more time now.
            progress.horizon = self.recipe.epochs
        elif progress.horizon < found.metadata["epochs"]:
            self._laid_out = True
        if self.recipe.epochs > progress.epoch and progress.stopped != "no gain":
            progress.stopped = ""
        if self.recipe.epochs != found.metadata["epochs"]:
            if progress.stopped == "no gain":
                progress.wait = progress.plateau_wait = 0
            progress.stopped, progress.horizon = "", self.recipe.epochs
        try:
            count = len(self.engine.state)
            self.engine.write_state([found.arrays[f"state.{i:04d}"] for i in range(count)])
            n_best = sum(name.startswith("best.") for name in found.arrays)
            self.best = [found.arrays[f"best.{i:04d}"] for i in range(n_best)]
        except (KeyError, ValueError, TypeError):
            raise _of_another_network() from None
        self._moment = self._now()

    def count_start(self) -> None:
        """Take the weights as they are for the best so far."""
        value = float(self.monitor.measure(self._forward(self.validation.inputs)))
        self.progress.best = None if math.isnan(value) else value
        self.best = self.engine.weights_to_judge()
        self._moment = self._now()

    def train(self) -> None:
        """Epoch after epoch until something says stop."""
        while not self.progress.stopped:
            if self.progress.epoch >= self.progress.horizon:
                cut = self.progress.horizon < self.recipe.epochs
                return self.end("time limit" if cut else "all epochs done")
            self._one_epoch()
            if self.progress.stopped:
                return
            if self.recipe.patience and self.progress.wait >= self.recipe.patience:
                return self.end("no gain")
            self._fit_into_time()
            self._save_if_due()

    def _one_epoch(self) -> None:
        epoch, engine = self.progress.epoch, self.engine
        steps = engine.steps_per_epoch
        total = self.progress.horizon * steps
        where = {"first": epoch * steps, "count": steps, "total": total}
        rates = learning_rates(self.recipe, **where)
        rates *= np.float32(self.progress.rate_factor)
        shares = regularization_shares(self.recipe, **where)
        means = engine.run_epoch(epoch, rates, shares, on_call=self._on_call)
        row = {"epoch": epoch + 1, **means, "learning_rate": float(rates[-1])}
        # A gradient that is not finite leaves weights that are not, even where the loss is still.
        if not (math.isfinite(means["loss"]) and math.isfinite(means["gradient_norm"])):
            return self._diverged()
        self._validate(row)
        for watcher in self.watchers:
            watcher.on_epoch(row, engine)

    def _on_call(self, done: int) -> None:
        for watcher in self.watchers:
            watcher.on_steps(self.progress.epoch, done, self.engine.steps_per_epoch)
        if self.seconds > self.limit and self.best:
            raise _TimeLimitError

    def _validate(self, row: Row) -> None:
        judged = self.engine.weights_to_judge()
        with self._weights(judged):
            outputs = self._forward(self.validation.inputs)
        losses = self.engine._row_loss(tf.constant(self.validation.target), tf.constant(outputs))
        row["validation_loss"] = float(np.average(losses, weights=self.validation.weights))
        row[self.monitor.name] = value = float(self.monitor.measure(outputs))
        self.fitted.history.append(row)
        if self.progress.observe(value, self.monitor):
            self.best = judged
        if self.recipe.schedule == "plateau":
            self.progress.lower_rate(max(2, self.recipe.patience // 3))
        self._moment = self._now()

    @contextmanager
    def _weights(self, values: list[np.ndarray]) -> Iterator[None]:
        """The network with other values, for a moment."""
        if not self.engine.averages:
            yield
            return
        variables = self.engine.network.variables
        own = [variable.numpy() for variable in variables]
        try:
            _assign(variables, values)
            yield
        finally:
            _assign(variables, own)

    def _diverged(self) -> None:
        if not self.best:
            raise DataError(
                "the loss is not a finite number in the first epoch",
                fix="lower `training.learning_rate`, or scale the numbers",
            )
        epoch = self.progress.epoch + 1
        warn(f"the loss is not finite in epoch {epoch}; the weights of the best epoch are kept")
        self._go_back()
        self.end("diverged")

    def _fit_into_time(self) -> None:
        """Once an epoch's cost is known, lay the schedule out for as many as there is time for."""
        self._epoch_ends.append(self.seconds)
        if self._laid_out or len(self._epoch_ends) < TIMED_EPOCHS:
            return
        self._laid_out = True
        # The first epoch holds the compilation, so only the later ones tell the pace.
        pace = (self._epoch_ends[-1] - self._epoch_ends[0]) / (TIMED_EPOCHS - 1)
        affordable = int(max(self.limit - self.seconds, 0) * 0.95 / max(pace, 1e-6))
        self.progress.horizon = min(self.progress.horizon, self.progress.epoch + affordable)

    def end(self, why: str) -> None:
        """Note why the run ends and keep its last state."""
        if why in ("interrupted", "time limit"):
            # The epoch that was cut short is done again from its start on resume.
            self._go_back()
        self.progress.stopped = why
        if self.checkpoints:
            self._save()

    def keep_best(self) -> None:
        """Leave the best epoch's weights in the network."""
        # There is no best one where the monitor was never a number.
        _assign(self.engine.network.variables, self.best or self.engine.weights_to_judge())

    def _save_if_due(self) -> None:
        if not self.checkpoints:
            return
        since = time.perf_counter() - self._saved
        if self._save_seconds <= CHECKPOINT_SHARE * since:
            self._save()

    def _save(self) -> None:
        began = time.perf_counter()
        self.progress.seconds = self.seconds
        assert self.checkpoints is not None
        arrays = {f"state.{i:04d}": value for i, value in enumerate(self._moment.state)}
        arrays |= {f"best.{i:04d}": value for i, value in enumerate(self.best)}
        metadata = {
            "progress": self.progress.to_dict(),
            "history": self.fitted.history,
            "epochs": self.recipe.epochs,
            "fingerprint": self.fingerprint,
        }
        self.checkpoints.save(arrays, metadata)
        self._saved = time.perf_counter()
        self._save_seconds = self._saved - began


@dataclass(frozen=True)
class _Metadata:
    """What a checkpoint holds beside arrays."""

    progress: Progress
    history: tuple[Mapping[str, float], ...]
    epochs: int
    fingerprint: Mapping[str, Any]


def _check_form(metadata: Mapping[str, Any]) -> None:
    """Raise if what a checkpoint says of a run does not have the form that was written.

    Raises:
        ModelRefusedError: Say what is malformed.
    """
    conform(metadata, _Metadata, place="the checkpoint")


def _of_another_network() -> ModelRefusedError:
    fix = "train from the start"
    return ModelRefusedError("the checkpoint is of another network", fix=fix)


def check_fingerprint(before: dict[str, Any], now: dict[str, Any]) -> None:
    """Refuse to go on with a run under other circumstances.

    Raises:
        ConfigError: Say which differ.
    """
    changed = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    if changed:
        raise ConfigError(
            f"the run can't go on as it began: {', '.join(changed)} changed",
            fix="undo the change, or start a new run",
        )


def _assign(variables: list[Any], values: list[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
