"""`kerasnn evaluate`."""

from __future__ import annotations

import click

from kerasnn.cli.completions import complete_runs
from kerasnn.cli.options import State, command, json_option, option, print_json, start_keras


@command(
    examples=[
        "kerasnn evaluate runs/adult-mlp-1",
        "kerasnn evaluate runs/adult-mlp-1 new.csv --by region",
        "kerasnn evaluate runs/photos-airbench-1 photos/test",
        "kerasnn evaluate runs/adult-mlp-1 --cost fp=1,fn=5",
        "kerasnn evaluate runs/adult-mlp-1 --fail-under auc=0.9 --quiet",
    ]
)
@click.argument("run", type=click.Path(), shell_complete=complete_runs)
@click.argument("data", required=False, type=click.Path())
@option("--by", metavar="COLUMN", group="Scores", help="Score each value of a column apart.")
@option(
    "--cost",
    metavar="fp=COST,fn=COST",
    group="Scores",
    help="Choose the decision threshold by what errors cost.",
)
@option(
    "--threshold",
    metavar="f1|NUMBER",
    group="Scores",
    help="Choose the decision threshold by F1, or set it.",
)
@option(
    "--fail-under",
    metavar="METRIC=VALUE",
    multiple=True,
    group="Scores",
    help="Exit with 1 when a score is worse than this. May be repeated.",
)
@option("--encoding", metavar="NAME", group="Data", help="Of a text file; as in training.")
@option("--delimiter", metavar="TEXT", group="Data", help="Between the columns; as in training.")
@json_option
@click.pass_context
def evaluate(
    context: click.Context,
    run: str,
    data: str | None,
    *,
    by: str | None,
    cost: str | None,
    threshold: str | None,
    fail_under: tuple[str, ...],
    encoding: str | None,
    delimiter: str | None,
    as_json: bool,
) -> None:
    """Score a run on its held-back rows, or on DATA.

    RUN is the folder of a run or its model.kerasnn; DATA is a table with the target, or a
    folder with one subfolder of images a class.
    """
    from kerasnn.cli.checks import check_run, check_table

    check_run(run)
    check_table(data, encoding=encoding)
    start_keras(context)
    import kerasnn
    from kerasnn.evaluation.calibration import parse_costs
    from kerasnn.evaluation.conditions import parse_condition

    # A misspelt metric is told before the network is loaded, one of another task after it.
    for condition in fail_under:
        parse_condition(condition)
    costs = parse_costs(cost) if cost else None
    scores = kerasnn.load(run).evaluate(
        data,
        by=by,
        costs=costs,
        threshold=threshold,
        encoding=encoding,
        delimiter=delimiter,
    )
    if as_json:
        print_json(scores.to_dict())
    elif not context.ensure_object(State).quiet:
        click.echo(scores.table())
    conditions = [parse_condition(text, scores.task) for text in fail_under]
    failures = [text for item in conditions if (text := item.failure(scores.values))]
    for text in failures:
        click.echo(f"error: {text}", err=True)
    if failures:
        context.exit(1)
