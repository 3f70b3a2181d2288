"""The model file that CONTRIBUTING shows is a model of the zoo, by its own rules."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from kerasnn.signature import Signature

TEXT = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_the_model_shown_builds_and_runs() -> None:
    (code,) = re.findall(r"<!-- run -->\n```python\n(.*?)```", TEXT, re.DOTALL)
    module: dict[str, object] = {"__name__": "shown"}
    exec(compile(code, "CONTRIBUTING.md", "exec"), module)
    signature = Signature.table(numbers=2, categories=(4,), classes=3)
    network = module["shallow"](signature, width=5)  # type: ignore[operator]
    inputs = {"numbers": np.zeros((7, 2), "float32"), "categories": np.zeros((7, 1), "int32")}
    assert network(inputs).shape == (7, 3)
    assert {"TRAINING_OPTIONS", "PREPROCESSING"} <= module.keys()
