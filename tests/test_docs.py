"""The site's reference pages hold every key, command, option and public name."""

from __future__ import annotations

import importlib.util
import re
import sys
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import click
import pytest

import kerasnn
from kerasnn import layers, models
from kerasnn.cli.main import VERBS, commands
from kerasnn.options import SECTIONS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_reference", DOCS / "build_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_every_key_has_its_default_its_values_and_a_meaning(reference: ModuleType) -> None:
    rows = re.findall(
        r"^\| `([\w.]+)` \| `.+` \| .+ \| .+ \|$", reference.configuration(), re.MULTILINE
    )
    assert rows == [
        f"{name}.{f.name}" for name, options in SECTIONS.items() for f in fields(options)
    ]


def test_ranges_and_choices_are_those_of_the_code(reference: ModuleType) -> None:
    page = reference.configuration()
    assert "| `training.momentum` | `0.9` | number in [0, 1) |" in page
    assert "| `run.time_limit_s` | `null` | number above 0, or null |" in page
    assert "| `preprocessing.encode` | `auto` | `auto`, `one_hot`, `embedding` |" in page


def test_every_command_and_option_is_there(reference: ModuleType) -> None:
    page = reference.command_line()
    assert re.findall(r"^## kerasnn (\w+)$", page, re.MULTILINE) == list(VERBS)
    for name in VERBS:
        command = commands.get_command(click.Context(commands), name)
        assert command is not None
        section = page.partition(f"## kerasnn {name}\n")[2].partition("\n## ")[0]
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.opts[-1] in section, (name, parameter.opts)


def test_every_public_name_is_there(reference: ModuleType) -> None:
    page = reference.python()
    for name in kerasnn.__all__:
        assert name == "models" or f"### kerasnn.{name}\n" in page
    for module, title in ((models, "kerasnn.models"), (layers, "kerasnn.layers")):
        page = reference.module_page("Title", module, title)
        found = re.findall(rf"^## {title}\.(\w+)$", page, re.MULTILINE)
        assert found == sorted(module.__all__)


def test_every_error_has_its_exit_code(reference: ModuleType) -> None:
    page = reference.exit_codes()
    for name in kerasnn.__all__:
        if name.endswith("Error"):
            (row,) = (line for line in page.splitlines() if f"`kerasnn.{name}`" in line)
            assert row.startswith(f"| {getattr(kerasnn, name).exit_code} |")


def test_a_docstring_becomes_lists_and_code(reference: ModuleType) -> None:
    def scaled(values: list[float], *, factor: float = 2.0) -> list[float]:
        """Multiply ``values``.

        Args:
            values: Numbers, (n,).
            factor: Number that each is
                multiplied by.

        >>> scaled([1.0])
        [2.0]
        """
        return [factor * value for value in values]

    text = reference.documented(scaled, "module.scaled", level=2)
    assert text == (
        "## module.scaled\n\n"
        "```python\nscaled(values: list[float], *, factor: float = 2.0) -> list[float]\n```\n\n"
        "Multiply `values`.\n\n**Args**\n\n"
        "- `values`: Numbers, (n,).\n- `factor`: Number that each is multiplied by.\n\n"
        "```pycon\n>>> scaled([1.0])\n[2.0]\n```"
    )


@pytest.mark.parametrize(
    "page",
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))],
    ids=lambda p: p.name,
)
def test_no_link_to_a_file_is_dead(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)#:]+)(?:#[\w-]+)?\)", text)
    missing = [
        target
        for target in targets
        if not (page.parent / target).exists() and not target.startswith("reference/")
    ]
    assert not missing


def test_the_examples_for_people_from_other_tools_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (DOCS / "coming-from.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 4
    values: dict[str, object] = {}
    for block in blocks:
        exec(block, values)
    assert isinstance(values["run"], kerasnn.Run)
