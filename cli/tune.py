"""`kerasnn tune`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from kerasnn.cli.completions import complete_runs
from kerasnn.cli.options import (
    Option,
    State,
    assignment,
    chosen,
    command,
    duration,
    json_option,
    option,
    print_json,
)
from kerasnn.cli.train import source_of, split_values
from kerasnn.cli.train import train as train_command
from kerasnn.config.settings import collect

# What has no key of its own, and what a search has no use for.
_WITHOUT_KEY = {"split", "assignments", "config", "force"}
_LEFT_OUT = {"run.time_limit_s", "run.tensorboard", "run.ensemble"}


def shared_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of `kerasnn train` that say what is the same in all trials."""
    for parameter in reversed(train_command.params):
        if not isinstance(parameter, Option) or parameter.group == "Forecasts":
            continue
        if parameter.name in _WITHOUT_KEY or (parameter.key and parameter.key not in _LEFT_OUT):
            parameters = function.__dict__.setdefault("__click_params__", [])
            parameters.append(parameter)
    return function


@command(
    examples=[
        "kerasnn tune adult.csv --target income --time-limit 30m",
        "kerasnn tune prices.csv --target price --model resnet --trials 50 --set epochs=40",
        'kerasnn tune adult.csv --target income --search width="{64, 128}" '
        '--search learning_rate="log [1e-4, 1e-2]"',
        "kerasnn tune --resume runs/adult-mlp-1 --time-limit 1h",
    ]
)
@click.argument("data", required=False, type=click.Path())
@option(
    "--time-limit",
    type=duration,
    metavar="TIME",
    key="run.time_limit_s",
    group="Search",
    help="Time limit of all trials and the final training, such as 30m or 2h.",
)
@option(
    "--trials",
    type=click.IntRange(min=1),
    metavar="N",
    group="Search",
    help="Maximum number of trials.",
)
@option(
    "--search",
    "searches",
    type=assignment,
    metavar="KEY=SPACE",
    multiple=True,
    group="Search",
    help='Range to search: "[0, 0.5]", "log [0.001, 0.1]", "int [1, 4]" or "{64, 128}". '
    "May be repeated.",
)
@option(
    "--resume",
    type=click.Path(),
    shell_complete=complete_runs,
    metavar="RUN",
    group="Search",
    help="Folder of a search to go on with, with more trials or time if wanted.",
)
@shared_options
@json_option
@click.pass_context
def tune(
    context: click.Context,
    data: str | None,
    *,
    trials: int | None,
    searches: tuple[tuple[str, str], ...],
    resume: str | None,
    split: str | None,
    assignments: tuple[tuple[str, str], ...],
    config: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Search for the hyper-parameters of a network, and train it with the best.

    The first trial has the defaults; validation rows judge, and the test rows are seen at the end.
    What comes out is a run like that of 'kerasnn train', with all trials in tuning.csv and in its
    report.

    DATA is as for 'kerasnn train'; forecasts can't be tuned.
    """
    values = {**chosen(context), **split_values(split), "data.source": data}
    settings = collect(values, set=dict(assignments), config=config, origin="command line")
    source = source_of(context, settings, resume, several=False)
    import kerasnn

    state = context.ensure_object(State)
    run = kerasnn.tune(
        source,
        config=settings,
        search=dict(searches),
        trials=trials,
        resume=resume,
        force=force,
        progress=not state.quiet,
    )
    told = run.bundle.report["tuning"]
    if as_json:
        scores = run.scores.to_dict() if run.scores else None
        print_json({"run": str(run.folder), "scores": scores, "tuning": told})
    elif not state.quiet:
        click.echo(run.summary())
    if run.interrupted or told["stopped"] == "interrupted":
        click.echo(f"interrupted – to go on: kerasnn tune --resume {run.folder}", err=True)
        context.exit(130)
