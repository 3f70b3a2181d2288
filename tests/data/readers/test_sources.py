"""The checks of a path: exact messages, and nothing heavy imported for them."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from kerasnn.data.readers.sources import check_source, locate
from kerasnn.errors import DataError, KerasnnError, StorageError

TABLE = b"a,b\n1,2\n"


def write(folder: Path, name: str, content: bytes) -> str:
    path = folder / name
    path.write_bytes(content)
    return str(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("e.csv", b"", "the file is empty ({}) – check what wrote it"),
        ("e.csv", b" \n\r\n", "the file is empty ({}) – check what wrote it"),
        ("e.csv.gz", gzip.compress(b"", mtime=0), "the file is empty ({}) – check what wrote it"),
        (
            "u.csv",
            "a,b\n1,2\n".encode("utf-16-be"),
            "the text is UTF-16-BE, not UTF-8 ({}) – pass encoding='utf-16-be'",
        ),
        (
            "z.csv",
            b"a,b\n1,\0\1\2\3\4\5\6\7\0\n",
            "a binary file or a damaged one, not text ({}) – name a table as text, such as CSV, or "
            "a Parquet file",
        ),
        (
            "g.csv",
            gzip.compress(TABLE, mtime=0),
            "a gzip file that is not named .gz ({}) – rename it to 'g.csv.gz'",
        ),
        ("g.csv.gz", TABLE, "named .gz but not gzip ({}) – rename it to 'g.csv'"),
        (
            "x.csv",
            b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml xl/workbook.xml",
            "an Excel workbook, which is not read ({}) – save the sheet as CSV",
        ),
        (
            "p.csv",
            b"PAR1 and so on",
            "a Parquet file that is not named .parquet ({}) – rename it to 'p.parquet'",
        ),
        ("p.parquet", TABLE, "named .parquet but not Parquet ({}) – rename it after its content"),
    ],
)
def test_refused_content(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = write(tmp_path, name, content)
    with pytest.raises(DataError) as caught:
        check_source(path)
    assert str(caught.value) == message.format(path)


def test_missing_file_names_the_nearest(tmp_path: Path) -> None:
    near = write(tmp_path, "adult.csv", TABLE)
    with pytest.raises(DataError) as caught:
        check_source(tmp_path / "adlt.csv")
    missing = tmp_path / "adlt.csv"
    assert str(caught.value) == f"no such file ({missing}) – did you mean '{near}'?"


def test_missing_file_without_a_near_one(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"\) – check the path$"):
        check_source(tmp_path / "qqq.csv")


def test_missing_folder(tmp_path: Path) -> None:
    folder = tmp_path / "none"
    with pytest.raises(DataError) as caught:
        check_source(folder / "a.csv")
    expected = f"no such file ({folder / 'a.csv'}) – there is no folder '{folder}' either"
    assert str(caught.value) == expected


def test_folder_names_a_table_in_it(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        check_source(tmp_path)
    assert str(caught.value) == (
        f"a folder without images ({tmp_path}) – name a file, or a folder with one subfolder of "
        "images or WAV files a class"
    )
    write(tmp_path, "t.csv", TABLE)
    with pytest.raises(DataError, match=r"name a file in it, such as 't.csv'$"):
        check_source(tmp_path)


def test_a_file_that_can_not_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "t.csv", TABLE)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(StorageError) as caught:
        check_source(path)
    assert str(caught.value) == f"cannot read: Permission denied ({path}) – check its permissions"


def test_unknown_encoding(tmp_path: Path) -> None:
    with pytest.raises(KerasnnError) as caught:
        check_source(write(tmp_path, "t.csv", TABLE), encoding="latin1x")
    assert str(caught.value) == "unknown encoding 'latin1x' – did you mean 'latin-1'?"


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("t.csv", TABLE, "delimited"),
        ("t.data", TABLE, "delimited"),
        ("t.jsonl", b'{"a": 1}', "json_lines"),
        ("t", b'{"a": 1}', "json_lines"),
        ("t.bin", b"PAR1", "parquet"),
    ],
)
def test_format(tmp_path: Path, name: str, content: bytes, form: str) -> None:
    assert locate(write(tmp_path, name, content)).format == form


def test_checks_import_nothing_heavy(tmp_path: Path) -> None:
    code = f"""
import sys
from kerasnn.data.readers.sources import check_source
try:
    check_source({str(tmp_path / "none.csv")!r})
except ValueError as error:
    print(error)
print([name for name in ("numpy", "pandas", "pyarrow", "keras") if name in sys.modules])
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[0].startswith("no such file")
    assert ran.stdout.splitlines()[1] == "[]"
