"""The folder of a run after each prefix of its file operations: usable, whenever it is killed."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
from helpers import load_script

from kerasnn.training import fit as fitting

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "kill_prefixes.py"


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    return load_script(BENCHMARK)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("train", 50),
        pytest.param("train again", 60, marks=pytest.mark.slow),
        pytest.param("ensemble", 60, marks=pytest.mark.slow),
        pytest.param("tune", 120, marks=pytest.mark.slow),
        pytest.param("forecast", 50, marks=pytest.mark.slow),
    ],
)
def test_a_run_that_is_killed_anywhere_can_be_resumed_or_replaced(
    benchmark: ModuleType,
    name: str,
    least: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fitting, "CHECKPOINT_SHARE", 1e9)
    count, stuck, found = benchmark.measure_training(name, tmp_path / "all", resume_every=0)
    assert stuck == []
    assert count >= least
    if name != "train again":
        # Before it has begun, nothing stands in the way of a run.
        assert found["free"] >= 3
    assert found["resumable and replaceable"] >= least - 10


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_commands_that_were_killed_can_be_given_again(
    benchmark: ModuleType, tmp_path: Path
) -> None:
    count, stuck, _ = benchmark.measure_outputs(tmp_path / "all")
    assert stuck == []
    assert count >= 60
