"""The search for hyper-parameters behind a run: its course, and what each of them does."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from kerasnn.report.drawing import (
    ACCENT,
    INK,
    MUTED,
    WARM,
    Drawing,
    draw,
    duration,
    metric_title,
    metric_value,
    percent,
    scale,
    shorten,
)
from kerasnn.report.sections.tuning.summary import course, outcome, shown

ReportData = dict[str, Any]
Trial = dict[str, Any]

# Marks of a picture that all trials have alike.
_DONE: dict[str, Any] = {"color": ACCENT, "alpha": 0.6, "markersize": 4.5, "markeredgewidth": 0}
_GIVEN_UP: dict[str, Any] = {
    "color": MUTED,
    "markersize": 4,
    "markerfacecolor": "none",
    "alpha": 0.8,
}
# Scores that lie further off than so many times the usual spread stand at the edge.
_FAR = 2.0
PANEL = (3.4, 2.4)
# Of fewer trials, nothing can be seen of a single hyper-parameter.
FEWEST = 5


def part(report_data: ReportData) -> ReportData | None:
    """What the page shows of the search; None where there was none."""
    tuning = report_data.get("tuning")
    if not tuning:
        return None
    trials = [each for each in tuning["trials"] if each["score"] is not None]
    order = sorted(tuning["search"], key=lambda key: -tuning["importances"].get(key, 0.0))
    drawings = [_course(tuning, trials)]
    if tuning["importances"]:
        drawings.append(_importances(tuning))
    return {
        "course": f"{course(tuning)}, in {duration(tuning['seconds'])}.",
        "outcome": outcome(tuning),
        "rows": [_row(tuning, key) for key in order],
        "drawings": drawings,
        "panels": [_panel(tuning, trials, key) for key in order if len(trials) >= FEWEST],
    }


def _row(tuning: ReportData, key: str) -> ReportData:
    """A row of the table of hyper-parameters."""
    start, found = tuning["start"].get(key), tuning["found"].get(key)
    share = tuning["importances"].get(key)
    return {
        "name": _name(key),
        "searched": tuning["search"][key],
        "start": _value(start),
        "found": _value(found),
        "changed": start != found,
        "share": percent(share) if share is not None else "–",
    }


def _name(key: str) -> str:
    return shorten(key.split(".", 1)[-1], 40)


def _value(value: Any) -> str:
    return shorten(shown(value))


def _lower_is_better(tuning: ReportData) -> bool:
    return bool(tuning["direction"] == "lower")


def _bounds(tuning: ReportData, trials: list[Trial]) -> tuple[float, float]:
    """Between which scores to draw: bad ones must not hide how the good ones differ."""
    sign = 1.0 if _lower_is_better(tuning) else -1.0
    scores = np.sort([sign * each["score"] for each in trials])
    start = tuning["validation"]["start"]
    usual = max(float(np.quantile(scores, 0.75)), scores[0] if start is None else sign * start)
    best, worst = float(scores[0]), float(scores[-1])
    worst = min(worst, best + _FAR * (usual - best)) if usual > best else worst
    margin = 0.06 * (worst - best) or 1e-3 * max(abs(best), 1e-3)
    ends = sign * (best - margin), sign * (worst + margin)
    return min(ends), max(ends)


def _marks(axes: Axes, trials: list[Trial], x: list[float], low: float, high: float) -> None:
    """A mark for each trial; a triangle at the edge for one beyond it."""
    for state, style in (("pruned", _GIVEN_UP), ("done", _DONE)):
        label = {"pruned": "pruned", "done": "trial"}[state]
        here = [(at, e["score"]) for at, e in zip(x, trials, strict=True) if e["state"] == state]
        for marker, inside in (
            ("o", [p for p in here if low <= p[1] <= high]),
            ("^", [(at, high) for at, score in here if score > high]),
            ("v", [(at, low) for at, score in here if score < low]),
        ):
            if inside:
                places, scores = zip(*inside, strict=True)
                axes.plot(places, scores, marker, **style, label=label, clip_on=marker == "o")
                label = "_"


def _course(tuning: ReportData, trials: list[Trial]) -> Drawing:
    low, high = _bounds(tuning, trials)
    start, found = tuning["validation"]["start"], tuning["validation"]["best"]
    numbers, bests = _best_so_far(tuning, trials)

    def paint(axes: Axes) -> None:
        _marks(axes, trials, [float(each["number"]) for each in trials], low, high)
        axes.step(numbers, bests, where="post", color=WARM, label="best so far")
        axes.plot([tuning["best"]], [found], "o", color=WARM, markersize=6, zorder=5)
        if start is not None:
            axes.axhline(start, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
            axes.annotate(
                "defaults ",
                (1, start),
                xycoords=("axes fraction", "data"),
                color=MUTED,
                ha="right",
                va="bottom",
                fontsize=8.5,
            )
        axes.set_ylim(low, high)
        axes.set(xlabel="trial", ylabel=f"{metric_title(tuning['monitor'])}, validation")
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
        axes.legend(loc="best", fontsize=8.5)

    return draw("Course of the search", _course_sentence(tuning), paint)


def _best_so_far(tuning: ReportData, trials: list[Trial]) -> tuple[list[float], list[float]]:
    pick = min if _lower_is_better(tuning) else max
    numbers: list[float] = []
    bests: list[float] = []
    for each in trials:
        if each["state"] == "done":
            numbers.append(each["number"])
            bests.append(pick([each["score"], *bests[-1:]]))
    return [*numbers, trials[-1]["number"]], [*bests, *bests[-1:]]


def _course_sentence(tuning: ReportData) -> str:
    monitor, scores = tuning["monitor"], tuning["validation"]
    found, start = (metric_value(monitor, scores[name]) for name in ("best", "start"))
    if tuning["best"] == 1:
        return f"No trial was better than the defaults, the first one: {found}."
    return f"From {start} with the defaults to {found} in trial {tuning['best']}."


def _importances(tuning: ReportData) -> Drawing:
    shares = sorted(tuning["importances"].items(), key=lambda item: -item[1])
    names, values = [_name(key) for key, _ in shares], [share for _, share in shares]

    def paint(axes: Axes) -> None:
        places = np.arange(len(values))
        axes.barh(places, values, height=0.68, color=ACCENT, alpha=0.75)
        axes.set_yticks(places, names)
        axes.set_ylim(len(values) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("share of the variation")

    done = tuning["n_trials"] - tuning["n_pruned"] - tuning["n_failed"]
    sentence = (
        f"How much of the variation of the score each hyper-parameter explains in what was "
        f"searched (fANOVA of {done} whole trials)."
    )
    return draw("What mattered", sentence, paint)


def _panel(tuning: ReportData, trials: list[Trial], key: str) -> Drawing:
    """A hyper-parameter against the score."""
    low, high = _bounds(tuning, trials)
    here = [each for each in trials if key in each["values"]]
    values = [each["values"][key] for each in here]
    found = tuning["found"].get(key)
    named = not all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in values
    )
    choices = list(dict.fromkeys(map(_value, values))) if named else []

    def location(value: Any) -> float:
        return float(choices.index(_value(value))) if named else float(value)

    def paint(axes: Axes) -> None:
        x = [location(value) for value in values]
        others = [index for index, each in enumerate(here) if each["number"] != tuning["best"]]
        x = _apart(x) if named else x
        _marks(axes, [here[i] for i in others], [x[i] for i in others], low, high)
        if named:
            axes.set_xticks(range(len(choices)), [shorten(each, 10) for each in choices])
            axes.set_xlim(-0.6, len(choices) - 0.4)
        elif key in tuning["log"] and min(x, default=0) > 0:
            # As it was searched, also where few trials are close to each other.
            scale(axes, [min(x), max(*x, 21 * min(x))], along="x")
        elif all(isinstance(value, int) for value in values):
            axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
        axes.axvline(location(found), color=WARM, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.plot(
            [location(found)],
            [tuning["validation"]["best"]],
            "o",
            color=WARM,
            markersize=6,
            markeredgecolor=INK,
            markeredgewidth=0.4,
            zorder=5,
        )
        axes.set_ylim(low, high)
        axes.set_ylabel(shorten(metric_title(tuning["monitor"]), 20))

    share = tuning["importances"].get(key)
    sentence = f"Best with {_value(found)}"
    sentence += f"; explains {percent(share)}." if share is not None else "."
    return draw(_name(key), sentence, paint, size=PANEL)


def _apart(x: list[float]) -> list[float]:
    """Places of a choice side by side, so that trials don't hide each other."""
    golden = (math.sqrt(5) - 1) / 2
    return [at + 0.5 * ((index * golden) % 1 - 0.5) for index, at in enumerate(x)]
