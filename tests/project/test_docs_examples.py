"""The commands and the code of the guides are run, and all commands that they name exist."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from page_examples import ROOT, blocks, copy_examples, run_page

import kerasnn
from kerasnn import models
from kerasnn.cli.main import VERBS, commands
from kerasnn.constraints import SECTIONS

DOCS = ROOT / "docs"
# `models.md` is written from the code; `test_estimators.py` runs the blocks of scikit-learn.md.
GENERATED = {"models.md", "scikit-learn.md"}
PAGES = [page for page in sorted(DOCS.glob("*.md")) if page.name not in GENERATED]
# They train several networks, which takes more than a few seconds.
SLOW = {
    "evaluation.md",
    "explain.md",
    "export.md",
    "images.md",
    "quickstart.md",
    "resume.md",
    "security.md",
    "series.md",
    "tables.md",
    "texts.md",
    "tuning.md",
}


def with_blocks() -> list[object]:
    return [
        pytest.param(page, id=page.name, marks=[pytest.mark.slow] if page.name in SLOW else [])
        for page in PAGES
        if any(b.language in ("console", "python") and not b.reason for b in blocks(page))
    ]


@pytest.mark.parametrize("page", with_blocks())
def test_commands_and_code_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy_examples(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert run_page(page) >= 1


def named_commands(page: Path) -> list[str]:
    """The commands in console blocks, also of those that are not run, and in the text."""
    shown = [line for block in blocks(page) for line, _ in block.commands()]
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    named = re.findall(r"`([^`]*\bkerasnn [a-z][^`]*)`", text)
    calls = [re.split(r"\s*\\?\|\s*", line) for line in shown + named]
    parts = [part for call in calls for part in call if re.match(r"kerasnn [a-z]+\b", part)]
    return [re.sub(r"\s+#.*", "", part) for part in parts]


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: page.name)
def test_commands_options_and_keys_exist(page: Path) -> None:
    keys = {key for options in SECTIONS.values() for key in options.__dataclass_fields__}
    keys |= {key for name in models.names() for key in models.hyperparameters(name)}
    for line in named_commands(page):
        verb = line.split()[1]
        assert verb in [*VERBS, "completion"], line
        if verb == "completion":
            continue
        command = commands.get_command(click.Context(commands), verb)
        assert command is not None
        options = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
        used = {word.partition("=")[0] for word in line.split() if re.match(r"--?[a-z]", word)}
        assert used <= options | {"--help"}, line
        for key in re.findall(r"--set ([\w.]+)=", line):
            assert key.rpartition(".")[2] in keys, line


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: page.name)
def test_options_of_the_text_exist(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    known = {"--help", "--no-deps"}
    for verb in VERBS:
        command = commands.get_command(click.Context(commands), verb)
        assert command is not None
        known |= {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    # What other tools call their options stands in tables beside ours.
    ours = re.sub(r"`ludwig[^`]*`", "", text)
    assert set(re.findall(r"`(--[a-z][\w-]*)", ours)) <= known


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: page.name)
def test_public_names_of_the_text_exist(page: Path) -> None:
    names = re.findall(r"\bkerasnn\.([A-Za-z_]\w*)", page.read_text(encoding="utf-8"))
    public = {*kerasnn.__all__, "layers", "cli"}
    assert set(names) <= public
