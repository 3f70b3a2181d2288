"""Fitting: best weights, patience, plateau, time limit, divergence, Ctrl-C."""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Iterator

import keras
import numpy as np
import pytest
from helpers import linear_rows

from kerasnn.options import TrainingOptions
from kerasnn.signature import Output
from kerasnn.training import fit as fitting
from kerasnn.training.engine import Arrays, Engine
from kerasnn.training.fit import EpochRecord, FitResult, fit
from kerasnn.training.losses import loss_function
from kerasnn.training.stopping import Monitor, Progress

pytestmark = pytest.mark.usefixtures("_eager")

EPOCHS = 6


def build() -> keras.Model:
    keras.utils.set_random_seed(0)
    numbers = keras.Input((3,), name="numbers")
    hidden = keras.layers.BatchNormalization()(numbers)
    return keras.Model({"numbers": numbers}, keras.layers.Dense(1)(hidden))


class Watch:
    """Notes the judged weights of each epoch, and does what a test wants."""

    def __init__(
        self,
        *,
        steps: Callable[[int], None] = lambda epoch: None,
        end: Callable[[EpochRecord, Engine], None] = lambda row, engine: None,
    ) -> None:
        self.predicted_rows: list[list[np.ndarray]] = []
        self.steps: list[tuple[int, int, int]] = []
        self._on_steps, self._on_end = steps, end

    def on_steps(self, epoch: int, done: int, total: int) -> None:
        self.steps.append((epoch, done, total))
        self._on_steps(epoch)

    def on_epoch(self, row: EpochRecord, engine: Engine) -> None:
        self.predicted_rows.append(engine.evaluation_weights())
        self._on_end(row, engine)


def scripted(values: list[float], direction: str = "lower") -> Monitor:
    """A monitor that sees the given values, whatever the network does."""
    given: Iterator[float] = iter(values)
    return Monitor("score", direction, lambda outputs: next(given))


def train(
    network: keras.Model,
    monitor: Monitor,
    watch: Watch,
    *,
    time_limit_s: float | None = None,
    **options: object,
) -> FitResult:
    training_options = TrainingOptions(
        **{
            "epochs": EPOCHS,
            "batch_size": 8,
            "learning_rate": 0.05,
            # A step of it is cheap.
            "optimizer": "sgd",
            "weight_decay": 0.0,
        }
        | options
    )
    row_loss = loss_function(training_options, Output("regression", 1))
    return fit(
        network,
        linear_rows(),
        linear_rows(16),
        training_options=training_options,
        row_loss=row_loss,
        monitor=monitor,
        seed=0,
        time_limit_s=time_limit_s,
        callbacks=(watch,),
    )


def holds(network: keras.Model, values: list[np.ndarray]) -> bool:
    pairs = zip(network.variables, values, strict=True)
    return all(np.array_equal(variable.numpy(), value) for variable, value in pairs)


@pytest.mark.parametrize("average", [0.0, 0.8])
@pytest.mark.parametrize(
    ("direction", "values"), [("lower", [3, 1, 2, 2, 1, 5]), ("higher", [1, 3, 3, 2, 0, 1])]
)
def test_best_epoch_is_kept(average: float, direction: str, values: list[float]) -> None:
    network, watch = build(), Watch()
    fitted = train(network, scripted(values, direction), watch, average=average)
    progress = fitted.progress
    assert (progress.best, progress.best_epoch, progress.epoch) == (values[1], 2, 6)
    assert progress.stopped == "all epochs done"
    assert holds(network, watch.predicted_rows[1])
    assert not holds(network, watch.predicted_rows[5])
    assert [row["score"] for row in fitted.history] == values


def test_history_says_what_was_learned() -> None:
    network, watch = build(), Watch()
    fitted = train(network, scripted([1.0] * EPOCHS), watch, schedule="constant", warmup=0.0)
    names = ["epoch", "loss", "gradient_norm", "learning_rate", "validation_loss", "score"]
    assert all(list(row) == names for row in fitted.history)
    assert [row["epoch"] for row in fitted.history] == [1, 2, 3, 4, 5, 6]
    assert fitted.history[-1]["loss"] < fitted.history[0]["loss"] / 2
    rows = linear_rows(16)
    for variable, value in zip(network.variables, watch.predicted_rows[-1], strict=True):
        variable.assign(value)
    outputs = np.asarray(network(rows.inputs, training=False))[:, 0]
    expected = np.mean((outputs - rows.target) ** 2)
    assert fitted.history[-1]["validation_loss"] == pytest.approx(expected, rel=1e-5)
    assert watch.steps == [(epoch, 4, 4) for epoch in range(EPOCHS)]


def test_validation_rows_may_have_weights() -> None:
    rows = linear_rows(16)
    weights = np.linspace(0, 2, 16, dtype="float32")
    network, training_options = (
        build(),
        TrainingOptions(epochs=1, optimizer="sgd", batch_size=8, weight_decay=0.0),
    )
    fitted = fit(
        network,
        linear_rows(),
        Arrays(rows.inputs, rows.target, weights),
        training_options=training_options,
        row_loss=loss_function(training_options, Output("regression", 1)),
        monitor=scripted([1.0]),
        seed=0,
    )
    errors = np.asarray(network(rows.inputs, training=False))[:, 0] - rows.target
    expected = np.mean(weights * errors**2)
    assert fitted.history[0]["validation_loss"] == pytest.approx(expected, rel=1e-5)


def test_patience_ends_the_training() -> None:
    fitted = train(build(), scripted([2, 1, 1, 3, 2]), Watch(), patience=3)
    assert fitted.progress.stopped == "no gain"
    assert (fitted.progress.epoch, fitted.progress.best_epoch) == (5, 2)


