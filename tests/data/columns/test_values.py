"""Cells to raw values: the same whatever type the column came in."""

from __future__ import annotations

import datetime as dt
import decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasnn.data import read, read_chunks
from kerasnn.data.columns import number_parsing
from kerasnn.data.columns.values import (
    MISSING_DATE,
    as_booleans,
    as_categories,
    as_dates,
    as_numbers,
)
from kerasnn.errors import DataError

NAN = float("nan")


def column(cells: Any, dtype: Any = None, name: str = "x") -> pd.Series:
    return pd.Series(cells, dtype=dtype, name=name)


@pytest.mark.parametrize(
    "series",
    [
        column(["1", " 2.5 ", "", "-3e2"]),
        column(["1", "2.5", None, "-300"], object),
        column(["+1", "2.50", "?", "-300.0"], "category"),
        column(["1", "2.5", "#N/A", "-300"], "string"),
        column([1, 2.5, None, -300]),
        column([1, 2.5, None, -300], "Float64"),
        column([1, 2.5, None, -300], "float32"),
        column([1, 2.5, None, -300], "category"),
        column([1, 2.5, None, -300], pd.ArrowDtype(pa.float64())),
        column([decimal.Decimal(1), decimal.Decimal("2.5"), None, decimal.Decimal(-300)], object),
        column([1, "2.5", None, -300], object),
    ],
)
def test_numbers_of_any_type(series: pd.Series) -> None:
    found = as_numbers(series)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, [1, 2.5, NAN, -300])


@pytest.mark.parametrize("marker", ["", "NA", "N/A", "NaN", "null", "NULL", "?", "-", "#N/A"])
def test_markers_are_missing(marker: str) -> None:
    np.testing.assert_array_equal(as_numbers(column(["1", marker])), [1, NAN])
    np.testing.assert_array_equal(as_booleans(column(["yes", marker])), [1, NAN])
    assert as_dates(column(["1970-01-01", marker])).tolist() == [0, MISSING_DATE]
    assert as_categories(column(["a", marker])).tolist() == ["a", "-" if marker == "-" else None]


def test_columns_without_a_value() -> None:
    for series in (column([None, None]), column(["", ""]), column([], "str"), column([NAN, NAN])):
        assert np.isnan(as_numbers(series)).all()
        assert np.isnan(as_booleans(series)).all()
        assert all(cell is None for cell in as_categories(series))
    assert (as_dates(column(["", ""])) == MISSING_DATE).all()


@pytest.mark.parametrize(
    ("cells", "sign", "expected"),
    [
        (["1,5", "1.234,5", "1,234"], "", [1.5, 1234.5, 1.234]),
        (["1,234", "1,234,567.8"], "", [1234, 1234567.8]),
        (["1,234"], "", [1234]),
        (["1,234"], ",", [1.234]),
        (["1,234"], ".", [1234]),
        (["1.234"], ".", [1.234]),
        (["1.234"], ",", [1234]),
        (["0,899", "1.5"], ",", [0.899, 1.5]),
        (["0,899"], ".", [0.899]),
        (["1 234,5", "2 250"], "", [1234.5, 2250]),
        (["1'234.5", "-2\u00a0250"], "", [1234.5, -2250]),
        (["1,5e3", "-,5"], ",", [1500, -0.5]),
    ],
)
def test_separators(cells: list[str], sign: str, expected: list[float]) -> None:
    assert as_numbers(column(cells), layout=sign).tolist() == expected


numbers = st.floats(-1e9, 1e9).map(lambda value: round(value, 4))


@settings(max_examples=50, deadline=None)
@given(value=numbers, comma=st.booleans(), grouped=st.booleans())
def test_a_number_is_read_as_it_was_written(value: float, comma: bool, grouped: bool) -> None:
    text = f"{value:,.4f}" if grouped else f"{value:.4f}"
    if comma:
        text = text.translate(str.maketrans(",.", ".,"))
    assert number_parsing.parse(text, "," if comma else ".") == value
    # Four decimals tell the sign, so that the column need not.
    assert number_parsing.parse(text) == value


