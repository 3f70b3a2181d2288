"""Parsing of each column of a table, the same in training, prediction and export."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kerasnn.data.columns.values import as_booleans, as_categories, as_dates, as_numbers, as_texts
from kerasnn.data.frames import location
from kerasnn.data.media import layouts, sound_columns
from kerasnn.data.media.image_columns import pixels_of
from kerasnn.data.schema import Column, Schema
from kerasnn.errors import DataError
from kerasnn.options import PreprocessingOptions
from kerasnn.preprocessing import series as series_columns
from kerasnn.preprocessing.arithmetic import LARGEST

_COUNTS = {"series": series_columns.count_longer, "sound": sound_columns.count_longer}


def with_layouts(schema: Schema, frame: pd.DataFrame, options: PreprocessingOptions) -> Schema:
    """The size of images, series and sounds, and the unit of texts, where it is still open.

    Args:
        schema: Schema of the table.
        frame: Its training rows.
        options: Say what is given.
    """

    def known(column: Column) -> Column:
        if column.layout or not column.used:
            return column
        return replace(column, layout=_layout(frame[column.name], column, options))

    return replace(schema, columns=tuple(map(known, schema.columns)))


def read_column(series: pd.Series, column: Column) -> Any:
    """Parse one column: float32 numbers, int64 seconds, text, pixels, readings or samples.

    Raises:
        DataError: A cell can't be read as what the column holds.
    """
    if column.kind == "image":
        return pixels_of(series, column.layout)
    if column.kind == "series":
        return series_columns.values_of(series, column.layout)
    if column.kind == "sound":
        return sound_columns.samples_of(series, column.layout)
    if column.kind == "text":
        return as_texts(series)
    if column.kind == "category":
        return as_categories(series)
    if column.kind == "date":
        return as_dates(series, layout=column.layout)
    if column.kind == "boolean":
        return as_booleans(series).astype("float32")
    values = as_numbers(series, layout=column.layout)
    _check_finite(series, values)
    numbers: NDArray[np.float32] = np.clip(values, -LARGEST, LARGEST).astype("float32")
    return numbers


def count_longer(frame: pd.DataFrame, schema: Schema) -> dict[str, int]:
    """Number of series or sounds longer than in training, by column, where there are any."""
    columns = [column for column in schema.features if column.kind in _COUNTS]
    counts = {c.name: _COUNTS[c.kind](frame[c.name], c.layout) for c in columns}
    return {name: count for name, count in counts.items() if count}


def _layout(series: pd.Series, column: Column, options: PreprocessingOptions) -> str:
    if column.kind == "image":
        sizes = {"size": options.image_size, "channels": options.image_channels}
        return layouts.layout_of(series, **sizes)
    if column.kind == "series":
        return series_columns.layout_of(series, length=options.series_length)
    if column.kind == "sound":
        rate, seconds = options.sample_rate, options.sound_seconds
        return sound_columns.layout_of(series, rate=rate, seconds=seconds)
    if column.kind == "text":
        return "words" if options.tokens == "auto" else options.tokens
    return ""


def _check_finite(series: pd.Series, values: NDArray[np.float64]) -> None:
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        problem = (
            f"{len(infinite):,} infinite numbers" if len(infinite) > 1 else "an infinite number"
        )
        at = location(series, series.index[infinite[0]])
        raise DataError(problem, location=at, hint="give a finite number, or leave the cell empty")
