"""What picks the best epoch."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from kerasnn.data import read
from kerasnn.data.schema import infer
from kerasnn.options import TrainingOptions
from kerasnn.prediction.calibrate import monitor_for
from kerasnn.preprocessing import Preprocessor
from kerasnn.training.engine import Arrays


def test_smoothed_labels_are_judged_as_they_will_be_read() -> None:
    generator = np.random.default_rng(0)
    frame = pd.DataFrame({"x": generator.normal(size=90), "y": np.tile(["a", "b", "c"], 30)})
    preprocessor = Preprocessor.fit(frame, infer(read(frame), target="y"))
    codes = preprocessor.target(frame)
    outputs = generator.normal(size=(90, 3)).astype("float32")
    outputs[np.arange(90), codes] += 1.5
    rows = Arrays({}, codes)
    plain = monitor_for(TrainingOptions(), preprocessor, rows)
    smoothed = monitor_for(TrainingOptions(label_smoothing=0.2), preprocessor, rows)
    assert smoothed.measure(4 * outputs) == pytest.approx(smoothed.measure(2 * outputs), abs=1e-3)
    assert plain.measure(4 * outputs) > plain.measure(2 * outputs) + 0.01
