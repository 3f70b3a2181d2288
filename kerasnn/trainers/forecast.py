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
from kerasnn.config.config import Config
from kerasnn.datasets.forecast import SeriesTable
from kerasnn.forecasting import ensemble as forecast_ensemble
from kerasnn.forecasting import fit as learning
from kerasnn.forecasting.calibration_residuals import calibrated
from kerasnn.forecasting.evaluate import evaluate
from kerasnn.forecasting.fit import TrainedModel, TrainingSetup
from kerasnn.forecasting.model_selection import Choice, Row, choose
from kerasnn.forecasting.splits import PartName
from kerasnn.report.sections.forecast.collect import ForecastReportInputs, build_report_data
from kerasnn.runs.folder import (
    BACKTEST,
    BUNDLE,
    HOLDOUT,
    LARGEST_TABLE,
    SPLIT,
    RunFolder,
)
from kerasnn.runs.forecast import ForecastRun
from kerasnn.runs.paths import open_folder
from kerasnn.runtime.phases import Phases
from kerasnn.training.fit import Callback
from kerasnn.training.forecast_losses import forecast_monitor
from kerasnn.training.progress import ProgressBar, announce
from kerasnn.training.tensorboard import TensorBoardLog, check_folder


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
    """Train a network on series, and score it on time steps that it has not seen.

    Args:
        table: Result of `kerasnn.datasets.forecast.read_series`.
        config: Configuration that `read_series` returned.
        noted: Warnings so far, which grow by those that are raised.
        phases: Phases of the run, of which reading has ended.
        resume: Folder of a run that was stopped, or that is to have more epochs.
        force: True to replace a run that is in the folder.
        progress: True to show the progress.
    """
    choice = None
    if resume is None:
        choice = choose(table.panel, table.splits, config, note=_tell if progress else None)
        config = choice.config
    folder = open_folder(config, resume=resume, force=force)
    if folder and config.run.tensorboard:
        check_folder(folder.path)
    choice = choice or _choice_of(folder, config)
    phases.end("back-test")
    with folder.locked() if folder else ExitStack():
        fingerprint = folder.fingerprint_of_digest(config, table.digest()) if folder else None
        if folder and fingerprint:
            folder.check(fingerprint)
            _begin(folder, config, table, choice)
        training_setup = learning.prepare(table.panel, table.splits, config)
        budget = phases.training_budget(config.run.time_limit_s)
        timed = replace(config, run=replace(config.run, time_limit_s=budget))
        trained_model, members = _fit(
            training_setup, timed, choice, folder, fingerprint, progress=progress
        )
        trained_model = replace(trained_model, config=replace(trained_model.config, run=config.run))
        phases.end("training")
        told = ForecastReportInputs(choice.told(), members, phases.elapsed, noted)
        run = _judged(table, trained_model, told)
        if folder:
            run.folder = folder.path
            _finish(folder, run, trained_model)
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


def _fit(
    training_setup: TrainingSetup,
    config: Config,
    choice: Choice,
    folder: RunFolder | None,
    fingerprint: dict[str, Any] | None,
    *,
    progress: bool,
) -> tuple[TrainedModel, dict[str, TrainedModel]]:
    """A calibrated forecaster, and the members of a forecast ensemble."""
    how: dict[str, Any] = {
        "checkpoints": folder.checkpoints if folder else None,
        "fingerprint": fingerprint,
        "callbacks": _watchers(training_setup, config, folder, progress=progress),
    }
    try:
        if config.model.name != forecast_ensemble.NAME:
            trained_model = calibrated(learning.fit_network(training_setup, config, **how), choice)
            return learning.refit(trained_model), {}
        ensemble = forecast_ensemble.fit_ensemble(training_setup, config, **how)
        return ensemble.refit(calibrated(ensemble.trained_model, choice)), dict(ensemble.members)
    finally:
        for callback in how["callbacks"]:
            getattr(callback, "close", lambda: None)()


def _watchers(
    training_setup: TrainingSetup, config: Config, folder: RunFolder | None, *, progress: bool
) -> list[Callback]:
    callbacks: list[Callback] = []
    window = training_setup.preprocessor.signature.window
    assert window is not None
    if progress:
        monitor = forecast_monitor(config.training, window, training_setup.validation.target)
        callbacks.append(ProgressBar(epochs=config.training.epochs, monitor=monitor.name))
    if config.run.tensorboard and folder:
        callbacks.append(TensorBoardLog(folder.path))
    return callbacks


def _judged(
    table: SeriesTable, trained_model: TrainedModel, told: ForecastReportInputs
) -> ForecastRun:
    """Scores on the test part, or else on the validation part, and the report data of the run."""
    training_setup, config = trained_model.training_setup, trained_model.config
    part: PartName = "test" if len(training_setup.origins("test")) else "validation"
    interrupted = trained_model.fitted.progress.stopped == "interrupted"
    predicted_rows = evaluate(
        trained_model, part, baselines=config.run.baselines and not interrupted
    )
    report = build_report_data(trained_model, predicted_rows, told, origin=table.origin)
    bundle = ForecastBundle(
        model=config.model.name,
        hyperparameters=dict(config.model.hyperparameters),
        training_options=config.training,
        forecaster=trained_model.forecaster,
        config=config.to_dict(),
        report=report,
    )
    holdout = table.holdout(training_setup.preprocessor.lookback)
    stopped = trained_model.fitted.progress.stopped
    return ForecastRun(bundle, predicted_rows.scores, None, stopped, holdout)


def _begin(folder: RunFolder, config: Config, table: SeriesTable, choice: Choice) -> None:
    """Write what is known before the training."""
    if choice.rows or choice.leftover:
        folder.write(BACKTEST, choice.to_bytes())
    folder.write_config(config)
    split = table.split().to_csv(index=False).encode()
    folder.write(SPLIT, gzip.compress(split, mtime=0))
    holdout = table.holdout(config.forecast.lookback)
    folder.write(HOLDOUT, holdout.to_parquet(index=False))


def _finish(folder: RunFolder, run: ForecastRun, trained_model: TrainedModel) -> None:
    """Write what came out; the bundle last, as the sign that the rest is there."""
    folder.write_config(trained_model.config)
    history = pd.DataFrame(trained_model.fitted.history).to_csv(index=False).encode()
    folder.write("history.csv", history)
    if run.scores:
        text = json.dumps(run.scores.to_dict(), indent=2, ensure_ascii=False)
        folder.write("scores.json", text.encode())
        predictions = run.predictions().to_csv(index=False, float_format="%.7g").encode()
        folder.write("predictions.csv", predictions)
    run.bundle.save(folder.path / BUNDLE)
    run.report()
