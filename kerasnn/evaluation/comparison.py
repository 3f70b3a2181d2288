"""Whether the network wins against the baselines, in one plain sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from kerasnn.evaluation.baselines import Baseline
from kerasnn.metrics.bootstrap import Difference, difference
from kerasnn.metrics.predictions import Predictions
from kerasnn.metrics.registry import MAIN_METRIC, METRICS, Metric

# Only a network that is clearly better than all baselines, none of which was left out, is said to.
WINS = "beats every baseline"


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
    network: Predictions,
    baselines: Sequence[Baseline],
    differences: dict[str, Difference],
    *,
    omitted: Sequence[str] = (),
) -> str:
    """Say whether the network beats the best baseline, and whether it has learned at all.

    Args:
        network: Predictions of the network.
        baselines: Those of the baselines, the constant one first.
        differences: Differences that `compare` returns.
        omitted: Titles of the baselines that were not run for lack of time.
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
        level = _level_decisions(network, constant)
        how = "ranks rows better than every baseline" if level else WINS
        if omitted:
            how = how.replace("every baseline", _listed([each.title for each in baselines]))
        if len(baselines) > 1 or not omitted:
            how += f"; the best is {best.title}"
        parts = [f"The network {how}: {figures}", level, not_run(omitted)]
        return "; ".join(filter(None, parts)) + "."
    if gain.is_clear:
        return f"The network does not win: {best.title} is better, {figures}."
    rows = f"these {len(network):,} rows"
    return f"The network does not clearly win: it and {best.title} are level on {rows}, {figures}."


def not_run(omitted: Sequence[str]) -> str:
    """That baselines were left out, as a clause; empty where none was.

    >>> not_run(["the linear model", "gradient boosting"])
    'the linear model and gradient boosting were not run for lack of time'
    """
    if not omitted:
        return ""
    return f"{_listed(omitted)} {'was' if len(omitted) == 1 else 'were'} not run for lack of time"


def _level_decisions(network: Predictions, constant: Baseline) -> str:
    """That decisions are no better than the majority class, where rows may yet be ranked well."""
    if network.task != "binary":
        return ""
    if not np.array_equal(network.decision, network.scores[:, 1] >= 0.5):
        # By another threshold they are not meant to be right as often as can be.
        return ""
    metric = METRICS["accuracy"]
    gain = difference(network, constant.predictions, metric)
    if _wins(gain):
        return ""
    figures = _figures(metric, network, constant, {constant.name: gain})
    how = "worse" if gain.is_clear else "not clearly better"
    return f"its decisions are {how} than {constant.title}, {figures}"


def _listed(titles: Sequence[str]) -> str:
    *first, last = titles
    return f"{', '.join(first)} and {last}" if first else last


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
