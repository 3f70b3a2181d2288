"""A run that was killed and goes on ends with the bits of one that was not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from kerasnn.errors import ConfigError
from kerasnn.options import TrainingOptions
from kerasnn.signature import Output
from kerasnn.training import fit as fitting
from kerasnn.training.checkpoints import Checkpoints
from kerasnn.training.engine import Arrays, Engine
from kerasnn.training.fit import EpochRecord, FitResult, fit
from kerasnn.training.losses import loss_function
from kerasnn.training.stopping import Monitor

RECIPES = {
    "cosine": TrainingOptions(
        epochs=6, batch_size=8, learning_rate=0.05, average=0.9, patience=4, compile="graph"
    ),
    # Patience 6 lowers the rate after two epochs without gain.
    "plateau": TrainingOptions(
        epochs=6,
        batch_size=8,
        learning_rate=0.5,
        average=0.5,
        patience=6,
        schedule="plateau",
        optimizer="momentum",
        compile="graph",
    ),
}
MONITOR = Monitor("rmse", "lower", lambda outputs: float(np.sqrt(np.mean((outputs - 1) ** 2))))
FINGERPRINT = {"the data": "abc", "training.dropout": 0.5}


class KilledError(Exception):
    """Nothing is written any more, as after SIGKILL."""


class Killer:
    """Ends the process, as it were, in one epoch."""

    def __init__(self, epoch: int, *, within: bool) -> None:
        self.epoch, self.within = epoch, within

    def on_steps(self, epoch: int, done: int, total: int) -> None:
        if self.within and epoch == self.epoch:
            raise KilledError

    def on_epoch(self, row: EpochRecord, engine: Engine) -> None:
        if not self.within and row["epoch"] == self.epoch:
            raise KilledError


class DyingCheckpoints(Checkpoints):
    """The process dies in the midst of one of the saves."""

    def __init__(self, folder: Path, *, at: int, written: bool) -> None:
        super().__init__(folder)
        self.left, self.written = at, written

    def save(self, arrays: Any, metadata: Any) -> None:
        self.left -= 1
        if self.left:
            return super().save(arrays, metadata)
        if self.written:
            super().save(arrays, metadata)
        raise KilledError


def build() -> keras.Model:
    keras.utils.set_random_seed(0)
    numbers = keras.Input((3,), name="numbers")
    hidden = keras.layers.Dense(6, use_bias=False)(numbers)
    hidden = keras.layers.ReLU()(keras.layers.BatchNormalization()(hidden))
    hidden = keras.layers.Dropout(0.5)(hidden)
    return keras.Model({"numbers": numbers}, keras.layers.Dense(1)(hidden))


def table(n_rows: int) -> Arrays:
    random = np.random.default_rng(n_rows)
    numbers = random.normal(size=(n_rows, 3)).astype("float32")
    return Arrays(
        {"numbers": numbers}, numbers[:, 0] + random.normal(size=n_rows).astype("float32")
    )


def train(
    training_options: TrainingOptions,
    checkpoints: Checkpoints | None = None,
    *callbacks: Any,
    fingerprint: dict[str, Any] = FINGERPRINT,
    time_limit_s: float | None = None,
) -> tuple[FitResult, list[np.ndarray]]:
    """One session in a new process, as it were: history and final weights."""
    network = build()
    fitted = fit(
        network,
        table(60),
        table(20),
        training_options=training_options,
        row_loss=loss_function(training_options, Output("regression", 1)),
        monitor=MONITOR,
        seed=5,
        time_limit_s=time_limit_s,
        checkpoints=checkpoints,
        fingerprint=fingerprint,
        callbacks=callbacks,
    )
    return fitted, [variable.numpy() for variable in network.variables]


def outcome(fitted: FitResult) -> dict[str, Any]:
    """All of it but the time that it took."""
    return {"history": fitted.history, **fitted.progress.to_dict(), "seconds": 0}


def assert_same(
    one: tuple[FitResult, list[np.ndarray]], other: tuple[FitResult, list[np.ndarray]]
) -> None:
    assert outcome(one[0]) == outcome(other[0])
    for first, second in zip(one[1], other[1], strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.fixture(autouse=True)
def _save_each_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "CHECKPOINT_SHARE", 1e9)


@pytest.fixture(scope="module")
def uninterrupted() -> dict[str, tuple[FitResult, list[np.ndarray]]]:
    return {name: train(training_options) for name, training_options in RECIPES.items()}


@pytest.mark.parametrize(
    ("name", "killers"),
    [
        ("cosine", [Killer(0, within=True)]),
        ("cosine", [Killer(5, within=True), Killer(6, within=False)]),
        ("plateau", [Killer(1, within=False), Killer(2, within=True), Killer(5, within=True)]),
    ],
    ids=["before the first checkpoint", "at the end", "three times"],
)
def test_killed_runs_end_with_the_same_bits(
    name: str, killers: list[Killer], tmp_path: Path, uninterrupted: Any
) -> None:
    training_options = RECIPES[name]
    for killer in killers:
        with pytest.raises(KilledError):
            train(training_options, Checkpoints(tmp_path), killer)
    assert_same(train(training_options, Checkpoints(tmp_path)), uninterrupted[name])


@pytest.mark.parametrize("written", [False, True], ids=["before", "after"])
def test_killed_while_saving(written: bool, tmp_path: Path, uninterrupted: Any) -> None:
    training_options = RECIPES["cosine"]
    with pytest.raises(KilledError):
        train(training_options, DyingCheckpoints(tmp_path, at=3, written=written))
    resumed = train(training_options, Checkpoints(tmp_path))
    assert resumed[0].resumed_at == (3 if written else 2)
    assert_same(resumed, uninterrupted["cosine"])


def test_checkpoints_themselves_change_nothing(tmp_path: Path, uninterrupted: Any) -> None:
    assert_same(train(RECIPES["cosine"], Checkpoints(tmp_path)), uninterrupted["cosine"])


def test_interrupted_by_hand(tmp_path: Path, uninterrupted: Any) -> None:
    class Hand(Killer):
        def on_steps(self, epoch: int, done: int, total: int) -> None:
            if epoch == self.epoch:
                raise KeyboardInterrupt

    training_options = RECIPES["plateau"]
    fitted, _ = train(training_options, Checkpoints(tmp_path), Hand(2, within=True))
    assert (fitted.progress.stopped, fitted.progress.epoch) == ("interrupted", 2)
    resumed = train(training_options, Checkpoints(tmp_path))
    assert resumed[0].resumed_at == 2
    assert_same(resumed, uninterrupted["plateau"])


def test_a_finished_run_is_found_as_it_ended(tmp_path: Path) -> None:
    training_options = RECIPES["cosine"]
    done = train(training_options, Checkpoints(tmp_path))

    class Nothing(Killer):
        def on_steps(self, epoch: int, done: int, total: int) -> None:
            raise AssertionError

    again = train(training_options, Checkpoints(tmp_path), Nothing(0, within=True))
    assert again[0].resumed_at == len(done[0].history)
    assert_same(again, done)


def test_more_epochs_go_on_where_it_ended(tmp_path: Path) -> None:
    short, long = (
        TrainingOptions(epochs=epochs, batch_size=8, schedule="constant", warmup=0.0, patience=0)
        for epochs in (2, 5)
    )
    train(short, Checkpoints(tmp_path))
    extended = train(long, Checkpoints(tmp_path))
    assert extended[0].resumed_at == 2
    assert_same(extended, train(long))


def test_more_epochs_after_an_early_stop_are_patient_anew(tmp_path: Path) -> None:
    training_options = TrainingOptions(
        epochs=9, batch_size=8, patience=1, learning_rate=0.5, compile="graph"
    )
    stopped, _ = train(training_options, Checkpoints(tmp_path))
    assert stopped.progress.stopped == "no gain"
    assert len(stopped.history) < 9
    again, _ = train(training_options, Checkpoints(tmp_path))
    assert len(again.history) == len(stopped.history)
    longer = TrainingOptions(**{**vars(training_options), "epochs": 10})
    extended, _ = train(longer, Checkpoints(tmp_path))
    assert len(extended.history) > len(stopped.history)
    assert extended.history[: len(stopped.history)] == stopped.history


def test_more_time_lays_the_schedule_out_anew(tmp_path: Path) -> None:
    training_options = RECIPES["cosine"]
    # The first epoch takes longer than this.
    limited, _ = train(training_options, Checkpoints(tmp_path), time_limit_s=1e-9)
    assert (limited.progress.stopped, limited.progress.epoch) == ("time limit", 1)
    resumed, _ = train(training_options, Checkpoints(tmp_path))
    assert (resumed.resumed_at, resumed.progress.horizon) == (1, 6)
    assert resumed.progress.epoch > 1


def test_other_circumstances_are_refused(tmp_path: Path) -> None:
    with pytest.raises(KilledError):
        train(RECIPES["cosine"], Checkpoints(tmp_path), Killer(1, within=True))
    changed = {"the data": "xyz", "training.dropout": 0.5, "keras": "4.0"}
    with pytest.raises(ConfigError) as caught:
        train(RECIPES["cosine"], Checkpoints(tmp_path), fingerprint=changed)
    assert str(caught.value) == (
        "the run can't go on as it began: the data, keras changed – "
        "undo the change, or start a new run"
    )
