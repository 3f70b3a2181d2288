"""What a training of forecasts did and found, as plain data: all that its report is drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from kerasnn.forecasting.evaluate import PredictedRows
from kerasnn.forecasting.fit import CLOSED_FORM, TrainedModel
from kerasnn.forecasting.panel import Panel
from kerasnn.forecasting.splits import PartName, Splits
from kerasnn.forecasting.windows import Origins
from kerasnn.metrics.forecast import bounds
from kerasnn.metrics.forecasts import Forecasts
from kerasnn.report.data import plain, training_of
from kerasnn.report.sections.network.collect import network_graph

VERSION = 1
MAX_WARNINGS = 50
# Points of a drawing, and how many forecasts and series are drawn.
MOST_POINTS, MOST_PICTURES, MOST_COURSES = 400, 6, 3


@dataclass(frozen=True)
class ForecastReportInputs:
    """What the report data take from elsewhere.

    Args:
        candidates: Candidates of the back-test as plain data; empty without one.
        members: Trained members of an ensemble, by name.
        seconds: Seconds of the run.
        warnings: Raised in the run.
    """

    candidates: Sequence[Mapping[str, Any]]
    members: Mapping[str, TrainedModel]
    seconds: float
    warnings: Sequence[str]


def build_report_data(
    trained_model: TrainedModel,
    predicted_rows: PredictedRows,
    inputs: ForecastReportInputs,
    *,
    origin: str,
) -> dict[str, Any]:
    """Put together what a summary and a report need.

    Args:
        trained_model: Trained model.
        predicted_rows: Scores and forecasts of the test part.
        inputs: Further inputs of the report.
        origin: Origin of the rows.

    Returns:
        Plain data for JSON: no NaN, no infinity.
    """
    config, scores, training_setup = (
        trained_model.config,
        predicted_rows.scores,
        trained_model.training_setup,
    )
    panel = training_setup.prepared.panel
    intervals = trained_model.forecaster.intervals
    trained = inputs.members or {config.model.name: trained_model}
    report_data = _facts(trained_model, inputs, origin)
    report_data["candidates"] = list(inputs.candidates)
    report_data["part_scored"] = predicted_rows.part
    report_data["intervals"] = intervals.note if intervals else None
    report_data["members"] = {
        name: {
            **training_of(each.fitted.history, each.fitted.progress.best_epoch),
            "solved": each.fitted.progress.stopped == CLOSED_FORM,
            "stopped": each.fitted.progress.stopped,
            "sweep": each.sweep.to_dict() if each.sweep else None,
        }
        for name, each in trained.items()
    }
    report_data["network"] = network_graph(trained_model.forecaster.network)
    report_data["courses"] = [
        courses(panel, training_setup.splits, i) for i in range(min(len(panel), MOST_COURSES))
    ]
    report_data["pictures"] = pictures(panel, training_setup.preprocessor.season, predicted_rows)
    report_data["coming"] = coming(trained_model)
    return {**plain(report_data), "scores": scores.to_dict() if scores else None}


def _facts(
    trained_model: TrainedModel, inputs: ForecastReportInputs, origin: str
) -> dict[str, Any]:
    config, fitted = trained_model.config, trained_model.fitted
    training_setup, roles = (
        trained_model.training_setup,
        trained_model.training_setup.preprocessor.roles,
    )
    panel = training_setup.prepared.panel
    return {
        "version": VERSION,
        "task": "forecast",
        "model": config.model.name,
        "targets": list(roles.targets),
        "seconds": inputs.seconds,
        "stopped": fitted.progress.stopped,
        "data": {
            "origin": origin,
            "series": len(panel),
            "n_points": {name: training_setup.splits.n_points(name) for name in get_args(PartName)},
            "n_windows": {
                "train": len(training_setup.train),
                "validation": len(training_setup.validation),
            },
            "shared_calibration": training_setup.splits.shared,
            "span": span(panel),
            "missing": _missing(panel),
        },
        "forecast": {
            "frequency": panel.frequency.name,
            "season": training_setup.preprocessor.season,
            "lookback": training_setup.preprocessor.lookback,
            "horizon": training_setup.preprocessor.horizon,
            "transform": training_setup.preprocessor.transform,
            "time": roles.time,
            "series": list(roles.series),
            "past_covariates": list(roles.past_covariates),
            "future_covariates": list(roles.future_covariates),
            "static_covariates": [*roles.static_numbers, *roles.static_categories],
            "calendar": list(training_setup.preprocessor.cycles),
        },
        "training": {
            "history": columns_of(fitted.history),
            "best_epoch": fitted.progress.best_epoch,
        },
        "parameters": int(trained_model.forecaster.network.count_params()),
        "warnings": list(dict.fromkeys(inputs.warnings))[:MAX_WARNINGS],
        "config": config.to_dict(),
    }


def span(panel: Panel) -> list[str]:
    """The first and the last known time step of all series."""
    first = min(track.start for track in panel.tracks)
    last = max(track.start + track.end - 1 for track in panel.tracks)
    return panel.frequency.texts(panel.frequency.values(np.array([first, last], np.int64)))


def columns_of(history: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    """The history of a training by column."""
    return {name: [row[name] for row in history] for name in (history[0] if history else ())}


def _missing(panel: Panel) -> dict[str, int]:
    """Missing readings of each target, between the first and the last known point."""
    counts = np.zeros(len(panel.roles.targets), np.int64)
    for track in panel.tracks:
        counts += np.isnan(track.target[: track.end]).sum(axis=0)
    return dict(zip(panel.roles.targets, counts.tolist(), strict=True))


def courses(panel: Panel, splits: Splits, number: int) -> dict[str, Any]:
    """A whole series in few points, and where its parts begin.

    Args:
        panel: The series.
        splits: Splits of their time steps.
        number: Number of the series.
    """
    track = panel.tracks[number]
    end = max(int(splits.end[number]), 1)
    values = track.target[:end, 0]
    size = -(-end // MOST_POINTS)
    starts = np.arange(0, end, size)
    with np.errstate(invalid="ignore"):
        known = np.add.reduceat(np.isfinite(values), starts)
        mean = np.add.reduceat(np.nan_to_num(values), starts) / np.where(known, known, np.nan)
    firsts = {name: int(splits.bounds(name)[0][number]) for name in get_args(PartName)}
    return {
        "series": track.name,
        "target": panel.roles.targets[0],
        "times": _texts(panel, number, starts),
        "values": mean,
        "averaged": size,
        "parts": {name: first / end for name, first in firsts.items()},
    }


def pictures(panel: Panel, season: int, predicted_rows: PredictedRows) -> list[dict[str, Any]]:
    """Some forecasts with their history: of each series a middling one, and the worst of all."""
    found = predicted_rows.forecasts
    if found is None:
        return []
    numbers = {track.name: i for i, track in enumerate(panel.tracks)}
    length = int(np.clip(max(2 * found.horizon, 3 * season), 24, MOST_POINTS - found.horizon))
    best = min(
        predicted_rows.baselines,
        key=lambda each: float(
            np.nanmean(np.abs(each.forecasts.truth - each.forecasts.prediction))
        ),
        default=None,
    )
    return [
        {
            "why": why,
            "series": str(found.series[row]),
            "target": found.targets[target],
            **_picture(panel, numbers[found.series[row]], found, row, target, length),
            "baseline": best
            and {
                "title": best.title,
                "values": best.forecasts.prediction[row, :, target],
            },
        }
        for row, target, why in _chosen(found)
    ]


def coming(trained_model: TrainedModel) -> list[dict[str, Any]]:
    """Forecasts from the end of the first few series on, beyond what is known."""
    training_setup, fitted = trained_model.training_setup, trained_model.training_setup.preprocessor
    panel = training_setup.prepared.panel
    numbers = [
        i
        for i, track in enumerate(panel.tracks)
        if track.end and all_known(track.future_covariates[track.end :], fitted.horizon)
    ][:MOST_COURSES]
    if not numbers:
        return []
    ends = np.array([panel.tracks[i].end - 1 for i in numbers], np.int64)
    where = Origins(np.array(numbers, np.int64), ends)
    found = trained_model.forecaster.forecasts(training_setup.prepared, where)
    length = int(np.clip(max(2 * fitted.horizon, 3 * fitted.season), 24, MOST_POINTS))
    return [
        {
            "why": "coming",
            "series": panel.tracks[number].name,
            "target": target,
            **_picture(panel, number, found, row, column, length),
            "baseline": None,
        }
        for row, number in enumerate(numbers)
        for column, target in enumerate(found.targets[:MOST_COURSES])
    ]


def all_known(ahead: NDArray[np.float64], horizon: int) -> bool:
    """Whether what must be known ahead is, as far as a forecast reaches, (points, columns)."""
    if not ahead.shape[1]:
        return True
    return len(ahead) >= horizon and bool(np.isfinite(ahead[:horizon]).all())


def _chosen(found: Forecasts) -> list[tuple[int, int, str]]:
    """Rows, targets, and why they are shown."""
    with np.errstate(invalid="ignore"):
        error = np.abs(found.truth - found.prediction)
        known = np.isfinite(error).sum(axis=1)
        mean = np.nansum(error, axis=1) / np.where(known, known, np.nan)
    scale = np.where(found.naive_error > 0, found.naive_error, 1.0)
    size = mean / scale
    if not np.isfinite(size).any():
        return [(0, 0, "latest")]
    chosen: list[tuple[int, int, str]] = []
    for name in list(dict.fromkeys(found.series))[: MOST_PICTURES - 2]:
        for target in range(min(len(found.targets), MOST_PICTURES - 2)):
            rows = np.flatnonzero((found.series == name) & np.isfinite(size[:, target]))
            if len(rows):
                middle = rows[np.argsort(size[rows, target], kind="stable")[len(rows) // 2]]
                chosen.append((int(middle), target, "usual"))
    chosen = chosen[: MOST_PICTURES - 2]
    worst, of = divmod(int(np.nanargmax(size)), size.shape[1])
    for more in ((worst, of, "worst"), (len(found) - 1, 0, "latest")):
        if more[:2] not in [each[:2] for each in chosen]:
            chosen.append(more)
    return chosen


def _picture(
    panel: Panel, number: int, found: Forecasts, row: int, target: int, length: int
) -> dict[str, Any]:
    track = panel.tracks[number]
    at = int(np.searchsorted(_seconds(panel, number), found.origins[row].astype(np.int64)))
    first = max(at + 1 - length, 0)
    low, high = bounds(found) if found.quantiles else (None, None)
    return {
        "past_times": _texts(panel, number, np.arange(first, at + 1)),
        "past": track.target[first : at + 1, target],
        "times": _texts(panel, number, np.arange(at + 1, at + 1 + found.horizon)),
        "truth": found.truth[row, :, target],
        "prediction": found.prediction[row, :, target],
        "low": None if low is None else low[row, :, target],
        "high": None if high is None else high[row, :, target],
    }


def _seconds(panel: Panel, number: int) -> NDArray[np.int64]:
    return panel.values(number, 0, len(panel.tracks[number]))


def _texts(panel: Panel, number: int, at: NDArray[np.int64]) -> list[str]:
    start = panel.tracks[number].start
    return panel.frequency.texts(panel.frequency.values(start + at))
