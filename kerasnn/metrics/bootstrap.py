"""Percentile bootstrap: how far a score may be from that of other rows of the same kind.

A resample draws n of the n rows with replacement; as a vector of counts it weighs the rows of
prepared metrics (`kerasnn.metrics.registry`).

Reference: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from kerasnn.metrics.predictions import Predictions
from kerasnn.metrics.registry import Metric, metrics_of
from kerasnn.metrics.weighting import Measure

LEVEL = 0.95
# Numbers of an array over several resamples: less than 1 MB, which fits a processor's cache.
BATCH_ELEMENTS = 100_000

Interval = tuple[float, float]


def n_resamples(predictions: Predictions) -> int:
    """1,000 on few rows, fewer on many, never under 100; an interval narrows with n anyway."""
    return int(np.clip(20_000_000 // _n_ranked(predictions), 100, 1000))


def _n_ranked(predictions: Predictions) -> int:
    """Numbers that a metric which ranks has to go through in each resample."""
    several = predictions.task in ("multiclass", "multilabel")
    columns = len(predictions.classes) if several else 1
    return len(predictions) * columns


def counts(n_rows: int, *, resamples: int, batch_size: int, seed: int) -> Iterator[np.ndarray]:
    """How often each row is drawn, (batch_size, n_rows) or fewer, until there are all resamples."""
    generator = np.random.default_rng(seed)
    for start in range(0, resamples, batch_size):
        size = min(batch_size, resamples - start)
        drawn = generator.integers(0, n_rows, (size, n_rows))
        drawn += np.arange(size)[:, None] * n_rows
        counted = np.bincount(drawn.ravel(), minlength=size * n_rows)
        yield counted.reshape(size, n_rows).astype(np.float64)


def resampled(
    measures: Mapping[str, Measure], predictions: Predictions, *, resamples: int, seed: int
) -> dict[str, np.ndarray]:
    """The values of each measure on the same resamples, (resamples,)."""
    n_rows = len(predictions)
    # The largest arrays of a measure: ranked rows of each class, and the matrix of confusions.
    largest = max(_n_ranked(predictions), len(predictions.classes) ** 2)
    size = max(1, BATCH_ELEMENTS // largest)
    batches = counts(n_rows, resamples=resamples, batch_size=size, seed=seed)
    values = [{name: measure(weights) for name, measure in measures.items()} for weights in batches]
    return {name: np.concatenate([batch[name] for batch in values]) for name in measures}


def _percentiles(values: np.ndarray) -> Interval | None:
    """The middle of the defined values; None where half of them or more are undefined."""
    defined = values[np.isfinite(values)]
    if 2 * len(defined) <= len(values):
        return None
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def too_costly(metric: Metric, predictions: Predictions) -> bool:
    """Whether resampling would take minutes: ranking very many rows for many classes."""
    return metric.ranks and _n_ranked(predictions) > 10_000_000


def intervals(
    predictions: Predictions,
    metrics: Iterable[Metric] | None = None,
    *,
    seed: int = 0,
    resamples: int | None = None,
) -> dict[str, Interval | None]:
    """A 95 % interval of each metric.

    Where resampling itself makes a value larger, as with the calibration error, the percentiles
    are moved back by that much.

    Args:
        predictions: Predictions of n rows.
        metrics: Metrics to resample; all of the task if None.
        seed: Seed of the resamples; the same seed draws the same rows.
        resamples: Number of resamples; chosen by the number of rows if None (`n_resamples`).

    Returns:
        (low, high) by name; None where the metric is not defined on most resamples, or where
        millions of rows would have to be ranked for each of many classes.
    """
    every = list(metrics if metrics is not None else metrics_of(predictions.task))
    prepared = {
        metric.name: metric.prepare(predictions)
        for metric in every
        if not too_costly(metric, predictions)
    }
    resamples = resamples if resamples is not None else n_resamples(predictions)
    drawn = resampled(prepared, predictions, resamples=resamples, seed=seed)
    whole = np.ones(len(predictions))
    found: dict[str, Interval | None] = dict.fromkeys(metric.name for metric in every)
    for metric in every:
        if metric.name not in drawn:
            continue
        values = drawn[metric.name]
        if metric.biased:
            values = np.maximum(values - values.mean() + prepared[metric.name](whole), 0.0)
        found[metric.name] = _percentiles(values)
    return found


@dataclass(frozen=True)
class Difference:
    """How much better one model is than another; negative where it is worse.

    Args:
        value: Gain on the rows themselves.
        interval: 95 % interval of the gain; None where it is not defined.
    """

    value: float
    interval: Interval | None

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.interval is not None and (self.interval[0] > 0 or self.interval[1] < 0)


def difference(
    ours: Predictions, theirs: Predictions, metric: Metric, *, seed: int = 0
) -> Difference:
    """Compare two models on the same resamples of the same rows.

    Pairing removes what is common to both, the luck of the rows, so that the interval is far
    narrower than those of the two scores.
    """
    measures = {"ours": metric.prepare(ours), "theirs": metric.prepare(theirs)}
    whole = np.ones(len(ours))
    value = metric.gain(float(measures["ours"](whole)), float(measures["theirs"](whole)))
    if too_costly(metric, ours):
        return Difference(value, None)
    drawn = resampled(measures, ours, resamples=n_resamples(ours), seed=seed)
    sign = 1.0 if metric.direction == "higher" else -1.0
    return Difference(value, _percentiles(sign * (drawn["ours"] - drawn["theirs"])))
