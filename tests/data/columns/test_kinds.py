"""The kind of a column, why, and what the user is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kerasnn.data.columns.kinds import force, infer_kind
from kerasnn.errors import DataError

N = 40


def column(cells: Any, *, name: str = "k", dtype: Any = None) -> pd.Series:
    return pd.Series(cells, name=name, dtype=dtype)


def cycle(*cells: Any, n: int = N) -> list[Any]:
    return [cells[i % len(cells)] for i in range(n)]


@pytest.mark.parametrize(
    ("cells", "kind", "reason", "layout"),
    [
        (cycle("1", "2", "7"), "number", "whole numbers", "."),
        (cycle("1.0", "2", None), "number", "numbers", "."),
        (cycle(1, 2, 7), "number", "whole numbers", "."),
        (cycle(1.5, None), "number", "numbers", "."),
        (cycle(0, 1), "number", "whole numbers", "."),
        (cycle("1", None), "number", "whole numbers", "."),
        (cycle("a", "b"), "category", "2 different texts", ""),
        (cycle("x", None), "category", "one text or none", ""),
        (cycle("a", "1", "b"), "category", "3 different texts", ""),
        (cycle("1st", "2nd", "3rd"), "category", "3 different texts", ""),
        (cycle("+", "-"), "category", "2 different texts", ""),
        (cycle("yes", "no", ""), "boolean", "no or yes", ""),
        (cycle("T", "F"), "boolean", "F or T", ""),
        (cycle(True, False), "boolean", "true or false", ""),
        (list(pd.date_range("2020", periods=N)), "date", "timestamps", ""),
        (cycle("2020", "2021"), "number", "whole numbers", "."),
        ([f"some words here {i}" for i in range(N)], "text", "free text, 4 words a cell", ""),
        (
            [f"some words here {i}" for i in range(N - 1)] + ["NA"],
            "text",
            "free text, 4 words a cell",
            "",
        ),
        (
            [f"这件衣服很好看{chr(0x4E00 + i)}" for i in range(N)],
            "text",
            "free text, 4 words a cell",
            "",
        ),
        ([f"x {i} " + "y" * 2_000 for i in range(N)], "text", "free text, 3 words a cell", ""),
    ],
)
def test_kinds_without_a_warning(cells: list[Any], kind: str, reason: str, layout: str) -> None:
    found = infer_kind(column(cells))
    assert (found.kind, found.reason, found.layout) == (kind, reason, layout)
    assert found.used
    assert found.data_warnings == []


CATEGORY = "if that is wrong, pass columns={'k': 'category'}"
IDENTIFIER = "override its kind if it is not one"


@pytest.mark.parametrize(
    ("cells", "kind", "data_warnings"),
    [
        (cycle("z"), "constant", [("always 'z', left out", "")]),
        (cycle(1.5), "constant", [("always '1.5', left out", "")]),
        (cycle(True), "constant", [("always 'True', left out", "")]),
        (cycle("", "NA"), "constant", [("has no values, left out", "")]),
        (cycle(None), "constant", [("has no values, left out", "")]),
        (
            [f"u{i}" for i in range(N)],
            "identifier",
            [
                (
                    "looks like an identifier (40 different texts in 40 rows), left out",
                    IDENTIFIER,
                )
            ],
        ),
        (
            list(range(1, N + 1)),
            "identifier",
            [("looks like an identifier (counts from 1 to 40), left out", IDENTIFIER)],
        ),
        (
            [str(i) for i in reversed(range(N))],
            "identifier",
            [("looks like an identifier (counts from 0 to 39), left out", IDENTIFIER)],
        ),
        (
            cycle([1], [2]),
            "text",
            [("holds lists or objects, left out", "flatten it")],
        ),
    ],
)
def test_columns_that_are_left_out(
    cells: list[Any], kind: str, data_warnings: list[tuple[str, str]]
) -> None:
    found = infer_kind(column(cells))
    assert (found.kind, found.used, found.data_warnings) == (kind, False, data_warnings)


@pytest.mark.parametrize(
    ("cells", "kind", "data_warning"),
    [
        (
            cycle("1", "2", "3", "4", "abc"),
            "category",
            (
                "numbers and text mixed: '1', 'abc'",
                "correct or empty the cells that are not numbers",
            ),
        ),
        (
            cycle("1", "2", "-", "?", "5"),
            "number",
            ("16 cells such as '-', '?' are read as missing", "ignore this if it is right"),
        ),
        (
            cycle("a", "b", "NA"),
            "category",
            ("13 cells such as 'NA' are read as missing", "ignore this if it is right"),
        ),
        (
            cycle(*[f"u{i}" for i in range(25)]),
            "category",
            (
                "25 different texts in 40 rows are too many for useful categories",
                "pass drop=['k'] if it only names rows",
            ),
        ),
        (
            cycle("2020-01-31", "2020-02-01"),
            "date",
            ("read as dates, ISO 8601", "override its kind if they are none"),
        ),
        (
            cycle("31.01.2020", "01.02.2020"),
            "date",
            ("read as dates, %d.%m.%Y", "override its kind if they are none"),
        ),
        (
            cycle("01/02/2020", "03/04/2020"),
            "date",
            (
                "read as dates, %m/%d/%Y, although the day may as well be first",
                "write them as 2026-01-31",
            ),
        ),
        (
            cycle("13/02/2020", "03/04/2020"),
            "date",
            ("read as dates, %d/%m/%Y", "override its kind if they are none"),
        ),
        (
            cycle(1e30, 2, 3),
            "number",
            ("a number as large as 1e+30", "check for a marker of missing values"),
        ),
        (
            cycle(2**53 + 2, 1, 2),
            "number",
            (
                "whole numbers above 2^53, such as 9007199254740994, lose digits",
                "pass columns={'k': 'category'} if they are codes",
            ),
        ),
        (
            [2**60 + 3 * i for i in range(N)],
            "number",
            (
                "whole numbers above 2^53, such as 1152921504606846976, lose digits",
                "pass columns={'k': 'category'} if they are codes",
            ),
        ),
        (
            [1.6e9 + i / 10 for i in range(N)],
            "number",
            (
                "40 different numbers become 1 in single precision",
                "subtract an offset, such as the smallest value",
            ),
        ),
        (
            cycle("12 kg", "13 kg", "14.5 kg"),
            "number",
            ("numbers with a unit: '12 kg' is read as 12", CATEGORY),
        ),
        (
            cycle("$1,200", "-$13.50", "7"),
            "number",
            ("numbers with a unit: '$1,200' is read as 1200", CATEGORY),
        ),
        (
            cycle("12 %", "13,5 %"),
            "number",
            ("numbers with a unit: '12 %' is read as 12", CATEGORY),
        ),
        (
            cycle("1 days 02:03:04", "00:30", None),
            "number",
            ("durations or times: '1 days 02:03:04' is read as 93784 seconds", CATEGORY),
        ),
        (
            cycle(*[f"{i} kg" for i in range(19)], "3 lb"),
            "category",
            (
                "numbers with the unit of '0 kg' and others, such as '3 lb', are text",
                "correct or empty the cells that are others",
            ),
        ),
        (
            ["x" * 100_000, *cycle("b", "c")],
            "category",
            ("a text of 100,000 characters is cut after 1,000", "check for an unclosed quote"),
        ),
        (
            [f"free text {i} " + "x" * 100_000 for i in range(N)],
            "text",
            ("a text of 100,013 characters is cut after 100,000", "check for an unclosed quote"),
        ),
        (
            cycle("1,5", "2,25"),
            "number",
            (
                "numbers with separators: '1,5' is read as 1.5",
                "write plain numbers, if that is wrong",
            ),
        ),
        (
            cycle("1,234", "2,250"),
            "number",
            (
                "numbers with separators: '1,234' is read as 1234",
                "write plain numbers, if that is wrong",
            ),
        ),
    ],
)
def test_columns_with_a_warning(cells: list[Any], kind: str, data_warning: tuple[str, str]) -> None:
    found = infer_kind(column(cells))
    assert (found.kind, found.used, found.data_warnings) == (kind, True, [data_warning])


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (cycle(1, np.inf), "20 infinite cells: inf, inf, inf, … (row 1, column 'k') – "),
        (["1", "2", "-inf"], "infinite or too large: -inf (row 2, column 'k') – "),
        ([1.0, 2.0, 1e39], "infinite or too large: 1e+39 (row 2, column 'k') – "),
    ],
)
def test_infinite_numbers_are_refused(cells: list[Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        infer_kind(column(cells))
    hint = "" if "1e+39" in message else ", or set `data.infinite` to 'missing'"
    assert str(caught.value) == message + "leave such cells empty" + hint


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (
            cycle("2020-01-31", "31.01.2020"),
            "dates in different layouts: '2020-01-31', '31.01.2020' (column 'k') – "
            "write them as 2026-01-31",
        ),
        (
            cycle("31/01/2020", "01/31/2020"),
            "dates in different layouts: '31/01/2020', '01/31/2020' (column 'k') – "
            "write them as 2026-01-31",
        ),
        (
            cycle("1,5", "2.25"),
            "numbers with a decimal comma and with a decimal point: '1,5', '2.25' (column 'k') – "
            "write them in one way",
        ),
    ],
)
def test_cells_written_in_two_ways_are_refused(cells: list[str], message: str) -> None:
    with pytest.raises(DataError) as caught:
        infer_kind(column(cells))
    assert str(caught.value) == message


def test_a_name_makes_an_identifier_of_unique_whole_numbers_only() -> None:
    unique = [7 * i + 3 for i in range(N)]
    for name in ("id", "customer_id", "PassengerId", "ID", "Row Index", "uuid"):
        assert infer_kind(column(unique, name=name)).kind == "identifier"
    for name in ("width", "paid", "valid", "humid", "k"):
        assert infer_kind(column(unique, name=name)).kind == "number"
    assert infer_kind(column([i + 0.5 for i in unique], name="id")).kind == "number"


def test_repeated_whole_numbers_with_a_name_are_numbers_with_a_hint() -> None:
    found = infer_kind(column(cycle(939, 862, 871), name="Clothing ID"))
    hint = "pass columns={'Clothing ID': 'category'} if it only names things"
    assert found.kind == "number"
    assert found.data_warnings == [("named like an identifier but read as a number", hint)]


def test_one_bad_cell_among_many_numbers_is_shown() -> None:
    for position in (0, 1_999):
        cells = [str(i / 7) for i in range(2_000)]
        cells[position] = "abc"
        found = infer_kind(column(cells))
        number = cells[1] if position == 0 else cells[0]
        what = f"numbers and text mixed: '{number}', 'abc', left out"
        assert (found.kind, found.used, found.reason) == ("text", False, "numbers and text mixed")
        assert found.data_warnings == [(what, "correct or empty the cells that are not numbers")]


def test_objects_that_are_no_cells_become_text() -> None:
    mixed = infer_kind(column(cycle(1, "a", 2.5, None), dtype=object))
    assert (mixed.kind, mixed.used) == ("category", True)
    spans = infer_kind(column(cycle(pd.Timedelta("1h"), pd.Timedelta("2h"))))
    assert (spans.kind, spans.reason, spans.layout) == (
        "number",
        "durations in seconds",
        "duration",
    )


@pytest.mark.parametrize(
    "cell",
    [
        lambda i: f"+49 156 {5722882 + 7919 * i}",
        lambda i: f"(0{30 + i}) 123-{4567 + i}",
        lambda i: f"DE{10 + i} 3704 00{10 + i} 0532",
        lambda i: f"B AB {1234 + i}",
    ],
)
def test_codes_of_several_parts_are_identifiers(cell: Callable[[int], str]) -> None:
    found = infer_kind(column([cell(i) for i in range(N)]))
    assert (found.kind, found.used) == ("identifier", False)
    what = f"looks like an identifier (40 different codes such as '{cell(0)}'), left out"
    assert found.data_warnings == [(what, "pass columns={'k': 'text'} if not")]
    assert force(column([cell(i) for i in range(N)]), "text").used


def test_texts_with_digits_are_no_codes() -> None:
    for text in ("Room {} of 9", "{} green apples", "I WON {} TIMES", "今天 {} 点"):
        found = infer_kind(column([text.format(i) for i in range(N)]))
        assert (found.kind, found.used) == ("text", True)


def test_odd_dates_are_categories() -> None:
    assert infer_kind(column(cycle("2020-01-31", "soon"))).kind == "category"
    days = ("2020-01-30", "2020-01-31", "2020-02-01", "soon")
    assert infer_kind(column(cycle(*days))).kind == "category"
    assert infer_kind(column(cycle("2020-13-45", "2020-99-99"))).kind == "category"


def test_many_categories_with_many_rows_each_are_no_identifier() -> None:
    found = infer_kind(column(cycle(*[f"N{i}UA" for i in range(400)], n=20_000)))
    assert (found.kind, found.data_warnings) == ("category", [])


def test_few_rows_never_make_identifiers() -> None:
    assert infer_kind(column(["a", "b", "c"])).kind == "category"
    assert infer_kind(column([0, 1, 2])).kind == "number"


def test_a_given_kind_is_obeyed() -> None:
    assert force(column(["1", "2"]), "category").kind == "category"
    assert force(column(["1", "2"]), "text").used
    assert not force(column(["1", "2"]), "identifier").used
    assert force(column([0, 1]), "boolean").used
    assert force(column(["1,5", "2"]), "number").layout == ","
    assert force(column(["01/02/2020", "13/02/2020"]), "date").layout == "%d/%m/%Y"
    assert force(column([f"u{i}" for i in range(N)]), "category").used


@pytest.mark.parametrize("kind", ["number", "boolean", "date", "category", "text"])
def test_a_given_kind_needs_values(kind: Any) -> None:
    found = force(column(["", None], dtype="str"), kind)
    assert (found.kind, found.used, found.reason) == ("constant", False, "no values")


def test_native_columns_with_a_given_kind() -> None:
    assert force(column([1.5, 2]), "number").layout == "."
    assert force(column(pd.to_datetime(["2020-01-01", "2020-01-02"])), "date").layout == ""
    assert force(column([1, 0]), "boolean").kind == "boolean"


def test_columns_of_not_a_number() -> None:
    for cells in ([np.nan] * N, ["NAN"] * N, pd.array([None] * N, "Int64")):
        assert infer_kind(column(cells)).reason == "no values"


@pytest.mark.parametrize("kind", ["number", "boolean", "date"])
def test_a_given_kind_must_fit(kind: Any) -> None:
    with pytest.raises(DataError, match=f"^not a {kind}: 'a', 'b' \\(row 0, column 'k'\\)"):
        force(column(["a", "b"]), kind)
    if kind == "number":
        with pytest.raises(DataError, match=r"^infinite or too large: inf"):
            force(column(["1", "inf"]), kind)
