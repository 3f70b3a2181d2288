"""Bad input, row by row: the exact line, the exit code, and that nothing was written."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kerasnn.cli.main import commands


def rows(form: Callable[[int], str], *, n: int = 40) -> str:
    return "".join(f"{form(i)}\n" for i in range(n))


def plain(i: int) -> str:
    return f"{i % 7},{'uv'[i % 2]},{'yes' if i % 3 else 'no'}"


def any_date(i: int) -> str:
    return f"2020-01-{i % 28 + 1:02d}" if i % 2 else f"{i % 28 + 1:02d}/01/2020"


HEADER = "a,b,y\n"
GOOD = HEADER + rows(plain)

# The comment is the number of the row in the list of bad inputs.
TRAINING: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "the file is empty (x.csv) – check what wrote it"),  # 3
    "header only": (HEADER, "a header but no rows (x.csv) – check what made it"),  # 4
    "UTF-16": (  # 7
        GOOD.encode("utf-16"),
        "the text is UTF-16, not UTF-8 (x.csv) – add --encoding 'utf-16'",
    ),
    "latin-1": (  # 8
        GOOD.replace("u", "ü").encode("latin-1"),
        "not UTF-8 text (byte 0xFC) (x.csv:2,b) – save it as UTF-8, or add --encoding 'latin-1'",
    ),
    "NUL": (  # 9
        GOOD.replace("u", "\0", 1),
        "a NUL byte (x.csv:2) – the file is binary or damaged; write it again",
    ),
    "delimiter": (  # 10
        GOOD.replace(",", ";"),
        "one column only when split at ',' (x.csv:1) – add --delimiter ';'",
    ),
    "ragged": (  # 11
        GOOD.replace("\n3,v,no\n", "\n3,v\n", 1),
        "2 cells where the header has 3 (x.csv:5) – mend the line",
    ),
    "quote": (  # 12
        GOOD.replace("3,v", '3,"v', 1),
        "a quote that is never closed (x.csv:5) – close or remove it",
    ),
    "repeated column": (  # 13
        GOOD.replace("a,b", "a,a", 1),
        "repeated column name 'a' (x.csv:1) – give each column a name of its own, in a header",
    ),
    "gzip": (  # 17
        gzip.compress(GOOD.encode()),
        "a gzip file that is not named .gz (x.csv) – rename it to 'x.csv.gz'",
    ),
    "workbook": (  # 17
        b"PK\x03\x04abcd",
        "an Excel workbook or another archive, not a table (x.csv) – save the sheet as CSV",
    ),
    "no target": (  # 20
        GOOD.replace("y\n", "yy\n", 1),
        "unknown target column 'y' (x.csv) – did you mean 'yy'?",
    ),
    "target only": (  # 21
        "y\n" + rows(lambda i: "no" if i % 2 else "yes"),
        "no column but the target 'y' (x.csv) – add columns to learn from",
    ),
    "target missing": (  # 22
        GOOD.replace(",yes\n", ",\n"),
        "26 of 40 rows have no target (x.csv,y) – fill it in, or choose another target",
    ),
    "one class": (  # 23
        GOOD.replace(",no\n", ",yes\n"),
        "the target has one class only: 'yes' (x.csv,y) – add rows of another class",
    ),
    "class of one row": (  # 24
        HEADER + rows(lambda i: f"{i},u,{'yes' if i % 3 else 'no'}") + "1,u,maybe\n",
        "class 'maybe' has one row only (x.csv:42,y) – add rows, merge it with another class, "
        "or add --split random",
    ),
    "one row": (HEADER + "1,u,yes\n", "1 row, too few to learn from (x.csv) – add rows"),  # 25
    "infinite": (  # 29
        GOOD.replace("3,v", "inf,v", 1),
        "infinite or too large: inf (x.csv:5,a) – leave such cells empty",
    ),
    "date layouts": (  # 34
        HEADER + rows(lambda i: f"{any_date(i)},u,{'yes' if i % 3 else 'no'}"),
        "dates in different layouts: '01/01/2020', '2020-01-02' (x.csv,a) – write them as "
        "2026-01-31",
    ),
    "unique target": (  # 38
        HEADER + rows(lambda i: f"{i},u,s{i}"),
        "the target has 40 different values in 40 rows (x.csv,y) – for regression, make them "
        "numbers; else choose another target",
    ),
}


def train(path: str, *arguments: str) -> Result:
    options = ["--target", "y", "--epochs", "1", "--set", "width=2", "--no-baselines"]
    return CliRunner().invoke(commands, ["train", path, *options, *arguments])


def refused(result: Result, message: str) -> None:
    """The last line on stderr is the error; the lines before it are warnings."""
    *before, line = result.stderr.splitlines()
    assert line == f"error: {message}"
    assert all(text.startswith("warning: ") for text in before)
    assert (result.exit_code, result.stdout) == (2, "")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", TRAINING)
def test_training_refuses(name: str, folder: Path) -> None:
    content, message = TRAINING[name]
    path = folder / "x.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    refused(train("x.csv"), message)
    assert list(folder.iterdir()) == [path]


def test_path_that_is_no_file(folder: Path) -> None:
    refused(train("x.csv"), "no such file (x.csv) – check the path")  # 1
    (folder / "x").mkdir()
    refused(train("x"), "a folder where a file is meant (x) – name a file")  # 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--column", "z=date"], "unknown column 'z' – choose from a, b, y"),
        (["--drop", "z"], "unknown column 'z' – choose from a, b, y"),
        (  # 42
            ["--drop", "a", "--drop", "b"],
            "no column is left to learn from: 'a' (dropped), 'b' (dropped) (x.csv) – give a "
            "column a kind with --column NAME=KIND",
        ),
    ],
)
def test_columns_that_do_not_fit(arguments: list[str], message: str, folder: Path) -> None:
    (folder / "x.csv").write_text(GOOD, encoding="utf-8")
    refused(train("x.csv", *arguments), message)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run on the columns a (number) and b (category)."""
    folder = tmp_path_factory.mktemp("run")
    table = folder / "x.csv"
    table.write_text(HEADER + rows(lambda i: f"{i / 4},{plain(i)[2:]}"), encoding="utf-8")
    result = train(str(table), "--output", str(folder / "run"))
    assert result.exit_code == 0, result.stderr
    return str(folder / "run")


