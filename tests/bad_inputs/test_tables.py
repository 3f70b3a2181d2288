"""Bad inputs through the commands, each by its number in the list of them.

Every row has the exact lines on stderr, the exit code, and what must be as it was before. Errors
come with an earlier run that is to be replaced or a file that is to be written over: both stay.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from bad_inputs.rows import Row, assert_not_predicted, assert_refused, each
from bad_inputs.tables import (
    ARGUMENTS,
    HEADER,
    PREDICTED_ROWS,
    REFUSED_ROWS,
    ROWS,
    TINY,
    TRAINED_ROWS,
    UNPREDICTED_ROWS,
    features,
    text,
    train,
    with_cells,
)
from bad_inputs.test_images import READ, UNREADABLE
from helpers import invoke, read_csv_text, untouched

from kerasnn.prediction.predictor import Predictor


@each(REFUSED_ROWS)
def test_training_refuses(row: Row, trained: Path, tmp_path: Path) -> None:
    assert_refused(row, trained / "run", tmp_path, *ARGUMENTS)


def test_training_refuses_paths(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "adult.csv").touch()
    with untouched(tmp_path):
        missing = train(tmp_path / "table.csv", code=2)  # 1
        folder = train(tmp_path / "folder", code=2)  # 2
    assert missing.stderr == f"error: no such file ({tmp_path}/table.csv) – check the path\n"
    what = f"a folder where a file is meant ({tmp_path}/folder)"
    assert folder.stderr == f"error: {what} – name a file in it, such as 'adult.csv'\n"


@pytest.mark.usefixtures("_no_report")
@each(TRAINED_ROWS)
def test_training_goes_on(row: Row, tmp_path: Path) -> None:
    path = row.write(tmp_path)
    result = train(path, *row.arguments, "--output", tmp_path / "run")
    assert result.stderr == row.stderr(path)
    assert (tmp_path / "run" / "model.kerasnn").is_file()


@pytest.mark.usefixtures("_no_report")
def test_standard_input(tmp_path: Path) -> None:  # 19
    arguments = ["-", "--target", "bought", *TINY, "--output", str(tmp_path / "run")]
    assert invoke("train", *arguments, stdin=text()).stderr == ""
    printed = invoke("predict", tmp_path / "run", "-", stdin=features(ROWS)).stdout
    assert len(read_csv_text(printed)) == 60


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


@each(UNPREDICTED_ROWS)
def test_predict_refuses(row: Row, trained: Path, tmp_path: Path) -> None:
    assert_not_predicted(row, trained / "run", tmp_path)


@each(PREDICTED_ROWS)
def test_predict_goes_on(
    row: Row, trained: Path, tmp_path: Path, predictions: pd.DataFrame
) -> None:
    path = row.write(tmp_path)
    result = invoke("predict", trained / "run", path)
    assert result.stderr == row.stderr(path)
    found = read_csv_text(result.stdout)
    assert len(found) == 60
    # Rows 58 and 59 may have changed; the others are what they were.
    pd.testing.assert_frame_equal(found[:58], predictions[:58], rtol=1e-5)


def test_predictions_are_in_the_order_of_the_rows(
    trained: Path, tmp_path: Path, predictions: pd.DataFrame
) -> None:  # 51
    path = tmp_path / "table.csv"
    path.write_text(features(ROWS[::-1]), encoding="utf-8")
    found = read_csv_text(invoke("predict", trained / "run", path).stdout)
    pd.testing.assert_frame_equal(found, predictions[::-1].reset_index(drop=True), rtol=1e-5)


def test_no_rows_give_a_header(trained: Path, tmp_path: Path) -> None:  # 50
    path = tmp_path / "table.csv"
    path.write_text(features(()), encoding="utf-8")
    result = invoke("predict", trained / "run", path)
    assert result.stdout == "prediction,probability:no,probability:yes\n"


def test_predict_reads_files_as_training_did(
    tmp_path: Path, predictions: pd.DataFrame
) -> None:  # 10
    path = tmp_path / "table.csv"
    path.write_text(text(separator=";"), encoding="utf-8")
    train(path, "--delimiter", ";", "--output", tmp_path / "run")
    assert len(read_csv_text(invoke("predict", tmp_path / "run", path).stdout)) == 60
    path.write_text(text(), encoding="utf-8")
    result = invoke("predict", tmp_path / "run", path, code=2)
    what = f"one column only when split at ';' ({path}:1)"
    assert result.stderr == f"error: {what} – add --delimiter ','\n"
    mended = invoke("predict", tmp_path / "run", path, "--delimiter", ",")
    pd.testing.assert_frame_equal(read_csv_text(mended.stdout), predictions, rtol=1e-5)


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


def test_every_number_of_the_list_is_here() -> None:
    tables = (*REFUSED_ROWS, *TRAINED_ROWS, *UNPREDICTED_ROWS, *PREDICTED_ROWS)
    numbers = {row.number for row in (*tables, *UNREADABLE, *READ)}
    # Tests that hold a number of the list without a row say so in a comment.
    sources = [
        Path(__file__).with_name(f"test_{name}.py") for name in ("tables", "files", "images")
    ]
    source = "".join(path.read_text(encoding="utf-8") for path in sources)
    for listed in re.findall(r"# ((?:\d+, )*\d+)$", source, flags=re.MULTILINE):
        numbers |= {int(number) for number in listed.split(", ")}
    numbers |= {int(number) for number in re.findall(r'"(\d+) SIG', source)}
    assert numbers == {*range(1, 83)}
