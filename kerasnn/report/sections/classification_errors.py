"""How a classifier errs: confusion, ROC, precision against recall, calibration."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from kerasnn.report.drawing import (
    ACCENT,
    HEIGHT,
    INK,
    MUTED,
    SERIES,
    WARM,
    WIDTH,
    Drawing,
    draw,
    metric_value,
    percent,
    shorten,
)

ReportData = dict[str, Any]

# Beyond this the numbers in the cells would not be legible.
MAX_NUMBERED = 10


def drawings(report_data: ReportData) -> list[Drawing]:
    """All that are defined on the rows."""
    errors = report_data["errors"]
    found = []
    if errors["confusion"]["labels"]:
        found.append(_confusion(errors["confusion"]))
    if any(each["roc"] for each in errors["curves"]):
        found += [_roc(report_data), _precision_recall(report_data)]
    if errors["calibration"]["count"]:
        found.append(_calibration(report_data))
    return found


def _confusion(confusion: ReportData) -> Drawing:
    counts = np.array(confusion["counts"], dtype=float)
    labels = [shorten(label, 14) for label in confusion["labels"]]
    size = len(labels)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)

    def paint(axes: Axes) -> None:
        for row, column in np.ndindex(size, size):
            colour = ACCENT if row == column else WARM
            # Faint where a share is small, so that the text stays legible on any cell.
            alpha = 0.75 * float(shares[row, column])
            corner = (column - 0.47, row - 0.47)
            cell = Rectangle(corner, 0.94, 0.94, color=colour, alpha=alpha, linewidth=0)
            cell.set_in_layout(False)
            axes.add_patch(cell)
            if size <= MAX_NUMBERED and counts[row, column]:
                _cell(axes, (row, column), counts, shares)
        axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5))
        crowded = size > 4 or max(map(len, labels)) > 9
        axes.set_xticks(
            range(size), labels, rotation=40 if crowded else 0, ha="right" if crowded else "center"
        )
        axes.set_yticks(range(size), labels)
        axes.tick_params(length=0, labelsize=9.5 if size <= 8 else 7.5)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        axes.set_xlabel("decided")
        axes.set_ylabel("true")

    height = min(1.05 * WIDTH, max(HEIGHT, 1.6 + 0.3 * size))
    return draw("Confusion matrix", _confusion_sentence(confusion), paint, size=(WIDTH, height))


def _cell(axes: Axes, at: tuple[int, int], counts: np.ndarray, shares: np.ndarray) -> None:
    row, column = at
    text = f"{counts[at]:,.0f}"
    if len(counts) <= 5:
        text += f"\n{100 * shares[at]:.0f} %"
    size = 9.5 if len(counts) <= 8 else 7.5
    axes.text(column, row, text, ha="center", va="center", color=INK, fontsize=size)


def _confusion_sentence(confusion: ReportData) -> str:
    more = confusion["left_out"]
    shown = (
        f" Only the classes with the most mistakes are shown; {more} more are not." if more else ""
    )
    if not confusion["worst"]:
        return f"No mistake on these rows.{shown}"
    worst = confusion["worst"][0]
    share = percent(worst["count"] / worst["of"])
    return (
        f"The most common mistake: {worst['count']:,} of {worst['of']:,} rows of "
        f"‘{shorten(worst['truth'], 40)}’ ({share}) were taken for "
        f"‘{shorten(worst['decided'], 40)}’.{shown}"
    )


def _curves(report_data: ReportData, name: str) -> list[tuple[str, ReportData]]:
    """Colour and curve of each class that has one."""
    curves = [each for each in report_data["errors"]["curves"] if each[name]]
    if report_data["task"] == "binary":
        return [(ACCENT, curve) for curve in curves]
    return [(SERIES[i % len(SERIES)], curve) for i, curve in enumerate(curves)]


def _hidden(report_data: ReportData) -> str:
    more = report_data["n_classes"] - len(report_data["errors"]["curves"])
    what = {"label": "labels", "class": "classes"}[_one_of(report_data)]
    return (
        f" {more} rarer {what} are not shown." if report_data["task"] != "binary" and more else ""
    )


def _one_of(report_data: ReportData) -> str:
    return "label" if report_data["task"] == "multilabel" else "class"


def _is_each_on_its_own(report_data: ReportData) -> bool:
    """Whether calibration looks at probabilities of one thing, and not of the most probable class."""
    return report_data["task"] in ("binary", "multilabel")


def _roc(report_data: ReportData) -> Drawing:
    curves = _curves(report_data, "roc")
    area = report_data["scores"]["values"].get("auc")

    def paint(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
        for colour, curve in curves:
            points, at = curve["roc"], curve["at"]
            axes.plot(points["x"], points["y"], color=colour, label=shorten(curve["label"]))
            if at["false_positive_rate"] is not None and at["recall"] is not None:
                axes.plot([at["false_positive_rate"]], [at["recall"]], "o", color=colour)
        axes.set(xlabel="false positive rate", ylabel="true positive rate")
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        if len(curves) > 1:
            axes.legend(loc="lower right")

    if report_data["task"] == "binary":
        label = shorten(curves[0][1]["label"], 40)
        sentence = (
            f"A random row of ‘{label}’ scores above a random other row {percent(area)} of the "
            "time (ROC AUC); the dot marks the decision threshold."
        )
    else:
        sentence = (
            f"Each {_one_of(report_data)} against the rest; mean ROC AUC {metric_value('auc', area)}. The dots "
            f"mark the decisions.{_hidden(report_data)}"
        )
    return draw("ROC curve", sentence, paint)


def _precision_recall(report_data: ReportData) -> Drawing:
    curves = _curves(report_data, "precision_recall")

    def paint(axes: Axes) -> None:
        for colour, curve in curves:
            points, at = curve["precision_recall"], curve["at"]
            label = shorten(curve["label"])
            axes.plot(points["x"], points["y"], color=colour, label=label)
            if at["recall"] is not None and at["precision"] is not None:
                axes.plot([at["recall"]], [at["precision"]], "o", color=colour)
        if report_data["task"] == "binary":
            share = curves[0][1]["share"]
            axes.axhline(share, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
            axes.annotate("by chance", (0.01, share), color=MUTED, va="bottom", fontsize=8.5)
        axes.set(xlabel="recall", ylabel="precision", xlim=(-0.02, 1.02), ylim=(-0.02, 1.04))
        if len(curves) > 1:
            axes.legend(loc="lower left")

    return draw("Precision and recall", _precision_sentence(report_data, curves), paint)


def _precision_sentence(report_data: ReportData, curves: list[tuple[str, ReportData]]) -> str:
    if report_data["task"] != "binary":
        known = [each for _, each in curves if each["at"]["recall"] is not None]
        worst = min(known, key=lambda each: each["at"]["recall"])
        return (
            f"‘{shorten(worst['label'], 40)}’ has the lowest recall: "
            f"{percent(worst['at']['recall'])} of its rows are found.{_hidden(report_data)}"
        )
    curve = curves[0][1]
    label, at = shorten(curve["label"], 40), curve["at"]
    if at["precision"] is None:
        return f"No row was predicted as ‘{label}’; a lower threshold would find some."
    return (
        f"{percent(at['precision'])} of the rows predicted as ‘{label}’ are ‘{label}’ (precision); "
        f"{percent(at['recall'])} of the rows that are ‘{label}’ are found (recall)."
    )


def _calibration(report_data: ReportData) -> Drawing:
    curve = report_data["errors"]["calibration"]
    probability, frequency = np.array(curve["probability"]), np.array(curve["frequency"])
    count = np.array(curve["count"])

    def paint(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
        heights = 0.22 * count / count.max()
        axes.bar(probability, heights, width=0.045, color=MUTED, alpha=0.3, linewidth=0)
        axes.plot(probability, frequency, color=ACCENT, linewidth=1, alpha=0.6)
        # A point of few rows may lie anywhere, so it is small.
        axes.scatter(probability, frequency, 6 + 50 * count / count.max(), color=ACCENT, zorder=3)
        alone = _is_each_on_its_own(report_data)
        seen = "probability" if alone else "probability of the decided class"
        axes.set(xlabel=f"{seen}, as predicted", ylabel="observed frequency")
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.04))

    return draw(
        "Calibration", _calibration_sentence(report_data, probability, frequency, count), paint
    )


def _calibration_sentence(
    report_data: ReportData, probability: np.ndarray, frequency: np.ndarray, count: np.ndarray
) -> str:
    off = float(np.abs(probability - frequency) @ count / count.sum())
    excess = float((probability - frequency) @ count / count.sum())
    if off < 0.03:
        verdict = "they are well calibrated"
    elif _is_each_on_its_own(report_data):
        verdict = f"overall they are too {'high' if excess > 0 else 'low'}"
    else:
        verdict = f"the network is {'overconfident' if excess > 0 else 'underconfident'}"
    rows = "labels of rows" if report_data["task"] == "multilabel" else "rows"
    coverage, more = report_data["scores"].get("coverage"), ""
    if coverage:
        before, chance = percent(coverage["error_before"]), percent(coverage["error_by_chance"])
        more = (
            f" Before temperature scaling (T = {coverage['temperature']:.3g}) it was {before}; "
            f"perfectly calibrated probabilities would show about {chance} on this many rows."
        )
    return (
        f"The probabilities differ from the observed frequencies by {percent(off)} on average: "
        f"{verdict}.{more} The bars show the number of {rows}."
    )
