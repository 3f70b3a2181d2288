"""Inside the network: weights, activations and gradients of its layers, over the epochs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from kerasnn.report.drawing import (
    ACCENT,
    CARD,
    SERIES,
    SMALL,
    SMALL_BOX,
    WARM,
    Drawing,
    draw,
    figure_of,
    percent,
    scale,
    shorten,
    whole_epochs,
)

ReportData = dict[str, Any]

MAX_LAYERS = 12
MAX_RIDGES = 9
# Activations that are zero for nearly every row: the unit has died, or never comes alive.
MANY_ZEROS = 0.9


@dataclass(frozen=True)
class Panels:
    """Small drawings of one kind, one a layer, and what they show together."""

    title: str
    sentence: str
    drawings: list[Drawing]


def gradients(report_data: ReportData) -> list[Drawing]:
    """Norm of the gradient of each layer over the epochs."""
    probes = report_data["probes"]
    layers = _with(probes, "gradient_norm") if probes else []
    layers = [each for each in layers if any(each["gradient_norm"])]
    if not layers:
        return []
    shown = layers if len(layers) <= len(SERIES) else _spread(layers, len(SERIES))
    values = [norm for each in layers for norm in each["gradient_norm"] if norm]

    def paint(axes: Axes) -> None:
        for layer, colour in zip(shown, SERIES, strict=False):
            pairs = [
                (e, n) for e, n in zip(probes["epochs"], layer["gradient_norm"], strict=False) if n
            ]
            if pairs:
                epochs, norms = zip(*pairs, strict=True)
                marker = "o" if len(pairs) < 4 else ""
                label = shorten(layer["name"])
                axes.plot(epochs, norms, color=colour, label=label, marker=marker, markersize=4)
        scale(axes, values)
        whole_epochs(axes)
        axes.set_ylabel("norm of the gradient")
        axes.legend(fontsize=8, ncols=1 + (len(shown) > 4))

    return [draw("Gradients by layer", _gradient_sentence(layers), paint)]


def _gradient_sentence(layers: list[ReportData]) -> str:
    last = {each["name"]: next(filter(None, reversed(each["gradient_norm"]))) for each in layers}
    if len(last) == 1:
        return "The norm of the layer's gradient, on the same few rows each time."
    most, least = max(last, key=last.__getitem__), min(last, key=last.__getitem__)
    ratio = last[most] / last[least]
    if ratio < 100:
        return (
            f"At the end every layer still learned: the largest gradient, that of ‘{shorten(most, 40)}’, "
            f"was {ratio:.1f} times the smallest, that of ‘{shorten(least, 40)}’."
        )
    return (
        f"At the end the gradient of ‘{shorten(most, 40)}’ was {figure_of(ratio)} times that of "
        f"‘{shorten(least, 40)}’, which may have stopped learning."
    )


def weights(report_data: ReportData) -> Panels | None:
    """Histograms of the weights of each layer over the epochs."""
    layers = _with(report_data["probes"], "weights")
    if not layers:
        return None
    growth = {
        each["name"]: each["weights"][-1]["deviation"] / max(each["weights"][0]["deviation"], 1e-12)
        for each in layers
    }
    moved = max(growth, key=lambda name: abs(np.log(max(growth[name], 1e-12))))
    sentence = "The standard deviation of the weights is about the same at the end as at the start in all layers."
    if not 0.83 < growth[moved] < 1.2:
        way = "wider" if growth[moved] > 1 else "narrower"
        ratio = max(growth[moved], 1 / max(growth[moved], 1e-12))
        sentence = (
            f"The weights of ‘{shorten(moved, 40)}’ changed most: their standard deviation is "
            f"{ratio:.2g} times {'larger' if way == 'wider' else 'smaller'} at the end than after the "
            "first epoch."
        )
    return _panels("Weights", sentence, layers, "weights", report_data["probes"]["epochs"])


def activations(report_data: ReportData) -> Panels | None:
    """Histograms of what each layer returns, over the epochs."""
    layers = _with(report_data["probes"], "activations")
    if not layers:
        return None
    zeros = {each["name"]: each["activations"][-1]["zeros"] for each in layers}
    most = max(zeros, key=zeros.__getitem__)
    if zeros[most] >= MANY_ZEROS:
        sentence = (
            f"{percent(zeros[most])} of the outputs of ‘{shorten(most, 40)}’ are 0: most of its units "
            "are inactive."
        )
    elif zeros[most] > 0.01:
        sentence = f"No layer is inactive; ‘{shorten(most, 40)}’ has the most zeros, {percent(zeros[most])}."
    else:
        sentence = "No layer is inactive: hardly any output is 0."
    return _panels("Activations", sentence, layers, "activations", report_data["probes"]["epochs"])


def _with(probes: ReportData | None, name: str) -> list[ReportData]:
    return [each for each in probes["layers"] if each[name]] if probes else []


def _spread(items: list[Any], count: int) -> list[Any]:
    """Some of them, evenly, the first and the last among them."""
    picks = np.unique(np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int))
    return [items[index] for index in picks]


def _panels(
    title: str, sentence: str, layers: list[ReportData], name: str, epochs: list[int]
) -> Panels:
    shown = _spread(layers, MAX_LAYERS)
    if len(shown) < len(layers):
        sentence += f" {len(shown)} of {len(layers)} layers are shown."
    colour = ACCENT if name == "weights" else WARM
    return Panels(title, sentence, [_ridges(each, name, epochs, colour) for each in shown])


def _ridges(layer: ReportData, name: str, epochs: list[int], colour: str) -> Drawing:
    """Histograms one behind the other, the last epoch in front."""
    picks = _spread(list(range(len(layer[name]))), MAX_RIDGES)
    traces = [layer[name][index] for index in picks]
    low, high = min(each["low"] for each in traces), max(each["high"] for each in traces)
    low, high = (low, high) if high > low else (low - 0.5, high + 0.5)
    grid = np.linspace(low, high, 80)
    curves = [_density(each, grid) for each in traces]
    step = 0.22 * max(float(curve.max()) for curve in curves)

    def paint(axes: Axes) -> None:
        for location, curve in enumerate(curves):
            base = -location * step
            front = location == len(curves) - 1
            axes.fill_between(grid, base, base + curve, color=CARD, linewidth=0, zorder=location)
            alpha = 0.12 + 0.5 * (location + 1) / len(curves)
            axes.fill_between(
                grid, base, base + curve, color=colour, alpha=alpha, linewidth=0, zorder=location
            )
            width = 1.3 if front else 0.6
            axes.plot(grid, base + curve, color=colour, linewidth=width, zorder=location)
        ends = [0, len(picks) - 1] if len(picks) > 1 else [0]
        axes.set_yticks([-location * step for location in ends], [epochs[picks[p]] for p in ends])
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False)
        axes.spines["left"].set_visible(False)
        axes.locator_params(axis="x", nbins=4)

    last = traces[-1]
    sentence = f"{figure_of(last['mean'])} ± {figure_of(last['deviation'])}"
    if name == "activations" and last["zeros"] >= 0.01:
        sentence += f", {percent(last['zeros'])} zeros"
    return draw(shorten(layer["name"], 26), sentence, paint, size=SMALL, box=SMALL_BOX)


def _density(trace: ReportData, grid: np.ndarray) -> np.ndarray:
    """Histogram as a curve over a common axis, scaled by the root: tails stay visible."""
    counts = np.array(trace["counts"], dtype=float)
    width = (trace["high"] - trace["low"]) or 1.0
    centres = trace["low"] + width * (np.arange(len(counts)) + 0.5) / len(counts)
    share = counts / max(counts.sum(), 1)
    padded = np.concatenate([[0], share, [0]])
    step = width / len(counts)
    places = np.concatenate([[centres[0] - step], centres, [centres[-1] + step]])
    curve: np.ndarray = np.sqrt(np.interp(grid, places, padded, left=0, right=0))
    return curve
