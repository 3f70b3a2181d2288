"""What a training of forecasts did and found, as plain data: all that its report is drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import numpy as np

from kerasnn.forecasting.learning import Learned
from kerasnn.forecasting.panel import Panel
from kerasnn.forecasting.parts import PartName
from kerasnn.forecasting.scores import ForecastScores

VERSION = 1
MAX_WARNINGS = 50


def tell(
    learned: Learned,
    scores: ForecastScores | None,
    *,
    origin: str,
    seconds: float,
    warnings: Sequence[str],
) -> dict[str, Any]:
    """Put together what a summary and a report need.

    Args:
        learned: What came of the training.
        scores: Of the test part.
        origin: Where the rows came from.
        seconds: How long it took.
        warnings: Raised in the run.
    """
    config, fitted = learned.config, learned.fitted
    lesson, roles = learned.lesson, learned.lesson.preprocessor.roles
    panel = lesson.prepared.panel
    return {
        "version": VERSION,
        "task": "forecast",
        "model": config.model.name,
        "targets": list(roles.targets),
        "seconds": seconds,
        "stopped": fitted.progress.stopped,
        "data": {
            "origin": origin,
            "series": len(panel),
            "n_points": {name: lesson.parts.n_points(name) for name in get_args(PartName)},
            "n_windows": {
                "train": len(lesson.train),
                "validation": len(lesson.validation),
            },
            "shared_calibration": lesson.parts.shared,
            "span": span(panel),
            "missing": _missing(panel),
        },
        "forecast": {
            "frequency": panel.frequency.name,
            "season": lesson.preprocessor.season,
            "history": lesson.preprocessor.history,
            "horizon": lesson.preprocessor.horizon,
            "transform": lesson.preprocessor.transform,
            "time": roles.time,
            "series": list(roles.series),
            "past": list(roles.past),
            "known": list(roles.known),
            "fixed": [*roles.numbers, *roles.words],
            "calendar": list(lesson.preprocessor.cycles),
        },
        "training": {
            "history": columns_of(fitted.history),
            "best_epoch": fitted.progress.best_epoch,
        },
        "parameters": int(learned.forecaster.network.count_params()),
        "scores": scores.to_dict() if scores else None,
        "warnings": list(dict.fromkeys(warnings))[:MAX_WARNINGS],
        "config": config.to_dict(),
    }


def span(panel: Panel) -> list[str]:
    """The first and the last known point in time of all series."""
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
