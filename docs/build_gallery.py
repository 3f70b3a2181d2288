"""Write `docs/models.md` from the code: python docs/build_gallery.py."""

from __future__ import annotations

import inspect
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kerasnn import models
from kerasnn.recipes import PreprocessingOptions, Recipe
from kerasnn.signature import Signature

PAGE = Path(__file__).parent / "models.md"

# A table of the size of the census data that tabular papers use: 6 numbers, 8 categories.
TABLE = Signature.table(
    numbers=6,
    categories=(10, 18, 9, 16, 8, 7, 4, 43),
    embedding_widths=(0, 0, 0, 0, 0, 0, 0, 13),
    classes=2,
)
HEADER = """\
# The zoo

Written by `python docs/build_gallery.py` from the code; change it there. Parameters are counted
for a table of 6 numbers and 8 categories with two classes.

"""


def build() -> str:
    """The whole page."""
    rows = [
        f"| [{name}](#{name}) | {summary} | {models.describe(name, TABLE).parameters:,} |"
        for name, summary in models.summaries().items()
    ]
    overview = "\n".join(["| model | what it is | parameters |", "|---|---|---|", *rows])
    return HEADER + "\n\n".join([overview, *map(section, models.names())]) + "\n"


def section(name: str) -> str:
    """All about one model."""
    entry = models.get(name)
    text = inspect.getdoc(entry.factory) or ""
    parts = [f"## {name}", plain(text.partition("\n\nArgs:")[0])]
    if defaults := models.hyperparameters(name):
        meanings = arguments(text)
        rows = [
            f"| `{key}` | {shown(value)} | {meanings[key]} |" for key, value in defaults.items()
        ]
        parts.append("\n".join(["| hyper-parameter | default | meaning |", "|---|---|---|", *rows]))
    parts.append(changes("Training", entry.recipe, Recipe()))
    parts.append(changes("Preprocessing", entry.preprocessing, PreprocessingOptions()))
    return "\n\n".join([*filter(None, parts), f"Source: {entry.reference}"])


def arguments(text: str) -> dict[str, str]:
    """What a docstring says about each argument, on one line each."""
    block = text.partition("\nArgs:\n")[2].partition("\n\n")[0]
    found = re.findall(r"^ {4}(\w+): ((?:.*)(?:\n {8}.*)*)", block, flags=re.MULTILINE)
    return {name: plain(" ".join(meaning.split())) for name, meaning in found}


def changes(title: str, options: Any, defaults: Any) -> str:
    """What a model prescribes other than the defaults; empty if nothing."""
    changed = [
        f"`{key}` {shown(value)}"
        for key, value in asdict(options).items()
        if value != getattr(defaults, key)
    ]
    return f"{title}: {', '.join(changed)}; the rest by default." if changed else ""


def shown(value: Any) -> str:
    """As one writes it in a configuration."""
    return f"{value:g}" if isinstance(value, float) else str(value).lower()


def plain(text: str) -> str:
    """Markdown's code marks in place of those of docstrings."""
    return text.replace("``", "`")


if __name__ == "__main__":
    PAGE.write_text(build(), encoding="utf-8")
