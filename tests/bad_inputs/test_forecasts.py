"""Bad series through the commands: each an exact error, or a treatment that works, warned of."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bad_inputs.forecasts import (
    ARGUMENTS,
    PREDICTED_ROWS,
    REFUSED_ROWS,
    TINY,
    TRAINED_ROWS,
    UNPREDICTED_ROWS,
    N,
    shops,
)
from bad_inputs.rows import Row, assert_not_predicted, assert_refused, each
from helpers import invoke

from kerasnn import models


@each(REFUSED_ROWS)
def test_training_refuses(row: Row, trained: Path, tmp_path: Path) -> None:
    able = [name for name in models.names() if models.data_of(name) in ("forecast", "sequence")]
    lines = tuple(line.replace("{able}", ", ".join(able)) for line in row.lines)
    assert_refused(replace(row, lines=lines), trained / "run", tmp_path, *TINY)


@each(TRAINED_ROWS)
def test_training_goes_on(row: Row, tmp_path: Path) -> None:
    path = row.write(tmp_path)
    result = invoke("train", path, *TINY, *row.arguments, "--output", tmp_path / "run")
    assert result.stderr == row.stderr(path)
    scores = json.loads((tmp_path / "run" / "scores.json").read_text())
    assert np.isfinite(scores["values"]["mae"])
    forecast = pd.read_csv(tmp_path / "run" / "predictions.csv")
    assert np.isfinite(forecast["prediction"]).all()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    frame = shops(N, N).assign(holiday=lambda rows: (rows.index % 7 == 0).astype(int))
    frame.to_csv(folder / "sales.csv", index=False)
    invoke(
        "train",
        folder / "sales.csv",
        *TINY,
        *ARGUMENTS,
        "--series",
        "shop",
        "--future-covariates",
        "holiday",
        "--output",
        folder / "run",
    )
    return folder / "run"


@each(UNPREDICTED_ROWS)
def test_predict_refuses(row: Row, run: Path, tmp_path: Path) -> None:
    assert_not_predicted(row, run, tmp_path)


@each(PREDICTED_ROWS)
def test_predict_goes_on(row: Row, run: Path, tmp_path: Path) -> None:
    path = row.write(tmp_path)
    output = tmp_path / "out.csv"
    result = invoke("predict", run, path, "--output", output)
    assert result.stderr == row.stderr(path) + f"4 rows predicted in {output}\n"
    forecast = pd.read_csv(output)
    assert forecast["day"].tolist()[0].startswith("2023-03-23")
    assert np.isfinite(forecast["prediction"]).all()
