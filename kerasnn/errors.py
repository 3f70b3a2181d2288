"""Every error and warning that kerasnn raises on purpose.

::

    KerasnnError                     exit code 2
    ├── DataError (ValueError)           2   the data cannot be used as they are
    ├── ConfigError (ValueError)         2   an option, key or name is wrong
    │   └── UnknownNameError             2   not one of the known names; says the closest
    ├── MissingDependencyError (ImportError)  2   an extra is not installed
    ├── UnsupportedVersionError (ImportError) 2  an installed package lacks what kerasnn needs
    ├── ModelRefusedError (ValueError)   3   a bundle is damaged, hostile or too new
    ├── ExportError (RuntimeError)       3   an exported model does not do what it should
    ├── StorageError (OSError)           4   reading or writing failed
    └── ResourceError (MemoryError)      4   memory ran out

    KerasnnWarning (UserWarning)             the work goes on, but you should know

A message is one line: the problem, its location, and a hint on how to solve it.
"""

from __future__ import annotations

import difflib
import sys
import warnings
from collections.abc import Iterable
from types import FrameType

# Of more choices than this, the nearest ones are listed.
MOST_LISTED = 12
NEAREST = 8


# Characters of each part of a message; the middle of longer ones is left out.
LONGEST = 640
LONGEST_NAME = 200


class KerasnnError(Exception):
    """One line of text: ``problem (location) – hint``.

    Args:
        problem: The rule that was broken and the value that broke it.
        location: Place of the problem: ``file:row,column``, or the name of a column or key.
        hint: Advice on what to do next, as an imperative.
    """

    exit_code = 2

    def __init__(
        self, problem: str, *, location: str | None = None, hint: str | None = None
    ) -> None:
        self.problem = problem
        self.location = location
        self.hint = hint
        # Escapes are longer than what they stand for, so they come before the bound.
        line = _bounded(one_line(problem))
        if location:
            line += f" ({_bounded(one_line(location))})"
        if hint:
            line += f" – {_bounded(one_line(hint))}"
        super().__init__(line)


def one_line(text: str) -> str:
    r"""A text in which nothing ends the line, steers a terminal or turns the direction of writing.

    Names in the bundle or the table of a stranger may hold such characters; these are spelled out.

    >>> one_line("a\nb\x1b[2J")
    'a\\nb\\x1b[2J'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _bounded(text: str) -> str:
    """A text from whose middle is left out what is too much for a line: names can be very long."""
    if len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST // 2]} … {text[-LONGEST // 2 :]}"


class DataError(KerasnnError, ValueError):
    """The data cannot be used as they are."""


class ConfigError(KerasnnError, ValueError):
    """An option, a configuration key or a combination of them is wrong."""


class UnknownNameError(ConfigError):
    """A name that is not among the known ones.

    Args:
        kind: Kind of thing that is named, such as ``"model"``.
        name: The name received.
        choices: The names there are.
        location: Place where the name was read, if any.
        meant: Name of the same meaning, suggested in place of the most similar name.
    """

    def __init__(
        self,
        kind: str,
        name: str,
        choices: Iterable[str],
        *,
        location: str | None = None,
        meant: str | None = None,
    ) -> None:
        self.name = name
        self.choices = list(choices)
        name = str(name) if len(str(name)) <= LONGEST_NAME else f"{str(name)[:LONGEST_NAME]}…"
        close = difflib.get_close_matches(name, self.choices, n=1)
        if meant or close:
            hint = f"did you mean '{meant or close[0]}'?"
        else:
            hint = f"choose from {_listed(str(name), self.choices)}"
        super().__init__(f"unknown {kind} '{name}'", location=location, hint=hint)


def _listed(name: str, choices: list[str]) -> str:
    """All of a few choices; of many the nearest, and how many there are."""
    if len(choices) <= MOST_LISTED:
        return ", ".join(choices)
    nearest = difflib.get_close_matches(name, choices, n=NEAREST, cutoff=0.0)
    return f"{', '.join(nearest)} … ({len(choices)} names in all)"


class MissingDependencyError(KerasnnError, ImportError):
    """A package of an optional extra is not installed."""

    def __init__(self, feature: str, *, extra: str) -> None:
        super().__init__(f"{feature} needs an extra", hint=f"pip install 'kerasnn[{extra}]'")


class UnsupportedVersionError(KerasnnError, ImportError):
    """The installed version of a package lacks something that kerasnn needs.

    Args:
        package: Name of the package, as pip knows it.
        version: The installed version.
        missing: The name that the package lacks.
        requirement: The versions that kerasnn works with, such as ``"keras>=3.15.1,<3.17"``.
    """

    def __init__(self, package: str, version: str, missing: str, requirement: str) -> None:
        problem = f"{package} {version} does not work with kerasnn: it has no '{missing}'"
        super().__init__(problem, hint=f"pip install '{requirement}'")


class ModelRefusedError(KerasnnError, ValueError):
    """A bundle is damaged, hostile, or of a newer schema; nothing of it was used."""

    exit_code = 3


class ExportError(KerasnnError, RuntimeError):
    """An exported model can't be made or disagrees with the original; nothing of it is left."""

    exit_code = 3


class StorageError(KerasnnError, OSError):
    """Reading or writing failed; what was there before is untouched."""

    exit_code = 4


class ResourceError(KerasnnError, MemoryError):
    """The machine has too little memory for what was asked."""

    exit_code = 4


class KerasnnWarning(UserWarning):
    """Something the user should know; the work goes on."""


def warn(problem: str, *, location: str | None = None, hint: str | None = None) -> None:
    """Warn with the same one-line form as an error, at the line that called kerasnn."""
    message = str(KerasnnError(problem, location=location, hint=hint))
    warnings.warn(message, KerasnnWarning, stacklevel=_levels_to_caller())


def _levels_to_caller() -> int:
    """The `stacklevel`, for a call in `warn`, of the first frame outside of kerasnn."""
    level = 1
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name.partition(".")[0] != "kerasnn":
            return level
        level, frame = level + 1, frame.f_back
    return level


def quantity(number: int, singular: str, plural: str | None = None) -> str:
    """A number and what it counts, in the singular or the plural.

    >>> quantity(1, "row has", "rows have"), quantity(1_200, "cell")
    ('1 row has', '1,200 cells')
    """
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"
