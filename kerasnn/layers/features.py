"""The inputs of a `Signature`, and from them to one matrix of features or to linear scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import keras
from keras import ops

from kerasnn.errors import ConfigError
from kerasnn.layers.auxiliary_encoders import auxiliary_sequence_features
from kerasnn.layers.blocks import add, concatenate_features
from kerasnn.layers.mel import mel_frames
from kerasnn.layers.pixels import scale_pixels
from kerasnn.layers.series import scaled_series
from kerasnn.layers.tables import look_up, one_hot, table_parts
from kerasnn.layers.texts import bag

if TYPE_CHECKING:
    from keras import KerasTensor

    from kerasnn.signature import Signature, Window

# Weights that the n-grams of a text share in a linear model.
LINEAR_BUCKETS = 1 << 18
# Inputs that the networks of an average share, while one of them is built.
_given: ContextVar[Mapping[str, KerasTensor] | None] = ContextVar("given", default=None)


@contextmanager
def on_inputs(inputs: Mapping[str, KerasTensor]) -> Iterator[None]:
    """Let a network be built on inputs that there are, so that it can be part of another one.

    Args:
        inputs: Tensors that `build_inputs` returns inside the context.
    """
    token = _given.set(inputs)
    try:
        yield
    finally:
        _given.reset(token)


def build_inputs(signature: Signature) -> dict[str, KerasTensor]:
    """A ``keras.Input`` for each input of the signature, by its name.

    Shape:
        As told by the classes of `kerasnn.signature`; images are float32.

    Raises:
        ConfigError: The signature has no input.
    """
    given = _given.get()
    if given is not None:
        return dict(given)
    inputs = {}
    if signature.numbers:
        inputs["numbers"] = keras.Input((len(signature.numbers.names),), name="numbers")
    for encoding, each in enumerate(signature.members, start=2):
        if each.numbers:
            name = f"numbers_{encoding}"
            inputs[name] = keras.Input((len(each.numbers.names),), name=name)
    if signature.categories:
        width = len(signature.categories.names)
        inputs["categories"] = keras.Input((width,), dtype="int32", name="categories")
    for name, image in signature.image_inputs.items():
        shape = (image.height, image.width, image.channels)
        inputs[name] = keras.Input(shape, dtype="float32", name=name)
    for name, text in signature.text_inputs.items():
        inputs[name] = keras.Input((text.length,), dtype="int32", name=name)
    for name, series in signature.series_inputs.items():
        inputs[name] = keras.Input((series.length, series.channels), dtype="float32", name=name)
    for name, sound in signature.sound_inputs.items():
        inputs[name] = keras.Input((sound.samples,), dtype="float32", name=name)
    if signature.window:
        inputs |= _window_inputs(signature.window)
    if not inputs:
        raise ConfigError("a network needs an input; got none", hint="add a column to learn from")
    return inputs


def _window_inputs(window: Window) -> dict[str, KerasTensor]:
    whole = window.lookback + window.horizon
    shapes = {
        "past": (window.lookback, len(window.targets)),
        "past_covariates": (window.lookback, len(window.past_covariates)),
        "future_covariates": (whole, len(window.future_covariates)),
    }
    return {
        name: keras.Input(shape, dtype="float32", name=name)
        for name, shape in shapes.items()
        if shape[-1]
    }


def encode(inputs: dict[str, KerasTensor], signature: Signature) -> KerasTensor:
    """All features side by side: numbers, one-hot categories, learned embeddings, scaled pixels.

    An unknown category is all zeros as one-hot. In an embedding, missing and unknown start as
    zeros, and so stay silent where training never saw them. A pixel is a number like another here:
    a model for images goes through `image_features`. Texts, series and sounds have the small
    encoders of `auxiliary_features`.

    Args:
        inputs: Input tensors by name, made by `build_inputs`.
        signature: Description of the inputs and the output.

    Shape:
        returns (batch, numbers + one-hot columns + embedding widths + pixels · channels + …)
    """
    parts = [*table_parts(inputs, signature), *_flat_pixels(inputs, signature)]
    parts += auxiliary_sequence_features(inputs, signature)
    return concatenate_features(parts, name="features")


def linear_scores(inputs: dict[str, KerasTensor], signature: Signature) -> KerasTensor:
    """A linear model of all columns and pixels, every category as if one-hot; starts at zero.

    Of a text, each n-gram has a weight, and the mean of these counts. Readings of a
    series are numbers like others; of a sound, the mean of each band of its mel spectrogram is one.

    Args:
        inputs: Input tensors by name, made by `build_inputs`.
        signature: Description of the inputs and the output.

    Shape:
        returns (batch, output.width)
    """
    narrow = [inputs["numbers"]] if signature.numbers else []
    scores, width = [], signature.output.width
    if signature.categories:
        codes, widths = inputs["categories"], signature.categories.widths
        if columns := [i for i, each in enumerate(widths) if not each]:
            narrow.append(one_hot(codes, signature.categories, columns))
        if columns := [i for i, each in enumerate(widths) if each]:
            # The sum of one number a category is what a one-hot column times a kernel is.
            vectors = look_up(codes, signature.categories, columns, width, scale=0.0)
            scores.append(ops.sum(vectors, axis=1))
    narrow += _flat_pixels(inputs, signature, prefix="linear_")
    narrow += _flat_steps(inputs, signature)
    for name, text in signature.text_inputs.items():
        scores.append(
            bag(
                inputs[name],
                text,
                width=width,
                ngrams=0,
                buckets=LINEAR_BUCKETS,
                zeros=True,
                name=f"linear_{name}",
            )
        )
    if narrow:
        features = concatenate_features(narrow, name="linear_features")
        scores.append(
            keras.layers.Dense(width, kernel_initializer="zeros", name="linear_output")(features)
        )
    return add(scores, name="linear_scores") if len(scores) > 1 else scores[0]


def _flat_pixels(
    inputs: dict[str, KerasTensor], signature: Signature, *, prefix: str = ""
) -> list[KerasTensor]:
    """The scaled pixels of each image, (batch, pixels · channels)."""
    parts = []
    for name, image in signature.image_inputs.items():
        scaled = scale_pixels(inputs[name], image, name=f"{prefix}{name}_scaled")
        parts.append(keras.layers.Flatten(name=f"{prefix}{name}_flat")(scaled))
    return parts


def _flat_steps(inputs: dict[str, KerasTensor], signature: Signature) -> list[KerasTensor]:
    """The scaled readings of each series, (batch, length · channels), the mean frame of a sound."""
    parts = []
    for name, series in signature.series_inputs.items():
        steps, _ = scaled_series(inputs[name], series, name=f"linear_{name}")
        parts.append(keras.layers.Flatten(name=f"linear_{name}_flat")(steps))
    for name, sound in signature.sound_inputs.items():
        frames, mask = mel_frames(inputs[name], sound, name=f"linear_{name}")
        count = ops.maximum(ops.sum(mask, axis=1, keepdims=True), 1.0)
        parts.append(ops.sum(frames, axis=1) / count)
    return parts
