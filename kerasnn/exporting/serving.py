"""The whole way from raw columns to probabilities or values as one Keras model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from kerasnn.preprocessing.arithmetic import LARGEST
from kerasnn.preprocessing.graph import input_names

if TYPE_CHECKING:
    import pandas as pd

    from kerasnn.predictor import Predictor
    from kerasnn.preprocessing import Preprocessor

PROBABILITIES = "probabilities"
PREDICTION = "prediction"


def serving_model(predictor: Predictor) -> keras.Model:
    """Raw columns → preprocessing → network → probabilities, or values in the target's unit.

    Shape:
        Each input: (batch, 1). Output ``"probabilities"``: (batch, classes), of two classes both;
        ``"prediction"`` of a regression: (batch, 1).
    """
    preprocessor = predictor.preprocessor
    raw = preprocessor.build_inputs()
    network = predictor.network
    # The network's own name could be that of a column.
    inner = keras.Model(network.input, network.output, name="functional")
    outputs = inner(preprocessor.apply(raw))
    inputs = {tensor.name: tensor for tensor in raw.values()}
    return keras.Model(inputs, {output_name(preprocessor): _finish(predictor, outputs)})


def output_name(preprocessor: Preprocessor) -> str:
    """Of the only output."""
    is_regression = preprocessor.schema.target.task == "regression"
    return PREDICTION if is_regression else PROBABILITIES


def raw_inputs(preprocessor: Preprocessor, frame: pd.DataFrame) -> dict[str, NDArray[Any]]:
    """Rows as the model takes them, by the names of its inputs."""
    names = input_names([column.name for column in preprocessor.schema.features])
    return {names[column]: cells for column, cells in preprocessor.raw(frame).items()}


def rows(raw: Mapping[str, NDArray[Any]], start: int, stop: int) -> dict[str, NDArray[Any]]:
    """Some rows of raw inputs."""
    return {name: cells[start:stop] for name, cells in raw.items()}


def _finish(predictor: Predictor, outputs: Any) -> Any:
    """The decision's temperature and the link of the task."""
    task = predictor.preprocessor.schema.target.task
    if task == "regression":
        coder = predictor.preprocessor.coder
        # Without something in between, LiteRT's converter moves the mean into the last layer's
        # bias, and each of its sums then rounds as coarsely as the target's unit.
        outputs = ops.clip(outputs, -LARGEST, LARGEST)
        return outputs * float(np.float32(coder.deviation)) + float(np.float32(coder.mean))
    logits = outputs / float(predictor.decision.temperature)
    if task == "multiclass":
        return ops.softmax(logits, axis=-1)
    second = ops.sigmoid(logits)
    return ops.concatenate([1.0 - second, second], axis=-1)
