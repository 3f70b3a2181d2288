"""Codes with leading zeros, and numbers that parentheses make negative."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from kerasnn.data.columns import number_parsing
from kerasnn.data.columns.kinds import force, infer_kind
from kerasnn.data.columns.values import as_numbers

ZEROS, AS_CATEGORIES = "codes with leading zeros, such as", "are read as categories"
AS_NUMBER = "if they are numbers, pass columns={'k': 'number'}"
PLAIN = "write plain numbers, if that is wrong"
CATEGORY = "if that is wrong, pass columns={'k': 'category'}"


def cycle(*cells: Any) -> pd.Series:
    return pd.Series([cells[i % len(cells)] for i in range(40)], name="k")


@pytest.mark.parametrize(
    ("cells", "kind", "data_warning"),
    [
        (("007", "123", "045"), "category", (f"{ZEROS} '007', {AS_CATEGORIES}", AS_NUMBER)),
        (("01234", "55555"), "category", (f"{ZEROS} '01234', {AS_CATEGORIES}", AS_NUMBER)),
        (("01", "12", None), "category", (f"{ZEROS} '01', {AS_CATEGORIES}", AS_NUMBER)),
        (
            ("1.5", "(0.11)"),
            "number",
            ("numbers in parentheses: '(0.11)' is read as -0.11", PLAIN),
        ),
        (
            ("($5.00)", "$1,234.50", "3", "$(1,234.50)"),
            "number",
            (
                "numbers in parentheses, which are negative: '($5.00)' is read as -5",
                CATEGORY,
            ),
        ),
        (
            ("5.00 €", "(1,5 €)"),
            "category",
            (
                "numbers with the unit of '5.00 €', some with a decimal comma, are text",
                "write all with a decimal point",
            ),
        ),
    ],
)
def test_how_cells_are_read_is_said(
    cells: tuple[str, ...], kind: str, data_warning: tuple[str, str]
) -> None:
    found = infer_kind(cycle(*cells))
    assert (found.kind, found.used, found.data_warnings) == (kind, True, [data_warning])


def test_codes_that_name_rows_are_identifiers() -> None:
    found = infer_kind(pd.Series([f"{i:03}" for i in range(0, 900, 9)], name="k"))
    assert (found.kind, found.used) == ("identifier", False)
    reason = "looks like an identifier (100 different texts in 100 rows), left out"
    assert found.data_warnings == [(reason, "override its kind if it is not one")]


@pytest.mark.parametrize("cells", [("0", "1", "2"), ("007", "5"), ("0.5", "0.25"), ("00", "1.0")])
def test_numbers_of_several_lengths_are_no_codes(cells: tuple[str, ...]) -> None:
    assert infer_kind(cycle(*cells)).kind == "number"


def test_codes_are_numbers_where_the_user_says_so() -> None:
    series = pd.Series(["007", "012", None])
    assert force(series, "number").kind == "number"
    np.testing.assert_array_equal(as_numbers(series), [7, 12, np.nan])


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["(0.11)", "0.25", "-1"], [-0.11, 0.25, -1]),
        (["(1,234.50)", "(5.00)", "-"], [-1234.5, -5, np.nan]),
        (["(1.234,50)", "2,5"], [-1234.5, 2.5]),
        (["$(5.00)", "($1,000)", "$ (7)", "$3"], [-5, -1000, -7, 3]),
        (["(5,00 €)", "(5,00) €", "€2,5"], [-5, -5, 2.5]),
        (["(3%)", "(3)%", "4 %"], [-3, -3, 4]),
    ],
)
def test_parentheses_make_negative(cells: list[str], expected: list[float]) -> None:
    series = pd.Series(cells)
    np.testing.assert_array_equal(as_numbers(series), expected)
    # So they do for the rows of a prediction, by the layout that the training found.
    layout = infer_kind(pd.Series(cells * 10)).layout
    np.testing.assert_array_equal(as_numbers(series, layout=layout), expected)


@pytest.mark.parametrize("text", ["(-1)", "((1))", "()", "(1", "(a)", "1 (2)", "-(1)"])
def test_other_parentheses_are_no_numbers(text: str) -> None:
    assert number_parsing.parse(text) is None
