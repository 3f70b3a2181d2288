"""Whether numbers are classes or quantities, and classes of which no row is scored."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers import invoke

from kerasnn.data import read
from kerasnn.data.columns.labels import likely_task
from kerasnn.data.schema import infer
from kerasnn.errors import KerasnnWarning
from kerasnn.evaluation.caveats import caveats
from kerasnn.metrics.predictions import Predictions
from kerasnn.runs.summary import of_columns

RANDOM = np.random.default_rng(0)


def counted(*frequencies: int, first: int = 0) -> np.ndarray:
    return np.repeat(np.arange(first, first + len(frequencies)), frequencies).astype(float)


@pytest.mark.parametrize(
    ("numbers", "task"),
    [
        (counted(*[30] * 24), "multiclass"),  # labels of series
        (counted(*[12] * 26, first=1), "multiclass"),  # letters
        (counted(50, 50, 50), "multiclass"),  # iris
        (counted(178, 182, 177, 183, 181, 182, 181, 179, 174, 180), "multiclass"),  # digits
        (counted(211, 283, 35, 3, 9, 17, 20, first=1), "multiclass"),  # kinds of forest
        (counted(3, 5, 10, 30, 52, first=1), "multiclass"),  # stars
        (counted(90, 10), "binary"),
        (counted(2, 20, 60, 90, 40, 15, 6, 2, 1, first=1), "regression"),  # rooms
        (counted(400, 200, 90, 40, 15, 6, 2, 1), "regression"),  # accidents
        (RANDOM.poisson(12, 500).astype(float), "regression"),  # rentals
        (RANDOM.poisson(200, 500).astype(float), "regression"),
        (RANDOM.integers(25, 346, 442).astype(float), "regression"),  # diabetes
        (counted(*[30] * 24, first=5), "regression"),  # begin at neither 0 nor 1
        (counted(*[30] * 23, 4), "regression"),
        (counted(*[30] * 24) / 2, "regression"),
        (counted(*[30] * 9, first=-4), "regression"),  # good words minus bad words
        (counted(50, 50, 50, first=-1), "multiclass"),  # worse, the same, better
    ],
)
def test_codes_that_all_occur_often_are_classes(numbers: np.ndarray, task: str) -> None:
    assert likely_task(numbers, len(np.unique(numbers))) == task


def test_labels_of_a_file_of_arrays_are_classes_and_the_line_says_so(tmp_path: Path) -> None:
    labels = np.arange(240) % 24
    np.savez(tmp_path / "s.npz", x=RANDOM.normal(size=(240, 12, 1)).astype("float32"), y=labels)
    schema = infer(read(tmp_path / "s.npz"), target="y")
    assert schema.target.task == "multiclass"
    assert len(schema.target.classes) == 24
    line = "target    y, multiclass of 24 classes (0 … 23; use --task regression for quantities)"
    assert of_columns(replace(schema, columns=())).splitlines()[1] == line


@pytest.mark.parametrize(
    ("numbers", "line"),
    [
        (
            [*np.resize([100, 110, 120, 130], 60).tolist(), 999],
            "5 whole numbers of the target, 100 to 999",
        ),
        (np.resize(np.arange(-4, 5), 90).tolist(), "9 whole numbers of the target, -4 to 4"),
        (counted(2, 20, 60, 90, 40, 15, 6, 2, 1, first=1).tolist(), None),  # counts
        (np.arange(60).tolist(), None),
        (np.resize([1.5, 2.5, 30.0], 60).tolist(), None),
    ],
)
def test_a_regression_of_few_whole_numbers_says_so(numbers: list[float], line: str | None) -> None:
    table = read(pd.DataFrame({"x": RANDOM.normal(size=len(numbers)), "y": numbers}))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert infer(table, target="y").target.task == "regression"
        assert infer(table, target="y", task="regression").notes == ()
    end = "are read as quantities, for regression (column 'y') – if they are classes, pass task='multiclass'"
    assert [str(each.message) for each in caught] == ([f"the {line}, {end}"] if line else [])
    assert infer(table, target="y", task="multiclass").target.classes if line else True


def test_codes_with_leading_zeros_are_classes_with_their_zeros() -> None:
    codes = np.resize(["007", "045", "301", "999"], 40)
    table = read(pd.DataFrame({"x": RANDOM.normal(size=40), "y": codes}))
    target = infer(table, target="y").target
    found = (target.task, target.classes, target.label_type)
    assert found == ("multiclass", ("007", "045", "301", "999"), "str")
    # As many numbers as rows are no classes, however they are written.
    many = read(pd.DataFrame({"x": codes.astype(float), "y": [f"{i:03}" for i in range(40)]}))
    assert infer(many, target="y").target.task == "regression"


@pytest.mark.parametrize("as_text", [False, True])
def test_a_target_of_durations_is_a_regression_in_seconds(as_text: bool) -> None:
    spans = pd.to_timedelta(pd.Series(np.arange(30) * 90), unit="s")
    cells: Any = spans.astype(str) if as_text else spans
    table = read(pd.DataFrame({"x": RANDOM.normal(size=30), "y": cells}))
    if as_text:
        what = r"^durations or times: '0 days 00:00:00' is read as 0 seconds \(column 'y'\) – "
        with pytest.warns(UserWarning, match=what):
            schema = infer(table, target="y")
    else:
        schema = infer(table, target="y")
    assert (schema.target.task, schema.target.layout) == ("regression", "duration")
    assert of_columns(schema).splitlines()[1] == "target    y, regression (in seconds)"


def test_classes_without_a_row_are_named() -> None:
    truth = np.array([0, 1, 0, 1])
    scores = np.full((4, 3), 1 / 3)
    predictions = Predictions("multiclass", ("a", "b", "c"), truth, scores, truth)
    notes = caveats(predictions, n_validation=40, threshold="0.5")
    assert notes == ["A class has no row here and is not scored: 'c'"]


def test_what_a_column_was_in_training_it_is_in_predict(tmp_path: Path) -> None:
    n = 60
    frame = pd.DataFrame(
        {
            "price": [f"€{i % 17}.50" for i in range(n)],
            "share": [f"{i % 13} %" for i in range(n)],
            "took": [f"0 days 00:{i % 59:02d}:00" for i in range(n)],
            "phone": [f"+49 156 {5722882 + 7919 * i}" for i in range(n)],
            "kind": ["a", "b"] * (n // 2 - 1) + ["a", "rare"],
        }
    )
    frame.to_csv(tmp_path / "t.csv", index=False)
    plain = pd.DataFrame(
        {
            "price": [i % 17 + 0.5 for i in range(n)],
            "share": [i % 13 for i in range(n)],
            "took": [i % 59 * 60 for i in range(n)],
            "phone": frame["phone"],
        }
    )
    plain.to_csv(tmp_path / "plain.csv", index=False)
    run = tmp_path / "run"
    small = ["--model", "linear", "--epochs", 1, "--no-baselines", "--output", run]
    trained = invoke("train", tmp_path / "t.csv", "--target", "kind", *small)
    assert "columns   3 numbers; left out: phone (identifier)" in trained.stdout
    assert "not scored: 'rare'" in trained.stdout
    assert "not scored: 'rare'" in invoke("evaluate", run).stdout
    first = invoke("predict", run, tmp_path / "t.csv").stdout
    assert invoke("predict", run, tmp_path / "plain.csv").stdout == first


def test_infinite_cells_are_missing_where_asked_for(tmp_path: Path) -> None:
    n = 60
    numbers = [str(i % 17) for i in range(n)]
    cells = {3: "inf", 40: "-Infinity"}
    table = {"x": [cells.get(i, x) for i, x in enumerate(numbers)], "y": ["a", "b"] * (n // 2)}
    pd.DataFrame(table).to_csv(tmp_path / "t.csv", index=False)
    table["x"] = [None if i in cells else x for i, x in enumerate(numbers)]
    pd.DataFrame(table).to_csv(tmp_path / "empty.csv", index=False)
    run = tmp_path / "run"
    small = ["--model", "linear", "--epochs", 1, "--no-baselines", "--output", run]
    trained = invoke(
        "train", tmp_path / "t.csv", "--target", "y", *small, "--set", "data.infinite=missing"
    )
    what = "warning: 2 infinite cells are read as missing"
    assert trained.stderr.startswith(f"{what} ({tmp_path / 't.csv'}:5,x) – ")
    found = invoke("predict", run, tmp_path / "t.csv")
    assert found.stderr.startswith(what)
    assert found.stdout == invoke("predict", run, tmp_path / "empty.csv").stdout


def test_an_infinite_target_has_no_label_where_asked_for() -> None:
    frame = pd.DataFrame({"x": RANDOM.normal(size=9), "y": [np.inf, *range(8)]})
    with pytest.warns(
        UserWarning, match=r"^an infinite cell is read as missing \(row 0, column 'y'\)"
    ):
        found = read(frame, infinite="missing").frame
    assert found["y"].isna().tolist() == [True] + [False] * 8
    assert np.isinf(frame["y"][0])


def test_separators_of_a_target_are_said() -> None:
    cells = [f"{i % 7 + 1},{100 + i}" for i in range(40)]
    table = read(pd.DataFrame({"x": RANDOM.normal(size=40), "y": cells}))
    with pytest.warns(KerasnnWarning, match=r"numbers with separators: '1,100' is read as 1100"):
        schema = infer(table, target="y")
    assert schema.target.task == "regression"
