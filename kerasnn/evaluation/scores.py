"""How good a network is on some rows: all that the terminal, the report and scripts show."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from kerasnn.calibration.threshold import ThresholdChoice
from kerasnn.errors import one_line
from kerasnn.evaluation.baselines import Baseline
from kerasnn.evaluation.comparison import compare, not_run, verdict
from kerasnn.evaluation.coverage import Coverage
from kerasnn.evaluation.slices import Slice, Slices
from kerasnn.metrics import registry
from kerasnn.metrics.bootstrap import Difference, Interval, intervals, n_resamples
from kerasnn.metrics.predictions import Predictions
from kerasnn.metrics.registry import MAIN_METRIC, METRICS
from kerasnn.signature import Task

Values = dict[str, float | None]

MAX_SHOWN_CLASSES = 20


@dataclass(frozen=True)
class BaselineScores:
    """Scores of a baseline on the same rows.

    Args:
        title: Title for people.
        values: Values by the metric's name.
        gain: Advantage of the network on the main metric.
        gain_interval: 95 % interval of that, from paired resamples.
        seconds: Seconds to fit and to predict.
        note: Note on what was left out to be quick.
    """

    title: str
    values: Values
    gain: float | None
    gain_interval: Interval | None
    seconds: float
    note: str = ""


@dataclass(frozen=True)
class Scores:
    """Metrics with intervals, beside the baselines; None where something is not defined.

    Args:
        task: Task of the target.
        n_rows: Number of scored rows.
        main: The task's main metric.
        values: Values by the metric's name.
        intervals: 95 % bootstrap intervals, by the metric's name.
        resamples: Number of bootstrap resamples behind the intervals.
        per_class: Precision, recall, F1 and support, by the label; empty for regression.
        confusion: Counts, a row for each true class; empty where a row has not one class.
        baselines: Scores by the baseline's name, the simplest first.
        verdict: Sentence that compares the network with the baselines; empty without these.
        notes: Notes that a reader must know.
        slices: Scores by slices of one column, if requested.
        coverage: Observed coverage of sets and intervals, and calibration of probabilities.
        threshold: The decision threshold, where one was chosen after the training.
        omitted: Titles of the baselines that were not run for lack of time.
    """

    task: Task
    n_rows: int
    main: str
    values: Values
    intervals: dict[str, Interval | None]
    resamples: int
    per_class: dict[str, Values]
    confusion: tuple[tuple[int, ...], ...]
    baselines: dict[str, BaselineScores]
    verdict: str = ""
    notes: tuple[str, ...] = ()
    slices: Slices | None = None
    coverage: Coverage | None = None
    threshold: ThresholdChoice | None = None
    omitted: tuple[str, ...] = ()

    def with_slices(self, slices: Slices) -> Scores:
        """The same with slices."""
        return replace(self, slices=slices)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON: no NaN, no infinity."""
        data = asdict(self)
        return {**data, "slices": self.slices.to_dict() if self.slices else None}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Scores:
        """Rebuild from `to_dict`'s data, also after a trip through JSON.

        Of a stranger's data, ``TypeError``, ``ValueError``, ``LookupError`` and ``AttributeError``
        say that they are damaged.
        """
        baselines = {
            name: BaselineScores(**{**each, "gain_interval": _pair(each["gain_interval"])})
            for name, each in data["baselines"].items()
        }
        rebuilt = {
            "intervals": {name: _pair(pair) for name, pair in data["intervals"].items()},
            "confusion": tuple(tuple(row) for row in data["confusion"]),
            "baselines": baselines,
            "notes": tuple(data["notes"]),
            "omitted": tuple(data.get("omitted", ())),
            "slices": _slices_from(data["slices"]) if data["slices"] else None,
            "coverage": Coverage.from_dict(data["coverage"]) if data.get("coverage") else None,
            "threshold": ThresholdChoice.from_dict(data["threshold"])
            if data.get("threshold")
            else None,
        }
        found = cls(**{**data, **rebuilt})
        found.table()  # what is printed of them is there
        return found

    def table(self) -> str:
        """Everything as plain text: a table, the verdict, coverage, the notes, classes and slices."""
        sure = _lines(self.coverage.sentences(self.task)) if self.coverage else ""
        decided = _lines(self.threshold.sentences()) if self.threshold else ""
        notes = _lines(self._all_notes())
        parts = [self._metrics_table(), one_line(self.verdict), decided, sure, notes]
        if self.per_class and len(self.per_class) <= MAX_SHOWN_CLASSES:
            parts.append(self._classes_table())
        if self.slices is not None:
            parts += [_slices_table(self.slices), one_line(self.slices.summary)]
        return "\n\n".join(part for part in parts if part)

    def _metrics_table(self) -> str:
        head = [f"{self.n_rows:,} rows", "network", "95 % interval", *self.baselines]
        rows = []
        for name, value in self.values.items():
            metric = METRICS[name]
            arrow = "↑" if metric.direction == "higher" else "↓"
            others = [metric.format(each.values[name]) for each in self.baselines.values()]
            shown = [metric.format(value), metric.format_interval(self.intervals[name])]
            rows.append([f"{metric.title} {arrow}", *shown, *others])
        return render_table(head, rows)

    def _classes_table(self) -> str:
        shares = shown_shares(self.per_class)
        what = "label" if self.task == "multilabel" else "class"
        head = [what, *shares.values(), "rows"]
        rows = [
            [
                label,
                *(METRICS["f1"].format(each[name]) for name in shares),
                f"{each['support']:,}",
            ]
            for label, each in self.per_class.items()
        ]
        return render_table(head, rows)

    def _all_notes(self) -> list[str]:
        fitted = [f"{each.title}: {each.note}" for each in self.baselines.values() if each.note]
        rare = self.slices.notes if self.slices else ()
        return [f"Note: {note}." for note in [*self.notes, *fitted, *rare]]


