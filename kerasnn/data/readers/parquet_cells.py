"""Cells of a table as a Parquet file can hold them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from kerasnn.data.columns import series_cells
from kerasnn.data.frames import as_objects
from kerasnn.data.media import sound_cells
from kerasnn.data.media.images import ImageCell, png_bytes
from kerasnn.data.media.sound_cells import AudioCell


def storable(series: pd.Series) -> pd.Series:
    """Cells as Parquet can hold them, and as they can be read again."""
    known = series.dropna() if series.dtype == object else series[:0]
    first = known.iloc[0] if len(known) else None
    if isinstance(first, ImageCell):
        return series.map(png_bytes)
    if isinstance(first, AudioCell):
        return series.map(sound_cells.as_stored)
    if isinstance(first, np.ndarray):
        return as_objects([series_cells.as_lists(cell) for cell in series]).set_axis(series.index)
    return series


def to_parquet(frame: pd.DataFrame) -> bytes:
    """Columns of mixed Python objects, which Parquet has no type for, are written as text."""
    try:
        return frame.to_parquet(index=False)
    except (TypeError, ValueError):
        texts = {c: frame[c].astype("string") for c in frame.columns if frame[c].dtype == object}
        return frame.assign(**texts).to_parquet(index=False)
