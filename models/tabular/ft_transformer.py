"""FT-Transformer: attention among the columns of a table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from kerasnn import layers
from kerasnn.errors import ConfigError
from kerasnn.layers import choices
from kerasnn.options import PreprocessingOptions, TrainingOptions

if TYPE_CHECKING:
    import keras
    from keras import KerasTensor

    from kerasnn.signature import Signature

TRAINING_OPTIONS = TrainingOptions(learning_rate=1e-4, weight_decay=1e-5)
PREPROCESSING = PreprocessingOptions(scale="quantile")
PROFILES: dict[str, dict[str, Any]] = {
    "small": {"width": 64, "depth": 2, "training.learning_rate": 1e-3, "training.epochs": 40}
}

# Attention takes memory with the square of the columns.
MOST_COLUMNS = 300


def ft_transformer(
    signature: Signature,
    *,
    width: int = 192,
    depth: int = 3,
    heads: int = 8,
    expansion: float = 4 / 3,
    attention_dropout: float = 0.2,
    dropout: float = 0.1,
    residual_dropout: float = 0.0,
) -> keras.Model:
    """Feature tokenizer and transformer: each column is a vector, and so is what becomes the output.

    A number becomes a vector as its embedding says, a linear one where there is none, always of
    this width; a category is looked up; an image, a text, a series or a sound is one vector each.
    The first block has no norm before its attention, and the last looks from the output alone.

    Args:
        signature: The inputs and the output.
        width: Width of the vector of each column.
        depth: Blocks of attention and dense layers.
        heads: Attentions side by side.
        expansion: Width of the gated hidden layers over the width.
        attention_dropout: Share of the attention dropped.
        dropout: Share of the hidden units dropped.
        residual_dropout: Share of what each part of a block adds dropped.

    Shape:
        numbers: (batch, columns); categories: (batch, columns); returns raw scores,
        (batch, output.width)

    Raises:
        ConfigError: A value is out of its range, the signature has no input, or too many columns.

    Reference:
        Gorishniy et al., "Revisiting deep learning models for tabular data", 2021,
        arXiv 2106.11959. With these sizes California housing RMSE .4688, Adult accuracy .8574.

    >>> from kerasnn.signature import Signature
    >>> ft_transformer(Signature.table(numbers=3, classes=2), width=8, heads=2).output_shape
    (None, 1)
    """
    choices.check(width=width, depth=depth, heads=heads, expansion=expansion)
    choices.check(attention_dropout=attention_dropout, dropout=dropout)
    choices.check(residual_dropout=residual_dropout)
    inputs = layers.build_inputs(signature)
    x = _tokens(inputs, signature, width)
    for i in range(depth):
        x = _block(
            x,
            heads=heads,
            expansion=expansion,
            attention_dropout=attention_dropout,
            dropout=dropout,
            residual_dropout=residual_dropout,
            is_first=i == 0,
            is_last=i == depth - 1,
            name=f"block_{i + 1}",
        )
    x = layers.normalize(x[:, 0], "layer", name="norm")
    x = layers.activate(x, "relu", name="activation")
    return layers.network(inputs, layers.output_layer(x, signature), name="ft_transformer")


def _tokens(inputs: dict[str, KerasTensor], signature: Signature, width: int) -> KerasTensor:
    """(batch, 1 + columns, width): first what becomes the output, then each column."""
    import keras
    from keras import ops

    _check_columns(signature)
    first = _uniform(width)
    parts = []
    if signature.numbers:
        parts.append(layers.number_vectors(inputs["numbers"], signature.numbers, width=width))
    if categories := signature.categories:
        columns = list(range(len(categories.names)))
        # The deviation of the uniform distribution of the others.
        deviation = 1 / math.sqrt(3 * width)
        codes = inputs["categories"]
        parts.append(layers.look_up(codes, categories, columns, width, scale=deviation))
    for i, other in enumerate(layers.auxiliary_features(inputs, signature, done={"number"})):
        layer = keras.layers.Dense(width, kernel_initializer=first, name=f"token_{i + 1}")
        parts.append(ops.expand_dims(layer(other), 1))
        layer.kernel.weight_decay_factor = 0.0
    # The weights of a constant are a vector that is learned.
    layer = keras.layers.Dense(width, use_bias=False, kernel_initializer=first, name="cls")
    parts.insert(0, layer(ops.ones_like(parts[0][:, :1, :1])))
    layer.kernel.weight_decay_factor = 0.0
    return keras.layers.Concatenate(axis=1, name="tokens")(parts)


def _block(
    x: KerasTensor,
    *,
    heads: int,
    expansion: float,
    attention_dropout: float,
    dropout: float,
    residual_dropout: float,
    is_first: bool,
    is_last: bool,
    name: str,
) -> KerasTensor:
    """X + attention(norm(x)), then x + W₂ ((W₁ norm(x)) ∘ ReLU(V₁ norm(x))).

    The first attends to x itself. Of the last, only what becomes the output is computed.

    Shape:
        x: (batch, count, width); returns the same, but (batch, 1, width) of the last
    """
    import keras
    from keras import ops

    width = x.shape[-1]
    seen = x if is_first else layers.normalize(x, "layer", name=f"{name}_attention_norm")
    attention = keras.layers.MultiHeadAttention(
        heads, -(-width // heads), dropout=attention_dropout, name=f"{name}_attention"
    )
    inner = attention(seen[:, :1], seen) if is_last else attention(seen, seen)
    inner = layers.drop(inner, residual_dropout, name=f"{name}_attention_dropout")
    x = layers.add([x[:, :1] if is_last else x, inner], name=f"{name}_attended")

    hidden = round(expansion * width)
    inner = layers.normalize(x, "layer", name=f"{name}_dense_norm")
    inner = keras.layers.Dense(2 * hidden, name=f"{name}_dense_1")(inner)
    inner = inner[..., :hidden] * ops.relu(inner[..., hidden:])
    inner = layers.drop(inner, dropout, name=f"{name}_dense_1_dropout")
    inner = keras.layers.Dense(width, name=f"{name}_dense_2")(inner)
    inner = layers.drop(inner, residual_dropout, name=f"{name}_dense_2_dropout")
    return layers.add([x, inner], name=name)


def _check_columns(signature: Signature) -> None:
    tables = [table for table in (signature.numbers, signature.categories) if table]
    count = sum(len(table.names) for table in tables)
    if count > MOST_COLUMNS:
        raise ConfigError(
            f"ft_transformer takes {MOST_COLUMNS:,} columns at most; got {count:,}",
            hint="choose another model, such as mlp, or drop columns",
        )


def _uniform(width: int) -> keras.initializers.Initializer:
    import keras

    bound = 1 / math.sqrt(width)
    return keras.initializers.RandomUniform(-bound, bound)
