"""What is searched where a model does not say: by the names of its hyper-parameters.

A name means the same in every model. Names that are not listed stay as they are: sizes of a
patch or a kernel belong to the data, and backbones to a file of weights.
"""

from __future__ import annotations

from typing import Any

from kerasnn import models
from kerasnn.config.config import Config
from kerasnn.layers.choices import CHOICES, RANGES
from kerasnn.options import TrainingOptions
from kerasnn.tuning.spaces import Space

# Around its value: how many times as small, how many times as large.
_WIDTHS = {"width": (4, 3), "width_2": (4, 3), "width_3": (4, 3)}
_SHARES = {"dropout": 0.5, "residual_dropout": 0.3, "attention_dropout": 0.5, "drop_path": 0.3}
_CHOICES = {
    "activation": ("relu", "silu", "gelu"),
    "normalization": ("none", "batch", "layer"),
    "structure": CHOICES["structure"],
    "scaling": CHOICES["scaling"],
    "weighting": CHOICES["weighting"],
}
_DEPTHS = ("depth", "cross_depth", "blocks")
_FACTORS = {"expansion": 2.0, "penalty": 100.0}


def default_spaces(entry: models.Entry, config: Config) -> dict[str, Space]:
    """Spaces by dotted key around the values that a model has where nothing is searched."""
    values = config.model.hyperparameters
    found = {f"model.{name}": _around(name, value) for name, value in values.items()}
    if not entry.closed_form:
        found |= _of_recipe(config.training)
    return {key: space for key, space in found.items() if space}


def _around(name: str, value: Any) -> Space | None:
    """The space of a hyper-parameter; None where it stays as it is."""
    if name in _WIDTHS:
        smaller, larger = _WIDTHS[name]
        low, high = max(value // smaller, 1), _largest(name, value * larger)
        return Space((), low, high, log=True, integer=True) if low < high else None
    if name in _DEPTHS:
        return Space((), max(value - 2, 1), _largest(name, value + 2), integer=True)
    if name in _SHARES:
        return Space((), 0.0, max(_SHARES[name], value))
    if name in _CHOICES:
        return Space(tuple(dict.fromkeys((value, *_CHOICES[name]))))
    if name in _FACTORS and value > 0:
        factor = _FACTORS[name]
        low = max(value / factor, RANGES[name].bounds[0])
        return Space((), low, _largest(name, value * factor), log=low > 0)
    return None


def _largest(name: str, value: Any) -> Any:
    """Largest value in the range of the name."""
    return min(value, type(value)(RANGES[name].bounds[1]))


def _of_recipe(training_options: TrainingOptions) -> dict[str, Space | None]:
    rate, decay = training_options.learning_rate, training_options.weight_decay
    decays = Space((), decay / 100, min(decay * 10, 1.0), log=True) if decay else None
    return {
        # A rate of 0 asks for the finder.
        "training.learning_rate": Space((), rate / 8, rate * 4, log=True) if rate else None,
        "training.weight_decay": decays or Space((0.0, 1e-4, 1e-3, 1e-2)),
    }
