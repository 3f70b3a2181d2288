"""A table from files or data frames, with the schema of its columns and splits of its rows."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from kerasnn import data
from kerasnn.config.config import Config
from kerasnn.config.settings import Settings
from kerasnn.data.columns import multilabel
from kerasnn.data.frames import concatenate_tables, keep_rows
from kerasnn.data.media import duplicate_images, image_columns, sound_columns
from kerasnn.data.media.duplicate_images import DuplicatePair
from kerasnn.data.media.layouts import layout_of
from kerasnn.data.readers import folders, ts_header
from kerasnn.data.readers.long_tables import LongTable
from kerasnn.data.schema import Column, Schema, infer
from kerasnn.data.splits import Splits, drop_unlabeled, split
from kerasnn.datasets.options_checks import check_model, check_training
from kerasnn.errors import ConfigError, warn
from kerasnn.options import DataOptions, SplitOptions
from kerasnn.preprocessing.preprocessor import Preprocessor, check_columns
from kerasnn.selection.data_defaults import adapt
from kerasnn.selection.resolve import resolve
from kerasnn.signature import Kind

# Of fewer images none may be left to validate or to test with.
FEWEST_OF_CLASS = 5


@dataclass(frozen=True)
class Table:
    """Labelled rows, what their columns are, and which of them train, validate and test.

    Args:
        source: The rows.
        schema: Schema of the columns.
        splits: Rows of the training, validation and test splits.
        shared: Images of one part that are in another one too.
    """

    source: data.SourceTable
    schema: Schema
    splits: Splits
    shared: tuple[DuplicatePair, ...] = ()

    def rows(self, *parts: str) -> pd.DataFrame:
        """The rows of a part, or of several one after the other, counted from 0."""
        numbers = np.concatenate([getattr(self.splits, part) for part in parts])
        return keep_rows(self.source, numbers).frame


def read_table(settings: Settings, sources: Mapping[str, Any]) -> tuple[Table, Config]:
    """Read all rows, find out what they are, and divide them."""
    # What is wrong with the settings is said before anything is read.
    settings.check()
    given = _given(settings.data, sources)
    options = replace(
        settings.data, target=settings.data.target or folders.default_target(given["data"])
    )
    if options.target is None:
        folders.check_has_classes(given["data"])
        raise ConfigError("no target", hint="name the column to be predicted as `target`")
    target = options.target
    text_form: dict[str, Any] = {
        "encoding": options.encoding,
        "delimiter": options.delimiter,
        "infinite": options.infinite,
    }
    read = {
        name: data.read(source, **text_form) for name, source in given.items() if source is not None
    }
    long = _long_table(read["data"], settings, options)
    if long:
        read = {name: long.collapse(each, target) for name, each in read.items()}
        options = _of_series(options, long, read["data"])
    read = {
        name: drop_unlabeled(source, target, task=options.task) for name, source in read.items()
    }
    # What the columns are is decided by the rows to learn from alone.
    schema = infer(
        read["data"],
        target=target,
        task=options.task,
        columns=_named_classes(given["data"], options) | dict(options.columns),
        drop=[*options.drop, *_split_columns(settings.split, options)],
    )
    schema = replace(schema, long=long)
    check_model(settings, schema)
    config = resolve(settings, schema, read["data"].frame, given=read.keys())
    read, schema = _with_images(read, schema, config)
    read, schema = _with_sounds(read, schema, config)
    if schema.target.task == "multilabel":
        read = {name: _with_plain_labels(source, schema) for name, source in read.items()}
    _check_others(read, schema)
    _warn_of_small_classes(read["data"], schema)
    source, splits = _together(read), _divide(read, schema, config)
    table = Table(source, schema, splits, _shared_images(source, schema, splits))
    inferred: dict[str, Any] = {}
    if settings.data.target is None:
        inferred["data.target"] = options.target
    if options.task is None:
        inferred["data.task"] = schema.target.task
    inferred |= {
        f"data.columns.{column.name}": column.kind
        for column in schema.columns
        if column.name not in options.columns
    }
    rows = table.rows("train"), table.rows("validation")
    config = adapt(config.with_inferred(inferred), *rows, schema)
    check_training(config, schema, rows[0][schema.target.name])
    return table, config


def _long_table(
    source: data.SourceTable, settings: Settings, options: DataOptions
) -> LongTable | None:
    """What the columns are where each row is a time step of a series."""
    keys, time = settings.forecast.series, settings.forecast.time
    if not keys:
        if time is not None:
            hint = "name what a row belongs to as `series`, or set `horizon` to forecast"
            raise ConfigError(f"the time '{time}' has no series", hint=hint)
        return None
    target = str(options.target)
    return LongTable.of(source, keys=keys, time=time, target=target, drop=options.drop)


def _of_series(options: DataOptions, long: LongTable, source: data.SourceTable) -> DataOptions:
    """The same of a table with a row for each series, whose names are not learned from."""
    names = source.frame.columns
    kept = {name: kind for name, kind in options.columns.items() if name in names}
    dropped = [name for name in (*options.drop, *long.keys) if name in names]
    return replace(options, columns=kept, drop=tuple(dict.fromkeys(dropped)))


def _given(options: DataOptions, sources: Mapping[str, Any]) -> dict[str, Any]:
    """What each part is read from; a folder may hold the folders of all parts."""
    given = {
        name: sources[name] if sources.get(name) is not None else path
        for name, path in (
            ("data", options.source),
            ("validation", options.validation),
            ("test", options.test),
        )
    }
    if given["data"] is None:
        raise ConfigError("no data", hint="give a path, a DataFrame or a dict of arrays as `data`")
    parts = folders.parts_of(given["data"]) or {}
    folders.warn_of_unused(given["data"])
    return parts | {
        name: source
        for name, source in given.items()
        if name not in parts or (name != "data" and source is not None)
    }


def _named_classes(source: Any, options: DataOptions) -> dict[str, Kind]:
    """Names of folders are classes, even where they are numbers, and so is what a file says is one."""
    is_path = isinstance(source, str | os.PathLike)
    if not is_path or options.target != folders.LABEL or options.task is not None:
        return {}
    if folders.is_series_path(os.fspath(source)):
        is_class = ts_header.label_kind(os.fspath(source), encoding=options.encoding) == "class"
        return {folders.LABEL: "category" if is_class else "number"}
    return {folders.LABEL: "category"} if os.path.isdir(source) else {}


def decoded(
    source: data.SourceTable, schema: Schema, config: Config
) -> tuple[data.SourceTable, Schema]:
    """Rows with their images and sounds decoded, each of which must be readable.

    Raises:
        DataError: An image or a sound can't be read.
    """
    strict = replace(config, data=replace(config.data, strict=True))
    read, schema = _with_images({"data": source}, schema, strict)
    read, schema = _with_sounds(read, schema, strict)
    return read["data"], schema


def _with_images(
    read: dict[str, data.SourceTable], schema: Schema, config: Config
) -> tuple[dict[str, data.SourceTable], Schema]:
    """Decode the images of all parts, once; rows whose image can't be read are left out."""
    options = config.preprocessing
    for column in schema.features:
        if column.kind != "image":
            continue
        for source in read.values():
            check_columns(source.frame, [column.name])
        layout = layout_of(
            read["data"].frame[column.name],
            size=options.image_size,
            channels=options.image_channels,
        )
        frames = image_columns.load(
            [source.frame for source in read.values()],
            column.name,
            layout,
            strict=config.data.strict,
            memory_gb=config.run.memory_gb,
        )
        read = {
            name: replace(source, frame=frame)
            for (name, source), frame in zip(read.items(), frames, strict=True)
        }
        reason = _reason(column, read["data"])
        columns = tuple(
            replace(each, layout=layout, reason=reason) if each is column else each
            for each in schema.columns
        )
        schema = replace(schema, columns=columns)
    return read, schema


