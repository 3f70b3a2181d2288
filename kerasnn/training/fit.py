"""From a network and its rows to trained weights and the history of how they came about."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import keras
import numpy as np
import tensorflow as tf

from kerasnn.errors import DataError, ResourceError, warn
from kerasnn.inference.batched_model import BatchedModel
from kerasnn.options import TrainingOptions
from kerasnn.training import divergence, resume
from kerasnn.training.batch_memory import affordable
from kerasnn.training.determinism import deterministic
from kerasnn.training.engine import Arrays, Engine, wanted_batch
from kerasnn.training.losses import RowLoss
from kerasnn.training.schedules import learning_rates, regularization_shares
from kerasnn.training.stopping import Monitor, Progress

if TYPE_CHECKING:
    from kerasnn.training.augmentation import Augmenter
    from kerasnn.training.checkpoints import Checkpoint, Checkpoints

# Of the time since the last checkpoint, writing the next one may take this share.
CHECKPOINT_SHARE = 0.05
# Epochs of a session after which a time limit sets the horizon of the schedule.
TIMED_EPOCHS = 2
LOWER_RATE = "lower `training.learning_rate`, scale the numbers, or choose another model"

EpochRecord = dict[str, float]


class Callback(Protocol):
    """Is told what happens; `kerasnn.training.progress` and `kerasnn.training.probes` have some."""

    def on_steps(self, epoch: int, done: int, total: int) -> None:
        """Some steps of an epoch are done."""

    def on_epoch(self, row: EpochRecord, engine: Engine) -> None:
        """An epoch is done and validated."""


@runtime_checkable
class Remembering(Protocol):
    """A callback whose state goes into the checkpoints."""

    def state(self) -> dict[str, Any]:
        """What it has seen, as plain data."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`."""


@dataclass
class FitResult:
    """How a training went.

    Args:
        history: One row an epoch: ``epoch`` (from 1), ``loss``, ``validation_loss``, the
            monitor's value, ``learning_rate`` (of the last step), ``gradient_norm``.
        progress: State at the end, and the reason for it.
        resumed_at: Epochs that an earlier session had done.
    """

    history: list[EpochRecord] = field(default_factory=list)
    progress: Progress = field(default_factory=Progress)
    resumed_at: int = 0


class _TimeLimitError(Exception):
    """The time limit passed within an epoch."""


def fit(
    network: keras.Model,
    train: Arrays,
    validation: Arrays,
    *,
    training_options: TrainingOptions,
    row_loss: RowLoss,
    monitor: Monitor,
    seed: int,
    time_limit_s: float | None = None,
    checkpoints: Checkpoints | None = None,
    fingerprint: dict[str, Any] | None = None,
    callbacks: tuple[Callback, ...] = (),
    augmenter: Augmenter | None = None,
    start_counts: bool = False,
    second_try: bool = True,
) -> FitResult:
    """Train a network; afterwards it holds the weights of the best epoch.

    With checkpoints, a run that was killed goes on where it stood and ends with the same bits; one
    that had ended goes on when the recipe now asks for more epochs. Ctrl-C ends the training and
    keeps the best weights, if an epoch is done: see ``progress.stopped``.

    A training fails if its loss explodes or is no number, or if the weights that it leaves predict
    a constant, or worse than one. It is tried once more at a tenth of the learning rate, with a
    warning: from the last epoch that was sound, or else from the start. If it fails again,
    ``progress.stopped`` is ``diverged``.

    Args:
        network: Uncompiled; inputs by name, raw outputs.
        train: Rows to learn from.
        validation: Rows that pick the best epoch.
        training_options: Options of the training, with a learning rate above 0.
        row_loss: Loss of each row, from `kerasnn.training.losses.loss_function`.
        monitor: Measure that picks the best epoch.
        seed: Seed of the order of the rows.
        time_limit_s: Seconds of training at most, over all sessions. The first epoch is cut short
            if it takes longer.
        checkpoints: Checkpoints of the state; none are kept if None.
        fingerprint: Values that must be equal for a checkpoint to be used.
        callbacks: Told what happens.
        augmenter: Changes training images at random; validation never sees it.
        start_counts: True if the weights as they are compete with those of the epochs.
        second_try: True to try a failed training once more, and to warn of it.

    Raises:
        DataError: The loss is not finite in the first epoch, at the lower rate too.
        ConfigError: There is a checkpoint of another fingerprint.
        ResourceError: Memory ran out.
        KeyboardInterrupt: Ctrl-C came before there was anything to keep.
    """
    with deterministic():
        earlier = checkpoints.load() if checkpoints else None
        before = resume.batch_size_of(earlier)
        # A resumed run takes steps as before, however much memory there is now.
        chosen = (
            affordable(network, training_options, len(train))
            if before is None
            else training_options
        )
        if before:
            chosen = replace(training_options, batch_size=before)
        engine = Engine(
            network,
            train,
            training_options=chosen,
            row_loss=row_loss,
            seed=seed,
            augmenter=augmenter,
        )
        session = _TrainingSession(
            engine, validation, training_options, monitor, time_limit_s, callbacks
        )
        session.checkpoints, session.fingerprint = checkpoints, fingerprint or {}
        session.start_counts, session.second_try = start_counts, second_try
        session.restore(earlier)
        if not earlier and chosen is not training_options:
            session.tell_batch(wanted_batch(training_options, len(train)))
        if start_counts and not session.best:
            session.count_start()
        try:
            session.train()
        except KeyboardInterrupt:
            session.end("interrupted")
            if not (session.progress.epoch or session.best):
                raise
        except _TimeLimitError:
            session.end("time limit")
            session.tell_if_useless()
        except (MemoryError, tf.errors.ResourceExhaustedError) as error:
            size = engine.batch_size
            hint = f"set `training.batch_size` to {max(1, size // 2)}"
            raise ResourceError(f"memory ran out at {size} rows a step", hint=hint) from error
        session.keep_best()
    return session.fitted


