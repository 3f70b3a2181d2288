"""TabPack: perceptrons against NumPy, what is drawn for each, and how they are weighed."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit, log_softmax, softmax

import kerasnn
from kerasnn import models
from kerasnn.errors import ConfigError
from kerasnn.layers.members import MEMBER_WEIGHTS, MEMBERS, mean_scores, member_model, weigh_members
from kerasnn.layers.packs import pack_dropout
from kerasnn.models.tabular.tabpack import SHARED_RATE
from kerasnn.signature import Output, Signature
from kerasnn.training.optimizers import build_optimizer

PACK = 7
SIGNATURES = {
    "regression": Signature.table(numbers=3),
    "binary": Signature.table(numbers=3, classes=2),
    "multiclass": Signature.table(numbers=3, classes=4),
    "multilabel": Signature.table(numbers=3, labels=4),
}
X = np.random.default_rng(0).normal(size=(60, 3)).astype("float32")


def build(task: str = "regression", **values: Any) -> keras.Model:
    keras.utils.set_random_seed(0)
    return models.build("tabpack", SIGNATURES[task], **{"n_members": PACK, "width": 5, **values})


def target_of(task: str) -> np.ndarray:
    """As the preprocessing has it."""
    if task == "regression":
        return X.sum(axis=1)
    if task == "binary":
        return (X[:, 0] > 0).astype("int32")
    if task == "multiclass":
        return ((X[:, 0] > 0) + 2 * (X[:, 1] > 0)).astype("int32")
    return (np.column_stack([X, X[:, 0] + X[:, 1]]) > 0).astype("float32")


def loss(outputs: np.ndarray, target: np.ndarray, task: str) -> float:
    if task == "regression":
        return float(((outputs[:, 0] - target) ** 2).mean())
    if task == "multiclass":
        return float(-log_softmax(outputs, -1)[np.arange(len(target)), target].mean())
    likely = expit(outputs)
    target = target.reshape(likely.shape)
    return float(-np.log(np.where(target == 1, likely, 1 - likely)).mean())


@pytest.mark.parametrize(
    ("depth", "depths"), [(1, [1] * 7), (3, [3, 3, 3, 2, 2, 1, 1]), (9, [9, 8, 7, 6, 4, 3, 2])]
)
def test_each_member_is_a_perceptron(depth: int, depths: list[int]) -> None:
    network = build(depth=depth)
    found = member_model(network)({"numbers": X}, training=False).numpy()
    for member, layers in enumerate(depths):
        x = X
        for i in range(layers):
            kernel, bias = network.get_layer(f"hidden_{i + 1}").get_weights()
            x = np.maximum(x @ kernel[member] + bias[member], 0)
        # A vector and a number of each member, as there is one output.
        kernel, bias = network.get_layer("output").get_weights()
        expected = x @ kernel[member] + bias[member]
        np.testing.assert_allclose(found[:, member, 0], expected, rtol=1e-4, atol=1e-5)


def test_members_start_within_the_bound_of_their_inputs() -> None:
    network = build(width=64, depth=2)
    for name, inputs in (("hidden_1", 3), ("hidden_2", 64), ("output", 64)):
        for values in network.get_layer(name).get_weights():
            largest = np.abs(values).max()
            assert 0.7 / np.sqrt(inputs) < largest <= 1 / np.sqrt(inputs)


def test_hyperparameters_are_drawn_for_each_member() -> None:
    network = build(n_members=200, width=2)
    layer = network.get_layer("output")
    training_options = models.get("tabpack").training_options
    rates = training_options.learning_rate * layer.kernel.learning_rate_factor[:, 0]
    lowest, highest = (
        training_options.learning_rate / 50**0.5,
        training_options.learning_rate * 50**0.5,
    )
    assert lowest < rates.min() < 1.2 * lowest
    assert 0.8 * highest < rates.max() < highest
    # An optimizer multiplies a decay by the recipe's learning rate, not by the member's.
    decays = training_options.weight_decay * layer.kernel.weight_decay_factor[:, 0]
    decays *= training_options.learning_rate / rates
    assert 0.8e-3 < decays.min() < 2e-3
    assert 0.5 < decays.max() < 1.1
    assert abs(np.corrcoef(np.log(rates), np.log(decays))[0, 1]) < 0.2
    assert np.array_equal(layer.bias.learning_rate_factor, layer.kernel.learning_rate_factor[:, 0])
    first = network.get_layer("hidden_3")
    count = first.kernel.shape[0]
    assert count < 200
    np.testing.assert_array_equal(
        first.kernel.learning_rate_factor[..., 0], layer.kernel.learning_rate_factor[:count]
    )


def test_the_draw_is_a_hyperparameter() -> None:
    def rates(draw: int, seed: int) -> np.ndarray:
        keras.utils.set_random_seed(seed)
        network = models.build("tabpack", SIGNATURES["regression"], n_members=3, width=2, draw=draw)
        return np.asarray(network.get_layer("output").kernel.learning_rate_factor)

    assert np.array_equal(rates(0, 1), rates(0, 2))
    assert not np.array_equal(rates(0, 1), rates(1, 1))


def test_dropout_has_a_rate_for_each_member() -> None:
    rates = [0.0, 0.1, 0.5, 0.9]
    inputs = keras.Input((4, 500))
    network = keras.Model(inputs, pack_dropout(inputs, rates, name="dropout"))
    x = np.random.default_rng(0).uniform(1, 2, (40, 4, 500)).astype("float32")
    np.testing.assert_array_equal(network(x, training=False), x)
    dropped = np.asarray(network(x, training=True))
    shares = (dropped == 0).mean(axis=(0, 2))
    np.testing.assert_allclose(shares, rates, atol=0.01)
    kept = np.where(dropped == 0, np.nan, dropped / x)
    scale = np.broadcast_to(1 / (1 - np.array(rates))[:, None], x.shape)
    np.testing.assert_allclose(kept[dropped != 0], scale[dropped != 0], rtol=1e-5)
    # No row and no unit goes with another.
    assert (dropped[:, 2] == 0).mean(axis=1).min() > 0.4
    assert (dropped[:, 2] == 0).mean(axis=0).min() > 0.1
    assert not np.array_equal(dropped, network(x, training=True))


def test_half_of_the_members_drop_nothing() -> None:
    network = build(n_members=200, width=50, depth=1, dropout=0.5)
    outputs = keras.Model(network.input, network.get_layer("output").input)
    sums = [np.asarray(outputs({"numbers": X}, training=t)) for t in (True, False)]
    same = (sums[0] == sums[1]).all(axis=(0, 2)).mean()
    assert 0.4 < same < 0.6
    assert not [each for each in build(dropout=0.0).layers if "dropout" in each.name]


def test_what_members_share_learns_at_one_rate() -> None:
    signature = Signature.table(numbers=2, categories=(4, (7, 2)))
    network = models.build("tabpack", signature, n_members=2, width=2)
    (table,) = [v for v in network.trainable_variables if v.name == "embeddings"]
    assert table.learning_rate_factor == SHARED_RATE
    kernels = [v for v in network.trainable_variables if v.name == "kernel"]
    assert all(np.shape(v.learning_rate_factor)[1:] in {(1,), (1, 1)} for v in kernels)


def test_hidden_kernels_of_all_members_are_matrices_to_muon() -> None:
    network = build()
    variables = network.trainable_variables
    optimizer = build_optimizer(models.get("tabpack").training_options, variables)
    plain = [v.path for v, s in zip(variables, optimizer.adam_velocities, strict=True) if s is None]
    assert plain == [f"hidden_{i}/kernel" for i in (1, 2, 3)]
    assert MEMBER_WEIGHTS not in " ".join(v.path for v in variables)


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass", "multilabel"])
def test_a_mean_with_weights(task: str) -> None:
    width = SIGNATURES[task].output.width
    scores = np.random.default_rng(0).normal(0, 3, (5, 4, width)).astype("float32")
    weights = np.array([0.5, 0.0, 0.2, 0.3], "float32")
    shares = tf.constant(np.broadcast_to(weights[:, None], (5, 4, 1)))
    found = mean_scores(tf.constant(scores), Output(task, width), shares).numpy()  # type: ignore[arg-type]
    if task == "regression":
        expected, got = np.einsum("bko,k->bo", scores, weights), found
    elif task == "multiclass":
        expected, got = np.einsum("bko,k->bo", softmax(scores, -1), weights), softmax(found, -1)
    else:
        expected, got = np.einsum("bko,k->bo", expit(scores), weights), expit(found)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("task", sorted(SIGNATURES))
def test_members_are_weighed_by_the_validation_rows(task: str) -> None:
    network, target = build(task), target_of(task)
    members = member_model(network)({"numbers": X}, training=False).numpy()
    equal = network({"numbers": X}, training=False).numpy()
    np.testing.assert_allclose(network.get_layer(MEMBER_WEIGHTS).get_weights()[0], 1 / PACK)
    models.get("tabpack").conclude(network, {"numbers": X}, target)
    (weights,) = network.get_layer(MEMBER_WEIGHTS).get_weights()
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()
    assert (weights == 0).any()
    after = loss(network({"numbers": X}, training=False).numpy(), target, task)
    alone = [loss(members[:, i], target, task) for i in range(PACK)]
    assert after <= min(alone) + 1e-6
    assert after < loss(equal, target, task)
    # The members themselves are what they were.
    np.testing.assert_array_equal(member_model(network)({"numbers": X}, training=False), members)


def test_weights_survive_a_file(tmp_path: Any) -> None:
    network = build()
    weigh_members(network, np.array([1, 0, 0, 0, 0, 0, 0], "float32"))
    network.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    expected = member_model(network)({"numbers": X}, training=False)[:, 0]
    np.testing.assert_allclose(loaded({"numbers": X}, training=False), expected, rtol=1e-6)
    assert loaded.get_layer(MEMBERS).output.shape == (None, PACK, 1)


def test_learns_and_gives_the_same_bits_again() -> None:
    def predicted() -> np.ndarray:
        sizes = {"n_members": 4, "width": 8}
        model = kerasnn.Regressor("tabpack", hyperparameters=sizes, epochs=20, random_state=0)
        return np.asarray(model.fit(X, X.sum(axis=1)).predict(X))

    first = predicted()
    np.testing.assert_array_equal(first, predicted())
    assert np.corrcoef(first, X.sum(axis=1))[0, 1] > 0.5


@pytest.mark.parametrize("wrong", [{"n_members": 0}, {"draw": -1}, {"dropout": 1.0}, {"depth": 0}])
def test_wrong_sizes_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        build(**wrong)