def _with_sounds(
    read: dict[str, data.SourceTable], schema: Schema, config: Config
) -> tuple[dict[str, data.SourceTable], Schema]:
    """Decode the sounds of all parts, once; rows whose sound can't be read are left out."""
    for column in schema.features:
        if column.kind != "sound":
            continue
        for source in read.values():
            check_columns(source.frame, [column.name])
        frames = sound_columns.load(
            [source.frame for source in read.values()],
            column.name,
            rate=config.preprocessing.sample_rate,
            strict=config.data.strict,
        )
        read = {
            name: replace(source, frame=frame)
            for (name, source), frame in zip(read.items(), frames, strict=True)
        }
        reason = _reason(column, read["data"])
        columns = tuple(
            replace(each, reason=reason) if each is column else each for each in schema.columns
        )
        schema = replace(schema, columns=columns)
    return read, schema


def _reason(column: Column, source: data.SourceTable) -> str:
    """Why a column is one of images or sounds, with the number of those that could be read."""
    if not column.reason.endswith(f"{column.kind} files"):
        return column.reason
    paths = {cell.origin for cell in source.frame[column.name]}
    return f"{len(paths):,} {column.kind} files"


def _shared_images(
    source: data.SourceTable, schema: Schema, splits: Splits
) -> tuple[DuplicatePair, ...]:
    """Copies of an image on both sides of a split; a score on such rows flatters."""
    rows = {name: getattr(splits, name) for name in ("train", "validation", "test")}
    found: list[DuplicatePair] = []
    for column in schema.features:
        if column.kind != "image":
            continue
        cells = source.frame[column.name]
        pairs = duplicate_images.find(image_columns.pixels_of(cells, column.layout), rows)
        for problem, hint in duplicate_images.summary(pairs, [cell.origin for cell in cells]):
            warn(problem, location=f"column '{column.name}'", hint=hint)
        found += pairs
    return tuple(found)


