"""The commands and the code that a page of Markdown shows, and how they are run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

from kerasnn.cli.main import commands

ROOT = Path(__file__).parents[1]
EXAMPLES = ("diamonds.csv", "penguins.csv", "reviews.csv", "airline.csv")
BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>.+?) -->\n)?```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
# Scores, seconds and epochs differ between machines by what their arithmetic rounds.
NUMBERS = re.compile(r"-?\d[\d,]*(\.\d+)?(e-\d+)?")
# Phases of less than half a second are not shown, so which are there depends on the machine.
PHASES = re.compile(r" \((\w[\w-]* # s(, )?)+\)")
# Progress, who wins, and the bars of an explanation.
VARYING = (
    "The network", "The model", "warning:", "back-test:", "auto chose", "chosen",
    "training on", "scoring", "network # of", "epoch #", "network # (",
)  # fmt: skip


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Args:
        language: Name behind the fence.
        text: Content of the block.
        reason: Why it is not run; empty if it is.
    """

    language: str
    text: str
    reason: str = ""

    def commands(self) -> Iterator[tuple[str, str]]:
        """Each command of a console block, and the output that is shown below it."""
        if self.language == "console":
            for part in self.text.replace("\\\n", "").split("$ ")[1:]:
                line, _, output = part.partition("\n")
                yield line, output


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page."""
    return [
        Block(match["language"], match["text"], match["reason"] or "")
        for match in BLOCK.finditer(page.read_text(encoding="utf-8"))
    ]


def copy_examples(folder: Path) -> None:
    """Put the data sets of `examples/` where a page expects them."""
    for name in EXAMPLES:
        (folder / name).write_bytes((ROOT / "examples" / name).read_bytes())


def run_page(page: Path) -> int:
    """Run the commands and the code of a page from top to bottom, in the working folder.

    Returns:
        The number of blocks that were run.
    """
    names: dict[str, object] = {"__name__": page.stem}
    shown = [block for block in blocks(page) if not block.reason]
    for block in shown:
        if block.language == "python":
            exec(compile(block.text, page.name, "exec"), names)
        for line, output in block.commands():
            printed = run_command(line)
            if output.strip():
                assert shape(printed) == shape(output), line
    return sum(block.language in ("python", "console") for block in shown)


def run_command(line: str) -> str:
    """What a line of a shell prints; commands of kerasnn run in this process."""
    if line.startswith("kerasnn ") and not re.search(r"[|>;&]", line):
        result = CliRunner().invoke(commands, shlex.split(line, comments=True)[1:])
        assert result.exit_code == 0, f"{line}\n{result.output}"
        return result.output
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", line],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{line}\n{done.stderr}"
    return done.stdout


def shape(output: str) -> list[str]:
    """The lines of an output without what differs between machines."""
    lines = [PHASES.sub("", NUMBERS.sub("#", line)) for line in output.strip().splitlines()]
    lines = [" ".join(line.split()) for line in lines if "┃" not in line]
    return [line for line in lines if not line.startswith(VARYING)]
