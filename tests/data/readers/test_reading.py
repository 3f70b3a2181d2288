"""Tables from files, standard input and memory: the same cells, or one exact line."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasnn.data import SourceTable, read, read_chunks
from kerasnn.data.readers.text_bytes import CONTROLS
from kerasnn.errors import ConfigError, DataError, KerasnnError, KerasnnWarning


def write(folder: Path, name: str, content: bytes | str) -> str:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def cells(source: Any, **options: Any) -> dict[str, list[Any]]:
    frame = read(source, **options).frame.astype(object)
    return frame.where(frame.notna(), None).to_dict("list")  # type: ignore[return-value]


class Stdin:
    def __init__(self, content: bytes) -> None:
        self.buffer = io.BytesIO(content)
        self.closed = False


BAD_TEXT = [
    ("a,b\n", "a header but no rows ({}) – check what made it"),
    ("a,b", "a header but no rows ({}) – check what made it"),
    ("a,b\n1,2\n3,4,5\n", "3 cells where the header has 2 ({}:3) – correct the line"),
    ("a,b\n1,2\n\n3\n", "1 cell where the header has 2 ({}:4) – correct the line"),
    ('a,b\n1,2\n3,"4\n5,6\n', "a quote that is never closed ({}:3) – close or remove it"),
    ('a,b\n1,2\n3,"4', "a quote that is never closed ({}:3) – close or remove it"),
    ('a,"b\n1,2\n3,4', "a quote that is never closed ({}:1) – close or remove it"),
    (
        'a,b\n1,"2\n3",4\n5,6\n',
        "3 cells where the header has 2, over 2 lines ({}:2) – close the quote that opens here",
    ),
    (
        'a,b\n1,"2"x\n3\n',
        'text after a closing quote ({}:2) – double a quote inside a cell: ""',
    ),
    (
        "a,b,a\n1,2,3\n",
        "repeated column name 'a' ({}:1) – give each column a name of its own, in a header",
    ),
]


@pytest.mark.parametrize(("content", "message"), BAD_TEXT)
def test_bad_text_names_the_line(tmp_path: Path, content: bytes | str, message: str) -> None:
    path = write(tmp_path, "t.csv", content)
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(caught.value) == message.format(path)
    with pytest.raises(DataError) as caught:
        list(read_chunks(path))
    assert str(caught.value) == message.format(path)


def test_a_late_unclosed_quote_in_a_large_file(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", 'a,b\n1,"2\n' + "3,4\n" * 1_500_000)
    with pytest.raises(DataError) as caught:
        list(read_chunks(path))
    assert str(caught.value) == f"a quote that is never closed ({path}:2) – close or remove it"


def test_a_wide_encoding_without_rows_or_with_half_a_character(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^the file is empty \("):
        read(write(tmp_path, "t.csv", b"\xff\xfe"), encoding="utf-16")
    path = write(tmp_path, "t.csv", "a,b\n1,2\n".encode("utf-16")[:-1])
    with pytest.raises(DataError) as caught:
        read(path, encoding="utf-16")
    expected = f"not UTF-16 text ({path}) – save it as UTF-8, or pass encoding='utf-8'"
    assert str(caught.value) == expected


def test_json_lines_with_half_a_character(tmp_path: Path) -> None:
    path = write(tmp_path, "t.jsonl", '{"a": 1}\n'.encode("utf-16")[:-1])
    with pytest.raises(DataError, match=r"^not UTF-16 text \("):
        read(path, encoding="utf-16")


def test_a_row_of_many_megabytes_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "a,b\n1," + "x" * 9_000_000 + "\n1,2\n")
    with pytest.raises(DataError) as caught:
        read(path)
    expected = f"a row of more than 4,194,304 bytes ({path}) – check what wrote it"
    assert str(caught.value) == expected


def test_line_ends_marks_quotes_and_blanks(tmp_path: Path) -> None:
    expected = {"a": ["1", "3"], "b": ["x", None]}
    for content in (b"a,b\n1,x\n3,\n", b"a,b\r\n1,x\r\n3,\r\n", b"a,b\r1,x\r3,"):
        assert cells(write(tmp_path, "t.csv", content)) == expected
        assert cells(write(tmp_path, "t.csv", b"\xef\xbb\xbf" + content)) == expected
    quoted = write(tmp_path, "q.csv", '"a\nc", b \n"1\n2","say ""no"""\n,5" pipe\n')
    assert cells(quoted) == {"a\nc": ["1\n2", None], "b": ['say "no"', '5" pipe']}


def test_encodings_and_delimiters(tmp_path: Path) -> None:
    for encoding in ("latin-1", "utf-16", "utf-8-sig", "cp1252"):
        path = write(tmp_path, "t.csv", "a,é\n1,ü\n".encode(encoding))
        assert cells(path, encoding=encoding) == {"a": ["1"], "é": ["ü"]}
    semicolons = write(tmp_path, "t.csv", "a;b\n1,5;2\n")
    assert cells(semicolons, delimiter=";") == {"a": ["1,5"], "b": ["2"]}
    assert cells(write(tmp_path, "t.tsv", "a\tb\n1\t2\n")) == {"a": ["1"], "b": ["2"]}
    assert cells(write(tmp_path, "one.csv", "a\n1\n")) == {"a": ["1"]}
    with pytest.raises(ConfigError, match="`delimiter` must be one ASCII character; got ';;'"):
        read(semicolons, delimiter=";;")


