"""Formats that are not read are named by their content, with what to do about them."""

from __future__ import annotations

import bz2
import io
import lzma
import pickle
import sqlite3
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from click.testing import CliRunner
from pyarrow import orc

from kerasnn.cli.main import commands

CSV = b"a,b,y\n1,2,3\n"
FRAME = pd.DataFrame({"a": [1, 2], "y": [0, 1]})


def sqlite(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("create table rows (a, b)")
    database.close()


def zipped(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("[Content_Types].xml", "") if "/" in name else None
        archive.writestr(name, CSV)
    return buffer.getvalue()


def tar(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        archive.addfile(tarfile.TarInfo("a.csv"), io.BytesIO())


def stream(path: Path) -> None:
    table = pa.Table.from_pandas(FRAME)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)


def content(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


MADE: list[tuple[str, Callable[[Path], object], str, str]] = [
    ("t.db", sqlite, "a SQLite database", "write the table as CSV: sqlite3 "),
    ("t.feather", FRAME.to_feather, "a Feather or Arrow file", "write the table as Parquet: "),
    ("t.arrows", stream, "an Arrow stream", "write the table as Parquet: "),
    (
        "t.orc",
        lambda path: orc.write_table(pa.Table.from_pandas(FRAME), str(path)),
        "an ORC file",
        "write the table as Parquet: pandas.read_orc",
    ),
    ("t.csv.bz2", content(bz2.compress(CSV)), "a bzip2 archive", "unpack it first: bunzip2 "),
    ("t.csv.xz", content(lzma.compress(CSV)), "an xz archive", "unpack it first: unxz "),
    (
        "t.csv.zst",
        content(pa.compress(CSV * 100, codec="zstd", asbytes=True)),
        "a Zstandard archive",
        "unpack it first: unzstd ",
    ),
    ("t.zip", content(zipped("t.csv")), "a zip archive", "unpack it first: unzip "),
    ("t.csv", content(zipped("t.csv")), "a zip archive", "unpack it first: unzip "),
    ("t.xlsx", content(zipped("xl/workbook.xml")), "an Excel workbook", "save the sheet as CSV"),
    ("t.docx", content(zipped("word/document.xml")), "a Word document", "save its table as CSV"),
    ("t.tar", tar, "a tar archive", "unpack it first: tar -xf "),
    ("t.h5", content(b"\x89HDF\r\n\x1a\n" + bytes(64)), "an HDF5 file", "write the table as "),
    ("t.pkl", content(pickle.dumps({"a": [1]})), "a Python pickle", "opening one may run code"),
    ("t.npy", lambda path: np.save(path, np.zeros(3)), "one NumPy array", "save x and y together"),
    ("t.pdf", content(b"%PDF-1.7\n"), "a PDF document", "save its table as CSV"),
    ("t.csv", content(b"\n<!DOCTYPE html><html>"), "a web page", "download the file that it "),
]


@pytest.mark.parametrize(
    ("name", "make", "what", "hint"), MADE, ids=[f"{m[2]}-{m[0]}" for m in MADE]
)
def test_foreign_format_is_named(
    name: str, make: Callable[[Path], object], what: str, hint: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    make(path)
    result = CliRunner().invoke(commands, ["train", str(path), "--target", "y"])
    assert result.stderr.startswith(f"error: {what}, which is not read ({path}) – {hint}")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("https://example.org/a.csv", "download it first, as with: curl -LO URL"),
        ("s3://bucket/a.parquet", "copy it to this machine first"),
        ("file:///tmp/a.csv", "give the path alone"),
    ],
)
def test_url_is_told_from_a_path(url: str, hint: str) -> None:
    result = CliRunner().invoke(commands, ["train", url, "--target", "y"])
    assert result.stderr == f"error: a URL where a path is meant ({url}) – {hint}\n"
    assert result.exit_code == 2


@pytest.mark.parametrize(
    "start", ["ORCHID,y\n1,2\n", "BZh,y\n1,2\n", "PK,y\n1,2\n", "<b>,y\n1,2\n"]
)
def test_text_that_begins_like_one_is_read(start: str, tmp_path: Path) -> None:
    from kerasnn.data.readers.sources import locate

    path = tmp_path / "t.csv"
    path.write_text(start)
    assert locate(path).format == "delimited"
