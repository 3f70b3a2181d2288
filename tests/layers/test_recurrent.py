"""Recurrent layers, attention and convolutions against their formulas, in NumPy."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from kerasnn import layers

Array = NDArray[Any]

ROWS, TIME, CHANNELS, WIDTH = 5, 7, 3, 4


@pytest.fixture(autouse=True)
def _seeded() -> None:
    keras.utils.set_random_seed(3)


def sequences(channels: int = CHANNELS) -> tuple[Array, Array]:
    """Vectors, noise behind the end too, and masks of all kinds of lengths, 0 among them."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(ROWS, TIME, channels)).astype("float32")
    lengths = np.array([TIME, 4, 1, 0, 6])
    return x, (np.arange(TIME) < lengths[:, None]).astype("float32")


def with_any_weights(model: keras.Model) -> list[Array]:
    """Weights that no initializer gives: biases and scales count too."""
    generator = np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(generator.normal(size=weight.shape) * 0.5)
    return [keras.ops.convert_to_numpy(weight) for weight in model.weights]


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def lstm(x: Array, mask: Array, kernel: Array, recurrent: Array, bias: Array) -> Array:
    """States at all places; gates in the order input, forget, candidate, output."""
    h = c = np.zeros((len(x), len(recurrent)))
    states = []
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ kernel + h @ recurrent + bias, 4, axis=1)
        memory = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        there = mask[:, t : t + 1]
        c = there * memory + (1 - there) * c
        h = there * sigmoid(o) * np.tanh(memory) + (1 - there) * h
        states.append(h)
    return np.stack(states, axis=1)


def gru(x: Array, mask: Array, kernel: Array, recurrent: Array, bias: Array) -> Array:
    """Likewise; gates in the order update, reset, candidate, reset after the product."""
    h = np.zeros((len(x), len(recurrent)))
    states = []
    for t in range(x.shape[1]):
        z, r, n = np.split(x[:, t] @ kernel + bias[0], 3, axis=1)
        hz, hr, hn = np.split(h @ recurrent + bias[1], 3, axis=1)
        update, reset = sigmoid(z + hz), sigmoid(r + hr)
        new = update * h + (1 - update) * np.tanh(n + reset * hn)
        there = mask[:, t : t + 1]
        h = there * new + (1 - there) * h
        states.append(h)
    return np.stack(states, axis=1)


CELLS = {"lstm": lstm, "gru": gru}


def recurrent_model(cell: str, *, sequence: bool, bidirectional: bool) -> keras.Model:
    x, mask = keras.Input((TIME, CHANNELS)), keras.Input((TIME,))
    outputs = layers.recurrent_layer(
        x,
        mask,
        cell=cell,
        width=WIDTH,
        sequence=sequence,
        bidirectional=bidirectional,
        name="layer",
    )
    return keras.Model([x, mask], outputs)