@settings(max_examples=30, deadline=None)
@given(cells=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_python_floats_come_back(cells: list[float]) -> None:
    assert as_numbers(column([repr(cell) for cell in cells])).tolist() == cells


@pytest.mark.parametrize(
    "text", ["abc", "1,2,3", "1.2.3", "1_000", "0x1F", "1 2", "--1", "1,", "e5", "2 x 3"]
)
def test_what_is_no_number(text: str) -> None:
    assert number_parsing.parse(text) is None
    with pytest.raises(DataError, match=r"^not a number: '"):
        as_numbers(column(["1", text]))


@pytest.mark.parametrize(
    ("cells", "layout", "expected"),
    [
        (["€24.08", "1,200 €", "-€3"], ". €", [24.08, 1200, -3]),
        (["1.200,5 KG", "3"], ", kg", [1200.5, 3]),
        (["1 days 02:03:04", "-1 days +02:03:04", "5"], "duration", [93784, -79016, 5]),
        (["2:30 PM", "12:00 am"], "", [52200, 0]),
        ([dt.timedelta(seconds=90), None], "", [90, np.nan]),
        ([dt.time(1, 2, 3), dt.time(0)], "duration", [3723, 0]),
    ],
)
def test_units_and_durations(cells: list[Any], layout: str, expected: list[float]) -> None:
    np.testing.assert_array_equal(as_numbers(column(cells), layout=layout), expected)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_durations_of_any_resolution_are_seconds(unit: str) -> None:
    spans = pd.to_timedelta(pd.Series([90, None]), unit="s").astype(f"timedelta64[{unit}]")
    np.testing.assert_array_equal(as_numbers(spans), [90, np.nan])


def test_other_units_are_refused() -> None:
    for layout, text, expected in (
        (". kg", "3 lb", "number with the unit 'kg'"),
        (".", "3 kg", "number"),
        ("duration", "soon", "duration"),
    ):
        with pytest.raises(DataError, match=rf"^not a {expected}: '{text}' "):
            as_numbers(column(["1", text]), layout=layout)


def test_a_bad_cell_is_named() -> None:
    with pytest.raises(DataError) as caught:
        as_numbers(column(["1", "abc", "2", "x"], name="age"))
    expected = "not a number: 'abc', 'x' (row 1, column 'age') – correct these 2 cells, or leave them empty"
    assert str(caught.value) == expected
    with pytest.raises(DataError, match=r"^not a boolean: 'maybe' \(row 1, column 'x'\)"):
        as_booleans(column(["yes", "maybe"]))
    with pytest.raises(DataError, match=r"^not a date: '5' \(row 1, column 'x'\)"):
        as_dates(column(["2020-01-01", "5"]))


def test_a_bad_cell_of_a_file_is_named_by_its_row(tmp_path: Any) -> None:
    path = tmp_path / "t.csv"
    path.write_text("age,b\n1,x\nold,y\n")
    part = read(path).frame.iloc[[1]]
    with pytest.raises(DataError) as caught:
        as_numbers(part["age"])
    expected = f"not a number: 'old' ({path}:3,age) – correct it, or leave it empty"
    assert str(caught.value) == expected


def test_a_bad_cell_of_a_late_piece_is_named_by_its_row(tmp_path: Any) -> None:
    path = tmp_path / "t.csv"
    path.write_text("age,b\n" + "1,x\n" * 5 + "old,y\n")
    *_, last = read_chunks(path, chunk_rows=2)
    with pytest.raises(DataError, match=r"t\.csv:7,age\)"):
        as_numbers(last["age"])
    *_, last = read_chunks({"age": ["1", "2", "old"]}, chunk_rows=2)
    with pytest.raises(DataError, match=r"\(row 2, column 'age'\)"):
        as_numbers(last["age"])


def test_a_changed_type_is_refused() -> None:
    stamps = column(pd.to_datetime(["2020-01-01"]))
    with pytest.raises(
        DataError, match=r"^dates where a number is meant \(column 'x'\) – give the"
    ):
        as_numbers(stamps)
    with pytest.raises(DataError, match=r"^dates where a boolean is meant"):
        as_booleans(stamps)
    with pytest.raises(DataError, match=r"^numbers where a date is meant"):
        as_dates(column([1.0]))


@pytest.mark.parametrize(
    "series",
    [
        column(["yes", "No", ""]),
        column(["TRUE", "false", None]),
        column(["t", "f", "NA"]),
        column(["1", "0.0", "?"]),
        column([1, 0, None]),
        column([True, False, None], object),
        column([True, False, None], "boolean"),
    ],
)
def test_booleans_of_any_type(series: pd.Series) -> None:
    np.testing.assert_array_equal(as_booleans(series), [1, 0, NAN])


def test_arrow_columns_in_pieces_and_with_codes() -> None:
    pieces = [column(["a", None], pd.ArrowDtype(pa.string())), column(["b"], "string[pyarrow]")]
    joined = pd.concat([pieces[0], pieces[0]], ignore_index=True)
    assert as_categories(joined).tolist() == ["a", None, "a", None]
    assert as_categories(pieces[1]).tolist() == ["b"]
    codes = pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))
    assert as_categories(column(["a", None], codes)).tolist() == ["a", None]
    views = pd.ArrowDtype(pa.string_view())
    assert as_numbers(column(["1", "NA"], views)).tolist()[0] == 1
    assert as_numbers(column(np.array([0.5, 2], "float16"))).tolist() == [0.5, 2]
    assert as_categories(column([True, "x", np.bool_(False)], object)).tolist() == [
        "true",
        "x",
        "false",
    ]