def test_a_header_that_looks_like_data_is_warned_of(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "1,Male,2.5\n3,Female,4.5\n")
    with pytest.warns(KerasnnWarning) as caught:
        read(path)
    expected = f"the header looks like data: 1, Male, 2.5 ({path}:1) – "
    assert str(caught[0].message) == expected + "if it is data, add a line of column names"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(write(tmp_path, "t.csv", "country,2019,2020\nFrance,1,2\n"))


def test_blank_names_are_numbered(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "a,,c\n1,2,3\n")
    with pytest.warns(KerasnnWarning) as caught:
        frame = read(path).frame
    message = f"a column without a name is called 'column_2' ({path}:1) – name it in the header"
    assert str(caught[0].message) == message
    assert list(frame) == ["a", "column_2", "c"]


def test_blank_names_of_other_formats(tmp_path: Path) -> None:
    lines = write(tmp_path, "t.jsonl", '{"": 1, " b ": 2}\n')
    pd.DataFrame({"": [1], " b ": [2]}).to_parquet(tmp_path / "t.parquet")
    for path in (lines, tmp_path / "t.parquet"):
        with pytest.warns(KerasnnWarning, match="^a column without a name is called 'column_1'"):
            assert cells(path) == {"column_1": [1], "b": [2]}


def test_long_cells(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", 'a,b\n1,"' + "x" * 200_000 + '"\n')
    assert read(path).frame["b"].str.len().tolist() == [200_000]


JSON_ERRORS = [
    ('{"a": 1}\n{"a":\n', "not JSON: Expecting value at character 6 ({}:2) – {}"),
    ('{"a": 1}\n[1]\n', "a JSON list where an object is meant ({}:2) – {}"),
]


@pytest.mark.parametrize(("content", "message"), JSON_ERRORS)
def test_json_lines_errors(tmp_path: Path, content: str, message: str) -> None:
    path = write(tmp_path, "t.jsonl", content)
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(caught.value) == message.format(path, "write one JSON object a line")


def test_json_lines_other_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^repeated key 'a' \(.*:1\) – give each key once$"):
        read(write(tmp_path, "t.jsonl", '{"a": 1, "a": 2}'))
    with pytest.raises(DataError, match=r"^objects without a key \("):
        read(write(tmp_path, "t.jsonl", "{}\n{}\n"))
    with pytest.raises(DataError, match=r"^not UTF-8 text \(byte 0xE9\) \(.*:2\) – "):
        read(write(tmp_path, "t.jsonl", b'{"a": 1}\n{"a": "\xe9"}'), encoding="utf-8")
    with pytest.raises(DataError, match=r"^a whole number of thousands of digits \(.*:1\) – "):
        read(write(tmp_path, "t.jsonl", '{"a": ' + "9" * 5_000 + "}"))
    with pytest.raises(DataError, match=r"^JSON nested too deeply \(.*:1\) – flatten it$"):
        read(write(tmp_path, "t.jsonl", '{"a": ' + "[" * 100_000))


def test_json_lines_may_lack_keys(tmp_path: Path) -> None:
    path = write(tmp_path, "t.jsonl", '{"a": 1, "b": null}\n\n{"c": "x", "a": 2}\n{"a": 3}\n')
    assert cells(path) == {"a": [1, 2, 3], "b": [None] * 3, "c": [None, "x", None]}
    chunks = list(read_chunks(path, chunk_rows=1))
    assert [list(chunk) for chunk in chunks] == [["a", "b", "c"]] * 3


def test_parquet_and_compressed_files(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1, 2, 3], "b": ["x", None, "z"]}, index=[5, 6, 7])
    frame.to_parquet(tmp_path / "t.parquet")
    content = (tmp_path / "t.parquet").read_bytes()
    expected = {"a": [1, 2, 3], "b": ["x", None, "z"]}
    assert cells(tmp_path / "t.parquet") == expected
    assert cells(write(tmp_path, "z.parquet.gz", gzip.compress(content))) == expected
    assert [len(chunk) for chunk in read_chunks(tmp_path / "t.parquet", chunk_rows=2)] == [2, 1]
    zipped = write(tmp_path, "t.csv.gz", gzip.compress(b"a,b\n1,2\n"))
    assert cells(zipped) == {"a": ["1"], "b": ["2"]}


