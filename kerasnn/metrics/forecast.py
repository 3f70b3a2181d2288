"""The measures of forecasts.

A measure is the sum of something over the sum of something else, both over the values that are
known; so it can be had of all forecasts, of a step ahead, of a series, and of any resample.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kerasnn.metrics.forecasts import Forecasts
from kerasnn.metrics.registry import format_in_unit

Array = NDArray[np.float64]
# What is summed up, and what it is divided by, (n, horizon, targets) each.
Splits = tuple[Array, Array]
Values = dict[str, float | None]
Interval = tuple[float, float]

RESAMPLES = 1000
# So many parts that hardly depend on each other make an interval.
FEWEST_BLOCKS = 5


@dataclass(frozen=True)
class Metric:
    """A measure of forecasts.

    Args:
        name: Name in score files.
        title: Title that is shown to people.
        parts: Function from forecasts to the summands of the numerator and of the denominator.
        direction: ``lower`` where lower values are better, ``nominal`` where neither direction is.
        unit: Unit of the values: the target's, a share in [0, 1], percent, or none.
        is_root: True to take the square root of the quotient.
        of_quantiles: True if the forecasts must have quantiles.
    """

    name: str
    title: str
    parts: Callable[[Forecasts], Splits]
    direction: Literal["lower", "nominal"] = "lower"
    unit: Literal["target", "share", "percent", "none"] = "none"
    is_root: bool = False
    of_quantiles: bool = False

    def value(self, above: Array, below: Array) -> Array:
        """The quotient of sums; NaN where there is nothing to divide by."""
        found = np.where(below > 0, above / np.where(below > 0, below, 1.0), np.nan)
        return np.sqrt(found) if self.is_root else found

    def __call__(self, forecasts: Forecasts) -> float:
        """The value of all forecasts, NaN where it is not defined."""
        above, below = self.parts(forecasts)
        return float(self.value(above.sum(), below.sum()))

    def gain(self, value: float, reference: float) -> float:
        """How much better a value is; of a share or a width, how much larger."""
        return reference - value if self.direction == "lower" else value - reference

    def format(self, value: float | None) -> str:
        """Format a value for display; a dash stands for no value.

        >>> METRICS["smape"].format(2.9644), METRICS["coverage"].format(0.8123)
        ('2.96 %', '81.2 %')
        """
        if value is None or not math.isfinite(value):
            return "–"
        if self.unit == "target":
            return format_in_unit(value)
        if self.unit == "share":
            return f"{100 * value:.1f} %"
        return f"{value:.2f} %" if self.unit == "percent" else f"{value:.4f}"

    def format_interval(self, interval: Interval | None) -> str:
        """Both bounds for people; a dash for no interval."""
        return " to ".join(self.format(bound) for bound in interval) if interval else "–"


def _known(found: Forecasts) -> NDArray[np.bool_]:
    return np.isfinite(found.truth) & np.isfinite(found.prediction)


def _absolute(found: Forecasts) -> Splits:
    known = _known(found)
    return np.where(known, np.abs(found.truth - found.prediction), 0.0), known.astype(np.float64)


def _square(found: Forecasts) -> Splits:
    above, below = _absolute(found)
    return np.square(above), below


def _symmetric(found: Forecasts) -> Splits:
    """200 |e| / (|y| + |ŷ|); 0 where both are 0."""
    above, below = _absolute(found)
    size = np.abs(found.truth) + np.abs(found.prediction)
    share = above / np.where((below > 0) & (size > 0), size, 1.0)
    return 200 * share, below


def _scaled(found: Forecasts) -> Splits:
    """|e| over the naive error of its series, where that is known."""
    above, below = _absolute(found)
    naive = np.broadcast_to(found.naive_error[:, None], above.shape)
    counted = naive > 0
    return np.where(counted, above / np.where(counted, naive, 1.0), 0.0), below * counted


def _quantile_loss(found: Forecasts) -> Splits:
    """Twice the pinball loss in the mean over the levels, over |y|.

    Reference: Salinas et al., DeepAR, 2020; the weighted quantile loss of GluonTS.
    """
    known = _known(found)
    truth = np.where(known, found.truth, 0.0)
    above = np.zeros_like(truth)
    for level, values in found.quantiles.items():
        error = truth - np.where(known, values, 0.0)
        above += 2 * np.maximum(level * error, (level - 1) * error) / len(found.quantiles)
    return above, np.abs(truth)


def _inside(found: Forecasts) -> Splits:
    known = _known(found)
    low, high = bounds(found)
    inside = (found.truth >= low) & (found.truth <= high) & known
    return inside.astype(np.float64), known.astype(np.float64)


def _width(found: Forecasts) -> Splits:
    known = _known(found)
    low, high = bounds(found)
    return np.where(known, high - low, 0.0), known.astype(np.float64)


def bounds(found: Forecasts) -> tuple[Array, Array]:
    """The ends of the intervals: the quantiles of the lowest and of the highest level."""
    return found.quantiles[min(found.quantiles)], found.quantiles[max(found.quantiles)]


METRICS = {
    metric.name: metric
    for metric in (
        Metric("mase", "MASE", _scaled),
        Metric("mae", "MAE", _absolute, unit="target"),
        Metric("rmse", "RMSE", _square, unit="target", is_root=True),
        Metric("smape", "sMAPE (0 to 200 %)", _symmetric, unit="percent"),
        Metric("quantile_loss", "weighted quantile loss", _quantile_loss, of_quantiles=True),
        Metric(
            "coverage",
            "coverage of the intervals",
            _inside,
            "nominal",
            unit="share",
            of_quantiles=True,
        ),
        Metric(
            "width", "width of the intervals", _width, "nominal", unit="target", of_quantiles=True
        ),
    )
}


@dataclass(frozen=True, eq=False)
class Sums:
    """What a measure sums up and divides by, over parts of the forecasts.

    Args:
        windows: Numerator and denominator of each window, (n,) each.
        steps: Numerator and denominator of each step ahead, (horizon,) each.
        targets: Numerator and denominator of each target, (targets,) each.
    """

    windows: Splits
    steps: Splits
    targets: Splits


def metrics_of(found: Forecasts) -> Iterator[Metric]:
    """Those that can be had of these forecasts."""
    yield from (each for each in METRICS.values() if found.quantiles or not each.of_quantiles)


def sums_of(found: Forecasts, names: tuple[str, ...] = ()) -> dict[str, Sums]:
    """The sums of each measure, by its name.

    Args:
        found: Forecasts of at least one window.
        names: Names of the measures; all if empty.
    """
    sums = {}
    for metric in metrics_of(found):
        if names and metric.name not in names:
            continue
        above, below = metric.parts(found)
        windows, steps, targets = (
            (above.sum(axis=axes), below.sum(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))
        )
        sums[metric.name] = Sums(windows, steps, targets)
    return sums


def values(sums: Mapping[str, Sums]) -> Values:
    """Values of the metrics over all forecasts."""
    return {
        name: _plain(METRICS[name].value(*(part.sum() for part in each.windows)))
        for name, each in sums.items()
    }


def by_step(sums: Mapping[str, Sums]) -> dict[str, list[float | None]]:
    """Values of each metric by step ahead."""
    return {
        name: [_plain(value) for value in METRICS[name].value(*each.steps)]
        for name, each in sums.items()
    }


def by_target(sums: Mapping[str, Sums], targets: tuple[str, ...]) -> dict[str, Values]:
    """Values of the metrics by the name of the target."""
    found = {name: METRICS[name].value(*each.targets) for name, each in sums.items()}
    return {
        target: {name: _plain(each[i]) for name, each in found.items()}
        for i, target in enumerate(targets)
    }


def by_series(sums: Mapping[str, Sums], series: NDArray[np.object_]) -> dict[str, Values]:
    """Values of the metrics by the name of the series, in the order of their first window."""
    names = list(dict.fromkeys(series.tolist()))
    number = {name: i for i, name in enumerate(names)}
    groups = np.array([number[name] for name in series.tolist()])
    found = {
        name: METRICS[name].value(*(_grouped(part, groups, len(names)) for part in each.windows))
        for name, each in sums.items()
    }
    return {
        name: {metric: _plain(each[i]) for metric, each in found.items()}
        for i, name in enumerate(names)
    }


@dataclass(frozen=True, eq=False)
class Blocks:
    """Groups of windows that are drawn together, since those within one depend on each other.

    Args:
        group: Number of each window's group, (n,).
        note: Number and kind of the groups, such as ``12 series``, for people.
    """

    group: NDArray[np.int64]
    note: str

    def __len__(self) -> int:
        return int(self.group.max()) + 1


def blocks_of(found: Forecasts) -> Blocks | None:
    """Stretches of time of the length of the horizon, or the series; None where both are few.

    Windows that overlap share what they forecast, and series are alike at one time.
    """
    times, rank = np.unique(found.origins, return_inverse=True)
    count = -(-len(times) // found.horizon)
    if count >= FEWEST_BLOCKS:
        return Blocks(rank.astype(np.int64) // found.horizon, f"{count:,} stretches of time")
    names, series = np.unique(found.series.astype(str), return_inverse=True)
    if len(names) >= FEWEST_BLOCKS:
        return Blocks(series.astype(np.int64), f"{len(names):,} series")
    return None


def resampled(
    metric: Metric, sums: Sums, blocks: Blocks, *, seed: int, resamples: int = RESAMPLES
) -> Array:
    """Values of a measure on resamples of the groups, (resamples,); the same draws by the seed."""
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(len(blocks), [1 / len(blocks)] * len(blocks), size=resamples)
    above, below = (_grouped(part, blocks.group, len(blocks)) for part in sums.windows)
    return metric.value(drawn @ above, drawn @ below)


def interval(drawn: Array) -> Interval | None:
    """The middle 95 % of resamples; None where half of them or more are not defined."""
    known = drawn[np.isfinite(drawn)]
    if 2 * len(known) <= len(drawn):
        return None
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)


def _grouped(values: Array, group: NDArray[np.int64], count: int) -> Array:
    summed: Array = np.bincount(group, weights=values, minlength=count).astype(np.float64)
    return summed


def _plain(value: Array | np.floating) -> float | None:
    return float(value) if np.isfinite(value) else None
