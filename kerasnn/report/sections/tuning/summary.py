"""What a search for hyper-parameters found, in sentences for the terminal and the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kerasnn.metrics.registry import METRICS


def course(tuning: Mapping[str, Any]) -> str:
    """How many trials there were, and why there were no more.

    Args:
        tuning: The part of the report data, from `kerasnn.tuning.report_data.tell`.
    """
    count = tuning["n_trials"]
    given_up = f", {tuning['n_pruned']} of them stopped early" if tuning["n_pruned"] else ""
    failed = f", {tuning['n_failed']} failed" if tuning["n_failed"] else ""
    ends = {
        "time limit": "; then the time limit was reached",
        "interrupted": "; then it was interrupted",
    }
    trials = f"{count} trial{'s' if count != 1 else ''}"
    return f"{trials}{given_up}{failed}{ends.get(tuning['stopped'], '')}"


def outcome(tuning: Mapping[str, Any]) -> list[str]:
    """How much better what was found is than the defaults, on validation and on test rows.

    Args:
        tuning: Section ``tuning`` of the report data.
    """
    metric, scores = METRICS[tuning["monitor"].removeprefix("validation_")], tuning["validation"]
    found, start = metric.format(scores["best"]), metric.format(scores["start"])
    if tuning["best"] == 1:
        return [
            f"No trial was better than the defaults on the validation rows, {metric.title} {found}."
        ]
    on_validation = (
        f"On the validation rows: {metric.title} {found}, {start} with the defaults; there, the "
        "best of several trials looks better than it is."
    )
    test = tuning["test"]
    return [on_validation, _on_test(test)] if test else [on_validation]


def _on_test(test: Mapping[str, Any]) -> str:
    metric = METRICS[test["metric"]]
    verdict = "no clear difference"
    if test["is_clear"]:
        verdict = "clearly better" if test["gain"] > 0 else "clearly worse"
    interval = test["interval"]
    pair = f" (95 % interval of the gain {metric.format_interval(interval)})" if interval else ""
    return (
        f"On the test rows: {metric.title} {metric.format(test['best'])}, "
        f"{metric.format(test['start'])} with the defaults: {verdict}{pair}."
    )


def shown(value: Any) -> str:
    """A value of a hyper-parameter, three digits of a number.

    >>> shown(0.0123456), shown(128), shown(True)
    ('0.0123', '128', 'true')
    """
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.3g}" if isinstance(value, float) else str(value)
