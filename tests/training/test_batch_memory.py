"""Memory is estimated before it is allocated: smaller steps, or an error that says how much."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest

from kerasnn import models
from kerasnn.errors import KerasnnWarning, ResourceError
from kerasnn.options import TrainingOptions
from kerasnn.runtime import memory
from kerasnn.signature import Output, Signature
from kerasnn.training import batch_memory
from kerasnn.training.checkpoints import Checkpoints
from kerasnn.training.engine import Arrays
from kerasnn.training.fit import FitResult, fit
from kerasnn.training.losses import loss_function
from kerasnn.training.stopping import Monitor

N_WEIGHTS, N_OF_A_ROW = 4, 3 + 1


def build() -> keras.Model:
    keras.utils.set_random_seed(0)
    numbers = keras.Input((3,), name="numbers")
    return keras.Model({"numbers": numbers}, keras.layers.Dense(1)(numbers))


def free_for(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As much memory as the network and a step of so many rows take."""
    needed = 4 * (batch_memory.COPIES_OF_WEIGHTS * N_WEIGHTS + rows * N_OF_A_ROW)
    monkeypatch.setattr(memory, "free_memory", lambda: needed / memory.SHARE)


def train(folder: Path, epochs: int) -> tuple[FitResult, keras.Model]:
    numbers = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
    rows, network = Arrays({"numbers": numbers}, numbers[:, 0]), build()
    training_options = TrainingOptions(
        epochs=epochs, batch_size=16, compile="graph", schedule="constant", warmup=0.0
    )
    fitted = fit(
        network,
        rows,
        rows,
        training_options=training_options,
        row_loss=loss_function(training_options, Output("regression", 1)),
        monitor=Monitor("mse", "lower", lambda outputs: float(np.square(outputs).mean())),
        seed=0,
        checkpoints=Checkpoints(folder),
    )
    return fitted, network


@pytest.mark.parametrize(("rows", "expected"), [(16, 16), (15, 8), (4, 4), (1, 1)])
def test_steps_are_as_large_as_memory_allows(
    rows: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    free_for(rows, monkeypatch)
    assert (
        batch_memory.affordable(build(), TrainingOptions(batch_size=16), 32).batch_size == expected
    )


def test_a_network_too_large_for_a_single_row_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: 0.0)
    with pytest.raises(ResourceError) as caught:
        batch_memory.affordable(build(), TrainingOptions(), 32)
    assert str(caught.value) == (
        "the network and a step of it need about 0 MB of memory and 0 MB can be had – "
        "choose a smaller model, or shorten what it reads"
    )


def test_smaller_steps_are_told_and_kept_on_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free_for(8, monkeypatch)
    note = "a step of 16 rows does not fit into memory: it has 8"
    with pytest.warns(KerasnnWarning, match=note):
        whole, network = train(tmp_path / "whole", 3)
    with pytest.warns(KerasnnWarning, match=note):
        train(tmp_path / "cut", 1)
    # There is more memory now.
    free_for(32, monkeypatch)
    with pytest.warns(KerasnnWarning, match=note):
        resumed, other = train(tmp_path / "cut", 3)
    assert (resumed.resumed_at, resumed.progress.batch_size) == (1, 8)
    assert resumed.history == whole.history
    assert resumed.progress.notes == whole.progress.notes == (note,)
    for mine, its in zip(other.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, its)


@pytest.mark.parametrize(
    ("signature", "told"),
    [
        (Signature.table(numbers=500, classes=2), "4[.]0 GB"),
        (Signature.time_series(2000, 3, classes=2), "48[.]0 GB"),
        (Signature.text(512, 1000, classes=2), "4[.]1 GB"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(
    signature: Signature, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: 4e9)
    batch_memory.require_inputs(signature, 1_000)
    with pytest.raises(ResourceError, match=rf"^the inputs of 1,000,000 rows need about {told} of"):
        batch_memory.require_inputs(signature, 1_000_000)


def test_weights_are_counted_before_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    signature = Signature.table(numbers=4, classes=2)
    before = memory.free_memory()
    values = {"width": 65_536, "depth": 2}
    monkeypatch.setattr(memory, "free_memory", lambda: 4e9)
    with pytest.raises(
        ResourceError, match=r"^the weights of the network need about 1\d\d[.]\d GB"
    ):
        batch_memory.require_weights(
            partial(models.build, "mlp", signature, **values), signature, values
        )
    monkeypatch.undo()
    assert memory.free_memory() > before - 4e9
