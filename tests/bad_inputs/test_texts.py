"""Bad texts through the commands: each an exact error, or a treatment that works, warned of."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

import kerasnn
from kerasnn.bundle import members
from kerasnn.bundle.archive import pack
from kerasnn.cli.main import commands
from kerasnn.runs.tabular import Run

TINY = ["--set", "buckets=64", "--epochs", "1", "--no-baselines"]
GOOD = ("It fits me well, I love it", "The fabric is bad and it tore", "Not for me, but okay")


@dataclass(frozen=True)
class Row:
    """A bad input.

    Args:
        title: Says what is bad.
        cell: The text of each of the 60 rows, by its number.
        lines: On stderr; ``{path}`` stands for the file.
        arguments: Beyond those that every training has.
        content: Of the file, in place of what the cells make.
    """

    title: str
    cell: Callable[[int], str]
    lines: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    content: bytes | None = None

    def write(self, folder: Path) -> Path:
        path = folder / "reviews.csv"
        if self.content is None:
            table(self.cell).to_csv(path, index=False)
        else:
            path.write_bytes(self.content)
        return path

    def stderr(self, path: Path) -> str:
        return "".join(line.replace("{path}", str(path)) + "\n" for line in self.lines)


def good(i: int) -> str:
    return f"{GOOD[i % 3]} {i}"


def table(cell: Callable[[int], str] = good, n: int = 60) -> pd.DataFrame:
    return pd.DataFrame(
        {"review": [cell(i) for i in range(n)], "said": [("no", "yes")[i % 2] for i in range(n)]}
    )


def each(rows: list[Row]) -> Any:
    return pytest.mark.parametrize("row", rows, ids=[row.title for row in rows])


def invoke(*arguments: str | Path, code: int = 0) -> Result:
    result = CliRunner().invoke(commands, [str(item) for item in arguments])
    assert result.exit_code == code, result.stderr
    assert "Traceback" not in result.stderr
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", result.stderr)
    return result


def train(path: Path, *arguments: str | Path, code: int = 0) -> Result:
    return invoke("train", path, "--target", "said", *TINY, *arguments, code=code)


FORCED = ("--column", "review=text")
NO_COLUMN = (
    "error: no column is left to learn from: 'review' ({}) ({{path}}) – give a column a kind with "
    "--column NAME=KIND"
)
REFUSED = [
    Row(
        "empty texts only",
        lambda i: "",
        ("warning: has no values, left out ({path},review)", NO_COLUMN.format("no values")),
    ),
    Row(
        "empty texts only, forced",
        lambda i: " ",
        ("warning: has no values, left out ({path},review)", NO_COLUMN.format("no values")),
        FORCED,
    ),
    Row(
        "one text",
        lambda i: "It fits me well",
        (
            "warning: always 'It fits me well', left out ({path},review)",
            NO_COLUMN.format("always 'It fits me well'"),
        ),
    ),
    Row(
        "one-word texts, all different",
        lambda i: f"word{i}",
        (
            "warning: looks like an identifier (60 different texts in 60 rows), left out "
            "({path},review) – add --column NAME=KIND if it is not one",
            NO_COLUMN.format("60 different texts in 60 rows"),
        ),
    ),
    Row(
        "bytes that are no UTF-8",
        good,
        (
            "error: not UTF-8 text (byte 0xE9) ({path}:2,review) – save it as UTF-8, or add "
            "--encoding 'cp1252'",
        ),
        ("--encoding", "utf-8"),
        content="review,said\nc'est été,no\n".encode("latin-1"),
    ),
    Row(
        "unit that is none",
        good,
        ("error: unknown tokens 'lines' – choose from auto, words, characters",),
        ("--set", "tokens=lines"),
    ),
    Row(
        "length below zero",
        good,
        ("error: `preprocessing.text_length` must be in [0, 100000]; got -1",),
        ("--set", "text_length=-1"),
    ),
    Row(
        "target of texts",
        good,
        ("error: a target can't be of kind 'text' – make it a number, category or boolean",),
        ("--column", "said=text"),
    ),
]
TRAINED = [
    Row("one-word texts", lambda i: f"word{i}", arguments=FORCED),
    Row("numbers as texts", str, arguments=FORCED),
    Row(
        "100,000 characters and more",
        lambda i: good(i) + "x" * 100_000 if i == 3 else good(i),
        (
            "warning: a text of 100,028 characters is cut after 100,000 ({path},review) – check "
            "for an unclosed quote",
        ),
    ),
    Row(
        "missing texts",
        lambda i: ("", " ", "NA", "?", good(i), f"{good(i)} x")[i % 6],
        ("warning: 36 of 60 rows repeat another row ({path}) – remove them if they are copies",),
    ),
    Row(
        "numbers more often than texts",
        lambda i: f"{i}.5" if i % 3 else good(i),
        (
            "warning: numbers and text mixed: '1.5', 'It fits me well, I love it 0' "
            "({path},review) – correct or empty the cells that are not numbers",
        ),
    ),
    Row("numbers among texts", lambda i: "3.5" if i == 7 else good(i)),
    Row("languages without spaces", lambda i: f"这件衣服很好看{chr(0x4E00 + i)}とても良いดีมาก"),
    Row(
        "mixed scripts and emoji",
        lambda i: f"שלום مرحبا नमस्ते привет 👍🏽👨\u200d👩 {i} e\u0301te\u0301",
    ),
    Row("marks and what is not seen", lambda i: f"\u0301 \u00ad\u200b\ufeff \ue000 {i} \u202e end"),
    Row("characters", good, arguments=("--set", "tokens=characters", "--set", "text_length=20")),
    Row("hashed", good, arguments=("--set", "token_buckets=9", "--set", "max_tokens=0")),
]


@each(REFUSED)
def test_training_refuses(row: Row, tmp_path: Path) -> None:
    path = row.write(tmp_path)
    result = train(path, *row.arguments, "--output", tmp_path / "run", code=2)
    assert (result.stderr, result.stdout) == (row.stderr(path), "")
    assert sorted(tmp_path.iterdir()) == [path]


@each(TRAINED)
def test_training_goes_on(row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Drawing the report is half of a tiny training, and has tests of its own.
    monkeypatch.setattr(Run, "report", lambda self, output=None, **options: Path())
    path = row.write(tmp_path)
    result = train(path, *row.arguments, "--output", tmp_path / "run")
    assert result.stderr == row.stderr(path)
    assert "columns   1 text\n" in result.stdout
    printed = invoke("predict", tmp_path / "run", path)
    assert printed.stderr == ""
    assert len(printed.stdout.splitlines()) == 61


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table and the run on it, with its report."""
    folder = tmp_path_factory.mktemp("trained")
    frame = table().assign(size=np.arange(60) % 7)
    frame.to_csv(folder / "reviews.csv", index=False)
    [line] = train(folder / "reviews.csv", "--output", folder / "run").stderr.splitlines()
    assert line.startswith("auto chose bag_of_ngrams: 36 rows and 1 column beside 1 column of text")
    return folder


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (
            "size\n3\n",
            "a column is missing: 'review' ({path}) – add it, or name it as in the training data",
        ),
        ("", "the file is empty ({path}) – check what wrote it"),
        (
            b"review,size\nfine,1\nc'est \xe9t\xe9 \x81,2\n",
            r"neither UTF-8 nor Western European text, such as '\xe9t\xe9' ({path}:3) – add "
            "--encoding 'NAME', such as 'cp1251' or 'shift_jis'; or save it as UTF-8",
        ),
    ],
)
def test_predict_refuses(content: str | bytes, line: str, trained: Path, tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    for command in (["predict"], ["evaluate"]):
        if command == ["evaluate"] and content:
            continue
        result = invoke(*command, trained / "run", path, code=2)
        assert (result.stderr, result.stdout) == (f"error: {line}\n".format(path=path), "")


def test_odd_cells_in_memory(trained: Path) -> None:
    model = kerasnn.load(trained / "run")
    cells = [
        None, np.nan, pd.NA, "", 3, 3.5, True, b"bytes \xff", ["a", "list"], {"a": 1},
        "half \ud800 pair", "x" * 200_000, "word " * 50_000, "\x00", pd.Timestamp("2026-01-31"),
    ]  # fmt: skip
    frame = pd.DataFrame({"review": pd.Series(cells, dtype=object), "size": 1.0})
    found = model.predict(frame)
    assert len(found) == len(cells)
    probabilities = found.filter(like="probability").to_numpy(float)
    assert np.isfinite(probabilities).all()
    # All that is missing is an empty text.
    np.testing.assert_array_equal(probabilities[0], probabilities[1])
    np.testing.assert_array_equal(probabilities[0], probabilities[2])
    np.testing.assert_array_equal(probabilities[0], probabilities[3])
    np.testing.assert_array_equal(probabilities[0], probabilities[13])
    alone = model.predict(pd.DataFrame({"review": [4.0, 5.0], "size": 1.0}))
    assert len(alone) == 2


def test_evaluate_reads_texts(trained: Path) -> None:
    result = invoke("evaluate", trained / "run", trained / "reviews.csv")
    warning = (
        "warning: the run was trained on this file: 51 of its 60 rows are ones that the network"
    )
    assert result.stderr.startswith(warning)
    assert "accuracy" in result.stdout


MALFORMED = "the preprocessing is malformed: texts"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"words": ["a", "a"]}, MALFORMED),
        ({"words": ["a", ""]}, MALFORMED),
        ({"words": ["\ud800"]}, MALFORMED),
        ({"words": ["x" * 101]}, MALFORMED),
        ({"words": {"a": 1}}, "the preprocessing does not fit the network"),
        ({"words": ["a", ["b"]]}, MALFORMED),
        ({"unit": "characters"}, MALFORMED),
        ({"length": 10**9}, MALFORMED),
        ({"length": -1}, MALFORMED),
        ({"buckets": 10**9}, MALFORMED),
        ({"buckets": 7}, "the preprocessing does not fit the network"),
        ({"length": 3}, "the preprocessing does not fit the network"),
        ({"lower_case": "yes"}, MALFORMED),
        ({"name": "other"}, "the preprocessing is malformed: the columns of kind text"),
    ],
)
def test_hostile_vocabularies(
    change: dict[str, Any], what: str, trained: Path, tmp_path: Path
) -> None:
    content = members.read_members(trained / "run")
    data = json.loads(content[members.PREPROCESSING])
    data["texts"][0] |= change
    content = content | {members.PREPROCESSING: json.dumps(data).encode()}
    path = tmp_path / "model.kerasnn"
    path.write_bytes(b"".join(pack({members.MANIFEST: members.make_manifest(content), **content})))
    result = invoke("predict", path, trained / "reviews.csv", code=3)
    hint = "get it again from where it was made"
    assert result.stderr == f"error: the model is refused: {what} ({path}) – {hint}\n"
    assert result.stdout == ""
