"""How networks for forecasts begin and end, against NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops
from numpy.typing import NDArray

from kerasnn import layers
from kerasnn.errors import ConfigError
from kerasnn.layers.choices import Scaling
from kerasnn.signature import Signature

RNG = np.random.default_rng(0)


def normal(*shape: int) -> NDArray[Any]:
    return RNG.normal(size=shape).astype("float32")


def call(function: Callable[[Any], Any], *arrays: NDArray[Any]) -> list[NDArray[Any]]:
    """What a part of a network makes of arrays, as a network of its own."""
    inputs = [keras.Input(array.shape[1:], dtype=str(array.dtype)) for array in arrays]
    outputs = function(*inputs)
    network = keras.Model(inputs, outputs)
    results = network([ops.convert_to_tensor(array) for array in arrays])
    results = results if isinstance(results, list | tuple) else [results]
    return [ops.convert_to_numpy(each) for each in results]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 25])
def test_moving_average(size: int) -> None:
    x = normal(2, 9, 3)
    before = (size - 1) // 2
    longer = np.concatenate(
        [np.repeat(x[:, :1], before, 1), x, np.repeat(x[:, -1:], size - 1 - before, 1)], axis=1
    )
    expected = np.stack([longer[:, t : t + size].mean(axis=1) for t in range(9)], axis=1)
    (found,) = call(lambda x: layers.moving_average(x, size=size, name="trend"), x)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def windowed(how: Scaling, past: NDArray[Any], future: NDArray[Any]) -> list[NDArray[Any]]:
    signature = Signature.forecast(past.shape[1], future.shape[1], targets=past.shape[2])

    def both(past: Any, future: Any) -> list[Any]:
        scaled, restore = layers.scaled_window({"past": past}, signature, how)
        return [scaled, restore(future)]

    return call(both, past, future)


@pytest.mark.parametrize("how", ["none", "last", "standard"])
def test_scaled_window(how: Scaling) -> None:
    past, future = 5 * normal(4, 10, 2) + 100, normal(4, 3, 2, 2)
    past[0] = 7.0
    mean = {"none": 0, "last": past[:, -1:], "standard": past.mean(axis=1, keepdims=True)}[how]
    scale = np.sqrt(past.var(axis=1, keepdims=True) + 1e-5) if how == "standard" else np.ones(1)
    scaled, restored = windowed(how, past, future)
    np.testing.assert_allclose(scaled, (past - mean) / scale, atol=1e-4)
    mean, scale = (np.asarray(x)[..., None] for x in (mean, scale))
    np.testing.assert_allclose(restored, future * scale + mean, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("how", ["none", "last", "standard"])
def test_the_way_back_undoes_the_scale(how: Scaling) -> None:
    past = normal(4, 6, 2) * 3 + 1
    scaled, _ = windowed(how, past, past[..., None])
    _, restored = windowed(how, past, scaled[..., None])
    np.testing.assert_allclose(restored[..., 0], past, atol=1e-5)


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_quantiles_ascend(count: int) -> None:
    x = 3 * normal(6, 4, count)
    (found,) = call(layers.ascending, x)
    expected, middle = x.astype(float), count // 2
    for i in range(middle + 1, count):
        expected[..., i] = expected[..., i - 1] + np.log1p(np.exp(expected[..., i]))
    for i in reversed(range(middle)):
        expected[..., i] = expected[..., i + 1] - np.log1p(np.exp(expected[..., i]))
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert (np.diff(found, axis=-1) > 0).all()
    np.testing.assert_array_equal(found[..., middle], x[..., middle])


def test_order_of_the_axes() -> None:
    """Time, then targets, then levels, in the outputs of a network."""
    signature = Signature.forecast(5, 3, targets=2, quantiles=(0.1, 0.9))
    x = np.arange(12, dtype="float32").reshape(1, 2, 6)
    (found,) = call(lambda x: layers.steps_first(x, signature), x)
    expected = x.reshape(2, 3, 2).transpose(1, 0, 2)
    np.testing.assert_array_equal(found[0], expected)
    (flat,) = call(lambda x: layers.forecast_scores(x, lambda x: x), found)
    np.testing.assert_array_equal(flat[0], expected.reshape(-1))


def test_targets_are_folded_into_rows_and_back() -> None:
    x = normal(3, 2, 4, 5)
    folded, back = call(
        lambda x: [layers.fold_targets(x), layers.unfold_targets(layers.fold_targets(x), 2)], x
    )
    np.testing.assert_array_equal(folded, x.reshape(6, 4, 5))
    np.testing.assert_array_equal(back, x)


def test_output_of_any_features_is_in_the_scale_of_the_window() -> None:
    signature = Signature.forecast(5, 3, targets=2, quantiles=(0.1, 0.5, 0.9))
    inputs = layers.build_inputs(signature)
    past, restore = layers.scaled_window(inputs, signature, "standard")
    scores = layers.forecast_output(keras.layers.Flatten()(past), signature, restore)
    network = layers.network(inputs, scores, name="any")
    x = normal(4, 5, 2)
    base = network({"past": x}).numpy().reshape(4, 3, 2, 3)
    assert (np.diff(base, axis=-1) > 0).all()
    scaled = network({"past": 10 * x + 50}).numpy().reshape(4, 3, 2, 3)
    np.testing.assert_allclose(scaled, 10 * base + 50, rtol=1e-3)


def test_context_is_everything_beside_the_past() -> None:
    signature = Signature.forecast(
        5, 3, past_covariates=2, future_covariates=3, numbers=1, categories=(4,)
    )
    inputs = layers.build_inputs(signature)
    context = layers.window_context(inputs, signature)
    assert context is not None
    assert context.shape == (None, 5 * 2 + 8 * 3 + 1 + 3)
    plain = Signature.forecast(5, 3)
    assert layers.window_context(layers.build_inputs(plain), plain) is None


def test_known_effect() -> None:
    signature = Signature.forecast(5, 3, targets=2, future_covariates=4)
    inputs = layers.build_inputs(signature)
    effect = layers.known_effect(inputs, signature, name="known_effect")
    network = keras.Model(inputs, list(effect or ()))
    kernel, known = normal(4, 2), normal(6, 8, 4)
    assert not network.get_weights()[0].any()
    network.get_layer("known_effect").set_weights([kernel])
    past, future = network({"past": normal(6, 5, 2), "future_covariates": known})
    np.testing.assert_allclose(past, known[:, :5] @ kernel, atol=1e-5)
    np.testing.assert_allclose(future, known[:, 5:] @ kernel, atol=1e-5)


def test_fixed_effect() -> None:
    signature = Signature.forecast(5, 3, targets=2, past_covariates=2, numbers=1, categories=(4,))
    inputs = layers.build_inputs(signature)
    network = keras.Model(inputs, layers.fixed_effect(inputs, signature, name="fixed_effect"))
    kernel, past, numbers = normal(2 + 1 + 3, 2), normal(6, 5, 2), normal(6, 1)
    network.get_layer("fixed_effect").set_weights([kernel])
    codes = np.array([[0], [2], [3], [0], [2], [3]], "int32")
    given = {"past": normal(6, 5, 2), "past_covariates": past, "numbers": numbers}
    found = network({**given, "categories": codes})
    columns = np.concatenate([past[:, -1], numbers, codes == [0, 2, 3]], axis=1)
    np.testing.assert_allclose(found[:, 0, :, 0], columns @ kernel, atol=1e-5)
    plain = Signature.forecast(5, 3, future_covariates=1)
    assert layers.fixed_effect(layers.build_inputs(plain), plain, name="fixed_effect") is None


def test_what_is_known_of_each_step() -> None:
    signature = Signature.forecast(5, 3, past_covariates=2, future_covariates=1, numbers=1)
    inputs = layers.build_inputs(signature)
    parts = [*layers.past_steps(inputs, signature), *layers.future_steps(inputs, signature)]
    network = keras.Model(inputs, parts)
    past, known, numbers = normal(4, 5, 2), normal(4, 8, 1), normal(4, 1)
    given = {"past": normal(4, 5, 1), "past_covariates": past, "future_covariates": known}
    found = network({**given, "numbers": numbers})
    expected = [past, known[:, :5], known[:, 5:]]
    expected += [np.repeat(x[:, None], 3, axis=1) for x in (past[:, -1], numbers)]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_signature_without_a_window_is_refused() -> None:
    with pytest.raises(ConfigError) as raised:
        layers.window_of(Signature.table(numbers=2))
    assert str(raised.value) == (
        "a model for forecasts needs a window of the past; got none – "
        "set `forecast.horizon`, or choose a model for tables, such as mlp"
    )
