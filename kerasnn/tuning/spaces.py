"""Where a hyper-parameter is looked for, as text.

::

    [0, 0.5]             numbers, each as likely as another
    log [0.001, 0.1]     numbers, each order of magnitude as likely as another
    int [1, 4]           integers; ``int`` may be left out where a key takes nothing else
    log int [16, 512]    integers, each order of magnitude as likely as another
    {64, 128, 256}       one of these; {relu, silu} too
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kerasnn import models
from kerasnn.constraints import SECTIONS, check, fields_of, parse_scalar, sections_of
from kerasnn.errors import ConfigError, UnknownNameError

_SPAN = re.compile(r"((?:(?:log|int)\s+)*)\[([^,\]]+),([^,\]]+)\]")
_CHOICE = re.compile(r"\{(.*)\}")
_FORMS = "write [0, 0.5], log [0.001, 0.1], int [1, 4] or {64, 128}"
# What makes trials comparable, or is no property of a network, is the same in all of them.
_SEARCHED = ("preprocessing", "training")
_SAME_IN_ALL = {"training.monitor", "training.precision", "training.compile", "training.pretrained"}


@dataclass(frozen=True)
class Space:
    """The values that a key may take: some, or all between two.

    Args:
        values: Choices; empty for a range from ``low`` to ``high``.
        low: The smallest value.
        high: The largest value.
        log: True if each order of magnitude is as likely as another.
        integer: True if the values are integers.
    """

    values: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    integer: bool = False

    def __str__(self) -> str:
        if self.values:
            return f"{{{', '.join(_shown(value) for value in self.values)}}}"
        words = f"{'log ' if self.log else ''}{'int ' if self.integer else ''}"
        return f"{words}[{_shown(self.low)}, {_shown(self.high)}]"

    @property
    def ends(self) -> tuple[Any, ...]:
        """The values that tell whether all are allowed."""
        return self.values or (self.low, self.high)

    def nearest(self, value: Any) -> Any:
        """The value itself if it is in the space, else the closest one."""
        if not self.values:
            return min(max(value, self.low), self.high)
        if value in self.values or not all(map(_is_number, (value, *self.values))):
            return value if value in self.values else self.values[0]
        return min(self.values, key=lambda each: abs(each - value))


def parse(key: str, text: Any) -> Space:
    """Read a space.

    Args:
        key: Key or name of the hyper-parameter.
        text: Text in one of the forms above, or a list of values.

    Raises:
        ConfigError: It is written in another way, or is empty.

    >>> str(parse("depth", "int [1, 4]")), parse("width", "{64, 128}").values
    ('int [1, 4]', (64, 128))
    """
    if isinstance(text, Space):
        return text
    if isinstance(text, list | tuple):
        return _choice(key, list(text), text)
    text = str(text).strip()
    if match := _CHOICE.fullmatch(text):
        items = [item.strip() for item in match[1].split(",")]
        return _choice(key, [parse_scalar(item) for item in items if item], text)
    match = _SPAN.fullmatch(text)
    low, high = (parse_scalar(match[n].strip()) for n in (2, 3)) if match else (None, None)
    if not (match and _is_number(low) and _is_number(high)):
        raise _wrong(key, text, "is not written like a search")
    log, integer = "log" in match[1], "int" in match[1]
    if not low < high:  # type: ignore[operator]
        raise _wrong(key, text, "holds nothing to choose from")
    if log and low <= 0:  # type: ignore[operator]
        raise _wrong(key, text, "can't have a logarithm at its lower end")
    if integer and not (isinstance(low, int) and isinstance(high, int)):
        raise _wrong(key, text, "has ends that are not integers")
    return Space((), low, high, log, integer)  # type: ignore[arg-type]


def read(model: str, searched: Mapping[str, Any]) -> dict[str, Space]:
    """Spaces by dotted key, held to what the keys may be.

    Args:
        model: Name of the model whose hyper-parameters are searched.
        searched: Text by hyper-parameter or key, such as ``width`` or ``training.learning_rate``.

    Raises:
        ConfigError: A space is not written like one, or holds what its key may not be.
        UnknownNameError: There is no such hyper-parameter or key.
    """
    return {key: _held(model, key, parse(key, text)) for key, text in _dotted(model, searched)}


def _dotted(model: str, searched: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Dotted keys with their spaces."""
    known = models.hyperparameters(model)
    found = []
    for name, text in searched.items():
        keys = [f"model.{name}"] if name in known else []
        keys += sections_of(name)
        if "." in name:
            section, bare = name.split(".", 1)
            there = bare in known if section == "model" else section in SECTIONS
            keys = [name] if there else []
        if len(keys) > 1:
            raise ConfigError(f"key '{name}' is ambiguous", hint=f"write {' or '.join(keys)}")
        if not keys:
            others = [*known, *(key for section in _SEARCHED for key in fields_of(section))]
            raise UnknownNameError(f"hyper-parameter of {model}", name, others)
        found.append((keys[0], text))
    return found


def _held(model: str, key: str, space: Space) -> Space:
    """The space, if its key takes all of its values; of integers if it takes no others."""
    section, name = key.split(".", 1)
    if section not in (*_SEARCHED, "model") or key in _SAME_IN_ALL:
        raise ConfigError(f"`{key}` can't be searched: it must be the same in all trials")
    if section == "model":
        if not space.values and isinstance(models.hyperparameters(model)[name], int):
            space = _as_integers(key, space)
        values = [models.check_hyperparameters(model, {name: end})[name] for end in space.ends]
    else:
        if not space.values and fields_of(section).get(name) is int:
            space = _as_integers(key, space)
        values = [check(key, end) for end in space.ends]
    return Space(tuple(values)) if space.values else space


def _as_integers(key: str, space: Space) -> Space:
    return parse(key, str(space).replace("[", "int [")) if not space.integer else space


def _choice(key: str, values: list[Any], text: Any) -> Space:
    if not values:
        raise _wrong(key, text, "holds nothing to choose from")
    return Space(tuple(dict.fromkeys(values)))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _wrong(key: str, text: Any, why: str) -> ConfigError:
    return ConfigError(f"the search '{text}' of `{key}` {why}", hint=_FORMS)
