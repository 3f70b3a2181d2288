"""Splits of the rows into training, validation and test, made before anything is fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import pandas as pd

from kerasnn.data.columns import labels, multilabel, values
from kerasnn.data.frames import SourceTable, keep_rows, location
from kerasnn.data.schema import Schema, check_target
from kerasnn.errors import ConfigError, DataError, UnknownNameError, quantity, warn
from kerasnn.options import SplitKind, SplitOptions
from kerasnn.signature import Task

PART_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
}


@dataclass(frozen=True)
class Splits:
    """Row numbers of the three parts, each in ascending order.

    Args:
        train: int64, (n,).
        validation: int64, (n,).
        test: int64, (n,); may have no rows.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    @classmethod
    def from_lengths(cls, train: int, validation: int, test: int = 0) -> Splits:
        """Splits of tables that were read from separate files and concatenated.

        >>> Splits.from_lengths(2, 1, 1).validation
        array([2])
        """
        rows = np.arange(train + validation + test, dtype=np.int64)
        return cls(rows[:train], rows[train : train + validation], rows[train + validation :])


def drop_unlabeled(table: SourceTable, target: str, *, task: Task | None = None) -> SourceTable:
    """Leave out the rows without a target, and say how many.

    Args:
        table: A table.
        target: Name of the column.
        task: Task, where it is known; an empty multilabel cell has no label.

    Raises:
        DataError: If they are more than half of the rows.
    """
    check_target(table, target)
    missing = multilabel.unlabeled(table.frame[target], task)
    n_missing, n_rows = int(missing.sum()), len(missing)
    if not n_missing:
        return table
    at = location(table.frame[target])
    problem = f"{n_missing:,} of {n_rows:,} rows {'has' if n_missing == 1 else 'have'} no target"
    if n_missing > n_rows / 2:
        raise DataError(problem, location=at, hint="fill it in, or choose another target")
    warn(
        f"{problem} and {'is' if n_missing == 1 else 'are'} left out",
        location=at,
        hint="fill it in to learn from them",
    )
    return keep_rows(table, np.flatnonzero(~missing))


def split(table: SourceTable, schema: Schema, options: SplitOptions, *, seed: int) -> Splits:
    """Divide the rows.

    ``random`` draws; ``stratified`` draws so that each class has its share in each part;
    ``group`` keeps the rows of a group together; ``time`` tests on the latest rows, validates on
    those before; ``column`` obeys a column; ``auto`` is stratified for one class a row, else random.

    Args:
        table: The table, each row with a target.
        schema: Schema of the table.
        options: Kind, column and shares.
        seed: Seed of the draw; the same seed gives the same splits.

    Raises:
        DataError: If there are too few rows, classes or groups.
    """
    kind = _kind(options, schema)
    frame = table.frame
    _check_column(frame, options, kind)
    random = np.random.default_rng(seed)
    if kind == "column":
        return _by_column(frame[str(options.column)])
    _check_count(len(frame), "rows", options, table.origin)
    if kind == "stratified":
        return _stratified(frame[schema.target.name], options, random)
    if kind == "group":
        return _by_group(frame[str(options.column)], options, random)
    if kind == "time":
        return _by_time(frame[str(options.column)], schema, options)
    return _cut(random.permutation(len(frame)), options)


def _kind(options: SplitOptions, schema: Schema) -> SplitKind:
    if options.kind not in get_args(SplitKind):
        raise UnknownNameError("split kind", options.kind, get_args(SplitKind))
    shares = (options.validation, options.test)
    if not (0 < shares[0] < 1 and 0 <= shares[1] < 1 and sum(shares) < 1):
        what = "`validation` must be in (0, 1), `test` in [0, 1), their sum below 1"
        raise ConfigError(f"{what}; got {shares[0]:g} and {shares[1]:g}")
    has_strata = schema.target.task in ("binary", "multiclass")
    if options.kind == "stratified" and not has_strata:
        hint = "use 'random'"
        raise ConfigError("a stratified split needs a target with one class a row", hint=hint)
    if options.kind == "auto":
        return "stratified" if has_strata else "random"
    return options.kind


