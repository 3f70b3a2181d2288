"""ONNX: one file, for ONNX Runtime in any language, without TensorFlow."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kerasnn.errors import ExportError
from kerasnn.export import saved_model
from kerasnn.export.formats import Run

if TYPE_CHECKING:
    import keras

TITLE = "ONNX"
EXTRA = "onnx"
PACKAGES = ("onnx", "onnxruntime", "tf2onnx")
OPSET = 18
ARRAYS = {
    "float32": 'np.array([[{cell}]], dtype="float32")',
    "int64": 'np.array([[{cell}]], dtype="int64")',
    "text": "np.array([[{cell}]], dtype=object)",
    "codes": 'np.array([{cell}], dtype="int32")',
    "readings": '{cell}.astype("float32")',
    "image": "np.asarray({cell})[None]",
}
STRINGS = False
CALL = """\
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("{path}")
row = {{
{row}
}}
print(session.run(["{output}"], row)[0])
"""


def write(model: keras.Model, path: Path) -> None:
    """Convert through a SavedModel: Keras's own ONNX export makes invalid files.

    In a process of its own, because the converter changes TensorFlow's global state.
    """
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        saved = Path(folder) / "model"
        saved_model.write(model, saved)
        command = [sys.executable, "-m", "tf2onnx.convert", "--opset", str(OPSET)]
        command += ["--saved-model", str(saved), "--tag", "serve"]
        command += ["--signature_def", "serving_default", "--output", str(path)]
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode or not path.exists() or "is not supported" in done.stderr:
        raise ExportError(_reason(done.stderr), hint="use a network without this operation")
    _restore_names(path, [tensor.name for tensor in model.inputs])


def load(path: Path) -> Run:
    """Load with ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    wanted = {tensor.name for tensor in session.get_inputs()}

    def run(raw: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        feed = {name: _as_objects(cells) for name, cells in raw.items() if name in wanted}
        return np.asarray(session.run(None, feed)[0])

    return run


def _restore_names(path: Path, names: list[str]) -> None:
    """Name the inputs as the model does: TensorFlow writes names in small letters."""
    import onnx

    if all(name == name.lower() for name in names):
        return
    converted = onnx.load(path)
    right = {name.lower(): name for name in names}
    for tensor in converted.graph.input:
        tensor.name = right[tensor.name]
    _rename(converted.graph, right)
    onnx.save(converted, path)


def _rename(graph: Any, right: Mapping[str, str]) -> None:
    """Everywhere that an input is used, in branches and loops too."""
    for node in graph.node:
        node.input[:] = [right.get(name, name) for name in node.input]
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                _rename(inner, right)


def _as_objects(cells: NDArray[Any]) -> NDArray[Any]:
    return cells.astype(object) if cells.dtype.kind == "U" else cells


def _reason(messages: str) -> str:
    """The line of the converter's messages that says most."""
    lines = [line for line in messages.splitlines() if line.strip()]
    telling = [line for line in lines if "is not supported" in line or "Error" in line]
    last = (telling or lines or ["no message"])[-1]
    return f"the network can't be converted to ONNX: {last.strip()[-200:]}"
