"""`kerasnn report`."""

from __future__ import annotations

import click

from kerasnn.cli.checks import check_run
from kerasnn.cli.completions import complete_runs
from kerasnn.cli.options import State, command, option
from kerasnn.files.storage import check_output


@command(examples=["kerasnn report runs/adult-mlp-1 --output adult.html"])
@click.argument("run", type=click.Path(), shell_complete=complete_runs)
@option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(),
    group="Output",
    help="File for the page; report.html in the folder of the run otherwise.",
)
@option("--force", is_flag=True, group="Output", help="Replace an existing file.")
@click.pass_context
def report(context: click.Context, run: str, *, output: str | None, force: bool) -> None:
    """Write the report of a run as one page for a browser.

    RUN is the folder of a run.
    """
    check_run(run)
    if output is not None:
        check_output(output, force=force)
    import kerasnn

    path = kerasnn.load(run).report(output, force=force)
    if not context.ensure_object(State).quiet:
        click.echo(path)
