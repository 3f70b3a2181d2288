"""Blocks of the zoo against the same formulas in NumPy and SciPy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special

from kerasnn import layers
from kerasnn.errors import ConfigError, UnknownNameError
from kerasnn.layers import choices
from kerasnn.signature import Signature

Array = NDArray[Any]

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772

FORMULAS = {
    "sigmoid": special.expit,
    "tanh": np.tanh,
    "relu": lambda x: np.where(x > 0, x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "selu": lambda x: SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(x)),
    "gelu": lambda x: x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2,
    "silu": lambda x: x * special.expit(x),
    "mish": lambda x: x * np.tanh(np.logaddexp(0, x)),
    "softplus": lambda x: np.logaddexp(0, x),
}


def model_of(function: Any, *shape: int) -> keras.Model:
    inputs = keras.Input(shape)
    return keras.Model(inputs, function(inputs))


def run(model: keras.Model, *arrays: Array, training: bool = False) -> Array:
    tensors = [keras.ops.convert_to_tensor(array) for array in arrays]
    outputs = model(tensors[0] if len(tensors) == 1 else tensors, training=training)
    result: Array = keras.ops.convert_to_numpy(outputs)
    return result


def normal(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def weights(model: keras.Model, name: str) -> list[Array]:
    """Set a layer's weights to known numbers, and return them."""
    layer = model.get_layer(name)
    values = [normal(*w.shape, seed=i) for i, w in enumerate(layer.get_weights())]
    if isinstance(layer, keras.layers.BatchNormalization):
        values[3] = np.exp(values[3])
    layer.set_weights(values)
    return values


@pytest.mark.parametrize("name", choices.CHOICES["activation"])
def test_activation(name: Any) -> None:
    x = np.linspace(-6, 6, 49, dtype="float32")[:, None]
    model = model_of(lambda inputs: layers.activate(inputs, name), 1)
    np.testing.assert_allclose(run(model, x), FORMULAS[name](x.astype(float)), atol=2e-6)


def test_gelu_is_close_to_the_exact_one() -> None:
    x = np.linspace(-6, 6, 49)
    assert np.abs(FORMULAS["gelu"](x) - x * special.ndtr(x)).max() < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("name", choices.CHOICES["activation"])
def test_activation_converts_to_onnx(name: Any, tmp_path: Path) -> None:
    import onnxruntime

    model = model_of(lambda inputs: layers.activate(inputs, name), 1)
    model.export(tmp_path / "saved", format="tf_saved_model", verbose=False)
    command = [sys.executable, "-m", "tf2onnx.convert", "--opset", "18"]
    paths = ["--saved-model", str(tmp_path / "saved"), "--output", str(tmp_path / "model.onnx")]
    subprocess.run([*command, *paths], check=True, capture_output=True)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    x = np.linspace(-6, 6, 49, dtype="float32")[:, None]
    (outputs,) = session.run(None, {session.get_inputs()[0].name: x})
    np.testing.assert_allclose(outputs, FORMULAS[name](x.astype(float)), atol=5e-6)


@pytest.mark.parametrize(
    ("name", "bound"),
    [
        ("glorot_uniform", np.sqrt(6 / 700)),
        ("he_uniform", np.sqrt(6 / 400)),
        ("lecun_uniform", np.sqrt(3 / 400)),
    ],
)
def test_uniform_initializer(name: Any, bound: float) -> None:
    values = np.asarray(layers.initializer_for(name, activation="relu")((400, 300)))
    assert bound * 0.99 < np.abs(values).max() <= bound
    np.testing.assert_allclose(values.std(), bound / np.sqrt(3), rtol=0.02)


@pytest.mark.parametrize(
    ("name", "activation", "deviation"),
    [
        ("glorot_normal", "relu", np.sqrt(2 / 700)),
        ("he_normal", "tanh", np.sqrt(2 / 400)),
        ("lecun_normal", "relu", np.sqrt(1 / 400)),
        ("normal", "relu", 0.05),
        ("auto", "relu", np.sqrt(2 / 400)),
        ("auto", "silu", np.sqrt(2 / 400)),
        ("auto", "selu", np.sqrt(1 / 400)),
        ("auto", "tanh", np.sqrt(2 / 700)),
    ],
)
def test_normal_initializer(name: Any, activation: Any, deviation: float) -> None:
    values = np.asarray(layers.initializer_for(name, activation=activation)((400, 300)))
    np.testing.assert_allclose(values.std(), deviation, rtol=0.02)
    np.testing.assert_allclose(values.mean(), 0, atol=0.01 * deviation * 4)


def test_orthogonal_and_zeros() -> None:
    values = np.asarray(layers.initializer_for("orthogonal", activation="relu")((8, 5)))
    np.testing.assert_allclose(values.T @ values, np.eye(5), atol=1e-5)
    assert not np.asarray(layers.initializer_for("zeros", activation="relu")((8, 5))).any()


