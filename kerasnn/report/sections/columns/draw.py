"""What the network relies on: permutation importance, and the plane of two columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from kerasnn.explain.importance import MAX_COLUMNS
from kerasnn.report.drawing import (
    ACCENT,
    CARD,
    GRID,
    HEIGHT,
    INK,
    MUTED,
    SERIES,
    WARM,
    WIDTH,
    Drawing,
    draw,
    figure_of,
    metric_title,
    shorten,
)
from kerasnn.report.sections.columns.boundary import BoundarySection

ReportData = dict[str, Any]

MAX_BARS = 15


def drawings(report_data: ReportData) -> list[Drawing]:
    """Those that the run has."""
    found = [_importance(report_data)] if report_data["importance"] else []
    if report_data["boundary"]:
        found.append(_plane(report_data["boundary"], target=report_data["target"]))
    return found


def _importance(report_data: ReportData) -> Drawing:
    shown = report_data["importance"][:MAX_BARS]
    losses = [each["loss"] for each in shown]
    names = [shorten(each["column"]) for each in shown]
    metric = metric_title(report_data["scores"]["main"])

    def paint(axes: Axes) -> None:
        places = np.arange(len(shown))
        colours = [ACCENT if _is_clear(each) else MUTED for each in shown]
        deviations = [each["deviation"] for each in shown]
        axes.barh(places, losses, height=0.68, color=colours, alpha=0.75)
        axes.errorbar(
            losses, places, xerr=deviations, fmt="none", ecolor=INK, elinewidth=0.9, capsize=2
        )
        axes.set_yticks(places, names)
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel(f"change of {metric} for the worse when shuffled")

    return draw(
        "Importance of the columns",
        _importance_sentence(report_data, metric),
        paint,
        size=(WIDTH, max(HEIGHT, 0.9 + 0.2 * len(shown))),
    )


def _is_clear(each: ReportData) -> bool:
    return bool(each["loss"] > 2 * each["deviation"] and each["loss"] > 0)


def _importance_sentence(report_data: ReportData, metric: str) -> str:
    found = report_data["importance"]
    first, idle = found[0], sum(not _is_clear(each) for each in found)
    more = f" The {MAX_BARS} most important are shown." if len(found) > MAX_BARS else ""
    if len(found) == MAX_COLUMNS < report_data["data"]["n_used"]:
        more += (
            f" Of {report_data['data']['n_used']:,} columns, the {len(found)} that the predictions "
            "depend on most were shuffled."
        )
    if not _is_clear(first):
        return f"No column is clearly useful: shuffling any of them hardly changes the score.{more}"
    sentence = (
        f"‘{shorten(first['column'], 40)}’ is the most important: shuffling it worsens the "
        f"{metric} by {figure_of(first['loss'])}."
    )
    if idle == 1:
        sentence += " 1 column makes no clear difference on its own."
    elif idle:
        sentence += f" {idle} columns make no clear difference on their own."
    return sentence + more


def _plane(boundary: BoundarySection, *, target: str) -> Drawing:
    scores = np.array(boundary["scores"], dtype=float)
    x, y = np.array(boundary["x"]["values"]), np.array(boundary["y"]["values"])

    def paint(axes: Axes) -> None:
        if boundary["classes"]:
            _paint_classes(axes, x, y, scores)
        else:
            _paint_values(axes, x, y, scores)
        _paint_rows(axes, boundary)
        axes.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
        axes.set_xlabel(shorten(boundary["x"]["name"], 40))
        axes.set_ylabel(shorten(boundary["y"]["name"], 40))
        axes.grid(visible=False)

    name = shorten(target, 40)
    if boundary["classes"]:
        sentence = (
            f"The color shows the most probable ‘{name}’, stronger where its probability is higher; "
            "the dots are training rows."
        )
        return draw("Decision boundary", sentence, paint, size=(WIDTH, HEIGHT))
    low, high = figure_of(float(scores.min())), figure_of(float(scores.max()))
    sentence = (
        f"‘{name}’ as predicted, from {low} (cold) to {high} (warm); the dots are training rows."
    )
    return draw("Prediction by two columns", sentence, paint, size=(WIDTH, HEIGHT))


def class_colours(count: int) -> list[str]:
    """Two classes in the two main colours, more in a series."""
    return [ACCENT, WARM] if count == 2 else list(SERIES[:count])


def _paint_classes(axes: Axes, x: np.ndarray, y: np.ndarray, scores: np.ndarray) -> None:
    colours = class_colours(scores.shape[2])
    for code, colour in enumerate(colours):
        others = np.delete(scores, code, axis=2).max(axis=2)
        lead = scores[:, :, code] - others
        for level in (0.0, 0.35, 0.7, 0.9):
            if lead.max() > level:
                axes.contourf(x, y, lead, levels=[level, 1.01], colors=[colour], alpha=0.13)
        if lead.min() < 0 < lead.max():
            axes.contour(x, y, lead, levels=[0], colors=[INK], linewidths=0.8)


def _paint_values(axes: Axes, x: np.ndarray, y: np.ndarray, scores: np.ndarray) -> None:
    """Cold below the middle, warm above, in steps of opacity."""
    middle, reach = (scores.max() + scores.min()) / 2, max(float(np.ptp(scores)) / 2, 1e-12)
    for colour, sign in ((ACCENT, -1), (WARM, 1)):
        side = sign * (scores - middle) / reach
        for level in np.arange(0, 1, 0.2):
            if side.max() > level:
                axes.contourf(x, y, side, levels=[level, 1.01], colors=[colour], alpha=0.13)


def _paint_rows(axes: Axes, boundary: BoundarySection) -> None:
    rows, classes = boundary["rows"], boundary["classes"]
    x, y, truth = (np.array(rows[name], dtype=float) for name in ("x", "y", "truth"))
    if not classes:
        axes.plot(x, y, "o", color=INK, alpha=0.35, markersize=2.5, markeredgewidth=0)
        return
    for code, colour in enumerate(class_colours(len(classes))):
        here = truth == code
        axes.plot(
            x[here],
            y[here],
            "o",
            color=colour,
            markersize=4.2,
            markeredgecolor=CARD,
            markeredgewidth=0.5,
            label=shorten(classes[code], 16),
        )
    axes.legend(
        loc="upper left",
        fontsize=8.5,
        handletextpad=0.1,
        frameon=True,
        facecolor=CARD,
        edgecolor=GRID,
        framealpha=0.85,
        ncols=1 if len(classes) < 5 else 2,
    )
