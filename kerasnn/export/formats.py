"""What each format's module offers."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from numpy.typing import NDArray

from kerasnn import export
from kerasnn.errors import MissingDependencyError

if TYPE_CHECKING:
    import keras

# Raw inputs by name to the output's array.
Run = Callable[[Mapping[str, NDArray[Any]]], NDArray[Any]]


class Format(Protocol):
    """A module of this package with these names.

    Attributes:
        TITLE: What people call it.
        EXTRA: The extra that has `PACKAGES`, if any.
        PACKAGES: What has to be installed beyond TensorFlow.
        CALL: Python that loads the model ``{path}``, calls it on ``row`` and prints the output
            ``{output}``; its imports come first, then a blank line.
        ARRAYS: How a cell of each type is written in Python, by the NumPy type.
        STRINGS: Whether texts go in as they are; else the codes of their tokens do.
    """

    TITLE: str
    EXTRA: str
    PACKAGES: tuple[str, ...]
    CALL: str
    ARRAYS: Mapping[str, str]
    STRINGS: bool

    def write(self, model: keras.Model, path: Path) -> None:
        """Write the model."""

    def load(self, path: Path) -> Run:
        """Load the model in its own runtime."""


def get(name: str) -> Format:
    """A format by its name.

    Raises:
        UnknownNameError: There is no such format.
        MissingDependencyError: Its extra is not installed.
    """
    file, _ = export.FORMATS[export.known(name)]
    module = importlib.import_module(f"kerasnn.export.{file}")
    found = cast(Format, module)
    if any(importlib.util.find_spec(package) is None for package in found.PACKAGES):
        raise MissingDependencyError(f"exporting to {found.TITLE}", extra=found.EXTRA)
    return found
