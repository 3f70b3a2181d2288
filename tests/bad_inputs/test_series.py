"""Bad series and sounds through the commands: one clear line each, or a warned treatment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bad_inputs.rows import Row, assert_refused, each
from bad_inputs.series import GOOD, REFUSED_ROWS, SOUND_ROWS, TRAINED_ROWS, N, pcm, tone, ts
from helpers import invoke

TINY = ("--set", "width=4", "--set", "depth=1", "--epochs", "1", "--no-baselines", "--model", "mlp")


@each(REFUSED_ROWS)
def test_training_refuses(row: Row, trained: Path, tmp_path: Path) -> None:
    assert_refused(row, trained / "run", tmp_path, *TINY)


@each(TRAINED_ROWS)
def test_training_goes_on(row: Row, tmp_path: Path) -> None:
    path, run = row.write(tmp_path), tmp_path / "run"
    result = invoke("train", path, *TINY, *row.arguments, "--output", run)
    assert result.stderr == row.stderr(path)
    printed = invoke("predict", run, path).stdout.splitlines()
    assert len(printed) == 1 + N
    assert printed[0].startswith("id,prediction" if row.arguments else "prediction")


def test_other_series_are_predicted_or_refused(tmp_path: Path) -> None:
    path, run = tmp_path / "a.ts", tmp_path / "run"
    path.write_text(ts(GOOD), encoding="utf-8")
    invoke("train", path, *TINY, "--output", run)
    longer = tmp_path / "b.ts"
    longer.write_text(ts(["1,2,3,4,5,6,7,8:1,2:a", "?:?:b"]), encoding="utf-8")
    result = invoke("predict", run, longer)
    assert len(result.stdout.splitlines()) == 3
    assert result.stderr.splitlines() == [
        "warning: 1 cell is longer than any in training (column 'series') – cut at the end"
    ]
    other = tmp_path / "c.ts"
    other.write_text("@data\n1,2,3\n4,5,6\n", encoding="utf-8")
    assert invoke("predict", run, other, code=2).stderr.splitlines() == [
        f"error: a series of 1 channel where training had 2 ({other}:2,series) – give (time, "
        "channels), with equal channels everywhere"
    ]
    np.savez(tmp_path / "d.npz", x=np.zeros((3, 4, 2), "float32") - 0.5)
    assert len(invoke("predict", run, tmp_path / "d.npz").stdout.splitlines()) == 4


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    for i in range(6):
        for name, hertz in (("high", 1_200.0), ("low", 300.0)):
            path = tmp_path / "sounds" / name / f"{i}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(pcm(tone(hertz + 10 * i)))
    return tmp_path / "sounds"


@each(SOUND_ROWS)
def test_odd_sounds(row: Row, sounds: Path, tmp_path: Path) -> None:
    odd, run = row.write(sounds / "low"), tmp_path / "run"
    assert invoke("train", sounds, *TINY, "--output", run).stderr == row.stderr(odd)
    if "left out" not in row.stderr(odd):
        return
    printed = invoke("predict", run, sounds / "low").stdout.splitlines()
    assert printed[0].startswith("path,prediction,probability:high")
    assert [line.split(",")[0] for line in printed[1:]] == [
        str(sounds / "low" / f"{i}.wav") for i in range(6)
    ]
    assert [line.split(",")[1] == "" for line in printed[1:]] == [i == 3 for i in range(6)]
    strict = invoke("train", sounds, "--strict", *TINY, "--output", tmp_path / "b", code=2)
    refusal = row.stderr(odd).replace("warning:", "error:").replace(", left out", "")
    assert strict.stderr == refusal


def test_folders_of_sounds_that_cannot_be_learned_from(sounds: Path, tmp_path: Path) -> None:
    for path in (sounds / "low").iterdir():
        path.unlink()
    (sounds / "low").rmdir()
    result = invoke("train", sounds, *TINY, "--output", tmp_path / "run", code=2)
    assert result.stderr.splitlines()[-1] == (
        f"error: the target has one class only: 'high' ({sounds},label) – add rows of another class"
    )


def test_tables_of_sounds(sounds: Path, tmp_path: Path) -> None:
    rows = [
        {"file": f"sounds/{name}/{i}.wav", "age": 10 * i % 7, "pitch": name}
        for name in ("high", "low")
        for i in range(6)
    ]
    table = tmp_path / "table.csv"
    pd.DataFrame(rows).to_csv(table, index=False)
    run = tmp_path / "run"
    result = invoke("train", table, "--target", "pitch", *TINY, "--output", run)
    assert "1 sound column, up to 0.1 s at 4,000 Hz" in result.stdout
    assert len(invoke("predict", run, table).stdout.splitlines()) == 13
    assert invoke("evaluate", run).exit_code == 0
    (sounds / "low" / "2.wav").unlink()
    result = invoke("predict", run, table)
    assert result.stderr.splitlines()[0] == (
        f"warning: no such file, not predicted ({sounds}/low/2.wav) – check the path"
    )
    assert result.stdout.splitlines()[9].startswith(",")
