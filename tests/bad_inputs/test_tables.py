"""Bad inputs through the commands, each by its number in the list of them.

Every row has the exact lines on stderr, the exit code, and what must be as it was before. Errors
come with an earlier run that is to be replaced or a file that is to be written over: both stay.
"""

from __future__ import annotations

import errno
import gzip
import io
import json
import os
import pickle
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image

import kerasnn
from kerasnn.bundle import members
from kerasnn.bundle.archive import pack
from kerasnn.cli.main import commands
from kerasnn.data.media import decoding
from kerasnn.files import locks
from kerasnn.prediction.predictor import Predictor
from kerasnn.runs.tabular import Run
from kerasnn.training.engine import Engine

# A job in the background of a shell ignores SIGINT, and so would its child.
CODE = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from kerasnn.cli.main import main; main()"
)
COMMAND = [sys.executable, "-c", CODE]
TINY = ["--model", "mlp", "--set", "width=4", "--set", "depth=1", "--epochs", "1"]
TINY += ["--no-baselines"]
HEADER = ("age", "size", "colour", "bought")
Cells = tuple[tuple[str, ...], ...]
ROWS: Cells = tuple(
    (
        str(20 + i % 37),
        f"{i * 7 % 23 / 3 + 0.5:.2f}",
        ("red", "green", "blue")[i % 3],
        "yes" if i % 37 + i * 7 % 23 > 30 else "no",
    )
    for i in range(60)
)


def text(
    rows: Sequence[Sequence[str]] = ROWS, header: Sequence[str] = HEADER, separator: str = ","
) -> str:
    return "".join(separator.join(cells) + "\n" for cells in (header, *rows))


def with_column(name: str, cell: Callable[[int, str], str]) -> Cells:
    """The rows with other cells in a column, made of the row's number and the cell."""
    at = HEADER.index(name)
    return tuple((*r[:at], cell(i, r[at]), *r[at + 1 :]) for i, r in enumerate(ROWS))


def with_cells(name: str, cells: dict[int, str]) -> Cells:
    """The rows with a few other cells in a column; row 0 is on line 2."""
    return with_column(name, cells.get)


def with_dates(day: Callable[[int], str]) -> str:
    return text([(day(i), *r) for i, r in enumerate(ROWS)], ("seen", *HEADER))


@dataclass(frozen=True)
class Row:
    """One of the bad inputs.

    Args:
        number: In the list.
        title: Says what is bad.
        content: Of the file.
        lines: On stderr; ``{path}`` stands for the file.
        arguments: Beyond those that every training has.
        name: Of the file.
    """

    number: int
    title: str
    content: str | bytes
    lines: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    name: str = "table.csv"

    def write(self, folder: Path) -> Path:
        path = folder / self.name
        path.write_bytes(self.content if isinstance(self.content, bytes) else self.content.encode())
        return path

    def stderr(self, path: Path) -> str:
        return "".join(line.replace("{path}", str(path)) + "\n" for line in self.lines)


def error(number: int, title: str, content: str | bytes, line: str, *arguments: str) -> Row:
    return Row(number, title, content, (f"error: {line}",), arguments)


def warning(number: int, title: str, content: str | bytes, *lines: str) -> Row:
    return Row(number, title, content, tuple(f"warning: {line}" for line in lines))


def each(rows: Sequence[Row]) -> Any:
    return pytest.mark.parametrize("row", rows, ids=[f"{r.number} {r.title}" for r in rows])


