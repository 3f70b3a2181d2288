"""Patches of images, and blocks that work on rows of vectors, of plain Keras layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import ops

from kerasnn.layers import blocks, choices
from kerasnn.layers.activations import activate

if TYPE_CHECKING:
    from keras import KerasTensor

POSITION_DEVIATION = 0.02


def patches(x: KerasTensor, *, side: int, name: str) -> KerasTensor:
    """The pixels of square patches, row by row; the image is padded with zeros to whole ones.

    Args:
        x: An image.
        side: Side of the square patches in pixels.
        name: Prefix of the layers' names.

    Shape:
        x: (batch, height, width, channels); returns
        (batch, ⌈height / side⌉ · ⌈width / side⌉, side² · channels)
    """
    _, height, width, channels = x.shape
    down, right = -(-height // side), -(-width // side)
    missing = ((0, down * side - height), (0, right * side - width))
    if missing != ((0, 0), (0, 0)):
        x = keras.layers.ZeroPadding2D(missing, name=f"{name}_padded")(x)
    if side > 1:
        cells = (down, side, right, side, channels)
        x = keras.layers.Reshape(cells, name=f"{name}_cells")(x)
        x = keras.layers.Permute((1, 3, 2, 4, 5), name=f"{name}_sorted")(x)
    return keras.layers.Reshape((down * right, side * side * channels), name=name)(x)


def positions(x: KerasTensor, *, width: int, name: str) -> KerasTensor:
    """One linear layer for all vectors, with a bias of its own for each position.

    Shape:
        x: (batch, count, any); returns (batch, count, width)
    """
    return keras.layers.EinsumDense(
        "abc,cd->abd",
        (x.shape[1], width),
        bias_axes="bd",
        bias_initializer=keras.initializers.RandomNormal(stddev=POSITION_DEVIATION),
        name=name,
    )(x)


def add_places(x: KerasTensor, *, name: str) -> KerasTensor:
    """The vectors plus sines and cosines of their places, of wave lengths from 2π to 20 000π.

    Shape:
        x: (batch, count, width); returns the same

    Reference:
        Vaswani et al., "Attention is all you need", 2017, arXiv 1706.03762.
    """
    half = -(-x.shape[2] // 2)
    speeds = (1e-4 ** (np.arange(half) / half)).astype("float32")
    # Counted in the network: as constants they would be long lists in a saved one.
    places = ops.cumsum(ops.ones_like(x[:, :, :1], dtype="float32"), axis=1) - 1.0
    angles = ops.multiply(places, speeds)
    waves = ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=2)[:, :, : x.shape[2]]
    return keras.layers.Add(name=name)([x, ops.cast(waves, x.dtype)])


def mean_vector(x: KerasTensor, *, name: str) -> KerasTensor:
    """The mean over all positions.

    Shape:
        x: (batch, count, width); returns (batch, width)
    """
    return keras.layers.GlobalAveragePooling1D(name=name)(x)


def feed_forward(
    x: KerasTensor, *, expansion: float, dropout: float = 0.0, name: str
) -> KerasTensor:
    """W₂ GELU(W₁ x) of the vector at each place.

    Args:
        x: Input tensor.
        expansion: Width of the hidden layer over that of x.
        dropout: Share of the hidden units dropped.
        name: Prefix of the layers' names.

    Shape:
        x: (batch, …, width); returns the same

    Raises:
        ConfigError: A value is out of its range.
    """
    choices.check(expansion=expansion)
    width = x.shape[-1]
    x = keras.layers.Dense(max(1, round(expansion * width)), name=f"{name}_1")(x)
    x = blocks.drop(activate(x, "gelu", name=f"{name}_activation"), dropout, name=f"{name}_dropout")
    return keras.layers.Dense(width, name=f"{name}_2")(x)


def transformer_block(
    x: KerasTensor,
    *,
    heads: int,
    expansion: float,
    dropout: float,
    drop_path: float,
    mask: KerasTensor | None = None,
    name: str,
) -> KerasTensor:
    """X + attention(norm(x)), then x + W₂ GELU(W₁ norm(x)).

    Args:
        x: Input tensor.
        heads: Attentions side by side, of width / heads values each, rounded up.
        expansion: Width of the hidden layer over that of x.
        dropout: Share of the attention and of the hidden units dropped.
        drop_path: Share of rows for which a part adds nothing in training.
        mask: 0 for the vectors that none looks at; None if all count.
        name: Prefix of the layers' names.

    Shape:
        x: (batch, count, width); mask: (batch, count); returns the shape of x

    Raises:
        ConfigError: A value is out of its range.

    Reference:
        Vaswani et al., "Attention is all you need", 2017, arXiv 1706.03762.
    """
    choices.check(heads=heads)
    inner = blocks.normalize(x, "layer", name=f"{name}_attention_norm")
    inner = keras.layers.MultiHeadAttention(
        heads, -(-x.shape[-1] // heads), dropout=dropout, name=f"{name}_attention"
    )(inner, inner, attention_mask=None if mask is None else ops.expand_dims(mask > 0, 1))
    x = blocks.add([x, _skip(inner, drop_path, name=f"{name}_attention")], name=f"{name}_attended")
    inner = blocks.normalize(x, "layer", name=f"{name}_dense_norm")
    inner = feed_forward(inner, expansion=expansion, dropout=dropout, name=f"{name}_dense")
    return blocks.add([x, _skip(inner, drop_path, name=f"{name}_dense")], name=name)


def _skip(x: KerasTensor, share: float, *, name: str) -> KerasTensor:
    return blocks.drop_path(x, share, name=f"{name}_drop_path")
