"""Bad inputs as data: a YAML file holds what the commands print, a module makes the files' contents."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers import invoke, untouched


@dataclass(frozen=True)
class Row:
    """One bad input.

    Args:
        title: Description of what is bad.
        content: Function that returns the content of the file.
        lines: Lines on stderr, with ``{path}`` in place of the file's path.
        arguments: Arguments of the training of this row.
        name: Name of the file.
        number: Number in the list of bad inputs, 0 where there is none.
    """

    title: str
    content: Callable[[], str | bytes]
    lines: tuple[str, ...]
    arguments: tuple[str, ...]
    name: str
    number: int

    def write(self, folder: Path) -> Path:
        path, content = folder / self.name, self.content()
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def stderr(self, path: Path) -> str:
        return "".join(line.replace("{path}", str(path)) + "\n" for line in self.lines)


def read_rows(
    kind: str,
    section: str,
    contents: Mapping[str, Any],
    *,
    name: str,
    make: Callable[[Any], str | bytes] = lambda content: content,
    arguments: Sequence[str] = (),
) -> list[Row]:
    """Rows of a section, each with the content of its title; arguments are those of rows without."""
    path = Path(__file__).with_name(f"{kind}.yaml")
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))[section]
    assert [entry["title"] for entry in entries] == list(contents)
    rows = []
    for entry in entries:
        stderr = entry.get("stderr", [])
        rows.append(
            Row(
                title=entry["title"],
                content=lambda content=contents[entry["title"]]: make(content),
                lines=(stderr,) if isinstance(stderr, str) else tuple(stderr),
                arguments=tuple(entry.get("arguments", arguments)),
                name=entry.get("name", name),
                number=entry.get("number", 0),
            )
        )
    return rows


def each(rows: Sequence[Any]) -> Any:
    """A mark that runs a test on every row."""
    ids = [f"{row.number} {row.title}" if row.number else row.title for row in rows]
    return pytest.mark.parametrize("row", rows, ids=ids)


def assert_refused(row: Row, earlier_run: Path, folder: Path, *arguments: str) -> None:
    """A training that is to replace an earlier run prints the row's lines, and changes no file."""
    path, run = row.write(folder), shutil.copytree(earlier_run, folder / "run")
    with untouched(folder):
        result = invoke(
            "train", path, *arguments, *row.arguments, "--output", run, "--force", code=2
        )
    assert (result.stderr, result.stdout) == (row.stderr(path), "")


def assert_not_predicted(row: Row, run: Path, folder: Path) -> None:
    """A prediction that is to replace a file prints the row's lines, and changes no file."""
    path, output = row.write(folder), folder / "predictions.csv"
    output.write_text("of yesterday", encoding="utf-8")
    with untouched(folder):
        result = invoke("predict", run, path, "--output", output, "--force", code=2)
    assert (result.stderr, result.stdout) == (row.stderr(path), "")
