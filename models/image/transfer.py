"""Known architectures, to start from their trained weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kerasnn import layers
from kerasnn.layers import choices
from kerasnn.layers.choices import Backbone
from kerasnn.options import PreprocessingOptions, TrainingOptions

if TYPE_CHECKING:
    import keras
    from keras import KerasTensor

    from kerasnn.signature import Signature

# With weights to start from the rate is the head's; the end of the backbone has a lower one.
TRAINING_OPTIONS = TrainingOptions(epochs=20, batch_size=64, learning_rate=1e-3, patience=5)
PREPROCESSING = PreprocessingOptions(image_channels=3)


def transfer(
    signature: Signature,
    *,
    backbone: Backbone = "mobilenet_v2",
    resolution: int = 96,
    dropout: float = 0.2,
) -> keras.Model:
    """One linear layer over the features of an architecture of ``keras.applications``.

    Made to start from weights trained on ImageNet (``training.pretrained``, a local file): first
    the linear layer is trained on what the architecture says of each image, which is computed once,
    then the end of the architecture with it (``training.fine_tune``, ``training.fine_tune_rate``).
    Without a file it starts at random, and smaller networks are the better choice.

    kerasnn downloads nothing. A machine with internet makes the file of each architecture by
    ``keras.applications.MobileNetV2(include_top=False,
    weights="imagenet").save_weights("mobilenet_v2.weights.h5")``; the files that Keras itself
    downloads (``~/.keras/models/*.h5``) do as well.

    Pixels are prepared inside as each architecture wants them. The layer ``features`` is what the
    linear layer sees.

    Args:
        signature: The inputs and the output.
        backbone: Name of the architecture in ``keras.applications``.
        resolution: Images with a side below that, in pixels, are enlarged by a whole factor.
        dropout: Share of the features dropped in training, in [0, 1).

    Shape:
        image: (batch, height, width, channels); returns raw scores, (batch, output.width)

    Raises:
        ConfigError: A value is out of its range, or the signature has no image.

    Reference:
        Sandler et al., "MobileNetV2", 2018, arXiv 1801.04381, and the papers of the others.
        ImageNet top-1 by keras.io: mobilenet_v2 71.3 %, efficientnet_v2_b0 78.7 %, densenet121
        75.0 %, resnet50 74.9 %.

    >>> from kerasnn.signature import Signature
    >>> transfer(Signature.image(32, 32, classes=10), resolution=32).get_layer("features").output
    ... # doctest: +ELLIPSIS
    <KerasTensor shape=(None, 1280), dtype=float32, ...
    """
    choices.check(backbone=backbone, resolution=resolution, dropout=dropout)

    def encoder(x: KerasTensor, name: str) -> KerasTensor:
        return layers.backbone_features(x, backbone, resolution=resolution, name=name)

    inputs = layers.build_inputs(signature)
    x = layers.image_features(inputs, signature, encoder, scale=False)
    x = layers.drop(x, dropout, name="dropout")
    return layers.network(inputs, layers.output_layer(x, signature), name="transfer")


def load_weights(network: keras.Model, path: str, hyperparameters: Mapping[str, Any]) -> None:
    """Give a fresh network the weights of a file.

    Raises:
        ConfigError: They are not of the backbone.
    """
    layers.load_pretrained(network, path, backbone=hyperparameters["backbone"])
