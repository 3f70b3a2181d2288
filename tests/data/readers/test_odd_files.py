"""Files that other programs read, and files that are made to fill the memory."""

from __future__ import annotations

import gzip
import os
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kerasnn.data import read, read_chunks
from kerasnn.data.columns.kinds import infer_kind
from kerasnn.data.columns.labels import classes_of
from kerasnn.data.columns.values import as_categories
from kerasnn.data.readers import text_bytes
from kerasnn.data.readers.encodings import keeps_ascii
from kerasnn.data.readers.reading import read_names
from kerasnn.errors import DataError

Warned = tuple[dict[str, list[Any]], list[str]]


def write(folder: Path, name: str, content: bytes | str) -> str:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def cells(path: str, **options: Any) -> Warned:
    """The cells of a table and the warnings, the same at once and in pieces."""
    found: list[Warned] = []
    for whole in (True, False):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            [frame] = [read(path, **options).frame] if whole else read_chunks(path, **options)
        frame = frame.astype(object)
        columns = frame.where(frame.notna(), None).to_dict("list")
        found.append((columns, [str(each.message) for each in caught]))
    assert found[0] == found[1]
    return found[0]


def refused(path: str, **options: Any) -> str:
    with pytest.raises(DataError) as caught:
        read(path, **options)
    with pytest.raises(DataError) as again:
        list(read_chunks(path, **options))
    assert str(again.value) == str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "texts", "what", "line"),
    [
        (b"a,b\n1,x\0y\n2,z\n", ["x y", "z"], "a control character is", 2),
        (b"a,b\r\n1,x\r\n2,\x1b[1mz\x7f\r\n", ["x", " [1mz "], "2 control characters are", 3),
        (b"a,b\r1,x\r2,\x01z", ["x", " z"], "a control character is", 3),
    ],
)
def test_control_characters_become_spaces(
    tmp_path: Path, content: bytes, texts: list[str], what: str, line: int
) -> None:
    path = write(tmp_path, "t.csv", content)
    warning = f"{what} read as a space ({path}:{line}) – check what wrote the file"
    assert cells(path) == ({"a": ["1", "2"], "b": texts}, [warning])


def test_control_characters_of_json_lines(tmp_path: Path) -> None:
    path = write(tmp_path, "t.jsonl", b'{"a": "x\0y"}\n{"a": "\\ud800z"}\n')
    found, warned = cells(path)
    assert found == {"a": ["x y", "?z"]}
    assert warned == [
        f"a control character is read as a space ({path}:1) – check what wrote the file"
    ]


def test_only_what_is_binary_as_a_whole_is_refused(tmp_path: Path) -> None:
    what = "a binary file or a damaged one, not text"
    assert refused(write(tmp_path, "t.csv", bytes(range(256)) * 40)).startswith(what)
    late = b"a\n" + b"word\n" * 3_000 + b"\1" * 30_000 + b"\n"
    assert refused(write(tmp_path, "t.csv", late)).startswith(what)


def test_bytes_of_other_encodings_are_no_control_characters(tmp_path: Path) -> None:
    found = [keeps_ascii(name) for name in ("utf-16", "iso2022_jp", "cp1252")]
    assert found == [False, False, True]
    path = write(tmp_path, "t.csv", "a,b\n1,大\n".encode("iso2022_jp"))
    assert cells(path, encoding="iso2022_jp") == ({"a": ["1"], "b": ["大"]}, [])


def test_semicolons_decimal_commas_and_windows_1252_are_found(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "größe;preis\n1,5;9 €\n2,5;7 €\n".encode("cp1252"))
    encoding = (
        f"not UTF-8, read as Windows-1252 text, such as 'größe' ({path}:1) – if that is wrong, "
        "pass encoding='NAME', such as 'latin-1'"
    )
    delimiter = (
        f"the cells are split at ';', not at ',' ({path}:1) – if that is wrong, pass delimiter=','"
    )
    table = {"größe": ["1,5", "2,5"], "preis": ["9 €", "7 €"]}
    assert cells(path) == (table, [encoding, delimiter])
    assert cells(path, encoding="cp1252", delimiter=";") == (table, [])
    error = f"not UTF-8 text (byte 0xF6) ({path}:1) – save it as UTF-8, or pass encoding='cp1252'"
    assert refused(path, encoding="utf-8") == error
    what = f"one column only when split at '|' ({path}:1) – pass delimiter=';'"
    assert refused(path, encoding="cp1252", delimiter="|") == what


@pytest.mark.parametrize("sign", [";", "\t", "|"])
def test_delimiters_are_found(tmp_path: Path, sign: str) -> None:
    found, warned = cells(write(tmp_path, "t.csv", f"a{sign}b\n1,5{sign}x, y\n"))
    assert found == {"a": ["1,5"], "b": ["x, y"]}
    assert [text.split(" (")[0] for text in warned] == [
        f"the cells are split at {sign!r}, not at ','"
    ]


def test_a_sign_in_texts_is_no_delimiter(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "review\nGood; but slow\nBad; slow\n")
    assert cells(path) == ({"review": ["Good; but slow", "Bad; slow"]}, [])


@pytest.mark.parametrize(
    "content",
    ["a,b\n1,привет\n".encode("cp1251"), "a,b\n1,grün\n".encode() + b"2,sch\xc3n\n"],
)
def test_what_is_neither_utf_8_nor_western_is_refused(tmp_path: Path, content: bytes) -> None:
    message = refused(write(tmp_path, "t.csv", content))
    assert message.startswith("neither UTF-8 nor Western European text, such as '")


