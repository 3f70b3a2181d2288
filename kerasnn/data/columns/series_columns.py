"""Inference of columns of series, and warnings about their cells."""

from __future__ import annotations

import numpy as np
import pandas as pd

from kerasnn.data.columns import series_cells
from kerasnn.data.columns.kind_inference import InferredKind, constant, empty, left_out


def of_series(series: pd.Series) -> InferredKind | None:
    """A column whose first cells are series, but for a few.

    Raises:
        DataError: Another cell is none, or has another number of channels.
    """
    first = [cell for cell in series.head(100) if not _is_empty(cell)]
    if not first or sum(map(series_cells.is_series, first)) <= len(first) / 2:
        return None
    return check_series(series, "series of numbers")


def check_series(series: pd.Series, reason: str) -> InferredKind:
    """What is odd about a column of series.

    Args:
        series: The column.
        reason: Why it is taken for one.

    Raises:
        DataError: A cell is none, or has another number of channels.
    """
    cells = series_cells.read(series)
    known = [readings for readings in cells if len(readings)]
    if not known:
        return empty()
    low = min(float(np.nanmin(readings)) for readings in known)
    high = max(float(np.nanmax(readings)) for readings in known)
    if low == high:
        return constant(f"{low:g}")
    if max(map(len, known)) == 1:
        what = "has series of one time step, left out"
        return left_out("series", "one time step", what, "give a column a number")
    data_warnings = []
    if len(known) < len(cells):
        n_empty = len(cells) - len(known)
        what = (
            f"{n_empty:,} of {len(cells):,} series {'has' if n_empty == 1 else 'have'} no reading"
        )
        data_warnings.append((what, "leave such rows out if they carry no information"))
    still = sum(bool(np.nanmin(r) == np.nanmax(r)) for r in known if len(r) > 1)
    if still:
        what = f"{still:,} of {len(cells):,} series never {'changes' if still == 1 else 'change'}"
        data_warnings.append((what, "check what recorded them"))
    return InferredKind("series", reason, data_warnings=data_warnings)


def _is_empty(cell: object) -> bool:
    return cell is None or cell is pd.NA or (isinstance(cell, float) and bool(np.isnan(cell)))
