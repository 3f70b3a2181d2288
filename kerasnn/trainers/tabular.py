"""Train on a table that was read: a network or an average of some, their scores and the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Any

from kerasnn.config.config import Config
from kerasnn.datasets.digests import hash_table
from kerasnn.datasets.tabular import Table
from kerasnn.errors import ResourceError, warn
from kerasnn.prediction.calibrate import monitor_for
from kerasnn.runs.folder import RunFolder
from kerasnn.runs.tabular import Run
from kerasnn.runtime.phases import Phases
from kerasnn.trainers import ensemble as ensembles
from kerasnn.trainers import ensemble_plan
from kerasnn.trainers.evaluate import evaluate
from kerasnn.trainers.fit import TrainedModel, TrainingSetup, fit_network, prepare
from kerasnn.trainers.refit import refit
from kerasnn.training.checkpoints import folder_of
from kerasnn.training.fit import Callback
from kerasnn.training.probes import Probes
from kerasnn.training.progress import ProgressBar, announce, announce_phase
from kerasnn.training.tensorboard import TensorBoardLog


def train_on(
    table: Table,
    config: Config,
    folder: RunFolder | None,
    noted: list[str],
    *,
    progress: bool,
    phases: Phases,
    resumes: bool = False,
    tell: Callable[[Run], Mapping[str, Any]] | None = None,
) -> Run:
    """Train, score and write everything down.

    Args:
        table: Result of `kerasnn.datasets.tabular.read_table`.
        config: Configuration that `read_table` returned.
        folder: Folder of the run, locked; None for a run in memory.
        noted: Warnings so far, which the report lists.
        progress: True to show a progress bar.
        phases: Phases of the run, of which reading has ended.
        resumes: True if an earlier run goes on.
        tell: Function that returns further parts of the report, from the run before it is written.
    """
    train = _fit_ensemble if ensemble_plan.is_several(config) else _fit_or_lighter
    limit = config.run.time_limit_s
    timed = replace(config, run=replace(config.run, time_limit_s=phases.training_budget(limit)))
    if resumes and folder:
        _tell_of_resume(folder, config, timed.run.time_limit_s, progress=progress)
    if progress:
        n_rows = len(table.splits.train)
        announce_phase(f"training on {n_rows:,} rows", started=phases.started)
    trained_model, probes = train(table, config, timed, folder, progress=progress)
    trained_model = replace(trained_model, config=replace(trained_model.config, run=config.run))
    phases.end("training")
    if progress:
        announce_phase("scoring, with the baselines", started=phases.started)
    run = evaluate(table, trained_model, probes, noted, phases=phases)
    if tell:
        run.bundle = replace(run.bundle, report={**run.bundle.report, **tell(run)})
    if folder:
        folder.finish(run, trained_model.config, trained_model.history)
        run.folder = folder.path
        run.report()
    phases.end("report")
    told = {"seconds": phases.elapsed, "phases": phases.to_dict()}
    run.bundle = replace(run.bundle, report={**run.bundle.report, **told})
    return run


def _tell_of_resume(
    folder: RunFolder, config: Config, budget: float | None, *, progress: bool
) -> None:
    """Say how much of the time limit is left to train, and if nothing is, how to go on."""
    plans = ensemble_plan.plan(config) if ensemble_plan.is_several(config) else [config]
    trained, ended = folder.trained([each.training.epochs for each in plans])
    limit = config.run.time_limit_s
    if ended and progress:
        announce("the training had ended by itself; more epochs or more patience let it go on")
    if limit is None or budget is None or ended:
        return
    if (left := budget - trained) <= 0:
        problem = (
            f"nothing more is trained: of the time limit of {limit:.0f} s, {trained:.0f} s were"
        )
        problem += " spent on training before, and reading and the report take the rest"
        warn(problem, hint="raise `run.time_limit_s`")
    elif progress:
        announce(
            f"resumed: {trained:.0f} s were trained before; {left:.0f} s of the time limit of "
            f"{limit:.0f} s are left to train"
        )


def _fit_or_lighter(
    table: Table, config: Config, timed: Config, folder: RunFolder | None, *, progress: bool
) -> tuple[TrainedModel, Probes | None]:
    """Fit as `_fit`, with a lighter model if an automatic one does not fit into memory."""
    try:
        return _fit(table, config, timed, folder, progress=progress)
    except ResourceError as error:
        other = ensemble_plan.lighter(config, table)
        if other is None or (folder and folder.checkpoints.exist()):
            raise
        told = str(error).partition(" – ")[0]
        warn(f"{told}: {other.model.name} is trained in place of {config.model.name}")
        again = replace(other, run=timed.run)
    return _fit_or_lighter(table, other, again, folder, progress=progress)


def _fit(
    table: Table, config: Config, timed: Config, folder: RunFolder | None, *, progress: bool
) -> tuple[TrainedModel, Probes | None]:
    """A trained network, and what was seen in it; ``timed`` says how long the training may take."""
    fingerprint = folder.fingerprint(config, table) if folder else None
    if folder and fingerprint:
        folder.check(fingerprint)
        folder.begin(config, table)
    began, limit = perf_counter(), timed.run.time_limit_s
    training_setup = prepare(table, timed)
    probes = Probes.of(training_setup, config) if folder else None
    callbacks = _watchers(config, folder, training_setup, progress=progress)
    try:
        trained_model = fit_network(
            training_setup,
            timed,
            checkpoints=folder.checkpoints if folder else None,
            fingerprint=fingerprint,
            callbacks=(*callbacks, probes) if probes else callbacks,
        )
    finally:
        for callback in callbacks:
            getattr(callback, "close", lambda: None)()
    if len(table.splits.test):
        left = None if limit is None else limit - (perf_counter() - began)
        trained_model = refit(trained_model, training_setup, left_s=left)
    return trained_model, probes


def _fit_ensemble(
    table: Table, config: Config, timed: Config, folder: RunFolder | None, *, progress: bool
) -> tuple[TrainedModel, Probes | None]:
    """Several trained networks as one, and what was seen in the first of them."""
    plans = ensemble_plan.plan(config)
    fingerprint = None
    if folder:
        digest = hash_table(table)
        fingerprint = partial(folder.fingerprint_of_digest, digest=digest)
        folder.check_members([fingerprint(each) for each in plans])
        folder.begin(config, table)
    probes: list[Probes] = []

    def watch(number: int, training_setup: TrainingSetup, own: Config) -> tuple[Callback, ...]:
        name = folder_of(number)
        title = f"network {number} of {len(plans)}"
        callbacks = _watchers(
            own, folder, training_setup, progress=progress, title=title, name=name
        )
        if folder and not probes:
            probes.append(Probes.of(training_setup, own))
            return (*callbacks, probes[0])
        return callbacks

    began, limit = perf_counter(), timed.run.time_limit_s
    trained_ensemble = ensembles.fit_ensemble(
        table,
        timed,
        checkpoints=folder.checkpoints if folder else None,
        fingerprint=fingerprint,
        watch=watch,
    )
    trained_model = trained_ensemble.trained_model
    if len(table.splits.test):
        left = None if limit is None else limit - (perf_counter() - began)
        trained_model = trained_ensemble.again(left)
    return trained_model, probes[0] if probes else None


def _watchers(
    config: Config,
    folder: RunFolder | None,
    training_setup: TrainingSetup,
    *,
    progress: bool,
    title: str = "training",
    name: str = "",
) -> tuple[Callback, ...]:
    callbacks: list[Any] = []
    if progress:
        monitor = monitor_for(
            config.training, training_setup.preprocessor, training_setup.validation
        )
        epochs = config.training.epochs
        callbacks.append(ProgressBar(epochs=epochs, monitor=monitor.name, title=title))
    if config.run.tensorboard and folder:
        callbacks.append(TensorBoardLog(folder.path, name))
    return tuple(callbacks)
