"""Checks of hyper-parameters that all models share."""

from __future__ import annotations

from kerasnn.errors import ConfigError


def check_count(name: str, value: int, *, low: int = 1, high: int) -> None:
    """Raise unless a whole number lies in a range.

    Raises:
        ConfigError: Say which range and which value.
    """
    if not low <= value <= high:
        raise ConfigError(f"`{name}` must be from {low} to {high:,}; got {value}")


def check_rate(name: str, value: float) -> None:
    """Raise unless a number lies in [0, 1).

    Raises:
        ConfigError: Say so.
    """
    if not 0 <= value < 1:
        raise ConfigError(f"`{name}` must be in [0, 1); got {value:g}")


def check_network(*, width: int = 1, depth: int = 1, dropout: float = 0.0) -> None:
    """Check what nearly every model has."""
    check_count("width", width, high=16_384)
    check_count("depth", depth, low=0, high=256)
    check_rate("dropout", dropout)
