"""LiteRT: one file, for phones and small computers, without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from kerasnn.export import saved_model
from kerasnn.export.formats import Run
from kerasnn.runtime import compat

if TYPE_CHECKING:
    import keras

TITLE = "LiteRT"
EXTRA = "litert"
PACKAGES = ("ai_edge_litert",)
ARRAYS = {
    "float32": 'np.array([[{cell}]], dtype="float32")',
    "int64": 'np.array([[{cell}]], dtype="int64")',
    "text": "np.array([[{cell}.encode()]], dtype=object)",
    "codes": 'np.array([{cell}], dtype="int32")',
    "readings": '{cell}.astype("float32")',
    "image": "np.asarray({cell})[None]",
}
STRINGS = False
CALL = """\
import numpy as np
from ai_edge_litert.interpreter import Interpreter

interpreter = Interpreter("{path}")
row = {{
{row}
}}
print(interpreter.get_signature_runner()(**row)["{output}"])
"""


def write(model: keras.Model, path: Path) -> None:
    """Convert through a SavedModel: the converter fails on a Keras model.

    A recurrent network is for one row at a time, because LiteRT has its loops for a known number of
    rows alone.
    """
    with TemporaryDirectory(dir=path.parent) as folder:
        saved = Path(folder) / "model"
        saved_model.write(model, saved, rows=1 if takes_one_row(model) else None)
        converter = tf.lite.TFLiteConverter.from_saved_model(
            str(saved), signature_keys=["serving_default"]
        )
        path.write_bytes(converter.convert())


def load(path: Path) -> Run:
    """Load with LiteRT's own interpreter."""
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(str(path)).get_signature_runner()
    details = runner.get_input_details().values()
    is_for_one = all(detail["shape_signature"][0] == 1 for detail in details)

    def run(raw: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        feed = {name: _as_bytes(cells) for name, cells in raw.items()}
        if not is_for_one:
            (output,) = runner(**feed).values()
            return np.asarray(output)
        n_rows = len(next(iter(feed.values())))
        rows = [{name: cells[i : i + 1] for name, cells in feed.items()} for i in range(n_rows)]
        # What a runner returns may lie in memory that its next call writes to.
        return np.concatenate([np.array(*runner(**row).values()) for row in rows])

    return run


def takes_one_row(model: keras.Model) -> bool:
    """Whether the converted model takes a single row: one with a recurrent layer does."""
    import keras

    return any(isinstance(layer, keras.layers.RNN) for layer in compat.all_layers(model))


def _as_bytes(cells: NDArray[Any]) -> NDArray[Any]:
    if cells.dtype.kind != "U":
        return cells
    return np.array([[cell.encode()] for cell in cells[:, 0]], dtype=object)
