"""Saliency, filters and thumbnails against NumPy, on networks small enough to follow."""

from __future__ import annotations

import io

import keras
import numpy as np
import pytest
from PIL import Image as Pillow

from kerasnn import models
from kerasnn.data.resize import resample
from kerasnn.explain import saliency, thumbnails
from kerasnn.signature import Signature

SIGNATURE = Signature.image(8, 10, 3, classes=3)


def images(count: int = 4, signature: Signature = SIGNATURE) -> np.ndarray:
    image = signature.images[0]
    shape = (count, image.height, image.width, image.channels)
    return np.random.default_rng(0).integers(0, 256, shape).astype("uint8")


def counting_network() -> keras.Model:
    """Two maps, of the red and of the green pixels, whose means are the scores of two classes."""
    pixels = keras.Input((6, 6, 3), name="image")
    maps = keras.layers.Conv2D(2, 1, use_bias=False, name="maps")(pixels)
    scores = keras.layers.GlobalAveragePooling2D(name="scores")(maps)
    network = keras.Model({"image": pixels}, scores)
    network.get_layer("maps").kernel.assign(np.eye(3, dtype="float32")[None, None, :, :2])
    return network


def test_grad_cam_of_a_mean_is_the_map_itself() -> None:
    """The gradient of a mean is 1 / pixels everywhere, so only the class's own map is left."""
    pixels = np.random.default_rng(0).integers(0, 256, (3, 6, 6, 3)).astype("uint8")
    codes = np.array([0, 1, 1])
    found = saliency.grad_cam(counting_network(), {"image": pixels}, codes, "multiclass", "maps")
    expected = pixels[np.arange(3), :, :, codes].astype("float32")
    np.testing.assert_allclose(
        found, expected / expected.max(axis=(1, 2), keepdims=True), rtol=1e-5
    )


@pytest.mark.parametrize(("code", "sign"), [(0, -1), (1, 1)])
def test_grad_cam_of_two_classes_takes_the_side_of_the_class(code: int, sign: int) -> None:
    pixels = keras.Input((6, 6, 1), name="image")
    maps = keras.layers.Rescaling(1 / 127.5, -1)(pixels)
    maps = keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer="ones", name="maps")(maps)
    network = keras.Model({"image": pixels}, keras.layers.GlobalAveragePooling2D()(maps))
    given = np.random.default_rng(1).integers(0, 256, (2, 6, 6, 1)).astype("uint8")
    found = saliency.grad_cam(network, {"image": given}, np.array([code, code]), "binary", "maps")
    speaks = np.maximum(sign * (given[..., 0] / 127.5 - 1), 0)
    expected = speaks / speaks.max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_grad_cam_of_what_speaks_against_a_class_is_empty() -> None:
    network = counting_network()
    network.get_layer("maps").kernel.assign(-np.eye(3, dtype="float32")[None, None, :, :2])
    # ReLU leaves nothing of maps that are negative where the weights are positive.
    given = {"image": np.full((1, 6, 6, 3), 100, "uint8")}
    found = saliency.grad_cam(network, given, np.array([0]), "multiclass", "maps")
    assert (found == 0).all()


def test_pixel_gradient_of_a_linear_network_is_its_weights() -> None:
    pixels = keras.Input((5, 4, 2), name="image")
    outputs = keras.layers.Dense(2, name="scores")(keras.layers.Flatten()(pixels))
    network = keras.Model({"image": pixels}, outputs)
    given = {"image": np.zeros((1, 5, 4, 2), "uint8")}
    found = saliency.pixel_gradient(network, given, np.array([1]), "multiclass", "image")
    weights = np.abs(network.get_layer("scores").kernel.numpy()[:, 1]).reshape(5, 4, 2).sum(axis=2)
    expected = np.clip(weights / np.quantile(weights, 0.99), 0, 1)
    np.testing.assert_allclose(found[0], expected, rtol=1e-4)


