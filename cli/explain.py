"""`kerasnn explain`."""

from __future__ import annotations

from typing import Any

import click

from kerasnn.cli import wording
from kerasnn.cli.checks import check_explained, check_run, check_tables
from kerasnn.cli.completions import complete_runs
from kerasnn.cli.options import State, assignment, command, option, print_json


@command(
    examples=[
        "kerasnn explain runs/photos-airbench-1 cat.jpg --output explained",
        "kerasnn explain runs/photos-airbench-1 cat.jpg --class dog",
        "kerasnn explain runs/photos-airbench-1 --list-layers",
        'kerasnn explain runs/reviews-fasttext-1 "It runs small, but I love it."',
        "kerasnn explain runs/reviews-fasttext-1 new.csv --output explained.html",
    ]
)
@click.argument("run", type=click.Path(), shell_complete=complete_runs)
@click.argument("data", nargs=-1)
@option(
    "--class",
    "target_class",
    metavar="NAME",
    group="Looking",
    help="Class to explain; the most probable one otherwise.",
)
@option(
    "--layer",
    metavar="NAME",
    group="Looking",
    help="Layer of an image network whose feature maps are drawn in a second picture.",
)
@option(
    "--list-layers", is_flag=True, group="Looking", help="Print the layers that have feature maps."
)
@option(
    "--other-column",
    "other_columns",
    metavar="NAME=VALUE",
    type=assignment,
    multiple=True,
    group="Looking",
    help="Value of another column of the row; missing otherwise.",
)
@option(
    "-o",
    "--output",
    metavar="PATH",
    type=click.Path(),
    group="Output",
    help="Folder for the pictures (the current one otherwise), or HTML file for explained texts.",
)
@option("--json", "as_json", is_flag=True, group="Output", help="Print the result as JSON.")
@option("--force", is_flag=True, group="Output", help="Replace existing pictures and pages.")
@click.pass_context
def explain(
    context: click.Context,
    run: str,
    data: tuple[str, ...],
    *,
    target_class: str | None,
    layer: str | None,
    list_layers: bool,
    other_columns: tuple[tuple[str, str], ...],
    output: str | None,
    as_json: bool,
    force: bool,
) -> None:
    """Show which parts of an image, or which words of a text, a prediction rests on.

    RUN is the folder of a run or its model.kerasnn. DATA are images and folders of images, texts in
    quotes, a .txt file, or a table with all columns of the run.

    A picture is drawn of each image: the regions that support the class (Grad-CAM; for networks without
    convolutions the gradient), and the most probable classes. The path, the prediction, its
    probability and the files are printed with tabs between them.

    For each text, the words with the largest effect on the prediction are printed: the effect of a
    word is how much the prediction changes when it is left out.
    """
    check_run(run)
    if not data and not list_layers:
        raise click.UsageError("name an image or a text, or give --list-layers", context)
    _check_paths(data)
    check_explained(run, target_class)
    import kerasnn

    loaded: Any = kerasnn.load(run)
    if list_layers:
        for name, shape in loaded.layers().items():
            click.echo(f"{wording.line(name)}\t{' × '.join(map(str, shape))}")
        return
    source = data[0] if len(data) == 1 else list(data)
    if getattr(loaded, "explains", None) == "text":
        if layer is not None:
            raise click.UsageError("--layer is for images, and the run is one of texts", context)
        found = loaded.explain_texts(
            source,
            output,
            target_class=target_class,
            other_columns=dict(other_columns),
            force=force,
        )
        _print_texts(found, as_json=as_json, quiet=context.ensure_object(State).quiet)
        return
    if other_columns:
        raise click.UsageError("--other-column is for texts, and the run is none of texts", context)
    drawn = loaded.explain_files(
        source, output or ".", target_class=target_class, layer=layer, force=force
    )
    _print_images(drawn, as_json=as_json, quiet=context.ensure_object(State).quiet)


def _check_paths(data: tuple[str, ...]) -> None:
    """Before anything heavy is imported: files that are not there, or are none to be explained."""
    from kerasnn.data.readers.sources import names_file

    paths = tuple(each for each in data if names_file(each))
    if len(paths) == len(data):
        check_tables(paths)


def _print_images(drawn: Any, *, as_json: bool, quiet: bool) -> None:
    found = []
    for done in drawn:
        found.append(done)
        if not as_json and not quiet:
            click.echo("\t".join(wording.line(cell) for cell in done.cells()))
    if as_json:
        print_json([done.to_dict() for done in found])


def _print_texts(explained: Any, *, as_json: bool, quiet: bool) -> None:
    from kerasnn.cli import bars

    found = []
    for each in explained:
        found.append(each)
        if not as_json and not quiet:
            click.echo("\n".join(["", *bars.shown(each)] if len(found) > 1 else bars.shown(each)))
    if as_json:
        print_json([each.to_dict() for each in found])