def test_no_patience_never_ends_it() -> None:
    fitted = train(build(), scripted([1] * EPOCHS), Watch(), patience=0)
    assert fitted.progress.stopped == "all epochs done"


def test_plateau_halves_the_rate() -> None:
    fitted = train(
        build(),
        scripted([5, 4, 4, 4, 4, 4, 3, 3, 3]),
        Watch(),
        epochs=9,
        patience=9,
        schedule="plateau",
        warmup=0.0,
        learning_rate=0.08,
    )
    # A third of the patience without gain: after epochs 5 and (counted anew) never again.
    found = [row["learning_rate"] for row in fitted.history]
    np.testing.assert_allclose(found, [0.08] * 5 + [0.04] * 4, rtol=1e-6)
    assert fitted.progress.rate_factor == 0.5


def test_a_monitor_that_is_never_a_number_keeps_the_last_weights() -> None:
    network, watch = build(), Watch()
    fitted = train(network, scripted([math.nan] * EPOCHS), watch, average=0.5)
    assert (fitted.progress.best, fitted.progress.best_epoch) == (None, 0)
    assert holds(network, watch.predicted_rows[-1])


class Clock:
    """A clock that only a test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        fake = types.SimpleNamespace(perf_counter=lambda: self.now)
        monkeypatch.setattr(fitting, "time", fake)

    def advance(self, seconds: float) -> None:
        self.now += seconds


def test_schedule_is_laid_out_for_the_time_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)

    def pass_by(row: EpochRecord, engine: Engine) -> None:
        # Compiling makes the first epoch a long one.
        clock.advance(4 if row["epoch"] == 1 else 1)

    fitted = train(
        build(),
        scripted(list(range(100, 0, -1))),
        Watch(end=pass_by),
        time_limit_s=13,
        epochs=100,
        final_rate=0.01,
    )
    # Two epochs are done after 5 s; 95 % of the other 8 s are enough for 7 more.
    assert (fitted.progress.epoch, fitted.progress.horizon) == (9, 9)
    assert fitted.progress.stopped == "time limit"
    assert fitted.history[-1]["learning_rate"] == pytest.approx(0.05 * 0.01, rel=1e-5)


def test_time_for_all_epochs_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)
    values = [6, 5, 4, 3, 2, 1]
    limited = train(build(), scripted(values), Watch(), time_limit_s=1000)
    assert limited.progress.stopped == "all epochs done"
    assert limited.history == train(build(), scripted(values), Watch()).history


def test_time_ends_within_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, network = Clock(monkeypatch), build()
    watch = Watch(steps=lambda epoch: clock.advance(50 if epoch == 3 else 1))
    fitted = train(network, scripted([4, 3, 2, 1]), watch, time_limit_s=20)
    assert fitted.progress.stopped == "time limit"
    assert (fitted.progress.epoch, len(fitted.history)) == (3, 3)
    assert holds(network, watch.predicted_rows[2])


def test_first_epoch_is_always_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    watch = Watch(steps=lambda epoch: clock.advance(50))
    fitted = train(build(), scripted([1] * EPOCHS), watch, time_limit_s=1)
    assert fitted.progress.stopped == "time limit"
    assert fitted.progress.epoch == 1


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_interruption_within_an_epoch_keeps_the_best() -> None:
    network, watch = build(), Watch(steps=lambda epoch: interrupt() if epoch == 3 else None)
    fitted = train(network, scripted([3, 1, 2]), watch)
    assert fitted.progress.stopped == "interrupted"
    assert (fitted.progress.epoch, fitted.progress.best_epoch, len(fitted.history)) == (3, 2, 3)
    assert holds(network, watch.predicted_rows[1])


def test_interruption_at_the_end_of_an_epoch_counts_it() -> None:
    watch = Watch(end=lambda row, engine: interrupt() if row["epoch"] == 2 else None)
    network = build()
    fitted = train(network, scripted([3, 1]), watch)
    assert (fitted.progress.stopped, fitted.progress.epoch) == ("interrupted", 2)
    assert holds(network, watch.predicted_rows[1])


def test_interruption_while_validating_undoes_the_epoch() -> None:
    def measure(outputs: np.ndarray) -> float:
        seen.append(1.0)
        return 1.0 if len(seen) < 3 else interrupt()

    seen: list[float] = []
    network, watch = build(), Watch()
    fitted = train(network, Monitor("score", "lower", measure), watch, average=0.9)
    assert (fitted.progress.stopped, fitted.progress.epoch) == ("interrupted", 2)
    assert len(fitted.history) == 2
    assert holds(network, watch.predicted_rows[0])


def test_interruption_before_anything_is_learned_is_passed_on() -> None:
    network = build()
    before = [variable.numpy() for variable in network.variables]
    with pytest.raises(KeyboardInterrupt):
        train(network, scripted([]), Watch(steps=interrupt))
    assert holds(network, before)


def test_other_code_of_the_process_stays_free_of_determinism() -> None:
    from tensorflow.python.framework.config import is_op_determinism_enabled

    inside: list[bool] = []
    watch = Watch(steps=lambda epoch: inside.append(is_op_determinism_enabled()))
    train(build(), scripted([1]), watch, epochs=1)
    assert inside == [True]
    assert not is_op_determinism_enabled()


def test_nothing_beats_a_best_but_what_is_better() -> None:
    lower, higher = scripted([]), scripted([], "higher")
    assert lower.better(1, None)
    assert lower.better(1, 2)
    assert not lower.better(2, 2)
    assert not lower.better(math.nan, None)
    assert higher.better(3, 2)
    assert not higher.better(1, 2)


def test_progress_survives_json() -> None:
    progress = Progress(epoch=3, horizon=9, best=0.1, best_epoch=2, wait=1, seconds=0.3)
    assert Progress(**progress.to_dict()) == progress
