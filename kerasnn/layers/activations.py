"""Activations by name, and the initialiser that suits each."""

from __future__ import annotations

from typing import Any, Literal, get_args

from keras import initializers, layers, ops

from kerasnn.errors import UnknownNameError

Activation = Literal[
    "sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "softplus"
]
Initializer = Literal[
    "auto",
    "glorot_uniform",
    "glorot_normal",
    "he_uniform",
    "he_normal",
    "lecun_uniform",
    "lecun_normal",
    "normal",
    "orthogonal",
    "zeros",
]
Normalization = Literal["none", "batch", "layer"]

Tensor = Any

LEAKY_SLOPE = 0.01


def activate(inputs: Tensor, name: Activation) -> Tensor:
    """Apply an activation, elementwise.

    GELU is the tanh form, because ONNX has no operator for the exact one.

    Raises:
        UnknownNameError: There is no such activation.

    Reference:
        Hendrycks and Gimpel, GELU, 2016, arXiv 1606.08415; Misra, Mish, 2019, arXiv 1908.08681;
        Klambauer et al., SELU, 2017, arXiv 1706.02515; Clevert et al., ELU, 2015, arXiv
        1511.07289; Ramachandran et al., SiLU (Swish), 2017, arXiv 1710.05941.
    """
    if name not in get_args(Activation):
        raise UnknownNameError("activation", name, get_args(Activation))
    if name == "gelu":
        return ops.gelu(inputs, approximate=True)
    if name == "leaky_relu":
        return layers.LeakyReLU(negative_slope=LEAKY_SLOPE)(inputs)
    return layers.Activation(name)(inputs)


def initializer(name: Initializer, *, activation: str = "linear") -> initializers.Initializer:
    """First weights by name; ``auto`` suits the activation that follows.

    Raises:
        UnknownNameError: There is no such initialiser.

    Reference:
        Glorot and Bengio, 2010; He et al., 2015, arXiv 1502.01852; LeCun et al., 1998.
    """
    if name not in get_args(Initializer):
        raise UnknownNameError("initializer", name, get_args(Initializer))
    if name == "auto":
        name = _suited_to(activation)
    if name == "normal":
        return initializers.RandomNormal(stddev=0.05)
    return initializers.get(name)


def _suited_to(activation: str) -> Initializer:
    if activation == "selu":
        return "lecun_normal"
    return "glorot_uniform" if activation in ("sigmoid", "tanh", "linear") else "he_normal"
