"""`kerasnn models`."""

from __future__ import annotations

from dataclasses import replace

import click

from kerasnn.cli.checks import check_table
from kerasnn.cli.completions import complete_models
from kerasnn.cli.options import command, json_option, option, print_json


@command(
    examples=[
        "kerasnn models",
        "kerasnn models resnet",
        "kerasnn models resnet --data adult.csv --target income",
    ]
)
@click.argument("name", required=False, shell_complete=complete_models)
@option(
    "--data",
    metavar="FILE",
    type=click.Path(),
    group="Size",
    help="Table for which the size of the network is computed.",
)
@option("--target", metavar="COLUMN", group="Size", help="Column to predict.")
@json_option
@click.pass_context
def models(
    context: click.Context,
    name: str | None,
    *,
    data: str | None,
    target: str | None,
    as_json: bool,
) -> None:
    """List the zoo, or show the hyper-parameters, source and size of a model.

    NAME is a model of the zoo.
    """
    check_table(data)
    if data and not (name and target):
        raise click.UsageError("--data needs NAME and --target", context)
    from kerasnn import models as zoo

    if name is None:
        _list(
            {name: (zoo.data_of(name), line) for name, line in zoo.summaries().items()},
            as_json=as_json,
        )
        return
    from kerasnn.models.card import describe, measure

    card = describe(name)
    if data and target:
        card = replace(card, size=measure(name, data, target=target))
    if as_json:
        print_json(card.to_dict())
    else:
        click.echo(card.text())


def _list(zoo: dict[str, tuple[str, str]], *, as_json: bool) -> None:
    if as_json:
        print_json({name: {"data": data, "summary": line} for name, (data, line) in zoo.items()})
        return
    width = max(map(len, zoo))
    kinds = max(len(data) for data, _ in zoo.values())
    for name, (data, line) in zoo.items():
        click.echo(f"{name:{width}}  {data:{kinds}}  {line}")