LATIN = text(with_cells("colour", {10: "grün"})).encode("latin-1")
REFUSED_TABLES = [
    error(3, "empty", "", "the file is empty ({path}) – check what wrote it"),
    error(3, "blank lines", "\n\n", "the file is empty ({path}) – check what wrote it"),
    error(4, "header only", text([]), "a header but no rows ({path}) – check what made it"),
    error(
        7,
        "UTF-16 without a mark",
        text().encode("utf-16-be"),
        "the text is UTF-16-BE, not UTF-8 ({path}) – add --encoding 'utf-16-be'",
    ),
    error(
        8,
        "Cyrillic",
        text(with_cells("colour", {10: "красный"})).encode("cp1251"),
        r"neither UTF-8 nor Western European text, such as '\xea\xf0\xe0\xf1\xed\xfb\xe9' "
        "({path}:12) – add --encoding 'NAME', such as 'cp1251' or 'shift_jis'; or save it as UTF-8",
    ),
    error(
        9,
        "binary",
        bytes(range(256)) * 40,
        "a binary file or a damaged one, not text ({path}) – name a table as text, such as CSV, "
        "or a Parquet file",
    ),
    error(
        11,
        "a cell too many",
        text((*ROWS[:7], (*ROWS[7], "more"), *ROWS[8:])),
        "5 cells where the header has 4 ({path}:9) – correct the line",
    ),
    error(
        11,
        "a cell too few",
        text((*ROWS[:7], ROWS[7][:3], *ROWS[8:])),
        "3 cells where the header has 4 ({path}:9) – correct the line",
    ),
    error(
        12,
        "unclosed quote",
        text(with_cells("colour", {7: '"green'})),
        "a quote that is never closed ({path}:9) – close or remove it",
    ),
    error(
        13,
        "repeated column",
        text(header=("age", "age", "colour", "bought")),
        "repeated column name 'age' ({path}:1) – give each column a name of its own, in a header",
    ),
    error(
        17,
        "gzip named csv",
        gzip.compress(text().encode(), mtime=0),
        "a gzip file that is not named .gz ({path}) – rename it to 'table.csv.gz'",
    ),
    error(
        17,
        "workbook named csv",
        b"PK\x03\x04" + bytes(26) + b"xl/workbook.xml" + bytes(100),
        "an Excel workbook, which is not read ({path}) – save the sheet as CSV",
    ),
    Row(
        17,
        "csv named gz",
        text(),
        ("error: named .gz but not gzip ({path}) – rename it to 'table.csv'",),
        name="table.csv.gz",
    ),
    error(
        20,
        "no such target",
        text(header=(*HEADER[:3], "bougth")),
        "unknown target column 'bought' ({path}) – did you mean 'bougth'?",
    ),
    error(
        21,
        "target only",
        text([r[3:] for r in ROWS], HEADER[3:]),
        "no column but the target 'bought' ({path}) – add columns to learn from",
    ),
    error(
        22,
        "most targets missing",
        text(with_column("bought", lambda i, cell: "" if i < 31 else cell)),
        "31 of 60 rows have no target ({path},bought) – fill it in, or choose another target",
    ),
    error(
        23,
        "one class",
        text(with_column("bought", lambda i, cell: "yes")),
        "the target has one class only: 'yes' ({path},bought) – add rows of another class",
    ),
    error(25, "one row", text(ROWS[:1]), "1 row, too few to learn from ({path}) – add rows"),
    error(
        26,
        "fewer rows than parts",
        text([(*ROWS[0][:3], "1.5"), (*ROWS[1][:3], "2.5")]),
        "2 rows, too few for training, validation and test ({path}) – give at least 3",
    ),
    error(
        29,
        "infinite cells",
        text(with_cells("age", {5: "inf", 9: "-inf"})),
        "infinite or too large: inf, -inf ({path}:7,age) – leave such cells empty, or add --set data.infinite=missing",
    ),
    error(
        34,
        "dates in two layouts",
        with_dates(lambda i: "31.01.2026" if i == 5 else f"2026-01-{i % 28 + 1:02d}"),
        "dates in different layouts: '2026-01-01', '31.01.2026' ({path},seen) – write them as "
        "2026-01-31",
    ),
    error(
        38,
        "text of its own in each row as target",
        text(with_column("bought", lambda i, cell: f"{i * 31} of them")),
        "the target has 60 different values in 60 rows ({path},bought) – for regression, make "
        "them numbers; else choose another target",
    ),
    error(
        38,
        "numbers taken for classes",
        text([(*r[:3], str(i * 31)) for i, r in enumerate(ROWS)]),
        "the target has 60 different values in 60 rows ({path},bought) – for regression, leave "
        "the task out; else choose another target",
        *("--task", "multiclass"),
    ),
    error(
        42,
        "all columns dropped",
        text(),
        "no column is left to learn from: 'age' (dropped), 'size' (dropped), 'colour' (dropped) "
        "({path}) – give a column a kind with --column NAME=KIND",
        *("--drop", "age", "--drop", "size", "--drop", "colour"),
    ),
    error(
        42,
        "a column to drop that is not there",
        text(),
        "unknown column 'colours' – did you mean 'colour'?",
        *("--drop", "colours"),
    ),
    error(
        42,
        "a kind for a column that is not there",
        text(),
        "unknown column 'day' – choose from age, size, colour, bought",
        *("--column", "day=date"),
    ),
    error(
        42,
        "no row with a target",
        text(with_column("bought", lambda i, cell: "?")),
        "60 of 60 rows have no target ({path},bought) – fill it in, or choose another target",
    ),
    Row(
        42,
        "all columns constant",
        text([("1", cells[3]) for cells in ROWS], ("age", "bought")),
        (
            "warning: always '1', left out ({path},age)",
            "error: no column is left to learn from: 'age' (always '1') ({path}) – give a column "
            "a kind with --column NAME=KIND",
        ),
    ),
]
SEPARATORS = "write plain numbers, if that is wrong"
TRAINED_TABLES = [
    warning(
        24,
        "class of one row",
        text(with_cells("bought", {5: "maybe"})),
        "class 'maybe' has one row only, which trains ({path},bought) – add rows, or no score "
        "tells how well they are predicted",
    ),
    warning(
        8,
        "Windows-1252",
        LATIN,
        "not UTF-8, read as Windows-1252 text, such as 'grün' ({path}:12) – if that is wrong, "
        "add --encoding 'NAME', such as 'latin-1'",
    ),
    warning(
        9,
        "NUL byte",
        text().replace("green", "gre\0n", 1),
        "a control character is read as a space ({path}:3) – check what wrote the file",
    ),
    warning(
        10,
        "semicolons",
        text(separator=";"),
        "the cells are split at ';', not at ',' ({path}:1) – if that is wrong, add --delimiter ','",
    ),
    Row(
        5,
        "no header",
        text(ROWS[1:], ROWS[0]),
        (
            "warning: the header looks like data: 20, 0.50, red ({path}:1) – if it is data, add a "
            "line of column names",
        ),
        ("--target", "no"),
    ),
    Row(6, "byte order mark", "\ufeff" + text()),
    warning(
        7,
        "UTF-16",
        text().encode("utf-16"),
        "read as UTF-16 text, by its byte order mark ({path}) – if that is wrong, add --encoding 'NAME', "
        "such as 'utf-8'",
    ),
    Row(7, "UTF-16, mended", text().encode("utf-16"), arguments=("--encoding", "utf-16")),
    Row(8, "Latin-1, mended", LATIN, arguments=("--encoding", "latin-1")),
    Row(10, "tabs, mended", text(separator="\t"), arguments=("--delimiter", r"\t")),
    warning(
        14,
        "blank name",
        text(header=("age", "", "colour", "bought")),
        "a column without a name is called 'column_2' ({path}:1) – name it in the header",
    ),
    Row(15, "CRLF", text().replace("\n", "\r\n")),
    Row(15, "CR", text().replace("\n", "\r")),
    warning(
        16,
        "decimal comma",
        text(with_column("size", lambda i, cell: f'"{cell.replace(".", ",")}"')),
        f"numbers with separators: '0,50' is read as 0.5 ({{path}},size) – {SEPARATORS}",
    ),
    warning(
        16,
        "separated thousands",
        text(with_column("age", lambda i, cell: f'"1,{i * 13:03d}"')),
        f"numbers with separators: '1,000' is read as 1000 ({{path}},age) – {SEPARATORS}",
    ),
    warning(
        22,
        "some targets missing",
        text(with_cells("bought", {3: "", 4: "", 5: ""})),
        "3 of 60 rows have no target and are left out ({path},bought) – fill it in to learn from "
        "them",
    ),
    warning(
        27,
        "constant column",
        text(with_column("age", lambda i, cell: "7")),
        "always '7', left out ({path},age)",
    ),
    warning(
        28,
        "column without values",
        text(with_column("age", lambda i, cell: "")),
        "has no values, left out ({path},age)",
    ),
    warning(
        30,
        "numbers and text",
        text(with_cells("age", {5: "old"})),
        "numbers and text mixed: '20', 'old' ({path},age) – correct or empty the cells that are not "
        "numbers",
        "38 different texts in 60 rows are too many for useful categories ({path},age) – add "
        "--drop 'age' if it only names rows",
    ),
    warning(
        31,
        "missing-value markers",
        text(with_cells("age", {5: "NA", 6: "?", 7: "-"})),
        "3 cells such as '-', '?', 'NA' are read as missing ({path},age) – ignore this if it "
        "is right",
    ),
    warning(
        32,
        "identifiers",
        text(with_column("colour", lambda i, cell: f"k{i * 7919 % 10007:05d}")),
        "looks like an identifier (60 different texts in 60 rows), left out ({path},colour) – add "
        "--column NAME=KIND if it is not one",
    ),
    warning(
        32,
        "many categories",
        text(with_column("colour", lambda i, cell: f"k{i * 7919 % 40}")),
        "40 different texts in 60 rows are too many for useful categories ({path},colour) – add "
        "--drop 'colour' if it only names rows",
    ),
    warning(
        33,
        "dates",
        with_dates(lambda i: f"2026-01-{i % 28 + 1:02d}"),
        "read as dates, ISO 8601 ({path},seen) – add --column NAME=KIND if they are none",
    ),
    warning(
        35,
        "1e30",
        text(with_cells("age", {5: "1e30"})),
        "a number as large as 1e+30 ({path},age) – check for a marker of missing values",
    ),
    warning(
        36,
        "integers above 2^53",
        text(with_column("age", lambda i, cell: str(2**60 + i * 2**50))),
        "whole numbers above 2^53, such as 1219349599110561792, lose digits ({path},age) – add "
        "--column 'age=category' if they are codes",
    ),
    warning(
        37,
        "units",
        text(with_column("size", lambda i, cell: f"{cell} kg")),
        "numbers with a unit: '0.50 kg' is read as 0.5 ({path},size) – if that is wrong, add "
        "--column 'size=category'",
    ),
    warning(
        39,
        "repeated rows",
        text(ROWS + ROWS[:3]),
        "3 of 63 rows repeat another row ({path}) – remove them if they are copies",
    ),
    warning(
        40,
        "conflicting labels",
        text((*ROWS, (*ROWS[0][:3], "yes"))),
        "2 rows have the features of another row but another class ({path}) – no model can tell "
        "them apart",
    ),
    warning(
        41,
        "long text",
        text(with_cells("colour", {5: "x" * 100_000})),
        "a text of 100,000 characters is cut after 1,000 ({path},colour) – check for an unclosed "
        "quote",
    ),
]

