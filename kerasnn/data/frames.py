"""A table in memory with its source, so that messages can name files and rows."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kerasnn.errors import DataError, warn

_ORIGIN = "kerasnn_origin"


@dataclass(frozen=True)
class SourceTable:
    """A table: one row an example.

    Args:
        frame: Text cells stay text (their meaning is decided per column, later), missing cells
            are NA; the index counts from 0.
        origin: Source of the table, as messages name it.
    """

    frame: pd.DataFrame
    origin: str


class Origin(str):
    """What a table came from, ``""`` for one given in memory; knows how its rows are numbered.

    A str, because pandas writes `attrs` to files as JSON.

    Args:
        name: File.
        first_row: Number that the user knows the first row by: 2 below a header.
        rows: Positions of the rows before some were left out; None if none were.
        parts: First row and origin of each table, for tables that were concatenated.
        names: Name of each row, such as its file; empty if rows are numbered.
    """

    first_row: int
    rows: np.ndarray | None
    parts: tuple[tuple[int, Origin], ...]
    names: Sequence[str]

    def __new__(
        cls,
        name: str,
        first_row: int,
        rows: np.ndarray | None = None,
        parts: tuple[tuple[int, Origin], ...] = (),
        names: Sequence[str] = (),
    ) -> Origin:
        """A str with four attributes more."""
        origin = super().__new__(cls, name)
        origin.first_row, origin.rows, origin.parts = first_row, rows, parts
        origin.names = names
        return origin

    def locate(self, position: int) -> tuple[str, int | None]:
        """The file of a row, and the number that the user knows the row by, if it has one."""
        position = position if self.rows is None else int(self.rows[position])
        for start, part in reversed(self.parts):
            if position >= start:
                return part.locate(position - start)
        if self.names:
            return self.names[position], None
        return str(self), position + self.first_row

    def __deepcopy__(self, memo: dict[int, Any]) -> Origin:
        """Itself: pandas copies `attrs` with every column that is taken."""
        return self


def with_origin(
    frame: pd.DataFrame, name: str, *, first_row: int, names: Sequence[str] = ()
) -> pd.DataFrame:
    """Note in ``frame.attrs`` where its rows are, so that a message can name a cell's place."""
    frame.attrs[_ORIGIN] = Origin(name, first_row, names=names)
    return frame


def origin_of(table: pd.DataFrame | pd.Series) -> Origin:
    """Where a table came from, as far as known."""
    found = table.attrs.get(_ORIGIN)
    return found if isinstance(found, Origin) else Origin("", 0)


def location(table: pd.DataFrame | pd.Series, label: Hashable = None) -> str:
    """``file:row,column`` of a cell, ``file,column`` without a row label; as far as known."""
    origin = origin_of(table)
    name, row = str(origin), label
    if isinstance(label, (int, np.integer)):
        name, row = origin.locate(int(label))
        if row is None:
            return name
    column = table.name if isinstance(table, pd.Series) else None
    if not name:
        known = [f"row {row}" if row is not None else "", f"column '{column}'" if column else ""]
        return ", ".join(filter(None, known))
    at = f"{name}:{row}" if row is not None else name
    return f"{at},{column}" if column is not None else at


def keep_rows(table: SourceTable, kept: np.ndarray) -> SourceTable:
    """The rows at some positions, counted anew; messages still name the row in the source.

    Args:
        table: A table.
        kept: Positions, int64 (n,).
    """
    origin = origin_of(table.frame)
    rows = kept if origin.rows is None else origin.rows[kept]
    frame = table.frame.iloc[kept].reset_index(drop=True)
    frame.attrs[_ORIGIN] = Origin(origin, origin.first_row, rows, origin.parts, origin.names)
    return SourceTable(frame, table.origin)


