"""Networks with their preprocessing inside, for other runtimes; each verified as it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kerasnn.errors import UnknownNameError

if TYPE_CHECKING:
    from kerasnn.export.exporter import ExportResult, export

__all__ = ["ExportResult", "default_name", "export", "names", "suffix"]

# Each format's module, and how its files end; a SavedModel is a folder.
FORMATS = {
    "keras": ("keras_file", ".keras"),
    "saved_model": ("saved_model", ""),
    "onnx": ("onnx_file", ".onnx"),
    "litert": ("litert", ".tflite"),
}


def names() -> list[str]:
    """The formats there are.

    >>> names()
    ['keras', 'saved_model', 'onnx', 'litert']
    """
    return list(FORMATS)


def default_name(format: str, *, int8: bool = False) -> str:
    """What a file of a format is called if nothing is said.

    Args:
        format: Name of the format.
        int8: True for a model in whole numbers of 8 bits.

    Raises:
        UnknownNameError: There is no such format.

    >>> default_name("onnx")
    'model.onnx'
    """
    return f"model{'-int8' if int8 else ''}{suffix(format)}"


def suffix(format: str) -> str:
    """How files of a format end; empty for a folder.

    Raises:
        UnknownNameError: There is no such format.

    >>> suffix("litert")
    '.tflite'
    """
    return FORMATS[known(format)][1]


def known(format: str) -> str:
    """The name itself; raises UnknownNameError if there is no such format."""
    if format not in FORMATS:
        raise UnknownNameError("format", format, FORMATS)
    return format


def __getattr__(name: str) -> Any:
    if name in ("export", "ExportResult"):
        from kerasnn.export import exporter

        return getattr(exporter, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
