"""`kerasnn evaluate`."""

from __future__ import annotations

import click

from kerasnn.cli.completions import complete_runs
from kerasnn.cli.options import (
    State,
    command,
    format_options,
    json_option,
    option,
    print_json,
)


@command(
    examples=[
        "kerasnn evaluate runs/adult-mlp-1",
        "kerasnn evaluate runs/adult-mlp-1 new.csv --by region",
        "kerasnn evaluate runs/photos-airbench-1 photos/test",
        "kerasnn evaluate runs/adult-mlp-1 --cost fp=1,fn=5 --save",
        "kerasnn evaluate runs/adult-mlp-1 --fail-under auc=0.9 --quiet",
    ]
)
@click.argument("run", type=click.Path(), shell_complete=complete_runs)
@click.argument("data", required=False, type=click.Path())
@option(
    "--by",
    metavar="COLUMN",
    group="Scores",
    help="Column for whose values scores are given separately.",
)
@option(
    "--cost",
    metavar="fp=COST,fn=COST",
    group="Scores",
    help="Choose the decision threshold by the costs of errors, such as fp=1,fn=5.",
)
@option(
    "--threshold",
    metavar="f1|NUMBER",
    group="Scores",
    help="Decision threshold between 0 and 1, or f1 to choose it by F1.",
)
@option(
    "--save",
    is_flag=True,
    group="Scores",
    help="Keep the chosen threshold in the run, for 'predict' and 'export'.",
)
@option(
    "--fail-under",
    metavar="METRIC=VALUE",
    multiple=True,
    group="Scores",
    help="Exit with code 1 if a score is worse than this bound. May be repeated.",
)
@format_options
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
    save: bool,
    fail_under: tuple[str, ...],
    encoding: str | None,
    delimiter: str | None,
    as_json: bool,
) -> None:
    """Score a run on its held-back rows, or on DATA.

    With --cost or --threshold, classes are decided by another threshold than one half. It is chosen
    on validation rows, as they were predicted before any network learned from them; what it costs
    is measured on the rows that are scored. --save keeps it.

    RUN is the folder of a run or its model.kerasnn; DATA is a table with the target, or a
    folder with one subfolder of images a class.
    """
    from kerasnn.calibration.temperature import parse_costs
    from kerasnn.cli.checks import (
        check_column,
        check_decision,
        check_rows_of,
        check_run,
        check_table,
    )
    from kerasnn.metrics.conditions import parse_condition

    check_run(run)
    check_table(data, encoding=encoding)
    form = {"encoding": encoding, "delimiter": delimiter}
    schema = check_rows_of(run, data, **form, target=True)
    check_decision(schema, by=by, costs=cost, threshold=threshold, save=save)
    for condition in fail_under:
        parse_condition(condition, schema.target.task if schema else "forecast")
    if by is not None:
        check_column(by, run, data, **form)
    import kerasnn

    costs = parse_costs(cost) if cost else None
    scores = kerasnn.load(run).evaluate(
        data,
        by=by,
        costs=costs,
        threshold=threshold,
        save=save,
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
