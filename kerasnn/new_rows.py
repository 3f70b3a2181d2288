"""New rows for a trained network: read in pieces, named and decoded as in the training."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from kerasnn import data as tables
from kerasnn.data import arrays, folders, image_columns
from kerasnn.data.pictures import parse_layout
from kerasnn.data.reading import CHUNK_ROWS, IMAGES_AT_ONCE
from kerasnn.schema import Schema
from kerasnn.splits import drop_unlabelled

PATH = "path"
"""Column of predictions that says which image a row is."""

# Bytes of the decoded images of a piece.
PIECE_BYTES = 1 << 28


def pieces(source: Any, schema: Schema, form: Mapping[str, Any]) -> Iterator[pd.DataFrame]:
    """Rows to predict, few enough at once for the memory.

    Args:
        source: A table, or images.
        schema: Of the training.
        form: Encoding and delimiter.
    """
    sizes = [math.prod(parse_layout(layout)) for layout in layouts(schema).values()]
    n_rows = CHUNK_ROWS
    if sizes:
        n_rows = max(image_columns.CHUNK, min(IMAGES_AT_ONCE, PIECE_BYTES // sum(sizes)))
    for piece in tables.read_chunks(source, **form, chunk_rows=n_rows, allow_empty=True):
        yield named(piece, source, schema)


def labelled(source: Any, schema: Schema, form: Mapping[str, Any], *, strict: bool) -> pd.DataFrame:
    """Rows to score; those without a target or a readable image are left out.

    Args:
        source: A table, or a folder of class folders.
        schema: Of the training.
        form: Encoding and delimiter.
        strict: Whether an image that can't be read is an error.
    """
    examples = tables.read(source, **form)
    frame = named(examples.frame, source, schema)
    target = schema.target
    examples = tables.Examples(frame, examples.origin)
    examples = drop_unlabelled(examples, target.name, task=target.task)
    known = {name: layout for name, layout in layouts(schema).items() if name in frame.columns}
    return image_columns.readable(examples.frame, known, strict=strict, left_out=True)[0]


def layouts(schema: Schema) -> dict[str, str]:
    """Sizes of the image columns, by name."""
    return {column.name: column.layout for column in schema.features if column.kind == "image"}


def named(frame: pd.DataFrame, source: Any, schema: Schema) -> pd.DataFrame:
    """Images and labels that have no names of their own called as in the training.

    A network that learned from ``x`` of a file of arrays may be given a folder, for example.
    """
    images = list(layouts(schema))
    if folders.is_image_source(source):
        image, label = folders.IMAGE, folders.LABEL
    elif isinstance(source, str | os.PathLike) and os.fspath(source).lower().endswith(".npz"):
        image, label = arrays.IMAGES, arrays.LABELS
    else:
        return frame
    wanted = {label: schema.target.name}
    if len(images) == 1:
        wanted[image] = images[0]
    return frame.rename(columns=wanted)
