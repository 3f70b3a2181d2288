"""Write `docs/models.md` and its pictures from the code: python docs/build_gallery.py."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Iterable
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

from kerasnn import models
from kerasnn.models.descriptions import Description, LayerRow
from kerasnn.options import PreprocessingOptions, TrainingOptions
from kerasnn.signature import Signature

PAGE = Path(__file__).parent / "models.md"

# A table of the size of the census data that tabular papers use: 6 numbers, 8 categories.
TABLE = Signature.table(
    numbers=6,
    categories=(10, 18, 9, 16, 8, 7, 4, (43, 13)),
    classes=2,
)
# The images of CIFAR-10, short reviews, a series such as GunPoint, and ETTh1.
SIGNATURES = {
    "table": TABLE,
    "image": Signature.image(32, 32, 3, classes=10),
    "text": Signature.text(128, 10_000, classes=2),
    "sequence": Signature.time_series(150, 1, classes=2),
    "forecast": Signature.forecast(336, 96, targets=7, season=24),
}
PICTURES = PAGE.parent / "pictures"
HEADER = """\
# Models

The zoo: every model with its hyper-parameters, its training settings where they differ from the
defaults, and its source. This page is written from the code by `python docs/build_gallery.py`.
Parameters are counted for a table of 6 numbers and 8 categories with two classes; for color images of
32 × 32 pixels with ten classes; for texts of 128 words out of 10,000 with two classes; for a series of
150 values with two classes; and for seven series that are forecast together, 96 hours ahead from 336.

A model for tables takes all other inputs too; each of the others takes other columns beside its own. A
model for sequences takes texts, series, sounds, and the past of a forecast. In the pictures, a box is
the output of the layers named above it: as high as the image or the vector, as wide as there are
channels, both on a logarithmic scale.

"""


def build() -> str:
    """The whole page."""
    rows = [
        f"| [{name}](#{name}) | {models.data_of(name)} | {summary} | {described(name).parameters:,} |"
        for name, summary in models.summaries().items()
    ]
    head = ["| model | made for | what it is | parameters |", "|---|---|---|---|"]
    overview = "\n".join([*head, *rows])
    return HEADER + "\n\n".join([overview, *map(section, models.names())]) + "\n"


def described(name: str) -> Description:
    """A model with its defaults, for what it is made for."""
    return models.describe(name, SIGNATURES[models.data_of(name)])


def picture(name: str) -> str:
    """A model from its input to its output, as an SVG."""
    parts, x, room = [], 10, 150
    for boxes in stages(described(name).layers):
        *sides, channels = boxes[-1].shape
        high, wide = length(sides[0] if sides else channels), length(channels) // 2 if sides else 12
        kinds = dict.fromkeys(box.kind for box in boxes)
        titles = [f"{sum(b.kind == k for b in boxes)} × {k}" for k in kinds][:3]
        lines = [*titles, *([f"and {len(kinds) - 3} more"] if len(kinds) > 3 else [])]
        parts += [text(x + room / 2, 16 + 13 * i, line) for i, line in enumerate(lines)]
        parts.append(
            f'<rect x="{x + (room - wide) / 2:g}" y="{125 - high / 2:g}" width="{wide}" '
            f'height="{high}" fill="#8fb3d9" stroke="#30506f"/>'
        )
        parts.append(text(x + room / 2, 202, " × ".join(map(str, boxes[-1].shape))))
        parts.append(text(x + room / 2, 217, f"{sum(box.parameters for box in boxes):,}"))
        x += room
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{x + 10}" height="226" '
    style = 'font-family="sans-serif" font-size="11" text-anchor="middle">'
    return "\n".join([head + style, *parts, "</svg>"]) + "\n"


def stages(layers: Iterable[LayerRow]) -> list[list[LayerRow]]:
    """Inputs, and layers with parameters, one after another, of one size of image or vector."""
    shown = [x for x in layers if x.parameters or x.kind == "InputLayer" or "Conv" in x.kind]
    return [
        list(group)
        for _, group in groupby(
            shown, lambda row: (row.kind == "InputLayer", row.shape[:-1] or row.shape)
        )
    ]


def length(count: int) -> int:
    """Of a side, in pixels of the picture."""
    return round(8 + 14 * math.log2(count))


def text(x: float, y: float, line: str) -> str:
    """A line of an SVG, about x."""
    return f'<text x="{x:g}" y="{y:g}">{line}</text>'


def section(name: str) -> str:
    """All about one model."""
    entry = models.get(name)
    about = inspect.getdoc(entry.factory) or ""
    parts = [f"## {name}", plain(about.partition("\n\nArgs:")[0])]
    parts.append(f"![The layers of {name}](pictures/{name}.svg)")
    if defaults := models.hyperparameters(name):
        meanings = arguments(about)
        rows = [
            f"| `{key}` | {shown(value)} | {meanings[key]} |" for key, value in defaults.items()
        ]
        parts.append("\n".join(["| hyper-parameter | default | meaning |", "|---|---|---|", *rows]))
    parts.append(changes("Training", entry.training_options, TrainingOptions()))
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
    PICTURES.mkdir(exist_ok=True)
    for each in models.names():
        (PICTURES / f"{each}.svg").write_text(picture(each), encoding="utf-8")
