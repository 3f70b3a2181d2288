"""The zoo: networks by name, each with how it wants to be trained.

>>> import kerasnn
>>> signature = kerasnn.Signature.table(numbers=10, classes=3)
>>> kerasnn.models.mlp(signature, width=16, depth=1).output_shape
(None, 3)

To add a model: a file with the factory, ``RECIPE`` and ``PREPROCESSING``, and a line below.
"""

from __future__ import annotations

import importlib
import inspect
import re
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from kerasnn.errors import ConfigError, UnknownNameError
from kerasnn.recipes import PreprocessingOptions, Recipe
from kerasnn.signature import Signature

if TYPE_CHECKING:
    import keras

    from kerasnn.models.tabular.dcnv2 import dcnv2
    from kerasnn.models.tabular.linear import linear
    from kerasnn.models.tabular.mlp import mlp
    from kerasnn.models.tabular.resnet import resnet
    from kerasnn.models.tabular.wide_deep import wide_deep

if __name__ != "kerasnn.models":
    # A checkout's top level is importable too, and would be a second copy of the same code.
    raise ImportError("import kerasnn.models, not models")

Factory = Callable[..., "keras.Model"]

# What can be said without importing Keras: module and summary.
_MODELS: dict[str, tuple[str, str]] = {
    "linear": ("tabular.linear", "logistic or linear regression, as a network"),
    "mlp": ("tabular.mlp", "dense layers; the default"),
    "resnet": ("tabular.resnet", "dense residual blocks with batch normalisation"),
    "wide_deep": ("tabular.wide_deep", "a linear part beside a deep one"),
    "dcnv2": ("tabular.dcnv2", "crosses of features beside or below a deep part"),
}

__all__ = [
    "Entry",
    "build",
    "check_hyperparameters",
    "dcnv2",
    "get",
    "hyperparameters",
    "linear",
    "mlp",
    "names",
    "resnet",
    "summaries",
    "wide_deep",
]


@dataclass(frozen=True)
class Entry:
    """A model of the zoo.

    Args:
        name: As in the registry.
        factory: From a `Signature` and keyword-only hyper-parameters to an uncompiled model.
        recipe: How it is best trained.
        preprocessing: What it wants to be fed.
        summary: A few words.
        reference: Where it comes from.
    """

    name: str
    factory: Factory
    recipe: Recipe
    preprocessing: PreprocessingOptions
    summary: str
    reference: str


def names() -> list[str]:
    """The names of all models, the simplest first."""
    return list(_MODELS)


def summaries() -> dict[str, str]:
    """A few words on each model."""
    return {name: summary for name, (_, summary) in _MODELS.items()}


def get(name: str) -> Entry:
    """A model with its recipe.

    Raises:
        UnknownNameError: There is no such model.
    """
    if name not in _MODELS:
        raise UnknownNameError("model", name, _MODELS)
    module = importlib.import_module(f"{__name__}.{_MODELS[name][0]}")
    factory = getattr(module, name)
    return Entry(
        name, factory, module.RECIPE, module.PREPROCESSING, _MODELS[name][1], _reference(factory)
    )


def build(name: str, signature: Signature, **values: Any) -> keras.Model:
    """Build a network for a signature.

    Raises:
        UnknownNameError: There is no such model or hyper-parameter.
        ConfigError: A hyper-parameter is of a wrong type or out of range.
    """
    checked = check_hyperparameters(name, values)
    return get(name).factory(signature, **checked)


def hyperparameters(name: str) -> dict[str, Any]:
    """The hyper-parameters of a model with their defaults: the factory's own signature.

    Raises:
        UnknownNameError: There is no such model.
    """
    parameters = inspect.signature(get(name).factory).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


def check_hyperparameters(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Convert hyper-parameters, also from text, to the types that the factory asks for.

    Raises:
        UnknownNameError: There is no such hyper-parameter, or no such choice of one.
        ConfigError: A value is of another type.
    """
    defaults, hints = hyperparameters(name), typing.get_type_hints(get(name).factory)
    for key in values:
        if key not in defaults:
            raise UnknownNameError(f"hyper-parameter of '{name}'", key, defaults)
    return {key: _convert(key, hints[key], value) for key, value in values.items()}


def _convert(key: str, hint: Any, value: Any) -> Any:
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise UnknownNameError(key, str(value), [str(choice) for choice in get_args(hint)])
        return value
    if get_origin(hint) in (typing.Union, types.UnionType):
        if value is None or value == "none":
            return None
        (hint,) = (each for each in get_args(hint) if each is not types.NoneType)
    try:
        return _READERS[hint](value)
    except (TypeError, ValueError, OverflowError):
        what = {int: "a whole number", float: "a number", bool: "true or false"}[hint]
        raise ConfigError(f"`{key}` must be {what}; got {value!r}") from None


def _integer(value: Any) -> int:
    if isinstance(value, bool) or int(value) != float(value):
        raise TypeError
    return int(value)


def _float(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError
    return float(value)


def _boolean(value: Any) -> bool:
    text = str(value).lower()
    if text not in ("true", "false"):
        raise ValueError
    return text == "true"


_READERS: dict[Any, Callable[[Any], Any]] = {int: _integer, float: _float, bool: _boolean}


def _reference(factory: Factory) -> str:
    """The reference of a factory's docstring, on one line."""
    found = re.search(r"Reference:\n(.+?)(\n\s*\n|\Z)", inspect.getdoc(factory) or "", re.DOTALL)
    return " ".join(found[1].split()) if found else ""


def __getattr__(name: str) -> Any:
    if name not in _MODELS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return get(name).factory
