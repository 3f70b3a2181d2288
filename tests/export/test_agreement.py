"""An export agrees to 1e-5 relative to max(1, |value|), whatever the target's unit."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from kerasnn import export
from kerasnn.data.schema import Column, Schema, Target
from kerasnn.errors import ExportError
from kerasnn.export import forecasts, formats
from kerasnn.export.verify import agreement, distance
from kerasnn.forecasting.preprocessor import SeriesScale
from kerasnn.options import PreprocessingOptions
from kerasnn.prediction.predictor import Predictor
from kerasnn.preprocessing import Preprocessor

MEAN, DEVIATION = 1e6, 1e5


def predictor_of(task: str, *, furthest: float = 1.0, **options: Any) -> Predictor:
    """A linear network of one number, whose outputs reach as far from the mean as said."""
    targets = {"binary": Target("y", "binary", ("no", "yes")), "regression": Target("y", task)}
    values = np.resize([MEAN - DEVIATION, MEAN + DEVIATION], 40)
    frame = pd.DataFrame({"a": np.linspace(-1, 1, 40), "y": values})
    if task == "binary":
        frame["y"] = np.resize(["no", "yes"], 40)
    schema = Schema((Column("a", "number"),), targets[task])
    fitted = Preprocessor.fit(frame, schema, PreprocessingOptions(**options))
    inputs = keras.Input((1,), name="numbers")
    layer = keras.layers.Dense(1, kernel_initializer=keras.initializers.Constant(furthest))
    return Predictor(fitted, keras.Model({"numbers": inputs}, layer(inputs)))


@pytest.mark.parametrize("scale_target", [True, False])
def test_a_large_value_may_differ_by_more(scale_target: bool) -> None:
    predictor = predictor_of("regression", scale_target=scale_target)
    expected = MEAN + DEVIATION * np.array([[-1.0], [1.0], [0.0], [-1000.0], [1000.0]])
    unit = DEVIATION if scale_target else expected.std()
    # Much more than the rounding of a float.
    found = distance(predictor, expected, expected + 1000.0)
    wanted = 1000.0 / np.maximum(unit, np.abs(expected - MEAN))
    np.testing.assert_allclose(found, wanted, rtol=0.03)


def test_probabilities_differ_by_what_they_do() -> None:
    predictor = predictor_of("binary")
    expected = np.array([[0.25, 0.75]])
    np.testing.assert_allclose(distance(predictor, expected, expected + 3e-5), 3e-5)


@pytest.mark.parametrize(("error", "is_written"), [(3e-6, True), (3e-5, False)])
@pytest.mark.parametrize("format", ["keras", "onnx"])
def test_predictions_far_from_the_mean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str, error: float, is_written: bool
) -> None:
    predictor = predictor_of("regression", furthest=1000.0)
    module = formats.get(format)
    honest = module.load

    def with_error(path: Path) -> Any:
        run = honest(path)
        # Of a thousand deviations: in deviations it is a thousand times the bound.
        return lambda raw: run(raw) + np.float32(error) * (run(raw) - np.float32(MEAN))

    monkeypatch.setattr(module, "load", with_error)
    path = tmp_path / f"model{'.keras' if format == 'keras' else '.onnx'}"
    if is_written:
        result = export.export(predictor, path, format=format)
        assert 1e-6 < result.largest_difference < 1e-5
        sentence = agreement("regression")
        assert sentence in result.card.read_text()
        assert "1e-05, relative to max(1, |value|), where values count in standard" in sentence
    else:
        with pytest.raises(ExportError) as caught:
            export.export(predictor, path, format=format)
        what = r"the exported model differs from the original by [23]\.\de-05, more than 1e-05 – .*"
        assert re.fullmatch(what, str(caught.value))
        assert not path.exists()


def test_forecasts_count_in_deviations_of_their_series() -> None:
    class FitResult:
        transform = "none"

    scale = SeriesScale("", mean=(MEAN,), deviation=(DEVIATION,), naive_error=(1.0,))
    expected = np.full((1, 3, 1, 1), MEAN) + DEVIATION * np.array([0.0, 1.0, 50.0])[:, None, None]
    apart = forecasts._apart(FitResult(), expected + 1000.0, expected, [scale])[0]  # type: ignore[arg-type]
    np.testing.assert_allclose(apart.ravel(), [0.01, 0.01, 0.0002], rtol=0.01)
