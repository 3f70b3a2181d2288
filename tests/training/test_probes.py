"""Probes: what they record, and that a training does not notice them."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from kerasnn import models
from kerasnn.options import TrainingOptions
from kerasnn.signature import Output, Signature
from kerasnn.training.engine import Arrays, Engine
from kerasnn.training.fit import fit
from kerasnn.training.losses import loss_function
from kerasnn.training.probes import BINS, MAX_EPOCHS, Distribution, Probes
from kerasnn.training.stopping import Monitor

ROWS = 40
SIGNATURE = Signature.table(numbers=3, categories=[(5, 2)], classes=3)


def inputs() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    return {
        "numbers": generator.normal(size=(ROWS, 3)).astype("float32"),
        "categories": generator.integers(0, 5, (ROWS, 1)).astype("int32"),
    }


def target() -> np.ndarray:
    return (np.arange(ROWS) % 3).astype("int32")


def network() -> keras.Model:
    keras.utils.set_random_seed(1)
    return models.build(
        "mlp", SIGNATURE, width=4, depth=2, normalization="batch", activation="relu", dropout=0.3
    )


def watch(probes: Probes, model: keras.Model, epochs: range) -> None:
    engine: Any = SimpleNamespace(network=model)
    for epoch in epochs:
        probes.on_steps(epoch - 1, 1, 1)
        probes.on_epoch({"epoch": epoch}, engine)


def mean_square() -> Any:
    return loss_function(TrainingOptions(), Output("regression", 1))


def layer(probes: Probes, name: str) -> dict[str, Any]:
    return next(each for each in probes.to_dict()["layers"] if each["name"] == name)


def test_distribution_is_numpys() -> None:
    values = np.array([[-1.0, 0.0, np.nan], [0.0, 3.0, np.inf]])
    finite = np.array([-1.0, 0.0, 0.0, 3.0])
    found = Distribution.of(values)
    assert list(found.counts) == np.histogram(finite, bins=BINS)[0].tolist()
    assert (found.low, found.high, found.zeros) == (-1.0, 3.0, 0.5)
    assert found.mean == pytest.approx(finite.mean())
    assert found.deviation == pytest.approx(finite.std(), rel=1e-5)
    assert Distribution.of(np.array([np.nan])).counts == (0,) * BINS


def test_gradient_norm_of_a_linear_network_is_numpys() -> None:
    x, y = inputs()["numbers"], np.linspace(-1, 1, ROWS).astype("float32")
    entrance = keras.Input((3,), name="numbers")
    model = keras.Model({"numbers": entrance}, keras.layers.Dense(1, name="head")(entrance))
    probes = Probes({"numbers": x}, y, mean_square())
    watch(probes, model, range(1, 2))
    kernel, bias = (np.asarray(v.value, np.float64) for v in model.weights)
    error = 2 * ((x.astype(np.float64) @ kernel + bias)[:, 0] - y) / ROWS
    expected = np.sqrt(np.square(x.T @ error).sum() + error.sum() ** 2)
    head = layer(probes, "head")
    assert head["gradient_norm"] == [pytest.approx(expected, rel=1e-4)]
    assert head["weights"][0]["mean"] == pytest.approx(kernel.mean(), rel=1e-4)
    returned = x @ kernel + bias
    assert head["activations"][0]["mean"] == pytest.approx(returned.mean(), rel=1e-4)
    counts = head["activations"][0]["counts"]
    assert list(counts) == np.histogram(np.float32(returned), BINS)[0].tolist()


def test_gradient_norm_of_an_embedding_adds_up_its_rows() -> None:
    codes = np.array([[0], [1], [1], [1]], dtype="int32")
    y = np.array([1.0, 2.0, -1.0, 0.5], dtype="float32")
    entrance = keras.Input((1,), dtype="int32", name="categories")
    table = keras.layers.Embedding(2, 1, name="table")
    outputs = keras.layers.Flatten()(table(entrance))
    model = keras.Model({"categories": entrance}, outputs)
    probes = Probes({"categories": codes}, y, mean_square())
    watch(probes, model, range(1, 2))
    values = np.asarray(table.embeddings.value, np.float64)[:, 0]
    error = 2 * (values[codes[:, 0]] - y) / len(y)
    expected = np.linalg.norm([error[codes[:, 0] == code].sum() for code in (0, 1)])
    assert layer(probes, "table")["gradient_norm"] == [pytest.approx(expected, rel=1e-4)]


def test_share_of_zeros_of_an_activation_is_numpys() -> None:
    model = network()
    probes = Probes(inputs(), target(), loss_function(TrainingOptions(), SIGNATURE.output))
    watch(probes, model, range(1, 2))
    (first, *_) = [each for each in model.layers if isinstance(each, keras.layers.Activation)]
    returned = np.asarray(keras.Model(model.input, first.output)(inputs(), training=False))
    found = layer(probes, first.name)
    assert found["activations"][0]["zeros"] == pytest.approx(np.mean(returned == 0))
    assert found["weights"] == found["gradient_norm"] == []


def test_every_layer_with_weights_is_there() -> None:
    model = network()
    probes = Probes(inputs(), target(), loss_function(TrainingOptions(), SIGNATURE.output))
    watch(probes, model, range(1, 3))
    data = json.loads(json.dumps(probes.to_dict(), allow_nan=False))
    weighty = [each.name for each in model.layers if each.weights]
    assert [each["name"] for each in data["layers"] if each["weights"]] == weighty
    assert data["epochs"] == [1, 2]
    assert all(len(each["activations"]) == 2 for each in data["layers"])


def test_no_variable_changes() -> None:
    arrays, model = Arrays(inputs(), target()), network()
    row_loss = loss_function(TrainingOptions(), SIGNATURE.output)
    engine = Engine(
        model,
        arrays,
        training_options=TrainingOptions(learning_rate=0.01, epochs=1),
        row_loss=row_loss,
        seed=0,
    )
    before = engine.read_state()
    Probes(inputs(), target(), row_loss).on_epoch({"epoch": 1}, engine)
    after = engine.read_state()
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_a_run_with_probes_ends_with_the_bits_of_one_without() -> None:
    training_options = TrainingOptions(epochs=3, learning_rate=0.01, batch_size=8)
    row_loss = loss_function(training_options, SIGNATURE.output)
    monitor = Monitor("validation_size", "lower", lambda outputs: float(np.abs(outputs).mean()))
    ends = []
    for callbacks in ((), (Probes(inputs(), target(), row_loss),)):
        model, rows = network(), Arrays(inputs(), target())
        fitted = fit(
            model,
            rows,
            rows,
            training_options=training_options,
            row_loss=row_loss,
            monitor=monitor,
            seed=3,
            callbacks=callbacks,
        )
        ends.append((fitted.history, [np.asarray(v.value) for v in model.variables]))
    (history, plain), (watched_history, watched) = ends
    assert history == watched_history
    assert all(np.array_equal(a, b) for a, b in zip(plain, watched, strict=True))


def test_epochs_are_thinned_evenly() -> None:
    entrance = keras.Input((3,), name="numbers")
    model = keras.Model({"numbers": entrance}, keras.layers.Dense(1)(entrance))
    y = np.zeros(ROWS, "float32")
    probes = Probes({"numbers": inputs()["numbers"]}, y, mean_square(), clock=lambda: 0.0)
    watch(probes, model, range(1, 101))
    data = probes.to_dict()
    assert data["epochs"] == list(range(1, 101, 8))
    assert len(data["epochs"]) <= MAX_EPOCHS
    assert len(data["layers"][0]["weights"]) == len(data["epochs"])
    assert len(data["layers"][0]["gradient_norm"]) == len(data["epochs"])


class Clock:
    """One more second each time it is looked at."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        self.seconds += 1.0
        return self.seconds


def test_costly_probes_are_left_out() -> None:
    entrance = keras.Input((3,), name="numbers")
    model = keras.Model({"numbers": entrance}, keras.layers.Dense(1)(entrance))
    y, clock = np.zeros(ROWS, "float32"), Clock()
    probes = Probes({"numbers": inputs()["numbers"]}, y, mean_square(), clock=clock)
    watch(probes, model, range(1, 8))
    # The first compiles and is not counted; the second shows that one takes a second.
    assert probes.to_dict()["epochs"] == [1, 2]
    clock.seconds += 60
    watch(probes, model, range(8, 9))
    assert probes.to_dict()["epochs"] == [1, 2, 8]
