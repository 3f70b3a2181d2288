"""`kerasnn predict`."""

from __future__ import annotations

import click

from kerasnn.cli.checks import check_run, check_table
from kerasnn.cli.options import State, command, option, start_keras


@command(
    examples=[
        "kerasnn predict runs/adult-mlp-1 new.csv --output predictions.csv",
        "zcat new.csv.gz | kerasnn predict runs/adult-mlp-1 - | head",
    ]
)
@click.argument("run", type=click.Path())
@click.argument("data", type=click.Path())
@option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(),
    default="-",
    group="Output",
    help="Where the predictions go; standard output otherwise.",
)
@option("--encoding", metavar="NAME", group="Data", help="Of a text file; as in training.")
@option("--delimiter", metavar="TEXT", group="Data", help="Between the columns; as in training.")
@option("--force", is_flag=True, group="Output", help="Replace the file.")
@click.pass_context
def predict(
    context: click.Context,
    run: str,
    data: str,
    *,
    output: str,
    encoding: str | None,
    delimiter: str | None,
    force: bool,
) -> None:
    """Predict each row of a table, in its order; memory stays bounded.

    RUN is the folder of a run or its model.kerasnn; DATA needs no target. The result has the
    column prediction and, for classes, one probability:CLASS each.
    """
    check_run(run)
    check_table(data, encoding=encoding)
    start_keras(context)
    import kerasnn

    done = kerasnn.load(run).predict_file(
        data, output, encoding=encoding, delimiter=delimiter, force=force
    )
    if output != "-" and not context.ensure_object(State).quiet:
        click.echo(f"{done.n_rows:,} rows predicted in {output}", err=True)
