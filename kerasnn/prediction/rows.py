"""New rows for a trained network: read in pieces, named and decoded as in the training."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from kerasnn import data as tables
from kerasnn.data.columns import series_cells
from kerasnn.data.frames import as_cells, location
from kerasnn.data.media import image_columns, sound_cells, sound_columns
from kerasnn.data.media.images import parse_layout
from kerasnn.data.readers import arrays, folders, ts_files
from kerasnn.data.readers.inputs import has_own_names, is_pair, with_target
from kerasnn.data.readers.reading import CHUNK_ROWS, IMAGES_AT_ONCE
from kerasnn.data.schema import Column, Schema
from kerasnn.data.splits import drop_unlabeled
from kerasnn.errors import DataError
from kerasnn.signature import Kind

PATH = "path"
"""Column of predictions that says which image a row is."""

WHOLE = ("image", "series", "sound")
"""Kinds of which a file may hold a single column without a name."""

# Bytes of the decoded images, series and sounds of a piece.
PIECE_BYTES = 1 << 28


def pieces(source: Any, schema: Schema, form: Mapping[str, Any]) -> Iterator[pd.DataFrame]:
    """Rows to predict, few enough at once for the memory.

    Args:
        source: A table, or images.
        schema: Schema of the training data.
        form: Encoding and delimiter.
    """
    if schema.long:
        # The points of a series may be anywhere in a table.
        yield schema.long.collapse(tables.read(source, **form), schema.target.name).frame
        return
    source, size = several(source, schema), _bytes_of(schema)
    n_rows = CHUNK_ROWS
    if size:
        n_rows = max(image_columns.CHUNK, min(IMAGES_AT_ONCE, PIECE_BYTES // size))
    for piece in tables.read_chunks(source, **form, chunk_rows=n_rows, allow_empty=True):
        yield named(piece, source, schema)


def labelled(source: Any, schema: Schema, form: Mapping[str, Any], *, strict: bool) -> pd.DataFrame:
    """Rows to score; those without a target or a readable image are left out.

    Args:
        source: A table, or a folder of class folders.
        schema: Schema of the training data.
        form: Encoding and delimiter.
        strict: True to raise an error for an image that can't be read.
    """
    target = schema.target
    if is_pair(source):
        rows, targets = source
        source = with_target(several(rows, schema), targets, name=target.name)[0]
    table = tables.read(source, **form)
    if schema.long:
        table = schema.long.collapse(table, target.name)
    frame = named(table.frame, source, schema)
    table = tables.SourceTable(frame, table.origin)
    table = drop_unlabeled(table, target.name, task=target.task)
    there = {kind: _only(layouts(schema, kind), frame) for kind in ("image", "sound")}
    seen, _ = image_columns.readable(table.frame, there["image"], strict=strict, left_out=True)
    return sound_columns.readable(seen, there["sound"], strict=strict, left_out=True)[0]


def layouts(schema: Schema, kind: Kind = "image") -> dict[str, str]:
    """Sizes of the columns of a kind, by name."""
    return {column.name: column.layout for column in schema.features if column.kind == kind}


def _only(known: dict[str, str], frame: pd.DataFrame) -> dict[str, str]:
    return {name: layout for name, layout in known.items() if name in frame.columns}


def _bytes_of(schema: Schema) -> int:
    """Bytes of the images, series and sounds of a row."""
    images = [math.prod(parse_layout(each)) for each in layouts(schema).values()]
    series = [math.prod(series_cells.parse_layout(x)) for x in layouts(schema, "series").values()]
    sounds = [sound_cells.parse_layout(x)[1] for x in layouts(schema, "sound").values()]
    return sum(images) + 4 * sum(series) + 4 * sum(sounds)


def named(frame: pd.DataFrame, source: Any, schema: Schema) -> pd.DataFrame:
    """Images, series, sounds and labels that have no names of their own called as in the training.

    A network that learned from ``x`` of a file of arrays may be given a folder, for example.
    """
    whole = [column.name for column in schema.features if column.kind in WHOLE]
    path = os.fspath(source).lower() if isinstance(source, str | os.PathLike) else ""
    if not has_own_names(frame):
        return _with_names_of_training(frame, schema)
    if folders.is_media_source(source):
        there, label = str(frame.columns[0]), folders.LABEL
    elif path.endswith(".npz"):
        there, label = arrays.IMAGES, arrays.LABELS
    elif folders.is_series_path(path):
        there, label = ts_files.SERIES, ts_files.LABEL
    else:
        return frame
    wanted = {label: schema.target.name}
    if len(whole) == 1:
        wanted[there] = whole[0]
    renamed = frame.rename(columns=wanted)
    if folders.is_media_source(source):
        _check_complete(renamed, schema, whole)
    return renamed


def _check_complete(frame: pd.DataFrame, schema: Schema, whole: list[str]) -> None:
    """Raise where files alone were given to a network that learned from more than a file."""
    missing = [f"'{column.name}'" for column in schema.features if column.name not in frame]
    if missing and set(whole) & set(frame.columns):
        what = f"the run also needs {'columns' if len(missing) > 1 else 'a column'} beside the file"
        hint = "give a table with a column of paths and all other columns of the training"
        raise DataError(
            f"{what}: {', '.join(missing)}", location=location(frame) or None, hint=hint
        )


def several(source: Any, schema: Schema) -> Any:
    """An array of one image as an array of images; anything else as it is."""
    if not (isinstance(source, np.ndarray) and layouts(schema)):
        return source
    is_one = source.ndim == 2 or (source.ndim == 3 and source.shape[-1] in (1, 3, 4))
    return source[None] if is_one else source


def _with_names_of_training(frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """Columns that came without names, called as in the training: by their order, or the only one.

    Raises:
        DataError: There are more or fewer columns than in training.
    """
    target, names = schema.target.name, [column.name for column in schema.columns]
    given = [name for name in frame.columns if name != target]
    series = _only_feature(schema.features, ("series",))
    if series and len(schema.features) == 1 and len(given) > 1:
        cells = as_cells(frame[given].to_numpy(dtype="float32")).set_axis(frame.index)
        return frame.drop(columns=given).assign(**{series: cells})
    if len(given) == len(names):
        return frame.rename(columns=dict(zip(given, names, strict=True)))
    only = _only_feature(schema.features, (*WHOLE, "text"))
    if only is None and len(schema.features) == 1:
        only = schema.features[0].name
    if len(given) == 1 and only is not None:
        return frame.rename(columns={given[0]: only})
    n_columns = f"{len(given)} columns" if len(given) > 1 else "one column"
    problem = f"{n_columns} without names where training had {len(names)}"
    raise DataError(problem, hint="give a table with the names of the columns")


def _only_feature(features: tuple[Column, ...], kinds: tuple[str, ...]) -> str | None:
    names = [column.name for column in features if column.kind in kinds]
    return names[0] if len(names) == 1 else None
