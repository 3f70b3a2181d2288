"""How good forecasts are, beside baselines: all that the terminal, the report and scripts show."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from kerasnn.errors import ModelRefusedError, one_line
from kerasnn.evaluation.scores import render_table
from kerasnn.forecasting.baselines import Baseline
from kerasnn.metrics import forecast as metrics
from kerasnn.metrics.forecast import METRICS, Interval, Values
from kerasnn.metrics.forecasts import Forecasts

MAIN, MAIN_OF_FLAT = "mase", "mae"
# More are kept nowhere: their table would be longer than all else.
MOST_SERIES, MOST_SHOWN = 500, 12


@dataclass(frozen=True)
class BaselineScores:
    """Measures of a baseline on the same windows.

    Args:
        title: Title in reports.
        values: Scores by the measure's name.
        steps: The main measure of each step ahead.
        by_series: Scores by the name of the series; of the first `MOST_SERIES`.
        gain: Difference by which the main measure of the model is less.
        gain_interval: 95 % interval of the gain, from paired resamples.
    """

    title: str
    values: Values
    steps: tuple[float | None, ...] = ()
    by_series: Mapping[str, Values] = field(default_factory=dict)
    gain: float | None = None
    gain_interval: Interval | None = None


@dataclass(frozen=True)
class ForecastScores:
    """Measures of forecasts; None where something is not defined.

    Args:
        n_windows: Forecasts that were scored.
        n_values: Known values among what they forecast.
        values: Scores by the measure's name.
        notes: Remarks for the reader.
        task: Task of all forecasts.
        main: The measure by which models are compared.
        nominal: Share of the values that the intervals are to hold; None without intervals.
        intervals: 95 % bootstrap intervals, by the measure's name.
        drawn: Text on what the bootstrap draws; empty where there was too little to draw.
        by_step: Scores of each step ahead, by the measure's name.
        by_series: Scores by the name of the series; of the first `MOST_SERIES`.
        by_target: Scores by the name of the target, where there are several.
        baselines: Scores of the baselines by name, the simplest first.
        verdict: Sentence that says whether the model wins; empty without baselines.
    """

    n_windows: int
    n_values: int
    values: Values
    notes: tuple[str, ...] = ()
    task: Literal["forecast"] = "forecast"
    main: str = MAIN
    nominal: float | None = None
    intervals: Mapping[str, Interval | None] = field(default_factory=dict)
    drawn: str = ""
    by_step: Mapping[str, list[float | None]] = field(default_factory=dict)
    by_series: Mapping[str, Values] = field(default_factory=dict)
    by_target: Mapping[str, Values] = field(default_factory=dict)
    baselines: Mapping[str, BaselineScores] = field(default_factory=dict)
    verdict: str = ""

    @property
    def n_rows(self) -> int:
        """What other tasks count in rows."""
        return self.n_windows

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON: no NaN, no infinity."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ForecastScores:
        """Rebuild from `to_dict`'s data, which may be a stranger's.

        Raises:
            ModelRefusedError: It is no such data.
        """
        try:
            return cls(
                n_windows=int(data["n_windows"]),
                n_values=int(data["n_values"]),
                values=_values(data["values"]),
                notes=tuple(map(str, data["notes"])),
                main=_known(data["main"]),
                nominal=_number(data["nominal"]),
                intervals={_known(k): _pair(v) for k, v in data["intervals"].items()},
                drawn=str(data["drawn"]),
                by_step={_known(k): list(map(_number, v)) for k, v in data["by_step"].items()},
                by_series={str(k): _values(v) for k, v in data["by_series"].items()},
                by_target={str(k): _values(v) for k, v in data["by_target"].items()},
                baselines={str(k): _baseline_from(v) for k, v in data["baselines"].items()},
                verdict=str(data["verdict"]),
            )
        except (AttributeError, KeyError, TypeError, ValueError):
            raise ModelRefusedError("the scores in the bundle are damaged") from None

    def table(self) -> str:
        """Everything as plain text: a table, the verdict, the series, the notes."""
        count = f"{self.n_windows:,} forecast{'s' if self.n_windows != 1 else ''}"
        head = [count, "model", "95 % interval", *self.baselines]
        rows = [
            [
                title_of(name, self.nominal),
                METRICS[name].format(value),
                METRICS[name].format_interval(self.intervals.get(name)),
                *(METRICS[name].format(b.values.get(name)) for b in self.baselines.values()),
            ]
            for name, value in self.values.items()
        ]
        parts = [render_table(head, rows), one_line(self.verdict)]
        parts += [
            _groups_table(what, found)
            for what, found in (("series", self.by_series), ("target", self.by_target))
            if 1 < len(found) <= MOST_SHOWN
        ]
        parts.append("\n".join(one_line(f"Note: {note}.") for note in self.notes))
        return "\n\n".join(part for part in parts if part)


def title_of(name: str, nominal: float | None) -> str:
    """A measure for people, with the direction that is better, or what it should be."""
    metric = METRICS[name]
    if name == "coverage" and nominal is not None:
        return f"{metric.title}, of {100 * nominal:g} %"
    return f"{metric.title} ↓" if metric.direction == "lower" else metric.title


def score(
    found: Forecasts,
    baselines: Sequence[Baseline] = (),
    *,
    seed: int = 0,
    notes: Sequence[str] = (),
) -> ForecastScores:
    """Score forecasts by what came; what nobody knows has no say.

    Args:
        found: Forecasts, at least one.
        baselines: Forecasts of the same windows, the simplest first.
        seed: Seed of the bootstrap.
        notes: Remarks for the reader beside those that are found here.
    """
    sums = metrics.sums_of(found)
    values = metrics.values(sums)
    main = MAIN if values[MAIN] is not None else MAIN_OF_FLAT
    blocks = metrics.blocks_of(found)
    drawn = {}
    if blocks:
        for name, each in sums.items():
            drawn[name] = metrics.resampled(METRICS[name], each, blocks, seed=seed)
    n_values = int(sums["mae"].windows[1].sum())
    compared = {
        each.name: _compared(each, sums, main, blocks, seed) for each in baselines if n_values
    }
    levels = list(found.quantiles)
    return ForecastScores(
        n_windows=len(found),
        n_values=n_values,
        values=values,
        notes=tuple(notes) if blocks else (*notes, _FEW),
        main=main,
        nominal=round(max(levels) - min(levels), 6) if levels else None,
        intervals={name: metrics.interval(each) for name, each in drawn.items()},
        drawn=blocks.note if blocks else "",
        by_step=metrics.by_step(sums),
        by_series=dict(list(metrics.by_series(sums, found.series).items())[:MOST_SERIES]),
        by_target=metrics.by_target(sums, found.targets) if len(found.targets) > 1 else {},
        baselines=compared,
        verdict=_verdict(values, main, compared),
    )


_FEW = "too few time steps for 95 % intervals of the scores"


def _compared(
    baseline: Baseline,
    ours: Mapping[str, metrics.Sums],
    main: str,
    blocks: metrics.Blocks | None,
    seed: int,
) -> BaselineScores:
    theirs = metrics.sums_of(baseline.forecasts)
    values, metric = metrics.values(theirs), METRICS[main]
    mine, other = metrics.values({main: ours[main]})[main], values[main]
    pair = None
    if blocks:
        # The same draws of the same windows: what is common to both falls out.
        one, two = (metrics.resampled(metric, s[main], blocks, seed=seed) for s in (ours, theirs))
        pair = metrics.interval(two - one)
    gain = None if mine is None or other is None else other - mine
    steps = tuple(metrics.by_step({main: theirs[main]})[main])
    found = metrics.by_series(theirs, baseline.forecasts.series)
    by_series = dict(list(found.items())[:MOST_SERIES])
    return BaselineScores(baseline.title, values, steps, by_series, gain, pair)


def _verdict(values: Values, main: str, baselines: Mapping[str, BaselineScores]) -> str:
    """Whether the model beats the best baseline, in one plain sentence."""
    known = {name: each for name, each in baselines.items() if each.gain is not None}
    value = values[main]
    if not known or value is None:
        return ""
    best = min(known.values(), key=lambda each: float(each.gain or 0.0))
    metric = METRICS[main]
    figures = (
        f"{metric.title} {metric.format(values[main])} against {metric.format(best.values[main])}"
    )
    if value == 0 and best.values[main] == 0 and METRICS[main].direction == "lower":
        return f"No forecast can be better: the model and {best.title} are both exact."
    if best.gain_interval is None:
        if (best.gain or 0) <= 0:
            return f"The model does not beat the best baseline, {best.title}: {figures}."
        return (
            f"The model is ahead of every baseline; the best is {best.title}: {figures}. From so few "
            "time steps nobody can say whether that is chance."
        )
    if math.isclose(float(best.gain or 0.0), 0.0, abs_tol=1e-6 * abs(value)):
        return f"The model does not win: it forecasts like {best.title}, {figures}."
    figures += f" (95 % interval of the gain {metric.format_interval(best.gain_interval)})"
    low, high = best.gain_interval
    if low > 0:
        return f"The model beats every baseline; the best is {best.title}: {figures}."
    if high < 0:
        return f"The model does not win: {best.title} is better, {figures}."
    return f"The model does not clearly win: it and {best.title} are level, {figures}."


def _groups_table(what: str, groups: Mapping[str, Values]) -> str:
    names = [name for name in METRICS if name in next(iter(groups.values()))]
    head = [what, *(METRICS[name].title.partition(" (")[0] for name in names)]
    rows = [
        [group or "(all)", *(METRICS[name].format(values[name]) for name in names)]
        for group, values in groups.items()
    ]
    return render_table(head, rows)


def _known(name: Any) -> str:
    if name not in METRICS:
        raise ValueError
    return str(name)


def _number(value: Any) -> float | None:
    if value is None:
        return None
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _values(data: Any) -> Values:
    return {_known(name): _number(value) for name, value in data.items()}


def _pair(data: Any) -> Interval | None:
    if data is None:
        return None
    low, high = (float(each) for each in data)
    return low, high


def _baseline_from(data: Any) -> BaselineScores:
    return BaselineScores(
        str(data["title"]),
        _values(data["values"]),
        tuple(map(_number, data["steps"])),
        {str(k): _values(v) for k, v in data["by_series"].items()},
        _number(data["gain"]),
        _pair(data["gain_interval"]),
    )
