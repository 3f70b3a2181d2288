"""Whether sets and intervals hold as often as they promise, and how large they are for that."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from kerasnn.evaluation.coverage import MOST_SIZES
from kerasnn.report.drawing import (
    ACCENT,
    INK,
    MUTED,
    WARM,
    Drawing,
    draw,
    figure_of,
    percent,
    shorten,
)

ReportData = dict[str, Any]


def drawings(report_data: ReportData) -> list[Drawing]:
    """Asked against held, and what the sets or intervals of 90 % are like; nothing if not known."""
    coverage = report_data["scores"].get("coverage")
    if not coverage:
        return []
    found = [_promises(report_data, coverage)]
    if coverage["sizes"]:
        found.append(_sets(coverage))
    if coverage["band"]:
        found.append(_intervals(report_data, coverage))
    return found


def _promises(report_data: ReportData, coverage: ReportData) -> Drawing:
    asked, held, _ = np.array(coverage["curve"], dtype=float).T

    def paint(axes: Axes) -> None:
        line = np.linspace(asked[0], 1, 101)
        reach = _by_chance(report_data, line)
        axes.fill_between(line, line - reach, line + reach, color=MUTED, alpha=0.25, linewidth=0)
        axes.plot(line, line, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.plot(asked, held, color=ACCENT, marker="o", markersize=3.8)
        at = (coverage["level"], coverage["observed"])
        axes.plot(*at, "o", color=WARM, markersize=7, zorder=4)
        axes.annotate(
            _exactly(at[1]), at, (-9, 7), textcoords="offset points", ha="right", color=INK
        )
        low = min(asked[0], held.min())
        axes.set(xlim=(asked[0] - 0.01, 1.01), ylim=(low - 0.02, 1.02))
        axes.set(xlabel="coverage asked for", ylabel="coverage on these rows")

    return draw("Coverage", _promises_sentence(report_data, coverage), paint)


def _promises_sentence(report_data: ReportData, coverage: ReportData) -> str:
    asked, held, (low, high) = coverage["level"], coverage["observed"], coverage["interval"]
    off = held - asked
    name = "intervals" if report_data["task"] == "regression" else "sets"
    truth = {"regression": "true value", "multilabel": "true labels"}.get(
        report_data["task"], "true class"
    )
    sentence = (
        f"The {percent(asked)} prediction {name} contain the {truth} in {_exactly(held)} of the rows "
        f"(95 % interval {_exactly(low)} to {_exactly(high)})."
    )
    if abs(off) <= _by_chance(report_data, asked):
        sentence += " This agrees with the coverage that was asked for."
    elif off > 0 and coverage["sizes"] and coverage["mean_size"] <= 1:
        sentence += " This is more than was asked for: no set is empty, and the most probable class alone is right more often."
    elif off > 0:
        sentence += " This is more than was asked for."
    else:
        sentence += " This is less than was asked for: these rows differ from the validation rows."
    return sentence + " The grey band is the range that chance explains."


def _by_chance(report_data: ReportData, share: Any) -> Any:
    """How far off a right coverage is in 95 of 100 tables: both parts have but so many rows."""
    tested, conformal_calibration = (
        report_data["scores"]["n_rows"],
        report_data["scores"]["coverage"]["n_calibration_rows"],
    )
    return 1.96 * np.sqrt(share * (1 - share) * (1 / tested + 1 / conformal_calibration))


def _exactly(share: float) -> str:
    """Format a share with one digit more than elsewhere, because it matters here."""
    return f"{100 * share:.1f} %"


def _sets(coverage: ReportData) -> Drawing:
    sizes, shares, hits = (
        np.array(each, dtype=float) for each in zip(*coverage["sizes"], strict=True)
    )
    places = np.arange(len(sizes))

    def paint(axes: Axes) -> None:
        axes.barh(places, shares * hits, height=0.62, color=ACCENT, alpha=0.75)
        axes.barh(places, shares * (1 - hits), 0.62, shares * hits, color=WARM, alpha=0.85)
        for location, share, hit in zip(places, shares, hits, strict=True):
            text = f"{percent(share)} of the rows, {percent(hit)} held"
            inside = share > 0.55
            axes.annotate(
                text,
                (0 if inside else share, location),
                (6, 0),
                textcoords="offset points",
                va="center",
                color=INK,
                fontsize=9,
            )
        axes.set_yticks(places, [_classes(int(size)) for size in sizes])
        axes.set_ylim(len(sizes) - 0.4, min(-0.6, len(sizes) - 3.2))
        axes.set_xlim(0, 1)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("share of the rows")

    return draw(f"{percent(coverage['level'])} prediction sets", _sets_sentence(coverage), paint)


def _classes(size: int) -> str:
    if size == 1:
        return "1 class"
    return f"{size} or more" if size == MOST_SIZES else f"{size} classes"


def _sets_sentence(coverage: ReportData) -> str:
    sentence = f"The mean set size is {figure_of(coverage['mean_size'])}; no set is empty."
    if coverage["lowest_class"]:
        label, share = coverage["lowest_class"]
        sentence += (
            f" The class with the lowest coverage is ‘{shorten(label, 40)}’: {percent(share)}."
        )
    return sentence


def _intervals(report_data: ReportData, coverage: ReportData) -> Drawing:
    rows, target = report_data["errors"]["rows"], shorten(report_data["target"], 30)
    value, truth = np.array(rows["prediction"], float), np.array(rows["truth"], float)
    at, reach = np.array(coverage["band"], dtype=float).T
    off = value - truth
    held = np.abs(off) <= np.interp(value, at, reach)
    # A few rows that are far off would leave a line of the band.
    most = max(1.6 * reach.max(), float(np.quantile(np.abs(off), 0.98)))
    shown = np.abs(off) <= most

    def paint(axes: Axes) -> None:
        axes.fill_between(at, -reach, reach, color=ACCENT, alpha=0.16, linewidth=0)
        axes.plot(at, reach, at, -reach, color=ACCENT, linewidth=1.1)
        for kept, colour, alpha in ((held, ACCENT, 0.4), (~held, WARM, 0.85)):
            chosen = kept & shown
            axes.plot(
                value[chosen],
                off[chosen],
                "o",
                color=colour,
                alpha=alpha,
                markersize=3.2,
                markeredgewidth=0,
            )
        axes.axhline(0, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.set(xlabel=f"{target}, predicted", ylabel="predicted − true", ylim=(-most, most))

    sentence = f"The mean width is {figure_of(coverage['mean_size'])}"
    if reach.max() > 1.5 * reach.min():
        ends = (figure_of(2 * float(each)) for each in (reach.min(), reach.max()))
        sentence += "; it ranges from {} to {}, wider where errors are larger".format(*ends)
    sentence += ". Colored points lie outside their interval."
    if not shown.all():
        sentence += f" {int((~shown).sum())} of {len(off)} rows lie outside the plotted range."
    return draw(f"{percent(coverage['level'])} prediction intervals", sentence, paint)
