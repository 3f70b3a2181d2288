"""Runs in a folder that go on: killed by SIGKILL, and extended."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from helpers import load_script

import kerasnn
from kerasnn.errors import ConfigError

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "resume.py"


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    return load_script(BENCHMARK)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_killed_runs_end_equal_bit_for_bit(benchmark: ModuleType, tmp_path: Path) -> None:
    kills = 10
    equal, phases = benchmark.measure(tmp_path, kind="table", kills=kills, n_rows=3000, seed=1)
    assert equal == kills
    assert phases["in a save"] >= 1
    assert phases["between saves"] >= 1


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", ["ensemble", "text", "forecast", "tune"])
def test_killed_runs_of_other_kinds_end_equal(
    benchmark: ModuleType, kind: str, tmp_path: Path
) -> None:
    equal, _ = benchmark.measure(tmp_path, kind=kind, kills=2, n_rows=800, seed=1)
    assert equal == 2


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    numbers = draw.normal(size=(80, 2))
    return pd.DataFrame({"a": numbers[:, 0], "b": numbers[:, 1], "y": numbers.sum(axis=1)})


def test_a_found_learning_rate_is_kept_when_a_run_is_extended(
    frame: pd.DataFrame, tmp_path: Path
) -> None:
    options = {"model": "linear", "baselines": False, "output": tmp_path / "run"}
    values = {"learning_rate": 0, "patience": 0}
    first = kerasnn.train(frame, target="y", set={**values, "epochs": 2}, **options)
    again = kerasnn.train(frame, resume=tmp_path / "run", set={"epochs": 4})
    rates = [run.bundle.config["training"]["learning_rate"] for run in (first, again)]
    assert rates[0] > 0
    assert rates[0] == rates[1]
    assert len(pd.read_csv(tmp_path / "run" / "history.csv")) == 4

    with pytest.raises(ConfigError) as caught:
        kerasnn.train(frame, resume=tmp_path / "run", set={"epochs": 6, "batch_size": 7})
    assert str(caught.value) == (
        "the run can't go on as it began: training.batch_size changed – "
        "undo the change, or start a new run"
    )
    # The refusals left everything as it was.
    with pytest.raises(ConfigError, match=r"can't go on as it began: the data changed"):
        kerasnn.train(frame.assign(a=frame["a"] + 1), resume=tmp_path / "run", set={"epochs": 6})
