"""From the images of a `Signature`, and what is beside them, to one matrix of features."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import keras

from kerasnn.errors import ConfigError
from kerasnn.layers.beside import beside_parts
from kerasnn.layers.blocks import side_by_side
from kerasnn.layers.pixels import scale_pixels

if TYPE_CHECKING:
    from keras import KerasTensor

    from kerasnn.signature import Signature

# From scaled pixels and a prefix of the layers' names to (batch, any).
Backbone = Callable[["KerasTensor", str], "KerasTensor"]


def image_features(
    inputs: dict[str, KerasTensor],
    signature: Signature,
    backbone: Backbone,
    *,
    scale: bool = True,
) -> KerasTensor:
    """One encoder a column of images, beside small ones for the other columns: `beside_parts`.

    The layers of an encoder are named after its input: ``image_…``, ``image_2_…``. The result of
    each is the layer ``image_features``, and what all say together is the layer ``features``.

    Args:
        inputs: From `build_inputs`.
        signature: What the inputs hold.
        backbone: Called for each image with its scaled pixels and the name of its input, which
            begins the names of its layers.
        scale: Whether pixels are scaled first; else they come as they are, from 0 to 255.

    Shape:
        returns (batch, features of all images and of what is beside them)

    Raises:
        ConfigError: The signature has no image.
    """
    if not signature.images:
        raise ConfigError(
            "a model for images needs an image column; got none",
            fix="add one, or choose a model for tables, such as mlp",
        )
    parts = []
    for name, image in signature.image_inputs.items():
        x = scale_pixels(inputs[name], image, name=f"{name}_scaled") if scale else inputs[name]
        parts.append(keras.layers.Identity(name=f"{name}_features")(backbone(x, name)))
    parts += beside_parts(inputs, signature, done={"image"})
    return keras.layers.Identity(name="features")(side_by_side(parts, name="features_beside"))
