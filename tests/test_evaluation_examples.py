"""The examples in the docstrings of kerasnn.evaluation do as they say."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize(
    "name", ["calibration", "conditions", "metrics", "predictions", "scores", "slices"]
)
def test_examples(name: str) -> None:
    module = importlib.import_module(f"kerasnn.evaluation.{name}")
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0
