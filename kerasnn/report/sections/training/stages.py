"""The stages of a training, where it had more than one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from kerasnn.metrics.registry import METRICS


class Stage(TypedDict):
    """A stage of a training: its number of epochs and the best value that it reached."""

    epochs: int
    best: float | None


def stages(history: Sequence[Mapping[str, float]], monitor: str | None) -> list[Stage]:
    """How many epochs each stage had, and the best value that it reached.

    Args:
        history: A row an epoch, with a column ``stage`` where there was more than one.
        monitor: Column of the value.

    >>> stages([{"stage": 1, "validation_rmse": 2.0}, {"stage": 2, "validation_rmse": 1.5}],
    ...        "validation_rmse")
    [{'epochs': 1, 'best': 2.0}, {'epochs': 1, 'best': 1.5}]
    """
    numbers = sorted({row["stage"] for row in history if "stage" in row})
    metric = METRICS.get((monitor or "").removeprefix("validation_"))
    choose = max if metric and metric.direction == "higher" else min
    found: list[Stage] = []
    for number in numbers:
        rows = [row for row in history if row.get("stage") == number]
        values = [row[monitor] for row in rows if monitor and math.isfinite(row[monitor])]
        found.append({"epochs": len(rows), "best": choose(values) if values else None})
    return found


def sentence(training: Mapping[str, Any]) -> str:
    """What each stage of a transferred network reached; empty where there was one alone.

    Args:
        training: Section ``training`` of the report data.
    """
    parts = [
        f"{who} {_value(training['monitor'], stage['best'])} in {_epochs(stage['epochs'])}"
        for who, stage in zip(_WHO, training.get("stages") or [], strict=False)
    ]
    if not parts:
        return ""
    metric = METRICS.get((training["monitor"] or "").removeprefix("validation_"))
    of = f" ({metric.title.lower()} on the validation rows)" if metric else ""
    return f"{', '.join(parts)}{of}"


_WHO = ("the head alone reached", "then with the end of the backbone")


def _value(monitor: str | None, value: float | None) -> str:
    metric = METRICS.get((monitor or "").removeprefix("validation_"))
    if value is None:
        return "–"
    return metric.format(value) if metric else f"{value:.4g}"


def _epochs(count: int) -> str:
    return "1 epoch" if count == 1 else f"{count} epochs"
