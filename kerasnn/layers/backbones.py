"""Known architectures of ``keras.applications``, as part of a network of one's own."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from kerasnn.errors import ConfigError
from kerasnn.layers import choices

if TYPE_CHECKING:
    from keras import KerasTensor

    from kerasnn.layers.choices import Backbone

_APPLICATIONS = {
    "mobilenet_v2": "MobileNetV2",
    "mobilenet_v3_small": "MobileNetV3Small",
    "mobilenet_v3_large": "MobileNetV3Large",
    "efficientnet_v2_b0": "EfficientNetV2B0",
    "densenet121": "DenseNet121",
    "resnet50": "ResNet50",
}

# Colour statistics of ImageNet, of pixels from 0 to 255; Caffe's order is blue, green, red.
MEAN, DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
CAFFE_MEAN = (103.939, 116.779, 123.68)


def backbone_features(
    x: KerasTensor, backbone: Backbone, *, resolution: int, name: str
) -> KerasTensor:
    """The mean over the image of a known architecture's last channels, with random weights.

    Its layers have the names that they have in ``keras.applications``, after a prefix; its pixels
    are prepared as its weights were trained. `load_pretrained` gives it those.

    Args:
        x: Pixels from 0 to 255; grey ones are repeated for each colour.
        backbone: Which architecture.
        resolution: Images with a side below that are enlarged by a whole factor.
        name: Prefix of the layers' names.

    Shape:
        x: (batch, height, width, 1 or 3); returns (batch, channels)

    Raises:
        ConfigError: A value is out of its range.
    """
    choices.check(backbone=backbone, resolution=resolution)
    if x.shape[-1] == 1:
        x = keras.layers.Concatenate(name=f"{name}_colours")([x, x, x])
    if (factor := -(-resolution // min(x.shape[1:3]))) > 1:
        x = keras.layers.UpSampling2D(factor, interpolation="bilinear", name=f"{name}_enlarged")(x)
    if backbone in _PREPARED:
        x = _PREPARED[backbone](x, name)
    before = set(_layers_behind(x))
    with keras.name_scope(name):
        x = _application(backbone, input_tensor=x).output
    # Keras gives the layers of an architecture the same names each time.
    for layer in _layers_behind(x):
        if layer not in before:
            layer.name = f"{name}_{layer.name}"
    return keras.layers.GlobalAveragePooling2D(name=f"{name}_pool")(x)


def load_pretrained(
    network: keras.Model, path: str | os.PathLike[str], *, backbone: Backbone
) -> None:
    """Give each image's encoder the weights that ``keras.applications`` offers for it.

    Args:
        network: With encoders made by `backbone_features`.
        path: The file of weights without the top, such as
            ``mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5``.
        backbone: Which architecture.

    Raises:
        ConfigError: The file is not of this architecture, or can't be read.
    """
    choices.check(backbone=backbone)
    try:
        source = _application(backbone, input_shape=(224, 224, 3), weights=os.fspath(path))
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigError(
            f"these are no weights of {backbone} without its top: {reason}",
            place=os.fspath(path),
            fix="take the file that keras.applications offers as 'no_top'",
        ) from None
    targets = {layer.name: layer for layer in network.layers}
    for name in (tensor.name for tensor in network.inputs):
        for layer in source.layers:
            if layer.weights and (target := targets.get(f"{name}_{layer.name}")):
                target.set_weights(layer.get_weights())


def _application(backbone: str, *, weights: str | None = None, **given: Any) -> keras.Model:
    build = getattr(keras.applications, _APPLICATIONS[backbone])
    # Those that prepare pixels themselves do so by default.
    return build(include_top=False, weights=weights, **given)


def _layers_behind(x: KerasTensor) -> list[keras.layers.Layer]:
    layers: list[keras.layers.Layer] = keras.Model(keras.utils.get_source_inputs(x), x).layers
    return layers


def _from_minus_one(x: KerasTensor, name: str) -> KerasTensor:
    return keras.layers.Rescaling(1 / 127.5, -1.0, dtype="float32", name=f"{name}_scaled")(x)


def _standardised(x: KerasTensor, name: str) -> KerasTensor:
    return keras.layers.Rescaling(
        [1 / each for each in DEVIATION],
        [-mean / each for mean, each in zip(MEAN, DEVIATION, strict=True)],
        dtype="float32",
        name=f"{name}_scaled",
    )(x)


def _as_caffe(x: KerasTensor, name: str) -> KerasTensor:
    return keras.layers.Rescaling(
        1.0, [-mean for mean in CAFFE_MEAN], dtype="float32", name=f"{name}_scaled"
    )(ops.take(x, [2, 1, 0], axis=3))


_PREPARED: dict[str, Callable[[Any, str], Any]] = {
    "mobilenet_v2": _from_minus_one,
    "densenet121": _standardised,
    "resnet50": _as_caffe,
}
