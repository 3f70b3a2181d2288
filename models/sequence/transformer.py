"""Attention among the places of a sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras
from keras import ops

from kerasnn import layers
from kerasnn.layers import choices
from kerasnn.options import PreprocessingOptions, TrainingOptions

if TYPE_CHECKING:
    from keras import KerasTensor

    from kerasnn.signature import Signature

TRAINING_OPTIONS = TrainingOptions(epochs=60, learning_rate=1e-3, warmup=0.1)
PREPROCESSING = PreprocessingOptions()


def transformer(
    signature: Signature,
    *,
    width: int = 64,
    depth: int = 2,
    heads: int = 4,
    expansion: float = 2.0,
    dropout: float = 0.1,
) -> keras.Model:
    """Blocks of attention over a sequence, normalized before each part; the mean over all places.

    The vectors at all places go through one linear layer, and get sines and cosines of their place
    added, so that attention can tell what comes before what. No place looks behind the end.

    Args:
        signature: The inputs and the output.
        width: Width of the vector at each step.
        depth: Blocks of attention and dense layers.
        heads: Attentions side by side.
        expansion: Width of the hidden dense layers over the width.
        dropout: Share of the attention and of the hidden units dropped.

    Shape:
        text: (batch, length); series: (batch, length, channels); sound: (batch, samples);
        past: (batch, history, targets); returns raw scores, (batch, output.width)

    Raises:
        ConfigError: A value is out of its range, or the signature has no sequence.

    Reference:
        Vaswani et al., "Attention is all you need", 2017, arXiv 1706.03762; norms before the parts:
        Xiong et al., 2020, arXiv 2002.04745. IMDB reviews, one block of width 32: .8745.

    >>> from kerasnn.signature import Signature
    >>> transformer(Signature.text(20, 100, classes=3), width=8, heads=2).output_shape
    (None, 3)
    """
    choices.check(width=width, depth=depth, heads=heads, expansion=expansion, dropout=dropout)

    def encoder(x: KerasTensor, mask: KerasTensor, name: str) -> KerasTensor:
        if x.shape[1] == 1:
            # Keras warns of attention to a single place; a second one is behind the end.
            x, mask = ops.pad(x, ((0, 0), (0, 1), (0, 0))), ops.pad(mask, ((0, 0), (0, 1)))
        x = keras.layers.Dense(width, name=f"{name}_projected")(x)
        x = layers.drop(layers.add_places(x, name=f"{name}_placed"), dropout, name=f"{name}_drop")
        for i in range(depth):
            x = layers.transformer_block(
                x,
                mask=mask,
                heads=heads,
                expansion=expansion,
                dropout=dropout,
                drop_path=0.0,
                name=f"{name}_block_{i + 1}",
            )
        x = layers.normalize(x, "layer", name=f"{name}_norm")
        return layers.masked_mean(layers.masked(x, mask), mask)

    return layers.sequence_network(signature, encoder, embedding=width, name="transformer")
