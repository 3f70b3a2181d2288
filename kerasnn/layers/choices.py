"""What the hyper-parameters of the zoo may be: closed choices and ranges, without Keras.

A name means the same in every model, so that its range stands here once.
"""

from __future__ import annotations

import numbers
from typing import Any, Literal, get_args

from kerasnn.constraints import Range
from kerasnn.errors import ConfigError, UnknownNameError

Activation = Literal[
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "silu",
    "mish",
    "softplus",
]
Nonlinearity = Literal["auto", "selu", "mish", "silu", "gelu", "relu"]
Normalization = Literal["none", "batch", "layer"]
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
Structure = Literal["parallel", "stacked"]
Scaling = Literal["none", "last", "standard"]
Backbone = Literal[
    "mobilenet_v2",
    "mobilenet_v3_small",
    "mobilenet_v3_large",
    "efficientnet_v2_b0",
    "densenet121",
    "resnet50",
]
Weighting = Literal["both", "ratio", "idf"]

CHOICES: dict[str, tuple[str, ...]] = {
    "activation": get_args(Activation),
    "nonlinearity": get_args(Nonlinearity),
    "normalization": get_args(Normalization),
    "initializer": get_args(Initializer),
    "structure": get_args(Structure),
    "scaling": get_args(Scaling),
    "backbone": get_args(Backbone),
    "weighting": get_args(Weighting),
}
RANGES: dict[str, Range] = {
    "width": Range("[1, 65536]"),
    "width_2": Range("[1, 65536]"),
    "width_3": Range("[1, 65536]"),
    "depth": Range("[1, 1000]"),
    "cross_depth": Range("[1, 100]"),
    "cross_rank": Range("[0, 65536]"),
    "expansion": Range("[1, 64]"),
    "heads": Range("[1, 64]"),
    "blocks": Range("[1, 1000]"),
    "n_members": Range("[1, 1024]"),
    "draw": Range("[0, 1000000]"),
    "patch": Range("[0, 256]"),
    "size": Range("[1, 4096]"),
    "features": Range("[84, 1000000]"),
    "stride": Range("[1, 256]"),
    "smoothing": Range("[1, 1000]"),
    "penalty": Range("[0, 1e6]"),
    "memory": Range("[1, 100000]"),
    "resolution": Range("[32, 1024]"),
    "head_width": Range("[0, 65536]"),
    "ngrams": Range("[0, 16]"),
    "buckets": Range("[1, 16777216]"),
    "dropout": Range("[0, 1)"),
    "attention_dropout": Range("[0, 1)"),
    "drop_path": Range("[0, 1)"),
    "residual_dropout": Range("[0, 1)"),
    "scale_rate": Range("[0, 1000]"),
    "number_rate": Range("[0, 1000]"),
}
WHOLE = {
    "width",
    "width_2",
    "width_3",
    "depth",
    "cross_depth",
    "cross_rank",
    "heads",
    "blocks",
    "n_members",
    "draw",
    "patch",
    "size",
    "features",
    "stride",
    "smoothing",
    "memory",
    "resolution",
    "head_width",
    "ngrams",
    "buckets",
}
SWITCHES = {"covariates", "drift"}
# Texts that the model itself reads.
TEXTS = {"members", "weights"}


def check(**values: object) -> None:
    """Hold hyper-parameters to their choices and ranges.

    Raises:
        ConfigError: A value is of another type, or out of its range.
        UnknownNameError: A value is not among the choices.

    >>> check(width=128, dropout=0.1, activation="silu")
    """
    for name, value in values.items():
        if name in CHOICES:
            if value not in CHOICES[name]:
                raise UnknownNameError(name, str(value), CHOICES[name])
        elif name in SWITCHES:
            if not isinstance(value, bool):
                raise ConfigError(f"`{name}` must be true or false; got {value!r}")
        elif name in TEXTS:
            if not isinstance(value, str):
                raise ConfigError(f"`{name}` must be text; got {value!r}")
        else:
            _check_number(name, value)


def _check_number(name: str, value: Any) -> None:
    kind, text = (numbers.Integral, "whole") if name in WHOLE else (numbers.Real, "finite")
    if isinstance(value, bool) or not isinstance(value, kind):
        raise ConfigError(f"`{name}` must be a {text} number; got {value!r}")
    if value not in RANGES[name]:  # type: ignore[operator]
        raise ConfigError(f"`{name}` must be {RANGES[name]}; got {value}")
