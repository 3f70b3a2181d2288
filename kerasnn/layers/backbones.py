"""Known architectures of ``keras.applications``, as part of a network of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

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

# Color statistics of ImageNet, of pixels from 0 to 255; Caffe's order is blue, green, red.
MEAN, DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
CAFFE_MEAN = (103.939, 116.779, 123.68)


def backbone_features(
    x: KerasTensor, backbone: Backbone, *, resolution: int, name: str
) -> KerasTensor:
    """The mean over the image of a known architecture's last channels, with random weights.

    Its layers have the names that they have in ``keras.applications``, after a prefix; its pixels
    are prepared as its weights were trained. `load_pretrained` gives it those.

    Args:
        x: Pixels from 0 to 255; grey ones are repeated for each color.
        backbone: Name of the architecture in ``keras.applications``.
        resolution: Images with a side below that are enlarged by a whole factor.
        name: Prefix of the layers' names.

    Shape:
        x: (batch, height, width, 1 or 3); returns (batch, channels)

    Raises:
        ConfigError: A value is out of its range.
    """
    choices.check(backbone=backbone, resolution=resolution)
    if x.shape[-1] == 1:
        x = keras.layers.Concatenate(name=f"{name}_colors")([x, x, x])
    if (factor := -(-resolution // min(x.shape[1:3]))) > 1:
        x = keras.layers.UpSampling2D(factor, interpolation="bilinear", name=f"{name}_enlarged")(x)
    if backbone in _PREPARED:
        x = _PREPARED[backbone](x, name)
    sources = keras.utils.get_source_inputs(x)
    before = set(keras.Model(sources, x).layers)
    with keras.name_scope(name):
        x = application(backbone, input_tensor=x).output
    # Keras gives the layers of an architecture the same names each time.
    for layer in keras.Model(sources, x).layers:
        if layer not in before:
            layer.name = f"{name}_{layer.name}"
    return keras.layers.GlobalAveragePooling2D(name=f"{name}_pool")(x)


def application(backbone: Backbone, *, include_top: bool = False, **given: Any) -> keras.Model:
    """An architecture with random weights.

    Args:
        backbone: Name of the architecture.
        include_top: True to include the classifier of ImageNet.
        **given: ``input_shape`` or ``input_tensor``.
    """
    build = getattr(keras.applications, _APPLICATIONS[backbone])
    # Those that prepare pixels themselves do so by default.
    return build(include_top=include_top, weights=None, **given)


def _from_minus_one(x: KerasTensor, name: str) -> KerasTensor:
    return keras.layers.Rescaling(1 / 127.5, -1.0, dtype="float32", name=f"{name}_scaled")(x)


def _standardized(x: KerasTensor, name: str) -> KerasTensor:
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
    "densenet121": _standardized,
    "resnet50": _as_caffe,
}
