"""Bad texts through the commands: each an exact error, or a treatment that works, warned of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bad_inputs.rows import Row, assert_refused, each
from bad_inputs.texts import ARGUMENTS, REFUSED_ROWS, TRAINED_ROWS, table
from click.testing import Result
from helpers import invoke

import kerasnn
from kerasnn.bundle import members
from kerasnn.bundle.archive import pack


def train(path: Path, *arguments: object) -> Result:
    return invoke("train", path, *ARGUMENTS, *arguments)


@each(REFUSED_ROWS)
def test_training_refuses(row: Row, trained: Path, tmp_path: Path) -> None:
    assert_refused(row, trained / "run", tmp_path, *ARGUMENTS)


@pytest.mark.usefixtures("_no_report")
@each(TRAINED_ROWS)
def test_training_goes_on(row: Row, tmp_path: Path) -> None:
    path = row.write(tmp_path)
    result = train(path, *row.arguments, "--output", tmp_path / "run")
    assert result.stderr == row.stderr(path)
    assert "columns   1 text\n" in result.stdout
    printed = invoke("predict", tmp_path / "run", path)
    assert printed.stderr == ""
    assert len(printed.stdout.splitlines()) == 61


@pytest.fixture(scope="module")
def text_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table and the run on it, with its report."""
    folder = tmp_path_factory.mktemp("texts")
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
def test_predict_refuses(content: str | bytes, line: str, text_run: Path, tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    for command in (["predict"], ["evaluate"]):
        if command == ["evaluate"] and content:
            continue
        result = invoke(*command, text_run / "run", path, code=2)
        assert (result.stderr, result.stdout) == (f"error: {line}\n".format(path=path), "")


def test_odd_cells_in_memory(text_run: Path) -> None:
    model = kerasnn.load(text_run / "run")
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


def test_evaluate_reads_texts(text_run: Path) -> None:
    result = invoke("evaluate", text_run / "run", text_run / "reviews.csv")
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
    change: dict[str, Any], what: str, text_run: Path, tmp_path: Path
) -> None:
    content = members.read_members(text_run / "run")
    data = json.loads(content[members.PREPROCESSING])
    data["texts"][0] |= change
    content = content | {members.PREPROCESSING: json.dumps(data).encode()}
    path = tmp_path / "model.kerasnn"
    path.write_bytes(b"".join(pack({members.MANIFEST: members.make_manifest(content), **content})))
    result = invoke("predict", path, text_run / "reviews.csv", code=3)
    hint = "get it again from where it was made"
    assert result.stderr == f"error: the model is refused: {what} ({path}) – {hint}\n"
    assert result.stdout == ""
