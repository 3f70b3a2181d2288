"""`kerasnn compare`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from kerasnn.cli.main import commands
from kerasnn.evaluation.scores import score
from kerasnn.metrics.predictions import Predictions


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two folders with scores; there are no networks to be loaded in them."""
    monkeypatch.chdir(tmp_path)
    truth = np.arange(10.0)
    for name, error in (("good", 0.5), ("bad", 2.0)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "model.kerasnn").touch()
        scores = score(Predictions("regression", (), truth, truth + error, truth + error))
        (folder / "scores.json").write_text(json.dumps(scores.to_dict()), encoding="utf-8")
    return ["good", "bad"]


def test_scores_are_side_by_side(runs: list[str]) -> None:
    result = CliRunner().invoke(commands, ["compare", *runs])
    assert result.exit_code == 0
    head, *lines = result.stdout.splitlines()
    assert head.split() == runs
    (rmse,) = (line for line in lines if line.startswith("RMSE"))
    assert rmse.split()[-2:] == ["0.5000*", "2.000"]


def test_json_has_the_scores_of_each_run(runs: list[str]) -> None:
    result = CliRunner().invoke(commands, ["compare", "--json", *runs])
    data = json.loads(result.stdout)
    assert [data[name]["values"]["rmse"] for name in runs] == [0.5, 2.0]
