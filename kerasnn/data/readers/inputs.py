"""Conversion of Python objects to tables, for every function that takes data.

A table is a DataFrame of pandas, a mapping of columns, anything with ``to_pandas`` or the Arrow C
stream interface (polars, Arrow, cuDF, …), a Series, a list of records, a matrix, or what a single
column may hold: texts, series, images. No other library is imported for it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from kerasnn.data.frames import as_cells, as_objects, from_mapping
from kerasnn.data.readers import folders
from kerasnn.errors import ConfigError, DataError

TEXT, WHOLE, TARGET = "text", "x", "target"
"""Names of columns and targets that have none."""

_UNNAMED = "kerasnn_unnamed"


def as_frame(source: Any) -> pd.DataFrame | None:
    """A Python object as a DataFrame, whose own index is kept; None for files to be read.

    Args:
        source: Any object of the module's list, or a path or a list of paths.

    Raises:
        DataError: It is no table; says what to give instead.

    >>> as_frame([{"age": 31, "bought": "no"}, {"age": 42}]).shape
    (2, 2)
    >>> list(as_frame(np.zeros((4, 3))).columns), list(as_frame(["It fits.", "Too small"]))
    (['x0', 'x1', 'x2'], ['text'])
    """
    if isinstance(source, pd.DataFrame):
        return source
    if isinstance(source, Mapping):
        return from_mapping(source)
    if source is None or isinstance(source, str | os.PathLike) or folders.is_media_source(source):
        return None
    if isinstance(source, pd.Series):
        is_unnamed = source.name is None or source.name == ""
        return _unnamed(source.to_frame(_name_of(source))) if is_unnamed else source.to_frame()
    if not isinstance(source, np.ndarray | list | tuple):
        return _from_library(source)
    if isinstance(source, np.ndarray):
        return _from_array(source)
    return _from_list(source)


def has_own_names(frame: pd.DataFrame) -> bool:
    """Whether what a table was made of named its columns."""
    return not frame.attrs.get(_UNNAMED)


def is_pair(source: Any) -> bool:
    """Whether a source is rows and their targets, ``(X, y)``."""
    if not isinstance(source, tuple) or len(source) != 2:
        return False
    rows, target = source
    is_file = isinstance(rows, str | os.PathLike) or isinstance(target, str | os.PathLike)
    return not is_file and not isinstance(target, Mapping) and np.ndim(rows) >= 1


def with_target(source: Any, target: Any, *, name: str | None = None) -> tuple[pd.DataFrame, str]:
    """Rows with their targets as a column, and its name.

    Args:
        source: Rows in memory, or a list of paths of images or sounds.
        target: Labels or values, (n,); of several labels a row, 0 and 1 for each, (n, labels).
        name: Name of the column; None takes that of the target, or `TARGET`.

    Raises:
        DataError: The rows are in a file, or there is not one target for each.
    """
    frame = _paths_as_frame(source) if folders.is_media_source(source) else as_frame(source)
    if frame is None:
        problem = "targets in memory for rows in a file"
        raise DataError(problem, hint="name the column of the target")
    cells = _target_cells(target)
    if len(cells) != len(frame):
        problem = f"{len(cells):,} targets for {len(frame):,} rows"
        raise DataError(problem, hint="give one target a row")
    taken = [str(column) for column in frame.columns]
    wanted = cells.name if isinstance(cells.name, str) and cells.name else TARGET
    while name is None and wanted in taken:
        wanted += "_"
    cells = cells.set_axis(frame.index)
    return frame.assign(**{name or wanted: cells}), name or wanted


def as_sources(sources: Mapping[str, Any], target: Any) -> tuple[dict[str, Any], str | None]:
    """The tables of a training as files and DataFrames, and the name of the target.

    Args:
        sources: Rows by part, ``data`` first; those to validate and test with may be pairs of
            rows and targets.
        target: Name of a column, or the targets of the rows of ``data``.

    Raises:
        DataError: One is no table, or there is not one target for each row.
    """
    taken, name = dict(sources), target
    if target is not None and not isinstance(target, str):
        taken["data"], name = with_target(sources["data"], target)
    for part, source in taken.items():
        if is_pair(source):
            if name is None:
                taken[part], name = with_target(*source)
            else:
                taken[part] = with_target(*source, name=name)[0]
        else:
            frame = as_frame(source)
            taken[part] = source if frame is None else frame
    return taken, name


def _from_library(source: Any) -> pd.DataFrame:
    """A table of another library."""
    if hasattr(source, "to_pandas"):
        converted = source.to_pandas()
    elif hasattr(source, "__arrow_c_stream__"):
        import pyarrow as pa

        converted = pa.table(source).to_pandas()
    elif hasattr(source, "toarray"):
        raise DataError("a sparse matrix", hint="call its `toarray` for a matrix that is not")
    elif hasattr(source, "collect"):
        problem = f"a table that is not computed yet ({type(source).__name__})"
        raise DataError(problem, hint="call its `collect`")
    elif hasattr(source, "__array__"):
        converted = np.asarray(source)
    else:
        problem = (
            "a table must be a path, '-', a DataFrame or a dict of arrays; got "
            f"{type(source).__name__}"
        )
        raise ConfigError(problem)
    frame = as_frame(converted)
    assert frame is not None, "what was converted is no path"
    return frame


def _from_array(array: np.ndarray) -> pd.DataFrame:
    """A matrix as columns; texts, series and images as one."""
    if array.dtype.names:
        return pd.DataFrame({name: as_cells(array[name]) for name in array.dtype.names})
    if array.ndim == 2:
        return _unnamed(pd.DataFrame(array, columns=[f"x{i}" for i in range(array.shape[1])]))
    if array.ndim in (3, 4):
        return _unnamed(pd.DataFrame({WHOLE: as_cells(array)}))
    if array.ndim == 1 and array.dtype.kind in "OUS":
        return _from_list(array.tolist())
    raise _shapeless(array.shape)


def _from_list(cells: Sequence[Any]) -> pd.DataFrame:
    """A list of records, rows, texts, arrays or images."""
    if not len(cells):
        raise DataError("a table without rows", hint="check what made it")
    if all(isinstance(cell, Mapping) for cell in cells):
        return pd.DataFrame.from_records([dict(cell) for cell in cells])
    if all(isinstance(cell, str | None) for cell in cells):
        return _unnamed(pd.DataFrame({TEXT: as_objects(cells)}))
    if all(isinstance(cell, list | tuple) for cell in cells):
        if len({len(cell) for cell in cells}) > 1:
            raise DataError("rows of different lengths", hint="give each row the same columns")
        frame = pd.DataFrame(list(cells))
        return _unnamed(frame.set_axis([f"x{i}" for i in range(frame.shape[1])], axis=1))
    if all(np.ndim(cell) == 1 for cell in cells) and len({len(cell) for cell in cells}) == 1:
        return _from_array(np.stack([np.asarray(cell) for cell in cells]))
    if all(np.ndim(cell) == 0 and isinstance(cell, int | float | np.number) for cell in cells):
        raise _shapeless((len(cells),))
    return _unnamed(pd.DataFrame({WHOLE: as_objects(cells)}))


def _paths_as_frame(source: Any) -> pd.DataFrame | None:
    """A list of files as a column; None for one file or for folders."""
    if not isinstance(source, list | tuple) or any(os.path.isdir(path) for path in source):
        return None
    paths = [os.fspath(path) for path in source]
    kind = folders.IMAGE if folders.is_image_path(paths[0]) else folders.SOUND
    return pd.DataFrame({kind: as_objects(paths)})


def _target_cells(target: Any) -> pd.Series:
    """Targets as a column of a fresh index; several numbers a row as one cell."""
    if not isinstance(target, pd.Series | list | tuple | np.ndarray):
        frame = _from_library(target)
        if frame.shape[1] != 1:
            raise DataError(f"a target of {frame.shape[1]} columns", hint="give one column")
        target = frame.iloc[:, 0]
    if isinstance(target, pd.Series):
        return target.reset_index(drop=True)
    array = np.asarray(target) if isinstance(target, np.ndarray) else None
    if array is not None and array.ndim == 2:
        return as_cells(array[:, 0] if array.shape[1] == 1 else array)
    if array is not None and array.ndim != 1:
        raise DataError(f"targets of the shape {array.shape}", hint="give one target a row")
    if array is not None:
        return as_cells(array)
    is_plain = all(np.ndim(cell) == 0 for cell in target)
    return pd.Series(list(target)) if is_plain else as_objects(target)


def _unnamed(frame: pd.DataFrame) -> pd.DataFrame:
    """Note that the names of the columns are ours, so that they may become those of training."""
    frame.attrs[_UNNAMED] = True
    return frame


def _name_of(series: pd.Series) -> str:
    """Name of the column that a Series without a name becomes."""
    is_text = series.dtype == object or pd.api.types.is_string_dtype(series.dtype)
    return TEXT if is_text and isinstance(next(iter(series.dropna()), None), str) else WHOLE


def _shapeless(shape: tuple[int, ...]) -> DataError:
    problem = f"numbers of the shape {tuple(map(int, shape))} are no table"
    return DataError(problem, hint="give a matrix of rows and columns")
