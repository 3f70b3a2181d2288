"""The losses and metrics for a network that is compiled by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from kerasnn import models
from kerasnn.signature import Signature

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(300, 4)).astype("float32")


def fitted(signature: Signature, target: Any, epochs: int = 8) -> keras.Model:
    keras.utils.set_random_seed(0)
    network = models.mlp(signature, width=16, depth=1, dropout=0.0)
    network.compile(
        keras.optimizers.Adam(0.03),
        models.loss(signature),
        metrics=models.metrics(signature),
    )
    network.fit({"numbers": X}, target, epochs=epochs, verbose=0)
    return network


@pytest.mark.parametrize(
    ("signature", "target"),
    [
        (Signature.table(numbers=4, classes=2), (X[:, 0] > 0).astype("int32")),
        (Signature.table(numbers=4, classes=3), (X[:, 0] > 0).astype("int32") + (X[:, 1] > 0)),
        (Signature.table(numbers=4, labels=3), (X[:, :3] > 0).astype("float32")),
    ],
)
def test_classes_are_learned_to_the_accuracy_that_logits_give(
    signature: Signature, target: Any
) -> None:
    network = fitted(signature, target)
    measured = network.evaluate({"numbers": X}, target, verbose=0, return_dict=True)
    scores = network.predict({"numbers": X}, verbose=0)
    guesses = scores.argmax(1) if signature.output.task == "multiclass" else scores > 0
    truth = target[:, None] if signature.output.task == "binary" else target
    assert measured["accuracy"] == pytest.approx((guesses == truth).mean(), abs=1e-6)
    assert measured["accuracy"] > 0.95


def test_two_classes_have_one_logit() -> None:
    signature = Signature.table(numbers=4, classes=2)
    assert models.mlp(signature).output_shape == (None, 1)
    logits, target = np.array([[2.0], [-1.0]], "float32"), np.array([1, 0])
    expected = np.log1p(np.exp([-2.0, -1.0])).mean()
    assert float(models.loss(signature)(target, logits)) == pytest.approx(expected, rel=1e-5)


def test_numbers_have_the_squared_error() -> None:
    signature = Signature.table(numbers=4)
    network = fitted(signature, X[:, 0] - X[:, 1], epochs=15)
    measured = network.evaluate({"numbers": X}, X[:, 0] - X[:, 1], verbose=0, return_dict=True)
    assert measured["rmse"] < 0.3
    assert measured["loss"] == pytest.approx(measured["rmse"] ** 2, rel=1e-4)


def test_members_are_learned_by_their_mean() -> None:
    signature = Signature.table(numbers=4, classes=3)
    network = models.tabm(signature, width=8, depth=1)
    network.compile("adam", models.loss(signature), metrics=models.metrics(signature))
    network.fit({"numbers": X}, np.zeros(300, "int32"), verbose=0)
    assert network.output_shape == (None, 3)


def test_quantiles_have_the_pinball_loss_and_are_saved_with_the_network(tmp_path: Path) -> None:
    signature = Signature.forecast(6, 2, targets=2, quantiles=(0.1, 0.5, 0.9))
    loss = models.loss(signature)
    assert models.metrics(signature) == []
    truth = RANDOM.normal(size=(5, 4)).astype("float32")
    outputs = RANDOM.normal(size=(5, 12)).astype("float32")
    levels = np.array([0.1, 0.5, 0.9])
    error = truth[..., None] - outputs.reshape(5, 4, 3)
    expected = np.maximum(levels * error, (levels - 1) * error).mean()
    assert float(loss(truth, outputs)) == pytest.approx(expected, rel=1e-5)
    network = models.nlinear(signature)
    network.compile("adam", loss)
    past = RANDOM.normal(size=(5, 6, 2)).astype("float32")
    network.fit({"past": past}, truth, verbose=0)
    network.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras")
    assert again.evaluate({"past": past}, truth, verbose=0) == pytest.approx(
        network.evaluate({"past": past}, truth, verbose=0)
    )


def test_a_point_forecast_has_the_squared_error() -> None:
    signature = Signature.forecast(6, 2)
    assert models.loss(signature).name == "mean_squared_error"
    assert [metric.name for metric in models.metrics(signature)] == ["rmse"]


@pytest.mark.parametrize("name", models.names())
def test_docstrings_say_that_scores_are_raw(name: str) -> None:
    assert "raw scores" in (models.get(name).factory.__doc__ or "")
