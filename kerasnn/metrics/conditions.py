"""Conditions on scores, such as ``auc=0.8``: the value must be at least that good."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from kerasnn.errors import ConfigError, UnknownNameError
from kerasnn.metrics import forecast as of_forecasts
from kerasnn.metrics.registry import METRICS, Metric, get_metric
from kerasnn.signature import Task


@dataclass(frozen=True)
class Condition:
    """The least good value that is still accepted.

    Args:
        metric: Metric whose value is compared with the bound.
        bound: Lowest accepted value, or the highest where lower is better.
    """

    metric: Metric | of_forecasts.Metric
    bound: float

    def failure(self, values: Mapping[str, float | None]) -> str | None:
        """Why these values fail, in a few words; None if they pass.

        An undefined value fails: what was not measured is not known to be good.

        >>> parse_condition("auc=0.8").failure({"auc": 0.75})
        'auc is 0.75, under the required 0.8'
        """
        value, name = values.get(self.metric.name), self.metric.name
        if value is None or math.isnan(value):
            return f"{name} is not defined on these rows; {self.bound:g} is required"
        if self.metric.gain(value, self.bound) >= 0:
            return None
        side = "over" if self.metric.direction == "lower" else "under"
        return f"{name} is {value:.6g}, {side} the required {self.bound:g}"


def parse_condition(text: str, task: Task | None = None) -> Condition:
    """Read ``METRIC=VALUE``.

    Args:
        text: Text of the condition, such as ``"auc=0.8"`` or ``"rmse=550"``.
        task: Task of the run, so that a metric of another task is an error; None if it is not
            known.

    Raises:
        ConfigError: The text has another form, the metric is unknown or of another task, or the
            value is not a finite number.
    """
    name, equals, bound = (part.strip() for part in text.partition("="))
    if not equals or not name:
        raise ConfigError(
            f"a condition must be METRIC=VALUE; got '{text}'", hint="write it as in auc=0.8"
        )
    metric = _metric(name, task)
    try:
        number = float(bound)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(
            f"the bound of '{name}' must be a finite number; got '{bound}'",
            hint=f"write it as in {name}=0.8",
        )
    return Condition(metric, number)


def _metric(name: str, task: Task | None) -> Metric | of_forecasts.Metric:
    """Metric of any task, where the task is not known."""
    known = of_forecasts.METRICS
    if task == "forecast" and name not in known:
        if name not in METRICS:
            raise UnknownNameError("metric", name, known)
        raise ConfigError(
            f"metric '{name}' is not one of a forecast task",
            hint=f"choose from {', '.join(known)}",
        )
    if task == "forecast" or (task is None and name in known and name not in METRICS):
        return known[name]
    if task is None and name not in METRICS:
        raise UnknownNameError("metric", name, [*METRICS, *known])
    return get_metric(name, task)
