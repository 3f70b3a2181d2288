"""Scores of parts of the rows: each value of a column, or each range of its numbers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from kerasnn.data.columns import kinds
from kerasnn.data.columns.values import MISSING_DATE, as_categories, as_dates, as_numbers
from kerasnn.data.schema import Column
from kerasnn.errors import DataError
from kerasnn.metrics.bootstrap import Interval, intervals
from kerasnn.metrics.predictions import Predictions
from kerasnn.metrics.registry import MAIN_METRIC, METRICS, Metric, get_metric, values

MISSING = "missing"
FEW_VALUES = 10


@dataclass(frozen=True)
class Slice:
    """Scores of the rows that share a value.

    Args:
        label: The value or the range.
        n_rows: Number of rows.
        values: Values of all metrics; None where one is not defined.
        interval: 95 % interval of the metric that the slices are compared by.
    """

    label: str
    n_rows: int
    values: dict[str, float | None]
    interval: Interval | None


@dataclass(frozen=True)
class Slices:
    """The slices of a column.

    Args:
        column: Its name.
        metric: Metric that compares them.
        overall: Its value on all rows, None where not defined.
        slices: Ranges in their order, categories with the most rows first; missing is last.
        notes: Notes on what was left out.
    """

    column: str
    metric: str
    overall: float | None
    slices: tuple[Slice, ...]
    notes: tuple[str, ...] = ()

    @property
    def worst(self) -> Slice | None:
        """The slice with the worst value; None where there are not two to compare."""
        metric = METRICS[self.metric]
        scored = [part for part in self.slices if part.values[self.metric] is not None]
        if len(scored) < 2:
            return None
        return min(scored, key=lambda part: metric.gain(part.values[self.metric] or 0.0, 0.0))

    @property
    def summary(self) -> str:
        """The worst slice in a sentence."""
        worst = self.worst
        if worst is None:
            return f"No two slices of '{self.column}' can be compared."
        metric = METRICS[self.metric]
        value = metric.format(worst.values[self.metric])
        text = f"Worst at {self.column} {worst.label}: {metric.title} {value}"
        if worst.interval is not None:
            text += f" (95 % interval {metric.format_interval(worst.interval)})"
        text += f" on {worst.n_rows:,} rows, {metric.format(self.overall)} on all"
        if worst.interval is not None and self.overall is not None:
            low, high = worst.interval
            text += ", which may be chance" if low <= self.overall <= high else ""
        return f"{text}."

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        worst = self.worst
        return {**asdict(self), "worst": worst.label if worst else None, "summary": self.summary}


def slices(
    predictions: Predictions,
    series: pd.Series,
    *,
    column: Column | None = None,
    metric: str | None = None,
    min_rows: int = 10,
    n_bins: int = 5,
    max_slices: int = 30,
    seed: int = 0,
) -> Slices:
    """Score each value of a column apart; numbers and dates of many values by quantiles.

    Args:
        predictions: Predictions for n rows.
        series: A column of the same rows, whether or not the network saw it.
        column: Column of the schema; if None, its kind is inferred.
        metric: Metric that compares the slices; the task's main one if None.
        min_rows: Slices with fewer rows have no score of their own.
        n_bins: Ranges of a number or a date, each with about as many rows.
        max_slices: Categories beyond the most frequent ones have no score of their own.
        seed: Seed of the bootstrap.

    Raises:
        DataError: The column has another number of rows.
        ConfigError: The metric is unknown, or of another task.
    """
    if len(series) != len(predictions):
        raise DataError(
            f"the column has {len(series)} rows, the predictions {len(predictions)}",
            location=f"column '{series.name}'",
        )
    chosen = get_metric(metric or MAIN_METRIC[predictions.task], predictions.task)
    parts = list(_parts(series, column, n_bins=n_bins))
    kept = [(label, rows) for label, rows in parts if len(rows) >= min_rows]
    dropped = [len(rows) for _, rows in parts if len(rows) < min_rows]
    dropped += [len(rows) for _, rows in kept[max_slices:]]
    return Slices(
        str(series.name),
        chosen.name,
        _defined(chosen(predictions)),
        tuple(
            _score(label, predictions.take(rows), chosen, seed=seed)
            for label, rows in kept[:max_slices]
        ),
        (f"too rare for scores of their own: the values of {sum(dropped):,} rows",)
        if dropped
        else (),
    )


def _score(label: str, rows: Predictions, metric: Metric, *, seed: int) -> Slice:
    found = {name: _defined(value) for name, value in values(rows).items()}
    return Slice(label, len(rows), found, intervals(rows, [metric], seed=seed)[metric.name])


def _defined(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _parts(
    series: pd.Series, column: Column | None, *, n_bins: int
) -> Iterator[tuple[str, np.ndarray]]:
    """Label and row numbers of each slice."""
    inferred = column or kinds.infer_kind(series)
    if inferred.kind == "number":
        numbers = as_numbers(series, layout=inferred.layout)
        missing = np.isnan(numbers)
        if len(np.unique(numbers[~missing])) > FEW_VALUES:
            return _ranges(numbers, missing, n_bins=n_bins, dates=False)
    elif inferred.kind == "date":
        seconds = as_dates(series, layout=inferred.layout)
        return _ranges(seconds, seconds == MISSING_DATE, n_bins=n_bins, dates=True)
    return _categories(series, layout=inferred.layout if inferred.kind == "number" else None)


def _categories(series: pd.Series, *, layout: str | None) -> Iterator[tuple[str, np.ndarray]]:
    codes, labels = pd.factorize(as_categories(series))  # -1 for None
    counts = np.bincount(codes[codes >= 0], minlength=len(labels))
    order = np.argsort(-counts, kind="stable")
    if layout is not None:
        numbers = as_numbers(pd.Series(labels, name=series.name), layout=layout)
        order = np.argsort(numbers, kind="stable")
    for code in [*order, -1]:
        rows = np.flatnonzero(codes == code)
        if len(rows):
            yield (MISSING if code < 0 else str(labels[code])), rows


def _ranges(
    numbers: np.ndarray, missing: np.ndarray, *, n_bins: int, dates: bool
) -> Iterator[tuple[str, np.ndarray]]:
    """Parts of about equal size; equal numbers stay together."""
    present = numbers[~missing]
    if len(present):
        shares = np.arange(1, n_bins) / n_bins
        edges = np.unique(np.quantile(present, shares, method="inverted_cdf"))
        edges = edges[edges < present.max()]
        bins = np.where(missing, -1, np.searchsorted(edges, numbers, side="left"))
        for code, label in enumerate(_range_labels(_edge_labels(edges, dates=dates))):
            yield label, np.flatnonzero(bins == code)
    if missing.any():
        yield MISSING, np.flatnonzero(missing)


def _edge_labels(edges: np.ndarray, *, dates: bool) -> list[str]:
    if not dates:
        return [f"{edge:.6g}" for edge in edges]
    moments = [str(np.datetime64(int(edge), "s")) for edge in edges]
    days = [moment[:10] for moment in moments]
    return days if len(set(days)) == len(days) else moments


def _range_labels(edges: list[str]) -> list[str]:
    """One more than edges; a range holds its upper edge and not its lower one.

    >>> _range_labels(["1", "5"])
    ['up to 1', 'over 1 to 5', 'over 5']
    """
    if not edges:
        return ["all"]
    between = [f"over {low} to {high}" for low, high in itertools.pairwise(edges)]
    return [f"up to {edges[0]}", *between, f"over {edges[-1]}"]
