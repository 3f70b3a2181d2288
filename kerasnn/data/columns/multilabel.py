"""A target with any number of labels a row: as text, as lists, or as vectors of 0 and 1.

In text, ``|``, ``;`` or ``,`` stands between the labels of a cell: the first of these that the
column has anywhere. A list may be text too, as JSON or Python write it.
An empty cell of a column of text, and an empty list, are rows with no label. Text such as ``NA``
and ``?``, and what is no list in a column of lists, are rows whose labels are not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kerasnn.data.columns import cells, labels
from kerasnn.data.columns.kind_inference import MANY_ROWS
from kerasnn.data.columns.labels import SEPARATORS
from kerasnn.data.frames import location
from kerasnn.errors import DataError
from kerasnn.signature import Task

_LISTS = (list, tuple, set, frozenset, np.ndarray)
_UNKNOWN = frozenset(cells.MARKERS) - {""}
_BRACKETED = re.compile(r"\[([^\[\]]*)\]")
_ITEM = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"|([^\s,'\"][^,]*)")


class MultilabelFormat(NamedTuple):
    """How the cells of a target are read.

    Args:
        classes: All labels, in the order of the columns of the matrix.
        separator: Text between the labels of a cell.
        indicators: True if cells are vectors of 0 and 1, one number for each label.
    """

    classes: tuple[str, ...]
    separator: str
    indicators: bool


def are_lists(series: pd.Series) -> bool:
    """Whether the cells are lists, sets or vectors: the first one that is not missing tells."""
    if series.dtype != object and not isinstance(series.dtype, pd.ArrowDtype):
        return False
    first = next((cell for cell in series if not _is_null(cell)), None)
    return _is_list(first)


def unlabeled(series: pd.Series, task: Task | None) -> NDArray[np.bool_]:
    """Where a target of any task is not known, bool (n,)."""
    if task != "multilabel" and (task or not are_lists(series)):
        return labels.is_missing(series)
    if are_lists(series):
        return np.array([not _is_list(cell) and not _is_text(cell) for cell in series], bool)
    texts, indices = _distinct(series)
    return cells.expand(np.array([text in _UNKNOWN for text in texts], bool), indices, False)


def count_empty(series: pd.Series) -> int:
    """How many cells of a column of text have nothing in them, and so no label."""
    if are_lists(series):
        return 0
    texts, indices = _distinct(series)
    return int(cells.expand(np.array([not text for text in texts], bool), indices, True).sum())


def find(series: pd.Series) -> MultilabelFormat:
    """Find the labels of a target.

    Args:
        series: Known cells alone.

    Raises:
        DataError: There are not two labels, no two rows differ, or no cell could have several.
    """
    if _are_indicators(series):
        width = len(next(iter(series)))
        found = MultilabelFormat(tuple(map(str, range(width))), SEPARATORS[0], True)
        rows = names_of(series, found)
    else:
        separator = _separator(series)
        rows = names_of(series, MultilabelFormat((), separator, False))
        classes, _ = labels.classes_of(np.array(sorted({n for row in rows for n in row}), object))
        found = MultilabelFormat(classes, separator or _free_separator(series, classes), False)
    _check(series, found, rows, is_split=bool(_separator(series)))
    return found


def names_of(series: pd.Series, label_format: MultilabelFormat) -> list[tuple[str, ...]]:
    """The labels of each row.

    Raises:
        DataError: A vector has another length than there are labels, or is not of 0 and 1.
    """
    if are_lists(series):
        return [_of_cell(series, row, cell, label_format) for row, cell in enumerate(series)]
    texts, indices = _distinct(series)
    read = [*(_of_text(text, label_format.separator) for text in texts), ()]
    return [read[index] for index in indices]


def encode(series: pd.Series, label_format: MultilabelFormat) -> NDArray[np.float32]:
    """A column for each label: 1 where a row has it, float32 (n, labels).

    Raises:
        DataError: A row has a label that is not one of them.
    """
    code = {name: index for index, name in enumerate(label_format.classes)}
    matrix = np.zeros((len(series), len(label_format.classes)), np.float32)
    for row, names in enumerate(names_of(series, label_format)):
        unknown = [name for name in names if name not in code]
        if unknown:
            raise _unknown(series, row, unknown[0], label_format.classes)
        matrix[row, [code[name] for name in names]] = 1.0
    return matrix


def join(matrix: NDArray[Any], label_format: MultilabelFormat) -> NDArray[np.object_]:
    """Rows of 0 and 1, (n, labels), as text, object (n,)."""
    classes = np.array(label_format.classes, dtype=object)
    return _texts(label_format.separator.join(classes[row > 0]) for row in np.asarray(matrix))


def as_text(series: pd.Series, label_format: MultilabelFormat) -> pd.Series:
    """The column as text, each label once and all in one order, so that equal sets are equal."""
    rank = {name: index for index, name in enumerate(label_format.classes)}
    texts = _texts(
        label_format.separator.join(sorted(set(names), key=lambda n: (rank.get(n, len(rank)), n)))
        for names in names_of(series, label_format)
    )
    plain = pd.Series(texts, index=series.index, name=series.name, dtype=object)
    plain.attrs = series.attrs
    return plain


def _texts(values: Iterable[str]) -> NDArray[np.object_]:
    return np.array([*values, None], dtype=object)[:-1]


def _is_null(cell: Any) -> bool:
    return (
        cell is None
        or cell is pd.NA
        or cell is pd.NaT
        or (isinstance(cell, float) and cell != cell)
    )


def _is_list(cell: Any) -> bool:
    return isinstance(cell, _LISTS) and getattr(cell, "ndim", 1) == 1


def _is_text(cell: Any) -> bool:
    return isinstance(cell, str) and cell.strip() not in _UNKNOWN


def _distinct(series: pd.Series) -> tuple[list[str], NDArray[np.int64]]:
    """The different cells as text without blanks around, and which one each cell is; -1 if null."""
    values, indices = cells.distinct(cells.to_arrow(series))
    return [(cells.plain_text(value) or "").strip() for value in values], indices


def _of_cell(
    series: pd.Series, row: int, cell: Any, label_format: MultilabelFormat
) -> tuple[str, ...]:
    if isinstance(cell, str):
        return _of_text(cell.strip(), label_format.separator)
    if not _is_list(cell):
        return ()
    if not label_format.indicators:
        return tuple(filter(None, (_name(series, row, item) for item in cell)))
    if not _is_indicator(cell) or len(cell) != len(label_format.classes):
        problem = f"not a vector of {len(label_format.classes)} numbers that are 0 or 1"
        raise DataError(
            problem, location=location(series, series.index[row]), hint="correct the target"
        )
    return tuple(label_format.classes[index] for index in np.flatnonzero(np.asarray(cell)))


def _name(series: pd.Series, row: int, item: Any) -> str:
    if isinstance(item, float | np.floating) and not float(item).is_integer() and item == item:
        problem = f"a list of numbers such as {float(item):g} where labels are meant"
        hint = "a target of several numbers can't be predicted; choose one of them"
        raise DataError(problem, location=location(series, series.index[row]), hint=hint)
    return (cells.plain_text(item) or "").strip()


def _of_text(text: str, separator: str) -> tuple[str, ...]:
    if listed := _BRACKETED.fullmatch(text):
        items = [next(filter(None, match.groups()), "") for match in _ITEM.finditer(listed[1])]
    else:
        items = text.split(separator) if separator else [text]
    return tuple(filter(None, (item.strip() for item in items)))


def _are_indicators(series: pd.Series) -> bool:
    """Whether all cells are vectors of 0 and 1 of one length."""
    if not are_lists(series) or not all(map(_is_indicator, series)):
        return False
    return len({len(cell) for cell in series}) == 1


def _is_indicator(cell: Any) -> bool:
    if not isinstance(cell, list | tuple | np.ndarray) or not len(cell):
        return False
    numbers = np.asarray(cell)
    return numbers.dtype.kind in "biuf" and bool(np.isin(numbers, (0, 1)).all())


def _separator(series: pd.Series) -> str:
    """What stands between the labels of text; empty where nothing does."""
    if are_lists(series):
        texts = [cell for cell in series if isinstance(cell, str)]
    else:
        texts = _distinct(series)[0]
    plain = [text for text in texts if not _BRACKETED.fullmatch(text)]
    return next((sign for sign in SEPARATORS if any(sign in text for text in plain)), "")


def _free_separator(series: pd.Series, classes: Sequence[str]) -> str:
    free = [sign for sign in SEPARATORS if not any(sign in name for name in classes)]
    if not free:
        problem = f"the labels hold each of {' '.join(SEPARATORS)}, so none can stand between them"
        raise DataError(problem, location=location(series), hint="rename some labels")
    return free[0]


def _check(
    series: pd.Series,
    label_format: MultilabelFormat,
    rows: Sequence[tuple[str, ...]],
    *,
    is_split: bool,
) -> None:
    at, classes = location(series), label_format.classes
    if len(classes) < 2:
        shown = f"'{classes[0]}'" if classes else "none"
        hint = "for one label, make the target yes or no, and leave the task out"
        raise DataError(
            f"several labels are meant, and there is {shown} only", location=at, hint=hint
        )
    if len(set(map(frozenset, rows))) == 1:
        shown = ", ".join(f"'{name}'" for name in rows[0][:5]) or "none"
        problem = f"every row has the same labels: {shown}"
        raise DataError(problem, location=at, hint="add rows with other labels")
    # A list is one whatever its length; text that is never divided is a class a row.
    if not is_split and not are_lists(series) and all(len(row) < 2 for row in rows):
        signs = ", ".join(f"'{sign}'" for sign in SEPARATORS)
        problem = f"no cell of the target has several labels, separated by one of {signs}"
        hint = "separate them so, or leave the task out for one class a row"
        raise DataError(problem, location=at, hint=hint)
    if len(rows) >= MANY_ROWS and len(classes) > 0.5 * len(rows):
        problem = f"the target has {len(classes):,} different labels in {len(rows):,} rows"
        raise DataError(problem, location=at, hint="choose another target, or merge labels")


def _unknown(series: pd.Series, row: int, name: str, classes: Sequence[str]) -> DataError:
    shown = ", ".join(classes[:5]) + (", …" if len(classes) > 5 else "")
    return DataError(
        f"the label '{name[:40]}' is not among those of the training",
        location=location(series, series.index[row]),
        hint=f"use the labels {shown}",
    )
