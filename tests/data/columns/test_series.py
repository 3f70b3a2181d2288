"""Series from arrays, .ts files, lists and long tables."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kerasnn.data import read, read_chunks
from kerasnn.data.columns import kinds, series_cells
from kerasnn.data.columns.series_cells import are_pixels, as_readings, padded
from kerasnn.data.frames import as_objects, location
from kerasnn.data.readers import folders
from kerasnn.data.readers.long_tables import LongTable
from kerasnn.data.schema import infer
from kerasnn.errors import DataError, KerasnnError, KerasnnWarning, UnknownNameError

NAN = np.nan
TS = """# made by a test
@problemName walks
@dimensions 2
@equalLength false
@classLabel true walking running

@data
0.5,1,2:-1,?,3:walking
1,2:4,NaN:running
7:8:walking
"""


def refusal(source: Any) -> str:
    with pytest.raises(KerasnnError) as caught:
        read(source)
    return str(caught.value)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_ts_files(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ts", TS)
    frame = read(path).frame
    assert list(frame.columns) == ["series", "label"]
    assert frame["label"].tolist() == ["walking", "running", "walking"]
    np.testing.assert_array_equal(frame["series"][0], [[0.5, -1], [1, NAN], [2, 3]])
    np.testing.assert_array_equal(frame["series"][1], [[1, 4], [2, NAN]])
    assert frame["series"][0].dtype == np.float32
    assert location(frame["series"], 1) == f"{path}:9,series"
    assert folders.default_target(path) == "label"
    pieces = list(read_chunks(path, chunk_rows=2))
    assert [len(piece) for piece in pieces] == [2, 1]
    assert location(pieces[1]["label"], 0) == f"{path}:10,label"
    packed = tmp_path / "a.ts.gz"
    packed.write_bytes(gzip.compress(TS.encode()))
    assert read(packed).frame["label"].tolist() == frame["label"].tolist()
    assert folders.default_target(packed) == "label"


def test_ts_files_of_values_and_without_labels(tmp_path: Path) -> None:
    values = write(tmp_path / "a.ts", "@targetLabel true\n@data\n1,2,3:0.5\n4,5,6:-2e1\n")
    assert read(values).frame["label"].tolist() == ["0.5", "-2e1"]
    assert folders.default_target(values) == "label"
    plain = write(tmp_path / "b.ts", "@CLASSLABEL FALSE\n@Data\n1,2:3,4\n")
    assert list(read(plain).frame.columns) == ["series"]
    assert folders.default_target(plain) is None
    np.testing.assert_array_equal(read(plain).frame["series"][0], [[1, 3], [2, 4]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "1,2:a\n",
            "data before a line '@data' ({path}:1) – put a line '@data' before the first series",
        ),
        ("@classLabel true a\n", "no line '@data' ({path}) – check whether the file is whole"),
        ("@classLabel true a\n@data\n", "a header but no rows ({path}) – check what made it"),
        (
            "@data\n1,2\n3,x\n",
            "not a number: 'x' ({path}:3) – correct it, or write ? for a missing reading",
        ),
        (
            "@dimensions 2\n@classLabel true a\n@data\n1:2:3:a\n",
            "3 channels where there should be 2 ({path}:4) – correct the line, or '@dimensions'",
        ),
        (
            "@data\n1:2\n1:2:3\n",
            "3 channels where there should be 2 ({path}:3) – correct the line, or '@dimensions'",
        ),
        (
            "@classLabel true a b\n@data\n1,2:c\n",
            "the class 'c' is not one of '@classLabel': a, b ({path}:3) – correct the line, or "
            "'@classLabel'",
        ),
        ("@dimensions two\n@data\n1\n", "'two' dimensions ({path}:1) – give a whole number"),
        (
            "@timeStamps true\n@data\n(0,1),(1,2)\n",
            "series with time stamps in '.ts' are not read ({path}:1) – write the readings alone, "
            "or a table with a column of times",
        ),
        ("", "the file is empty ({path}) – check what wrote it"),
    ],
)
def test_ts_files_that_are_none(text: str, message: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.ts", text)
    assert refusal(path) == message.format(path=path)


def test_series_in_arrays(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    several = random.normal(size=(6, 5, 2)).astype("float32")
    several[1, 3:] = NAN
    path = tmp_path / "a.npz"
    np.savez(path, x=several, y=list("abaabb"))
    examples = read(path)
    np.testing.assert_array_equal(np.stack(list(examples.frame["x"])), several)
    (column,) = infer(examples, target="y").columns
    assert (column.kind, column.used) == ("series", True)
    np.savez(path, x=several[..., 0], y=list("abaabb"))
    examples = read(path)
    np.testing.assert_array_equal(np.stack(list(examples.frame["x"])), several[..., 0])
    assert infer(examples, target="y").columns[0].kind == "series"
    assert [len(piece) for piece in read_chunks(path, chunk_rows=4)] == [4, 2]


@pytest.mark.parametrize(
    ("cell", "is_image"),
    [
        (np.zeros((28, 28), "uint8"), True),
        (np.linspace(0, 1, 784).reshape(28, 28), True),
        (np.arange(64.0).reshape(8, 8), True),
        (np.zeros((100, 6), "uint16"), True),
        (np.linspace(-1, 1, 784).reshape(28, 28), False),
        (np.linspace(0, 1, 300).reshape(100, 3), False),
        (np.linspace(0, 9.5, 784).reshape(28, 28), False),
        (np.full((28, 28), NAN), False),
        (np.arange(300).reshape(100, 3), False),
    ],
)
def test_matrices_are_images_or_series(cell: Any, is_image: bool) -> None:
    assert are_pixels([cell]) == is_image
    assert are_pixels(np.stack([cell, cell])) == is_image
    assert (kinds.infer_kind(as_objects([cell, cell])).kind == "image") == is_image


@pytest.mark.parametrize(
    ("cell", "readings"),
    [
        ([1, 2.5, None], [[1], [2.5]]),
        ([[1, 2], [None, 4]], [[1, 2], [NAN, 4]]),
        (np.array([1, 2], "int8"), [[1], [2]]),
        (np.array([np.array([1.0, 2.0]), np.array([3.0, NAN])], dtype=object), [[1, 2], [3, NAN]]),
        (np.array([[1, NAN], [NAN, NAN]]), [[1, NAN]]),
    ],
)
def test_cells_of_series(cell: Any, readings: Any) -> None:
    np.testing.assert_array_equal(as_readings(cell), readings)


@pytest.mark.parametrize("cell", [None, NAN, [], [None, None], np.full((3, 2), NAN)])
def test_cells_without_a_reading(cell: Any) -> None:
    assert len(as_readings(cell)) == 0


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("1,2,3", "not a series of numbers: '1,2,3'"),
        ([[1, 2], [3]], "a series whose points have different numbers of channels"),
        ([1, "x"], "a series with something that is no number"),
        (np.zeros((2, 2, 2)), "an array of the shape (2, 2, 2) is no series"),
        ([1.0, np.inf], "an infinite reading"),
    ],
)
def test_cells_that_are_no_series(cell: Any, message: str) -> None:
    column = pd.Series([[1, 2], cell], name="x")
    with pytest.raises(DataError) as caught:
        series_cells.read(column)
    assert caught.value.problem == message
    assert caught.value.location == "row 1, column 'x'"


def test_padding() -> None:
    cells = [as_readings([1, 2, 3]), as_readings(None), as_readings([4])]
    found = padded(cells, 2, 1)[..., 0]
    np.testing.assert_array_equal(found, [[1, 2], [NAN, NAN], [4, NAN]])


def test_channels_must_agree() -> None:
    column = pd.Series([np.zeros((4, 2)), np.zeros((3, 2)), np.zeros((3, 1))], name="x")
    with pytest.raises(DataError, match=r"a series of 1 channel where others have 2 \(row 2,"):
        series_cells.read(column)
    with pytest.raises(DataError, match="a series of 2 channels where training had 3"):
        series_cells.read(column, channels=3)


def columns_of(cells: list[Any]) -> tuple[Any, list[str]]:
    frame = pd.DataFrame({"x": as_objects(cells), "z": range(len(cells)), "y": list("ab") * 2})
    with pytest.warns(KerasnnWarning) as caught:
        found = infer(read(frame), target="y", columns={"z": "number"}).columns[0]
    return found, [str(warning.message) for warning in caught]


def test_odd_columns_of_series() -> None:
    found, messages = columns_of([[1.0, 1.0]] * 4)
    assert (found.kind, found.used, messages[0]) == (
        "constant",
        False,
        "always '1', left out (column 'x')",
    )
    found, messages = columns_of([np.array([[1.0, i]]) for i in range(4)])
    assert not found.used
    assert messages[0] == (
        "has series of one time step, left out (column 'x') – give a column a number"
    )
    found, messages = columns_of([[1, 2], [1, 3], None, [2.0, 2.0]])
    assert found.used
    assert messages[:2] == [
        "1 of 4 series has no reading (column 'x') – leave such rows out if they carry no information",
        "1 of 4 series never changes (column 'x') – check what recorded them",
    ]


def test_lists_of_other_things_are_left_out() -> None:
    found, messages = columns_of([["a", "b"], ["c"], ["d"], ["e"]])
    assert (found.kind, found.used) == ("text", False)
    assert "lists or objects" in messages[0]


def test_lists_in_json_lines(tmp_path: Path) -> None:
    rows = [{"x": [i, 9, None], "y": "ab"[i % 2]} for i in range(6)]
    path = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))
    assert infer(read(path), target="y").columns[0].kind == "series"


LONG = pd.DataFrame(
    {
        "id": ["b", "b", "a", "a", "a"],
        "t": [0, 1, 2, 0, 1],
        "x": [1.0, 2.0, 5.0, 3.0, 4.0],
        "word": ["p", "q", "p", "p", "p"],
        "site": ["n", None, "s", "s", "s"],
        "y": [1, 1, 0, 0, 0],
    }
)


def long_table(frame: pd.DataFrame, **options: Any) -> tuple[LongTable, pd.DataFrame]:
    examples = read(frame)
    given = {"keys": ["id"], "time": "t", "target": "y", **options}
    long = LongTable.of(examples, **given)
    return long, long.collapse(examples, "y").frame


def test_long_tables() -> None:
    with pytest.warns(KerasnnWarning) as caught:
        long, frame = long_table(LONG)
    assert [str(warning.message) for warning in caught] == [
        "what changes within a series and is no number is left out: 'word' (the table) – write it "
        "as a number to learn from it",
        "the rows of a series are not in the order of time (column 't') – they are sorted",
    ]
    assert long == LongTable(("id",), "t", ("x",), ("site",), "series")
    assert LongTable.from_dict(json.loads(json.dumps(long.__dict__))) == long
    assert frame["id"].tolist() == ["b", "a"]
    assert frame["site"].tolist() == ["n", "s"]
    assert frame["y"].tolist() == [1, 0]
    assert [cell[:, 0].tolist() for cell in frame["series"]] == [[1, 2], [3, 4, 5]]
    assert location(frame["series"], 1) == "series 'a'"
    again = read(frame)
    assert long.collapse(again, "y") is again


def test_long_tables_by_several_keys_in_the_order_of_rows() -> None:
    frame = LONG.drop(columns=["word", "t"]).assign(series=list("11122"))
    long, found = long_table(frame, keys=["id", "series"], time=None)
    assert long.column == "series_"
    assert [cell[:, 0].tolist() for cell in found["series_"]] == [[1, 2], [5], [3, 4]]


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (
            {"t": [0, 0, 2, 0, 1]},
            {},
            "series 'b' has the time 0 more than once (row 1, column 't') – keep one row for each "
            "time of a series",
        ),
        (
            {"t": [0, None, 2, 0, 1]},
            {},
            "a row has no time (row 1, column 't') – fill it in, or leave such rows out",
        ),
        (
            {"id": ["b", None, "a", "a", "a"]},
            {},
            "a row has no series (row 1, column 'id') – fill it in, or leave such rows out",
        ),
        (
            {"y": [1, 0, 0, 0, 0]},
            {},
            "the target changes within series 'b' (row 1, column 'y') – give a series one label; to "
            "forecast its future, set `horizon`",
        ),
        (
            {"x": [1, 1, 2, 2, 2]},
            {},
            "no column of numbers changes within a series (the table) – check which column names "
            "the series",
        ),
    ],
)
def test_long_tables_that_are_none(
    change: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    frame = LONG.drop(columns="word").sort_values(["id", "t"], ascending=[False, True])
    with pytest.raises(DataError) as caught:
        long_table(frame.reset_index(drop=True).assign(**change), **options)
    assert str(caught.value) == message


def test_long_tables_without_a_column() -> None:
    with pytest.raises(UnknownNameError, match="unknown column 'ident'"):
        long_table(LONG, keys=["ident"])
    frame = LONG.drop(columns="word")
    with pytest.warns(KerasnnWarning, match="order of time"):
        long, _ = long_table(frame)
    with pytest.raises(DataError, match="columns are missing: 't', 'site'"):
        long.collapse(read(frame.drop(columns=["t", "site"])), "y")