FEATURES = HEADER[:3]


def features(rows: Cells) -> str:
    return text([cells[:3] for cells in rows], FEATURES)


REFUSED_ROWS = [
    error(
        43,
        "missing columns",
        text([cells[1:2] for cells in ROWS], ("size",)),
        "columns are missing: 'age', 'colour' ({path}) – add them, or name them as in the "
        "training data",
    ),
    error(
        47,
        "text where numbers were",
        features(with_cells("age", {3: "old", 4: "older"})),
        "not a number: 'old', 'older' ({path}:5,age) – correct these 2 cells, or leave them empty",
    ),
    error(50, "no header", "", "the file is empty ({path}) – check what wrote it"),
]
PREDICTED_ROWS = [
    warning(
        44,
        "extra columns",
        text([(*cells[:3], "x", "y") for cells in ROWS], (*FEATURES, "shop", "note")),
        "columns that training did not have are ignored: 'shop', 'note' ({path})",
    ),
    Row(45, "reordered", text([cells[2::-1] for cells in ROWS], FEATURES[::-1])),
    warning(
        46,
        "unseen categories",
        features(with_cells("colour", {58: "pink", 59: "violet"})),
        "2 cells hold a category that training did not know (column 'colour') – predicted as "
        "unknown",
    ),
    warning(
        48,
        "missing for the first time",
        features(with_cells("age", {59: ""})),
        "1 cell is missing where training had none (column 'age') – filled in",
    ),
    Row(49, "target present", text()),
    Row(51, "as many rows as there are", features(ROWS)),
]


def invoke(*arguments: str | Path, code: int = 0, stdin: str | None = None) -> Result:
    """Run a command here; whatever happens, a log file could hold what it says (81)."""
    result = CliRunner().invoke(commands, [str(item) for item in arguments], input=stdin)
    assert result.exit_code == code, result.stderr
    assert "Traceback" not in result.stderr
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", result.stderr)
    return result


def train(path: str | Path, *arguments: str | Path, code: int = 0) -> Result:
    return invoke("train", path, "--target", "bought", *TINY, *arguments, code=code)


def snapshot(folder: Path) -> dict[Path, tuple[bytes, int]]:
    """Content and time of every file below a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


@contextmanager
def untouched(folder: Path) -> Iterator[None]:
    before = snapshot(folder)
    yield
    assert snapshot(folder) == before


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table and the run on it."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "table.csv").write_text(text(), encoding="utf-8")
    assert train(folder / "table.csv", "--output", folder / "run").stderr == ""
    return folder


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of the run that a test may change."""
    return shutil.copytree(trained / "run", tmp_path / "run")