def test_selu_keeps_mean_and_variance() -> None:
    keras.utils.set_random_seed(0)
    model = model_of(
        lambda x: layers.dense_stack(
            x,
            depth=8,
            width=256,
            activation="selu",
            normalization="none",
            dropout=0.1,
            initializer="auto",
        ),
        256,
    )
    for training in (False, True):
        outputs = run(model, normal(500, 256), training=training)
        assert abs(outputs.mean()) < 0.1
        assert 0.8 < outputs.var() < 1.2


def block(normalization: Any, dropout: float = 0.0) -> keras.Model:
    return model_of(
        lambda x: layers.dense_block(
            x,
            width=5,
            activation="tanh",
            normalization=normalization,
            dropout=dropout,
            name="block",
        ),
        3,
    )


def test_dense_block() -> None:
    model, x = block("none"), normal(7, 3)
    kernel, bias = weights(model, "block")
    np.testing.assert_allclose(run(model, x), np.tanh(x @ kernel + bias), atol=1e-6)


def test_dense_block_with_layer_normalization() -> None:
    model, x = block("layer"), normal(7, 3)
    kernel, bias = weights(model, "block")
    scale, shift = weights(model, "block_norm")
    z = x @ kernel + bias
    centred = z - z.mean(axis=1, keepdims=True)
    z = scale * centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5) + shift
    np.testing.assert_allclose(run(model, x), np.tanh(z), atol=1e-5)


