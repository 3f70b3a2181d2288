"""Train on a table: from arguments to a run, in memory or in a folder.

Keras is imported when the rows are read and all that can be wrong with them is known.

>>> import kerasnn
>>> run = kerasnn.train("adult.csv", target="income")  # doctest: +SKIP
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Unpack, cast

from kerasnn import models
from kerasnn.config.arguments import refuse_unknown
from kerasnn.config.config import Config
from kerasnn.config.settings import Settings, collect, of_rows
from kerasnn.config.train_settings import TrainSettings
from kerasnn.data.readers.inputs import as_sources
from kerasnn.datasets.forecast import read_series
from kerasnn.datasets.tabular import read_table
from kerasnn.errors import ConfigError, KerasnnWarning
from kerasnn.layers.weights_files import check_weights_file
from kerasnn.options import ForecastOptions
from kerasnn.runs.paths import check_output, open_folder, resumed_settings
from kerasnn.runtime import backend
from kerasnn.runtime.phases import Phases
from kerasnn.trainers import ensemble_plan
from kerasnn.training.progress import announce
from kerasnn.training.tensorboard import check_folder, check_installed

if TYPE_CHECKING:
    from kerasnn.runs.forecast import ForecastRun
    from kerasnn.runs.tabular import Run


@refuse_unknown(TrainSettings)
def train(
    data: Any = None,
    *,
    target: Any = None,
    validation: Any = None,
    test: Any = None,
    task: str | None = None,
    model: str | None = None,
    columns: Mapping[str, str] | None = None,
    horizon: int | None = None,
    set: Mapping[str, Any] | None = None,
    config: str | os.PathLike[str] | Mapping[str, Any] | Settings | None = None,
    output: str | os.PathLike[str] | None = None,
    seed: int | None = None,
    time_limit_s: float | None = None,
    progress: bool = False,
    **settings: Unpack[TrainSettings],
) -> Run | ForecastRun:
    """Train a network on a table, and score it on rows that it has not seen.

    With a horizon, rows are time steps of one or many series, and what is to come is forecast.

    Args:
        data: Path, ``-``, DataFrame of pandas, polars or Arrow, dict of arrays, list of records,
            matrix, or a list, an array or a Series of texts, series or images.
        target: Column to be predicted, or its values, one a row of ``data``.
        validation: Table of rows that pick the best epoch, in place of a share of ``data``; or a
            pair ``(X, y)``.
        test: Table of rows for the scores, likewise.
        task: ``binary``, ``multiclass``, ``multilabel`` or ``regression``; inferred if None. For
            ``multilabel`` a cell of the target holds any number of labels: text with ``|``, ``;``
            or ``,`` between them (then the task must be given), a list, or a vector of 0 and 1.
        model: A name of `kerasnn.models.names`, or ``auto``, which goes by the data.
        columns: Kinds of columns, by name, where the inferred one is wrong.
        horizon: Points in time to forecast ahead.
        set: Hyper-parameters and any other key of the configuration, bare or dotted.
        config: A configuration to start from.
        output: Folder of the run. If None, a path makes a new one in ``runs/``; a table in
            memory makes none, and the run is in memory.
        seed: Seed of everything random, 0 to 2³² − 1.
        time_limit_s: Maximum number of seconds of the run: reading, training, baselines, report.
        progress: True to show a progress bar.
        **settings: Any of the arguments below.
        profile: One of the sizes that the model comes in, such as ``small``.
        drop: Columns to leave out.
        series: Columns that name the series of a row, where each row is a time step.
        time: Column of the time, by which the points of a series are ordered.
        targets: Columns to forecast together, in place of the one target.
        future_covariates: Columns of numbers that are known ahead too, such as holidays.
        lookback: Points in time to look back; by the horizon and the season if None.
        frequency: Distance between time steps, such as ``h``, ``W`` or ``MS``; found if None.
        season: Points in time of a season; found if None.
        coverage: Share of future values that the intervals are to hold, in (0, 1).
        split: ``random``, ``stratified``, or ``group:COLUMN``, ``time:COLUMN``, ``column:COLUMN``.
        force: Replace a run that is in the folder.
        resume: Folder of a run that was stopped, or that is to have more epochs.
        baselines: True to score simple models on the same rows too.
        tensorboard: True to write logs for TensorBoard.
        ensemble: Networks that are trained one after the other and averaged, 1 to 64; of the same
            model, or of those that ``run.members`` names in turn.
        encoding: Encoding of text files.
        delimiter: Delimiter of text files.

    Raises:
        DataError: The table can't be learned from.
        ConfigError: An argument is wrong.
        StorageError: The folder can't be written; this is found out before the training.
    """
    phases = Phases.begin()
    backend.check_backend()
    resume, force = settings.get("resume"), settings.get("force", False)
    sources, target = as_sources({"data": data, "validation": validation, "test": test}, target)
    chosen_settings = collect(
        {
            **of_rows(data, validation, test, settings.get("split")),
            "data.target": target,
            "data.task": task,
            "data.columns": columns,
            "data.drop": settings.get("drop"),
            "data.encoding": settings.get("encoding"),
            "data.delimiter": settings.get("delimiter"),
            "forecast.series": settings.get("series"),
            "forecast.time": settings.get("time"),
            "forecast.horizon": horizon,
            "forecast.targets": settings.get("targets"),
            "forecast.future_covariates": settings.get("future_covariates"),
            "forecast.lookback": settings.get("lookback"),
            "forecast.frequency": settings.get("frequency"),
            "forecast.season": settings.get("season"),
            "forecast.coverage": settings.get("coverage"),
            "model.name": model,
            "model.profile": settings.get("profile"),
            "run.output": output,
            "run.seed": seed,
            "run.time_limit_s": time_limit_s,
            "run.baselines": settings.get("baselines"),
            "run.tensorboard": settings.get("tensorboard"),
            "run.ensemble": settings.get("ensemble"),
        },
        set=set,
        config=resumed_settings(resume, config) if resume is not None else config,
    )
    with noting_warnings() as noted:
        if pretrained := chosen_settings.chosen.get("training.pretrained"):
            _check_weights_file(pretrained.value)
        if chosen_settings.forecast.horizon:
            _check_no_ensemble(chosen_settings)
            panel, chosen = read_series(chosen_settings, sources)
            check_run(chosen, resume=resume, force=force)
            _end_reading(phases)
            from kerasnn.trainers.forecast import train_forecaster

            return train_forecaster(
                panel, chosen, noted, phases, resume=resume, force=force, progress=progress
            )
        _check_no_forecast(chosen_settings)
        ensemble_plan.check(chosen_settings)
        table, chosen = read_table(chosen_settings, sources)
        if progress:
            _tell_choices(chosen)
        check_run(chosen, resume=resume, force=force)
        _end_reading(phases)
        from kerasnn.trainers.tabular import train_on

        folder = open_folder(chosen, resume=resume, force=force)
        if folder and chosen.run.tensorboard:
            check_folder(folder.path)
        if folder and resume is not None:
            chosen = folder.recall_choice(chosen)
        with folder.locked() if folder else ExitStack():
            return train_on(
                table,
                chosen,
                folder,
                noted,
                progress=progress,
                phases=phases,
                resumes=resume is not None,
            )


def forecast(
    data: Any,
    target: Any,
    horizon: int,
    *,
    time: str | None = None,
    series: str | Sequence[str] | None = None,
    model: str | None = None,
    output: str | os.PathLike[str] | None = None,
    **settings: Any,
) -> ForecastRun:
    """Train a network to forecast one or many time series, and score it on their last time steps.

    The same as `kerasnn.train` with a horizon. The model ``auto`` is chosen by a rolling back-test;
    intervals are calibrated on time steps that no network was trained on.

    Args:
        data: Path, ``-``, DataFrame or dict of arrays with one row for each time step and series.
        target: Name of the column that is forecast.
        horizon: Number of time steps to forecast; >= 1.
        time: Column of the time; the only column of dates if None.
        series: Columns that name the series of a row; None for a single series.
        model: Name of a model that forecasts, or ``auto``; see `kerasnn.models.names`.
        output: Folder of the run. If None, a path makes a new one in ``runs/``; a table in
            memory makes none, and the run is in memory.
        **settings: Further arguments of `kerasnn.train`.

    Raises:
        DataError: The rows are no regular time series, or too few.
        ConfigError: An argument is wrong.
        StorageError: The folder can't be written; this is found out before the training.

    >>> import kerasnn
    >>> run = kerasnn.forecast("airline.csv", "passengers", 12)  # doctest: +SKIP
    """
    run = train(
        data,
        target=target,
        horizon=horizon,
        time=time,
        series=series,
        model=model,
        output=output,
        **settings,
    )
    return cast("ForecastRun", run)


def check_run(config: Config, *, resume: str | os.PathLike[str] | None, force: bool) -> None:
    """Raise for a run that can't be written, or lacks a package."""
    if config.run.tensorboard:
        check_installed()
    if resume is None:
        check_output(config, force=force)