def test_plain_booleans_are_numbers_too() -> None:
    assert as_numbers(column([True, False])).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        (column([3, 4]), ["3", "4"]),
        (column([3.0, None, 4.5]), ["3", None, "4.5"]),
        (column([" 3", "3.0", "-0.0", "03"]), ["3", "3", "0", "03"]),
        (column(["03", "1.10", "v1.0"]), ["03", "1.10", "v1.0"]),
        (column([True, None], object), ["true", None]),
        (column(["TRUE", "False"]), ["true", "false"]),
        (column(["a", None], "category"), ["a", None]),
        (column([1, None], "category"), ["1", None]),
        (column([1, "a", 2.0, None, b"b"], object), ["1", "a", "2", None, "b"]),
        (column([dt.date(2020, 1, 2), None], object), ["2020-01-02", None]),
        (column([2**60, 1]), [str(2**60), "1"]),
        (column([[1, 2], {"a": 1}], object), ["[1, 2]", '{"a": 1}']),
    ],
)
def test_categories_of_any_type(series: pd.Series, expected: list[str | None]) -> None:
    found = as_categories(series)
    assert found.dtype == object
    assert found.tolist() == expected


@settings(max_examples=40, deadline=None)
@given(cells=st.lists(st.one_of(st.none(), st.text(max_size=8)), min_size=1))
def test_reading_categories_twice_changes_nothing(cells: list[str | None]) -> None:
    once = as_categories(column(cells, object))
    assert as_categories(column(once, object)).tolist() == once.tolist()


@settings(max_examples=30, deadline=None)
@given(cells=st.lists(st.integers(-(2**53), 2**53), min_size=1))
def test_whole_numbers_are_the_same_categories_in_every_type(cells: list[int]) -> None:
    texts = [str(cell) for cell in cells]
    for series in (column(cells), column(cells, "float64"), column(texts), column(cells, "Int64")):
        assert as_categories(series).tolist() == texts


def test_long_categories_are_cut() -> None:
    found = as_categories(column(["a" * 5_000, "b"]))
    assert [len(cell) for cell in found] == [1_000, 1]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1970-01-02"], [86_400]),
        (["1970-01"], [0]),
        (["1970-01-01T00:01:00Z", "1970-01-01 00:01:00.9"], [60, 60]),
        (["1970-01-01T01:00:00+01:00"], [0]),
        (["1969-12-31T23:59:59.5"], [-1]),
        (["1970/1/2"], [86_400]),
        (["02.01.1970", "13.01.1970 00:00"], None),
        (["02.01.1970"], [86_400]),
        (["01/02/1970", "01/13/1970"], [86_400, 12 * 86_400]),
        (["02/01/1970", "13/01/1970"], [86_400, 12 * 86_400]),
        (["02-Jan-1970"], [86_400]),
        (["Jan 2, 1970"], [86_400]),
        (["02/01/1970 00:01"], [31 * 86_400 + 60]),
    ],
)
def test_layouts_of_dates(cells: list[str], expected: list[int] | None) -> None:
    if expected is None:
        with pytest.raises(DataError, match=r"^not a date: '02.01.1970'"):
            as_dates(column(cells))
    else:
        assert as_dates(column(cells)).tolist() == expected


def test_the_layout_of_training_is_kept() -> None:
    day_first = as_dates(column(["02/01/1970"]), layout="%d/%m/%Y")
    assert day_first.tolist() == [86_400]
    with pytest.raises(DataError) as caught:
        as_dates(column(["1970-01-02"], name="when"), layout="%d/%m/%Y")
    expected = "not a date like %d/%m/%Y: '1970-01-02' (row 0, column 'when') – correct it, or leave it empty"
    assert str(caught.value) == expected


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_timestamps(unit: str) -> None:
    stamps = pd.Series(pd.to_datetime(["1969-12-31 23:59:59", None, "2020-01-01 00:00:00"]))
    stamps = stamps.dt.as_unit(unit)
    expected = [-1, MISSING_DATE, 1_577_836_800]
    assert as_dates(stamps).tolist() == expected
    assert as_dates(stamps.dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")).tolist() == expected


@settings(max_examples=40, deadline=None)
@given(moment=st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1)))
def test_dates_agree_with_datetime(moment: dt.datetime) -> None:
    whole = moment.replace(microsecond=0)
    seconds = int((whole - dt.datetime(1970, 1, 1)).total_seconds())
    for text in (whole.isoformat(), f"{whole:%Y-%m-%d %H:%M:%S}", moment.isoformat() + "Z"):
        assert as_dates(column([text])).tolist() == [seconds]
    assert as_dates(column([whole.date(), None], object))[0] == seconds // 86_400 * 86_400
