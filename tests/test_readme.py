"""What the README shows is run, and its output compared."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.datasets import load_digits

from kerasnn import models
from kerasnn.cli.main import commands

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"<!-- run -->\n```(\w+)\n(.*?)```", TEXT, re.DOTALL)
# Scores, seconds and epochs differ between machines by what their arithmetic rounds.
NUMBERS = re.compile(r"-?\d[\d,]*(\.\d+)?(e-\d+)?")
# Phases of less than half a second are not shown, so which are there depends on the machine.
PHASES = re.compile(r" \((\w[\w-]* # s(, )?)+\)")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("readme")
    for name in ("diamonds.csv", "reviews.csv", "airline.csv"):
        (path / name).write_bytes((ROOT / "examples" / name).read_bytes())
    digits = load_digits()
    np.savez(path / "digits.npz", x=(digits.images * 15.9).astype("uint8"), y=digits.target)
    return path


def shown_commands() -> Iterator[tuple[list[str], str]]:
    for language, block in BLOCKS:
        if language == "console":
            for part in block.split("$ ")[1:]:
                line, output = part.split("\n", 1)
                yield shlex.split(line), output


def test_console_blocks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    shown = list(shown_commands())
    verbs = ["train", "predict", "export", "predict"]
    verbs += ["train", "train", "explain", "train", "predict"]
    assert [words[1] for words, _ in shown] == verbs
    for words, output in shown:
        result = CliRunner().invoke(commands, words[1:])
        assert result.exit_code == 0, result.output
        assert _shape(result.output) == _shape(output), words


def _shape(output: str) -> list[str]:
    """The lines without their numbers, progress, who wins, and the bars of an explanation."""
    lines = [PHASES.sub("", NUMBERS.sub("#", line)) for line in output.strip().splitlines()]
    lines = [" ".join(line.split()) for line in lines if "┃" not in line]
    told = "training on", "scoring", "network # of", "epoch #", "network # ("
    left_out = "The network", "The model", "warning:", "back-test:", "auto chose", "chosen", *told
    return [line for line in lines if not line.startswith(left_out)]


@pytest.mark.parametrize("code", [block for language, block in BLOCKS if language == "python"])
def test_python_blocks(folder: Path, code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_there_are_blocks_to_run() -> None:
    languages = [language for language, _ in BLOCKS]
    assert languages == [
        "console",
        "console",
        *["python"] * 3,
        "console",
        "python",
        *["console"] * 5,
    ]


def test_the_two_commands_are_targets_of_the_makefile() -> None:
    assert TEXT.count("make demo") >= 1
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "\ndemo:" in makefile
    assert "\ntest:" in makefile


def test_every_model_of_the_zoo_is_listed() -> None:
    table = TEXT.split("## The zoo")[1].split("All hyper-parameters")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"`(\w+)`", " ".join(cells))) == models.names()


def test_commands_of_the_tables_exist() -> None:
    named = set(re.findall(r"`kerasnn (\w+)", TEXT))
    assert named <= {*commands.list_commands(None)}  # type: ignore[arg-type]
