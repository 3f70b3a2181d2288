"""Long short-term memory in both directions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerasnn import layers
from kerasnn.options import PreprocessingOptions, TrainingOptions

if TYPE_CHECKING:
    import keras

    from kerasnn.signature import Signature

TRAINING_OPTIONS = TrainingOptions(epochs=60, learning_rate=2e-3)
PREPROCESSING = PreprocessingOptions()


def bilstm(
    signature: Signature,
    *,
    width: int = 64,
    depth: int = 1,
    dropout: float = 0.1,
) -> keras.Model:
    """Long short-term memory that reads a sequence from its start, and another one from its end.

    A layer concatenates both states. The last one's say what the sequence is: that at the end
    of the one that reads on, and that at the start of the one that reads back.

    Args:
        signature: The inputs and the output.
        width: Width of each state and of the token embeddings.
        depth: Number of recurrent layers, each of which reads the states of the one before.
        dropout: Share of each layer's states dropped, in [0, 1).

    Shape:
        text: (batch, length); series: (batch, length, channels); sound: (batch, samples);
        past: (batch, history, targets); returns raw scores, (batch, output.width)

    Raises:
        ConfigError: A value is out of its range, or the signature has no sequence.

    Reference:
        Graves and Schmidhuber, "Framewise phoneme classification with bidirectional LSTM", 2005.
        IMDB reviews, two layers of 64: .843.

    >>> from kerasnn.signature import Signature
    >>> bilstm(Signature.time_series(20, 3, classes=4), width=8).output_shape
    (None, 4)
    """
    return layers.recurrent_network(
        signature,
        cell="lstm",
        width=width,
        depth=depth,
        dropout=dropout,
        bidirectional=True,
        name="bilstm",
    )
