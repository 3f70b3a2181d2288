"""`kerasnn inspect`."""

from __future__ import annotations

import click

from kerasnn.cli.checks import check_run
from kerasnn.cli.completions import complete_runs
from kerasnn.cli.options import command, json_option, print_json


@command(examples=["kerasnn inspect runs/adult-mlp-1", "kerasnn inspect stranger.kerasnn --json"])
@click.argument("run", type=click.Path(), shell_complete=complete_runs)
@json_option
def inspect(run: str, *, as_json: bool) -> None:
    """Print what is in a bundle, without building its network.

    RUN is the folder of a run or its model.kerasnn.
    """
    check_run(run)
    from kerasnn.bundle.members import read_members
    from kerasnn.bundle.summary import summary

    if as_json:
        print_json(_plain(read_members(run)))
    else:
        click.echo(summary(run))


def _plain(members: dict[str, bytes]) -> dict[str, object]:
    """The members that are plain data, without the report data."""
    from kerasnn.bundle.members import parse

    return {
        name.removesuffix(".json"): parse(members, name)
        for name in members
        if name.endswith(".json") and name != "report.json"
    }
