"""Inference of the kind of a column, with the reason for it and warnings about its cells."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kerasnn.data.columns import cells, dates, number_parsing, series_cells, values
from kerasnn.data.columns.kind_inference import InferredKind, constant, empty, left_out
from kerasnn.data.columns.number_columns import check_numbers, of_numbers
from kerasnn.data.columns.series_columns import check_series, of_series
from kerasnn.data.columns.text_columns import cut_texts, of_text
from kerasnn.data.media.images import is_image_cell
from kerasnn.data.media.sound_cells import is_sound
from kerasnn.data.readers.folders import is_image_path, is_sound_path
from kerasnn.signature import Kind

USED_KINDS: tuple[Kind, ...] = (
    "number",
    "category",
    "boolean",
    "date",
    "image",
    "text",
    "series",
    "sound",
)

_MOSTLY = 0.9


def infer_kind(series: pd.Series) -> InferredKind:
    """Find the kind of a column by its cells and its name.

    Raises:
        DataError: If it holds infinite numbers, or numbers or dates written in two ways.
    """
    whole = _of_files(series) or of_series(series)
    if whole is not None:
        return whole
    first = next((value for value in series.head(100) if value is not None), None)
    if isinstance(first, list | dict | np.ndarray):
        return left_out(
            "text", "lists or objects", "holds lists or objects, left out", "flatten it"
        )
    array = cells.to_arrow(series)
    form = cells.form_of(array)
    if form == "text":
        return of_text(series, array)
    if array.null_count == len(array):
        return empty()
    if form == "durations":
        found = of_numbers(series, values.as_numbers(series), whole=False)
        if found.kind == "number":
            found.reason, found.layout = "durations in seconds", number_parsing.DURATION
        return found
    if form == "numbers":
        return of_numbers(series, values.as_numbers(series), whole=pa.types.is_integer(array.type))
    n_distinct = pc.count_distinct(array).as_py()
    if n_distinct == 1 and not array.null_count:
        return constant(array[0].as_py())
    return (
        InferredKind("boolean", "true or false")
        if form == "booleans"
        else InferredKind("date", "timestamps")
    )


def force(series: pd.Series, kind: Kind) -> InferredKind:
    """Take a column for what the user says it is.

    Raises:
        DataError: If a cell can't be read as that.
    """
    if kind == "series":
        return check_series(series, "given")
    given = InferredKind(kind, "given", used=kind in USED_KINDS)
    if kind == "number":
        numbers = values.as_numbers(series)
        given.layout = _sign_of(series)
        given.data_warnings = check_numbers(series, numbers, whole=False)
        is_empty = np.isnan(numbers).all()
    elif kind == "boolean":
        is_empty = np.isnan(values.as_booleans(series)).all()
    elif kind == "date":
        given.layout = _date_layout(series)
        is_empty = (values.as_dates(series, layout=given.layout) == values.MISSING_DATE).all()
    elif kind == "category":
        is_empty = all(cell is None for cell in values.as_categories(series))
        given.data_warnings = _cut(series, values.LONGEST_CATEGORY)
    elif kind == "text":
        is_empty = not any(text.strip() for text in values.as_texts(series))
        given.data_warnings = _cut(series, values.LONGEST_TEXT)
    else:
        is_empty = False
    return empty() if is_empty else given


def _of_files(series: pd.Series) -> InferredKind | None:
    """Image or sound cells, or texts that end as the names of these do."""
    if series.dtype != object and not pd.api.types.is_string_dtype(series.dtype):
        return None
    first = [os.fspath(c) if isinstance(c, os.PathLike) else c for c in _first(series, 20)]
    texts = [cell for cell in first if isinstance(cell, str)]
    if not texts:
        if first and all(map(is_sound, first)):
            return InferredKind("sound", "sounds")
        are_images = first and all(map(is_image_cell, first)) and _are_pixels(series.dropna())
        return InferredKind("image", "images") if are_images else None
    if len(texts) < len(first):
        return None
    if any(map(is_image_path, texts)):
        return _of_names(series.dropna(), "image", is_image_path)
    is_named = any(map(is_sound_path, texts))
    return _of_names(series.dropna(), "sound", is_sound_path) if is_named else None


def _first(series: pd.Series, count: int) -> pd.Series:
    """The first cells that are not missing; of most columns a few rows hold them."""
    found = series.head(4 * count).dropna()
    return (found if len(found) >= count else series.dropna()).head(count)


def _of_names(known: pd.Series, kind: Kind, is_one: Callable[[str], bool]) -> InferredKind | None:
    """Texts that nearly all end as the names of images or sounds do."""
    # A name that is no UTF-8 can't be text of Arrow.
    paths = {os.fspath(cell) for cell in known}
    named = sum(map(is_one, paths))
    return InferredKind(kind, f"{named:,} {kind} files") if named >= _MOSTLY * len(paths) else None


def _are_pixels(known: pd.Series) -> bool:
    """Whether cells that are matrices are images, not series."""
    arrays = [cell for cell in known if isinstance(cell, np.ndarray) and cell.ndim == 2]
    return series_cells.are_pixels(arrays)


def _cut(series: pd.Series, most: int) -> list[tuple[str, str]]:
    array = cells.to_arrow(series)
    return cut_texts(cells.distinct(array)[0], most) if cells.form_of(array) == "text" else []


def _sign_of(series: pd.Series) -> str:
    array = cells.to_arrow(series)
    form = cells.form_of(array)
    if form != "text":
        return number_parsing.DURATION if form == "durations" else "."
    texts, _ = cells.distinct(cells.text_cells(array, dash=True))
    return number_parsing.find_layout(texts) or number_parsing.decimal_sign(texts) or "."


def _date_layout(series: pd.Series) -> str:
    array = cells.to_arrow(series)
    if cells.form_of(array) != "text":
        return ""
    texts, _ = cells.distinct(cells.text_cells(array, dash=True))
    return next(iter(dates.layouts(texts)), dates.ISO)
