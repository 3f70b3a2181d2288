"""Hints of messages name options that the command which prints them takes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import kerasnn
from kerasnn.cli.main import VERBS, commands
from kerasnn.cli.wording import line

# What is said by functions of Python alone; the command line has no such argument.
PYTHON_ONLY = ("estimators", "arguments.py")
PYTHON_NAMES = ("`kerasnn.", "`data`", "use `explain`")
ADVICE = re.compile(r"(?:set|pass|raise|use|as|with) `|pass \w+=|split by '|force its|override its")


def options_of(verb: str) -> set[str]:
    command = commands.get_command(click.Context(commands), verb)
    assert command is not None
    return {text for parameter in command.params for text in parameter.opts}


def hints() -> Iterator[str]:
    """All texts of the library that name a parameter in an advice."""
    root = Path(kerasnn.__file__).parent
    for path in sorted(root.rglob("*.py")):
        if any(name in path.relative_to(root).parts for name in (*PYTHON_ONLY, "cli", "models")):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        inside = {
            id(part)
            for node in ast.walk(tree)
            if isinstance(node, ast.JoinedStr)
            for part in ast.walk(node)
            if part is not node
        }
        for node in ast.walk(tree):
            if id(node) in documents or id(node) in inside:
                continue
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
            elif isinstance(node, ast.JoinedStr):
                text = "".join(
                    str(part.value)
                    if isinstance(part, ast.Constant)
                    else "'1'" * (getattr(part, "conversion", 0) == ord("r")) or "1"
                    for part in node.values
                )
            else:
                continue
            if ADVICE.search(text) and not any(name in text for name in PYTHON_NAMES):
                yield text


def test_there_are_hints() -> None:
    assert len([*hints()]) > 20


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in ("completion", "models")])
def test_hints_name_options_of_the_command(verb: str) -> None:
    options, of_train = options_of(verb), options_of("train")
    for text in hints():
        said = line(text, options)
        for before, option in re.findall(r"(\w+) (--[a-z][a-z-]*)", said):
            if option == "--other-column":  # Of texts that are explained, by no other command.
                assert option in options_of("explain")
            elif before == "train" or said.count(f"train with {option}"):
                assert option in of_train, said
            else:
                assert option in options, said


def test_hints_for_training_name_no_parameter_of_python() -> None:
    left = [said for text in hints() if ADVICE.search(said := line(text, options_of("train")))]
    assert left == []


def test_what_only_training_takes_is_said_to_be_of_the_training() -> None:
    message = "sounds have another rate – set `sample_rate` for another rate"
    train, predict = options_of("train"), options_of("predict")
    assert line(message, train).endswith("add --set sample_rate=N for another rate")
    assert line(message, predict).endswith("train with --set sample_rate=N for another rate")
    assert line("x – pass encoding='cp1252'", predict) == "x – add --encoding 'cp1252'"
    assert line("x – pass columns={'a': 'text'}", predict) == "x – train with --column 'a=text'"
