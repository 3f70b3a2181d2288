"""`kerasnn predict`."""

from __future__ import annotations

import click

from kerasnn.cli.checks import check_rows_of, check_run, check_tables
from kerasnn.cli.completions import complete_runs
from kerasnn.cli.options import State, command, format_options, option
from kerasnn.errors import quantity


@command(
    examples=[
        "kerasnn predict runs/adult-mlp-1 new.csv --output predictions.csv",
        "zcat new.csv.gz | kerasnn predict runs/adult-mlp-1 - | head",
        "kerasnn predict runs/diamonds-mlp-1 new.csv --coverage 0.9",
        "kerasnn predict runs/weather-dlinear-1 recent.csv",
        "kerasnn predict runs/photos-airbench-1 new/ cat.jpg --output predictions.csv",
    ]
)
@click.argument("run", type=click.Path(), shell_complete=complete_runs)
@click.argument("data", type=click.Path(), nargs=-1, required=True)
@option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(),
    default="-",
    group="Output",
    help="File for the predictions; standard output otherwise.",
)
@option(
    "--coverage",
    metavar="SHARE",
    type=float,
    group="Output",
    help="Add prediction intervals or sets with this coverage, such as 0.9.",
)
@format_options
@option(
    "--strict",
    is_flag=True,
    group="Data",
    help="Stop at an image that can't be read; otherwise its prediction is empty.",
)
@option(
    "--spreadsheet-safe",
    is_flag=True,
    group="Output",
    help="Put an apostrophe before texts that a spreadsheet would take for formulas.",
)
@option("--force", is_flag=True, group="Output", help="Replace an existing file.")
@click.pass_context
def predict(
    context: click.Context,
    run: str,
    data: tuple[str, ...],
    *,
    output: str,
    coverage: float | None,
    encoding: str | None,
    delimiter: str | None,
    strict: bool,
    spreadsheet_safe: bool,
    force: bool,
) -> None:
    """Predict each row of a table, image, text, sound or series, in its order; memory stays bounded.

    RUN is the folder of a run or its model.kerasnn; DATA is a table, which needs no target, or
    images, WAV files and folders of these. The result has the column prediction and, for classes,
    one probability:CLASS each; for images and sounds, the column path comes first, and for a table
    with a row for each time step, what names a series. A run that forecasts takes the recent
    history of each series, and gives its values as far ahead as in training.

    With --coverage 0.9, the truth of 90 % of such rows lies between the columns lower and upper;
    for classes it is in the column set, which holds the most probable class and others as needed. Where
    the most probable class alone is right more often than asked, so is the set.
    """
    check_run(run)
    check_tables(data, encoding=encoding)
    from kerasnn.calibration.conformal import check_coverage
    from kerasnn.files.storage import check_output

    if coverage is not None:
        check_coverage(coverage)
    if output != "-":
        check_output(output, force=force)
    single = data[0] if len(data) == 1 else None
    check_rows_of(run, single, encoding=encoding, delimiter=delimiter, target=False)
    import kerasnn

    done = kerasnn.load(run).predict_file(
        data[0] if len(data) == 1 else list(data),
        output,
        coverage=coverage,
        encoding=encoding,
        delimiter=delimiter,
        strict=strict,
        force=force,
        spreadsheet_safe=spreadsheet_safe,
    )
    if output != "-" and not context.ensure_object(State).quiet:
        click.echo(f"{quantity(done.n_rows, 'row')} predicted in {output}", err=True)
