"""The keys of the configuration: which there are, of which type, in which range.

Names, types, closed choices and defaults are read from the classes in `kerasnn.options`; only the
ranges of numbers stand here.
"""

from __future__ import annotations

import functools
import math
import numbers
import os
import types
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from kerasnn.errors import ConfigError, UnknownNameError
from kerasnn.options import (
    DataOptions,
    ForecastOptions,
    PreprocessingOptions,
    RunOptions,
    SplitOptions,
    TrainingOptions,
)
from kerasnn.synonyms import key_of

SECTIONS: dict[str, type[Any]] = {
    "data": DataOptions,
    "split": SplitOptions,
    "preprocessing": PreprocessingOptions,
    "forecast": ForecastOptions,
    "training": TrainingOptions,
    "run": RunOptions,
}


@dataclass(frozen=True)
class Range:
    """An interval of the real numbers, written like ``[0, 1)``."""

    text: str

    @property
    def bounds(self) -> tuple[float, float]:
        """The lower and the upper end."""
        low, high = self.text[1:-1].split(",")
        return float(low), float(high)

    def __contains__(self, value: float) -> bool:
        low, high = self.bounds
        above = value > low or (value == low and self.text[0] == "[")
        return above and (value < high or (value == high and self.text[-1] == "]"))

    def __str__(self) -> str:
        low, high = self.bounds
        if high < math.inf:
            return f"in {self.text}"
        return f"at least {low:g}" if self.text[0] == "[" else f"above {low:g}"


# A test holds this table to the numbers among the fields.
RANGES = {
    "split.validation": Range("(0, 1)"),
    "split.test": Range("[0, 1)"),
    "preprocessing.missing_value": Range("[-1e30, 1e30]"),
    "preprocessing.max_one_hot": Range("[0, inf)"),
    "preprocessing.embedding_width": Range("[0, 4096]"),
    "preprocessing.min_count": Range("[1, inf)"),
    "preprocessing.max_categories": Range("[1, inf)"),
    "preprocessing.number_width": Range("[0, 4096]"),
    "preprocessing.number_bins": Range("[2, 1000]"),
    "preprocessing.frequencies": Range("[0, 4096]"),
    "preprocessing.frequency_scale": Range("[0, 1000]"),
    "preprocessing.image_size": Range("[0, 4096]"),
    "preprocessing.image_channels": Range("[0, 3]"),
    "preprocessing.max_tokens": Range("[0, 10000000]"),
    "preprocessing.min_token_count": Range("[1, inf)"),
    "preprocessing.token_buckets": Range("[0, 10000000]"),
    "preprocessing.text_length": Range("[0, 100000]"),
    "preprocessing.text_limit": Range("[1, 25000]"),
    "preprocessing.series_length": Range("[0, 1000000]"),
    "preprocessing.sample_rate": Range("[0, 384000]"),
    "preprocessing.sound_seconds": Range("[0, 600]"),
    "forecast.horizon": Range("[0, 100000]"),
    "forecast.lookback": Range("[0, 100000]"),
    "forecast.season": Range("[0, 100000]"),
    "forecast.coverage": Range("(0, 1)"),
    "forecast.windows": Range("[1, inf)"),
    "training.epochs": Range("[0, inf)"),
    "training.batch_size": Range("[0, inf)"),
    "training.learning_rate": Range("[0, inf)"),
    "training.weight_decay": Range("[0, inf)"),
    "training.momentum": Range("[0, 1)"),
    "training.beta_2": Range("[0, 1)"),
    "training.warmup": Range("[0, 1)"),
    "training.schedule_step": Range("(0, 1]"),
    "training.final_rate": Range("[0, 1]"),
    "training.huber_delta": Range("(0, inf)"),
    "training.focal_gamma": Range("[0, inf)"),
    "training.label_smoothing": Range("[0, 1)"),
    "training.l1": Range("[0, inf)"),
    "training.l2": Range("[0, inf)"),
    "training.clip_norm": Range("[0, inf)"),
    "training.fine_tune": Range("[0, 1]"),
    "training.fine_tune_rate": Range("(0, inf)"),
    "training.average": Range("[0, 1)"),
    "training.patience": Range("[0, inf)"),
    "run.seed": Range("[0, 4294967295]"),
    "run.ensemble": Range("[0, 64]"),
    "run.time_limit_s": Range("(0, inf)"),
    "run.memory_gb": Range("(0, inf)"),
}


