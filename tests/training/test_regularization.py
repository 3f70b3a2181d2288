"""Dropout and weight decay that change over a run, and members that each have a loss."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit, log_softmax, logsumexp

from kerasnn.layers.members import MEMBERS, mean_scores, member_model, members_output
from kerasnn.options import TrainingOptions
from kerasnn.signature import Output, Signature
from kerasnn.training.engine import Arrays, Engine
from kerasnn.training.losses import loss_function, over_members
from kerasnn.training.optimizers import build_optimizer
from kerasnn.training.regularization import regularized


@pytest.mark.parametrize(("share", "zeros"), [(1.0, 0.5), (0.5, 0.25), (0.0, 0.0)])
def test_a_share_of_the_dropout(share: float, zeros: float) -> None:
    inputs = keras.Input((100,))
    network = keras.Model(inputs, keras.layers.Dropout(0.5, seed=3)(inputs))

    @tf.function
    def run(x: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
        with regularized(network, None_(), share):
            return network(x, training=True)

    found = run(tf.ones((200, 100)), tf.constant(share)).numpy()
    assert (found == 0).mean() == pytest.approx(zeros, abs=0.01)
    assert found.mean() == pytest.approx(1, abs=0.02)
    assert (network(np.ones((2, 100)), training=True).numpy() == 0).any(), "it is put back"


class None_:  # noqa: N801
    """Stands for an optimizer that has no decay."""

    decay_share = 1.0


def test_a_share_of_the_decay_and_own_factors() -> None:
    layer = keras.layers.Dense(2)
    layer.build((None, 3))
    layer.kernel.assign(np.ones((3, 2)))
    layer.bias.assign(np.ones(2))
    layer.bias.weight_decay_factor = 4.0
    training_options = TrainingOptions(
        optimizer="adam", learning_rate=0.1, weight_decay=0.5, clip_norm=0.0
    )
    optimizer = build_optimizer(training_options, layer.trainable_variables)
    optimizer.decay_share = 0.5
    nothing = [tf.zeros((3, 2)), tf.zeros(2)]
    optimizer.apply(nothing, layer.trainable_variables)
    np.testing.assert_allclose(layer.kernel, np.full((3, 2), 1 - 0.1 * 0.5 * 0.5), rtol=1e-6)
    np.testing.assert_allclose(layer.bias, np.full(2, 1 - 0.1 * 0.5 * 0.5 * 4), rtol=1e-6)


def test_adam_takes_a_factor_for_each_number() -> None:
    fast, slow = (keras.Variable(np.ones((2, 2)), name="kernel") for _ in range(2))
    fast.learning_rate_factor = np.array([[1.0], [6.0]], "float32")
    training_options = TrainingOptions(
        optimizer="adam", learning_rate=0.1, weight_decay=0.0, clip_norm=0.0
    )
    optimizer = build_optimizer(training_options, [fast, slow])
    optimizer.apply([tf.ones((2, 2))] * 2, [fast, slow])
    step = 1 - slow.numpy()
    np.testing.assert_allclose(1 - fast.numpy(), step * [[1], [6]], rtol=1e-5)


def test_regularization_over_a_run_comes_to_nothing_at_its_end() -> None:
    """With a share of 0, a network with dropout learns as one without."""

    def after(dropout: float, share: float, regularization: str) -> np.ndarray:
        keras.utils.set_random_seed(0)
        inputs = {"numbers": keras.Input((3,), name="numbers")}
        hidden = keras.layers.Dropout(dropout)(inputs["numbers"]) if dropout else inputs["numbers"]
        kernel = keras.initializers.Constant(0.5)
        network = keras.Model(inputs, keras.layers.Dense(1, kernel_initializer=kernel)(hidden))
        x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
        training_options = TrainingOptions(
            regularization=regularization, compile="graph", batch_size=16
        )  # type: ignore[arg-type]
        loss = loss_function(training_options, Output("regression", 1))
        engine = Engine(
            network,
            Arrays({"numbers": x}, x.sum(1)),
            training_options=training_options,
            row_loss=loss,
            seed=0,
        )
        engine.run_epoch(0, np.full(4, 0.1, "float32"), np.full(4, share, "float32"))
        return np.asarray(network.trainable_variables[0])

    plain = after(0.0, 0.0, "flat_cos")
    np.testing.assert_allclose(after(0.5, 0.0, "flat_cos"), plain, rtol=1e-5)
    assert np.abs(after(0.5, 1.0, "flat_cos") - plain).max() > 1e-3
    assert np.abs(after(0.0, 1.0, "flat_cos") - plain).max() > 1e-6


SCORES = np.random.default_rng(0).normal(0, 3, (5, 4, 3)).astype("float32")


def test_mean_scores() -> None:
    regression = mean_scores(tf.constant(SCORES), Output("regression", 3)).numpy()
    np.testing.assert_allclose(regression, SCORES.mean(1), rtol=1e-5, atol=1e-6)
    several = mean_scores(tf.constant(SCORES), Output("multiclass", 3)).numpy()
    expected = logsumexp(log_softmax(SCORES, -1), axis=1) - np.log(4)
    np.testing.assert_allclose(several, expected, rtol=1e-4, atol=1e-5)
    binary = mean_scores(tf.constant(SCORES[..., :1]), Output("binary", 1)).numpy()
    np.testing.assert_allclose(expit(binary), expit(SCORES[..., :1]).mean(1), rtol=1e-5)


def test_members_are_trained_each_on_its_own() -> None:
    signature = Signature.table(numbers=3, classes=3)
    inputs = {"numbers": keras.Input((3,), name="numbers")}
    scores = keras.layers.Reshape((4, 3))(keras.layers.Dense(12)(inputs["numbers"]))
    network = keras.Model(inputs, members_output(scores, signature))
    assert member_model(network).output_shape == (None, 4, 3)
    assert member_model(network).trainable_variables == network.trainable_variables
    assert network.get_layer(MEMBERS).output.shape == (None, 4, 3)
    row_loss = loss_function(TrainingOptions(), signature.output)
    truth = np.array([0, 2, 1, 1, 0], "int32")
    found = over_members(row_loss)(tf.constant(truth), tf.constant(SCORES)).numpy()
    logs = log_softmax(SCORES, -1)
    expected = [-logs[i, :, code].mean() for i, code in enumerate(truth)]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