def test_damaged_files(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv.gz", gzip.compress(b"a,b\n" + b"1,2\n" * 9)[:-9])
    with pytest.raises(DataError) as caught:
        read(path)
    message = f"damaged gzip file ({path}) – download or compress it again"
    assert str(caught.value) == message
    path = write(tmp_path, "t.parquet", b"PAR1 and no more")
    with pytest.raises(DataError, match=r"^not a readable Parquet file: Parquet magic bytes not"):
        read(path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a,b\n1,2\n", {"a": ["1"], "b": ["2"]}),
        (b'{"a": "1"}\n', {"a": ["1"]}),
        (gzip.compress(b"a\nx\n", mtime=0), {"a": ["x"]}),
    ],
)
def test_standard_input(
    monkeypatch: pytest.MonkeyPatch, content: bytes, expected: dict[str, list[str]]
) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(content))
    assert cells("-") == expected


def test_standard_input_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(b""))
    with pytest.raises(DataError) as caught:
        read("-")
    assert str(caught.value) == "the file is empty (standard input) – check what wrote it"
    monkeypatch.setattr(sys, "stdin", Stdin(b"a,b\n1\n"))
    with pytest.raises(DataError, match=r"\(standard input:2\)"):
        read("-")


def test_text_without_bytes_below_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("a\né\n"))
    assert cells("-") == {"a": ["é"]}
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(ConfigError, match="there is no standard input – name a file"):
        read("-")


def test_tables_in_memory() -> None:
    frame = pd.DataFrame({0: [1, 2], " b ": ["x", "y"]}, index=[7, 8])
    examples = read(frame)
    assert isinstance(examples, SourceTable)
    assert list(examples.frame) == ["0", "b"]
    assert examples.frame.index.equals(pd.RangeIndex(2))
    assert list(frame) == [0, " b "]
    assert cells({"a": np.arange(2), "b": ["x", None]}) == {"a": [0, 1], "b": ["x", None]}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pd.DataFrame({"a": []}), "a table without rows – check what made it"),
        (pd.DataFrame(), "a table without columns – check what made it"),
        (
            pd.DataFrame([[1, 2]], columns=["a", "a"]),
            "repeated column name 'a' – give each column a name of its own, in a header",
        ),
        (
            pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])),
            "columns with more than one level – flatten the column names",
        ),
        (
            {"a": [1, 2], "b": [1]},
            "columns of different lengths: 'a' 2, 'b' 1 – give one value a row",
        ),
        (
            {"a": np.zeros((2, 2))},
            "a column must be a list or an array of one dimension; got shape (2, 2) "
            "(column 'a') – give each column of a matrix its own name",
        ),
        (5, "a table must be a path, '-', a DataFrame or a dict of arrays; got int"),
    ],
)
def test_bad_tables_in_memory(table: Any, message: str) -> None:
    with pytest.raises(KerasnnError) as caught:
        read(table)
    assert str(caught.value) == message


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "memory"])
def test_empty_tables_may_be_allowed(tmp_path: Path, name: str) -> None:
    frame = pd.DataFrame({"a": pd.Series([], dtype="str"), "b": pd.Series([], dtype="str")})
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    source = frame if name == "memory" else tmp_path / name
    [chunk] = read_chunks(source, allow_empty=True)
    assert list(chunk) == ["a", "b"]
    assert len(chunk) == 0
    with pytest.raises(DataError, match=r"(a header but no|without) rows"):
        next(read_chunks(source))


def test_chunk_rows_must_be_positive() -> None:
    with pytest.raises(ConfigError, match="`chunk_rows` must be at least 1; got 0"):
        next(read_chunks({"a": [1]}, chunk_rows=0))


text_cells = st.text(st.characters(codec="utf-8", exclude_characters=CONTROLS.decode()), max_size=6)
tables = st.integers(1, 3).flatmap(
    lambda width: st.lists(st.tuples(*[text_cells] * width), min_size=1, max_size=9)
)


@settings(max_examples=40, deadline=None)
@given(rows=tables, chunk_rows=st.integers(1, 4))
def test_what_csv_writes_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]], chunk_rows: int
) -> None:
    # An empty line is no row, so a first column that is never empty tells rows from nothing.
    rows = [("r", *row) for row in rows]
    names = [f"c{i}" for i in range(len(rows[0]))]
    path = tmp_path_factory.mktemp("t") / "t.csv"
    with open(path, "w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, quoting=csv.QUOTE_ALL)
        writer.writerows([names, *rows])
    expected = {name: [row[i] or None for row in rows] for i, name in enumerate(names)}
    assert cells(path) == expected
    chunks = list(read_chunks(path, chunk_rows=chunk_rows))
    assert [len(chunk) for chunk in chunks[:-1]] == [chunk_rows] * (len(chunks) - 1)
    joined = pd.concat(chunks, ignore_index=True)
    pd.testing.assert_frame_equal(joined, read(path).frame)


@settings(max_examples=20, deadline=None)
@given(rows=st.lists(st.dictionaries(st.sampled_from("abc"), text_cells, min_size=1), min_size=1))
def test_what_json_writes_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("t") / "t.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = cells(path)
    assert found.keys() == {key for row in rows for key in row}
    for key, column in found.items():
        assert column == [row.get(key) for row in rows]