def test_saliency_is_repeatable_and_does_not_depend_on_the_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = models.build("cnn", SIGNATURE, width=4, depth=2)
    given, codes = {"image": images()}, np.array([0, 1, 2, 0])
    whole = saliency.saliency(network, given, codes, task="multiclass")
    monkeypatch.setattr(saliency, "PIXELS_AT_ONCE", 100)
    parts = saliency.saliency(network, given, codes, task="multiclass")
    np.testing.assert_allclose(whole.maps, parts.maps, atol=1e-5)
    assert (whole.method, whole.layer) == ("grad_cam", parts.layer)


@pytest.mark.parametrize(
    ("signature", "side"),
    [(Signature.image(32, 32, 3, classes=3), 8), (Signature.image(8, 8, 1, classes=2), 8)],
)
def test_focus_is_the_last_layer_that_still_tells_a_place(signature: Signature, side: int) -> None:
    network = models.build("cnn", signature, width=2)
    layer = saliency.focus_layer(network)
    assert layer is not None
    assert min(saliency.feature_maps(network)[layer][:2]) == side
    after = list(saliency.feature_maps(network))
    after = after[after.index(layer) + 1 :]
    assert all(min(saliency.feature_maps(network)[name][:2]) < 6 for name in after)


@pytest.mark.parametrize("name", ["cnn", "airbench"])
def test_maps_are_what_the_layers_return(name: str) -> None:
    network = models.build(name, Signature.image(12, 12, 1, classes=3), width=4)
    given = {"image": images(2, Signature.image(12, 12, 1, classes=3))}
    for layer, shape in saliency.feature_maps(network).items():
        assert saliency.activations(network, given, layer).shape == (2, *shape)


@pytest.mark.parametrize("name", ["mlp", "vit"])
def test_without_maps_of_convolutions_it_is_the_gradient(name: str) -> None:
    signature = Signature.image(8, 8, 1, classes=2)
    small = {"depth": 1} if name == "vit" else {"depth": 1, "width": 8}
    network = models.build(name, signature, **small)
    found = saliency.saliency(
        network, {"image": images(2, signature)}, np.array([0, 1]), task="binary"
    )
    assert (found.method, found.layer, found.maps.shape) == ("gradient", None, (2, 8, 8))
    assert 0 <= found.maps.min() < found.maps.max() <= 1


def test_mixed_table_is_looked_at_by_its_image() -> None:
    signature = Signature.table(numbers=2, categories=[4], images=[(8, 8, 3)], classes=3)
    network = models.build("cnn", signature, width=4, depth=1)
    inputs = {
        "image": images(2, signature),
        "numbers": np.zeros((2, 2), "float32"),
        "categories": np.ones((2, 1), "int32"),
    }
    found = saliency.saliency(network, inputs, np.array([0, 1]), task="multiclass")
    assert found.method == "grad_cam"


def test_first_filters_are_the_kernels() -> None:
    network = models.build("cnn", SIGNATURE, width=4, depth=1)
    found = saliency.first_filters(network, SIGNATURE)
    assert found is not None
    layer, kernels = found
    expected = network.get_layer(layer).kernel.numpy()
    assert kernels.shape == (4, 3, 3, 3)
    np.testing.assert_array_equal(kernels[2], expected[:, :, :, 2])
    whitening = saliency.first_filters(models.build("airbench", SIGNATURE, width=4), SIGNATURE)
    assert whitening is not None
    assert (whitening[0], whitening[1].shape) == ("image_whitening", (24, 2, 2, 3))


def test_first_dense_layer_over_pixels_is_shown_as_images() -> None:
    network = models.build("mlp", SIGNATURE, width=5, depth=1)
    found = saliency.first_filters(network, SIGNATURE)
    assert found is not None
    layer, kernels = found
    assert kernels.shape == (5, 8, 10, 3)
    expected = network.get_layer(layer).kernel.numpy()
    np.testing.assert_array_equal(kernels[3].ravel(), expected[:, 3])