def predict(run: str, content: str) -> Result:
    Path("new.csv").write_text(content, encoding="utf-8")
    return CliRunner().invoke(commands, ["predict", run, "new.csv"])


def test_missing_columns_are_all_named(run: str) -> None:
    result = predict(run, "c\n1\n")  # 43
    refused(
        result,
        "columns are missing: 'a', 'b' (new.csv) – add them, or name them as in the training data",
    )


def test_order_extra_columns_and_the_target_do_not_matter(run: str) -> None:
    expected = predict(run, "a,b\n1,u\n2,v\n")
    assert expected.exit_code == 0
    other = predict(run, "y,b,extra,a\nno,u,5,1\n,v,6,2\n")  # 44, 45, 49
    assert other.stdout == expected.stdout
    assert expected.stdout.count("\n") == 3  # 51


def test_unseen_and_missing_cells_are_counted(run: str) -> None:
    result = predict(run, "a,b\n1,w\n,u\n")  # 46, 48
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        "warning: 1 cell holds a category that training did not know (column 'b') – they are "
        "predicted as unknown",
        "warning: 1 cell is missing where training had none (column 'a') – they are filled in",
    ]


def test_text_where_numbers_were(run: str) -> None:
    result = predict(run, "a,b\n1,u\nx,v\n")  # 47
    assert result.exit_code == 2
    assert "'x'" in result.stderr
    assert "new.csv:3,a" in result.stderr


def test_no_rows_give_a_header(run: str) -> None:
    result = predict(run, "a,b\n")  # 50
    assert result.exit_code == 0
    assert result.stdout == "prediction,probability:no,probability:yes\n"
