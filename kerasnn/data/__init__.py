"""From a source to a table: reading files, and reading what their cells mean.

The names load on first use, so that the checks of a path in `kerasnn.data.readers.sources` are instant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kerasnn.data.frames import SourceTable
    from kerasnn.data.readers.reading import read, read_chunks

__all__ = ["SourceTable", "read", "read_chunks"]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "frames" if name == "SourceTable" else "readers.reading"
    return getattr(import_module(f"kerasnn.data.{module}"), name)
