"""The schema of a table: its columns and its target.

The kind of a column decides how it is read and encoded; nothing else about it does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from kerasnn.data import duplicate_rows
from kerasnn.data.columns import kinds, labels, multilabel, number_parsing, values
from kerasnn.data.columns.kinds import USED_KINDS
from kerasnn.data.columns.multilabel import MultilabelFormat
from kerasnn.data.columns.number_columns import check_numbers
from kerasnn.data.frames import SourceTable, location
from kerasnn.data.readers.long_tables import LongTable
from kerasnn.errors import ConfigError, DataError, UnknownNameError, quantity, warn
from kerasnn.signature import Kind, Task

__all__ = ["USED_KINDS", "Column", "Kind", "Schema", "Target", "check_target", "describe", "infer"]


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Args:
        name: Name of the column in the data.
        kind: Number, category, boolean, date, image and text are encoded; the others are left out.
        reason: Why the kind was chosen, or why the column is left out, in a few words.
        used: True if the network sees the column.
        layout: Format of its cells, in training and afterwards: the decimal sign of numbers
            (``.`` or ``,``) followed by their unit (``. kg``), ``duration``, the format of dates
            (``ISO8601`` or a format of ``strptime``), the height, width and channels of images
            (``32x32x3``), the tokens of texts (``words`` or ``characters``).
    """

    name: str
    kind: Kind
    reason: str = ""
    used: bool = True
    layout: str = ""


@dataclass(frozen=True)
class Target:
    """The column to be predicted.

    Args:
        name: Name of the column in the data.
        task: Binary, multiclass, multilabel or regression.
        classes: Labels in the order of their codes, as text; empty for regression.
        label_type: Python type of returned labels: ``"str"``, ``"int"``, ``"float"`` or ``"bool"``.
        separator: Text between the labels of a cell of a multilabel target; else empty.
        indicators: True if the cells of a multilabel target are vectors of 0 and 1.
        layout: Format of the cells of a regression target, as in `Column`; empty if each cell
            is read on its own.
    """

    name: str
    task: Task
    classes: tuple[str, ...] = ()
    label_type: Literal["str", "int", "float", "bool"] = "str"
    separator: str = ""
    indicators: bool = False
    layout: str = ""

    @property
    def label_format(self) -> MultilabelFormat:
        """How the cells of a multilabel target are read."""
        return MultilabelFormat(self.classes, self.separator, self.indicators)


@dataclass(frozen=True)
class Schema:
    """The columns of a table, without the target, in the order of the data, and the target.

    Args:
        columns: Description of each feature.
        target: Description of the column to predict.
        notes: Warnings about the table.
        long: Layout of a table in the long form, which has a row for each point of a series.
    """

    columns: tuple[Column, ...]
    target: Target
    notes: tuple[str, ...] = field(default=())
    long: LongTable | None = None

    @property
    def features(self) -> tuple[Column, ...]:
        """The columns that the network sees."""
        return tuple(column for column in self.columns if column.used)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Schema:
        """Rebuild from `to_dict`'s data, also after a trip through JSON."""
        target = data["target"]
        return cls(
            tuple(Column(**column) for column in data["columns"]),
            Target(**{**target, "classes": tuple(target.get("classes", ()))}),
            tuple(data.get("notes", ())),
            LongTable.from_dict(data["long"]) if data.get("long") else None,
        )


def infer(
    table: SourceTable,
    *,
    target: str,
    task: Task | None = None,
    columns: Mapping[str, Kind] | None = None,
    drop: Sequence[str] = (),
) -> Schema:
    """Find the kind of each column and the task, and warn of what looks odd.

    Args:
        table: The table; rows without a target are not looked at.
        target: Name of the column to be predicted.
        task: Instead of the one that the target suggests.
        columns: Kinds to take instead of the ones that the cells suggest.
        drop: Columns to leave out.

    Raises:
        DataError: If the table can't be learned from.
        ConfigError: If an argument names no column, kind or task.

    >>> from kerasnn.data import read
    >>> table = read({"age": [20, 30, 40], "bought": ["no", "yes", "yes"]})
    >>> infer(table, target="bought").target.classes
    ('no', 'yes')
    """
    given = dict(columns or {})
    frame = table.frame
    check_target(table, target)
    check_arguments(frame, target, task, given, drop)
    known = ~multilabel.unlabeled(frame[target], task)
    labeled = frame if known.all() else frame[known]
    if len(labeled) < 2:
        problem = f"{len(labeled)} row{'' if len(labeled) == 1 else 's'}, too few to learn from"
        raise DataError(problem, location=table.origin, hint="add rows")
    notes: list[str] = []
    found = _target(labeled[target], task or _task_of_kind(given.get(target)), notes)
    described = describe(labeled.drop(columns=target), given, drop=drop, notes=notes)
    schema = Schema(described, found, ())
    if not schema.features:
        left_out = ", ".join(f"'{column.name}' ({column.reason})" for column in described)
        problem = f"no column is left to learn from: {left_out}"
        raise DataError(problem, location=table.origin, hint="give a column a kind with `columns`")
    if found.task == "multilabel":
        labeled = labeled.assign(
            **{target: multilabel.as_text(labeled[target], found.label_format)}
        )
    _note_duplicates(labeled, schema, notes)
    return Schema(described, found, tuple(notes))


