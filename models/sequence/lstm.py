"""Long short-term memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerasnn import layers
from kerasnn.options import PreprocessingOptions, TrainingOptions

if TYPE_CHECKING:
    import keras

    from kerasnn.signature import Signature

TRAINING_OPTIONS = TrainingOptions(epochs=60, learning_rate=2e-3)
PREPROCESSING = PreprocessingOptions()


def lstm(
    signature: Signature,
    *,
    width: int = 64,
    depth: int = 1,
    dropout: float = 0.1,
) -> keras.Model:
    """Long short-term memory that reads a sequence from its start to its end.

    Three gates decide at each place what of the memory is forgotten, what is written to it and what
    of it is shown; the state at the end of the last layer says what the sequence is.

    Args:
        signature: The inputs and the output.
        width: Width of the state and of the token embeddings.
        depth: Number of recurrent layers, each of which reads the states of the one before.
        dropout: Share of each layer's states dropped, in [0, 1).

    Shape:
        text: (batch, length); series: (batch, length, channels); sound: (batch, samples);
        past: (batch, history, targets); returns raw scores, (batch, output.width)

    Raises:
        ConfigError: A value is out of its range, or the signature has no sequence.

    Reference:
        Hochreiter and Schmidhuber, "Long short-term memory", 1997; with a forget gate: Gers,
        Schmidhuber and Cummins, "Learning to forget", 2000.

    >>> from kerasnn.signature import Signature
    >>> lstm(Signature.time_series(20, 3, classes=4), width=8).output_shape
    (None, 4)
    """
    return layers.recurrent_network(
        signature,
        cell="lstm",
        width=width,
        depth=depth,
        dropout=dropout,
        name="lstm",
    )
