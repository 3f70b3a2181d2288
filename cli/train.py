"""`kerasnn train`."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import get_args

import click

from kerasnn.cli.checks import check_names, check_run
from kerasnn.cli.completions import complete_runs
from kerasnn.cli.options import (
    State,
    assignment,
    chosen,
    column_kind,
    command,
    duration,
    json_option,
    memory,
    option,
    print_json,
)
from kerasnn.config.config import AUTO
from kerasnn.config.settings import Settings, collect
from kerasnn.constraints import fields_of
from kerasnn.data.readers.folders import check_has_classes, default_target
from kerasnn.data.readers.sources import check_source
from kerasnn.signature import Kind, Task


def _model_names() -> list[str]:
    from kerasnn import models

    return [AUTO, *models.names()]


def _choices(section: str, name: str) -> Iterable[str]:
    return get_args(fields_of(section)[name])


data_option = partial(option, group="Data")
split_option = partial(option, group="Split")
sequence_option = partial(option, group="Sequences")
forecast_option = partial(option, group="Forecasts")
training_option = partial(option, group="Network and training")
run_option = partial(option, group="Run")


def _epochs(text: str) -> str:
    """None would be trained; in the configuration, 0 means that the data decide."""
    if text.strip() == "0":
        raise click.BadParameter("0 epochs train nothing; without the option, the data decide")
    return text


def _rate(text: str) -> str:
    """The finder is what a rate of 0 asks for."""
    return "0" if text == "find" else text


@command(
    examples=[
        "kerasnn train adult.csv --target income",
        "kerasnn train prices.parquet --target price --model resnet --set width=128 --epochs 50",
        "kerasnn train prices.csv --target price --model mlp --ensemble 4",
        "kerasnn train visits.csv --target returned --split group:patient --drop id",
        "kerasnn train photos/train --test photos/test --time-limit 10m",
        "kerasnn train steps.csv --target walker --series walk --time second",
        "kerasnn train weather.csv --target temp --series origin --horizon 24",
        "kerasnn train --config runs/adult-mlp-1/config.yaml",
        "kerasnn train --resume runs/adult-mlp-1 --epochs 300",
    ]
)
@click.argument("data", required=False, type=click.Path())
@data_option(
    "--target",
    metavar="COLUMN",
    key="data.target",
    help="Column to predict; in a folder of images, their class.",
)
@data_option(
    "--task",
    metavar="|".join(get_args(Task)),
    key="data.task",
    choices=lambda: get_args(Task),
    help="Kind of prediction; inferred from the target otherwise.",
)
@data_option(
    "--column",
    type=column_kind,
    metavar="NAME=KIND",
    multiple=True,
    key="data.columns",
    help=f"Kind of a column: {', '.join(get_args(Kind))}. May be repeated.",
)
@data_option(
    "--drop",
    metavar="COLUMN",
    multiple=True,
    key="data.drop",
    help="Leave a column out. May be repeated.",
)
@data_option(
    "--encoding",
    metavar="NAME",
    key="data.encoding",
    help="Encoding of text files, such as cp1252.",
)
@data_option(
    "--delimiter",
    metavar="TEXT",
    key="data.delimiter",
    help="Character between the columns, such as ';'.",
)
@data_option(
    "--strict",
    is_flag=True,
    default=None,
    key="data.strict",
    help="Stop at an image that can't be read; it is left out otherwise.",
)
@split_option(
    "--validation",
    type=click.Path(),
    metavar="FILE|FOLDER",
    key="data.validation",
    help="Rows that choose the best epoch, in place of a share of DATA.",
)
@split_option(
    "--test",
    type=click.Path(),
    metavar="FILE|FOLDER",
    key="data.test",
    help="Rows for the scores, in place of a share of DATA.",
)
@split_option(
    "--split",
    metavar="KIND[:COLUMN]",
    choices=lambda: _choices("split", "kind"),
    help="random, stratified, or group, time or column with the name of a column.",
)
@sequence_option(
    "--series",
    metavar="COLUMN",
    multiple=True,
    key="forecast.series",
    help="Column that names the series of a row. May be repeated.",
)
@sequence_option(
    "--time",
    metavar="COLUMN",
    key="forecast.time",
    help="Column of times, by which the points of a series are ordered.",
)
@forecast_option(
    "--horizon",
    type=click.IntRange(min=1),
    metavar="N",
    key="forecast.horizon",
    help="Number of time steps to forecast; without it, rows are predicted one by one.",
)
@forecast_option(
    "--targets",
    metavar="COLUMN,COLUMN",
    key="forecast.targets",
    help="Forecast several columns together.",
)
@forecast_option(
    "--future-covariates",
    metavar="COLUMN",
    multiple=True,
    key="forecast.future_covariates",
    help="Column whose future values are known, such as holidays. May be repeated.",
)
@forecast_option(
    "--lookback",
    type=click.IntRange(min=1),
    metavar="N",
    key="forecast.lookback",
    help="Number of past time steps that a forecast uses; chosen by the horizon and the season otherwise.",
)
@forecast_option(
    "--frequency",
    metavar="NAME",
    key="forecast.frequency",
    help="Distance between time steps, such as 15min, h, D, W or MS; inferred otherwise.",
)
@forecast_option(
    "--season",
    type=click.IntRange(min=1),
    metavar="N",
    key="forecast.season",
    help="Number of time steps of a season, 1 for none; inferred otherwise.",
)
@forecast_option(
    "--coverage",
    metavar="SHARE",
    key="forecast.coverage",
    help="Coverage of the prediction intervals of a forecast, such as 0.8.",
)
@training_option(
    "--model",
    metavar="NAME",
    key="model.name",
    choices=_model_names,
    help="A model of the zoo, see 'kerasnn models'; or auto, by the data and the machine.",
)
@training_option(
    "--profile",
    metavar="NAME",
    key="model.profile",
    help="A size of the model, such as small; see 'kerasnn models NAME'.",
)
@training_option(
    "--ensemble",
    metavar="N",
    key="run.ensemble",
    help="Number of networks to train and average, 1 to 64.",
)
@training_option(
    "--set",
    "assignments",
    type=assignment,
    metavar="KEY=VALUE",
    multiple=True,
    help="Set a hyper-parameter or any key of the configuration. May be repeated.",
)
@training_option(
    "--epochs",
    type=_epochs,
    metavar="N",
    key="training.epochs",
    help="Maximum number of epochs; chosen by the data and the model otherwise.",
)
@training_option(
    "--batch-size",
    metavar="N",
    key="training.batch_size",
    help="Number of rows of a training step.",
)
@training_option(
    "--learning-rate",
    type=_rate,
    metavar="RATE",
    key="training.learning_rate",
    help="Learning rate, or 'find' to search for one.",
)
@training_option(
    "--patience",
    metavar="N",
    key="training.patience",
    help="Number of epochs without improvement before training stops; 0 never stops early.",
)
@training_option(
    "--augment",
    metavar="none|light|strong|NAME,…",
    key="training.augment",
    help="Random changes of training images; chosen by the data otherwise.",
)
@training_option(
    "--target-transform",
    metavar="auto|none|log|yeo_johnson|quantile",
    key="preprocessing.target_transform",
    choices=lambda: _choices("preprocessing", "target_transform"),
    help="Transform of a numeric target, which predictions undo; by the data otherwise.",
)
@training_option(
    "--class-weight",
    metavar="none|balanced",
    key="training.class_weight",
    choices=lambda: _choices("training", "class_weight"),
    help="Weigh classes by the inverse of their frequency.",
)
@run_option(
    "--time-limit",
    type=duration,
    metavar="TIME",
    key="run.time_limit_s",
    help="Time limit of the whole run, such as 30s, 10m or 1h.",
)
@run_option(
    "--memory",
    type=memory,
    metavar="SIZE",
    key="run.memory_gb",
    help="Memory for decoded images, such as 500MB or 2GB; what does not fit is kept on disk.",
)
@run_option("--seed", metavar="N", key="run.seed", help="Seed of all random numbers.")
@run_option(
    "-c",
    "--config",
    type=click.Path(),
    metavar="FILE",
    help="Configuration to start from, such as that of an earlier run.",
)
@run_option(
    "--resume",
    type=click.Path(),
    metavar="RUN",
    shell_complete=complete_runs,
    help="Folder of a stopped run to go on with.",
)
@run_option(
    "--output",
    type=click.Path(),
    metavar="FOLDER",
    key="run.output",
    help="Folder of the run; a new one in runs/ otherwise.",
)
@run_option("--force", is_flag=True, help="Replace an existing run in the folder.")
@run_option(
    "--baselines/--no-baselines",
    default=None,
    key="run.baselines",
    help="Train and score simple models on the same rows.",
)
@run_option(
    "--tensorboard/--no-tensorboard",
    default=None,
    key="run.tensorboard",
    help="Write logs for TensorBoard.",
)
@json_option
@click.pass_context
def train(
    context: click.Context,
    data: str | None,
    *,
    split: str | None,
    assignments: tuple[tuple[str, str], ...],
    config: str | None,
    resume: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Train a network on tables, images, texts, sounds or series, and score it on rows not seen before.

    DATA is a CSV, TSV, JSON lines or Parquet file, also gzipped, or - for standard input; a folder
    with one subfolder of images or WAV files a class; an .npz file with images or series x and
    labels y; or a .ts file of series.
    """
    values = {**chosen(context), **split_values(split), "data.source": data}
    settings = collect(values, set=dict(assignments), config=config, origin="command line")
    several = bool(settings.forecast.targets)
    source = source_of(context, settings, resume, several=several)
    import kerasnn

    state = context.ensure_object(State)
    run = kerasnn.train(
        source, config=settings, resume=resume, force=force, progress=not state.quiet
    )
    if as_json:
        scores = run.scores.to_dict() if run.scores else None
        print_json({"run": str(run.folder), "scores": scores})
    elif not state.quiet:
        click.echo(run.summary())
    if run.interrupted:
        click.echo(f"interrupted – to go on: kerasnn train --resume {run.folder}", err=True)
        context.exit(130)


def split_values(text: str | None) -> dict[str, str | None]:
    """The keys that ``--split`` sets."""
    kind, _, column = (text or "").partition(":")
    return {"split.kind": kind or None, "split.column": column or None}


def source_of(
    context: click.Context, settings: Settings, resume: str | None, *, several: bool
) -> str | None:
    """The file to train on; one that cannot be a table, or lacks a column, is an error at once."""
    data = settings.data
    if resume is not None:
        check_run(resume, unfinished=True)
    if data.source is None and resume is None:
        raise click.UsageError("DATA is missing", context)
    named = data.target or default_target(data.source)
    if data.source is not None and not (named or several) and resume is None:
        check_has_classes(data.source)
        raise click.UsageError("--target is missing", context)
    for path in (data.source, data.validation, data.test):
        if path is not None:
            check_source(path, encoding=data.encoding)
    check_names(settings, data.source if resume is None else None)
    source: str | None = data.source
    return source