def test_empty_lines_of_one_column_are_rows(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "\n\ntext\ngood\n\nbad\n\n")
    warning = (
        f"2 empty lines are rows with a missing cell ({path}) – remove such lines if they are none"
    )
    assert cells(path) == ({"text": ["good", None, "bad", None]}, [warning])
    found, _ = cells(write(tmp_path, "t.csv", "text\n\n\n"))
    assert found == {"text": [None, None]}
    several = write(tmp_path, "t.csv", "\n\na,b\n1,2\n\n3,4\n")
    assert cells(several) == ({"a": ["1", "3"], "b": ["2", "4"]}, [])


@pytest.mark.parametrize("name", ["t.csv.gz", "t.jsonl.gz"])
def test_a_line_without_an_end_is_refused(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_bytes, "LONGEST_LINE", 1 << 20)
    path = write(tmp_path, name, gzip.compress(b"x" * (3 << 20), 1))
    message = (
        f"a line of more than 64 MiB ({path}) – check what wrote it; a table has shorter lines"
    )
    assert refused(path) == message
    path = write(tmp_path, "late.csv.gz", gzip.compress(b"a,b\n1,2\n" + b"x" * (3 << 20), 1))
    assert refused(path) == message.replace(name, "late.csv.gz")


def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)

    def feed() -> None:
        path.write_bytes(b"a;b\n1;2\n")

    writer = threading.Thread(target=feed, daemon=True)
    writer.start()
    with pytest.warns(UserWarning, match=r"^the cells are split at ';'"):
        frame = read(path).frame
    writer.join()
    assert frame.to_dict("list") == {"a": ["1"], "b": ["2"]}


def test_a_device_is_refused() -> None:
    hint = "give the path of a file, or - for standard input"
    assert refused("/dev/zero") == f"a device where a file is meant (/dev/zero) – {hint}"


def test_damaged_parquet_files_are_refused_in_one_line(tmp_path: Path) -> None:
    spans = pd.to_timedelta(range(50), unit="s")
    frame = pd.DataFrame({"a": range(50), "s": [f"é{i}" for i in range(50)], "d": spans})
    frame.to_parquet(tmp_path / "t.parquet")
    content = (tmp_path / "t.parquet").read_bytes()
    random, refused_with = np.random.default_rng(0), list[str]()
    for _ in range(150):
        damaged = bytearray(content)
        for at in random.integers(4, len(content), 3):
            damaged[at] = random.integers(256)
        path = write(tmp_path, "d.parquet", bytes(damaged))
        try:
            for name, column in read(path).frame.items():
                infer_kind(column.rename(name))
        except DataError as error:
            refused_with.append(str(error))
    assert len(refused_with) > 20
    assert not any("\n" in message for message in refused_with)


def test_whole_numbers_of_any_length_are_categories() -> None:
    long = "9" * 5_000
    assert as_categories(pd.Series([f"+{long}.0", "-007.00", "-0.0"])).tolist() == [
        long[:1_000],
        "-7",
        "0",
    ]
    found, kind = classes_of(np.array([str(2**60), str(2**60 + 1)], dtype=object))
    assert (found, kind) == ((str(2**60), str(2**60 + 1)), "str")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", "a,ü\n1,日本\n2,\U0001f600"),
        ("t.txt", "a\tü\r\n1\t日本\r\n2\t\U0001f600\r\n"),
        ("t.jsonl", '{"a": "1", "ü": "日本"}\n{"a": "2", "ü": "\U0001f600"}\n'),
        ("t.csv.gz", "a,ü\n1,日本\n2,\U0001f600\n"),
    ],
)
def test_a_byte_order_mark_tells_the_encoding(
    encoding: str, name: str, content: str, tmp_path: Path
) -> None:
    marked = f"\ufeff{content}".encode(encoding)
    compressed = gzip.compress(marked, mtime=0) if name.endswith(".gz") else marked
    path = write(tmp_path, name, compressed)
    found, told = cells(path)
    assert found == {"a": ["1", "2"], "ü": ["日本", "\U0001f600"]}
    line = (
        f"read as {encoding[:6].upper()} text, by its byte order mark ({path}) – if that is wrong, "
        "pass encoding='NAME', such as 'utf-8'"
    )
    assert told[0] == line
    assert read_names(path) == (None if "json" in name else ["a", "ü"])
    # Who names another encoding is told so.
    expected = f"the text is {encoding[:6].upper()}, not UTF-8 ({path}) – pass encoding="
    assert refused(path, encoding="utf-8").startswith(expected)


def test_standard_input_with_a_byte_order_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for content in ("a,b\n1,2\n", '{"a": "1", "b": "2"}\n'):
        with open(write(tmp_path, "in", content.encode("utf-16"))) as file:
            monkeypatch.setattr("sys.stdin", file)
            with pytest.warns(UserWarning, match="read as UTF-16 text"):
                frame = read("-").frame
        assert frame.to_dict("list") == {"a": ["1"], "b": ["2"]}


def test_half_a_character_behind_a_mark(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "a,b\n1,2\n".encode("utf-16")[:-1])
    with pytest.warns(UserWarning, match="read as UTF-16 text"):
        assert refused(path).startswith(f"not UTF-16 text ({path}) – ")
