"""What a target column holds: the task, and the classes in the order of their codes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from kerasnn.data import cells, dates, numerals, values
from kerasnn.data.frames import place
from kerasnn.data.guesses import MANY_ROWS
from kerasnn.errors import DataError
from kerasnn.signature import Task

LabelType = Literal["str", "int", "float", "bool"]

MAX_WHOLE_CLASSES = 20
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
    array = cells.to_arrow(series)
    form = cells.form_of(array)
    if form == "text":
        texts, _ = cells.distinct(cells.text_cells(array, dash=True))
        sign = numerals.decimal_sign(texts) or ""
        if not texts or any(numerals.parse(text, sign) is None for text in texts):
            return None
    return values.as_numbers(series) if form in ("numbers", "text") else None


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
    """Classes for text and for few whole numbers in a row; else regression.

    Args:
        numbers: The known values, if the target is made of numbers.
        n_classes: How many different values there are.
    """
    classes: Task = "binary" if n_classes == 2 else "multiclass"
    if numbers is None:
        return classes
    whole = bool((numbers == np.floor(numbers)).all())
    if not whole or n_classes > MAX_WHOLE_CLASSES or len(numbers) < 3 * n_classes:
        return "regression"
    span = numbers.max() - numbers.min() + 1
    return classes if n_classes == 2 or span <= 2 * n_classes else "regression"


def classes_of(labels: np.ndarray) -> tuple[tuple[str, ...], LabelType]:
    """The different labels in the order of their codes, and their Python type.

    Numbers are in their own order, text in alphabetical order; of a pair such as no and yes, the
    positive one is last.

    Args:
        labels: Of `as_categories`, object (n,).
    """
    found = sorted({label for label in labels if label is not None})
    if set(found) <= {"false", "true"}:
        return tuple(found), "bool"
    if all(_PLAIN.fullmatch(label) for label in found):
        ordered = tuple(sorted(found, key=float))
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
        what = f"the target has one class only: {shown}"
        raise DataError(what, place=place(series), fix="add rows of another class")
    if n_rows >= MANY_ROWS and len(classes) > 0.5 * n_rows:
        what = f"the target has {len(classes):,} different values in {n_rows:,} rows"
        raise DataError(what, place=place(series), fix=_many_fix(classes))


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
    odd = [label for label in classes if numerals.parse(label) is None]
    if odd and len(odd) < 0.5 * len(classes):
        return f"for regression, correct cells such as '{odd[0][:40]}'"
    if not odd:
        return "for regression, leave the task out; else choose another target"
    if separated(classes) is not None:
        return "if a cell holds several labels, say so with the task 'multilabel'"
    return "for regression, make them numbers; else choose another target"