def score(
    predictions: Predictions,
    baselines: Sequence[Baseline] = (),
    *,
    omitted: Sequence[str] = (),
    seed: int = 0,
) -> Scores:
    """Score a network, beside baselines on the same rows.

    Args:
        predictions: Predictions of the network.
        baselines: Baselines that `kerasnn.evaluation.baselines.baselines` returns.
        omitted: Titles of the baselines that were not run for lack of time.
        seed: Seed of the bootstrap.
    """
    differences = compare(predictions, baselines, seed=seed)
    classes, one = predictions.task != "regression", predictions.task in ("binary", "multiclass")
    found = intervals(predictions, seed=seed)
    return Scores(
        task=predictions.task,
        n_rows=len(predictions),
        main=MAIN_METRIC[predictions.task],
        values=_defined(registry.values(predictions)),
        intervals=found,
        resamples=n_resamples(predictions),
        per_class={label: _defined(each) for label, each in registry.per_class(predictions).items()}
        if classes
        else {},
        confusion=tuple(tuple(row) for row in registry.confusion(predictions).tolist())
        if one
        else (),
        baselines={each.name: _baseline(each, differences[each.name]) for each in baselines},
        verdict=verdict(predictions, baselines, differences, omitted=omitted) if baselines else "",
        notes=tuple(filter(None, [*registry.notes(predictions), not_run(omitted)])),
        omitted=tuple(omitted),
    )


def shown_shares(per_class: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The shares known of each class, by name, with their titles."""
    known: Mapping[str, Any] = next(iter(per_class.values()), {})
    titles = {
        "precision": "precision",
        "recall": "recall",
        "f1": "F1",
        "average_precision": "average precision",
    }
    return {name: title for name, title in titles.items() if name in known}


def _lines(sentences: Iterable[str]) -> str:
    return "\n".join(map(one_line, sentences))


def _baseline(baseline: Baseline, difference: Difference) -> BaselineScores:
    return BaselineScores(
        baseline.title,
        _defined(registry.values(baseline.predictions)),
        difference.value if math.isfinite(difference.value) else None,
        difference.interval,
        round(baseline.seconds, 3),
        baseline.note,
    )


def _defined(values: dict[str, float]) -> Values:
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def _pair(bounds: Sequence[float] | None) -> Interval | None:
    return (bounds[0], bounds[1]) if bounds else None


def _slices_from(data: dict[str, Any]) -> Slices:
    parts = tuple(Slice(**{**part, "interval": _pair(part["interval"])}) for part in data["slices"])
    return Slices(data["column"], data["metric"], data["overall"], parts, tuple(data["notes"]))


def _slices_table(slices: Slices) -> str:
    metric = METRICS[slices.metric]
    head = [slices.column, "rows", metric.title, "95 % interval"]
    rows = [
        [
            part.label,
            f"{part.n_rows:,}",
            metric.format(part.values[slices.metric]),
            metric.format_interval(part.interval),
        ]
        for part in slices.slices
    ]
    return render_table(head, rows)


def render_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Plain-text columns, the first flush left, the others flush right; each cell is on one line.

    >>> print(render_table(["", "rows"], [["a", "1"], ["all", "12"]]))
         rows
    a       1
    all    12
    """
    lines = [[one_line(cell) for cell in line] for line in (head, *rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(head))]
    rendered = [
        "  ".join(
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    return "\n".join(line.rstrip() for line in rendered)
