"""The site's reference pages hold every key, command, option and public name."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import click
import pytest
from helpers import load_script

import kerasnn
from kerasnn import layers, models
from kerasnn.cli.main import VERBS, commands
from kerasnn.constraints import SECTIONS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    return load_script(DOCS / "build_reference.py")


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
    codes = [int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)]
    assert codes == [0, 1, 2, 3, 4, 130, 141]


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


def headings(text: str) -> set[str]:
    """The anchors of a page, as GitHub and the site make them of its headings."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.fixture(scope="module")
def site(
    reference: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Path, str]]:
    """Each page of the site by its name, with its path in the checkout and its text."""
    folder = tmp_path_factory.mktemp("reference")
    reference.write(folder)
    paths = {page.stem: page for page in DOCS.glob("*.md")}
    texts = {name: (path, path.read_text(encoding="utf-8")) for name, path in paths.items()}
    for page in folder.glob("*.md"):
        home = DOCS / "reference" / page.name
        texts[f"reference/{page.stem}"] = (home, page.read_text(encoding="utf-8"))
    return texts


def test_every_page_is_in_the_contents(site: dict[str, tuple[Path, str]]) -> None:
    contents = re.findall(r"```{toctree}\n(.*?)```", site["index"][1], re.DOTALL)
    lines = [line for block in contents for line in block.splitlines()]
    pages = [line for line in lines if line and not line.startswith(":")]
    assert len(pages) == len(set(pages))
    assert {*pages, "index"} == set(site)


def test_no_link_within_the_documentation_is_dead(site: dict[str, tuple[Path, str]]) -> None:
    pages = dict(site)
    for name in ("README", "CONTRIBUTING"):
        path = ROOT / f"{name}.md"
        pages[name] = (path, path.read_text(encoding="utf-8"))
    by_path = {path.resolve(): text for path, text in pages.values()}
    dead = []
    for path, text in pages.values():
        prose = re.sub(r"^```.*?^```$|`[^`\n]*`", "", text, flags=re.DOTALL | re.MULTILINE)
        for target, anchor in re.findall(r"\]\(([^)#:\s]*)(?:#([^)\s]+))?\)", prose):
            other = (path.parent / target).resolve() if target else path.resolve()
            if other not in by_path and not other.exists():
                dead.append(f"{path.name}: {target}")
            elif anchor and anchor not in headings(by_path[other]):
                dead.append(f"{path.name}: {target}#{anchor}")
    assert not dead


def test_the_readme_leads_to_every_guide(site: dict[str, tuple[Path, str]]) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    guides = {name for name in site if not name.startswith("reference/")} - {"index"}
    assert set(re.findall(r"\]\(docs/([\w-]+)\.md\)", readme)) == guides


def test_figures_have_a_record_of_their_benchmark() -> None:
    text = (DOCS / "benchmarks.md").read_text(encoding="utf-8")
    scripts = set(re.findall(r"python benchmarks/(\w+)\.py", text))
    assert len(scripts) >= 15
    for script in scripts:
        assert (ROOT / "benchmarks" / f"{script}.py").is_file()
        assert (ROOT / "benchmarks" / "results" / f"{script}.txt").is_file()


def test_figures_are_in_the_records_of_the_benchmarks() -> None:
    """Each figure of three or more digits is one of the records, rounded to its digits."""
    pattern = r"(?<![\w.,])(?:\d[\d,]*)?(?:\.\d+(?:e-\d+)?)?(?![\w])"
    results = sorted((ROOT / "benchmarks" / "results").glob("*.txt"))
    records = "\n".join(file.read_text(encoding="utf-8") for file in results)
    measured = {float(x.replace(",", "")) for x in re.findall(r"\d[\d,]*\.?\d*(?:e-\d+)?", records)}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    claims = readme.partition("## What makes it different")[2].partition("\n## ")[0]
    text = (DOCS / "benchmarks.md").read_text(encoding="utf-8") + claims
    shown = {x for x in re.findall(pattern, text) if len(re.sub(r"\D", "", x)) >= 3}
    assert len(shown) >= 100
    missing = []
    for figure in shown:
        value = float(figure.replace(",", ""))
        digits = len(figure.partition(".")[2].partition("e")[0])
        is_rounded = value >= 10_000 and value % 500 == 0
        margin = 0.0 if "e" in figure else 500 if is_rounded else 0.5000001 * 10**-digits
        if not any(abs(x - value) <= margin for x in measured):
            missing.append(figure)
    assert not missing
