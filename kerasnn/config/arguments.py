"""What to say of an argument that a function does not have: settings that people know go in `set`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from functools import wraps
from typing import ParamSpec, TypeVar

from kerasnn.constraints import SECTIONS, fields_of, sections_of
from kerasnn.errors import ConfigError, UnknownNameError
from kerasnn.synonyms import key_of

P = ParamSpec("P")
R = TypeVar("R")

# Arguments whose name is not the last part of their key. The arguments `validation` and `test` are
# tables, not the shares of rows that these keys of the split are.
_ARGUMENTS = {
    "data.source": "data",
    "model.name": "model",
    "split.kind": "split",
    "split.validation": "",
    "split.test": "",
}
_LONGEST_VALUE = 40


def refuse_unknown(settings: type) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a function with an argument ``set`` say where an unknown argument belongs.

    Args:
        settings: TypedDict of the keyword arguments that the function takes as ``**settings``.

    Raises:
        ConfigError: An argument is unknown.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        parameters = inspect.signature(function).parameters.values()
        explicit = [each.name for each in parameters if each.kind is not each.VAR_KEYWORD]
        names = [*explicit, *settings.__annotations__]

        @wraps(function)
        def checked(*arguments: P.args, **named: P.kwargs) -> R:
            for name, value in named.items():
                if name not in names:
                    raise _unknown(function.__name__, name, value, names)
            return function(*arguments, **named)

        return checked

    return decorate


def _unknown(function: str, name: str, value: object, names: list[str]) -> ConfigError:
    kind = f"argument of {function}()"
    key = key_of(name) or next(iter(sections_of(name)), None)
    argument = _ARGUMENTS.get(str(key), str(key).rpartition(".")[2])
    if key and argument in names:
        return UnknownNameError(kind, name, names, meant=argument)
    near = get_close_matches(name, names, n=1, cutoff=0.8)
    if not key and not near and name not in _hyperparameters():
        keys = {field: f"{part}.{field}" for part in SECTIONS for field in fields_of(part)}
        keys |= {each: each for each in _hyperparameters()}
        close = get_close_matches(name, keys, n=1, cutoff=0.8)
        key = keys[close[0]] if close else None
    elif not near:
        key = key or name
    if key is None:
        return UnknownNameError(kind, name, names)
    shown = repr(value) if len(repr(value)) <= _LONGEST_VALUE else "…"
    return ConfigError(f"unknown {kind} '{name}'", hint=f"pass set={{'{key}': {shown}}}")


def _hyperparameters() -> Iterable[str]:
    """Names of the hyper-parameters of all models that don't import Keras."""
    from kerasnn import models

    plain = [name for name in models.names() if not models.needs_keras(name)]
    return dict.fromkeys(key for name in plain for key in models.hyperparameters(name))
