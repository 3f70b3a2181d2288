"""The main metric of the model and of its baselines, as bars on a common axis."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypedDict


class Bar(TypedDict):
    """One model on the axis; positions are percent of its length, None where there is no value."""

    title: str
    ours: bool
    value: str
    at: float | None
    low: float | None
    high: float | None


def comparison_bars(
    scores: Mapping[str, Any], title: str, format_value: Callable[[float | None], str]
) -> list[Bar]:
    """A bar for the model and for each baseline; none where there is nothing to compare.

    Args:
        scores: Scores as plain data, with ``main``, ``values``, ``intervals`` and ``baselines``.
        title: Title of the model, such as ``"the network"``.
        format_value: Text of a value of the main metric.
    """
    main = scores["main"]
    entries = [(title, scores["values"][main], scores["intervals"].get(main))]
    for baseline in scores["baselines"].values():
        entries.append((baseline["title"], baseline["values"][main], None))
    values: list[float] = [value for _, value, _ in entries if value is not None]
    values += [bound for _, _, interval in entries if interval for bound in interval]
    if len(entries) < 2 or not values:
        return []
    low, high = min(values), max(values)
    margin = 0.08 * (high - low) or 1.0

    def position(value: float | None) -> float | None:
        if value is None:
            return None
        return round(100 * (value - low + margin) / (high - low + 2 * margin), 2)

    return [
        Bar(
            title=name,
            ours=index == 0,
            value=format_value(value),
            at=position(value),
            low=position(interval[0]) if interval else None,
            high=position(interval[1]) if interval else None,
        )
        for index, (name, value, interval) in enumerate(entries)
    ]
