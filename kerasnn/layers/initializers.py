"""First values of kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

from kerasnn.layers import choices

if TYPE_CHECKING:
    from kerasnn.layers.choices import Activation, Initializer

_AUTO = {
    "sigmoid": "glorot_normal",
    "tanh": "glorot_normal",
    "softplus": "glorot_normal",
    "selu": "lecun_normal",
}


def initializer_for(
    initializer: Initializer, *, activation: Activation
) -> keras.initializers.Initializer:
    """An initializer with a seed of its own, drawn from Keras' global seed.

    ``auto`` keeps the variance of the signal: He for the family of ReLU, LeCun for SELU, Glorot
    for functions that saturate or are softplus. ``normal`` has standard deviation 0.05.

    Args:
        initializer: Name of the initializer.
        activation: Activation function after the kernel.

    Raises:
        UnknownNameError: There is no such initializer.

    Reference:
        He et al. 2015, arXiv 1502.01852; Klambauer et al. 2017, arXiv 1706.02515.
    """
    choices.check(initializer=initializer, activation=activation)
    name = _AUTO.get(activation, "he_normal") if initializer == "auto" else initializer
    if name == "normal":
        return keras.initializers.RandomNormal(stddev=0.05)
    return keras.initializers.get(name)
