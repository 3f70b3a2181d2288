"""The whole way from raw columns to probabilities or values as one Keras model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from kerasnn.export import images, texts
from kerasnn.export.formats import Run
from kerasnn.preprocessing.graph import input_names

if TYPE_CHECKING:
    import pandas as pd

    from kerasnn.prediction.predictor import Predictor
    from kerasnn.preprocessing import Preprocessor

PROBABILITIES = "probabilities"
PREDICTION = "prediction"


def serving_model(
    predictor: Predictor, *, own_size: bool = False, strings: bool = False
) -> keras.Model:
    """Raw columns → preprocessing → network → probabilities, or values in the target's unit.

    Args:
        predictor: The preprocessing, the network and the decision.
        own_size: True to take images as float32 in the network's own size, in place of bytes in any
            size; only for networks that take nothing but images.
        strings: True to take texts as they are, in place of the codes of their tokens.

    Shape:
        Each input: (batch, 1); of images (batch, any height, any width, channels), uint8; of codes
        of a text (batch, length), int32. Output
        ``"probabilities"``: (batch, classes), of two classes both, of labels each on its own;
        ``"prediction"`` of a regression: (batch, 1).
    """
    preprocessor = predictor.preprocessor
    if own_size:
        inputs, prepared = _own_size_inputs(preprocessor)
    else:
        raw = preprocessor.build_inputs(strings=strings)
        inputs = {tensor.name: tensor for tensor in raw.values()}
        prepared = preprocessor.apply(raw)
    outputs = _outputs(predictor, prepared)
    return keras.Model(inputs, {output_name(preprocessor): _finish(predictor, outputs)})


def output_name(preprocessor: Preprocessor) -> str:
    """Name of the only output."""
    is_regression = preprocessor.schema.target.task == "regression"
    return PREDICTION if is_regression else PROBABILITIES


def raw_inputs(
    preprocessor: Preprocessor, frame: pd.DataFrame, *, strings: bool = False
) -> dict[str, NDArray[Any]]:
    """Rows as the model takes them, by the names of its inputs.

    Images are arrays of arrays, (n,), each in the size it was decoded in; see `run_rows`.

    Args:
        preprocessor: Preprocessor that knows the columns.
        frame: Raw rows.
        strings: True for texts as they are, in place of the codes of their tokens.
    """
    names = input_names([column.name for column in preprocessor.schema.features])
    raw = {names[column]: cells for column, cells in preprocessor.raw(frame).items()}
    for image in preprocessor.images:
        raw[names[image.name]] = images.pictures(frame[image.name], image.channels)
    return raw if strings else raw | texts.codes(preprocessor, frame)


def rows(raw: Mapping[str, NDArray[Any]], start: int, stop: int) -> dict[str, NDArray[Any]]:
    """Some rows of raw inputs."""
    return {name: cells[start:stop] for name, cells in raw.items()}


def run_rows(run: Run, raw: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """Outputs of a loaded model for rows of `raw_inputs`, in their order.

    Images of different sizes don't fit in one array: rows of the same sizes go together.
    """
    pictures = [cells for cells in raw.values() if images.are_pictures(cells)]
    if not pictures:
        return run(raw)
    groups: dict[tuple[Any, ...], list[int]] = {}
    for row in range(len(pictures[0])):
        groups.setdefault(tuple(cells[row].shape for cells in pictures), []).append(row)
    parts = [
        run({name: images.stacked(cells[group]) for name, cells in raw.items()})
        for group in groups.values()
    ]
    order = np.concatenate([np.array(group) for group in groups.values()])
    return np.concatenate(parts)[np.argsort(order)]


def _own_size_inputs(preprocessor: Preprocessor) -> tuple[dict[str, Any], dict[str, Any]]:
    """Inputs by the names of the columns, and the same by those of the network."""
    names = input_names([column.name for column in preprocessor.schema.features])
    inputs, prepared = {}, {}
    for key, image in preprocessor.signature.image_inputs.items():
        name = names[image.name]
        shape = (image.height, image.width, image.channels)
        inputs[name] = prepared[key] = keras.Input(shape, dtype="float32", name=name)
    return inputs, prepared


def _outputs(predictor: Predictor, prepared: Mapping[str, Any]) -> Any:
    """Those of the network; the mean with those of the mirror images, where it decides so."""
    network = predictor.network
    # The network's own name could be that of a column.
    inner = keras.Model(network.input, network.output, name="functional")
    outputs = inner(prepared)
    if not predictor.decision.flip_tta:
        return outputs
    keys = predictor.preprocessor.signature.image_inputs
    turned = {k: ops.flip(x, axis=2) if k in keys else x for k, x in prepared.items()}
    return (outputs + inner(turned)) / 2.0


def _finish(predictor: Predictor, outputs: Any) -> Any:
    """The decision's temperature and the link of the task."""
    task = predictor.preprocessor.schema.target.task
    if task == "regression":
        return predictor.preprocessor.coder.finish(ops, outputs)
    logits = outputs / float(predictor.decision.temperature)
    if task == "multiclass":
        return ops.softmax(logits, axis=-1)
    second = ops.sigmoid(logits)
    if task == "multilabel":
        return second
    return ops.concatenate([1.0 - second, second], axis=-1)
