"""Raw outputs of a network on any number of rows."""

from __future__ import annotations

import logging

import keras
import numpy as np
import pytest

from kerasnn import models
from kerasnn.inference.batched_model import (
    BATCH_SIZE,
    NUMBERS_AT_ONCE,
    NUMBERS_TOGETHER,
    SMALLEST_BATCH,
    BatchedModel,
)
from kerasnn.inference.memory_batches import numbers_at_once
from kerasnn.signature import Signature


def build() -> keras.Model:
    """With layers that do something else in training."""
    keras.utils.set_random_seed(0)
    numbers = keras.Input((3,), name="numbers")
    codes = keras.Input((1,), dtype="int32", name="categories")
    embedded = keras.layers.Flatten()(keras.layers.Embedding(5, 2)(codes))
    hidden = keras.layers.BatchNormalization()(keras.layers.Concatenate()([numbers, embedded]))
    outputs = keras.layers.Dense(2)(keras.layers.Dropout(0.9)(hidden))
    return keras.Model({"numbers": numbers, "categories": codes}, outputs)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return build()


def rows(count: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    numbers = random.normal(size=(count, 3)).astype("float32")
    return {"numbers": numbers, "categories": np.arange(count, dtype="int32")[:, None] % 5}


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 40])
def test_outputs_are_those_of_inference(network: keras.Model, count: int) -> None:
    found = BatchedModel(network, batch_size=16)(rows(count))
    assert (found.shape, found.dtype) == ((count, 2), np.float32)
    expected = np.asarray(network(rows(count), training=False))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_no_rows(network: keras.Model) -> None:
    assert BatchedModel(network)(rows(0)).shape == (0, 2)


def test_other_rows_beside_it_change_nothing(network: keras.Model) -> None:
    forward, inputs = BatchedModel(network), rows(SMALLEST_BATCH)
    whole = forward(inputs)
    for count in (1, 3, SMALLEST_BATCH - 1):
        part = forward({name: values[:count] for name, values in inputs.items()})
        np.testing.assert_array_equal(part, whole[:count])


def test_new_weights_are_seen(network: keras.Model) -> None:
    other = build()
    forward = BatchedModel(other)
    before = forward(rows(4))
    bias = other.trainable_variables[-1]
    bias.assign(bias + 1)
    np.testing.assert_allclose(forward(rows(4)), before + 1, atol=1e-6)


def test_many_networks_are_no_reason_to_warn(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="tensorflow"):
        for _ in range(7):
            BatchedModel(build())(rows(2))
    assert "retracing" not in caplog.text


def test_long_sequences_come_in_small_batches() -> None:
    short, long = (Signature.time_series(length, 1, classes=2) for length in (10, 4000))
    assert BatchedModel(models.build("fcn", short)).batch_size == BATCH_SIZE
    rows = BatchedModel(models.build("fcn", long)).batch_size
    assert rows * 4000 * 256 <= NUMBERS_AT_ONCE < 2 * rows * 4000 * 256


def test_branches_side_by_side_make_batches_smaller() -> None:
    short, long = (Signature.time_series(length, 1, classes=2) for length in (10, 4000))
    assert BatchedModel(models.build("minirocket", short, features=168)).batch_size == BATCH_SIZE
    network = models.build("minirocket", long, features=168)
    rows, numbers = BatchedModel(network).batch_size, numbers_at_once(network)
    assert numbers > 4 * 4000 * 84
    assert rows * numbers <= NUMBERS_TOGETHER < 2 * rows * numbers


def test_a_wide_network_gives_the_same_branch_after_branch() -> None:
    network = models.build("minirocket", Signature.time_series(40, 1, classes=2))
    x = np.random.default_rng(0).normal(size=(3, 40, 1)).astype("float32")
    minirocket = models.get("minirocket")
    assert minirocket.initialize
    minirocket.initialize(network, {"series": x}, np.array([0, 1, 0]), 0)
    found = BatchedModel(network)({"series": x})
    np.testing.assert_allclose(found, network({"series": x}, training=False), atol=1e-5)


def test_attention_looks_from_each_place_at_each() -> None:
    signature = Signature.text(500, 100, classes=2)
    network = models.build("transformer", signature, width=8, depth=1, heads=2)
    rows = BatchedModel(network).batch_size
    assert rows * 2 * 500**2 <= NUMBERS_AT_ONCE < 2 * rows * 2 * 500**2


def test_wide_tables_are_bounded_by_bytes() -> None:
    network = models.build("linear", Signature.table(numbers=100_000, classes=2))
    assert BatchedModel(network).batch_size == 2048


def test_tables_and_images_are_bounded_as_they_were() -> None:
    wide = models.build("linear", Signature.table(numbers=10_000, classes=2))
    assert BatchedModel(wide).batch_size == BATCH_SIZE
    pixels = models.build("linear", Signature.image(64, 64, 3, classes=2))
    assert BatchedModel(pixels).batch_size == 128