def describe(
    frame: pd.DataFrame,
    columns: Mapping[str, Kind],
    *,
    drop: Sequence[str] = (),
    notes: list[str],
) -> tuple[Column, ...]:
    """Find the kinds of columns, and warn of what looks odd.

    Args:
        frame: Features alone.
        columns: Kinds to take instead of the ones that the cells suggest.
        drop: Columns to leave out.
        notes: The warnings are added to it.

    Raises:
        DataError: A column holds what it can't.
    """
    return tuple(
        _column(frame[name], columns.get(name), dropped=name in drop, notes=notes)
        for name in map(str, frame.columns)
    )


def check_target(table: SourceTable, target: str) -> None:
    """Raise if there is no such column, or no other one."""
    names = [str(name) for name in table.frame.columns]
    if target not in names:
        raise UnknownNameError("target column", target, names, location=table.origin)
    if len(names) == 1:
        hint = "add columns to learn from"
        raise DataError(f"no column but the target '{target}'", location=table.origin, hint=hint)


def check_arguments(
    frame: pd.DataFrame,
    target: str,
    task: str | None,
    given: Mapping[str, str],
    drop: Sequence[str],
) -> None:
    """Raise if an argument of `infer` names no column of a table, no kind or no task."""
    names = [str(name) for name in frame.columns]
    for name in [*given, *drop]:
        if name not in names:
            raise UnknownNameError("column", name, names)
    for kind in given.values():
        if kind not in get_args(Kind):
            raise UnknownNameError("kind", kind, get_args(Kind))
    if task is not None and task not in get_args(Task):
        raise UnknownNameError("task", task, get_args(Task))
    if target in drop:
        raise ConfigError(f"the target '{target}' is dropped", hint="take it out of `drop`")


def _task_of_kind(kind: Kind | None) -> Task | Literal["classes"] | None:
    """The kind given for the target says whether it is classes."""
    if kind in ("category", "boolean"):
        return "classes"
    if kind is None or kind == "number":
        return "regression" if kind else None
    problem = f"a target can't be of kind '{kind}'"
    raise ConfigError(problem, hint="make it a number, category or boolean")


def _target(series: pd.Series, task: Task | Literal["classes"] | None, notes: list[str]) -> Target:
    name = str(series.name)
    if task == "multilabel" or multilabel.are_lists(series):
        return _several_labels(series, task, notes)
    numbers = labels.numbers_or_none(series)
    layout = labels.layout_of(series) or ""
    if task == "regression" or (task is None and layout == number_parsing.DURATION):
        _check_regression(series, values.as_numbers(series, layout=layout))
        _note_layout(series, layout, notes)
        return Target(name, "regression", layout=layout)
    found = values.as_categories(series)
    classes, label_type = labels.classes_of(found)
    is_inferred = task is None
    if task is None and len(classes) > 1:
        task = labels.likely_task(_quantities(numbers, classes, series), len(classes))
        if task == "regression":
            assert numbers is not None
            _check_regression(series, numbers)
            _note_layout(series, layout, notes)
            _note_few_numbers(series, numbers, notes)
            return Target(name, "regression", layout=layout)
    labels.check_classes(series, classes, len(series))
    if is_inferred:
        _note_separators(series, classes, notes)
    if task in (None, "classes"):
        task = "binary" if len(classes) == 2 else "multiclass"
    if task == "binary" and len(classes) != 2:
        problem = f"the target has {len(classes):,} classes, too many for the task 'binary'"
        raise DataError(
            problem, location=location(series), hint="leave the task out, or merge classes"
        )
    return Target(name, task, classes, label_type)  # type: ignore[arg-type]


