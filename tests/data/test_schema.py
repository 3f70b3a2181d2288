"""The schema of a table: kinds, task, classes, and what the user is told."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kerasnn.data import read
from kerasnn.data.columns import labels
from kerasnn.data.columns.values import as_categories
from kerasnn.data.schema import Schema, infer
from kerasnn.errors import DataError, KerasnnError, KerasnnWarning

N = 40
X = np.random.default_rng(0).normal(size=N)


def cycle(*cells: Any) -> list[Any]:
    return [cells[i % len(cells)] for i in range(N)]


def table(**columns: Any) -> Any:
    filled = {"x": X, "y": cycle("no", "yes")} | columns
    return read({name: cells for name, cells in filled.items() if cells is not None})


@pytest.mark.parametrize(
    ("target", "task", "classes", "label_type"),
    [
        (cycle("no", "yes"), "binary", ("no", "yes"), "str"),
        (cycle("Yes", "No"), "binary", ("No", "Yes"), "str"),
        (cycle("y", "n"), "binary", ("n", "y"), "str"),
        (cycle("+", "-"), "binary", ("-", "+"), "str"),
        (cycle("<=50K", ">50K"), "binary", ("<=50K", ">50K"), "str"),
        (cycle("b", "c", "a"), "multiclass", ("a", "b", "c"), "str"),
        (cycle(True, False), "binary", ("false", "true"), "bool"),
        (cycle("TRUE", "FALSE"), "binary", ("false", "true"), "bool"),
        (cycle(0, 1), "binary", ("0", "1"), "int"),
        (cycle("1", "-1"), "binary", ("-1", "1"), "int"),
        (cycle(0.0, 1.0), "binary", ("0", "1"), "int"),
        (cycle(7, 300), "binary", ("7", "300"), "int"),
        (cycle("10", "9", "8"), "multiclass", ("8", "9", "10"), "int"),
        (list(range(20)) * 2, "regression", (), "str"),
        (list(X), "regression", (), "str"),
        (cycle(0.5, 1.5), "regression", (), "str"),
    ],
)
def test_the_task_follows_from_the_target(
    target: list[Any], task: str, classes: tuple[str, ...], label_type: str
) -> None:
    found = infer(table(y=target), target="y").target
    assert (found.name, found.task, found.classes, found.label_type) == (
        "y",
        task,
        classes,
        label_type,
    )


def test_numbers_with_a_decimal_comma_are_a_regression_and_say_so() -> None:
    line = r"numbers with separators: '1,5' is read as 1.5 \(column 'y'\)"
    with pytest.warns(KerasnnWarning, match=line):
        found = infer(table(y=cycle("1,5", "2,5")), target="y").target
    assert (found.name, found.task, found.classes, found.label_type) == (
        "y",
        "regression",
        (),
        "str",
    )


def test_the_task_may_be_given() -> None:
    ratings = table(y=cycle(1, 2, 3))
    assert infer(ratings, target="y").target.task == "multiclass"
    assert infer(ratings, target="y", task="regression").target.task == "regression"
    assert infer(ratings, target="y", columns={"y": "number"}).target.task == "regression"
    spread = table(y=cycle(1, 20, 300))
    assert infer(spread, target="y", columns={"y": "category"}).target.classes == ("1", "20", "300")
    assert infer(spread, target="y", task="multiclass").target.label_type == "int"
    halves = infer(table(y=cycle(0.5, 1.5)), target="y", task="binary").target
    assert (halves.classes, halves.label_type) == (("0.5", "1.5"), "float")
    assert infer(table(), target="y", task="multiclass").target.task == "multiclass"


def test_labels_that_are_one_number_stay_apart() -> None:
    classes, label_type = labels.classes_of(as_categories(pd.Series(["007", "7"])))
    assert (classes, label_type) == (("007", "7"), "str")


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        (
            {},
            {"target": "yy"},
            "unknown target column 'yy' (the table) – did you mean 'y'?",
        ),
        ({"x": None}, {}, "no column but the target 'y' (the table) – add columns to learn from"),
        (
            {"y": cycle("no")},
            {},
            "the target has one class only: 'no' (column 'y') – add rows of another class",
        ),
        (
            {"y": cycle(1.5)},
            {"task": "regression"},
            "the target is always 1.5 (column 'y') – choose another target",
        ),
        (
            {"y": [f"n{i}" for i in range(N)]},
            {},
            "the target has 40 different values in 40 rows (column 'y') – "
            "for regression, make them numbers; else choose another target",
        ),
        (
            {"y": ["abc", *map(str, X[1:])]},
            {},
            "the target has 40 different values in 40 rows (column 'y') – "
            "for regression, correct cells such as 'abc'",
        ),
        (
            {"y": pd.date_range("2020", periods=N)},
            {},
            "the target has 40 different values in 40 rows (column 'y') – "
            "a date can't be predicted; turn it into a number such as days",
        ),
        (
            {"y": ["abc", *map(str, X[1:])]},
            {"task": "regression"},
            "not a number: 'abc' (row 0, column 'y') – correct it, or leave it empty",
        ),
        (
            {"y": [np.inf, *X[1:]]},
            {},
            "infinite or too large: inf (row 0, column 'y') – leave such cells empty, or set `data.infinite` to 'missing'",
        ),
        (
            {"y": cycle("a", "b", "c")},
            {"task": "binary"},
            "the target has 3 classes, too many for the task 'binary' (column 'y') – "
            "leave the task out, or merge classes",
        ),
        (
            {},
            {"task": "regresion"},
            "unknown task 'regresion' – did you mean 'regression'?",
        ),
        ({}, {"columns": {"x": "numbr"}}, "unknown kind 'numbr' – did you mean 'number'?"),
        ({}, {"columns": {"z": "number"}}, "unknown column 'z' – choose from x, y"),
        ({}, {"drop": ["z"]}, "unknown column 'z' – choose from x, y"),
        ({}, {"drop": ["y"]}, "the target 'y' is dropped – take it out of `drop`"),
        (
            {},
            {"columns": {"y": "date"}},
            "a target can't be of kind 'date' – make it a number, category or boolean",
        ),
        (
            {},
            {"drop": ["x"]},
            "no column is left to learn from: 'x' (dropped) (the table) – "
            "give a column a kind with `columns`",
        ),
    ],
)
def test_what_can_not_be_learned_from(
    columns: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(KerasnnError) as caught:
        infer(table(**columns), **{"target": "y"} | options)
    assert str(caught.value) == message


def test_one_row_is_too_few() -> None:
    with pytest.raises(DataError) as caught:
        infer(read({"x": [1], "y": ["no"]}), target="y")
    assert str(caught.value) == "1 row, too few to learn from (the table) – add rows"


def test_columns_are_described_in_their_order() -> None:
    examples = table(a=cycle("p", "q"), b=cycle("z"), c=cycle(np.inf, 1), d=cycle("1", "2"))
    with pytest.warns(KerasnnWarning):
        schema = infer(examples, target="y", drop=["c"], columns={"d": "category"})
    described = [(c.name, c.kind, c.used, c.reason) for c in schema.columns]
    assert described == [
        ("x", "number", True, "numbers"),
        ("a", "category", True, "2 different texts"),
        ("b", "constant", False, "always 'z'"),
        ("c", "text", False, "dropped"),
        ("d", "category", True, "given"),
    ]
    assert [column.name for column in schema.features] == ["x", "a", "d"]
    assert schema.notes == ("always 'z', left out (column 'b')",)


def test_a_schema_survives_json() -> None:
    with pytest.warns(KerasnnWarning):
        schema = infer(table(d=cycle("1,5", "2,5")), target="y")
    assert Schema.from_dict(json.loads(json.dumps(schema.to_dict()))) == schema
    assert [column.layout for column in schema.columns] == [".", ","]


def test_rows_without_a_target_are_not_looked_at() -> None:
    examples = table(x=[np.inf, *X[1:]], y=[None, *cycle("no", "yes")[1:]])
    assert infer(examples, target="y").target.classes == ("no", "yes")


def test_repeated_and_contradicting_rows_are_counted() -> None:
    examples = read({"x": [1.5, 1.5, 2.5, 2.5, 3.5], "y": ["a", "a", "a", "b", "b"]})
    with pytest.warns(KerasnnWarning) as caught:
        schema = infer(examples, target="y")
    assert [str(warning.message) for warning in caught] == [
        "1 of 5 rows repeats another row – remove them if they are copies",
        "2 rows have the features of another row but another class – no model can tell them apart",
    ]
    assert len(schema.notes) == 2


def test_warnings_name_the_file_and_the_column(tmp_path: Any) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,k,y\n1,z,no\n2,z,yes\n4,z,yes\n")
    with pytest.warns(KerasnnWarning) as caught:
        infer(read(path), target="y")
    assert str(caught[0].message) == f"always 'z', left out ({path},k)"


def test_text_and_native_columns_have_the_same_schema(tmp_path: Any) -> None:
    frame = pd.DataFrame(
        {
            "whole": cycle(1, 5, 9),
            "real": X,
            "text": cycle("a", "b", None),
            "truth": cycle(True, False),
            "y": cycle("no", "yes"),
        }
    )
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    kinds = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for source in (tmp_path / "t.csv", tmp_path / "t.parquet", frame):
            schema = infer(read(source), target="y")
            kinds.append([(c.name, c.kind, c.used, c.layout) for c in schema.columns])
    assert kinds[0] == kinds[1] == kinds[2]
