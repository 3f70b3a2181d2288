"""From files or frames to one table whose rows are divided, with what its columns are."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from kerasnn import data
from kerasnn.config import Config, Settings
from kerasnn.data.frames import with_origin
from kerasnn.errors import ConfigError, DataError
from kerasnn.schema import Schema, infer
from kerasnn.splits import Parts, drop_unlabelled, split


@dataclass(frozen=True)
class Table:
    """Labelled rows, what their columns are, and which of them train, validate and test."""

    examples: data.Examples
    schema: Schema
    parts: Parts

    def rows(self, part: str) -> pd.DataFrame:
        """The rows of a part, counted from 0."""
        rows = getattr(self.parts, part)
        frame: pd.DataFrame = self.examples.frame.iloc[rows].reset_index(drop=True)
        return frame


def read_table(settings: Settings, sources: Mapping[str, Any]) -> tuple[Table, Config]:
    """Read all rows, find out what they are, and divide them."""
    config = settings.resolve()
    options = config.data
    if options.target is None:
        raise ConfigError("no target", fix="name the column to be predicted as `target`")
    given = {
        name: sources[name] if sources.get(name) is not None else path
        for name, path in (
            ("data", options.source),
            ("validation", options.validation),
            ("test", options.test),
        )
    }
    if given["data"] is None:
        raise ConfigError("no data", fix="give a path, a DataFrame or a dict of arrays as `data`")
    read = {
        name: drop_unlabelled(
            data.read(source, encoding=options.encoding, delimiter=options.delimiter),
            options.target,
        )
        for name, source in given.items()
        if source is not None
    }
    # What the columns are is decided by the rows to learn from alone.
    schema = infer(
        read["data"],
        target=options.target,
        task=options.task,
        columns=options.columns,
        drop=[*options.drop, *_split_columns(config)],
    )
    table = Table(_together(read), schema, _divide(read, schema, config))
    inferred: dict[str, Any] = {"data.task": schema.target.task} if options.task is None else {}
    inferred |= {
        f"data.columns.{column.name}": column.kind
        for column in schema.columns
        if column.name not in options.columns
    }
    return table, config.with_inferred(inferred)


def _split_columns(config: Config) -> list[str]:
    """A group or a part says which rows belong together, and nothing about new rows."""
    split_by, dropped = config.split, config.data.drop
    named = split_by.column is not None and split_by.kind in ("group", "column")
    return [str(split_by.column)] if named and split_by.column not in dropped else []


def _together(read: Mapping[str, data.Examples]) -> data.Examples:
    """All rows below each other: those to divide, those to validate with, those to test with."""
    if len(read) == 1:
        return read["data"]
    columns = list(read["data"].frame.columns)
    frames = []
    for examples in read.values():
        absent = [f"'{name}'" for name in columns if name not in examples.frame.columns]
        if absent:
            raise DataError(f"columns are missing: {', '.join(absent)}", place=examples.origin)
        frames.append(examples.frame[columns])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        frame = pd.concat(frames, ignore_index=True)
    origin = read["data"].origin
    return data.Examples(with_origin(frame, origin, first_row=2), origin)


def _divide(read: Mapping[str, data.Examples], schema: Schema, config: Config) -> Parts:
    """Parts by the options for the rows of ``data``, and all rows of the other files."""
    lengths = {name: len(examples.frame) for name, examples in read.items()}
    if len(read) == 3:
        return Parts.from_lengths(lengths["data"], lengths["validation"], lengths["test"])
    options, n_rows = config.split, lengths["data"]
    if "test" in read:
        parts = split(read["data"], schema, replace(options, test=0.0), seed=config.run.seed)
        added = np.arange(n_rows, n_rows + lengths["test"], dtype=np.int64)
        return Parts(parts.train, parts.validation, added)
    parts = split(read["data"], schema, options, seed=config.run.seed)
    if "validation" not in read:
        return parts
    # The rows that would have validated train instead.
    added = np.arange(n_rows, n_rows + lengths["validation"], dtype=np.int64)
    train_rows = np.sort(np.concatenate([parts.train, parts.validation]))
    return Parts(train_rows, added, parts.test)
