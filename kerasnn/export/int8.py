"""LiteRT in whole numbers of 8 bits: for networks of images on small computers.

Only activations are measured, on images that training did not see; nothing is trained again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kerasnn.data.media.image_columns import pixels_of
from kerasnn.errors import ConfigError, ExportError
from kerasnn.export import images
from kerasnn.preprocessing.graph import input_names

if TYPE_CHECKING:
    import keras

    from kerasnn.export.formats import Run
    from kerasnn.prediction.predictor import Predictor
    from kerasnn.preprocessing import Preprocessor

MOST_CALIBRATED = 300
MOST_LOST = 0.05
"""Of the accuracy, or of R²; a model that loses more is not written. Two rows may always differ."""


@dataclass(frozen=True)
class HeldBack:
    """Rows that training did not see, with the target.

    Args:
        calibration: Rows whose images show how large the numbers in the network get.
        test: Rows on which the loss of accuracy is measured.

    Each has a row or more.
    """

    calibration: pd.DataFrame
    test: pd.DataFrame


@dataclass(frozen=True)
class Int8Scores:
    """What whole numbers cost, on test rows.

    Args:
        metric: ``accuracy``, or ``R²`` for a regression.
        original: Score of the network in float32.
        quantised: Score of the network in whole numbers.
        agreement: Share of the rows (of labels, each) that both decide alike; for a regression the
            R² of the one's values as predictions of the other's.
        n_rows: Rows that this was measured on.
    """

    metric: str
    original: float
    quantised: float
    agreement: float
    n_rows: int

    def __str__(self) -> str:
        return (
            f"{self.metric} in 8 bits {self.quantised:.4f}, in float32 {self.original:.4f}, "
            f"agreement {self.agreement:.4f} on {self.n_rows:,} test rows"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return asdict(self)


def check_possible(predictor: Predictor, format: str) -> None:
    """Raise a ConfigError unless this is for LiteRT, of a network that takes images alone."""
    if format != "litert":
        raise ConfigError(f"int8 is for litert only; got '{format}'", hint="export without int8")
    signature = predictor.preprocessor.signature
    others = (*signature.texts, *signature.series, *signature.sounds)
    if not signature.images or signature.numbers or signature.categories or others:
        problem = "int8 is for networks that take images and nothing else"
        raise ConfigError(problem, hint="export without int8")


def write(model: keras.Model, path: Path, preprocessor: Preprocessor, held: HeldBack) -> None:
    """Convert; inputs become uint8, the output stays float32.

    Args:
        model: The serving model in the network's own size.
        path: Path of the file.
        preprocessor: Preprocessor that knows the images.
        held: Rows whose images for calibration are used.

    Raises:
        ExportError: The pixels would not go in as they are.
    """
    import tensorflow as tf

    from kerasnn.export import saved_model

    calibration = images.spread(held.calibration, MOST_CALIBRATED)
    samples = _extremes(own_size(preprocessor, calibration))

    def each() -> Iterator[dict[str, NDArray[Any]]]:
        for row in range(len(next(iter(samples.values())))):
            yield {name: pixels[row : row + 1] for name, pixels in samples.items()}

    with TemporaryDirectory(dir=path.parent) as folder:
        saved = Path(folder) / "model"
        saved_model.write(model, saved)
        converter = tf.lite.TFLiteConverter.from_saved_model(
            str(saved), signature_keys=["serving_default"]
        )
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = each
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.uint8
        path.write_bytes(converter.convert())
    _check_inputs(path)


def own_size(preprocessor: Preprocessor, frame: pd.DataFrame) -> dict[str, NDArray[np.uint8]]:
    """Pixels in the network's own size, by name of the input: (n, height, width, channels)."""
    names = input_names([column.name for column in preprocessor.schema.features])
    layouts = {column.name: column.layout for column in preprocessor.schema.features}
    return {
        names[image.name]: pixels_of(frame[image.name], layouts[image.name])[:]
        for image in preprocessor.images
    }


def measure(predictor: Predictor, run: Run, frame: pd.DataFrame) -> tuple[Int8Scores, float]:
    """Compare with the original on labelled rows: what is lost, and the largest difference.

    Raises:
        ExportError: An output has another shape or is not finite, or too much is lost.
    """
    original = predictor.scores(frame)
    raw = own_size(predictor.preprocessor, frame)
    found = run(raw).astype("float64").reshape(original.shape)
    # What the kernels do for a batch, they do for one row.
    alone = run({name: pixels[:1] for name, pixels in raw.items()}).reshape(original[:1].shape)
    if not np.isfinite(found).all() or np.abs(alone - found[:1]).max() > MOST_LOST:
        raise ExportError("the model in 8 bits returns values that are not finite, or not steady")
    scores = _scores(predictor, frame, original, found)
    if scores.original - scores.quantised > max(MOST_LOST, 2 / len(frame)):
        problem = f"8 bits lose too much: {scores}"
        raise ExportError(problem, hint="export without int8, or train longer")
    return scores, float(np.abs(found - original).max())


def _scores(
    predictor: Predictor, frame: pd.DataFrame, original: NDArray[Any], found: NDArray[Any]
) -> Int8Scores:
    preprocessor = predictor.preprocessor
    target = preprocessor.schema.target
    is_regression = target.task == "regression"
    right = _r_squared if is_regression else _share_equal
    truth = preprocessor.target(frame)
    if is_regression:
        truth = preprocessor.coder.values(frame[target.name])
    before, after = predictor.decide(original), predictor.decide(found)
    name = "R²" if is_regression else "accuracy"
    figures = right(truth, before), right(truth, after), right(before, after)
    return Int8Scores(name, *figures, len(frame))


def _share_equal(truth: NDArray[Any], decided: NDArray[Any]) -> float:
    return float((truth == decided).mean())


def _r_squared(truth: NDArray[Any], values: NDArray[Any]) -> float:
    spread = float(np.square(truth - truth.mean()).mean())
    return 1.0 - float(np.square(truth - values).mean()) / (spread or 1.0)


def _extremes(pixels: Mapping[str, NDArray[np.uint8]]) -> dict[str, NDArray[np.float32]]:
    """Pixels with a black and a white value, so that all bytes go in as they are."""
    samples = {name: sample.astype("float32") for name, sample in pixels.items()}
    for sample in samples.values():
        sample[0].flat[:2] = 0.0, 255.0
    return samples


def _check_inputs(path: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    for tensor in Interpreter(str(path)).get_input_details():
        if tensor["dtype"] is not np.uint8 or tensor["quantization"] != (1.0, 0):
            what = f"the input takes {tensor['dtype'].__name__} scaled by {tensor['quantization']}"
            raise ExportError(f"{what}, not plain bytes", hint="export without int8")
