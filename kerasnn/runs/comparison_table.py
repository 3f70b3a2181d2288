"""The scores of several runs beside each other."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kerasnn.errors import ConfigError, DataError, warn
from kerasnn.evaluation.scores import Scores, render_table
from kerasnn.files.handles import kind_of
from kerasnn.files.json_values import loads
from kerasnn.files.storage import read_file
from kerasnn.forecasting.scores import ForecastScores
from kerasnn.metrics import forecast as of_forecasts
from kerasnn.metrics.registry import METRICS

SCORES, LARGEST = "scores.json", 64 * 2**20
AnyScores = Scores | ForecastScores


def side_by_side(scores: Mapping[str, AnyScores]) -> str:
    """A table with a column a run; the best value of each metric has a star.

    Args:
        scores: Scores by the name of the run; at least one.

    Raises:
        ConfigError: There is no run.
        DataError: The runs are of different tasks.
    """
    if not scores:
        raise ConfigError("there is nothing to compare", hint="name at least one run")
    _check_comparable(scores)
    first = next(iter(scores.values()))
    metrics = of_forecasts.METRICS if first.task == "forecast" else METRICS
    rows = [
        [
            "forecasts" if first.task == "forecast" else "rows",
            *(f"{each.n_rows:,} " for each in scores.values()),
        ]
    ]
    for name in first.values:
        metric = metrics[name]
        values = [each.values.get(name) for each in scores.values()]
        known = [value for value in values if value is not None]
        best = (max if metric.direction == "higher" else min)(known) if known else None
        best = None if metric.direction == "nominal" else best
        starred = [
            f"{metric.format(v)}{'*' if v == best and v is not None else ' '}" for v in values
        ]
        arrow = {"higher": " ↑", "lower": " ↓"}.get(metric.direction, "")
        rows.append([f"{metric.title}{arrow}", *starred])
        if name == first.main:
            pairs = (each.intervals.get(name) for each in scores.values())
            rows.append(["  95 % interval", *(f"{metric.format_interval(p)} " for p in pairs)])
    return render_table(["", *(f"{name} " for name in scores)], rows)


def read_scores(run: str | os.PathLike[str]) -> AnyScores:
    """The scores of a run on its test rows, without loading its network where that can be.

    Args:
        run: Folder of the run, or its bundle.

    Raises:
        DataError: The run was not scored.
    """
    path = Path(run)
    file = path / SCORES
    if path.is_dir() and kind_of(file) is not None:
        content = read_file(file, most=LARGEST, below=path)
        try:
            return _scores(loads(content, location=SCORES, finite=False))
        except (ValueError, LookupError, TypeError, AttributeError):
            hint = "evaluate the run again"
            raise DataError("not a file of scores", location=str(file), hint=hint) from None
    from kerasnn.bundle import open_bundle

    scores = open_bundle(path).report.get("scores")
    if not scores:
        raise DataError("the run was not scored", location=str(path), hint="give it test rows")
    return _scores(scores)


def _scores(data: dict[str, Any]) -> AnyScores:
    """Scores of a forecast, or of rows."""
    if data["task"] == "forecast":
        return ForecastScores.from_dict(data)
    return Scores.from_dict(data)


def _check_comparable(scores: Mapping[str, AnyScores]) -> None:
    tasks = {each.task for each in scores.values()}
    if len(tasks) > 1:
        shown = ", ".join(f"{name}: {each.task}" for name, each in scores.items())
        raise DataError(f"runs of different tasks ({shown})", hint="compare runs of one task")
    if len({each.n_rows for each in scores.values()}) > 1:
        warn("the runs were scored on different rows", hint="evaluate them on the same file")
