"""`kerasnn compare`."""

from __future__ import annotations

import click

from kerasnn.cli.checks import check_run
from kerasnn.cli.completions import complete_runs
from kerasnn.cli.options import command, json_option, print_json


@command(examples=["kerasnn compare runs/adult-mlp-1 runs/adult-resnet-1"])
@click.argument("runs", type=click.Path(), nargs=-1, required=True, shell_complete=complete_runs)
@json_option
def compare(runs: tuple[str, ...], *, as_json: bool) -> None:
    """Print the scores of several runs side by side.

    RUNS are folders of runs; the best value of each metric has a star.
    """
    for run in runs:
        check_run(run)
    from kerasnn.runs.comparison_table import read_scores, side_by_side

    scores = {run.rstrip("/"): read_scores(run) for run in runs}
    if as_json:
        print_json({run: each.to_dict() for run, each in scores.items()})
    else:
        click.echo(side_by_side(scores))
