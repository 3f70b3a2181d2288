"""The scores of several runs beside each other."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kerasnn.errors import ConfigError, DataError, KerasnnWarning
from kerasnn.evaluation.scores import Scores, score
from kerasnn.metrics.predictions import Predictions
from kerasnn.runs.comparison_table import read_scores, side_by_side


@pytest.fixture(scope="module")
def good() -> Scores:
    truth = np.arange(20.0)
    return score(regression(truth, truth + 0.5))


def regression(truth: np.ndarray, prediction: np.ndarray) -> Predictions:
    return Predictions("regression", (), truth, prediction, prediction)


def test_best_value_has_a_star(good: Scores) -> None:
    bad = score(regression(np.arange(20.0), 2 * np.arange(20.0)))
    lines = {line.split("  ")[0]: line for line in side_by_side({"a": bad, "b": good}).splitlines()}
    for name, line in lines.items():
        if "↑" in name or "↓" in name:
            assert line.endswith("*")
            assert line.count("*") == 1
    assert lines["rows"].split() == ["rows", "20", "20"]


def test_equal_values_all_have_a_star(good: Scores) -> None:
    text = side_by_side({"a": good, "b": good})
    assert all(line.count("*") == 2 for line in text.splitlines() if "↑" in line or "↓" in line)


def test_undefined_value_has_no_star(good: Scores) -> None:
    unknown = replace(good, values=dict.fromkeys(good.values))
    text = side_by_side({"a": unknown, "b": unknown})
    assert "*" not in text
    assert "–" in text


def test_other_rows_are_a_warning(good: Scores) -> None:
    with pytest.warns(KerasnnWarning, match="^the runs were scored on different rows – evaluate"):
        side_by_side({"a": good, "b": replace(good, n_rows=3)})


def test_other_tasks_are_an_error(good: Scores) -> None:
    with pytest.raises(DataError, match=r"^runs of different tasks \(a: regression, b: binary\)"):
        side_by_side({"a": good, "b": replace(good, task="binary")})
    with pytest.raises(ConfigError, match="nothing to compare"):
        side_by_side({})


def test_scores_are_read_from_the_folder(good: Scores, tmp_path: Path) -> None:
    file = tmp_path / "scores.json"
    file.write_text(json.dumps(good.to_dict()), encoding="utf-8")
    assert read_scores(tmp_path) == good
    file.write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match=r"^not a file of scores"):
        read_scores(tmp_path)
