"""JSON without surprises, and whether plain data has the form of a type."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import os
import re
import types
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

import numpy as np

from kerasnn.errors import ModelRefusedError, one_line

DEEPEST = 32
# In Python a value takes up to 100 bytes, whatever it takes in JSON.
MOST_VALUES = 4_000_000
LONGEST_INTEGER = 20
# Possessive, and also matched where it does not end: no text takes more than linear time.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+\\?(?:"|\Z)', re.DOTALL)
_BRACKETS = bytes.maketrans(b"{}", b"[]")
# Python evaluates the text of annotations: once for each class of ours, not at each load.
_hints = functools.cache(get_type_hints)
_OTHERS = bytes(set(range(256)) - set(b"[]{}"))


def dumps(data: Any) -> bytes:
    """JSON in ASCII; NaN and infinity have no place in it."""
    return json.dumps(data, allow_nan=False, separators=(",", ":")).encode()


def loads(
    content: bytes, *, location: str, most_values: int = MOST_VALUES, finite: bool = True
) -> Any:
    """Parse JSON that is bounded in depth and in the number of values, and says each thing once.

    Args:
        content: UTF-8 text, whose size is bounded by who read it.
        location: Name of the text, for the message.
        most_values: Number of values that it may hold; names of keys count too.
        finite: True to refuse NaN and infinity.

    Raises:
        ModelRefusedError: It is deeper than 32, holds more values, repeats a key, holds NaN or
            infinity, or is no JSON.
    """
    marks = _STRING.sub(b'"', content) if _may_be_large(content, most_values) else content
    if _may_be_large(marks, most_values):
        raise ModelRefusedError(f"{location} holds more than {most_values:,} values")
    if _is_deeper(content, DEEPEST):
        raise ModelRefusedError(f"{location} is nested deeper than {DEEPEST} levels")
    how: dict[str, Any] = {"parse_constant": _constant, "parse_float": _float} if finite else {}
    try:
        return json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_object,
            **how,
            parse_int=_integer,
        )
    except (ValueError, RecursionError) as error:
        what = str(error) if isinstance(error, _ForbiddenError) else "it is not JSON"
        raise ModelRefusedError(f"{location} can't be read: {what}") from None


def to_plain(value: Any) -> Any:
    """What JSON can hold: NumPy's numbers become Python's, NaN and infinity become None.

    >>> to_plain({"auc": np.float64("nan"), "rows": np.arange(2)})
    {'auc': None, 'rows': [0, 1]}
    """
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return to_plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return to_plain(dataclasses.asdict(value))
    if isinstance(value, Sequence | set | frozenset):
        return [to_plain(item) for item in value]
    return str(value)


def conform(data: Any, annotation: Any, *, location: str) -> None:
    """Refuse data, as from JSON, that doesn't have the form of a type.

    Args:
        data: Plain data.
        annotation: A dataclass, whose fields are the keys; those with a default may be absent. Or
            ``bool``, ``int``, ``float``, ``str``, ``None``, ``Any``, ``Literal``, a union, a
            tuple of one type, or a mapping from text.
        location: Name of the data, for the message.

    Raises:
        ModelRefusedError: Says what is wrong where.
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is Any:
        return
    if dataclasses.is_dataclass(annotation):
        return _conform_object(data, cast("type[Any]", annotation), location)
    if origin in (Union, types.UnionType):
        return _conform_union(data, arguments, location)
    if origin is Literal:
        return _require(isinstance(data, str) and data in arguments, location, data)
    if origin is tuple:
        _require(isinstance(data, list), location, data)
        return _conform_each(enumerate(data), arguments[0], location)
    if origin is not None and issubclass(origin, Mapping):
        _require(isinstance(data, dict), location, data)
        return _conform_each(data.items(), arguments[1], location)
    if annotation is float:
        return _require(type(data) in (int, float), location, data)
    _require(type(data) is (annotation or types.NoneType), location, data)


def shown(value: object, *, limit: int = 60) -> str:
    """Text of a stranger for one line of a terminal: cut, and without control characters."""
    text = str(value)
    text = text if len(text) <= limit else text[: limit - 1] + "…"
    return one_line(text)


class _ForbiddenError(ValueError):
    """JSON that Python would take and kerasnn does not."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise _ForbiddenError("a key is there twice")
    return result


def _constant(text: str) -> Any:
    raise _ForbiddenError(f"it holds {text}")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _ForbiddenError("a number is too large")
    return value


def _integer(text: str) -> int:
    if len(text) > LONGEST_INTEGER:
        raise _ForbiddenError("a number is too large")
    return int(text)


def _may_be_large(content: bytes, most_values: int) -> bool:
    """Whether more than that many values follow something, as all but the first do."""
    return sum(content.count(mark) for mark in (b",", b":", b"[", b"{")) > most_values


def _is_deeper(content: bytes, limit: int) -> bool:
    """Whether brackets are nested deeper; strings are left out."""
    brackets = _STRING.sub(b"", content).translate(None, _OTHERS).translate(_BRACKETS)
    for _ in range(limit):
        if b"[]" not in brackets:
            break
        brackets = brackets.replace(b"[]", b"")  # the innermost level
    # What never closes is no JSON, and still it must not lead the parser any deeper.
    return b"[]" in brackets or brackets.count(b"[") > limit


def _conform_object(data: Any, cls: type[Any], location: str) -> None:
    _require(isinstance(data, dict), location, data)
    hints = _hints(cast("Hashable", cls))
    fields = {field.name: field for field in dataclasses.fields(cls)}
    for name in data:
        if name not in fields:
            raise ModelRefusedError(f"{location} has an unknown key '{shown(name)}'")
    for name, field in fields.items():
        if name in data:
            conform(data[name], hints[name], location=f"{location}.{name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ModelRefusedError(f"{location} has no key '{name}'")


def _conform_union(data: Any, choices: tuple[Any, ...], location: str) -> None:
    if data is None:
        return _require(types.NoneType in choices, location, data)
    (choice,) = (choice for choice in choices if choice is not types.NoneType)
    conform(data, choice, location=location)


def _conform_each(items: Iterable[tuple[Any, Any]], annotation: Any, location: str) -> None:
    for _, item in items:
        conform(item, annotation, location=location)


def _require(holds: bool, location: str, data: Any) -> None:
    if not holds:
        raise ModelRefusedError(f"{location} can't be {shown(repr(data), limit=40)}")
