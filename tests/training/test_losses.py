"""Losses against NumPy, SciPy and scikit-learn."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special
from sklearn import metrics

from kerasnn.errors import ConfigError
from kerasnn.options import TrainingOptions
from kerasnn.signature import Output
from kerasnn.training.losses import loss_function, probabilities

BINARY, THREE, NUMBER = Output("binary", 1), Output("multiclass", 3), Output("regression", 1)
RANDOM = np.random.default_rng(0)
LOGITS = {
    "binary": RANDOM.normal(0, 3, (20, 1)).astype("float32"),
    "multiclass": RANDOM.normal(0, 3, (20, 3)).astype("float32"),
}
CODES = {
    "binary": RANDOM.integers(0, 2, 20).astype("int32"),
    "multiclass": np.arange(20, dtype="int32") % 3,
}
VALUES = RANDOM.normal(0, 2, 20).astype("float32")
GUESSES = RANDOM.normal(0, 2, (20, 1)).astype("float32")


def losses(
    target: np.ndarray, outputs: np.ndarray, output: Output, **options: object
) -> np.ndarray:
    row_loss = loss_function(TrainingOptions(**options), output)
    return np.asarray(row_loss(tf.constant(target), tf.constant(outputs)))


def log_probabilities(logits: np.ndarray) -> np.ndarray:
    """In float64, (n, classes)."""
    wide = logits.astype("float64")
    if wide.shape[1] == 1:
        wide = np.hstack([np.zeros_like(wide), wide])
    return special.log_softmax(wide, axis=1)


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("auto", metrics.mean_squared_error),
        ("mse", metrics.mean_squared_error),
        ("mae", metrics.mean_absolute_error),
    ],
)
def test_distances(name: str, reference: object) -> None:
    found = losses(VALUES, GUESSES, NUMBER, loss=name)
    assert found.shape == (20,)
    assert found.mean() == pytest.approx(reference(VALUES, GUESSES[:, 0]), rel=1e-6)


@pytest.mark.parametrize("delta", [0.5, 1.0, 3.0])
def test_huber(delta: float) -> None:
    found = losses(VALUES, GUESSES, NUMBER, loss="huber", huber_delta=delta)
    np.testing.assert_allclose(found, special.huber(delta, VALUES - GUESSES[:, 0]), rtol=1e-5)


@pytest.mark.parametrize("output", [BINARY, THREE])
@pytest.mark.parametrize("name", ["auto", "crossentropy"])
def test_cross_entropy(output: Output, name: str) -> None:
    codes, logits = CODES[output.task], LOGITS[output.task]
    likely = np.exp(log_probabilities(logits))
    found = losses(codes, logits, output, loss=name)
    assert found.shape == (20,)
    assert found.mean() == pytest.approx(metrics.log_loss(codes, likely), rel=1e-5)


@pytest.mark.parametrize("output", [BINARY, THREE])
@pytest.mark.parametrize("smoothing", [0.1, 0.5])
def test_label_smoothing(output: Output, smoothing: float) -> None:
    codes, logits = CODES[output.task], LOGITS[output.task]
    log_p = log_probabilities(logits)
    classes = log_p.shape[1]
    truth = np.eye(classes)[codes] * (1 - smoothing) + smoothing / classes
    found = losses(codes, logits, output, label_smoothing=smoothing)
    np.testing.assert_allclose(found, -(truth * log_p).sum(axis=1), rtol=1e-5)


@pytest.mark.parametrize("output", [BINARY, THREE])
@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal(output: Output, gamma: float) -> None:
    codes, logits = CODES[output.task], LOGITS[output.task]
    log_p = log_probabilities(logits)[np.arange(20), codes]
    found = losses(codes, logits, output, loss="focal", focal_gamma=gamma)
    np.testing.assert_allclose(found, -((1 - np.exp(log_p)) ** gamma) * log_p, rtol=2e-4, atol=1e-7)


@pytest.mark.parametrize("output", [BINARY, THREE])
def test_focal_without_focus_is_cross_entropy(output: Output) -> None:
    codes, logits = CODES[output.task], LOGITS[output.task]
    np.testing.assert_array_equal(
        losses(codes, logits, output, loss="focal", focal_gamma=0.0),
        losses(codes, logits, output, loss="crossentropy"),
    )


@pytest.mark.parametrize("output", [BINARY, THREE])
@pytest.mark.parametrize("name", ["mse", "mae", "huber"])
def test_distances_of_classes_are_between_probabilities(output: Output, name: str) -> None:
    codes, logits = CODES[output.task], LOGITS[output.task]
    likely = np.exp(log_probabilities(logits))
    error = np.eye(likely.shape[1])[codes] - likely
    expected = {"mse": error**2, "mae": abs(error), "huber": special.huber(1.0, error)}[name]
    np.testing.assert_allclose(
        losses(codes, logits, output, loss=name), expected.sum(axis=1), rtol=1e-4, atol=1e-7
    )


def test_squares_of_two_classes_are_twice_the_brier_score() -> None:
    codes, logits = CODES["binary"], LOGITS["binary"]
    found = losses(codes, logits, BINARY, loss="mse").mean()
    brier = metrics.brier_score_loss(codes, special.expit(logits[:, 0]))
    assert found == pytest.approx(2 * brier, rel=1e-5)


@pytest.mark.parametrize("name", ["crossentropy", "focal"])
@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_extreme_logits_have_exact_losses_and_finite_gradients(name: str, gamma: float) -> None:
    outputs = tf.constant([[1e4], [-1e4], [80.0], [0.0]])
    row_loss = loss_function(TrainingOptions(loss=name, focal_gamma=gamma), BINARY)
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        found = row_loss(tf.constant([0, 0, 1, 1]), outputs)
    np.testing.assert_allclose(found[0], 1e4)
    np.testing.assert_allclose(found[1:3], 0, atol=1e-6)
    assert np.isfinite(tape.gradient(found, outputs)).all()


@pytest.mark.parametrize("output", [BINARY, THREE])
def test_probabilities(output: Output) -> None:
    logits = LOGITS[output.task]
    expected = np.exp(log_probabilities(logits))
    np.testing.assert_allclose(probabilities(tf.constant(logits)), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["crossentropy", "focal"])
def test_losses_of_classes_refuse_regression(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loss_function(TrainingOptions(loss=name), NUMBER)
    assert str(caught.value) == (
        f"loss '{name}' is for classes and the task is regression – choose mse, mae or huber"
    )


def test_several_outputs_of_a_regression_are_averaged() -> None:
    target = RANDOM.normal(size=(4, 2)).astype("float32")
    outputs = keras.ops.zeros((4, 2))
    found = loss_function(TrainingOptions(), Output("regression", 2))(tf.constant(target), outputs)
    np.testing.assert_allclose(found, (target**2).mean(axis=1), rtol=1e-6)


LABELS = Output("multilabel", 3)
SETS = RANDOM.integers(0, 2, (20, 3)).astype("float32")


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_each_label_is_judged_on_its_own(smoothing: float, gamma: float) -> None:
    logits = LOGITS["multiclass"].astype("float64")
    truth, likely = SETS * (1 - smoothing) + smoothing / 2, special.expit(logits)
    log_p, log_q = special.log_expit(logits), special.log_expit(-logits)
    each = truth * (1 - likely) ** gamma * log_p + (1 - truth) * likely**gamma * log_q
    found = losses(
        SETS,
        LOGITS["multiclass"],
        LABELS,
        loss="focal" if gamma else "auto",
        focal_gamma=gamma,
        label_smoothing=smoothing,
    )
    np.testing.assert_allclose(found, -each.mean(axis=1), rtol=2e-4, atol=1e-7)


def test_the_loss_of_labels_is_that_of_scikit_learn_and_linear_in_the_target() -> None:
    logits = LOGITS["multiclass"]
    found = losses(SETS, logits, LABELS, loss="crossentropy")
    likely = special.expit(logits.astype("float64"))
    expected = metrics.log_loss(SETS.ravel(), likely.ravel())
    assert found.mean() == pytest.approx(expected, rel=1e-5)
    # So a mixture of two rows costs the mixture of their losses.
    mixed = losses(0.3 * SETS + 0.7 * SETS[::-1], logits, LABELS)
    other = losses(SETS[::-1].copy(), logits, LABELS)
    np.testing.assert_allclose(mixed, 0.3 * found + 0.7 * other, rtol=1e-4)


@pytest.mark.parametrize("name", ["mse", "mae", "huber"])
def test_distances_of_labels_are_between_probabilities(name: str) -> None:
    error = SETS - special.expit(LOGITS["multiclass"].astype("float64"))
    expected = {"mse": error**2, "mae": abs(error), "huber": special.huber(1.0, error)}[name]
    found = losses(SETS, LOGITS["multiclass"], LABELS, loss=name)
    np.testing.assert_allclose(found, expected.mean(axis=1), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_extreme_logits_of_labels(gamma: float) -> None:
    outputs = tf.constant([[1e4, -1e4, 0.0], [-1e4, 1e4, 80.0]])
    row_loss = loss_function(TrainingOptions(loss="focal", focal_gamma=gamma), LABELS)
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        found = row_loss(tf.constant([[0.0, 1.0, 1.0], [0.0, 1.0, 1.0]]), outputs)
    np.testing.assert_allclose(found[0], 2e4 / 3, rtol=1e-3)
    np.testing.assert_allclose(found[1], 0, atol=1e-6)
    assert np.isfinite(tape.gradient(found, outputs)).all()