@dataclass(frozen=True)
class _Snapshot:
    """The end of an epoch, to which a run goes back when the next one is cut short."""

    state: list[np.ndarray]
    progress: Progress
    n_rows: int
    best: list[np.ndarray]


class _TrainingSession:
    """One uninterrupted stretch of a run."""

    def __init__(
        self,
        engine: Engine,
        validation: Arrays,
        training_options: TrainingOptions,
        monitor: Monitor,
        time_limit_s: float | None,
        callbacks: tuple[Callback, ...],
    ) -> None:
        self.engine, self.validation = engine, validation
        self.training_options, self.monitor = training_options, monitor
        self.limit, self.callbacks = time_limit_s or math.inf, callbacks
        self.checkpoints: Checkpoints | None = None
        self.fingerprint: dict[str, Any] = {}
        self.fitted = FitResult(progress=Progress(horizon=training_options.epochs))
        self.best: list[np.ndarray] = []
        self.start_counts, self.second_try = False, True
        self._forward = BatchedModel(engine.network)
        self._moment = self._start = self._now()
        self._constant_loss = divergence.constant_loss(
            engine._rows.target, engine._row_loss, engine.network.output_shape[-1]
        )
        self._began = self._saved = time.perf_counter()
        self._earlier = self._save_seconds = 0.0
        self._epoch_ends: list[float] = []
        self._laid_out = not math.isfinite(self.limit)

    @property
    def progress(self) -> Progress:
        return self.fitted.progress

    @property
    def seconds(self) -> float:
        """Time trained, over all sessions."""
        return self._earlier + time.perf_counter() - self._began

    def _now(self) -> _Snapshot:
        return _Snapshot(
            self.engine.read_state(), replace(self.progress), len(self.fitted.history), self.best
        )

    def _go_back(self) -> None:
        self.engine.write_state(self._moment.state)
        now = self.progress
        self.fitted.progress = replace(
            self._moment.progress,
            horizon=now.horizon,
            rate_share=now.rate_share,
            batch_size=now.batch_size,
            notes=now.notes,
        )
        del self.fitted.history[self._moment.n_rows :]
        self.best = self._moment.best

    def tell_batch(self, wanted: int) -> None:
        """Warn that memory allows smaller steps only."""
        self.progress.batch_size = size = self.engine.batch_size
        self._note(f"a step of {wanted:,} rows does not fit into memory: it has {size:,}")

    def restore(self, found: Checkpoint | None) -> None:
        """Go on from a checkpoint, if there is one."""
        if found is None:
            return
        resume.check_fingerprint(found.metadata["fingerprint"], self.fingerprint)
        self.fitted.history = [dict(row) for row in found.metadata["history"]]
        self.fitted.progress = progress = Progress.from_dict(found.metadata["progress"])
        for note in progress.notes:
            warn(note)
        self.fitted.resumed_at, self._earlier = progress.epoch, progress.seconds
        if progress.stopped == "time limit":
            # There may be more time now.
            progress.horizon = self.training_options.epochs
        elif progress.horizon < found.metadata["epochs"]:
            self._laid_out = True
        if self.training_options.epochs > progress.epoch and progress.stopped not in (
            "no gain",
            divergence.FAILED,
        ):
            progress.stopped = ""
        if self.training_options.epochs != found.metadata["epochs"]:
            if progress.stopped == "no gain":
                progress.wait = progress.plateau_wait = 0
            progress.stopped, progress.horizon = "", self.training_options.epochs
        try:
            count = len(self.engine.state)
            self.engine.write_state([found.arrays[f"state.{i:04d}"] for i in range(count)])
            n_best = sum(name.startswith("best.") for name in found.arrays)
            self.best = [found.arrays[f"best.{i:04d}"] for i in range(n_best)]
        except (KeyError, ValueError, TypeError):
            raise resume.of_another_network() from None
        for callback in self._remembering():
            if state := found.metadata["callbacks"].get(type(callback).__name__):
                callback.restore(state)
        self._moment = self._now()

    def _remembering(self) -> list[Remembering]:
        return [each for each in self.callbacks if isinstance(each, Remembering)]

    def count_start(self) -> None:
        """Take the weights as they are for the best so far."""
        value = float(self.monitor.measure(self._forward(self.validation.inputs)))
        self.progress.best = None if math.isnan(value) else value
        self.best = self.engine.evaluation_weights()
        self._moment = self._now()

    def train(self) -> None:
        """Epoch after epoch until something says stop."""
        while not self.progress.stopped:
            if self.seconds > self.limit and self.fitted.history:
                raise _TimeLimitError
            if self.progress.epoch >= self.progress.horizon:
                cut = self.progress.horizon < self.training_options.epochs
                self._conclude("time limit" if cut else "all epochs done")
                continue
            if not self._one_epoch():
                continue
            if (
                self.training_options.patience
                and self.progress.wait >= self.training_options.patience
            ):
                self._conclude("no gain")
                continue
            self._fit_into_time()
            self._save_if_due()

    def _one_epoch(self) -> bool:
        """Train for an epoch and validate; whether it is sound."""
        epoch, engine = self.progress.epoch, self.engine
        steps = engine.steps_per_epoch
        total = self.progress.horizon * steps
        where = {"first": epoch * steps, "count": steps, "total": total}
        rates = learning_rates(self.training_options, **where)
        rates *= np.float32(self.progress.rate_factor * self.progress.rate_share)
        shares = regularization_shares(self.training_options, **where)
        means = engine.run_epoch(epoch, rates, shares, on_call=self._on_call)
        row = {"epoch": epoch + 1, **means, "learning_rate": float(rates[-1])}
        # A gradient that is not finite leaves weights that are not, even where the loss is still.
        if not (math.isfinite(means["loss"]) and math.isfinite(means["gradient_norm"])):
            self._fail(f"the loss is not finite in epoch {epoch + 1}", self._moment)
            return False
        if means["loss"] > divergence.EXPLODED * self._constant_loss:
            self._fail(f"the loss exploded in epoch {epoch + 1}", self._moment)
            return False
        self._validate(row)
        for callback in self.callbacks:
            callback.on_epoch(row, engine)
        return True

    def _on_call(self, done: int) -> bool:
        """Whether an epoch is to end here: one that takes too long, with none before it."""
        steps = self.engine.steps_per_epoch
        for callback in self.callbacks:
            callback.on_steps(self.progress.epoch, done, steps)
        if self.seconds <= self.limit:
            return False
        if self.best:
            raise _TimeLimitError
        if done < steps and not self.fitted.history:
            self._note(f"for lack of time, the first epoch has {done:,} of {steps:,} steps")
        return done < steps

    def _validate(self, row: EpochRecord) -> None:
        predicted_rows = self.engine.evaluation_weights()
        with self._weights(predicted_rows):
            outputs = self._forward(self.validation.inputs)
        row["validation_loss"] = self._mean_loss(outputs)
        row[self.monitor.name] = value = float(self.monitor.measure(outputs))
        self.fitted.history.append(row)
        if self.progress.observe(value, self.monitor):
            self.best = predicted_rows
        if self.training_options.schedule == "plateau":
            self.progress.lower_rate(max(2, self.training_options.patience // 3))
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

    def _conclude(self, why: str) -> None:
        """End, if what the training leaves is of use."""
        fault = self._fault()
        if fault:
            self._fail(fault, self._start)
        else:
            self.end(why)

    def tell_if_useless(self) -> None:
        """Warn of weights that are of no use, where there is no time for others."""
        if self.second_try and (fault := self._fault()):
            self._note(f"{fault}, and there is no time to train again", hint=LOWER_RATE)

    def _fault(self) -> str:
        """What is wrong with the best weights; nothing for sound ones."""
        inputs, target = self.validation.inputs, self.validation.target
        outputs = self._outputs(self.best or self.engine.evaluation_weights())
        if divergence.is_constant(outputs, target, inputs):
            return "the network predicts the same for all validation rows"
        if self.progress.epoch * self.engine.steps_per_epoch < divergence.FEWEST_STEPS:
            return ""
        loss = self._mean_loss(outputs)
        is_numeric = np.issubdtype(np.asarray(target[:1]).dtype, np.floating)
        if not is_numeric or not loss > divergence.USELESS * self._constant_loss:
            return ""
        start = self._outputs(self._start.state[: len(self.engine.network.variables)])
        if loss <= self._mean_loss(start):
            return ""
        return f"the validation loss is {loss / self._constant_loss:,.0f} times that of a constant"

    def _outputs(self, weights: list[np.ndarray]) -> np.ndarray:
        """Outputs on the validation rows of the network with other weights for a moment."""
        variables = self.engine.network.variables
        own = [variable.numpy() for variable in variables]
        _assign(variables, weights)
        try:
            return self._forward(self.validation.inputs)
        finally:
            _assign(variables, own)

    def _mean_loss(self, outputs: np.ndarray) -> float:
        losses = self.engine._row_loss(tf.constant(self.validation.target), tf.constant(outputs))
        return float(np.average(losses, weights=self.validation.weights))

    def _fail(self, fault: str, back_to: _Snapshot) -> None:
        """Try once more at a lower rate, from a moment that was sound; else end."""
        is_first = self.progress.rate_share == 1 and self.second_try
        if is_first and self.seconds <= self.limit / 2:
            rate = self.training_options.learning_rate * divergence.SECOND_RATE
            where = "goes on from there" if back_to.n_rows else "starts again"
            self._note(f"{fault}: training {where} with {divergence.TENTH}, {rate:.3g}")
            self._moment = back_to
            self.progress.rate_share = divergence.SECOND_RATE
            self.progress.horizon = self.training_options.epochs
            self._go_back()
            self._epoch_ends, self._laid_out = [], not math.isfinite(self.limit)
            if self.start_counts and not self.best:
                self.count_start()
            return
        if not (self.best or self.fitted.history or not self.second_try):
            raise DataError(
                "the loss is not a finite number in the first epoch",
                hint="lower `training.learning_rate`, or scale the numbers",
            )
        again = f", at {divergence.TENTH} too" if self.progress.rate_share < 1 else ""
        if self.second_try:
            self._note(f"{fault}{again}: the training failed", hint=LOWER_RATE)
        self._go_back()
        self.end(divergence.FAILED)

    def _note(self, what: str, *, hint: str | None = None) -> None:
        """Warn, now and when the run is resumed."""
        note = f"{what} – {hint}" if hint else what
        self.progress.notes = (*self.progress.notes, note)
        warn(note)

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
        self.progress.stopped, self.progress.seconds = why, self.seconds
        if self.checkpoints:
            self._save()

    def keep_best(self) -> None:
        """Leave the best epoch's weights in the network."""
        # There is no best one where the monitor was never a number.
        _assign(self.engine.network.variables, self.best or self.engine.evaluation_weights())

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
            "epochs": self.training_options.epochs,
            "fingerprint": self.fingerprint,
            "callbacks": {type(each).__name__: each.state() for each in self._remembering()},
        }
        self.checkpoints.save(arrays, metadata)
        self._saved = time.perf_counter()
        self._save_seconds = self._saved - began


def _assign(variables: list[Any], values: list[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