@pytest.fixture
def _undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing the report is half of a tiny training, and has tests of its own."""
    monkeypatch.setattr(Run, "report", lambda self, output=None, **options: Path())


@each(REFUSED_TABLES)
def test_training_refuses(row: Row, run: Path, tmp_path: Path) -> None:
    path = row.write(tmp_path)
    with untouched(tmp_path):
        result = train(path, *row.arguments, "--output", run, "--force", code=2)
    assert (result.stderr, result.stdout) == (row.stderr(path), "")


def test_training_refuses_paths(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "adult.csv").touch()
    with untouched(tmp_path):
        missing = train(tmp_path / "table.csv", code=2)  # 1
        folder = train(tmp_path / "folder", code=2)  # 2
    assert missing.stderr == f"error: no such file ({tmp_path}/table.csv) – check the path\n"
    what = f"a folder where a file is meant ({tmp_path}/folder)"
    assert folder.stderr == f"error: {what} – name a file in it, such as 'adult.csv'\n"


@pytest.mark.usefixtures("_undrawn")
@each(TRAINED_TABLES)
def test_training_goes_on(row: Row, tmp_path: Path) -> None:
    path = row.write(tmp_path)
    result = train(path, *row.arguments, "--output", tmp_path / "run")
    assert result.stderr == row.stderr(path)
    assert (tmp_path / "run" / "model.kerasnn").is_file()


@pytest.mark.usefixtures("_undrawn")
def test_standard_input(tmp_path: Path) -> None:  # 19
    arguments = ["-", "--target", "bought", *TINY, "--output", str(tmp_path / "run")]
    assert invoke("train", *arguments, stdin=text()).stderr == ""
    printed = invoke("predict", tmp_path / "run", "-", stdin=features(ROWS)).stdout
    assert len(table(printed)) == 60


def test_names_and_cells_do_not_command_the_terminal(tmp_path: Path) -> None:  # 13, 81
    header = ('"a\nb"', '"a\nb"', "colour", "bought")
    path = tmp_path / "table.csv"
    path.write_text(text(header=header), encoding="utf-8")
    what = rf"repeated column name 'a\nb' ({path}:1)"
    hint = "give each column a name of its own, in a header"
    assert train(path, code=2).stderr == f"error: {what} – {hint}\n"
    path.write_text(text(header=("age", "size", "\x1b[31mcolour", "bought")), encoding="utf-8")
    what = f"unknown target column 'colour' ({path})"
    result = invoke("train", path, "--target", "colour", code=2)
    # The escape sign is left out when the file is read.
    assert result.stderr == f"error: {what} – did you mean '[31mcolour'?\n"


@pytest.mark.parametrize("part", ["validation", "test"])
def test_faults_of_other_files_are_placed_there(
    part: str, trained: Path, run: Path, tmp_path: Path
) -> None:
    path = tmp_path / "other.csv"
    options = [f"--{part}", path, "--output", run, "--force"]

    def refusal(content: str) -> str:
        path.write_text(content, encoding="utf-8")
        with untouched(tmp_path):
            return train(trained / "table.csv", *options, code=2).stderr

    # The first row has no target and is left out, which moves none of the others.
    rows = with_cells("age", {4: "old"})
    [_, line] = refusal(text([(*rows[0][:3], ""), *rows[1:]])).splitlines()
    what = f"not a number: 'old' ({path}:6,age)"  # 47
    assert line == f"error: {what} – correct it, or leave it empty"
    what = f"a target cell is missing or not among the classes: maybe ({path}:7,bought)"
    assert refusal(text(with_cells("bought", {5: "maybe"}))) == (
        f"error: {what} – use the labels no, yes\n"
    )
    what = f"a column is missing: 'age' ({path})"  # 43
    assert refusal(text([cells[1:] for cells in ROWS], HEADER[1:])) == (
        f"error: {what} – add it, or name it as in the training data\n"
    )


def table(printed: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(printed))


@pytest.fixture(scope="module")
def expected(trained: Path) -> pd.DataFrame:
    return table(invoke("predict", trained / "run", trained / "table.csv").stdout)


@each(REFUSED_ROWS)
def test_predict_refuses(row: Row, trained: Path, tmp_path: Path) -> None:
    path, output = row.write(tmp_path), tmp_path / "predictions.csv"
    output.write_text("of yesterday", encoding="utf-8")
    with untouched(tmp_path):
        result = invoke("predict", trained / "run", path, "-o", output, "--force", code=2)
    assert (result.stderr, result.stdout) == (row.stderr(path), "")


@each(PREDICTED_ROWS)
def test_predict_goes_on(row: Row, trained: Path, tmp_path: Path, expected: pd.DataFrame) -> None:
    path = row.write(tmp_path)
    result = invoke("predict", trained / "run", path)
    assert result.stderr == row.stderr(path)
    found = table(result.stdout)
    assert len(found) == 60
    # Rows 58 and 59 may have changed; the others are what they were.
    pd.testing.assert_frame_equal(found[:58], expected[:58], rtol=1e-5)


def test_predictions_are_in_the_order_of_the_rows(
    trained: Path, tmp_path: Path, expected: pd.DataFrame
) -> None:  # 51
    path = tmp_path / "table.csv"
    path.write_text(features(ROWS[::-1]), encoding="utf-8")
    found = table(invoke("predict", trained / "run", path).stdout)
    pd.testing.assert_frame_equal(found, expected[::-1].reset_index(drop=True), rtol=1e-5)


def test_no_rows_give_a_header(trained: Path, tmp_path: Path) -> None:  # 50
    path = tmp_path / "table.csv"
    path.write_text(features(()), encoding="utf-8")
    result = invoke("predict", trained / "run", path)
    assert result.stdout == "prediction,probability:no,probability:yes\n"


def test_predict_reads_files_as_training_did(tmp_path: Path, expected: pd.DataFrame) -> None:  # 10
    path = tmp_path / "table.csv"
    path.write_text(text(separator=";"), encoding="utf-8")
    train(path, "--delimiter", ";", "--output", tmp_path / "run")
    assert len(table(invoke("predict", tmp_path / "run", path).stdout)) == 60
    path.write_text(text(), encoding="utf-8")
    result = invoke("predict", tmp_path / "run", path, code=2)
    what = f"one column only when split at ';' ({path}:1)"
    assert result.stderr == f"error: {what} – add --delimiter ','\n"
    mended = invoke("predict", tmp_path / "run", path, "--delimiter", ",")
    pd.testing.assert_frame_equal(table(mended.stdout), expected, rtol=1e-5)


def test_long_files_are_predicted_in_pieces(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # 18
    path, output = tmp_path / "long.csv", tmp_path / "predictions.csv"
    path.write_text(features(ROWS * 2400), encoding="utf-8")
    predict, lengths = Predictor.predict_and_count, list[int]()

    def counted(self: Predictor, frame: pd.DataFrame, **options: Any) -> Any:
        lengths.append(len(frame))
        return predict(self, frame, **options)

    monkeypatch.setattr(Predictor, "predict_and_count", counted)
    invoke("predict", trained / "run", path, "-o", output)
    assert sum(lengths) == 144_000 == len(pd.read_csv(output))
    assert len(lengths) == 3
    assert max(lengths) == 65_536


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """The kernel lets no file grow beyond a size, as if the disk were full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


FULL = "free some space; what was there before is intact"


