"""A training that fails is noticed, tried once more at a lower rate, and reported."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from helpers import linear_rows

from kerasnn.errors import DataError, KerasnnWarning
from kerasnn.options import TrainingOptions
from kerasnn.signature import Output
from kerasnn.training import divergence
from kerasnn.training.checkpoints import Checkpoints
from kerasnn.training.engine import Arrays, Engine
from kerasnn.training.fit import EpochRecord, FitResult, fit
from kerasnn.training.losses import loss_function
from kerasnn.training.stopping import Monitor

pytestmark = pytest.mark.usefixtures("_eager")

EPOCHS = 6
AGAIN = "starts again with a tenth of the learning rate"
GOES_ON = "goes on from there with a tenth of the learning rate"
HOT = {"optimizer": "sgd", "learning_rate": 2.0, "clip_norm": 0.0}


def build(*, constant: bool = False) -> keras.Model:
    keras.utils.set_random_seed(0)
    numbers = keras.Input((3,), name="numbers")
    hidden = keras.layers.Rescaling(0.0 if constant else 1.0)(numbers)
    return keras.Model({"numbers": numbers}, keras.layers.Dense(1)(hidden))


class Spoil:
    """Breaks the weights after some epochs, and can stop the run in the midst of one."""

    def __init__(self, *epochs: int, value: float = math.nan, stop: int = -1) -> None:
        self.epochs, self.value, self.stop = list(epochs), value, stop

    def on_steps(self, epoch: int, done: int, total: int) -> None:
        if epoch == self.stop:
            raise KeyboardInterrupt

    def on_epoch(self, row: EpochRecord, engine: Engine) -> None:
        if self.epochs and row["epoch"] == self.epochs[0]:
            self.epochs.pop(0)
            kernel = engine.network.trainable_variables[0]
            kernel.assign(np.full(kernel.shape, self.value, "float32"))


def train(
    *watch: Spoil, network: keras.Model | None = None, folder: Path | None = None, **options: Any
) -> tuple[FitResult, keras.Model]:
    network = network or build()
    training_options = TrainingOptions(
        **{"epochs": EPOCHS, "batch_size": 8, "learning_rate": 0.05, "schedule": "constant"}
        | {"warmup": 0.0, "weight_decay": 0.0, "patience": 0}
        | options
    )
    rows, row_loss = linear_rows(), loss_function(training_options, Output("regression", 1))

    def measure(outputs: np.ndarray) -> float:
        return float(np.mean(np.square(outputs[:, 0] - rows.target)))

    fitted = fit(
        network,
        rows,
        rows,
        training_options=training_options,
        row_loss=row_loss,
        monitor=Monitor("mse", "lower", measure),
        seed=0,
        callbacks=watch,
        checkpoints=Checkpoints(folder) if folder else None,
    )
    return fitted, network


def test_a_loss_that_is_no_number_at_any_rate_is_an_error() -> None:
    options = {"optimizer": "sgd", "learning_rate": 1e30, "clip_norm": 0.0}
    with pytest.warns(KerasnnWarning, match=AGAIN), pytest.raises(DataError) as caught:
        train(**options)
    assert str(caught.value) == (
        "the loss is not a finite number in the first epoch – "
        "lower `training.learning_rate`, or scale the numbers"
    )


@pytest.mark.parametrize("broken", [math.inf, math.nan])
def test_a_training_that_breaks_goes_on_at_a_lower_rate(broken: float) -> None:
    text = f"^the loss is not finite in epoch 3: training {GOES_ON}, 0.005$"
    with pytest.warns(KerasnnWarning, match=text):
        fitted, _ = train(Spoil(2, value=broken))
    assert fitted.progress.stopped == "all epochs done"
    rates = [row["learning_rate"] for row in fitted.history]
    np.testing.assert_allclose(rates, [0.05, 0.05, 0.005, 0.005, 0.005, 0.005], rtol=1e-6)
    assert [row["epoch"] for row in fitted.history] == [1, 2, 3, 4, 5, 6]


def test_a_training_that_breaks_again_has_failed_and_keeps_the_best() -> None:
    with pytest.warns(KerasnnWarning) as told:
        fitted, network = train(Spoil(2, 4))
    assert fitted.progress.stopped == "diverged"
    assert len(fitted.history) == 4
    assert np.isfinite(network.get_weights()[0]).all()
    assert [str(each.message) for each in told] == list(fitted.progress.notes)
    assert fitted.progress.notes[1] == (
        "the loss is not finite in epoch 5, at a tenth of the learning rate too: "
        "the training failed – lower `training.learning_rate`, scale the numbers, "
        "or choose another model"
    )


def test_a_loss_that_explodes_starts_again() -> None:
    with pytest.warns(KerasnnWarning, match=f"the loss exploded in epoch 1: training {AGAIN}, 0.2"):
        fitted, _ = train(**HOT, batch_size=2)
    assert fitted.progress.stopped == "all epochs done"
    assert fitted.history[-1]["mse"] < 0.1


def test_weights_that_are_worse_than_a_constant_are_not_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(divergence, "FEWEST_STEPS", 1)
    text = f"^the validation loss is [0-9,]+ times that of a constant: training {AGAIN}, 0.11$"
    with pytest.warns(KerasnnWarning, match=text):
        fitted, _ = train(optimizer="sgd", learning_rate=1.1, clip_norm=0.0, epochs=1)
    assert fitted.progress.stopped == "all epochs done"
    assert len(fitted.history) == 1
    assert fitted.history[0]["mse"] < divergence.USELESS


def test_a_constant_output_is_no_success() -> None:
    with pytest.warns(KerasnnWarning) as told:
        fitted, _ = train(network=build(constant=True))
    first, second = (str(each.message) for each in told)
    what = "the network predicts the same for all validation rows"
    assert first == f"{what}: training {AGAIN}, 0.005"
    assert second.startswith(f"{what}, at a tenth of the learning rate too: the training failed –")
    assert fitted.progress.stopped == "diverged"


def test_a_second_try_that_is_resumed_ends_with_the_same_bits(tmp_path: Path) -> None:
    with pytest.warns(KerasnnWarning, match=AGAIN):
        whole, network = train(**HOT, batch_size=2)
    with pytest.warns(KerasnnWarning, match=AGAIN):
        cut, _ = train(Spoil(stop=3), folder=tmp_path, **HOT, batch_size=2)
    assert (cut.progress.stopped, cut.progress.epoch) == ("interrupted", 3)
    with pytest.warns(KerasnnWarning, match=AGAIN):
        resumed, other = train(folder=tmp_path, **HOT, batch_size=2)
    assert resumed.resumed_at == 3
    assert resumed.history == whole.history
    assert resumed.progress.notes == whole.progress.notes
    for mine, its in zip(other.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, its)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda rows, out: None, True),
        (lambda rows, out: out.__setitem__((0, 0), 1.0), False),
        (lambda rows, out: rows.target.fill(2.0), False),
        (lambda rows, out: rows.inputs["numbers"].fill(2.0), False),
    ],
)
def test_constant_outputs_count_where_rows_and_targets_differ(
    change: Callable[[Arrays, np.ndarray], None], expected: bool
) -> None:
    rows, outputs = linear_rows(), np.full((32, 1), 0.5, "float32")
    change(rows, outputs)
    assert divergence.is_constant(outputs, rows.target, rows.inputs) is expected


def test_the_loss_of_a_constant() -> None:
    loss = loss_function(TrainingOptions(), Output("regression", 1))
    target = np.array([1, 3, 5, 7], "float32")
    assert divergence.constant_loss(target, loss, 1) == pytest.approx(5)
    assert divergence.constant_loss(np.full(4, 0.0, "float32"), loss, 1) == math.inf
    classes = loss_function(TrainingOptions(), Output("multiclass", 3))
    found = divergence.constant_loss(np.array([0, 1, 2], "int32"), classes, 3)
    assert found == pytest.approx(math.log(3))
