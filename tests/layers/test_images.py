"""Layers for images against the same formulas in NumPy and SciPy."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from helpers import outputs_of
from numpy.typing import NDArray
from scipy import signal

from kerasnn import layers
from kerasnn.errors import ConfigError
from kerasnn.layers.whitening import EPSILON, whitening_kernel
from kerasnn.signature import Image, Signature

Array = NDArray[Any]


def pixels(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(0, 256, shape).astype("float32")


def model_of(function: Any, *shape: int) -> keras.Model:
    inputs = keras.Input(shape)
    return keras.Model(inputs, function(inputs))


def test_scaled_pixels_are_standardised_in_float32() -> None:
    image = Image("photo", 4, 5, 3, (100.0, 120.0, 130.0), (50.0, 60.0, 0.5))
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = model_of(lambda x: layers.scale_pixels(x, image, name="scaled"), 4, 5, 3)
    finally:
        keras.config.set_dtype_policy("float32")
    x = pixels(2, 4, 5, 3)
    expected = (x - np.array(image.mean)) / np.array(image.deviation)
    scaled = outputs_of(model, x)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, expected, atol=1e-4)


def test_pixels_are_features_of_models_for_tables() -> None:
    signature = Signature.table(numbers=1, images=[(2, 3, 1), (1, 2, 3)], classes=2)
    inputs = layers.build_inputs(signature)
    assert {name: tensor.shape[1:] for name, tensor in inputs.items()} == {
        "numbers": (1,),
        "image": (2, 3, 1),
        "image_2": (1, 2, 3),
    }
    model = keras.Model(inputs, layers.encode(inputs, signature))
    rows = {
        "numbers": np.float32([[1], [2]]),
        "image": pixels(2, 2, 3, 1),
        "image_2": pixels(2, 1, 2, 3, seed=1),
    }
    flat = [rows[name].reshape(2, -1) for name in ("image", "image_2")]
    expected = np.hstack([rows["numbers"], *((each - 127.5) / 73.6 for each in flat)])
    outputs = model({k: keras.ops.convert_to_tensor(v) for k, v in rows.items()})
    np.testing.assert_allclose(outputs, expected, atol=1e-5)


def test_one_encoder_an_image_beside_one_block_for_the_table() -> None:
    signature = Signature.table(
        numbers=2, categories=(4,), images=[(4, 4, 1), (6, 3, 3)], classes=2
    )
    inputs = layers.build_inputs(signature)
    seen = {}

    def backbone(x: Any, name: str) -> Any:
        seen[name] = tuple(x.shape[1:])
        return layers.global_pool(x, "max", name=f"{name}_pool")

    features = layers.image_features(inputs, signature, backbone)
    model = keras.Model(inputs, features)
    assert seen == {"image": (4, 4, 1), "image_2": (6, 3, 3)}
    assert features.shape == (None, 1 + 3 + 64)
    assert model.get_layer("image_2_features").output.shape == (None, 3)
    assert model.get_layer("features").output is features
    assert model.get_layer("table").kernel.shape == (2 + 3, 64)


def test_a_signature_without_an_image_is_refused() -> None:
    signature = Signature.table(numbers=2)
    with pytest.raises(ConfigError) as raised:
        layers.image_features(layers.build_inputs(signature), signature, lambda x, _: x)
    assert str(raised.value) == (
        "a model for images needs an image column; got none – "
        "add one, or choose a model for tables, such as mlp"
    )


@pytest.mark.parametrize(("shape", "halved"), [((9, 4), (4, 2)), ((3, 8), (3, 4)), ((3, 2), None)])
def test_only_large_sides_are_halved(shape: tuple[int, int], halved: tuple[int, int]) -> None:
    x = keras.Input((*shape, 2))
    half = layers.halve(x, name="half")
    assert (half is x) if halved is None else half.shape[1:3] == halved


@pytest.mark.parametrize(
    ("side", "stem", "patch"),
    [(1, 1, 1), (8, 1, 1), (28, 1, 4), (32, 1, 4), (63, 1, 8), (64, 2, 8), (224, 4, 16)],
)
def test_strides_go_by_the_size(side: int, stem: int, patch: int) -> None:
    x = keras.Input((side, side, 3))
    assert layers.stem_stride(x) == stem
    assert layers.power_of_two(x, 1 / 8, largest=16, nearest=True) == patch


@pytest.mark.parametrize(("channels", "width"), [(2, 5), (5, 2)])
def test_dirac_convolution_repeats_its_input(channels: int, width: int) -> None:
    model = model_of(
        lambda x: layers.dirac_convolution(x, width=width, name="conv"), 5, 6, channels
    )
    x = pixels(3, 5, 6, channels)
    kept = min(channels, width)
    np.testing.assert_array_equal(outputs_of(model, x)[..., :kept], x[..., :kept])
    (kernel,) = model.get_layer("conv").get_weights()
    rest = kernel[..., kept:]
    bound = 1 / np.sqrt(9 * channels)
    assert np.abs(rest).max(initial=0) <= bound
    if rest.size:
        assert 0.4 * bound < rest.std() < 0.75 * bound


def test_convolution_is_that_of_scipy() -> None:
    model = model_of(lambda x: layers.convolution(x, width=1, size=3, name="conv"), 6, 5, 1)
    (kernel,) = model.get_layer("conv").get_weights()
    x = pixels(1, 6, 5, 1)
    expected = signal.correlate2d(x[0, :, :, 0], kernel[:, :, 0, 0], mode="same")
    np.testing.assert_allclose(outputs_of(model, x)[0, :, :, 0], expected, rtol=1e-4, atol=1e-3)


def test_shift_norm_has_a_shift_with_a_rate_of_its_own_and_no_scale() -> None:
    model = model_of(
        lambda x: layers.shift_norm(x, momentum=0.6, bias_rate=64.0, name="norm"), 2, 2, 3
    )
    layer, x = model.get_layer("norm"), pixels(8, 2, 2, 3)
    (shift,) = layer.trainable_weights
    assert shift.learning_rate_factor == 64.0
    shift.assign([1.0, 2.0, 3.0])
    mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    expected = (x - mean) / np.sqrt(variance + 1e-5) + [1, 2, 3]
    np.testing.assert_allclose(outputs_of(model, x, training=True), expected, atol=1e-4)
    np.testing.assert_allclose(layer.moving_mean, 0.4 * mean, rtol=1e-4)


def test_layer_scale_is_one_factor_a_channel() -> None:
    model = model_of(lambda x: layers.layer_scale(x, 0.1, name="scale"), 3, 2, 4)
    x = pixels(2, 3, 2, 4)
    np.testing.assert_allclose(outputs_of(model, x), 0.1 * x, rtol=1e-6)
    model.get_layer("scale").set_weights([np.float32([1, 2, 3, 4]).reshape(1, 1, 4, 1)])
    np.testing.assert_allclose(outputs_of(model, x), x * [1, 2, 3, 4], rtol=1e-6)


def test_drop_path_leaves_rows_or_drops_them_whole() -> None:
    model = model_of(lambda x: layers.drop_path(x, 0.5, name="path"), 3, 2, 4)
    x = pixels(64, 3, 2, 4) + 1
    np.testing.assert_array_equal(outputs_of(model, x), x)
    factors = outputs_of(model, x, training=True) / x
    assert (np.ptp(factors, axis=(1, 2, 3)) < 1e-5).all()
    assert set(factors[:, 0, 0, 0].round(3)) == {0.0, 2.0}


@pytest.mark.parametrize("side", [1, 2, 3])
def test_patches_are_squares_row_by_row(side: int) -> None:
    x = pixels(2, 4, 5, 3)
    down, right = -(-4 // side), -(-5 // side)
    padded = np.zeros((2, down * side, right * side, 3), "float32")
    padded[:, :4, :5] = x
    expected = np.stack(
        [
            padded[:, i * side : (i + 1) * side, j * side : (j + 1) * side].reshape(2, -1)
            for i in range(down)
            for j in range(right)
        ],
        axis=1,
    )
    model = model_of(lambda x: layers.patches(x, side=side, name="patches"), 4, 5, 3)
    np.testing.assert_array_equal(outputs_of(model, x), expected)


def test_positions_are_one_kernel_and_a_bias_each() -> None:
    model = model_of(lambda x: layers.positions(x, width=3, name="positions"), 4, 2)
    kernel, bias = model.get_layer("positions").get_weights()
    assert (kernel.shape, bias.shape) == ((2, 3), (4, 3))
    assert 0.005 < bias.std() < 0.05
    x = pixels(5, 4, 2) / 255
    np.testing.assert_allclose(outputs_of(model, x), x @ kernel + bias, atol=1e-6)


def test_transformer_block_by_its_parts() -> None:
    """Attention of one head in NumPy, with norms that have no scale or shift yet."""
    block = {"heads": 1, "expansion": 2.0, "dropout": 0.0, "drop_path": 0.0}
    model = model_of(lambda x: layers.transformer_block(x, **block, name="block"), 4, 6)
    x = np.random.default_rng(0).normal(size=(2, 4, 6)).astype("float32")
    query, query_bias, key, key_bias, value, value_bias, back, back_bias = (
        np.squeeze(weight) for weight in model.get_layer("block_attention").get_weights()
    )
    normal = _normal(x)
    scores = (normal @ query + query_bias) @ (normal @ key + key_bias).transpose(0, 2, 1)
    shares = np.exp(scores / np.sqrt(6))
    shares /= shares.sum(axis=2, keepdims=True)
    attended = x + shares @ (normal @ value + value_bias) @ back + back_bias
    first, first_bias = model.get_layer("block_dense_1").get_weights()
    second, second_bias = model.get_layer("block_dense_2").get_weights()
    hidden = _normal(attended) @ first + first_bias
    hidden = hidden * (1 + np.tanh(np.sqrt(2 / np.pi) * (hidden + 0.044715 * hidden**3))) / 2
    np.testing.assert_allclose(
        outputs_of(model, x), attended + hidden @ second + second_bias, atol=1e-5
    )


def _normal(x: Array) -> Array:
    variance = x.var(axis=2, keepdims=True)
    result: Array = (x - x.mean(axis=2, keepdims=True)) / np.sqrt(variance + 1e-5)
    return result


def test_whitening_kernel_makes_patches_uncorrelated() -> None:
    generator = np.random.default_rng(0)
    patches = generator.normal(size=(5000, 12)) @ generator.normal(size=(12, 12))
    covariance = patches.T @ patches / len(patches)
    kernel = whitening_kernel(covariance, (2, 2, 3, 24))
    white = patches @ kernel.reshape(12, 24)
    np.testing.assert_allclose(white[:, 12:], -white[:, :12], rtol=1e-5, atol=1e-6)
    values = np.linalg.eigvalsh(covariance)
    expected = np.diag(values / (values + EPSILON))
    np.testing.assert_allclose(white[:, :12].T @ white[:, :12] / 5000, expected, atol=1e-4)


@pytest.mark.parametrize(("size", "stride"), [(2, 1), (2, 2), (3, 2)])
def test_whitening_is_of_the_training_patches(size: int, stride: int) -> None:
    signature = Signature.image(7, 6, 2, classes=2)
    inputs = layers.build_inputs(signature)

    def backbone(x: Any, name: str) -> Any:
        x = layers.whitening_layer(x, size=size, stride=stride, name=f"{name}_whitening")
        return layers.global_pool(x, "mean", name=f"{name}_pool")

    network = keras.Model(inputs, layers.image_features(inputs, signature, backbone))
    assert not network.trainable_weights
    images = (pixels(300, 7, 6, 2) / 2).astype("uint8")
    images[..., 1] = images[..., 0] // 2  # what channels share is to be taken apart
    layers.whiten(network, {"image": images}, seed=0)
    scaled = (images.astype("float64") - 127.5) / 73.6
    patches = np.array(
        [
            scaled[:, i : i + size, j : j + size].reshape(len(images), -1)
            for i in range(0, 7 - size + 1, stride)
            for j in range(0, 6 - size + 1, stride)
        ]
    ).reshape(-1, size * size * 2)
    kernel = network.get_layer("image_whitening").get_weights()[0]
    half = kernel.reshape(len(patches.T), -1)[:, : len(patches.T)]
    covariance = patches.T @ patches / len(patches)
    values = np.linalg.eigvalsh(covariance)
    found = half.T @ covariance @ half
    np.testing.assert_allclose(found, np.diag(values / (values + EPSILON)), atol=1e-3)


def test_images_without_variation_are_whitened_to_finite_numbers() -> None:
    inputs = keras.Input((4, 4, 1), name="image")
    x = keras.layers.Rescaling(1 / 255, name="image_scaled")(inputs)
    whitened = layers.whitening_layer(x, name="image_whitening")
    network = keras.Model({"image": inputs}, whitened)
    layers.whiten(network, {"image": np.zeros((3, 4, 4, 1), "uint8")}, seed=0)
    assert np.isfinite(network.get_layer("image_whitening").get_weights()[0]).all()
