"""Train a forecaster: from settings to a run, in memory or in a folder."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pandas as pd

from kerasnn.bundle import ForecastBundle
from kerasnn.config import Config
from kerasnn.folder import (
    BACKTEST,
    BUNDLE,
    HELD_BACK,
    LARGEST_TABLE,
    SPLIT,
    RunFolder,
)
from kerasnn.forecast_run import ForecastRun
from kerasnn.forecast_table import SeriesTable
from kerasnn.forecasting import blending, learning
from kerasnn.forecasting.calibrating import calibrated
from kerasnn.forecasting.judging import judge
from kerasnn.forecasting.learning import Learned, Lesson
from kerasnn.forecasting.parts import PartName
from kerasnn.forecasting.selecting import Choice, Row, choose
from kerasnn.forecasting.story import Told, tell
from kerasnn.phases import Phases
from kerasnn.progress import ProgressBar, announce
from kerasnn.run_paths import open_folder
from kerasnn.training.fitting import Watcher
from kerasnn.training.forecast_losses import forecast_monitor
from kerasnn.training.logs import TensorBoardLog, check_folder


def train_forecaster(
    table: SeriesTable,
    config: Config,
    noted: Sequence[str],
    phases: Phases,
    *,
    resume: str | os.PathLike[str] | None = None,
    force: bool = False,
    progress: bool = False,
) -> ForecastRun:
    """Train a network on series, and score it on points in time that it has not seen.

    Args:
        table: From `kerasnn.forecast_table.read_series`.
        config: Likewise.
        noted: Grows by the warnings that are raised.
        phases: Phases of the run, of which reading has ended.
        resume: As for `kerasnn.train`.
        force: Likewise.
        progress: Likewise.
    """
    choice = None
    if resume is None:
        choice = choose(table.panel, table.parts, config, note=_tell if progress else None)
        config = choice.config
    folder = open_folder(config, resume=resume, force=force)
    if folder and config.run.tensorboard:
        check_folder(folder.path)
    choice = choice or _choice_of(folder, config)
    phases.end("back-test")
    with folder.locked() if folder else ExitStack():
        fingerprint = folder.circumstances(config, table.digest()) if folder else None
        if folder and fingerprint:
            folder.check(fingerprint)
            _begin(folder, config, table, choice)
        lesson = learning.prepare(table.panel, table.parts, config)
        budget = phases.training_budget(config.run.time_limit_s)
        timed = replace(config, run=replace(config.run, time_limit_s=budget))
        learned, members = _learn(lesson, timed, choice, folder, fingerprint, progress=progress)
        learned = replace(learned, config=replace(learned.config, run=config.run))
        phases.end("training")
        told = Told(choice.told(), members, phases.elapsed, noted)
        run = _judged(table, learned, told)
        if folder:
            run.folder = folder.path
            _finish(folder, run, learned)
    phases.end("report")
    seconds = {"seconds": phases.elapsed, "phases": phases.to_dict()}
    run.bundle = replace(run.bundle, report={**run.bundle.report, **seconds})
    return run


def _tell(row: Row) -> None:
    """A line about a candidate of the back-test."""
    shown = "given up" if row.mean is None else f"MASE {row.mean:.4f}"
    announce(f"back-test: {row.title}: {shown}")


def _choice_of(folder: RunFolder | None, config: Config) -> Choice:
    """What was chosen when the run began."""
    content = folder.read(BACKTEST, most=LARGEST_TABLE) if folder else None
    return Choice(config) if content is None else Choice.from_bytes(content, config)


def _learn(
    lesson: Lesson,
    config: Config,
    choice: Choice,
    folder: RunFolder | None,
    fingerprint: dict[str, Any] | None,
    *,
    progress: bool,
) -> tuple[Learned, dict[str, Learned]]:
    """A calibrated forecaster, and the members of a blend."""
    how: dict[str, Any] = {
        "checkpoints": folder.checkpoints if folder else None,
        "fingerprint": fingerprint,
        "watchers": _watchers(lesson, config, folder, progress=progress),
    }
    try:
        if config.model.name != blending.NAME:
            learned = calibrated(learning.learn(lesson, config, **how), choice)
            return learning.solved_again(learned), {}
        blended = blending.learn_blend(lesson, config, **how)
        return blended.solved_again(calibrated(blended.learned, choice)), dict(blended.members)
    finally:
        for watcher in how["watchers"]:
            getattr(watcher, "close", lambda: None)()


def _watchers(
    lesson: Lesson, config: Config, folder: RunFolder | None, *, progress: bool
) -> list[Watcher]:
    watchers: list[Watcher] = []
    window = lesson.preprocessor.signature.window
    assert window is not None
    if progress:
        monitor = forecast_monitor(config.training, window, lesson.validation.target)
        watchers.append(ProgressBar(epochs=config.training.epochs, monitor=monitor.name))
    if config.run.tensorboard and folder:
        watchers.append(TensorBoardLog(folder.path))
    return watchers


def _judged(table: SeriesTable, learned: Learned, told: Told) -> ForecastRun:
    """Scores on the test part, or else on the validation part, and the story of the run."""
    lesson, config = learned.lesson, learned.config
    part: PartName = "test" if len(lesson.origins("test")) else "validation"
    interrupted = learned.fitted.progress.stopped == "interrupted"
    judged = judge(learned, part, baselines=config.run.baselines and not interrupted)
    report = tell(learned, judged, told, origin=table.origin)
    bundle = ForecastBundle(
        model=config.model.name,
        hyperparameters=dict(config.model.hyperparameters),
        recipe=config.training,
        forecaster=learned.forecaster,
        config=config.to_dict(),
        report=report,
    )
    held_back = table.held_back(lesson.preprocessor.history)
    stopped = learned.fitted.progress.stopped
    return ForecastRun(bundle, judged.scores, None, stopped, held_back)


def _begin(folder: RunFolder, config: Config, table: SeriesTable, choice: Choice) -> None:
    """Write what is known before the training."""
    if choice.rows or choice.leftover:
        folder.write(BACKTEST, choice.to_bytes())
    folder.write_config(config)
    split = table.split().to_csv(index=False).encode()
    folder.write(SPLIT, gzip.compress(split, mtime=0))
    held_back = table.held_back(config.forecast.history)
    folder.write(HELD_BACK, held_back.to_parquet(index=False))


def _finish(folder: RunFolder, run: ForecastRun, learned: Learned) -> None:
    """Write what came out; the bundle last, as the sign that the rest is there."""
    folder.write_config(learned.config)
    history = pd.DataFrame(learned.fitted.history).to_csv(index=False).encode()
    folder.write("history.csv", history)
    if run.scores:
        text = json.dumps(run.scores.to_dict(), indent=2, ensure_ascii=False)
        folder.write("scores.json", text.encode())
        predictions = run.predictions().to_csv(index=False, float_format="%.7g").encode()
        folder.write("predictions.csv", predictions)
    run.bundle.save(folder.path / BUNDLE)
    run.report()
