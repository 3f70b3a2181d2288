"""A run that forecasts: its series, what it forecast, and how far off that was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from kerasnn.metrics.forecast import METRICS
from kerasnn.report.drawing import (
    ACCENT,
    MUTED,
    SERIES,
    WARM,
    Drawing,
    draw,
    figure_of,
    legend_above,
    percent,
    shorten,
)
from kerasnn.report.sections.training import draw as learning

ReportData = dict[str, Any]

WIDE, SHORT = (7.4, 3.1), (7.4, 2.3)
MOST_ROWS = 30
_PARTS = ("train", "validation", "calibration", "test")
_WHY = {"usual": "a typical one", "worst": "the worst one", "latest": "the latest one"}
_TITLES = {"train": "training", "validation": "validation"}


def courses(report_data: ReportData) -> list[Drawing]:
    """Whole series, with their parts."""
    return [_course(report_data, each) for each in report_data["courses"]]


def coming(report_data: ReportData) -> list[Drawing]:
    """Forecasts beyond the end of the data."""
    return [_picture(report_data, each) for each in report_data.get("coming") or []]


def pictures(report_data: ReportData) -> list[Drawing]:
    """Forecasts with the history before them and what came."""
    return [_picture(report_data, each) for each in report_data["pictures"]]


def steps(report_data: ReportData) -> list[Drawing]:
    """Errors and coverage by how far ahead a forecast looks."""
    scores = report_data["scores"]
    found = [_error_by_step(scores)]
    if scores["by_step"].get("coverage"):
        found.append(_coverage_by_step(scores))
    return found


def curves(report_data: ReportData) -> list[tuple[str, str, list[Drawing]]]:
    """Name, course of the training and learning curves of each trained model."""
    found: list[tuple[str, str, list[Drawing]]] = []
    for name, member in report_data["members"].items():
        if member["solved"]:
            text = "Its weights are computed in closed form, so there is no course of training to show."
            found.append((name, text, []))
            continue
        own = {"training": member, "stopped": member["stopped"], "config": report_data["config"]}
        own["sweep"] = member["sweep"]
        found.append((name, learning.summary(own), learning.drawings(own)))
    return found


def measures(scores: ReportData) -> list[ReportData]:
    """Rows of the table of scores."""
    return [
        {
            "title": METRICS[name].title,
            "note": _note(name, scores),
            "main": name == scores["main"],
            "value": METRICS[name].format(value),
            "interval": METRICS[name].format_interval(scores["intervals"].get(name)),
            "others": [
                METRICS[name].format(each["values"].get(name))
                for each in scores["baselines"].values()
            ],
        }
        for name, value in scores["values"].items()
    ]


def groups(groups: ReportData) -> ReportData | None:
    """A table of the series or the targets; of many the ones with the largest errors."""
    if len(groups) < 2:
        return None
    names = [name for name in METRICS if name in next(iter(groups.values()))]
    shown = list(groups.items())
    if len(shown) > MOST_ROWS:
        shown.sort(key=lambda item: -(item[1]["mase"] or item[1]["mae"] or 0.0))
        shown = shown[:MOST_ROWS]
    return {
        "titles": [METRICS[name].title.partition(" (")[0] for name in names],
        "rows": [(each, [METRICS[n].format(values[n]) for n in names]) for each, values in shown],
        "left_out": len(groups) - len(shown),
    }


def candidates(report_data: ReportData) -> ReportData | None:
    """The table of the back-test."""
    rows = report_data["candidates"]
    if not rows:
        return None
    means = [row["mean"] for row in rows if row["mean"] is not None]
    most = max(means, default=1.0) or 1.0
    return {
        "folds": len(rows[0]["scores"]),
        "rows": [
            {
                "title": row["title"],
                "won": row["won"],
                "scores": [METRICS["mase"].format(score) for score in row["scores"]],
                "mean": METRICS["mase"].format(row["mean"]),
                "share": (row["mean"] or 0.0) / most,
                "seconds": f"{row['seconds']:.1f}" if row["seconds"] else "–",
            }
            for row in rows
        ],
    }


def _note(name: str, scores: ReportData) -> str:
    if name == "coverage" and scores["nominal"]:
        return f"{100 * scores['nominal']:g} % was asked for"
    return "lower is better" if METRICS[name].direction == "lower" else ""


def _times(texts: Sequence[str]) -> NDArray[Any]:
    """Dates, or plain numbers."""
    if texts and "-" in texts[0][1:]:
        return np.array([text.replace(" ", "T") for text in texts], "datetime64[s]")
    return np.array(texts, dtype=np.float64)


def _numbers(values: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], np.float64)


def _time_axis(axes: Axes, times: NDArray[Any]) -> None:
    if times.dtype.kind == "M":
        locator = AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        formatter = ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_formatter(formatter)
    axes.margins(x=0.01)


def _course(report_data: ReportData, course: ReportData) -> Drawing:
    times, values = _times(course["times"]), _numbers(course["values"])
    count = len(times)
    shared = report_data["data"]["shared_calibration"]
    names = [name for name in _PARTS if not (shared and name == "calibration")]
    edges = [*(course["parts"][name] for name in names), 1.0]

    def paint(axes: Axes) -> None:
        for name, first, stop, colour in zip(names, edges, edges[1:], SERIES, strict=False):
            a, b = (min(round(edge * count), count - 1) for edge in (first, stop))
            if b > a:
                axes.axvspan(times[a], times[b], color=colour, alpha=0.13, linewidth=0)
                axes.plot(
                    [], [], color=colour, linewidth=6, alpha=0.4, label=_TITLES.get(name, name)
                )
        axes.plot(times, values, color=ACCENT, linewidth=1.1)
        _time_axis(axes, times)
        axes.set_ylabel(shorten(course["target"], 26))
        legend_above(axes)

    averaged = course["averaged"]
    each = f"Each point is the mean of {averaged:,} in time. " if averaged > 1 else ""
    sentence = f"{each}The parts follow each other in time; gaps are missing readings."
    return draw(shorten(course["series"] or course["target"], 60), sentence, paint, size=SHORT)


def _picture(report_data: ReportData, picture: ReportData) -> Drawing:
    past_times, times = _times(picture["past_times"]), _times(picture["times"])
    past, truth, forecast = (_numbers(picture[name]) for name in ("past", "truth", "prediction"))
    target = shorten(picture["target"], 26)
    baseline, nominal = picture["baseline"], report_data["config"]["forecast"]["coverage"]
    is_coming = picture["why"] == "coming"
    band = None if picture["low"] is None else [_numbers(picture[n]) for n in ("low", "high")]

    def paint(axes: Axes) -> None:
        axes.plot(past_times, past, color=MUTED, linewidth=1.2, label="history")
        if band:
            label = f"{100 * nominal:g} % interval"
            axes.fill_between(
                times, band[0], band[1], color=ACCENT, alpha=0.2, linewidth=0, label=label
            )
        if baseline:
            axes.plot(
                times,
                _numbers(baseline["values"]),
                color=SERIES[2],
                linewidth=1.0,
                linestyle=(0, (3, 2)),
                label=baseline["title"],
            )
        axes.plot(
            times, forecast, color=ACCENT, label="forecast", marker=_marker(times), markersize=3
        )
        if not is_coming:
            axes.plot(
                times,
                truth,
                color=WARM,
                linewidth=1.3,
                label="true values",
                marker=_marker(times),
                markersize=3,
            )
        axes.axvline(past_times[-1], color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
        _time_axis(axes, times)
        axes.set_ylabel(target)
        legend_above(axes)

    where = f"{picture['series']}, {picture['target']}" if picture["series"] else picture["target"]
    only = is_coming or len(report_data["pictures"]) == 1
    title = f"{shorten(where, 60)}{'' if only else ': ' + _WHY[picture['why']]}"
    return draw(title, _picture_sentence(picture, truth, forecast, band), paint, size=WIDE)


def _marker(times: NDArray[Any]) -> str:
    return "o" if len(times) < 16 else ""


def _picture_sentence(
    picture: ReportData,
    truth: NDArray[Any],
    forecast: NDArray[Any],
    band: list[NDArray[Any]] | None,
) -> str:
    if picture["why"] == "coming":
        last, value = picture["times"][-1], figure_of(float(forecast[-1]))
        within = f", between {figure_of(band[0][-1])} and {figure_of(band[1][-1])}" if band else ""
        return f"From {picture['past_times'][-1]}, the end of the data. {last}: {value}{within}."
    known = np.isfinite(truth)
    start = f"From {picture['past_times'][-1]}."
    if not known.any():
        return f"{start} The true values are not known."
    error = figure_of(float(np.abs(truth - forecast)[known].mean()))
    text = f"{start} Off by {error} on average"
    if band:
        inside = ((truth >= band[0]) & (truth <= band[1]))[known].mean()
        text += f"; {percent(float(inside))} of the true values lie in the interval"
    return f"{text}."


def _error_by_step(scores: ReportData) -> Drawing:
    main = scores["main"]
    ours, metric = _numbers(scores["by_step"][main]), METRICS[main]
    ahead = np.arange(1, len(ours) + 1)

    def paint(axes: Axes) -> None:
        for baseline, colour in zip(scores["baselines"].values(), SERIES[2:], strict=False):
            label = shorten(baseline["title"], 30)
            axes.plot(ahead, _numbers(baseline["steps"]), color=colour, linewidth=1.1, label=label)
        axes.plot(ahead, ours, color=ACCENT, linewidth=2.0, label="the model")
        axes.set(xlabel="time steps ahead", ylabel=metric.title)
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True, min_n_ticks=1))
        legend_above(axes)

    known = ours[np.isfinite(ours)]
    sentence = f"{metric.title} of each step ahead."
    if len(known) > 1:
        sentence = (
            f"{metric.title} is {metric.format(known[0])} for the first step and "
            f"{metric.format(known[-1])} for the last."
        )
    return draw("Error by forecast step", sentence, paint)


def _coverage_by_step(scores: ReportData) -> Drawing:
    shares, nominal = _numbers(scores["by_step"]["coverage"]), scores["nominal"]
    ahead = np.arange(1, len(shares) + 1)

    def paint(axes: Axes) -> None:
        axes.axhline(nominal, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)), label="asked for")
        axes.plot(ahead, shares, color=ACCENT, marker="o", markersize=3, label="measured")
        axes.set(xlabel="time steps ahead", ylabel="share within")
        axes.set_ylim(0, 1.04)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f} %"))
        axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True, min_n_ticks=1))
        legend_above(axes)

    whole = scores["values"]["coverage"]
    sentence = f"The intervals contain {percent(whole)} of the true values; {percent(nominal)} was asked for."
    return draw("Coverage by forecast step", sentence, paint)
