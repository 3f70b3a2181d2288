"""What the README shows is run, and its output compared."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from page_examples import ROOT, blocks, copy_examples, run_page

README = ROOT / "README.md"
TEXT = README.read_text(encoding="utf-8")


def test_commands_and_code_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy_examples(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert run_page(README) == 2
    assert (tmp_path / "diamonds.kerasnn").is_file()


def test_there_are_blocks_to_run() -> None:
    console, python = (b for b in blocks(README) if b.language in ("console", "python"))
    assert [line.split()[1] for line, _ in console.commands()] == ["train", "predict", "export"]
    assert len(python.text.splitlines()) <= 10


def test_it_is_short_and_has_its_order() -> None:
    assert len(TEXT.splitlines()) <= 200
    assert re.findall(r"^## (.+)$", TEXT, re.MULTILINE) == [
        "Install",
        "From the shell",
        "From Python",
        "What makes it different",
        "Where to read on",
        "License",
    ]


def test_no_score_of_the_first_example_is_perfect() -> None:
    example = TEXT.partition("```console\n")[2].partition("```")[0]
    assert "The network beats every baseline" in example
    assert "1.0000" not in example


def test_the_two_commands_are_targets_of_the_makefile() -> None:
    shown = re.findall(r"^(make \w+)", TEXT, re.MULTILINE)
    assert shown == ["make demo", "make test"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "\ndemo:" in makefile
    assert "\ntest:" in makefile
