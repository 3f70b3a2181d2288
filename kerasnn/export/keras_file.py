"""Keras: one file, for Python with Keras and TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from kerasnn.export.formats import Run

TITLE = "Keras"
EXTRA = ""
PACKAGES: tuple[str, ...] = ()
ARRAYS = {
    "float32": 'tf.constant([[{cell}]], "float32")',
    "int64": 'tf.constant([[{cell}]], "int64")',
    "text": "tf.constant([[{cell}]])",
    "codes": 'tf.constant([{cell}], "int32")',
    "readings": 'tf.constant({cell}, "float32")',
    "image": "tf.constant(np.asarray({cell})[None])",
}
STRINGS = False
CALL = """\
import keras
import tensorflow as tf

model = keras.models.load_model("{path}")
row = {{
{row}
}}
print(model(row)["{output}"].numpy())
"""


def write(model: keras.Model, path: Path) -> None:
    """Write a ``.keras`` file."""
    model.save(path)


def load(path: Path) -> Run:
    """Load with Keras."""
    model = keras.models.load_model(path)

    def run(raw: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        (output,) = model({name: tf.constant(cells) for name, cells in raw.items()}).values()
        return np.asarray(output)

    return run
