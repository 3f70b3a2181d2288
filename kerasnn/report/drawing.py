"""Figures of matplotlib as inline SVG that takes its colours and its font from the page.

A figure is drawn with stand-in colours, which then become CSS variables: the same page is good in
the light and in the dark.
"""

from __future__ import annotations

import hashlib
import io
import math
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib.style
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from kerasnn.metrics.registry import METRICS

INK, MUTED, GRID, CARD = "#010203", "#020304", "#030405", "#040506"
ACCENT, WARM = "#050607", "#060708"
SERIES = tuple(f"#0708{index:02x}" for index in range(16, 24))

_VARIABLES = {
    INK: "ink",
    MUTED: "muted",
    GRID: "line",
    CARD: "card",
    ACCENT: "accent",
    WARM: "warm",
    **{colour: f"series-{index}" for index, colour in enumerate(SERIES)},
}

WIDTH, HEIGHT = 4.3, 3.0
# Points that a letter of a legend takes, its handle with the space around it, and the labels of an
# axis beside it.
LETTER, HANDLE, LEGEND_MARGIN = 5.0, 38.0, 42.0
SMALL, SMALL_BOX = (2.1, 1.5), (0.12, 0.15, 0.85, 0.82)

_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "kerasnn",
    # A label may hold a dollar sign.
    "text.parse_math": False,
    "text.color": INK,
    "font.size": 9.5,
    "axes.labelsize": 9.5,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": GRID,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.formatter.use_mathtext": False,
    "axes.prop_cycle": cycler(color=[ACCENT]),
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "lines.linewidth": 1.7,
    "legend.frameon": False,
    "legend.fontsize": 9,
}


@dataclass(frozen=True)
class Drawing:
    """A picture with what it is and what it shows in this run.

    Args:
        title: Title of the drawing.
        sentence: Sentence about the content.
        svg: The picture.
    """

    title: str
    sentence: str
    svg: Markup


def draw(
    title: str,
    sentence: str,
    paint: Callable[[Axes], Any],
    *,
    size: tuple[float, float] = (WIDTH, HEIGHT),
    box: tuple[float, float, float, float] | None = None,
) -> Drawing:
    """Make a drawing with one pair of axes.

    Args:
        title: Title of the drawing.
        sentence: Sentence about the content in this run.
        paint: Draws into the axes, with the colours of this module.
        size: Width and height in inches.
        box: Left, bottom, width and height of the axes as shares of the picture; None fits them
            to their labels, which takes longer.
    """
    with matplotlib.style.context(["default", _STYLE]), warnings.catch_warnings():
        # The browser has glyphs for scripts that the font for measuring lacks.
        warnings.filterwarnings("ignore", message=".*[Gg]lyph")
        figure = Figure(figsize=size, layout=None if box else "constrained")
        paint(figure.add_axes(box) if box else figure.add_subplot())
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    return Drawing(title, sentence, themed(file.getvalue(), label=f"{title}. {sentence}"))


def themed(svg: str, *, label: str) -> Markup:
    """A figure's SVG file as an element of the page.

    Args:
        svg: SVG file written by matplotlib.
        label: Read out in place of the picture.
    """
    head, body = re.search(r"<svg(.*?)>(.*)</svg>", svg, re.DOTALL).groups()  # type: ignore[union-attr]
    (view,) = re.findall(r'viewBox="([\d. ]+)"', head)
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", body, flags=re.DOTALL)
    body = re.sub(r"font-family: [^;\"]*;? ?", "", body)
    body = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", body)
    body = body.replace("xlink:href", "href")
    body = _with_own_ids(body, label)
    # Only in tags: text may look like a colour or a number, too.
    body = re.sub(r"<[^>]*>", lambda match: _slim(match[0]), body)
    body = re.sub(r"\s*\n\s*", "", body)
    opening = Markup('<svg class="plot" viewBox="{}" role="img" aria-label="{}">')
    return opening.format(view, label) + Markup(body) + Markup("</svg>")


def _slim(tag: str) -> str:
    """A tag with variables for the stand-in colours, and no more digits than a screen shows."""
    tag = re.sub(r"\s+", " ", tag)
    tag = re.sub(r"#[0-9a-f]{6}\b", lambda match: _colour(match[0]), tag)
    return re.sub(r"-?\d+\.\d{3,}", lambda match: f"{float(match[0]):.2f}", tag)


