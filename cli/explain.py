"""`kerasnn explain`."""

from __future__ import annotations

import click

from kerasnn.cli import wording
from kerasnn.cli.checks import check_run, check_tables
from kerasnn.cli.options import State, command, option, start_keras


@command(
    examples=[
        "kerasnn explain runs/photos-airbench-1 cat.jpg --output explained",
        "kerasnn explain runs/photos-airbench-1 cat.jpg --class dog",
        "kerasnn explain runs/photos-airbench-1 --list-layers",
    ]
)
@click.argument("run", type=click.Path())
@click.argument("images", type=click.Path(), nargs=-1)
@option(
    "--class",
    "about",
    metavar="NAME",
    group="Looking",
    help="Show what speaks for this class; for the likeliest one otherwise.",
)
@option(
    "--layer",
    metavar="NAME",
    group="Looking",
    help="Look at this layer, and draw its maps into a second picture.",
)
@option("--list-layers", is_flag=True, group="Looking", help="Print the layers that have maps.")
@option(
    "-o",
    "--output",
    metavar="FOLDER",
    type=click.Path(),
    default=".",
    group="Output",
    help="Where the pictures go; the current folder otherwise.",
)
@option("--force", is_flag=True, group="Output", help="Replace pictures that are there.")
@click.pass_context
def explain(
    context: click.Context,
    run: str,
    images: tuple[str, ...],
    *,
    about: str | None,
    layer: str | None,
    list_layers: bool,
    output: str,
    force: bool,
) -> None:
    """Show where in an image a network sees what it says.

    RUN is the folder of a run or its model.kerasnn; IMAGES are images and folders of images, or a
    table with all columns of a run that has others beside its images. A picture is drawn of each:
    the image, what in it speaks for the class (Grad-CAM; for networks without convolutions the
    gradient), and the likeliest classes. Printed are, with tabs between them, the path, the
    prediction, its probability, and the files.
    """
    check_run(run)
    if not images and not list_layers:
        raise click.UsageError("name an image, or give --list-layers", context)
    check_tables(images)
    start_keras(context)
    import kerasnn

    loaded = kerasnn.load(run)
    if list_layers:
        for name, shape in loaded.layers().items():
            click.echo(f"{wording.line(name)}\t{' × '.join(map(str, shape))}")
        return
    source = images[0] if len(images) == 1 else list(images)
    for done in loaded.explain_files(source, output, about=about, layer=layer, force=force):
        if not context.ensure_object(State).quiet:
            click.echo("\t".join(wording.line(cell) for cell in done.cells()))
