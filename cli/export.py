"""`kerasnn export`."""

from __future__ import annotations

import click

from kerasnn.cli.checks import check_run
from kerasnn.cli.completions import complete_runs
from kerasnn.cli.options import State, command, json_option, option, print_json
from kerasnn.errors import UnknownNameError


def _formats() -> list[str]:
    from kerasnn import export as exporting

    return list(exporting.names())


@command(
    examples=[
        "kerasnn export runs/adult-mlp-1 --format onnx",
        "kerasnn export runs/adult-mlp-1 --format saved_model --output adult",
        "kerasnn export runs/photos-cnn-1 --format litert --int8",
    ]
)
@click.argument("run", type=click.Path(), shell_complete=complete_runs)
@option(
    "--format",
    "format_name",
    metavar="NAME",
    required=True,
    choices=_formats,
    group="Output",
    help="Format: keras, saved_model, onnx or litert.",
)
@option(
    "-o",
    "--output",
    metavar="PATH",
    type=click.Path(),
    group="Output",
    help="File or folder for the model; in the folder of the run otherwise.",
)
@option(
    "--int8",
    is_flag=True,
    group="Output",
    help="Quantize to 8-bit integers; for LiteRT and networks that take images alone.",
)
@option("--force", is_flag=True, group="Output", help="Replace an existing export.")
@json_option
@click.pass_context
def export(
    context: click.Context,
    run: str,
    *,
    format_name: str,
    output: str | None,
    int8: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Write the network with its preprocessing for another runtime, and verify it at once.

    RUN is the folder of a run or its model.kerasnn.
    """
    check_run(run)
    if format_name not in _formats():
        raise UnknownNameError("format", format_name, _formats())
    import kerasnn

    result = kerasnn.load(run).export(format_name, output, int8=int8, force=force)
    if as_json:
        print_json(result.to_dict())
    elif not context.ensure_object(State).quiet:
        click.echo(result.summary())
