"""Whether the network wins against the baselines, in one plain sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence

from kerasnn.evaluation.baselines import Baseline
from kerasnn.evaluation.intervals import Difference, difference
from kerasnn.evaluation.metrics import MAIN_METRIC, METRICS, Metric
from kerasnn.evaluation.predictions import Predictions


def compare(
    network: Predictions, baselines: Sequence[Baseline], *, seed: int = 0
) -> dict[str, Difference]:
    """The network's gain over each baseline on the task's main metric, by the baseline's name."""
    metric = METRICS[MAIN_METRIC[network.task]]
    return {
        baseline.name: difference(network, baseline.predictions, metric, seed=seed)
        for baseline in baselines
    }


def verdict(
    network: Predictions, baselines: Sequence[Baseline], differences: dict[str, Difference]
) -> str:
    """Say whether the network beats the best baseline, and whether it has learned at all.

    Args:
        network: Predictions of the network.
        baselines: Those of the baselines, the constant one first.
        differences: As of `compare`.
    """
    metric = METRICS[MAIN_METRIC[network.task]]
    ours = metric(network)
    if math.isnan(ours) or not baselines:
        why = f"{metric.title} is not defined on these rows" if baselines else "no baseline"
        return f"No verdict: {why}."
    constant = baselines[0]
    if not _wins(differences[constant.name]):
        sentence = f"The network is not better than {constant.title}"
        return f"{sentence}: {_figures(metric, network, constant, differences)}."
    # The smallest gain of the network is the best baseline.
    best = min(baselines, key=lambda baseline: differences[baseline.name].value)
    figures, gain = _figures(metric, network, best, differences), differences[best.name]
    if _wins(gain):
        return f"The network beats every baseline; the best is {best.title}: {figures}."
    if gain.is_clear:
        return f"The network does not win: {best.title} is better, {figures}."
    rows = f"these {len(network):,} rows"
    return f"The network does not clearly win: it and {best.title} are level on {rows}, {figures}."


def _wins(gain: Difference) -> bool:
    return gain.value > 0 and gain.is_clear


def _figures(
    metric: Metric, network: Predictions, baseline: Baseline, differences: dict[str, Difference]
) -> str:
    ours, theirs = metric(network), metric(baseline.predictions)
    text = f"{metric.title} {metric.format(ours)} against {metric.format(theirs)}"
    interval = differences[baseline.name].interval
    if interval is None:
        return text
    return f"{text} (95 % interval of the gain {metric.format_interval(interval)})"
