"""From the images of a `Signature`, and what is beside them, to one matrix of features.

The mel spectrogram of a sound is an image too: as high as there are bands, as wide as frames.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import keras
from keras import ops

from kerasnn.layers.auxiliary_encoders import auxiliary_features
from kerasnn.layers.blocks import concatenate_features
from kerasnn.layers.mel import mel_frames
from kerasnn.layers.pixels import scale_pixels
from kerasnn.layers.required_inputs import missing_input

if TYPE_CHECKING:
    from keras import KerasTensor

    from kerasnn.signature import Signature, Sound

# From scaled pixels and a prefix of the layers' names to (batch, any).
Backbone = Callable[["KerasTensor", str], "KerasTensor"]

# Of a spectrogram as pixels from 0 to 255, about those of an image.
MEAN, DEVIATION = 127.5, 50.0


def image_features(
    inputs: dict[str, KerasTensor],
    signature: Signature,
    backbone: Backbone,
    *,
    scale: bool = True,
) -> KerasTensor:
    """One encoder a column of images or sounds, beside small ones for others: `auxiliary_features`.

    The layers of an encoder are named after its input: ``image_…``, ``sound_2_…``. The result of
    each is the layer ``image_features``, and what all say together is the layer ``features``.

    Args:
        inputs: Input tensors by name, made by `build_inputs`.
        signature: Description of the inputs and the output.
        backbone: Called for each image with its scaled pixels and the name of its input, which
            begins the names of its layers; for a sound with its scaled mel spectrogram.
        scale: True to standardize the pixels, false to pass them on from 0 to 255.

    Shape:
        returns (batch, features of all images and sounds and of what is beside them)

    Raises:
        ConfigError: The signature has neither images nor sounds.
    """
    if not (signature.images or signature.sounds):
        raise missing_input("image")
    parts = []
    for name, image in signature.image_inputs.items():
        x = scale_pixels(inputs[name], image, name=f"{name}_scaled") if scale else inputs[name]
        parts.append(keras.layers.Identity(name=f"{name}_features")(backbone(x, name)))
    for name, sound in signature.sound_inputs.items():
        x = _spectrogram(inputs[name], sound, scale=scale, name=name)
        parts.append(keras.layers.Identity(name=f"{name}_features")(backbone(x, name)))
    parts += auxiliary_features(inputs, signature, done={"image", "sound"})
    return keras.layers.Identity(name="features")(concatenate_features(parts, name="all_features"))


def _spectrogram(x: KerasTensor, sound: Sound, *, scale: bool, name: str) -> KerasTensor:
    """(batch, samples) → (batch, bands, frames, 1), the lowest band below."""
    frames, _ = mel_frames(x, sound, name=name)
    image = ops.expand_dims(ops.flip(ops.transpose(frames, (0, 2, 1)), axis=1), 3)
    return image if scale else ops.clip(MEAN + DEVIATION * image, 0.0, 255.0)