def test_resampled_maps_keep_their_mean_and_their_constants() -> None:
    maps = np.random.default_rng(0).random((2, 4, 4)).astype("float32")
    assert resample(maps, 8, 8).mean() == pytest.approx(maps.mean(), abs=1e-2)
    flat = resample(np.full((1, 3, 5), 0.25, "float32"), 9, 7)
    np.testing.assert_allclose(flat, np.full((1, 9, 7), 0.25), rtol=1e-6)


def opened(text: str) -> np.ndarray:
    import base64

    return np.asarray(Pillow.open(io.BytesIO(base64.b64decode(text))))


def test_small_thumbnails_are_exact_and_kept_once() -> None:
    album = thumbnails.Album()
    first, second = np.zeros((8, 10, 3), "uint8"), np.full((8, 10, 1), 7, "uint8")
    assert [album.add(each) for each in (first, second, first)] == [0, 1, 0]
    np.testing.assert_array_equal(opened(album.files[0]), first)
    np.testing.assert_array_equal(opened(album.files[1]), second[..., 0])


@pytest.mark.parametrize("shape", [(96, 96, 3), (300, 20, 1), (2, 900, 3), (1, 1, 1)])
def test_thumbnail_of_noise_is_small(shape: tuple[int, ...]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, shape).astype("uint8")
    content = thumbnails.small_file(noise, side=96, most=thumbnails.MOST_BYTES)
    assert len(content) <= thumbnails.MOST_BYTES
    width, height = Pillow.open(io.BytesIO(content)).size
    assert max(width, height) <= 96
    assert (width > height) == (shape[1] > shape[0])


def test_full_album_takes_no_more() -> None:
    album = thumbnails.Album()
    generator = np.random.default_rng(0)
    numbers = [
        album.add(generator.integers(0, 256, (64, 64, 3)).astype("uint8")) for _ in range(300)
    ]
    assert numbers[-1] is None
    assert 200 < len(album.files) == len(set(album.files)) < 300
    assert sum(map(len, album.files)) <= thumbnails.MOST_TEXT < 2**20


def test_sheet_has_each_picture_at_its_place() -> None:
    pictures = np.arange(5, dtype="uint8")[:, None, None, None] * np.ones((1, 2, 3, 1), "uint8")
    page = thumbnails.sheet(pictures, columns=2, line=9)
    assert page.shape == (3 * 3 - 1, 2 * 4 - 1, 1)
    assert page[3, 4, 0] == 3
    assert page[7, 5, 0] == 9


def test_sheet_that_is_too_large_is_halved() -> None:
    album = thumbnails.Album()
    noise = np.random.default_rng(0).integers(0, 256, (64, 40, 40, 3)).astype("uint8")
    file, shown = album.add_sheet(noise, columns=8)
    assert file == 0
    assert shown == 8


def test_kernels_are_grey_at_zero_and_full_at_their_largest() -> None:
    kernels = np.array([[-2.0, 0.0, 1.0]], "float32").reshape(1, 1, 3, 1)
    assert thumbnails.kernel_pictures(kernels).ravel().tolist() == [0, 128, 191]


def test_maps_have_the_colours_of_their_scale() -> None:
    import matplotlib

    album = thumbnails.Album()
    maps = np.array([[[0.0, 5.0]]], "float32")
    file, _ = album.add_maps(maps, columns=1)
    assert file == 0
    import base64

    image = Pillow.open(io.BytesIO(base64.b64decode(album.files[0]))).convert("RGB")
    ends = matplotlib.colormaps[thumbnails.MAP_SCALE]([0.0, 1.0], bytes=True)[:, :3]
    np.testing.assert_array_equal(np.asarray(image)[0], ends)


def test_overlay_is_stronger_where_the_map_is_higher() -> None:
    pixels = np.full((1, 2, 1), 100, "uint8")
    found = thumbnails.overlay(pixels, np.array([[0.0, 1.0]], "float32")).astype(int)
    spread = np.ptp(found, axis=2)[0]
    assert spread[1] > 2 * spread[0]
    assert found[0, 1, 0] > found[0, 1, 2]
