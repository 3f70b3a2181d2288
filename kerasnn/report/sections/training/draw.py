"""How the training went: learning curves, the monitored measure, the learning rate."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from kerasnn.metrics.registry import METRICS
from kerasnn.report.drawing import (
    ACCENT,
    MUTED,
    WARM,
    Drawing,
    draw,
    first_upper,
    metric_title,
    metric_value,
    scale,
    whole_epochs,
)
from kerasnn.report.sections.training.stages import sentence

ReportData = dict[str, Any]
Series = list[tuple[float, float]]

_ENDINGS = {
    "all epochs done": "It trained for all its epochs.",
    "no gain": "It stopped early, because the validation score no longer improved.",
    "time limit": "It ended at the time limit.",
    "interrupted": "It was interrupted.",
    "diverged": "It failed, at a tenth of the learning rate too: see the warnings.",
}


def drawings(report_data: ReportData) -> list[Drawing]:
    """Loss, the measure that picked the best epoch if it is another one, the rate, the sweep."""
    training = report_data["training"]
    if not training["n_epochs"]:
        return []
    found = [_losses(report_data)]
    history, monitor = training["history"], training["monitor"]
    if monitor and not _same(history[monitor], history.get("validation_loss", [])):
        found.append(_measure(report_data, monitor))
    if "learning_rate" in history:
        found.append(_rate(report_data))
    if report_data.get("sweep"):
        found.append(_sweep(report_data["sweep"]))
    return found


def summary(report_data: ReportData) -> str:
    """How the training ended and which epoch was kept."""
    training = report_data["training"]
    best, count = training["best_epoch"], training["n_epochs"]
    if not count:
        return "No epoch was finished."
    ending = _ENDINGS.get(report_data["stopped"], "")
    if told := sentence(training):
        ending = f"{ending} There were two stages: {told}.".strip()
    if not best:
        return f"{_epochs(count)} done; none was better than the others. {ending}".strip()
    if best == count:
        after = "the last one, so more epochs might help"
    else:
        after = f"after that the validation score got {'worse' if _got_worse(training) else 'no better'}"
    return f"Best at epoch {best} of {count}; {after}. {ending}".strip()


def _epochs(count: int) -> str:
    return "1 epoch" if count == 1 else f"{count} epochs"


def _series(training: ReportData, name: str) -> Series:
    history = training["history"]
    pairs = zip(history["epoch"], history.get(name, []), strict=False)
    return [(epoch, value) for epoch, value in pairs if value is not None]


def _same(one: list[float | None], other: list[float | None]) -> bool:
    """Whether the monitor is the validation loss by another name."""
    return len(one) == len(other) and all(
        a is not None and b is not None and abs(a - b) <= 1e-3 * abs(b)
        for a, b in zip(one, other, strict=True)
    )


def _got_worse(training: ReportData) -> bool:
    """Whether the later half of what came after the best is clearly on the wrong side of it."""
    name = training["monitor"] or "validation_loss"
    after = [value for epoch, value in _series(training, name) if epoch > training["best_epoch"]]
    best = [value for epoch, value in _series(training, name) if epoch == training["best_epoch"]]
    if not after or not best:
        return False
    late = float(np.median(after[len(after) // 2 :]))
    worse = late > best[0] if _lower_is_better(name) else late < best[0]
    return worse and abs(late - best[0]) > 0.01 * abs(best[0])


def _lower_is_better(name: str) -> bool:
    metric = METRICS.get(name.removeprefix("validation_"))
    return metric is None or metric.direction == "lower"


def _line(axes: Axes, series: Series, colour: str, label: str) -> None:
    if series:
        epochs, values = zip(*series, strict=True)
        marker = "o" if len(series) < 4 else ""
        axes.plot(epochs, values, color=colour, label=label, marker=marker, markersize=4)


def _mark_best(axes: Axes, training: ReportData, series: Series) -> None:
    best = training["best_epoch"]
    value = dict(series).get(best)
    if value is None:
        return
    axes.axvline(best, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
    label = f"best: epoch {best}"
    axes.plot([best], [value], "o", color=WARM, markersize=6, zorder=5, label=label)


def _losses(report_data: ReportData) -> Drawing:
    training = report_data["training"]
    train, validation = _series(training, "loss"), _series(training, "validation_loss")
    values = [value for _, value in [*train, *validation]]

    def paint(axes: Axes) -> None:
        _line(axes, train, ACCENT, "training")
        _line(axes, validation, WARM, "validation")
        _mark_best(axes, training, validation)
        scale(axes, values)
        whole_epochs(axes)
        axes.set_ylabel("loss")
        axes.legend()

    return draw("Learning curves", summary(report_data), paint)


def _measure(report_data: ReportData, name: str) -> Drawing:
    training = report_data["training"]
    series = _series(training, name)
    values = [value for _, value in series]
    best = dict(series).get(training["best_epoch"])
    sentence = f"On the validation rows it reached {metric_value(name, best)}"
    if len(values) > 1:
        sentence += f", from {metric_value(name, values[0])} after the first epoch"

    def paint(axes: Axes) -> None:
        _line(axes, series, WARM, "validation")
        _mark_best(axes, training, series)
        scale(axes, values)
        whole_epochs(axes)
        axes.set_ylabel(metric_title(name))

    return draw(f"{first_upper(metric_title(name))} by epoch", f"{sentence}.", paint)


def _rate(report_data: ReportData) -> Drawing:
    training = report_data["training"]
    series = _series(training, "learning_rate")
    values = [value for _, value in series]
    schedule = _schedule(report_data)
    peak = f"{max(values):.2g}" if values else "–"
    sentence = f"The learning rate peaked at {peak} and ended at {values[-1]:.2g}" if values else ""
    if len(set(values)) == 1:
        sentence = f"The learning rate was {peak} throughout"
    if schedule:
        sentence += f" (schedule: {schedule.replace('_', ' ')})"

    def paint(axes: Axes) -> None:
        _line(axes, series, ACCENT, "learning rate")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        scale(axes, values)
        if len(set(values)) == 1:
            # From 0, so that the line has a size; around itself it has none.
            axes.set_ylim(0, 2 * values[0] or 1.0)
        whole_epochs(axes)
        axes.set_ylabel("learning rate")

    return draw("Learning rate", f"{sentence}.", paint)


def _schedule(report_data: ReportData) -> str:
    """That of the network that is shown: of an average, it is one of several."""
    if members := report_data.get("members"):
        return str(members["members"][members["heaviest"] - 1].get("schedule", ""))
    return str((report_data["config"].get("training") or {}).get("schedule", ""))


def _sweep(sweep: ReportData) -> Drawing:
    pairs = [(x, y) for x, y in zip(sweep["rates"], sweep["losses"], strict=False) if y is not None]
    chosen = sweep["suggestion"]

    def paint(axes: Axes) -> None:
        if pairs:
            rates, losses = zip(*pairs, strict=True)
            axes.plot(rates, losses, color=ACCENT)
            axes.axvline(chosen, color=WARM, linewidth=1.2)
            axes.annotate(
                f" {chosen:.2g}",
                (chosen, 1),
                xycoords=("data", "axes fraction"),
                color=WARM,
                va="top",
            )
            scale(axes, rates, along="x")
        axes.set_xlabel("learning rate")
        axes.set_ylabel("loss, smoothed")

    sentence = (
        f"The learning rate was raised with every step until the loss rose; {chosen:.2g} was chosen, a "
        "third of the rate at which the loss was lowest."
    )
    return draw("Learning-rate finder", sentence, paint)