@functools.cache
def fields_of(section: str) -> dict[str, Any]:
    """Type of each key of a section."""
    return get_type_hints(SECTIONS[section])


def sections_of(name: str) -> list[str]:
    """Dotted keys that end in a bare name, such as ``["training.epochs"]`` for ``epochs``."""
    return [f"{section}.{name}" for section in SECTIONS if name in fields_of(section)]


def check(key: str, value: object, *, location: str | None = None) -> Any:
    """Convert a value to the type of its key, and hold it to its range.

    Args:
        key: Dotted key, such as ``training.epochs`` or ``data.columns.NAME``.
        value: Value of the type itself, or text that spells it.
        location: File and line, or any other place, that errors name.

    Raises:
        ConfigError: The key is unknown, or its value of another type or out of range.
    """
    section, name = key.split(".", 1)
    if key.startswith("data.columns."):
        (_, annotation) = get_args(fields_of("data")["columns"])
        return convert(key, annotation, value, location=location)
    if name not in fields_of(section):
        choices, meant = fields_of(section), key_of(name)
        raise UnknownNameError(f"key of {section}", name, choices, location=location, meant=meant)
    result = convert(key, fields_of(section)[name], value, location=location)
    if key in RANGES and result is not None and result not in RANGES[key]:
        raise ConfigError(f"`{key}` must be {RANGES[key]}; got {result:g}", location=location)
    return result


def parse_scalar(text: str) -> object:
    """The number, boolean or None that a text spells, else the text.

    >>> parse_scalar("1e-3"), parse_scalar("128"), parse_scalar("true"), parse_scalar("relu")
    (0.001, 128, True, 'relu')
    """
    constants = {"true": True, "false": False, "null": None, "~": None}
    if text.lower() in constants:
        return constants[text.lower()]
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            pass
    return text


def convert(key: str, annotation: Any, value: object, *, location: str | None = None) -> Any:
    """The value as the annotated type.

    Args:
        key: Key that errors name.
        annotation: A type, a ``Literal``, or either with None.
        value: Value of the type itself, or text that spells it.
        location: File and line, or any other place, that errors name.

    Raises:
        ConfigError: The value is of another type, or not among the choices.
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        if value is None or (value == "" and str not in arguments):
            return None
        (annotation,) = (argument for argument in arguments if argument is not types.NoneType)
        return convert(key, annotation, value, location=location)
    if origin is Literal:
        if value not in arguments:
            name = "kind" if key.startswith("data.columns.") else key.rpartition(".")[2]
            raise UnknownNameError(name.replace("_", " "), str(value), arguments, location=location)
        return value
    reader, wanted = _READERS[origin or annotation]
    try:
        return reader(value)
    except (TypeError, ValueError, OverflowError):
        raise ConfigError(f"`{key}` must be {wanted}; got {value!r}", location=location) from None


def _boolean(value: object) -> bool:
    if isinstance(value, str):
        value = {"true": True, "yes": True, "false": False, "no": False}.get(value.lower())
    if type(value).__name__ not in ("bool", "bool_"):
        raise TypeError
    return bool(value)


def _integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral | str):
        raise TypeError
    return int(value)


def _float(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real | str):
        raise TypeError
    result = float(value)
    if not math.isfinite(result):
        raise ValueError
    return result


def _text(value: object) -> str:
    if not isinstance(value, str | os.PathLike):
        raise TypeError
    return os.fspath(value)


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")] if value else []
    if not isinstance(value, Sequence):
        raise TypeError
    return tuple(_text(item) for item in value)


_READERS: dict[Any, tuple[Any, str]] = {
    bool: (_boolean, "true or false"),
    int: (_integer, "a whole number"),
    float: (_float, "a finite number"),
    str: (_text, "text"),
    tuple: (_texts, "a list of names"),
}
