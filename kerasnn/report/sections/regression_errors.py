"""How far off a regression is: predicted against true values, and the residuals."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from kerasnn.report.drawing import (
    ACCENT,
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
    """Predicted against true, the histogram of the residuals, their course."""
    return [_against_truth(report_data), _histogram(report_data), _course(report_data)]


def _against_truth(report_data: ReportData) -> Drawing:
    rows, target = report_data["errors"]["rows"], shorten(report_data["target"], 30)
    truth, prediction = np.array(rows["truth"]), np.array(rows["prediction"])
    ends = [min(truth.min(), prediction.min()), max(truth.max(), prediction.max())]
    r2 = report_data["scores"]["values"].get("r2")

    def paint(axes: Axes) -> None:
        axes.plot(ends, ends, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.plot(
            truth, prediction, "o", color=ACCENT, alpha=0.4, markersize=3.4, markeredgewidth=0
        )
        axes.set(xlabel=f"{target}, true", ylabel=f"{target}, predicted")

    if r2 is None:
        sentence = "All true values are equal, so R² is not defined."
    elif r2 < 0:
        sentence = "The predictions are worse than the mean of the true values (R² below 0)."
    else:
        sentence = f"The network explains {percent(r2)} of the variance (R²)."
    if report_data["errors"]["n_left_out"]:
        sentence += f" {len(truth):,} random rows are shown."
    return draw("Predicted against true", sentence, paint)


def _histogram(report_data: ReportData) -> Drawing:
    found = report_data["errors"]["residuals"]
    edges, counts = np.array(found["edges"]), np.array(found["counts"])

    def paint(axes: Axes) -> None:
        axes.bar(edges[:-1], counts, np.diff(edges), align="edge", color=ACCENT, alpha=0.55)
        axes.axvline(0, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.axvline(found["mean"], color=WARM, linewidth=1.2)
        axes.set(xlabel="predicted − true", ylabel="rows")

    half, most = figure_of(found["half_within"]), figure_of(found["most_within"])
    side = "too high" if found["mean"] > 0 else "too low"
    sentence = (
        f"Half of the predictions are within {half} of the truth, 95 % within {most}. On average "
        f"they are {figure_of(abs(found['mean']))} {side}."
    )
    return draw("Residuals", sentence, paint)


def _course(report_data: ReportData) -> Drawing:
    trend = report_data["errors"]["residuals"]["trend"]
    at, low, middle, high = (
        np.array(trend[name]) for name in ("prediction", "low", "middle", "high")
    )

    def paint(axes: Axes) -> None:
        axes.axhline(0, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.fill_between(at, low, high, color=ACCENT, alpha=0.2, linewidth=0)
        axes.plot(at, middle, color=ACCENT, marker="o", markersize=3.5)
        axes.set(
            xlabel=f"{shorten(report_data['target'], 30)}, predicted", ylabel="predicted − true"
        )

    return draw("Residuals by prediction", _course_sentence(high - low), paint)


def _course_sentence(spread: np.ndarray) -> str:
    band = "The line is the median, the band the middle half."
    if len(spread) < 3 or spread.min() <= 0 or spread.max() < 2 * spread.min():
        return f"The errors are about as large for small predictions as for large ones. {band}"
    ratio = spread.max() / spread.min()
    widest, narrowest = int(spread.argmax()), int(spread.argmin())
    where = "large" if widest > narrowest else "small"
    return f"Errors spread up to {ratio:.1f} times as wide for {where} predictions. {band}"