def test_full_disk_in_a_checkpoint(run: Path) -> None:  # 70
    newest = sorted((run / "checkpoints").iterdir())[-1]
    number = int(newest.stem.removeprefix("generation-")) + 1
    bundle, state = (run / "model.kerasnn").read_bytes(), snapshot(run / "checkpoints")
    with largest_file(newest.stat().st_size - 1):
        result = invoke("train", "--resume", run, "--epochs", "2", code=4)
    location = run / "checkpoints" / f"generation-{number:06d}.checkpoint"
    assert result.stderr == f"error: the disk is full ({location}) – {FULL}\n"
    assert (run / "model.kerasnn").read_bytes() == bundle
    assert snapshot(run / "checkpoints") == state
    invoke("train", "--resume", run, "--epochs", "2")
    assert len(pd.read_csv(run / "history.csv")) == 2


def test_full_disk_in_the_bundle(run: Path, trained: Path, expected: pd.DataFrame) -> None:  # 70
    path = run / "model.kerasnn"
    before = path.read_bytes()
    with largest_file(len(before) - 1):
        result = invoke("train", "--resume", run, "--epochs", "2", code=4)
    assert result.stderr == f"error: the disk is full ({path}) – {FULL}\n"
    assert path.read_bytes() == before
    assert not list(run.glob(".*"))
    found = table(invoke("predict", run, trained / "table.csv").stdout)
    pd.testing.assert_frame_equal(found, expected)


@pytest.fixture
def _no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def prepare(*arguments: Any, **options: Any) -> None:
        raise AssertionError("the training began")

    monkeypatch.setattr("kerasnn.trainers.tabular.prepare", prepare)


