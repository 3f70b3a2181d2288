"""`make demo`: the run stays, and its report is named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STAND_IN = """#!/bin/sh
echo "kerasnn $*"
case "$1" in
    train) mkdir diamonds; echo page > diamonds/report.html ;;
    predict) echo row > predictions.csv ;;
esac
"""


def demo(folder: Path, path: str) -> str:
    done = subprocess.run(
        ["sh", str(ROOT / "examples" / "demo.sh"), str(folder)],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_run_is_kept_and_the_report_is_named(tmp_path: Path) -> None:
    stand_in = tmp_path / "bin" / "kerasnn"
    stand_in.parent.mkdir()
    stand_in.write_text(STAND_IN)
    stand_in.chmod(0o755)
    folder = tmp_path / "runs" / "demo"
    path = f"{stand_in.parent}:{os.environ['PATH']}"
    for _ in range(2):  # It runs again where it ran.
        output = demo(folder, path)
        report = folder / "diamonds" / "report.html"
        assert output.endswith(f"\nOpen the report in a browser: {report}\n")
        assert report.read_text() == "page\n"
        verbs = [line.split()[1] for line in output.splitlines() if line.startswith("kerasnn ")]
        assert verbs == ["train", "evaluate", "predict", "export"]


def test_make_keeps_the_demo_where_clean_finds_it() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "examples/demo.sh" in makefile
    clean = makefile.split("\nclean:\n")[1].split("\n\n")[0]
    assert " runs " in clean


@pytest.mark.slow
def test_the_network_of_the_demo_beats_every_baseline(tmp_path: Path) -> None:
    # The command of the environment that runs the tests.
    output = demo(tmp_path, f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert "The network beats every baseline" in output
    assert "1.0000" not in output
