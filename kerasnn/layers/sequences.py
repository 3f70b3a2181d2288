"""From the sequences of a `Signature`, and what is beside them, to one matrix of features.

Texts, series, sounds and the window of a forecast all become vectors in the order of time, and a
mask that says where there are any: 1 up to the end of a sequence, 0 behind it. What an encoder says
of a sequence must not depend on what is behind its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import keras
from keras import ops

from kerasnn.layers.auxiliary_encoders import auxiliary_features
from kerasnn.layers.blocks import concatenate_features, dense_block, network, output_layer
from kerasnn.layers.features import build_inputs
from kerasnn.layers.forecasts import forecast_output, scaled_window
from kerasnn.layers.mel import mel_frames
from kerasnn.layers.required_inputs import missing_input
from kerasnn.layers.series import scaled_series
from kerasnn.layers.texts import embed

if TYPE_CHECKING:
    from keras import KerasTensor

    from kerasnn.signature import Signature

# From vectors (batch, time, any), a mask (batch, time) of 0 and 1 in float32, and a prefix of the
# layers' names to (batch, any).
Encoder = Callable[["KerasTensor", "KerasTensor", str], "KerasTensor"]

AHEAD_WIDTH = 64


def sequence_network(
    signature: Signature, encoder: Encoder, *, embedding: int = 64, name: str
) -> keras.Model:
    """A network of one encoder a sequence, for any task; a forecast gets its window's scale back.

    Args:
        signature: The inputs and the output.
        encoder: Encoder as described by `sequence_features`.
        embedding: Width of the vectors of a text's tokens.
        name: Name of the network.

    Raises:
        ConfigError: The signature has no sequence, or a value is out of its range.
    """
    inputs = build_inputs(signature)
    if signature.window is None:
        features = sequence_features(inputs, signature, encoder, embedding=embedding)
        return network(inputs, output_layer(features, signature), name=name)
    past, restore = scaled_window(inputs, signature, "standard")
    features = _with_auxiliary_features(
        inputs, signature, [_window_features(past, inputs, signature, encoder)]
    )
    return network(inputs, forecast_output(features, signature, restore), name=name)


def sequence_features(
    inputs: dict[str, KerasTensor],
    signature: Signature,
    encoder: Encoder,
    *,
    embedding: int = 64,
) -> KerasTensor:
    """One encoder a text, series and sound, beside what the other columns say.

    The layers of an encoder are named after its input: ``series_…``, ``series_2_…``. The result of
    each is the layer ``series_features``, and what all say together is the layer ``features``.

    Args:
        inputs: Input tensors by name, made by `build_inputs`.
        signature: Description of the inputs and the output, without a window.
        encoder: Called for each sequence with its vectors, (batch, time, any), its mask,
            (batch, time), float32 of 0 and 1, and the name of its input, which begins the names of
            its layers.
        embedding: Width of the vectors of a text's tokens.

    Shape:
        returns (batch, features of all sequences and of what is beside them)

    Raises:
        ConfigError: The signature has no sequence.
    """
    parts = [
        keras.layers.Identity(name=f"{name}_features")(encoder(x, mask, name))
        for name, x, mask in _sequences(inputs, signature, embedding=embedding)
    ]
    if not parts:
        raise missing_input("sequence")
    return _with_auxiliary_features(inputs, signature, parts)


def _sequences(
    inputs: dict[str, KerasTensor], signature: Signature, *, embedding: int
) -> Iterator[tuple[str, KerasTensor, KerasTensor]]:
    """Name, vectors and mask of each sequence."""
    for name, text in signature.text_inputs.items():
        yield name, *embed(inputs[name], text, width=embedding, name=name)
    for name, series in signature.series_inputs.items():
        yield name, *scaled_series(inputs[name], series, name=name)
    for name, sound in signature.sound_inputs.items():
        yield name, *mel_frames(inputs[name], sound, name=name)


def _with_auxiliary_features(
    inputs: dict[str, KerasTensor], signature: Signature, parts: list[KerasTensor]
) -> KerasTensor:
    """Features of the sequences beside those of the other columns."""
    parts = [*parts, *auxiliary_features(inputs, signature, done={"text", "series", "sound"})]
    return keras.layers.Identity(name="features")(concatenate_features(parts, name="all_features"))


def _window_features(
    past: KerasTensor, inputs: dict[str, KerasTensor], signature: Signature, encoder: Encoder
) -> KerasTensor:
    """The encoder over the past and all that is known of it; a dense block for what is ahead."""
    window = signature.window
    assert window is not None
    vectors = [past, *([inputs["past_covariates"]] if window.past_covariates else [])]
    known = inputs["future_covariates"] if window.future_covariates else None
    if known is not None:
        vectors.append(known[:, : window.lookback])
    x = concatenate_features(vectors, name="window")
    encoded = encoder(x, ops.ones_like(x[:, :, 0]), "past")
    parts = [keras.layers.Identity(name="past_features")(encoded)]
    if known is not None:
        ahead = keras.layers.Flatten(name="ahead_flat")(known[:, window.lookback :])
        parts.append(dense_block(ahead, width=AHEAD_WIDTH, activation="silu", name="ahead"))
    return concatenate_features(parts, name="past_and_ahead")
