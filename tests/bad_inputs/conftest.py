"""The run on the good table that the tests of bad inputs share, and what spares time in them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from bad_inputs.tables import text, train
from helpers import invoke, read_csv_text

from kerasnn.runs.tabular import Run


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table and the run on it."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "table.csv").write_text(text(), encoding="utf-8")
    assert train(folder / "table.csv", "--output", folder / "run").stderr == ""
    return folder


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of the run that a test may change."""
    return shutil.copytree(trained / "run", tmp_path / "run")


@pytest.fixture(scope="session")
def predictions(trained: Path) -> pd.DataFrame:
    """The predictions of the run for its own table."""
    return read_csv_text(invoke("predict", trained / "run", trained / "table.csv").stdout)


@pytest.fixture
def _no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing the report is half of a tiny training, and has tests of its own."""
    monkeypatch.setattr(Run, "report", lambda self, output=None, **options: Path())


@pytest.fixture
def _no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def prepare(*arguments: Any, **options: Any) -> None:
        raise AssertionError("the training began")

    monkeypatch.setattr("kerasnn.trainers.tabular.prepare", prepare)
