"""Networks with their preprocessing inside, for other runtimes; each verified as it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kerasnn.exporting.exporter import ExportResult, export

__all__ = ["ExportResult", "export", "names", "suffix"]

# Each format's module, and how its files end; a SavedModel is a folder.
_FORMATS = {
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
    return list(_FORMATS)


def suffix(format: str) -> str:
    """How files of a format end; empty for a folder.

    >>> suffix("litert")
    '.tflite'
    """
    return _FORMATS[format][1]


def __getattr__(name: str) -> Any:
    if name in ("export", "ExportResult"):
        from kerasnn.exporting import exporter

        return getattr(exporter, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
