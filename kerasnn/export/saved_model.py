"""SavedModel: a folder, for TensorFlow in any language and TensorFlow Serving."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from kerasnn.export.formats import Run

TITLE = "SavedModel"
EXTRA = ""
PACKAGES: tuple[str, ...] = ()
ARRAYS = {
    "float32": 'tf.constant([[{cell}]], "float32")',
    "int64": 'tf.constant([[{cell}]], "int64")',
    "text": "tf.constant([[{cell}]])",
    "readings": 'tf.constant({cell}, "float32")',
    "image": "tf.constant(np.asarray({cell})[None])",
}
STRINGS = True
CALL = """\
import tensorflow as tf

model = tf.saved_model.load("{path}")
row = {{
{row}
}}
print(model.signatures["serving_default"](**row)["{output}"].numpy())
"""


def write(model: keras.Model, path: Path, *, rows: int | None = None) -> None:
    """Write a folder with the signature ``serving_default``.

    Args:
        model: The model.
        path: Path of the folder.
        rows: Number of rows that it takes at once; None for any number.
    """
    signature = None
    if rows:
        signature = [
            {
                name: keras.layers.InputSpec(shape=(rows, *x.shape[1:]), dtype=x.dtype, name=name)
                for name, x in model.input.items()
            }
        ]
    model.export(path, format="tf_saved_model", verbose=False, input_signature=signature)


def load(path: Path) -> Run:
    """Load with TensorFlow, without Keras."""
    loaded = tf.saved_model.load(str(path))
    serve = loaded.signatures["serving_default"]

    def run(raw: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        (output,) = serve(**{name: tf.constant(cells) for name, cells in raw.items()}).values()
        return np.asarray(output)

    # The signature alone would not keep its variables alive.
    run.__dict__["loaded"] = loaded
    return run