def _check_column(frame: pd.DataFrame, options: SplitOptions, kind: SplitKind) -> None:
    if kind not in ("group", "time", "column"):
        return
    if options.column is None:
        raise ConfigError(f"a split by {kind} needs a column", hint="name it in `column`")
    if options.column not in frame.columns:
        raise UnknownNameError("split column", options.column, map(str, frame.columns))


def _check_count(n: int, what: str, options: SplitOptions, at: str) -> None:
    needed = 3 if options.test else 2
    if n < needed:
        found = f"1 {what.removesuffix('s')}" if n == 1 else f"{n} {what}"
        parts = "training, validation and test" if options.test else "training and validation"
        raise DataError(
            f"{found}, too few for {parts}", location=at, hint=f"give at least {needed}"
        )


def _sizes(n: int, options: SplitOptions) -> tuple[int, int]:
    """Rows of validation and test; each has one at least, and so has training."""
    test = max(1, round(n * options.test)) if options.test else 0
    validation = max(1, round(n * options.validation))
    while validation + test >= n:
        validation, test = (validation - 1, test) if validation > test else (validation, test - 1)
    return validation, test


def _cut(order: np.ndarray, options: SplitOptions) -> Splits:
    """Train on the first rows of an order, validate on the next, test on the last."""
    validation, test = _sizes(len(order), options)
    ends = [len(order) - validation - test, len(order) - test]
    return _parts(*np.split(order, ends))


def _parts(train: np.ndarray, validation: np.ndarray, test: np.ndarray) -> Splits:
    train, validation, test = (np.sort(p).astype(np.int64) for p in (train, validation, test))
    return Splits(train, validation, test)


def _stratified(series: pd.Series, options: SplitOptions, random: np.random.Generator) -> Splits:
    classes, codes = np.unique(values.as_categories(series).astype(str), return_inverse=True)
    counts = np.bincount(codes)
    shuffled = random.permutation(len(codes))
    if (counts - 1).sum() < (2 if options.test else 1):
        # No class has rows to spare.
        return _cut(shuffled, options)
    _note_single_rows(series, classes[counts == 1])
    order = shuffled[np.argsort(codes[shuffled], kind="stable")]
    validation, test = _sizes(len(codes), options)
    # One row of each class is kept for training, and one row at all for validation.
    spare = counts - 1
    n_test = _allot(counts, min(test, spare.sum() - 1), spare)
    n_validation = _allot(counts, validation, spare - n_test)
    rank = np.arange(len(codes)) - np.repeat(np.cumsum(counts) - counts, counts)
    limit_test = np.repeat(n_test, counts)
    is_test = rank < limit_test
    is_validation = ~is_test & (rank < limit_test + np.repeat(n_validation, counts))
    return _parts(order[~is_test & ~is_validation], order[is_validation], order[is_test])


def _note_single_rows(series: pd.Series, classes: Sequence[str]) -> None:
    if not len(classes):
        return
    shown = ", ".join(f"'{name}'" for name in classes[:3]) + (", …" if len(classes) > 3 else "")
    one = f"class {shown} has one row only, which trains"
    several = f"{len(classes):,} classes have one row each, which trains: {shown}"
    problem = one if len(classes) == 1 else several
    warn(
        problem,
        location=location(series),
        hint="add rows, or no score tells how well they are predicted",
    )


def _allot(counts: np.ndarray, total: int, most: np.ndarray) -> np.ndarray:
    """Divide a total over classes by their size, and give none more than it may have at most."""
    exact = counts * (total / counts.sum())
    given: np.ndarray = np.minimum(np.floor(exact).astype(np.int64), most)
    for _ in range(min(total, int(most.sum())) - int(given.sum())):
        given[np.argmax(np.where(given < most, exact - given, -np.inf))] += 1
    return given


