"""What the columns of other kinds say, beside those that a model is made for."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING

import keras
from keras import ops

from kerasnn.layers.blocks import concatenate_features, dense_block
from kerasnn.layers.convolutions import conv_block, global_pool, stem_stride
from kerasnn.layers.initializers import initializer_for
from kerasnn.layers.mel import mel_frames
from kerasnn.layers.pixels import scale_pixels
from kerasnn.layers.series import scaled_series
from kerasnn.layers.tables import table_parts
from kerasnn.layers.texts import bag

if TYPE_CHECKING:
    from keras import KerasTensor

    from kerasnn.signature import Image, Kind, Signature

TABLE_WIDTH = 64
TEXT_WIDTH, TEXT_BUCKETS = 16, 1 << 15
IMAGE_WIDTHS = (16, 32)
STEP_WIDTH, STEP_KERNEL, STEP_DEPTH = 32, 5, 2


def auxiliary_features(
    inputs: dict[str, KerasTensor], signature: Signature, *, done: Set[Kind]
) -> list[KerasTensor]:
    """Small encoders of the columns that a model has none of its own for.

    Numbers and categories go through one dense block together, each text through a bag of n-grams,
    each image, series and sound through a few convolutions.

    Args:
        inputs: Input tensors by name, made by `build_inputs`.
        signature: Description of the inputs and the output.
        done: Kinds that the model itself takes; ``number`` stands for the whole table.

    Shape:
        returns (batch, any) each; none where there are no other columns
    """
    parts = []
    if "number" not in done and (table := table_parts(inputs, signature)):
        columns = concatenate_features(table, name="table_columns")
        parts.append(dense_block(columns, width=TABLE_WIDTH, activation="silu", name="table"))
    if "image" not in done:
        for name, image in signature.image_inputs.items():
            parts.append(_image(inputs[name], image, name=f"{name}_auxiliary"))
    return [*parts, *auxiliary_sequence_features(inputs, signature, done=done)]


def auxiliary_sequence_features(
    inputs: dict[str, KerasTensor], signature: Signature, *, done: Set[Kind] = frozenset()
) -> list[KerasTensor]:
    """Encode texts, series and sounds as `auxiliary_features` does."""
    parts = []
    if "text" not in done:
        for name, text in signature.text_inputs.items():
            prefix = f"{name}_auxiliary"
            parts.append(
                bag(
                    inputs[name],
                    text,
                    width=TEXT_WIDTH,
                    ngrams=0,
                    buckets=TEXT_BUCKETS,
                    name=prefix,
                )
            )
    if "series" not in done:
        for name, series in signature.series_inputs.items():
            steps = scaled_series(inputs[name], series, name=f"{name}_auxiliary")
            parts.append(_steps(*steps, name=f"{name}_auxiliary"))
    if "sound" not in done:
        for name, sound in signature.sound_inputs.items():
            steps = mel_frames(inputs[name], sound, name=f"{name}_auxiliary")
            parts.append(_steps(*steps, name=f"{name}_auxiliary"))
    return parts


def _image(x: KerasTensor, image: Image, *, name: str) -> KerasTensor:
    """(batch, height, width, channels) → (batch, 32)."""
    x = scale_pixels(x, image, name=f"{name}_scaled")
    stride = max(2, stem_stride(x))
    for i, width in enumerate(IMAGE_WIDTHS):
        x = conv_block(x, width=width, stride=stride, normalization="layer", name=f"{name}_{i + 1}")
    return global_pool(x, "mean", name=f"{name}_pool")


def _steps(x: KerasTensor, mask: KerasTensor, *, name: str) -> KerasTensor:
    """(batch, time, any) → (batch, 32): the mean of what convolutions find within the mask."""
    mask = ops.expand_dims(mask, -1)
    for i in range(STEP_DEPTH):
        x = keras.layers.Conv1D(
            STEP_WIDTH,
            STEP_KERNEL,
            padding="same",
            activation="relu",
            kernel_initializer=initializer_for("auto", activation="relu"),
            name=f"{name}_{i + 1}",
        )(x)
        # The bias of the layer must not say where a sequence ends.
        x = x * ops.cast(mask, x.dtype)
    count = ops.maximum(ops.sum(mask, axis=1), 1.0)
    return ops.sum(x, axis=1) / ops.cast(count, x.dtype)
