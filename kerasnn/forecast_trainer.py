"""Train a forecaster: from settings to a run, in memory or in a folder."""

from __future__ import annotations

import gzip
import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import pandas as pd

from kerasnn import storage
from kerasnn.bundle import ForecastBundle
from kerasnn.config import Config
from kerasnn.folder import BUNDLE, CONFIG, HELD_BACK, SPLIT, RunFolder, open_folder
from kerasnn.forecast_run import ForecastRun
from kerasnn.forecast_table import SeriesTable, read_series
from kerasnn.forecasting import learning
from kerasnn.forecasting.learning import Learned, Lesson
from kerasnn.forecasting.scores import score
from kerasnn.forecasting.story import tell
from kerasnn.progress import ProgressBar
from kerasnn.settings import Settings
from kerasnn.training.fitting import Watcher
from kerasnn.training.forecast_losses import forecast_monitor
from kerasnn.training.logs import TensorBoardLog, check_installed


def train_forecaster(
    settings: Settings,
    sources: Mapping[str, Any],
    noted: Sequence[str],
    *,
    resume: str | os.PathLike[str] | None = None,
    force: bool = False,
    progress: bool = False,
) -> ForecastRun:
    """Train a network on series, and score it on points in time that it has not seen.

    Args:
        settings: With a horizon above 0.
        sources: What ``data``, ``validation`` and ``test`` are read from, if not from files.
        noted: Grows by the warnings that are raised.
        resume: As for `kerasnn.train`.
        force: Likewise.
        progress: Likewise.
    """
    started = time.perf_counter()
    table, config = read_series(settings, sources)
    if config.forecast.transform == "auto":
        config = config.with_inferred({"forecast.transform": "none"})
    if config.run.tensorboard:
        check_installed()
    folder = open_folder(config, resume=resume, force=force)
    with folder.locked() if folder else ExitStack():
        fingerprint = folder.circumstances(config, table.digest()) if folder else None
        if folder and fingerprint:
            folder.check(fingerprint)
            _begin(folder, config, table)
        lesson = learning.prepare(table.panel, table.parts, config)
        learned = _learn(lesson, config, folder, fingerprint, progress=progress)
        learned = learning.solved_again(learned)
        run = _judged(table, learned, noted, seconds=time.perf_counter() - started)
        if folder:
            _finish(folder, run, learned)
            run.folder = folder.path
    return run


def _learn(
    lesson: Lesson,
    config: Config,
    folder: RunFolder | None,
    fingerprint: dict[str, Any] | None,
    *,
    progress: bool,
) -> Learned:
    watchers: list[Watcher] = []
    window = lesson.preprocessor.signature.window
    assert window is not None
    if progress:
        monitor = forecast_monitor(config.training, window, lesson.validation.target)
        watchers.append(ProgressBar(epochs=config.training.epochs, monitor=monitor.name))
    if config.run.tensorboard and folder:
        watchers.append(TensorBoardLog(folder.path / "tensorboard"))
    try:
        return learning.learn(
            lesson,
            config,
            checkpoints=folder.checkpoints if folder else None,
            fingerprint=fingerprint,
            watchers=watchers,
        )
    finally:
        for watcher in watchers:
            getattr(watcher, "close", lambda: None)()


def _judged(
    table: SeriesTable, learned: Learned, noted: Sequence[str], *, seconds: float
) -> ForecastRun:
    """Scores on the test part, and the story of the run."""
    lesson, config = learned.lesson, learned.config
    origins = lesson.origins("test")
    found = learned.forecaster.forecasts(lesson.prepared, origins) if len(origins) else None
    scores = score(found) if found else None
    report = tell(learned, scores, origin=table.origin, seconds=seconds, warnings=noted)
    if learned.sweep:
        report["sweep"] = learned.sweep.to_dict()
    bundle = ForecastBundle(
        model=config.model.name,
        hyperparameters=dict(config.model.hyperparameters),
        recipe=config.training,
        forecaster=learned.forecaster,
        config=config.to_dict(),
        report=report,
    )
    held_back = table.held_back(lesson.preprocessor.history)
    return ForecastRun(bundle, scores, None, learned.fitted.progress.stopped, held_back)


def _begin(folder: RunFolder, config: Config, table: SeriesTable) -> None:
    """Write what is known before the training."""
    config.write(folder.path / CONFIG)
    split = table.split().to_csv(index=False).encode()
    storage.write_atomically(folder.path / SPLIT, gzip.compress(split, mtime=0))
    held_back = table.held_back(config.forecast.history)
    storage.write_atomically(folder.path / HELD_BACK, held_back.to_parquet(index=False))


def _finish(folder: RunFolder, run: ForecastRun, learned: Learned) -> None:
    """Write what came out; the bundle last, as the sign that the rest is there."""
    learned.config.write(folder.path / CONFIG)
    history = pd.DataFrame(learned.fitted.history).to_csv(index=False).encode()
    storage.write_atomically(folder.path / "history.csv", history)
    if run.scores:
        text = json.dumps(run.scores.to_dict(), indent=2, ensure_ascii=False)
        storage.write_atomically(folder.path / "scores.json", text.encode())
        predictions = run.predictions().to_csv(index=False, float_format="%.7g").encode()
        storage.write_atomically(folder.path / "predictions.csv", predictions)
    run.bundle.save(folder.path / BUNDLE)
