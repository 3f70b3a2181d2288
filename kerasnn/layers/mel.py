"""The mel spectrogram of a sound as a part of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
from keras import ops

from kerasnn.preprocessing import mel

if TYPE_CHECKING:
    from keras import KerasTensor

    from kerasnn.signature import Sound


def mel_frames(x: KerasTensor, sound: Sound, *, name: str) -> tuple[KerasTensor, KerasTensor]:
    """The scaled logarithm of the mel spectrogram, 0 behind the end; and the mask.

    The Fourier transform and the bands are layers with weights that are not trained, see
    `kerasnn.preprocessing.mel`; all of it is float32, also where the network computes in less.

    Args:
        x: Samples from -1 to 1, NaN behind the end.
        sound: Their rate, and the mean and the deviation of the logarithm.
        name: Prefix of the layers' names.

    Shape:
        x: (batch, samples); returns (batch, frames, bands) and (batch, frames)
    """
    gone = ops.isnan(x)
    # A frame counts where it begins within the sound.
    mask = 1.0 - ops.cast(gone[:, :: mel.hop_length(sound.rate)], "float32")
    # In this order: of the other one ONNX's converter makes a product, in which NaN stays.
    samples = ops.where(gone, 0.0, x)
    behind = mel.padding(sound.samples, sound.rate)
    if behind > 0:
        samples = ops.pad(samples, ((0, 0), (0, behind)))
    waves, triangles = mel.waves(sound.rate), mel.triangles(sound.rate)
    parts = _fixed(
        keras.layers.Conv1D(
            waves.shape[1],
            waves.shape[0],
            strides=mel.hop_length(sound.rate),
            use_bias=False,
            trainable=False,
            dtype="float32",
            name=f"{name}_waves",
        ),
        ops.expand_dims(samples, 2),
        waves[:, None],
    )
    cosines, sines = ops.split(ops.square(parts), 2, axis=2)
    bands = keras.layers.Dense(
        triangles.shape[1],
        use_bias=False,
        trainable=False,
        dtype="float32",
        name=f"{name}_bands",
    )
    power = _fixed(bands, cosines + sines, triangles)
    logarithm = ops.log(ops.maximum(power, mel.FLOOR))
    scaled = keras.layers.Rescaling(
        1 / sound.deviation,
        -sound.mean / sound.deviation,
        dtype="float32",
        name=f"{name}_scaled",
    )(logarithm)
    return ops.multiply(scaled, ops.expand_dims(mask, 2)), mask


def _fixed(layer: keras.layers.Layer, x: KerasTensor, kernel: object) -> KerasTensor:
    """A layer without a bias, applied with a given kernel."""
    outputs = layer(x)
    layer.kernel.assign(kernel)
    return outputs