def _end_reading(phases: Phases) -> None:
    """Import Keras, whose seconds are part of the start."""
    phases.end("reading")
    if backend.start_keras():
        phases.end("start")


def _tell_choices(config: Config) -> None:
    """Say what was chosen by the data."""
    if config.choice and config.choice.by_cost:
        announce(f"auto chose {config.choice.reason}")
    for reason in config.reasons:
        announce(reason)


_ONLY_FORECASTS = (
    *("targets", "future_covariates", "lookback", "frequency", "season"),
    *("transform", "coverage", "windows"),
)


def _check_no_forecast(settings: Settings) -> None:
    """Raise if what was chosen makes sense with a horizon only.

    Raises:
        ConfigError: The horizon is missing.
    """
    options, plain = settings.forecast, ForecastOptions()
    wanted = [
        f"`forecast.{name}`"
        for name in _ONLY_FORECASTS
        if getattr(options, name) != getattr(plain, name)
    ]
    if settings.data.task == "forecast":
        wanted.append("the task 'forecast'")
    if settings.names_model and models.data_of(settings.model_name) == "forecast":
        wanted.append(f"the model '{settings.model_name}'")
    if wanted:
        hint = "set `forecast.horizon` to how many time steps are to be forecast"
        raise ConfigError(f"{wanted[-1]} needs a horizon", hint=hint)


def _check_no_ensemble(settings: Settings) -> None:
    if settings.run.ensemble > 1 or settings.run.members:
        hint = "leave it out, or choose the model 'forecast_ensemble'"
        raise ConfigError(
            "`run.ensemble` is not for forecasts, which 'forecast_ensemble' averages", hint=hint
        )


def _check_weights_file(path: str | None) -> None:
    """Before anything is read: images take long."""
    if path is not None:
        check_weights_file(path)


@contextmanager
def noting_warnings() -> Iterator[list[str]]:
    """Pass warnings on, and note ours for the report."""
    noted: list[str] = []
    shown = warnings.showwarning

    def note(message: Any, category: type[Warning], *rest: Any, **named: Any) -> None:
        if issubclass(category, KerasnnWarning):
            noted.append(str(message))
        shown(message, category, *rest, **named)

    warnings.showwarning = note
    try:
        yield noted
    finally:
        warnings.showwarning = shown