def _note_layout(series: pd.Series, layout: str, notes: list[str]) -> None:
    """Say how a target with units or durations is read."""
    if pd.api.types.is_string_dtype(series.dtype) or series.dtype == object:
        known = [str(cell).strip() for cell in series.dropna().unique()]
        has_unit = len(layout) > 1
        describe = number_parsing.described if has_unit else number_parsing.describe_separators
        problem = describe(known, layout)
        if problem is not None:
            hint = f"if that is wrong, pass columns={{'{series.name}': 'category'}}"
            hint = hint if has_unit else "write plain numbers, if that is wrong"
            _note(problem, notes, at=location(series), hint=hint)


def _quantities(
    numbers: np.ndarray | None, classes: Sequence[str], series: pd.Series
) -> np.ndarray | None:
    """The numbers of a target; None where they are codes with leading zeros, each in some rows."""
    return (
        None if number_parsing.are_codes(classes) and len(series) >= 3 * len(classes) else numbers
    )


def _note_few_numbers(series: pd.Series, numbers: np.ndarray, notes: list[str]) -> None:
    """Say that a target of few whole numbers is read as quantities."""
    if labels.may_be_classes(numbers):
        problem = (
            f"the {len(np.unique(numbers))} whole numbers of the target, {numbers.min():.12g} to "
            f"{numbers.max():.12g}, are read as quantities, for regression"
        )
        _note(
            problem, notes, at=location(series), hint="if they are classes, pass task='multiclass'"
        )


def _several_labels(
    series: pd.Series, task: Task | Literal["classes"] | None, notes: list[str]
) -> Target:
    if task not in (None, "multilabel"):
        problem = "the target's cells are lists, which are several labels a row"
        raise DataError(
            problem, location=location(series), hint="leave the task out, or flatten the lists"
        )
    found = multilabel.find(series)
    n_empty = multilabel.count_empty(series)
    if n_empty:
        problem = f"{quantity(n_empty, 'row of the target is', 'rows of the target are')} empty and count as having no label"
        _note(problem, notes, at=location(series), hint="write NA where the labels are not known")
    return Target(str(series.name), "multilabel", found.classes, "str", *found[1:])


def _note_separators(series: pd.Series, classes: Sequence[str], notes: list[str]) -> None:
    several = labels.separated(classes)
    if several is not None:
        problem = f"classes such as '{several[:40]}' look like several labels each"
        _note(
            problem,
            notes,
            at=location(series),
            hint="if they are, say so with the task 'multilabel'",
        )


def _check_regression(series: pd.Series, numbers: np.ndarray) -> None:
    check_numbers(series, numbers, whole=False)
    if len(pd.unique(numbers)) == 1:
        problem = f"the target is always {numbers[0]:g}"
        raise DataError(problem, location=location(series), hint="choose another target")


def _column(series: pd.Series, kind: Kind | None, *, dropped: bool, notes: list[str]) -> Column:
    name = str(series.name)
    if dropped:
        try:
            found = kind or kinds.infer_kind(series).kind
        except DataError:
            found = "text"
        return Column(name, found, "dropped", used=False)
    inferred = kinds.force(series, kind) if kind else kinds.infer_kind(series)
    for problem, hint in inferred.data_warnings:
        _note(problem, notes, at=location(series), hint=hint)
    return Column(name, inferred.kind, inferred.reason, inferred.used, inferred.layout)


def _note_duplicates(table: pd.DataFrame, schema: Schema, notes: list[str]) -> None:
    """Warn of rows that repeat another one, or that contradict another one."""
    if any(column.kind in ("image", "sound") for column in schema.features):
        # They repeat by what is in them, not by how they are named.
        return
    hashes = {name: duplicate_rows.cell_hashes(table[name]) for name in table.columns}
    n_repeats = duplicate_rows.count_duplicates(duplicate_rows.row_hashes(hashes.values()))
    if n_repeats:
        problem = f"{n_repeats:,} of {len(table):,} rows {'repeats' if n_repeats == 1 else 'repeat'} another row"
        _note(problem, notes, at=location(table), hint="remove them if they are copies")
    if schema.target.classes:
        another = "set of labels" if schema.target.task == "multilabel" else "class"
        features = duplicate_rows.row_hashes(hashes[column.name] for column in schema.features)
        labelled = duplicate_rows.row_hashes([features, hashes[schema.target.name]])
        n_conflicts = duplicate_rows.count_conflicts(features, labelled)
        if n_conflicts:
            problem = f"{quantity(n_conflicts, 'row has', 'rows have')} the features of another row but another {another}"
            _note(problem, notes, at=location(table), hint="no model can tell them apart")


def _note(problem: str, notes: list[str], *, at: str, hint: str) -> None:
    notes.append(f"{problem} ({at})" if at else problem)
    warn(problem, location=at or None, hint=hint or None)
