"""Kinds of columns of numbers: quantities, identifiers or constants."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from kerasnn.data.columns import cells
from kerasnn.data.columns.kind_inference import MANY_ROWS, InferredKind, constant, empty, identifier
from kerasnn.data.frames import location
from kerasnn.errors import DataError

_NAMED_ID = re.compile(r"(?:^|[_\W])(?:id|uuid|guid|key|index|idx)$", re.IGNORECASE)
_CAMEL_ID = re.compile(r"[a-z]I[dD]$")


def of_numbers(series: pd.Series, numbers: np.ndarray, *, whole: bool) -> InferredKind:
    """Numbers, unless they are constant or count the rows."""
    data_warnings = check_numbers(series, numbers, whole=whole)
    present = numbers[~np.isnan(numbers)]
    distinct = pd.unique(present)
    if not len(distinct):
        return empty()
    # Whole numbers beyond 2^53 may differ and still be one float.
    if len(distinct) == 1 and len(present) == len(numbers) and abs(distinct[0]) <= 2**53:
        return constant(cells.number_text(distinct[0]))
    named = bool(_NAMED_ID.search(str(series.name)) or _CAMEL_ID.search(str(series.name)))
    if whole and len(distinct) == len(numbers) >= MANY_ROWS:
        low, high = present.min(), present.max()
        if low in (0, 1) and high - low == len(numbers) - 1:
            return identifier(f"counts from {low:.0f} to {high:.0f}")
        if named:
            return identifier("named like an identifier, never repeats")
    if named and whole and len(distinct) > 2:
        hint = f"pass columns={{'{series.name}': 'category'}} if it only names things"
        data_warnings.append(("named like an identifier but read as a number", hint))
    return InferredKind(
        "number", "whole numbers" if whole else "numbers", ".", data_warnings=data_warnings
    )


def check_numbers(series: pd.Series, numbers: np.ndarray, *, whole: bool) -> list[tuple[str, str]]:
    """Raise on what float32 can't hold; warn of what it holds badly."""
    with np.errstate(over="ignore", invalid="ignore"):
        single = numbers.astype(np.float32)
    rows = np.flatnonzero(np.isinf(single))
    if len(rows):
        shown = ", ".join(f"{numbers[row]:g}" for row in rows[:3])
        problem = (
            f"infinite or too large: {shown}"
            if len(rows) < 4
            else f"{len(rows):,} infinite cells: {shown}, …"
        )
        where = location(series, series.index[rows[0]])
        hint = "leave such cells empty"
        if np.isinf(numbers[rows]).all():
            hint += ", or set `data.infinite` to 'missing'"
        raise DataError(problem, location=where, hint=hint)
    if not len(numbers) or np.isnan(numbers).all():
        return []
    largest = np.nanmax(np.abs(numbers))
    if largest >= 1e30:
        return [(f"a number as large as {largest:g}", "check for a marker of missing values")]
    if largest > 2**53 and whole:
        problem = f"whole numbers above 2^53, such as {largest:.0f}, lose digits"
        return [(problem, f"pass columns={{'{series.name}': 'category'}} if they are codes")]
    n_distinct, n_single = len(pd.unique(numbers)), len(pd.unique(single))
    if n_single < 0.9 * n_distinct:
        problem = f"{n_distinct:,} different numbers become {n_single:,} in single precision"
        return [(problem, "subtract an offset, such as the smallest value")]
    return []