def _colour(colour: str) -> str:
    return f"var(--{_VARIABLES[colour]})" if colour in _VARIABLES else colour


def _with_own_ids(body: str, label: str) -> str:
    """Only the names that are referred to, and each picture its own."""
    mark = hashlib.sha256(f"{label}{body}".encode()).hexdigest()[:8]
    used = set(re.findall(r'(?:href="#|url\(#)([\w.-]+)', body))
    body = re.sub(r' id="([^"]*)"', lambda m: f' id="{mark}-{m[1]}"' if m[1] in used else "", body)
    return re.sub(r'(href="#|url\(#)', rf"\g<1>{mark}-", body)


def shorten(text: str, length: int = 22) -> str:
    """At most that many characters, for a label."""
    text = " ".join(str(text).split()) or "(blank)"
    return text if len(text) <= length else text[: length - 1] + "…"


def first_upper(text: str) -> str:
    """Capitalize the first letter; the rest stays as it is."""
    return text[:1].upper() + text[1:]


def figure_of(value: float | None) -> str:
    """A number for people, three digits or so.

    >>> figure_of(12345.6), figure_of(0.01234), figure_of(None)
    ('12,346', '0.0123', '–')
    """
    if value is None:
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace("-", "−")
    return f"{value:.3g}".replace("-", "−")


def percent(share: float | None) -> str:
    """A share for people.

    >>> percent(0.123), percent(0.0004), percent(0.9999), percent(1.0)
    ('12 %', 'under 0.1 %', 'over 99.9 %', '100 %')
    """
    if share is None:
        return "–"
    if 0 < share < 0.001:
        return "under 0.1 %"
    if 0.999 < share < 1:
        return "over 99.9 %"
    digits = 0 if 0.1 <= share <= 0.9 or share in (0, 1) else 1
    return f"{100 * share:.{digits}f} %"


def duration(seconds: float) -> str:
    """Format a duration for display.

    >>> duration(0.52), duration(34.4), duration(125), duration(7260)
    ('0.5 s', '34 s', '2 min 5 s', '2 h 1 min')
    """
    if seconds < 9.5:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def metric_title(name: str) -> str:
    """Title of a metric, or of a column of the history."""
    name = name.removeprefix("validation_")
    return METRICS[name].title if name in METRICS else name.replace("_", " ")


def legend_above(axes: Axes) -> None:
    """A legend above the axes, where it covers no curve and no label, in as few rows as fit."""
    _, labels = axes.get_legend_handles_labels()
    room = 72 * axes.figure.bbox.width / axes.figure.dpi - LEGEND_MARGIN
    widths = {n: _legend_width(labels, n) for n in range(1, len(labels) + 1)}
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=max((n for n, width in widths.items() if width <= room), default=1),
        borderaxespad=0.2,
        columnspacing=1.4,
    )


def _legend_width(labels: Sequence[str], n_columns: int) -> float:
    """About how many points wide a legend is, which is filled column by column."""
    columns = np.array_split(np.array([len(label) for label in labels]), n_columns)
    return sum(float(LETTER * column.max() + HANDLE) for column in columns)


def use_log(values: Sequence[float]) -> bool:
    """Whether positive values are spread so widely that a linear axis would hide the small."""
    return bool(values) and min(values) > 0 and max(values) > 20 * min(values)


def scale(axes: Axes, values: Sequence[float], *, along: Literal["x", "y"] = "y") -> None:
    """A logarithmic axis where `use_log` says so, with plain numbers on it."""
    if not use_log(values):
        return
    decades = math.log10(max(values) / min(values))
    subs = (1.0, 2.0, 5.0) if decades < 2.5 else (1.0,)
    (axes.set_yscale if along == "y" else axes.set_xscale)("log")
    axis = axes.yaxis if along == "y" else axes.xaxis
    axis.set_major_locator(LogLocator(subs=subs, numticks=8))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis=along, which="minor", length=0)


def metric_value(name: str, value: float | None) -> str:
    """A value of a metric, or of a column of the history, for people."""
    name = name.removeprefix("validation_")
    return METRICS[name].format(value) if name in METRICS else figure_of(value)


def whole_epochs(axes: Axes) -> None:
    """An axis of epochs, with whole numbers on it."""
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
