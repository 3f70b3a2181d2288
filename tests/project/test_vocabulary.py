"""Identifiers are the terms of the field, and docstring entries stand without the parameter's name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Names of an earlier dialect; docs/architecture.md says what stands in their place.
RETIRED = frozenset(
    {
        "Lesson",
        "Learned",
        "learn",
        "learned_again",
        "solved_again",
        "Fitted",
        "Watcher",
        "watcher",
        "watchers",
        "weights_to_judge",
        "circumstances",
        "surroundings",
        "Recipe",
        "Facts",
        "Margins",
        "likeliest",
        "surest",
        "Judged",
        "judged",
        "Membership",
        "membership",
        "telling_words",
        "Leftover",
        "held_back",
        "member_numbers",
        "highest_response",
        "last_place",
        "nasty",
        "Story",
        "story",
        "cautions",
        "anatomy",
        "labelsets",
        "lesson",
        "Averaged",
        "learn_average",
        "learn_blend",
        "Trust",
        "fit_ways",
        "keep_ways",
        "way_inputs",
    }
)
HANGING = [
    "Of",
    "In",
    "For",
    "By",
    "From",
    "To",
    "With",
    "At",
    "On",
    "Where",
    "Which",
    "What",
    "Whether",
    "When",
    "How",
    "As",
    "Likewise",
    "Who",
    "Whose",
    "That",
    "Beside",
    "Behind",
    "Below",
    "Above",
    "After",
    "Before",
    "Between",
    "Into",
    "Over",
    "Under",
    "Per",
    "Through",
    "Until",
    "Since",
    "Among",
    "Not",
    "And",
    "Or",
    "Else",
]

# Beginnings of a summary that hangs on the name of its function.
FRAGMENTS = ("Of ", "Likewise", "As ", "By ", "From ", "With ", "For ", "On ")


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Modules of the package, by their path."""
    for folder in ("kerasnn", "cli", "models"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))


def hanging_entries(tree: ast.Module) -> Iterator[str]:
    """Entries of arguments that begin with a preposition or a question word."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        section = (ast.get_docstring(node) or "").partition("Args:\n")[2]
        section = re.split(r"\n(?=\S)", section)[0]
        for name, first in re.findall(r"^ {4}(\*{0,2}\w+): (\w+)", section, flags=re.MULTILINE):
            if first in HANGING:
                yield f"{node.name}: {name}: {first} …"


def identifiers(tree: ast.Module) -> Iterator[str]:
    """Names that a module defines or uses."""
    for node in ast.walk(tree):
        for field in ("id", "attr", "arg", "name"):
            if isinstance(value := getattr(node, field, None), str):
                yield value


def test_retired_names_do_not_come_back() -> None:
    found = [
        f"{path}: {name}"
        for path, tree in modules()
        for name in sorted(RETIRED.intersection(identifiers(tree)))
    ]
    assert not found


def test_docstring_entries_stand_without_the_name() -> None:
    found = [f"{path}: {entry}" for path, tree in modules() for entry in hanging_entries(tree)]
    assert not found


def test_docstring_summaries_are_no_fragments() -> None:
    found = [
        f"{path}: {node.name}"
        for path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and (ast.get_docstring(node) or "").startswith(FRAGMENTS)
    ]
    assert not found