def test_dense_block_with_batch_normalization() -> None:
    model, x = block("batch"), normal(7, 3)
    (kernel,) = weights(model, "block")
    scale, shift, mean, variance = weights(model, "block_norm")
    z = x @ kernel
    expected = np.tanh(scale * (z - mean) / np.sqrt(variance + 1e-5) + shift)
    np.testing.assert_allclose(run(model, x), expected, atol=1e-5)

    expected = np.tanh(scale * (z - z.mean(axis=0)) / np.sqrt(z.var(axis=0) + 1e-5) + shift)
    np.testing.assert_allclose(run(model, x, training=True), expected, atol=1e-5)
    moving = model.get_layer("block_norm").get_weights()[2:]
    np.testing.assert_allclose(moving[0], 0.9 * mean + 0.1 * z.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(moving[1], 0.9 * variance + 0.1 * z.var(axis=0), atol=1e-5)


def test_dropout_keeps_the_mean() -> None:
    model, x = block("none", dropout=0.25), np.ones((2000, 3), "float32")
    expected = run(model, x)
    outputs = run(model, x, training=True)
    dropped = outputs == 0
    assert 0.23 < dropped.mean() < 0.27
    np.testing.assert_allclose(outputs[~dropped], (expected / 0.75)[~dropped], rtol=1e-5)


def test_residual_block() -> None:
    model = model_of(
        lambda x: layers.residual_block(
            x,
            expansion=1.5,
            activation="relu",
            normalization="none",
            dropout=0.0,
            residual_dropout=0.0,
            initializer="auto",
            name="block",
        ),
        4,
    )
    x = normal(7, 4)
    (kernel, bias), (back, shift) = weights(model, "block_hidden"), weights(model, "block_back")
    assert kernel.shape == (4, 6)
    expected = x + np.maximum(x @ kernel + bias, 0) @ back + shift
    np.testing.assert_allclose(run(model, x), expected, atol=1e-5)


@pytest.mark.parametrize("rank", [0, 2])
def test_cross_layer(rank: int) -> None:
    inputs = [keras.Input((4,)), keras.Input((4,))]
    model = keras.Model(inputs, layers.cross_layer(*inputs, rank=rank, name="cross"))
    first, x = normal(7, 4), normal(7, 4, seed=1)
    projected = x @ weights(model, "cross_down")[0] if rank else x
    kernel, bias = weights(model, "cross")
    expected = first * (projected @ kernel + bias) + x
    np.testing.assert_allclose(run(model, first, x), expected, atol=1e-5)


SIGNATURE = Signature.table(numbers=2, categories=(4, (7, 2), 3, (8, 2), (6, 3)), classes=3)
CODES = np.array(
    [[0, 0, 0, 0, 0], [1, 1, 1, 1, 1], [2, 2, 2, 2, 2], [3, 6, 2, 7, 5]], dtype="int32"
)


def features(function: Any, signature: Signature = SIGNATURE) -> keras.Model:
    inputs = layers.build_inputs(signature)
    return keras.Model(inputs, function(inputs, signature))


def one_hot(codes: Array, size: int) -> Array:
    """Missing has a column, unknown has none."""
    return np.delete(np.eye(size, dtype="float32"), 1, axis=1)[codes]


def test_encode_puts_features_side_by_side() -> None:
    model = features(layers.encode)
    (pair,), (single,) = weights(model, "embedding_2"), weights(model, "embedding_3")
    assert pair.shape == (7 + 8, 2)
    assert single.shape == (6, 3)
    numbers = normal(4, 2)
    expected = np.concatenate(
        [
            numbers,
            one_hot(CODES[:, 0], 4),
            one_hot(CODES[:, 2], 3),
            pair[CODES[:, 1]],
            pair[7 + CODES[:, 3]],
            single[CODES[:, 4]],
        ],
        axis=1,
    )
    outputs = run_named(model, numbers, CODES)
    np.testing.assert_array_equal(outputs, expected)


def run_named(model: keras.Model, numbers: Array, codes: Array) -> Array:
    result: Array = keras.ops.convert_to_numpy(model({"numbers": numbers, "categories": codes}))
    return result


def test_missing_and_unknown_start_silent() -> None:
    keras.utils.set_random_seed(0)
    outputs = run_named(features(layers.encode), normal(4, 2), CODES)
    embeddings = outputs[:, 2 + 3 + 2 :]
    assert not embeddings[:2].any()
    assert embeddings[2:].all()
    np.testing.assert_allclose(embeddings[2:].std(), 0.1, atol=0.06)


def test_columns_of_many_categories_are_forgotten_at_times_in_training() -> None:
    sizes = (900, 5, 100, 901)
    signature = Signature.table(categories=[(size, 2) for size in sizes])
    inputs = layers.build_inputs(signature)
    vectors = layers.look_up(
        inputs["categories"], signature.categories, [0, 1, 2, 3], 2, scale=1.0, forgotten=0.9
    )
    model = keras.Model(inputs, vectors)
    codes = np.tile(np.array(sizes, dtype="int32") - 1, (2000, 1))
    known, seen = (
        np.asarray(model({"categories": codes}, training=flag)) for flag in (False, True)
    )
    # The small column is first, and what is left of the others is larger instead.
    np.testing.assert_array_equal(seen[:, 0], known[:, 0])
    gone = (seen[:, 1:] == 0).all(axis=2)
    np.testing.assert_allclose(gone.mean(axis=0), [0.2, 0.6, 0.6], atol=0.05)
    left = ~gone[:, 2]
    np.testing.assert_allclose(seen[left, 3], 2.5 * known[left, 3], rtol=1e-5)
    assert (gone[:, 1] != gone[:, 2]).any()
    (table,) = model.get_layer("embedding_2").get_weights()
    np.testing.assert_allclose(table[-900:].std(), 0.1, atol=0.01)


def test_linear_scores_are_those_of_one_hot_columns() -> None:
    model = features(layers.linear_scores)
    numbers = normal(4, 2)
    assert not run_named(model, numbers, CODES).any()
    (kernel, bias), (table,) = weights(model, "linear_output"), weights(model, "linear_embedding")
    narrow = [numbers, one_hot(CODES[:, 0], 4), one_hot(CODES[:, 2], 3)]
    wide = [np.eye(size)[CODES[:, i]] for i, size in ((1, 7), (3, 8), (4, 6))]
    expected = np.concatenate(narrow, axis=1) @ kernel + bias + np.concatenate(wide, axis=1) @ table
    np.testing.assert_allclose(run_named(model, numbers, CODES), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"dropout": 1.5}, "`dropout` must be in [0, 1); got 1.5"),
        ({"dropout": float("nan")}, "`dropout` must be in [0, 1); got nan"),
        ({"width": 0}, "`width` must be in [1, 65536]; got 0"),
        ({"width": 2.5}, "`width` must be a whole number; got 2.5"),
        ({"depth": True}, "`depth` must be a whole number; got True"),
        ({"expansion": "2"}, "`expansion` must be a finite number; got '2'"),
    ],
)
def test_range(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        choices.check(**values)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: layers.activate(x, "rleu"), "unknown activation 'rleu' – did you mean 'relu'?"),
        (
            lambda x: layers.normalize(x, "group", name="norm"),
            "unknown normalization 'group' – choose from none, batch, layer",
        ),
        (
            lambda x: layers.initializer_for("he_norml", activation="relu"),
            "unknown initializer 'he_norml' – did you mean 'he_normal'?",
        ),
    ],
)
def test_unknown_choice(call: Any, message: str) -> None:
    with pytest.raises(UnknownNameError) as raised:
        call(keras.Input((2,)))
    assert str(raised.value) == message


def test_public_names_are_true_and_sorted() -> None:
    assert layers.__all__ == sorted(layers.__all__)
    assert layers.__all__ == list(layers._MODULES)
    assert all(callable(getattr(layers, name)) or name.isupper() for name in layers.__all__)
    with pytest.raises(AttributeError, match="no attribute 'dense_blok'"):
        _ = layers.dense_blok