def _by_group(series: pd.Series, options: SplitOptions, random: np.random.Generator) -> Splits:
    names = values.as_categories(series)
    codes, groups = pd.factorize(pd.Series(names, dtype=object))
    # A row without a group is one of its own.
    alone = codes < 0
    codes[alone] = len(groups) + np.arange(alone.sum())
    counts = np.bincount(codes)
    _check_count(len(counts), "groups", options, location(series))
    part_of = _fill(counts, random.permutation(len(counts)), _sizes(len(codes), options))
    rows = part_of[codes]
    return _parts(*(np.flatnonzero(rows == part) for part in range(3)))


def _fill(counts: np.ndarray, order: np.ndarray, sizes: tuple[int, int]) -> np.ndarray:
    """Give each group, in a random order, to the part that lacks the largest share of its rows."""
    wanted = np.array([counts.sum() - sum(sizes), *sizes], float)
    have = np.zeros(3)
    part_of = np.zeros(len(counts), np.int64)
    needed = [part for part in (0, 1, 2) if wanted[part] > 0]
    for position, group in enumerate(order):
        empty = [part for part in needed if not have[part]]
        last_chance = len(order) - position <= len(empty)
        open_parts = empty if last_chance else needed
        lacking = [(wanted[part] - have[part]) / wanted[part] for part in open_parts]
        part = open_parts[int(np.argmax(lacking))]
        part_of[group], have[part] = part, have[part] + counts[group]
    return part_of


def _by_time(series: pd.Series, schema: Schema, options: SplitOptions) -> Splits:
    times = _times(series, schema)
    order = np.argsort(times, kind="stable")
    validation, test = _sizes(len(times), options)
    in_order = times[order]
    ends = [len(order) - validation - test, len(order) - test]
    # Rows of one moment stay in one part, the later one.
    starts = [
        int(np.searchsorted(in_order, in_order[end])) if end < len(order) else end for end in ends
    ]
    if not 0 < starts[0] < starts[1]:
        n = len(np.unique(times))
        problem = f"{quantity(n, 'different time')}, too few or too uneven for the split"
        raise DataError(problem, location=location(series), hint="split by 'random'")
    return _parts(*np.split(order, starts))


def _times(series: pd.Series, schema: Schema) -> np.ndarray:
    times = labels.numbers_or_none(series)
    if times is not None:
        missing = np.isnan(times)
    else:
        layouts = {c.name: c.layout for c in schema.columns if c.kind == "date"}
        times = values.as_dates(series, layout=layouts.get(str(series.name), ""))
        missing = times == values.MISSING_DATE
    if missing.any():
        at = location(series, series.index[int(np.flatnonzero(missing)[0])])
        raise DataError(
            f"{quantity(int(missing.sum()), 'row has', 'rows have')} no time",
            location=at,
            hint="fill it in",
        )
    return times


def _by_column(series: pd.Series) -> Splits:
    names = [str(name).lower() if name is not None else "" for name in values.as_categories(series)]
    unknown = [row for row, name in enumerate(names) if name not in PART_NAMES]
    if unknown:
        problem = f"'{names[unknown[0]]}' is not the name of a part"
        hint = "use train, validation and test"
        raise DataError(problem, location=location(series, series.index[unknown[0]]), hint=hint)
    found = np.array([PART_NAMES[name] for name in names])
    parts = [np.flatnonzero(found == part) for part in ("train", "validation", "test")]
    _check_parts(parts, location(series))
    return _parts(*parts)


def _check_parts(parts: Sequence[np.ndarray], at: str) -> None:
    for name, rows in zip(("train", "validation"), parts, strict=False):
        if not len(rows):
            raise DataError(f"no row is '{name}'", location=at, hint=f"mark some rows '{name}'")
