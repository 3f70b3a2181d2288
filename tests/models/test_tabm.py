"""TabM against its formulas in NumPy, its first weights, its members, and cheap dropout."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from kerasnn import layers, models
from kerasnn.layers.members import member_model
from kerasnn.layers.tables import table_widths
from kerasnn.options import TrainingOptions
from kerasnn.signature import Numbers, Output, Signature
from kerasnn.training.engine import Arrays, Engine
from kerasnn.training.losses import loss_function
from kerasnn.training.noise import hashed_uniform

NAMES = ("tabm", "tabm_mini")
TABLE = Signature.table(numbers=2, categories=(4, (9, 3), 3, (5, 2)), classes=3)
EMBEDDED = Numbers(("one", "two"), "piecewise_linear", 4, ((-1.0, 0.0, 1.0), (0.0, 0.5)))
SMALL = {"n_members": 5, "width": 6, "depth": 2, "dropout": 0.0}
# Columns of the table's features: numbers, one-hot, then embeddings of width 2 and of 3.
CHUNKS = [1, 1, 3, 2, 2, 3]


def build(name: str, signature: Signature = TABLE, *, seed: int = 1, **values: Any) -> keras.Model:
    keras.utils.set_random_seed(seed)
    return models.build(name, signature, **{**SMALL, **values})


def plain(values: Any) -> NDArray[Any]:
    result: NDArray[Any] = keras.ops.convert_to_numpy(values)
    return result


def shaken(network: keras.Model) -> dict[str, NDArray[np.float32]]:
    """Give every weight other values, so that none is at a start that hides it; they by path."""
    generator = np.random.default_rng(0)
    for weight in network.weights:
        weight.assign(weight + generator.normal(size=weight.shape, scale=0.3))
    return {weight.path: np.array(plain(weight)) for weight in network.weights}


def rows(count: int = 7) -> dict[str, NDArray[Any]]:
    generator = np.random.default_rng(1)
    codes = [generator.integers(0, size, count) for size in (4, 9, 3, 5)]
    return {
        "numbers": generator.normal(size=(count, 2)).astype("float32"),
        "categories": np.stack(codes, axis=1).astype("int32"),
    }


def features(network: keras.Model, inputs: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
    encoded = keras.Model(network.inputs, network.get_layer("features").output)
    return plain(encoded(inputs))


def own(weights: dict[str, NDArray[np.float32]], name: str) -> NDArray[np.float32]:
    return weights[f"{name}/embeddings"]


def heads(x: NDArray[Any], weights: dict[str, NDArray[Any]]) -> NDArray[Any]:
    scores: NDArray[Any] = np.einsum("bkd,kdo->bko", x, weights["output/kernel"])
    return scores + weights["output/bias"]


def test_tabm_is_its_formula() -> None:
    network = build("tabm")
    weights, inputs = shaken(network), rows()
    x = np.repeat(features(network, inputs)[:, None], 5, axis=1)
    for layer in ("hidden_1", "hidden_2"):
        z = (x * own(weights, f"{layer}_in")) @ weights[f"{layer}/kernel"]
        x = np.maximum(z * own(weights, f"{layer}_out") + own(weights, f"{layer}_bias"), 0)
    np.testing.assert_allclose(plain(member_model(network)(inputs)), heads(x, weights), atol=1e-5)
    chances = np.exp(heads(x, weights))
    chances = (chances / chances.sum(-1, keepdims=True)).mean(axis=1)
    np.testing.assert_allclose(plain(keras.ops.softmax(network(inputs))), chances, atol=1e-6)


def test_tabm_mini_is_its_formula() -> None:
    network = build("tabm_mini")
    weights, inputs = shaken(network), rows()
    x = features(network, inputs)[:, None] * own(weights, "scales")
    for layer in ("hidden_1", "hidden_2"):
        x = np.maximum(x @ weights[f"{layer}/kernel"] + weights[f"{layer}/bias"], 0)
    np.testing.assert_allclose(plain(member_model(network)(inputs)), heads(x, weights), atol=1e-5)


@pytest.mark.parametrize(("name", "layer"), [("tabm", "hidden_1_in"), ("tabm_mini", "scales")])
@pytest.mark.parametrize("is_embedded", [False, True])
def test_a_feature_starts_with_one_scale(name: str, layer: str, is_embedded: bool) -> None:
    signature = replace(TABLE, numbers=EMBEDDED) if is_embedded else TABLE
    chunks = [4, 4, *CHUNKS[2:]] if is_embedded else CHUNKS
    (scales,) = map(plain, build(name, signature, n_members=400).get_layer(layer).weights)
    assert scales.shape == (400, sum(chunks))
    starts = np.cumsum([0, *chunks[:-1]])
    firsts = scales[:, starts]
    np.testing.assert_array_equal(scales, np.repeat(firsts, chunks, axis=1))
    if is_embedded:
        assert firsts.std() == pytest.approx(1, abs=0.05)
        assert np.abs(np.quantile(firsts, 0.8413)) == pytest.approx(1, abs=0.1)
    else:
        assert set(np.unique(firsts)) == {-1.0, 1.0}
    assert np.abs(firsts.mean(axis=0)).max() < 0.2
    # No two features of a member go together.
    assert np.abs(np.corrcoef(firsts.T) - np.eye(len(chunks))).max() < 0.25


def test_other_scales_start_as_one_and_biases_as_one_draw() -> None:
    weights = {w.path: plain(w) for w in build("tabm", width=100, depth=2).weights}
    for name in ("hidden_1_out", "hidden_2_in", "hidden_2_out"):
        np.testing.assert_array_equal(own(weights, name), 1)
    for layer, before in (("hidden_1", sum(CHUNKS)), ("hidden_2", 100)):
        biases, bound = own(weights, f"{layer}_bias"), before**-0.5
        np.testing.assert_array_equal(biases, np.repeat(biases[:1], 5, axis=0))
        for values in (biases, weights[f"{layer}/kernel"]):
            assert 0.9 * bound < np.abs(values).max() <= bound
            assert values.std() == pytest.approx(bound / 3**0.5, rel=0.2)
    assert 0.09 < np.abs(weights["output/kernel"]).max() <= 0.1
    assert np.ptp(weights["output/bias"], axis=0).min() > 0


@pytest.mark.parametrize("kind", ["plain", "embedded", "beside"])
def test_widths_are_those_of_the_columns(kind: str) -> None:
    """Another value of one column of the table changes its own chunk of the features alone."""
    signature = {
        "plain": TABLE,
        "embedded": replace(TABLE, numbers=EMBEDDED),
        "beside": replace(TABLE, texts=Signature.text(5, 9).texts),
    }[kind]
    inputs = layers.build_inputs(signature)
    encode = keras.Model(inputs, layers.encode(inputs, signature))
    shaken(encode)
    given = rows(1) | ({"text": np.ones((1, 5), "int32")} if kind == "beside" else {})
    ends = np.cumsum([0, *table_widths(signature)])
    # One-hot categories come before embedded ones, and narrow embeddings before wide ones.
    order = [("numbers", 0), ("numbers", 1), *(("categories", i) for i in (0, 2, 3, 1))]
    for (key, column), start, stop in zip(order, ends, ends[1:], strict=False):
        other = {**given, key: given[key].copy()}
        other[key][0, column] = 2 if given[key][0, column] != 2 else 0
        moved = np.flatnonzero((plain(encode(other)) != plain(encode(given)))[0])
        assert set(moved) <= set(range(start, stop))
        assert moved.size


@pytest.mark.parametrize("name", NAMES)
def test_members_differ(name: str) -> None:
    scores = plain(member_model(build(name))(rows()))
    assert scores.shape == (7, 5, 3)
    assert scores.std(axis=1).min() > 1e-3


def test_members_of_equal_weights_are_one_perceptron() -> None:
    network = build("tabm_mini")
    for weight in network.weights:
        if weight.path in ("scales/embeddings", "output/kernel", "output/bias"):
            weight.assign(np.repeat(plain(weight)[:1], 5, axis=0))
    scores = member_model(network)(rows())
    np.testing.assert_allclose(plain(scores).std(axis=1), np.zeros((7, 3)), atol=1e-6)
    chances = plain(keras.ops.softmax(network(rows())))
    np.testing.assert_allclose(chances, plain(keras.ops.softmax(scores[:, 0])), atol=1e-6)


def test_gradients_are_those_of_the_mean_of_the_members_losses() -> None:
    """In the engine, a step of plain descent; what one member has gets 1/members of its own."""
    network = build("tabm")
    shaken(network)
    inputs, target = rows(), np.arange(7, dtype="int32") % 3
    before = [np.array(plain(w)) for w in network.trainable_weights]
    with tf.GradientTape() as tape:
        scores = member_model(network)(inputs)
        each = [
            tf.reduce_mean(
                keras.losses.sparse_categorical_crossentropy(target, scores[:, i], from_logits=True)
            )
            for i in range(5)
        ]
        loss = tf.add_n(each) / 5
    gradients = tape.gradient(loss, [w.value for w in network.trainable_weights])
    training_options = TrainingOptions(
        batch_size=7, optimizer="sgd", weight_decay=0.0, clip_norm=0.0, compile="graph"
    )
    row_loss = loss_function(training_options, Output("multiclass", 3))
    engine = Engine(
        network,
        Arrays(inputs, target),
        training_options=training_options,
        row_loss=row_loss,
        seed=0,
    )
    assert engine.step_loss(np.arange(7), 0.5) == pytest.approx(float(loss), rel=1e-5)
    for weight, old, gradient in zip(network.trainable_weights, before, gradients, strict=True):
        moved = old - 0.5 * tf.convert_to_tensor(gradient).numpy()
        np.testing.assert_allclose(plain(weight), moved, atol=1e-5, err_msg=weight.path)


def test_decay_spares_what_members_have_of_their_own() -> None:
    from kerasnn.training.optimizers import decays

    network = build("tabm", replace(TABLE, numbers=EMBEDDED))
    kernels = {w.path for w in network.trainable_weights if decays(w)}
    assert kernels == {
        "number_embedding/kernel",
        "hidden_1/kernel",
        "hidden_2/kernel",
        "output/kernel",
    }


def draws(count: int, size: int) -> NDArray[np.float64]:
    """Several draws, one after the other, from one generator."""
    generator = keras.random.SeedGenerator(5)
    draw = tf.function(
        lambda: hashed_uniform((size,), seed=generator), jit_compile=True, autograph=False
    )
    return np.stack([draw().numpy() for _ in range(count)]).astype("float64")


def test_hashed_numbers_are_uniform_and_independent() -> None:
    drawn = draws(12, 1 << 17)
    assert drawn.min() >= 0
    assert drawn.max() < 1
    size = drawn.shape[1]
    centered = (drawn - 0.5) * 12**0.5
    scores = [row.sum() / size**0.5 for row in centered]
    scores += [one @ other / size**0.5 for one, other in pairwise(centered)]
    for lag in (1, 2, 3, 8, 64, 192, 3072):
        scores += [row[lag:] @ row[:-lag] / (size - lag) ** 0.5 for row in centered]
    assert 0.8 < np.std(scores) < 1.2
    assert np.abs(scores).max() < 4.5
    counts = np.histogram(drawn, 256, (0, 1))[0]
    expected = drawn.size / 256
    assert ((counts - expected) ** 2 / expected).sum() < 340  # 0.9997 of χ² with 255.


def test_hashed_numbers_go_by_the_generator() -> None:
    np.testing.assert_array_equal(draws(2, 100), draws(2, 100))
    first, second = draws(2, 100)
    assert np.abs(np.corrcoef(first, second)[0, 1]) < 0.4
    one, other = (hashed_uniform((2, 3), seed=keras.random.SeedGenerator(i)) for i in (1, 2))
    assert not np.isclose(one.numpy(), other.numpy()).any()


def test_training_drops_units_of_members_under_xla() -> None:
    """A share of the hidden units, others in each step, and the same in the same step again."""
    found = []
    for dropout in (0.0, 0.5, 0.5):
        network = build("tabm", dropout=dropout, width=64)
        training_options = TrainingOptions(
            batch_size=7, optimizer="sgd", weight_decay=0.0, compile="xla"
        )
        row_loss = loss_function(training_options, Output("multiclass", 3))
        target = np.arange(7, dtype="int32") % 3
        engine = Engine(
            network,
            Arrays(rows(), target),
            training_options=training_options,
            row_loss=row_loss,
            seed=0,
        )
        found.append([engine.step_loss(np.arange(7), 0.0) for _ in range(3)])
    assert np.ptp(found[0]) < 1e-6
    assert np.ptp(found[1]) > 1e-4
    assert found[1] == found[2]