@pytest.mark.parametrize("sequence", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_gates(cell: str, sequence: bool) -> None:
    model = recurrent_model(cell, sequence=sequence, bidirectional=False)
    weights = with_any_weights(model)
    x, mask = sequences()
    expected = CELLS[cell](x, mask, *weights)
    outputs = np.asarray(model([x, mask]))
    if not sequence:
        np.testing.assert_allclose(outputs, expected[:, -1], atol=1e-5)
        return
    there = mask[:, :, None]
    np.testing.assert_allclose(outputs * there, expected * there, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_both_ways(cell: str) -> None:
    """The second layer reads from the last place to the first."""
    model = recurrent_model(cell, sequence=False, bidirectional=True)
    weights = with_any_weights(model)
    x, mask = sequences()
    forward = CELLS[cell](x, mask, *weights[:3])[:, -1]
    backward = CELLS[cell](x[:, ::-1], mask[:, ::-1], *weights[3:])[:, -1]
    expected = np.concatenate([forward, backward], axis=1)
    np.testing.assert_allclose(np.asarray(model([x, mask])), expected, atol=1e-5)


def norm(x: Array, scale: Array, shift: Array) -> Array:
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + 1e-5) * scale + shift


def softmax(x: Array) -> Array:
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def gelu(x: Array) -> Array:
    return x * 0.5 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def test_attention() -> None:
    """Softmax(q kᵀ / √width) v of each head, over the places within the sequence alone."""
    heads, width = 2, 6
    inputs, given = keras.Input((TIME, width)), keras.Input((TIME,))
    outputs = layers.transformer_block(
        inputs, heads=heads, expansion=2.0, dropout=0.0, drop_path=0.0, mask=given, name="block"
    )
    model = keras.Model([inputs, given], outputs)
    with_any_weights(model)
    x, mask = sequences(width)
    weights = {weight.path: np.asarray(weight) for weight in model.weights}
    own = {path.removeprefix("block_"): value for path, value in weights.items()}
    inner = norm(x, own["attention_norm/gamma"], own["attention_norm/beta"])
    query, key, value = (
        np.einsum("btc,chd->bhtd", inner, own[f"attention/{part}/kernel"])
        + own[f"attention/{part}/bias"][:, None]
        for part in ("query", "key", "value")
    )
    logits = query @ key.transpose(0, 1, 3, 2) / np.sqrt(width / heads)
    logits = np.where(mask[:, None, None] > 0, logits, -1e9)
    mixed = np.einsum(
        "bhtd,hdc->btc", softmax(logits) @ value, own["attention/attention_output/kernel"]
    )
    x = x + mixed + own["attention/attention_output/bias"]
    inner = norm(x, own["dense_norm/gamma"], own["dense_norm/beta"])
    inner = gelu(inner @ own["dense_1/kernel"] + own["dense_1/bias"])
    expected = x + inner @ own["dense_2/kernel"] + own["dense_2/bias"]
    outputs = np.asarray(model([sequences(width)[0], mask]))
    there = mask.any(axis=1)
    np.testing.assert_allclose(outputs[there], expected[there], atol=1e-4)
    assert np.isfinite(outputs).all()


def convolved(x: Array, kernel: Array, *, dilation: int, before: int) -> Array:
    """Σ over the kernel's places of x at t + place · dilation - before, times the kernel there."""
    outputs = np.zeros((*x.shape[:2], kernel.shape[2]))
    for t in range(x.shape[1]):
        for location in range(len(kernel)):
            source = t + location * dilation - before
            if 0 <= source < x.shape[1]:
                outputs[:, t] += x[:, source] @ kernel[location]
    return outputs


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 10])
def test_convolution_over_time(size: int, dilation: int, causal: bool) -> None:
    inputs = keras.Input((TIME, CHANNELS))
    outputs = layers.conv_1d(
        inputs, width=WIDTH, size=size, dilation=dilation, causal=causal, name="conv"
    )
    model = keras.Model(inputs, outputs)
    (kernel,) = with_any_weights(model)
    x, _ = sequences()
    reach = (size - 1) * dilation
    expected = convolved(x, kernel, dilation=dilation, before=reach if causal else reach // 2)
    np.testing.assert_allclose(np.asarray(model(x)), expected, atol=1e-4)


def test_batch_normalization_counts_what_is_there() -> None:
    x, mask = sequences()
    inputs, given = keras.Input((TIME, CHANNELS)), keras.Input((TIME,))
    model = keras.Model([inputs, given], layers.masked_norm(inputs, given, name="norm"))
    there = x[mask > 0]
    mean, variance = there.mean(axis=0), there.var(axis=0)
    outputs = np.asarray(model([x, mask], training=True))
    np.testing.assert_allclose(outputs, (x - mean) / np.sqrt(variance + 1e-5), atol=1e-4)
    layer = model.get_layer("norm")
    np.testing.assert_allclose(layer.moving_mean, 0.1 * mean, atol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, 0.9 + 0.1 * variance, atol=1e-5)


def test_pooling_within_the_mask() -> None:
    x, mask = sequences()
    inside = [rows[places > 0] for rows, places in zip(x, mask, strict=True)]
    zeros = np.zeros(CHANNELS)
    clean = x * mask[:, :, None]
    means = [rows.mean(axis=0) if len(rows) else zeros for rows in inside]
    np.testing.assert_allclose(layers.masked_mean(clean, mask), means, atol=1e-6)
    largest = [rows.max(axis=0) if len(rows) else zeros for rows in inside]
    np.testing.assert_allclose(layers.masked_max(x, mask), largest, atol=1e-6)
    last = [rows[-1] if len(rows) else zeros for rows in inside]
    np.testing.assert_allclose(layers.last_valid_step(x, mask), last, atol=1e-6)
    pooled = np.asarray(layers.masked_max_pool(x, mask, size=3, name="pool"))
    for rows, found in zip(inside, pooled, strict=True):
        near = [rows[max(t - 1, 0) : t + 2].max(axis=0) for t in range(len(rows))]
        np.testing.assert_allclose(found[: len(rows)], np.reshape(near, (-1, CHANNELS)), atol=1e-6)
        assert not found[len(rows) :].any()