@pytest.mark.usefixtures("_no_training")
def test_folder_that_cannot_be_written(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # 71
    data, hint = trained / "table.csv", "choose another folder"
    result = train(data, "--output", data / "run", code=4)
    assert result.stderr == f"error: not a folder ({data}) – {hint}\n"

    really_open = os.open

    def read_only(path: Any, flags: int, *rest: Any, **options: Any) -> int:
        if flags & os.O_CREAT and str(path).startswith(str(tmp_path)):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
        return really_open(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", read_only)
    with untouched(tmp_path):
        result = train(data, "--output", tmp_path / "new" / "run", code=4)
    what = f"can't be written: read-only file system ({tmp_path})"
    assert result.stderr == f"error: {what} – {hint}\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("_no_training")
@pytest.mark.skipif(
    not os.path.isdir("/proc/self"), reason="needs /proc, where not even root may write"
)
def test_folder_that_nobody_can_write(trained: Path) -> None:  # 71
    result = train(trained / "table.csv", "--output", "/proc/kerasnn/run", code=4)
    what = "can't be written: no such file or directory (/proc)"
    assert result.stderr == f"error: {what} – choose another folder\n"


@pytest.mark.usefixtures("_no_training")
def test_two_runs_in_a_folder(run: Path, trained: Path) -> None:  # 72
    holder = f"process {os.getpid()} on {socket.gethostname()}"
    what = f"another run writes to this folder: {holder} ({run})"
    with locks.lock_folder(run), untouched(run):
        going_on = invoke("train", "--resume", run, "--epochs", "2", code=4)
        replacing = train(trained / "table.csv", "--output", run, "--force", code=4)
    for result in (going_on, replacing):
        assert result.stderr == f"error: {what} – wait for it, or choose another folder\n"


@pytest.mark.usefixtures("_undrawn")
def test_lock_of_a_dead_process(run: Path) -> None:  # 73
    with subprocess.Popen(["true"]) as process:
        pass
    record = {"host": socket.gethostname(), "pid": process.pid, "started": "1"}
    (run / ".lock").write_text(json.dumps(record), encoding="utf-8")
    (run / ".model.kerasnn.0123abcd.part").touch()
    assert invoke("train", "--resume", run, "--epochs", "2").stderr == ""
    assert not list(run.glob(".*"))
    assert len(pd.read_csv(run / "history.csv")) == 2


SIGNALS = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(scope="module")
def interrupted(
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[int, tuple[Path, int, str]]:
    """For each signal a run that it ended: folder, exit code and stderr."""
    folder = tmp_path_factory.mktemp("interrupted")
    (folder / "table.csv").write_text(text(), encoding="utf-8")
    endless = ["--epochs", "1000000", "--patience", "0", "--set", "compile=graph"]
    started: dict[int, tuple[Path, subprocess.Popen[str]]] = {}
    for number in SIGNALS:
        arguments = ["train", str(folder / "table.csv"), "--target", "bought", *TINY, *endless]
        run = folder / str(number)
        command = [*COMMAND, *arguments, "--output", str(run)]
        started[number] = run, subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    ended: dict[int, tuple[Path, int, str]] = {}
    for number, (run, process) in started.items():
        while process.poll() is None and not list(run.glob("checkpoints/generation-*")):
            time.sleep(0.05)
        process.send_signal(number)
        _, errors = process.communicate()
        ended[number] = run, process.returncode, errors
    return ended


@pytest.mark.usefixtures("_undrawn")
@pytest.mark.parametrize("number", SIGNALS, ids=["74 SIGINT", "75 SIGTERM"])
def test_interrupted_training(number: int, interrupted: dict[int, tuple[Path, int, str]]) -> None:
    run, code, errors = interrupted[number]
    assert errors == f"interrupted – to go on: kerasnn train --resume {run}\n"  # 81
    assert code == 130
    printed = invoke("predict", run, run.parent / "table.csv").stdout
    assert len(table(printed)) == 60
    n_epochs = len(pd.read_csv(run / "history.csv"))
    invoke("train", "--resume", run, "--epochs", str(n_epochs + 1))
    assert len(pd.read_csv(run / "history.csv")) == n_epochs + 1


def test_broken_pipe(trained: Path, tmp_path: Path) -> None:  # 76
    path = tmp_path / "long.csv"
    path.write_text(features(ROWS * 200), encoding="utf-8")
    command = [*COMMAND, "predict", str(trained / "run"), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"prediction,probability:no,probability:yes\n"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.parametrize(
    "error", [MemoryError(), tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")]
)
def test_out_of_memory_in_training(
    error: Exception, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # 77
    def run_epoch(*arguments: Any, **options: Any) -> None:
        raise error

    monkeypatch.setattr(Engine, "run_epoch", run_epoch)
    bundle, state = (run / "model.kerasnn").read_bytes(), snapshot(run / "checkpoints")
    result = invoke("train", "--resume", run, "--epochs", "2", code=4)
    assert result.stderr == "error: memory ran out at 42 rows a step – add --batch-size 21\n"
    assert (run / "model.kerasnn").read_bytes() == bundle
    assert snapshot(run / "checkpoints") == state


def test_out_of_memory_elsewhere(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # 77
    def predict(*arguments: Any, **options: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(Predictor, "predict_and_count", predict)
    output = tmp_path / "predictions.csv"
    result = invoke("predict", trained / "run", trained / "table.csv", "-o", output, code=4)
    assert result.stderr == "error: memory ran out – close other programs, or give fewer rows\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("_no_training")
def test_outputs_that_exist(run: Path, trained: Path, tmp_path: Path) -> None:  # 78
    data, output = trained / "table.csv", tmp_path / "model.keras"
    output.write_text("of yesterday", encoding="utf-8")
    other_name, other_folder = (
        f"choose another {what}, or replace it with --force" for what in ("name", "folder")
    )
    with untouched(tmp_path):
        trained_to = train(data, "--output", run, code=2)
        predicted_to = invoke("predict", run, data, "-o", output, code=2)
        reported_to = invoke("report", run, "-o", output, code=2)
        exported_to = invoke("export", run, "--format", "keras", "-o", output, code=2)
        something_else = train(data, "--output", tmp_path, "--force", code=2)
    assert trained_to.stderr == f"error: '{run}' is not empty – {other_folder}\n"
    assert predicted_to.stderr == f"error: '{output}' exists – {other_name}\n"
    assert reported_to.stderr == f"error: '{output}' exists – {other_name}\n"
    assert exported_to.stderr == f"error: the file exists ({output}) – replace it with --force\n"
    what = f"'{tmp_path}' holds something else than a run"
    assert something_else.stderr == f"error: {what} – choose another folder\n"


def forged(content: bytes, **changed: Any) -> bytes:
    """A bundle with other entries in its manifest, and checksums that fit."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(parts.pop(members.MANIFEST)) | changed
    del manifest["digest"]
    return b"".join(pack({members.MANIFEST: members._sealed(manifest), **parts}))


def hostile(content: bytes) -> bytes:
    """A zip with a path upwards and a pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("../evil.py", "import os")
        archive.writestr("model.pkl", pickle.dumps(os.getcwd))
    return file.getvalue()


def flipped(content: bytes) -> bytes:
    at = content.index(b'"mlp"') + 1
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


AGAIN = "get it again from where it was made"


@pytest.mark.parametrize(
    ("change", "what", "hint"),
    [
        (lambda content: b"", "it is not a file of kerasnn, or its start is damaged", AGAIN),
        (lambda content: content[: len(content) // 2], "it is cut off", AGAIN),
        (lambda content: content[:-1], "its directory does not fit its members", AGAIN),
        (flipped, "recipe.json is damaged, or not stored as kerasnn stores it", AGAIN),
        (hostile, "manifest.json is damaged, or not stored as kerasnn stores it", AGAIN),
        (
            lambda content: forged(content, schema=2),
            "made by a newer kerasnn (schema 2); this one reads 1",
            "pip install -U kerasnn",
        ),
    ],
    ids=["empty", "cut in the middle", "cut at the end", "flipped bit", "hostile", "newer"],
)
def test_bad_bundles(
    change: Callable[[bytes], bytes], what: str, hint: str, trained: Path, tmp_path: Path
) -> None:  # 79
    path, output = tmp_path / "model.kerasnn", tmp_path / "predictions.csv"
    path.write_bytes(change((trained / "run" / "model.kerasnn").read_bytes()))
    output.write_text("of yesterday", encoding="utf-8")
    data = trained / "table.csv"
    with untouched(tmp_path):
        result = invoke("predict", path, data, "-o", output, "--force", code=3)
    assert result.stderr == f"error: the model is refused: {what} ({path}) – {hint}\n"


@pytest.mark.usefixtures("_no_training")
def test_resume_under_other_circumstances(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # 80
    data, run = tmp_path / "table.csv", tmp_path / "run"
    shutil.copytree(trained / "run", run)
    config = (run / "config.yaml").read_text(encoding="utf-8")
    config = config.replace(str(trained / "table.csv"), str(data))
    data.write_text(text().replace("red", "rot", 1), encoding="utf-8")

    def changes(*arguments: str, config: str = config) -> str:
        (run / "config.yaml").write_text(config, encoding="utf-8")
        with untouched(tmp_path):
            result = invoke("train", "--resume", run, "--epochs", "2", *arguments, code=2)
        found = re.fullmatch(
            r"error: the run can't go on as it began: (.*) changed – undo the change, or start a "
            r"new run\n",
            result.stderr,
        )
        assert found, result.stderr
        return found[1]

    assert changes() == "the data"
    data.write_text(text(), encoding="utf-8")
    assert changes("--set", "width=5") == "model.width"
    assert changes("--batch-size", "7", "--patience", "3") == (
        "training.batch_size, training.patience"
    )
    edited = config.replace("scale: ", "scale: robust # ", 1)
    assert changes(config=edited) == "preprocessing.scale"
    monkeypatch.setattr(keras, "__version__", "2.0")
    assert changes() == "keras"


@pytest.mark.usefixtures("_no_training")
@pytest.mark.parametrize(
    ("package", "form", "line"),
    [
        ("tf2onnx", "onnx", "exporting to ONNX needs an extra – pip install 'kerasnn[onnx]'"),
        ("onnxruntime", "onnx", "exporting to ONNX needs an extra – pip install 'kerasnn[onnx]'"),
        (
            "ai_edge_litert",
            "litert",
            "exporting to LiteRT needs an extra – pip install 'kerasnn[litert]'",
        ),
        (
            "tensorboard",
            None,
            "TensorBoard's log needs an extra – pip install 'kerasnn[tensorboard]'",
        ),
    ],
)
def test_missing_packages(
    package: str,
    form: str | None,
    line: str,
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # 82
    monkeypatch.setitem(sys.modules, package, None)
    if form:
        output = tmp_path / f"model.{form.replace('litert', 'tflite')}"
        result = invoke("export", trained / "run", "--format", form, "-o", output, code=2)
    else:
        data = trained / "table.csv"
        result = train(data, "--tensorboard", "--output", tmp_path / "run", code=2)
    assert result.stderr == f"error: {line}\n"
    assert not list(tmp_path.iterdir())


RANDOM = np.random.default_rng(0)
PICTURE = RANDOM.integers(0, 256, (8, 8, 3)).astype("uint8")
ALPHA = RANDOM.integers(0, 256, (8, 8, 1)).astype("uint8")
WIDE = RANDOM.integers(0, 65_536, (8, 8)).astype("uint16")
PALETTE = Image.fromarray(PICTURE).quantize(16)
N_IMAGES = 24


def encoded(image: Image.Image | NDArray[Any], form: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(buffer, form, **options)
    return buffer.getvalue()


def turned(held: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = held
    return exif


def bomb() -> bytes:
    """A PNG that says that it is 100,000 pixels wide and high."""
    chunks = b"IHDR" + struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0), b"IDAT"
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in chunks
    )


@dataclass(frozen=True)
class ImageCell:
    """One of the bad images.

    Args:
        number: In the list.
        title: Says what is bad.
        content: Of the file.
        what: It is said of it; empty for nothing.
        hint: Likewise.
        same: Pixels that it must be taken for; None where it can't be read.
        name: Of the file.
    """

    number: int
    title: str
    content: bytes
    what: str = ""
    hint: str = "remove it, or save it again"
    same: NDArray[np.uint8] | None = None
    name: str = "bad.png"


def colour_over_white() -> NDArray[np.uint8]:
    share = ALPHA / 255
    mixed: NDArray[np.uint8] = np.round(PICTURE * share + 255 * (1 - share)).astype("uint8")
    return mixed


def in_colour(grey: NDArray[Any]) -> NDArray[np.uint8]:
    return np.stack([grey.astype("uint8")] * 3, axis=2)


UNREADABLE = [
    ImageCell(52, "not an image", b"hello", "not an image"),
    ImageCell(53, "zero bytes", b"", "the file is empty"),
    ImageCell(
        54,
        "truncated JPEG",
        encoded(PICTURE, "JPEG")[:-60],
        "an image that is cut off",
        name="a.jpg",
    ),
    ImageCell(54, "truncated PNG", encoded(PICTURE)[:-60], "an image that is cut off"),
]
READ = [
    ImageCell(55, "CMYK", encoded(Image.fromarray(PICTURE).convert("CMYK"), "TIFF"), same=PICTURE),
    ImageCell(
        56, "RGBA", encoded(np.concatenate([PICTURE, ALPHA], axis=2)), same=colour_over_white()
    ),
    ImageCell(57, "16 bit", encoded(WIDE), same=in_colour(np.round(WIDE / 257))),
    ImageCell(58, "grey", encoded(PICTURE[..., 0]), same=in_colour(PICTURE[..., 0])),
    ImageCell(59, "palette", encoded(PALETTE), same=np.asarray(PALETTE.convert("RGB"))),
    ImageCell(
        60,
        "animated GIF",
        encoded(PALETTE, "GIF", save_all=True, append_images=[Image.new("RGB", (8, 8))]),
        "an animated image: its first frame is taken",
        "save single frames to learn from others",
        same=np.asarray(PALETTE.convert("RGB")),
    ),
    ImageCell(61, "EXIF rotation", encoded(PICTURE, exif=turned(6)), same=np.rot90(PICTURE, -1)),
    ImageCell(
        63,
        "one pixel",
        encoded(PICTURE[:1, :1]),
        "an image of 1x1 pixels",
        "check whether this is intended",
        same=np.broadcast_to(PICTURE[:1, :1], (8, 8, 3)),
    ),
    ImageCell(
        63,
        "a strip",
        encoded(np.full((1, 64, 3), 90, dtype="uint8")),
        "an image of 1x64 pixels",
        "check whether this is intended",
        same=np.full((8, 8, 3), 90, dtype="uint8"),
    ),
    ImageCell(66, "wrong extension", encoded(PICTURE, "BMP"), same=PICTURE, name="a.jpg"),
]


def each_picture(rows: Sequence[ImageCell]) -> Any:
    return pytest.mark.parametrize("row", rows, ids=[f"{r.number} {r.title}" for r in rows])


def photograph(folder: Path) -> Path:
    """A folder with two class folders of images, dark ones and bright ones."""
    random = np.random.default_rng(0)
    for row in range(N_IMAGES):
        path = folder / ("dark", "light")[row % 2] / f"{row:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 128, (8, 8, 3)) + 127 * (row % 2)
        path.write_bytes(encoded(pixels.astype("uint8")))
    return folder


def learn(photos: str | Path, *arguments: str | Path, code: int = 0) -> Result:
    options = ["--model", "mlp", "--augment", "none", *TINY, *arguments]
    return invoke("train", photos, *options, code=code)


@pytest.fixture(scope="module")
def photographed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images and the run on them."""
    folder = tmp_path_factory.mktemp("photographed")
    assert learn(photograph(folder / "photos"), "--output", folder / "run").stderr == ""
    return folder


@pytest.fixture
def photos(photographed: Path, tmp_path: Path) -> Path:
    """A copy of the images that a test may change."""
    return shutil.copytree(photographed / "photos", tmp_path / "photos")


@pytest.mark.usefixtures("_undrawn")
@each_picture(UNREADABLE)
def test_images_that_cannot_be_read(
    row: ImageCell, photographed: Path, photos: Path, tmp_path: Path
) -> None:
    path = photos / "dark" / row.name
    path.write_bytes(row.content)
    run = shutil.copytree(photographed / "run", tmp_path / "run")
    with untouched(tmp_path):
        refused = learn(photos, "--strict", "--output", run, "--force", code=2)
        unpredicted = invoke("predict", run, photos, "--strict", code=2)
    assert refused.stderr == f"error: {row.what} ({path}) – {row.hint}\n"
    assert unpredicted.stderr == refused.stderr
    found = learn(photos, "--output", run, "--force")
    assert found.stderr == f"warning: {row.what}, left out ({path}) – {row.hint}\n"
    assert sum(map(len, parts_of(run).values())) == N_IMAGES
    predicted = invoke("predict", run, photos)
    assert predicted.stderr == f"warning: {row.what}, not predicted ({path}) – {row.hint}\n"
    result = table(predicted.stdout)  # 51
    expected = sorted(map(str, photos.rglob("*.*")))
    assert result["path"].tolist() == expected
    assert result["prediction"].isna().tolist() == [name == str(path) for name in expected]
    assert result.iloc[expected.index(str(path)), 1:].isna().all()
    evaluated = invoke("evaluate", run, photos, "--json")
    # Most of these images are those of the training, and that is said too.
    *lines, known = evaluated.stderr.splitlines(keepends=True)
    assert "".join(lines) == found.stderr
    assert known.startswith("warning: 16 of 24 rows are equal to ones that the network learned ")
    assert json.loads(evaluated.stdout)["n_rows"] == N_IMAGES


def parts_of(run: Path) -> dict[str, pd.DataFrame]:
    parts = pd.read_csv(run / "split.csv.gz")
    return {str(name): rows for name, rows in parts.groupby("part")}


@pytest.mark.usefixtures("_undrawn")
@each_picture(READ)
def test_images_of_all_kinds(row: ImageCell, photographed: Path, photos: Path) -> None:
    path, plain = photos / "dark" / row.name, photos / "dark" / "plain.png"
    path.write_bytes(row.content)
    expected = f"warning: {row.what} ({path}) – {row.hint}\n" if row.what else ""
    run = photos.parent / "run"
    assert learn(photos, "--output", run).stderr == expected
    assert sum(map(len, parts_of(run).values())) == N_IMAGES + 1
    assert row.same is not None
    plain.write_bytes(encoded(np.ascontiguousarray(row.same)))
    predicted = invoke("predict", photographed / "run", path, plain)
    assert predicted.stderr == expected
    one, other = table(predicted.stdout).iloc[:, 2:].to_numpy()
    # Pillow may round the last bit of a pixel in another way.
    np.testing.assert_allclose(one, other, atol=2e-3)


def test_decompression_bomb(photographed: Path, photos: Path, tmp_path: Path) -> None:  # 62
    path, output = photos / "dark" / "bomb.png", tmp_path / "predictions.csv"
    path.write_bytes(bomb())
    run = shutil.copytree(photographed / "run", tmp_path / "run")
    with untouched(tmp_path):
        refused = learn(photos, "--output", run, "--force", code=2)
        unpredicted = invoke("predict", run, photos, "-o", output, code=2)
    what = f"an image of more than 89,478,485 pixels ({path})"
    assert refused.stderr == f"error: {what} – make it smaller\n"
    assert unpredicted.stderr == refused.stderr


def test_empty_class_folder(photographed: Path, photos: Path, tmp_path: Path) -> None:  # 64
    (photos / "medium").mkdir()
    run = shutil.copytree(photographed / "run", tmp_path / "run")
    with untouched(tmp_path):
        refused = learn(photos, "--output", run, "--force", code=2)
    what = f"a class folder without images ({photos}/medium)"
    assert refused.stderr == f"error: {what} – put images into it, or remove it\n"
    predicted = invoke("predict", run, photos)
    assert (len(table(predicted.stdout)), predicted.stderr) == (N_IMAGES, "")


def test_one_class_folder(photographed: Path, photos: Path, tmp_path: Path) -> None:  # 65
    shutil.rmtree(photos / "light")
    run = shutil.copytree(photographed / "run", tmp_path / "run")
    with untouched(tmp_path):
        refused = learn(photos, "--output", run, "--force", code=2)
    what = f"the target has one class only: 'dark' ({photos},label)"
    assert refused.stderr == f"error: {what} – add rows of another class\n"
    predicted = invoke("predict", run, photos)
    assert (len(table(predicted.stdout)), predicted.stderr) == (N_IMAGES // 2, "")


def test_link_loop(photographed: Path, photos: Path, tmp_path: Path) -> None:  # 67
    loop = photos / "dark" / "loop"
    loop.symlink_to(photos)
    what = f"a link leads back to a folder above it ({loop})"
    for arguments in (("train", photos, *TINY), ("predict", photographed / "run", photos)):
        with untouched(photographed):
            refused = invoke(*arguments, code=2)
        assert refused.stderr == f"error: {what} – remove the link\n"


@pytest.mark.usefixtures("_undrawn")
def test_names_that_are_no_text(photos: Path, tmp_path: Path) -> None:  # 68
    for path in list(photos.rglob("*.png")):
        path.rename(os.fsdecode(os.fsencode(path.with_suffix("")) + b"\xe9.png"))
    run, output = tmp_path / "run", tmp_path / "predictions.csv"
    assert learn(photos, "--output", run).stderr == ""
    assert invoke("predict", run, photos, "-o", output).stderr == "24 rows predicted in " + (
        f"{output}\n"
    )
    names = [line.split(b",")[0] for line in output.read_bytes().splitlines()[1:]]
    assert names == sorted(os.fsencode(path) for path in photos.rglob("*.png"))
    holdout = kerasnn.load(run).holdout("test")
    assert kerasnn.load(run).predict(holdout)["prediction"].notna().all()
    (photos / "dark" / os.fsdecode(b"\xe9.png")).write_bytes(b"hello")
    found = invoke("predict", run, photos)
    what = rf"not an image, not predicted ({photos}/dark/\xe9.png)"
    assert found.stderr == f"warning: {what} – remove it, or save it again\n"


def test_unreadable_image(
    photographed: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # 69
    path, run = photos / "dark" / "00.png", shutil.copytree(photographed / "run", tmp_path / "run")

    def refuse(name: str, *arguments: Any, **options: Any) -> Any:
        if name == str(path):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)
        return open(name, *arguments, **options)

    monkeypatch.setattr(decoding, "open", refuse, raising=False)
    with untouched(tmp_path):
        refused = learn(photos, "--output", run, "--force", code=4)
        unpredicted = invoke("predict", run, photos, code=4)
    what = f"cannot read: Permission denied ({path})"
    assert refused.stderr == f"error: {what} – check its permissions\n"
    assert unpredicted.stderr == refused.stderr


def test_every_row_of_the_list_is_here() -> None:
    tables = (REFUSED_TABLES, TRAINED_TABLES, REFUSED_ROWS, PREDICTED_ROWS)
    found = {row.number for rows in tables for row in rows}
    found |= {row.number for row in (*UNREADABLE, *READ)}
    # Those that are tests of their own say so in a comment.
    source = Path(__file__).read_text(encoding="utf-8")
    for listed in re.findall(r"# ((?:\d+, )*\d+)$", source, flags=re.MULTILINE):
        found |= {int(number) for number in listed.split(", ")}
    found |= {int(number) for number in re.findall(r'"(\d+) SIG', source)}
    assert found == {*range(1, 83)}