def concatenate_tables(pieces: Sequence[SourceTable]) -> SourceTable:
    """Tables with the same columns below each other; messages still name the row of each."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        frame = pd.concat([piece.frame for piece in pieces], ignore_index=True)
    starts = np.cumsum([0, *(len(piece.frame) for piece in pieces)]).tolist()
    origins = [origin_of(piece.frame) for piece in pieces]
    parts = tuple(zip(starts, origins, strict=False))
    frame.attrs[_ORIGIN] = Origin(origins[0], origins[0].first_row, None, parts)
    return SourceTable(frame, pieces[0].origin)


def from_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Take a DataFrame over: column names as text, a fresh index; its cells are not copied."""
    if isinstance(frame.columns, pd.MultiIndex):
        raise DataError("columns with more than one level", hint="flatten the column names")
    taken = frame.reset_index(drop=True)
    taken.columns = pd.Index(column_names([str(name) for name in frame.columns], ""))
    return with_origin(taken, "", first_row=0)


def from_mapping(columns: Mapping[str, Any]) -> pd.DataFrame:
    """A table of named arrays or lists of one length."""
    arrays = {str(name): _column(str(name), values) for name, values in columns.items()}
    lengths = {name: len(values) for name, values in arrays.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"'{name}' {length}" for name, length in lengths.items())
        raise DataError(f"columns of different lengths: {listed}", hint="give one value a row")
    return from_frame(pd.DataFrame(arrays))


def _column(name: str, values: Any) -> pd.Series:
    if isinstance(values, pd.Series):
        return values.reset_index(drop=True)
    if hasattr(values, "to_pandas"):
        # A column of polars or Arrow.
        return pd.Series(values.to_pandas())
    if getattr(values, "ndim", 1) in (3, 4):
        return as_cells(np.asarray(values))
    if np.isscalar(values) or getattr(values, "ndim", 1) != 1:
        shape = np.shape(values)
        raise DataError(
            f"a column must be a list or an array of one dimension; got shape {shape}",
            location=f"column '{name}'",
            hint="give each column of a matrix its own name",
        )
    return pd.Series(values)


def as_cells(array: np.ndarray) -> pd.Series:
    """A column of an array: of numbers or text, or else with a view of a row in each cell."""
    if array.ndim == 1:
        is_bytes = array.dtype.kind == "S"
        return pd.Series(np.char.decode(array, "utf-8", "replace") if is_bytes else array)
    return as_objects(list(array))


def as_objects(values: Sequence[Any]) -> pd.Series:
    """A column with any Python object in each cell."""
    cells = np.empty(len(values), dtype=object)
    for row, value in enumerate(values):
        cells[row] = value
    return pd.Series(cells)


def column_names(names: Iterable[str], location: str) -> list[str]:
    """Column names without blanks around them; a blank name is replaced, a repeated one refused."""
    stripped = [name.strip() for name in names]
    filled = [name or f"column_{i}" for i, name in enumerate(stripped, 1)]
    blank = [new for new, old in zip(filled, stripped, strict=True) if not old]
    repeated = sorted({name for name in filled if filled.count(name) > 1}, key=filled.index)
    if repeated:
        listed = ", ".join(f"'{name}'" for name in repeated)
        hint = "give each column a name of its own, in a header"
        raise DataError(f"repeated column name {listed}", location=location or None, hint=hint)
    if blank:
        listed = ", ".join(f"'{name}'" for name in blank)
        problem = f"a column without a name is called {listed}"
        warn(problem, location=location or None, hint="name it in the header")
    return filled


def check_rows(frame: pd.DataFrame, location: str | None, *, allow_empty: bool) -> None:
    """Raise if there is no column, or no row where one is needed."""
    if not len(frame.columns):
        raise DataError("a table without columns", location=location, hint="check what made it")
    if not len(frame) and not allow_empty:
        problem = "a header but no rows" if location else "a table without rows"
        raise DataError(problem, location=location, hint="check what made it")


def slices(frame: pd.DataFrame, rows: int) -> Iterator[pd.DataFrame]:
    """Pieces of at most ``rows`` rows, each counting from 0; one empty piece of an empty table."""
    origin = origin_of(frame)
    for start in range(0, max(len(frame), 1), rows):
        piece = frame.iloc[start : start + rows].reset_index(drop=True)
        names = origin.names[start : start + rows]
        yield with_origin(piece, str(origin), first_row=origin.first_row + start, names=names)
