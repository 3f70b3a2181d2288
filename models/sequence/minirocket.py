"""MiniRocket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kerasnn import layers
from kerasnn.errors import ConfigError
from kerasnn.layers import choices
from kerasnn.options import PreprocessingOptions, TrainingOptions

if TYPE_CHECKING:
    import keras
    from keras import KerasTensor

    from kerasnn.signature import Signature

TRAINING_OPTIONS = TrainingOptions(epochs=0)
PREPROCESSING = PreprocessingOptions()
CLOSED_FORM = True
REDUCIBLE = ("features", 840)

EMBEDDING = 16


def minirocket(signature: Signature, *, features: int = 9996) -> keras.Model:
    """Shares of places at which fixed convolutions exceed thresholds, and a linear layer; solved.

    84 kernels of nine values, at many dilations, look at a sequence and, as in MultiRocket, at its
    changes from place to place; their thresholds come from training rows. There is no gradient and
    there are no epochs, so that it is the fastest of the models for series, and one of the best
    where there are few. What is beside the sequences, and the tokens of texts, go through small
    encoders with random weights.

    Args:
        signature: The inputs and the output.
        features: Number of features of each sequence, half of them from its first differences;
            rounded down to a multiple of 168.

    Shape:
        series: (batch, length, channels); text: (batch, length); sound: (batch, samples);
        returns raw scores, (batch, output.width)

    Raises:
        ConfigError: A value is out of its range, the signature has no sequence, or it is a
            forecast.

    Reference:
        Dempster, Schmidt and Webb, "MiniRocket", 2021, arXiv 2012.08791. Mean accuracy on 109
        problems of UCR about that of InceptionTime, at a hundredth of its time. Changes: Tan et
        al., "MultiRocket", 2022, arXiv 2102.00457.

    >>> from kerasnn.signature import Signature
    >>> network = minirocket(Signature.time_series(50, 1, classes=3), features=840)
    >>> network.get_layer("series_features").output.shape
    (None, 840)
    """
    choices.check(features=features)
    if signature.window is not None:
        raise ConfigError(
            "minirocket tells classes and values of whole sequences, and makes no forecast",
            hint="choose tcn, gru or a model for forecasts",
        )

    def encoder(x: KerasTensor, mask: KerasTensor, name: str) -> KerasTensor:
        each = max(features // 2, layers.KERNELS)
        own = layers.rocket_features(x, mask, features=each, name=name)
        change, mask = layers.changes(x, mask)
        parts = [own, layers.rocket_features(change, mask, features=each, name=f"{name}_change")]
        return layers.centered(layers.concatenate_features(parts, name=f"{name}_shares"), name=name)

    return layers.sequence_network(signature, encoder, embedding=EMBEDDING, name="minirocket")


def initialize(network: keras.Model, inputs: Mapping[str, Any], target: Any, seed: int) -> None:
    """Take the thresholds from training rows, then solve for the linear layer.

    Args:
        network: Network from `minirocket`.
        inputs: Training inputs by name.
        target: Target as the loss of the network takes it.
        seed: Seed of the sample of rows that thresholds come from.
    """
    layers.fit_rocket(network, inputs, seed=seed)
    layers.fit_means(network, inputs)
    layers.fit_output(network, inputs, target, seed=seed)


def transforms(n_rows: int) -> float:
    """How many rows `initialize` computes features of, about.

    Args:
        n_rows: Number of training rows.
    """
    return layers.rows_to_fit_rocket(n_rows) + n_rows
