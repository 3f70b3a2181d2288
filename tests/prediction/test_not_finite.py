"""What a network says that is no finite number is an error that counts the rows, not a blank."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from click.testing import CliRunner
from fuzz import samples

import kerasnn
from kerasnn.bundle.members import WEIGHTS, write_members
from kerasnn.cli.main import commands
from kerasnn.errors import ModelRefusedError

FIX = "train it again: its weights, or the values of these rows, are too large"


def huge(name: str, folder: Path) -> tuple[Any, samples.Sample]:
    """A run whose weights are finite and whose outputs are not."""
    sample = samples.make(name)
    arrays = safetensors.numpy.load(sample.members[WEIGHTS])
    arrays = {
        key: np.where(np.arange(x.size).reshape(x.shape) % 2, -3e38, 3e38).astype(x.dtype)
        for key, x in arrays.items()
    }
    weights = safetensors.numpy.save(arrays)
    write_members(folder / "model.kerasnn", sample.members | {WEIGHTS: weights})
    return kerasnn.load(folder / "model.kerasnn"), sample


@pytest.mark.parametrize("name", ["binary", "regression", "ensemble"])
def test_of_a_table(tmp_path: Path, name: str) -> None:
    run, sample = huge(name, tmp_path)
    expected = f"the network returns no finite number for 3 of 3 rows – {FIX}"
    for action in (
        lambda: run.predict(sample.rows),
        lambda: run.evaluate(sample.rows),
        lambda: run.predictor.scores(sample.rows),
        lambda: run.predict_file(sample.rows, tmp_path / "predictions.csv"),
    ):
        with pytest.raises(ModelRefusedError) as caught:
            action()
        assert str(caught.value) == expected
        assert caught.value.exit_code == 3
    assert not (tmp_path / "predictions.csv").exists()


def test_an_export_is_not_written(tmp_path: Path) -> None:
    run, _ = huge("binary", tmp_path)
    with pytest.raises(ModelRefusedError, match="the network returns no finite number for"):
        run.export("keras", tmp_path / "model.keras")
    assert not (tmp_path / "model.keras").exists()


def test_of_a_forecast(tmp_path: Path) -> None:
    run, sample = huge("forecast", tmp_path)
    with pytest.raises(ModelRefusedError) as caught:
        run.predict(sample.rows)
    assert str(caught.value) == f"the network returns no finite number for 2 of 2 rows – {FIX}"


def test_the_command_ends_with_3(tmp_path: Path) -> None:
    _, sample = huge("binary", tmp_path)
    sample.rows.to_csv(tmp_path / "new.csv", index=False)
    arguments = ["predict", str(tmp_path / "model.kerasnn"), str(tmp_path / "new.csv")]
    result = CliRunner().invoke(commands, arguments)
    assert result.exit_code == 3
    assert result.stdout == ""
    assert f"the network returns no finite number for 3 of 3 rows – {FIX}" in result.stderr
