"""What is said of single models for images; the contract of all is in test_zoo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from kerasnn import layers, models
from kerasnn.bundle.weights import load_network, save_weights
from kerasnn.errors import ConfigError
from kerasnn.explain.saliency import feature_maps
from kerasnn.layers import backbones
from kerasnn.signature import Signature

IMAGE_MODELS = [name for name in models.names() if models.data_of(name) == "image"]
SMALL: dict[str, dict[str, Any]] = {
    "airbench": {"width": 4, "width_2": 4, "width_3": 4},
    "cnn": {"width": 4, "depth": 4},
    "convnext": {"width": 4, "depth": 1},
    "resnet9": {"width": 2},
    "vit": {"width": 4, "depth": 1, "heads": 2},
    "wide_resnet": {"width": 1, "depth": 10},
}


def images(*shape: int) -> NDArray[Any]:
    return np.random.default_rng(0).integers(0, 256, shape).astype("float32")


def shape_of(network: keras.Model, name: str) -> tuple[int, ...]:
    return tuple(network.get_layer(name).output.shape[1:])


@pytest.mark.parametrize("name", IMAGE_MODELS)
def test_a_table_without_images_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="a model for images needs an image column; got none"):
        models.build(name, Signature.table(numbers=2))


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (224, 224)])
@pytest.mark.parametrize("name", SMALL)
def test_any_size(name: str, size: tuple[int, int]) -> None:
    network = models.build(name, Signature.image(*size, 1, classes=3), **SMALL[name])
    outputs = network({"image": keras.ops.convert_to_tensor(images(2, *size, 1))})
    assert np.isfinite(outputs).all()
    scaled = shape_of(network, "image_scaled")
    assert scaled == (*size, 1)


@pytest.mark.parametrize("name", SMALL)
def test_layers_with_maps_are_named_by_their_place(name: str) -> None:
    signature = Signature.image(32, 32, classes=3)
    first, again = (feature_maps(models.build(name, signature, **SMALL[name])) for _ in range(2))
    assert list(first) == list(again)
    assert all(layer.startswith("image_") for layer in first)


@pytest.mark.parametrize(
    ("side", "sides"), [(8, [3, 3, 3]), (28, [13, 6, 3]), (32, [15, 7, 3]), (224, [28, 14, 7])]
)
def test_airbench_halves_by_the_size(side: int, sides: list[int]) -> None:
    network = models.build(
        "airbench", Signature.image(side, side, 3, classes=3), **SMALL["airbench"]
    )
    assert [shape_of(network, f"image_group_{i}_norm_2")[0] for i in (1, 2, 3)] == sides


def test_airbench_is_whitened_alike_with_one_seed() -> None:
    signature = Signature.table(images=[(8, 8, 3), (6, 9, 1)], classes=2)
    inputs = {"image": images(40, 8, 8, 3).astype("uint8"), "image_2": images(40, 6, 9, 1)}
    first, second = (models.build("airbench", signature, **SMALL["airbench"]) for _ in range(2))
    initialize = models.get("airbench").initialize
    assert initialize is not None
    for network in (first, second):
        before = [np.copy(keras.ops.convert_to_numpy(weight)) for weight in network.weights]
        initialize(network, inputs, None, 3)
        changed = {
            weight.path
            for weight, old in zip(network.weights, before, strict=True)
            if np.abs(keras.ops.convert_to_numpy(weight) - old).max() > 0
        }
        assert changed == {"image_whitening/kernel", "image_2_whitening/kernel"}
    for name in ("image_whitening", "image_2_whitening"):
        kernels = [network.get_layer(name).get_weights()[0] for network in (first, second)]
        np.testing.assert_array_equal(*kernels)
    assert not first.get_layer("image_whitening").trainable_weights


def test_airbench_trains_shifts_faster_and_scores_are_a_ninth() -> None:
    network = models.build("airbench", Signature.image(8, 8, 3, classes=3), **SMALL["airbench"])
    factors = {w.path: getattr(w, "learning_rate_factor", 1.0) for w in network.trainable_weights}
    assert {path for path, factor in factors.items() if factor == 64.0} == {
        f"image_group_{i}_norm_{j}/beta" for i in (1, 2, 3) for j in (1, 2)
    }
    inputs = {"image": keras.ops.convert_to_tensor(images(4, 8, 8, 3))}
    features = keras.Model(network.inputs, network.get_layer("features").output)(inputs)
    (kernel,) = network.get_layer("output").get_weights()
    np.testing.assert_allclose(network(inputs), features @ kernel / 9, atol=1e-5)


def test_airbench_of_three_convolutions_has_a_shortcut() -> None:
    signature = Signature.image(8, 8, 3, classes=3)
    network = models.build("airbench", signature, **SMALL["airbench"], depth=3)
    assert shape_of(network, "image_group_2_sum") == (3, 3, 4)


@pytest.mark.parametrize("depth", [2, 9, 14])
def test_depth_of_wide_resnet(depth: int) -> None:
    with pytest.raises(ConfigError) as raised:
        models.build("wide_resnet", Signature.image(8, 8), depth=depth)
    message = f"`depth` must be 4 plus a multiple of 6; got {depth} – take 10, 16, 22 or 28"
    assert str(raised.value) == message


def test_parameters_of_the_papers() -> None:
    """WRN-16-2 has 0.7 million, the ResNet-9 of cifar10-fast 6.57 million."""
    signature = Signature.image(32, 32, 3, classes=10)
    assert models.describe("wide_resnet", signature).parameters == 691_674
    assert models.describe("resnet9", signature).parameters == 6_573_120


def test_patches_of_vit_and_convnext() -> None:
    signature = Signature.image(30, 20, 3, classes=2)
    vit = models.build("vit", signature, **SMALL["vit"], patch=8)
    assert shape_of(vit, "image_positions") == (4 * 3, 4)
    convnext = models.build("convnext", signature, **SMALL["convnext"], patch=5)
    assert shape_of(convnext, "image_stem") == (6, 4, 4)


@pytest.fixture(scope="module")
def small_transfer() -> keras.Model:
    signature = Signature.table(numbers=1, images=[(20, 40, 1), (32, 32, 3)], classes=3)
    return models.build("transfer", signature, backbone="mobilenet_v3_small", resolution=32)


def test_transfer_has_an_encoder_an_image(small_transfer: keras.Model) -> None:
    assert shape_of(small_transfer, "image_enlarged") == (40, 80, 3)
    assert shape_of(small_transfer, "image_2_pool") == (576,)
    assert shape_of(small_transfer, "features") == (2 * 576 + 64,)
    paths = [weight.path for weight in small_transfer.weights]
    assert len(set(paths)) == len(paths)
    assert {"image/conv/kernel", "image_2/conv/kernel"} < set(paths)


def test_transfer_from_a_file_of_weights(small_transfer: keras.Model, tmp_path: Path) -> None:
    source = keras.applications.MobileNetV3Small(
        input_shape=(224, 224, 3), include_top=False, weights=None
    )
    for weight in source.weights:
        weight.assign(np.random.default_rng(0).uniform(0.1, 1, weight.shape))
    path = tmp_path / "no_top.weights.h5"
    source.save_weights(path)
    layers.load_pretrained(small_transfer, path, backbone="mobilenet_v3_small")
    for layer in source.layers:
        for name in ("image", "image_2"):
            if layer.weights:
                copied = small_transfer.get_layer(f"{name}_{layer.name}").get_weights()
                for weight, other in zip(layer.get_weights(), copied, strict=True):
                    np.testing.assert_array_equal(weight, other)


def test_transfer_goes_into_a_bundle_and_back() -> None:
    def build() -> keras.Model:
        signature = Signature.image(32, 32, 3, classes=2)
        return models.build("transfer", signature, backbone="mobilenet_v3_small", resolution=32)

    network = build()
    copy = load_network(build, save_weights(network))
    for weight, other in zip(network.weights, copy.weights, strict=True):
        np.testing.assert_array_equal(weight, other)


def test_pixels_are_prepared_as_the_weights_were_trained() -> None:
    """Against what keras.applications does before a network of theirs."""
    prepare = {
        "mobilenet_v2": keras.applications.mobilenet_v2.preprocess_input,
        "densenet121": keras.applications.densenet.preprocess_input,
        "resnet50": keras.applications.resnet.preprocess_input,
    }
    assert backbones._PREPARED.keys() == prepare.keys()
    x = images(2, 3, 4, 3)
    for name, expected in prepare.items():
        inputs = keras.Input((3, 4, 3))
        model = keras.Model(inputs, backbones._PREPARED[name](inputs, "image"))
        result = model(keras.ops.convert_to_tensor(x))
        np.testing.assert_allclose(result, expected(x.copy()), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("backbone", backbones._APPLICATIONS)
def test_every_backbone(backbone: str) -> None:
    network = models.build("transfer", Signature.image(32, 32, classes=2), backbone=backbone)
    inputs = {"image": keras.ops.convert_to_tensor(images(2, 32, 32, 3))}
    assert np.isfinite(network(inputs)).all()
