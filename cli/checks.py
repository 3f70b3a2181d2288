"""Checks of the paths that a command was given, before anything heavy is imported."""

from __future__ import annotations

import difflib
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasnn.data.readers.folders import default_target, is_media_source
from kerasnn.data.readers.sources import check_source
from kerasnn.errors import (
    ConfigError,
    DataError,
    UnknownNameError,
)
from kerasnn.files.storage import open_file

if TYPE_CHECKING:
    from kerasnn.config.settings import Settings
    from kerasnn.data.schema import Schema

# Of the folder of a run; what imports Keras has these names too, and a test compares them.
HOLDOUT, PART_COLUMN = "holdout.parquet", "kerasnn:part"


def check_tables(paths: tuple[str, ...], *, encoding: str | None = None) -> None:
    """Raise if a file can be neither table nor image nor sound, or a table is one of several."""
    for path in paths:
        check_source(path, encoding=encoding)
        if len(paths) > 1 and not is_media_source(path):
            hint = "give one table, or images, sounds and folders of these"
            raise DataError("a table among several sources", location=path, hint=hint)


def check_table(path: str | None, *, encoding: str | None = None) -> None:
    """Raise if a file cannot be a table; its text is not looked at where the run knows it."""
    if path is not None:
        check_source(path, encoding=encoding)


def check_run(path: str, *, unfinished: bool = False) -> None:
    """Raise if there is neither the folder of a run nor a bundle.

    Args:
        path: Path of the run's folder or of the bundle.
        unfinished: True to accept a run that has no bundle yet.
    """
    run = Path(path)
    if not run.exists():
        names = [item.name for item in run.parent.glob("*") if item.is_dir()]
        close = difflib.get_close_matches(run.name, names, n=1)
        hint = f"did you mean '{run.parent / close[0]}'?" if close else "check the path"
        raise DataError("no such run", location=path, hint=hint)
    signs = ["config.yaml"] if unfinished else ["model.kerasnn", "manifest.json"]
    if run.is_dir() and not any((run / name).exists() for name in signs):
        raise DataError(
            f"not the folder of a run: there is no {signs[0]} in it",
            location=path,
            hint="name a folder that training made",
        )


def check_names(settings: Settings, source: str | None) -> None:
    """Raise if a setting names no column of a file, by its first line.

    Args:
        settings: Chosen settings.
        source: Path of the training data; None where an earlier run names it.
    """
    settings.check()
    options, forecast, split = settings.data, settings.forecast, settings.split
    frame = _empty(source, encoding=options.encoding, delimiter=options.delimiter)
    target = options.target or default_target(source)
    if frame is None:
        return
    names = list(frame.columns)
    for name in (*forecast.series, *([forecast.time] if forecast.time else [])):
        if name not in names:
            raise UnknownNameError("column", name, names, location=source)
    if forecast.horizon:
        targets = forecast.targets or ([target] if target else [])
        for name in (*targets, *forecast.future_covariates, *options.columns, *options.drop):
            if name not in names:
                raise UnknownNameError("column", name, names)
    elif target:
        from kerasnn.data.frames import SourceTable
        from kerasnn.data.schema import check_arguments, check_target

        check_target(SourceTable(frame, str(source)), target)
        check_arguments(frame, target, None, options.columns, options.drop)
    if split.column and split.column not in names:
        raise UnknownNameError("split column", split.column, names)


def check_rows_of(
    run: str, data: str | None, *, encoding: str | None, delimiter: str | None, target: bool
) -> Schema | None:
    """Raise if a table lacks columns that a run needs, by its first line.

    Args:
        run: Path of the run's folder or of the bundle.
        data: File of the table; None for rows of the run.
        encoding: Encoding of the table; None for that of the training data, which is not checked.
        delimiter: Delimiter of the table; None for that of the training data, which is not checked.
        target: True if the table must contain the target too.

    Returns:
        The columns of the run; None if it forecasts.
    """
    from kerasnn.bundle.summary import read_outline
    from kerasnn.prediction.streaming import text_format

    schema, config = read_outline(run)
    if data is None or (schema and schema.long):
        return schema
    frame = _empty(data, **text_format(config, encoding, delimiter))
    if frame is not None:
        from kerasnn.preprocessing.preprocessor import check_columns

        if schema is None:
            forecast = config.get("forecast") or {}
            needed = [*(forecast.get("series") or ()), forecast.get("time")]
            check_columns(frame, [str(name) for name in needed if name])
            return schema
        needed = [column.name for column in schema.features]
        check_columns(frame, [*needed, *([schema.target.name] if target else [])])
    return schema


def check_explained(run: str, target_class: str | None) -> None:
    """Raise if a run has neither images nor texts, or its images lack a class to explain."""
    from kerasnn.bundle.summary import read_outline
    from kerasnn.explain.image import check_explains, check_target_class

    schema, _ = read_outline(run)
    if schema is None:
        return
    check_explains(schema)
    if any(column.kind == "image" for column in schema.features):
        check_target_class(schema, target_class)


def check_column(
    name: str, run: str, data: str | None, *, encoding: str | None, delimiter: str | None
) -> None:
    """Raise if neither a table nor the rows that a run has held back have a column."""
    path = data if data is not None else os.path.join(run, HOLDOUT)
    if data is None and os.path.isdir(run):
        with suppress(FileNotFoundError):
            open_file(path, below=Path(run)).close()
    frame = _empty(path, encoding=encoding, delimiter=delimiter)
    if frame is not None and name not in frame.columns:
        raise UnknownNameError("column", name, [c for c in frame.columns if c != PART_COLUMN])


def check_decision(
    schema: Schema | None, *, by: str | None, costs: str | None, threshold: str | None, save: bool
) -> None:
    """Raise if the options of a decision are wrong, or the target has none.

    Args:
        schema: Schema of the run; None for a forecast.
        by: Column by whose values the scores are split up.
        costs: Costs of errors as text, for `kerasnn.calibration.temperature.parse_costs`.
        threshold: ``f1`` or a number in [0, 1].
        save: True if the threshold is to be saved.
    """
    from kerasnn.calibration.temperature import check_decides, check_threshold, parse_costs

    if costs is not None:
        parse_costs(costs)
    if threshold is not None:
        check_threshold(threshold)
    if costs is not None and threshold is not None:
        raise ConfigError("costs and a threshold are two ways to decide", hint="give one of them")
    given = {"by": by, "cost": costs, "threshold": threshold}
    if schema is None and (named := [name for name, value in given.items() if value]):
        raise ConfigError(f"`{named[0]}` is not for forecasts", hint="leave it out")
    if save and costs is None and threshold is None:
        raise ConfigError(
            "there is no threshold to save", hint="choose one with --cost or --threshold"
        )
    if schema and (costs or threshold):
        check_decides(schema.target)


def _empty(path: str | None, *, encoding: str | None, delimiter: str | None, **_: Any) -> Any:
    """A frame with the columns of a file and no rows; None where they don't stand at its beginning."""
    if path is None:
        return None
    import pandas as pd

    from kerasnn.data.frames import with_origin
    from kerasnn.data.readers.encodings import AUTO
    from kerasnn.data.readers.reading import read_names

    names = read_names(path, encoding=encoding or AUTO, delimiter=delimiter)
    if names is None:
        return None
    frame = pd.DataFrame({name: pd.Series(dtype="str") for name in names})
    return with_origin(frame, path, first_row=2)
