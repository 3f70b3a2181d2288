"""The task of a target column, and its classes in the order of their codes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from kerasnn.data.columns import cells, dates, number_parsing, values
from kerasnn.data.columns.kind_inference import MANY_ROWS
from kerasnn.data.frames import location
from kerasnn.errors import DataError
from kerasnn.signature import Task

LabelType = Literal["str", "int", "float", "bool"]

MAX_WHOLE_CLASSES = 20
MAX_CODES = 1_000
"""Most whole numbers that may be classes, the latter where they are 0 … K - 1 or 1 … K."""
FEW_CODES = 5
"""So few whole numbers are classes, such as one to five stars, however rare some are."""
OFTEN, OFTEN_ROWS = 0.25, 5
"""The share of the mean frequency, and the rows, that each of many codes must have."""
SEPARATORS = ("|", ";", ",")
"""What may stand between the labels of a cell; the first that a column has does."""

_PLAIN = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")

_NEGATIVE_FIRST = (
    ("no", "yes"),
    ("n", "y"),
    ("false", "true"),
    ("f", "t"),
    ("off", "on"),
    ("-", "+"),
    ("negative", "positive"),
    ("neg", "pos"),
    ("absent", "present"),
    ("bad", "good"),
    ("fail", "pass"),
    ("failure", "success"),
    ("rejected", "accepted"),
)


def numbers_or_none(series: pd.Series) -> np.ndarray | None:
    """The target as numbers, if it is made of them."""
    layout = layout_of(series)
    return None if layout is None else values.as_numbers(series, layout=layout)


def layout_of(series: pd.Series) -> str | None:
    """How a target of numbers is read, empty for plain ones; None if it is made of others."""
    array = cells.to_arrow(series)
    form = cells.form_of(array)
    if form == "durations":
        return number_parsing.DURATION
    if form != "text":
        return "" if form == "numbers" else None
    texts, _ = cells.distinct(cells.text_cells(array, dash=True))
    layout = number_parsing.find_layout(texts) if texts else None
    return "" if layout == "." else layout


def is_missing(series: pd.Series) -> np.ndarray:
    """Where a column has no value, bool (n,)."""
    if series.dtype == object and series.map(_is_array).any():
        # What is in series is not looked at.
        return series.isna().to_numpy()
    numbers = numbers_or_none(series)
    if numbers is not None:
        missing: np.ndarray = np.isnan(numbers)
        return missing
    return np.array([label is None for label in values.as_categories(series)], bool)


def _is_array(cell: object) -> bool:
    return isinstance(cell, np.ndarray)


def likely_task(numbers: np.ndarray | None, n_classes: int) -> Task:
    """Classes for text and for codes; regression for quantities.

    Whole numbers are codes where there are two of them, or where up to 20 are close together, or
    where they are 0 … K - 1 or 1 … K and all of them occur often. A count is none: its numbers are
    the rarer, the farther they are from the most frequent one, and the rarest hardly occur. No code
    is below -1.

    Args:
        numbers: The known values, if the target is made of numbers.
        n_classes: Number of different values.
    """
    classes: Task = "binary" if n_classes == 2 else "multiclass"
    if numbers is None:
        return classes
    whole = bool((numbers == np.floor(numbers)).all())
    if not whole or len(numbers) < 3 * n_classes:
        return "regression"
    if n_classes <= 2:
        return classes
    if numbers.min() < -1:
        return "regression"
    span = numbers.max() - numbers.min() + 1
    if n_classes <= MAX_WHOLE_CLASSES:
        return classes if span <= 2 * n_classes and not _are_counts(numbers) else "regression"
    are_codes = span == n_classes <= MAX_CODES and numbers.min() in (0, 1)
    return classes if are_codes and _all_occur_often(numbers) else "regression"


def may_be_classes(numbers: np.ndarray) -> bool:
    """Whether numbers that are taken for quantities are so few whole ones that they may be codes.

    >>> may_be_classes(np.repeat([100.0, 110.0, 130.0, 999.0], [9, 9, 9, 1]))
    True
    """
    n_distinct = len(np.unique(numbers))
    is_whole = bool((numbers == np.floor(numbers)).all())
    is_few = 2 < n_distinct <= MAX_WHOLE_CLASSES and len(numbers) >= 3 * n_distinct
    return is_whole and is_few and not _are_counts(numbers)


def _are_counts(numbers: np.ndarray) -> bool:
    """Whether the frequencies fall on both sides of a peak, down to hardly any."""
    frequencies = np.unique(numbers, return_counts=True)[1]
    steps = np.sign(np.diff(frequencies))
    falls = np.flatnonzero(steps < 0)
    has_one_peak = not len(falls) or not (steps[falls[0] :] > 0).any()
    return len(frequencies) > FEW_CODES and has_one_peak and not _all_occur_often(numbers)


def _all_occur_often(numbers: np.ndarray) -> bool:
    frequencies = np.unique(numbers, return_counts=True)[1]
    return bool(frequencies.min() >= max(OFTEN_ROWS, OFTEN * frequencies.mean()))


def classes_of(labels: np.ndarray) -> tuple[tuple[str, ...], LabelType]:
    """The different labels in the order of their codes, and their Python type.

    Numbers are in their own order, text in alphabetical order; of a pair such as no and yes, the
    positive one is last.

    Args:
        labels: Labels that `as_categories` returned, object (n,).
    """
    found = sorted({label for label in labels if label is not None})
    if set(found) <= {"false", "true"}:
        return tuple(found), "bool"
    # Codes such as 007 are labels with their zeros.
    if all(_PLAIN.fullmatch(label) for label in found) and not number_parsing.are_codes(found):
        ordered = tuple(sorted(found, key=float))
        if float(ordered[-1]) > 2**53 or float(ordered[0]) < -(2**53):
            return tuple(found), "str"
        whole = all(label.lstrip("+-").isdigit() for label in found)
        # Codes such as 007 and 7 are one number but two labels.
        if len({float(label) for label in found}) == len(found):
            return ordered, "int" if whole else "float"
    lowered = {label.lower(): label for label in found}
    for pair in _NEGATIVE_FIRST:
        if set(lowered) == set(pair) and len(found) == 2:
            return (lowered[pair[0]], lowered[pair[1]]), "str"
    return tuple(found), "str"


def check_classes(series: pd.Series, classes: Sequence[str], n_rows: int) -> None:
    """Raise if the target can't be classes: one only, or one for nearly each row."""
    if len(classes) < 2:
        shown = f"'{classes[0]}'" if classes else "nothing"
        problem = f"the target has one class only: {shown}"
        raise DataError(problem, location=location(series), hint="add rows of another class")
    if n_rows >= MANY_ROWS and len(classes) > 0.5 * n_rows:
        problem = f"the target has {len(classes):,} different values in {n_rows:,} rows"
        raise DataError(problem, location=location(series), hint=_many_fix(classes))


def separated(classes: Sequence[str]) -> str | None:
    """One of the classes that looks like several labels; None where they don't.

    Half of them at least must hold a separator other than the comma, and have fewer parts in all
    than they are.

    >>> separated(["war", "war|love", "love|drama", "war|drama"])
    'war|love'
    """
    for sign in SEPARATORS[:2]:
        several = [label for label in classes if sign in label]
        parts = {part.strip() for label in classes for part in label.split(sign)}
        if 2 * len(several) >= len(classes) > len(parts) > 1:
            return several[0]
    return None


def _many_fix(classes: Sequence[str]) -> str:
    if dates.looks_like_dates(classes[:3]):
        return "a date can't be predicted; turn it into a number such as days"
    odd = [label for label in classes if number_parsing.parse(label) is None]
    if odd and len(odd) < 0.5 * len(classes):
        return f"for regression, correct cells such as '{odd[0][:40]}'"
    if not odd:
        return "for regression, leave the task out; else choose another target"
    if separated(classes) is not None:
        return "if a cell holds several labels, say so with the task 'multilabel'"
    return "for regression, make them numbers; else choose another target"
