"""Convolutions of several lengths over the words of a text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerasnn import layers
from kerasnn.layers import choices
from kerasnn.options import PreprocessingOptions, TrainingOptions

if TYPE_CHECKING:
    import keras
    from keras import KerasTensor

    from kerasnn.signature import Signature

TRAINING_OPTIONS = TrainingOptions(epochs=30, learning_rate=1e-3, patience=5)
PREPROCESSING = PreprocessingOptions(tokens="words", text_limit=2_048)

LENGTHS = (3, 4, 5)


def textcnn(
    signature: Signature,
    *,
    width: int = 100,
    dropout: float = 0.5,
) -> keras.Model:
    """Convolutions over 3, 4 and 5 places, of each filter the highest response of all places.

    Args:
        signature: The inputs and the output.
        width: Filters of each length, and of the vectors of a text's tokens.
        dropout: Share of the vectors, and of the highest responses, dropped.

    Shape:
        text: (batch, length); series: (batch, length, channels); sound: (batch, samples);
        past: (batch, history, targets); returns raw scores, (batch, output.width)

    Raises:
        ConfigError: A value is out of its range, or the signature has no sequence.

    Reference:
        Kim, "Convolutional neural networks for sentence classification", 2014, arXiv 1408.5882.
        From random vectors: short movie reviews 76.1 %, SST-2 82.7 %, TREC 91.2 %.

    >>> from kerasnn.signature import Signature
    >>> textcnn(Signature.text(20, 100, classes=2), width=4).get_layer("text_features").output.shape
    (None, 12)
    """
    choices.check(width=width, dropout=dropout)

    def encoder(x: KerasTensor, mask: KerasTensor, name: str) -> KerasTensor:
        x = layers.drop(x, dropout, name=f"{name}_drop_vectors")
        highest = [
            layers.max_over_time(x, mask, width=width, size=size, name=f"{name}_conv_{size}")
            for size in LENGTHS
        ]
        x = layers.concatenate_features(highest, name=f"{name}_highest")
        return layers.drop(x, dropout, name=f"{name}_drop_highest")

    return layers.sequence_network(signature, encoder, embedding=width, name="textcnn")
