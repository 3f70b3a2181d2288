"""Rows that occur more than once, and rows that agree on everything but the target."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from kerasnn.data.columns import cells, series_cells


def cell_hashes(series: pd.Series) -> np.ndarray:
    """A 64-bit number a cell; equal cells of a column have equal ones. uint64 (n,)."""
    return _mix(_codes(series))


def array_hashes(values: np.ndarray) -> np.ndarray:
    """A 64-bit number a row of an array of texts or numbers, uint64 (n,), the same in any table."""
    if values.dtype.kind in "OUS":
        texts = values.reshape(len(values), -1).astype(object)
        columns = [pd.util.hash_array(texts[:, i], categorize=False) for i in range(texts.shape[1])]
        return row_hashes(columns)
    flat = np.ascontiguousarray(values).reshape(len(values), -1)
    width = flat.shape[1] * flat.itemsize
    padded = np.zeros((len(flat), max(8, -(-width // 8) * 8)), dtype=np.uint8)
    padded[:, :width] = flat.view(np.uint8)
    return row_hashes(_mix(column) for column in padded.view(np.uint64).T)


def row_hashes(columns: Iterable[np.ndarray]) -> np.ndarray:
    """A 64-bit number a row, of its cells' ones. uint64 (n,)."""
    total: np.ndarray | None = None
    for hashes in columns:
        with np.errstate(over="ignore"):
            total = hashes if total is None else _mix(total * np.uint64(31) + hashes)
    assert total is not None
    return total


def count_duplicates(hashes: np.ndarray) -> int:
    """How many rows repeat an earlier one."""
    return len(hashes) - len(pd.unique(hashes))


def count_conflicts(features: np.ndarray, with_target: np.ndarray) -> int:
    """How many rows have the features of another row but not its target.

    Args:
        features: Hashes of the features, uint64 (n,).
        with_target: Hashes of the features and the target, uint64 (n,).
    """
    different = pd.Series(with_target).groupby(features).nunique()
    conflicting = different[different > 1].index
    return int(np.isin(features, conflicting.to_numpy()).sum()) if len(conflicting) else 0


def _codes(series: pd.Series) -> np.ndarray:
    if series.dtype.kind in "iufb" and isinstance(series.dtype, np.dtype):
        return series.to_numpy().astype(np.float64).view(np.uint64)
    first = next((cell for cell in series if cell is not None), None)
    if isinstance(first, np.ndarray):
        return np.array([series_cells.digest(cell) for cell in series], dtype=np.uint64)
    indices = cells.to_arrow(series).dictionary_encode().indices.fill_null(-1)
    codes: np.ndarray = indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes.view(np.uint64)


def _mix(numbers: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64 (Steele, Lea and Flood, 2014)."""
    with np.errstate(over="ignore"):
        mixed = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        result: np.ndarray = mixed ^ (mixed >> np.uint64(31))
    return result