def _split_columns(split_by: SplitOptions, options: DataOptions) -> list[str]:
    """A group or a part says which rows belong together, and nothing about new rows."""
    named = split_by.column is not None and split_by.kind in ("group", "column")
    return [str(split_by.column)] if named and split_by.column not in options.drop else []


def _warn_of_small_classes(source: data.SourceTable, schema: Schema) -> None:
    """Warn of classes of so few images or sounds that they can be neither learned nor judged."""
    kinds = [column.kind for column in schema.features if column.kind in ("image", "sound")]
    if not kinds or not schema.target.classes or schema.target.task == "multilabel":
        return
    counts = source.frame[schema.target.name].astype(str).value_counts()
    small = counts[counts < FEWEST_OF_CLASS].sort_index()
    if len(small):
        listed = ", ".join(f"'{name}' {count}" for name, count in small.head(3).items())
        more = ", …" if len(small) > 3 else ""
        n_classes = f"{len(small):,} classes have" if len(small) > 1 else "a class has"
        problem = f"{n_classes} fewer than {FEWEST_OF_CLASS} {kinds[0]}s: {listed}{more}"
        warn(problem, location=source.origin, hint=f"add {kinds[0]}s, or leave the class out")


def _with_plain_labels(source: data.SourceTable, schema: Schema) -> data.SourceTable:
    """Sets of labels as text, whatever they came as: so every file of the run can hold them."""
    name = schema.target.name
    texts = multilabel.as_text(source.frame[name], schema.target.label_format)
    return replace(source, frame=source.frame.assign(**{name: texts}))


def _check_others(read: Mapping[str, data.SourceTable], schema: Schema) -> None:
    """Raise for cells of the other files that can't be read, before anything is written."""
    others = [source.frame for name, source in read.items() if name != "data"]
    if others:
        # Only to read and no more: what the network sees is fitted to the training rows.
        reader = Preprocessor.fit(read["data"].frame, schema)
        for frame in others:
            reader.raw(frame)
            reader.target(frame)


def _together(read: Mapping[str, data.SourceTable]) -> data.SourceTable:
    """All rows below each other: those to divide, those to validate with, those to test with."""
    if len(read) == 1:
        return read["data"]
    columns = list(read["data"].frame.columns)
    for source in read.values():
        check_columns(source.frame, columns)
    return concatenate_tables(
        [replace(source, frame=source.frame[columns]) for source in read.values()]
    )


def _divide(read: Mapping[str, data.SourceTable], schema: Schema, config: Config) -> Splits:
    """Parts by the options for the rows of ``data``, and all rows of the other files."""
    lengths = {name: len(source.frame) for name, source in read.items()}
    if len(read) == 3:
        return Splits.from_lengths(lengths["data"], lengths["validation"], lengths["test"])
    options, n_rows = config.split, lengths["data"]
    if "test" in read:
        splits = split(read["data"], schema, replace(options, test=0.0), seed=config.run.seed)
        added = np.arange(n_rows, n_rows + lengths["test"], dtype=np.int64)
        return Splits(splits.train, splits.validation, added)
    splits = split(read["data"], schema, options, seed=config.run.seed)
    if "validation" not in read:
        return splits
    # The rows that would have validated train instead.
    added = np.arange(n_rows, n_rows + lengths["validation"], dtype=np.int64)
    train_rows = np.sort(np.concatenate([splits.train, splits.validation]))
    return Splits(train_rows, added, splits.test)
