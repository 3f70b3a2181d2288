"""Targets of several labels a row: every form of cell, and what is wrong with some."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from kerasnn.data import read
from kerasnn.data.columns import multilabel
from kerasnn.data.schema import Schema, Target, infer
from kerasnn.data.splits import drop_unlabeled, split
from kerasnn.errors import DataError, KerasnnWarning
from kerasnn.preprocessing.target import TargetCoder

MATRIX = [[1, 1, 0], [0, 1, 0], [0, 0, 0], [1, 0, 1]]


def series(*found: Any) -> pd.Series:
    return pd.Series(list(found), name="y", dtype=object)


FORMS = {
    "bars": series("a|b", "b", "", "c | a"),
    "semicolons": series("a; b", "b;", " ", "a;c;a"),
    "commas": series("a,b", "b", None, "c,a"),
    "JSON": series('["a", "b"]', '["b"]', "[]", '["a","c"]'),
    "text of Python": series("['a', 'b']", "['b']", "[]", "['c', 'a']"),
    "lists": series(["a", "b"], ["b"], [], ["c", "a"]),
    "tuples": series(("a", "b"), ("b",), (), ("a", "c")),
    "sets": series({"a", "b"}, {"b"}, set(), frozenset("ac")),
    "Arrow": pd.Series(
        [["a", "b"], ["b"], [], ["c", "a"]],
        name="y",
        dtype=pd.ArrowDtype(pa.list_(pa.string())),
    ),
    "arrays": series(*(np.array(names, object) for names in (["a", "b"], ["b"], [], ["c", "a"]))),
}


@pytest.mark.parametrize("cells", FORMS.values(), ids=FORMS)
def test_each_form_says_the_same(cells: pd.Series) -> None:
    found = multilabel.find(cells)
    assert found.classes == ("a", "b", "c")
    np.testing.assert_array_equal(multilabel.encode(cells, found), MATRIX)
    sign = found.separator
    assert list(multilabel.as_text(cells, found)) == [f"a{sign}b", "b", "", f"a{sign}c"]
    assert list(multilabel.join(np.array(MATRIX), found)) == list(multilabel.as_text(cells, found))
    # The text of the labels means the same as the cells that it was made of.
    np.testing.assert_array_equal(
        multilabel.encode(multilabel.as_text(cells, found), found), MATRIX
    )


@pytest.mark.parametrize("kind", [list, tuple, np.array])
@pytest.mark.parametrize("dtype", [int, float, bool])
def test_vectors_of_0_and_1(kind: Any, dtype: type) -> None:
    cells = series(*(kind([dtype(number) for number in row]) for row in MATRIX))
    found = multilabel.find(cells)
    assert (found.classes, found.indicators) == (("0", "1", "2"), True)
    np.testing.assert_array_equal(multilabel.encode(cells, found), MATRIX)
    assert list(multilabel.as_text(cells, found)) == ["0|1", "1", "", "0|2"]


def test_the_separator_is_the_strongest_one_and_no_part_of_a_label() -> None:
    assert multilabel.find(series("a, x|b", "b|c")).classes == ("a, x", "b", "c")
    assert multilabel.find(series("a, x;b", "b;c")).separator == ";"
    assert multilabel.find(series(["a|b", "c"], ["c"])).separator == ";"
    assert multilabel.find(series(["10", "9"], [2])).classes == ("2", "9", "10")


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (
            series("a", "b", "a"),
            "no cell of the target has several labels, separated by one of '|', ';', ','",
        ),
        (series(1, 2, 3), "no cell of the target has several labels"),
        (series("a|b", "b|a"), "every row has the same labels: 'a', 'b'"),
        (series([1, 0], [1, 0]), "every row has the same labels: '0'"),
        (series("a", "", "a"), "several labels are meant, and there is 'a' only"),
        (series([], []), "several labels are meant, and there is none only"),
        (series(["a|;,", "b"], ["b"]), "the labels hold each of | ; ,"),
        (series([0.5, 2], [1]), "a list of numbers such as 0.5 where labels are meant"),
        (series(*([f"{i}", f"{i}x"] for i in range(40))), "80 different labels in 40 rows"),
    ],
)
def test_what_is_no_target_is_told_in_a_line(cells: pd.Series, message: str) -> None:
    with pytest.raises(DataError) as error:
        multilabel.find(cells)
    assert str(error.value).startswith(message) or message in str(error.value)
    assert "column 'y'" in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_label_is_named_with_its_row() -> None:
    found = multilabel.find(FORMS["bars"])
    with pytest.raises(DataError, match="the label 'z' is not among those of the training") as e:
        multilabel.encode(series("a", "b|z"), found)
    assert "row 1" in str(e.value)
    assert "use the labels a, b, c" in str(e.value)
    vectors = multilabel.find(series([1, 0, 0], [0, 1, 1]))
    for cell in ([1, 0], [1, 0, 2], [1, 0, 0, 0]):
        with pytest.raises(DataError, match="not a vector of 3 numbers that are 0 or 1"):
            multilabel.encode(series([1, 0, 0], cell), vectors)


N = 40
X = np.random.default_rng(0).normal(size=N)


def table(cells: list[Any]) -> Any:
    column = series(*(cells[i % len(cells)] for i in range(N)))
    return read(pd.DataFrame({"x": X, "y": column}))


def test_lists_say_the_task_and_text_does_not() -> None:
    for cells in (["a", "b"], {"a", "b"}):
        target = infer(table([cells, ["b", "c"], []]), target="y").target
        assert (target.task, target.classes) == ("multilabel", ("a", "b", "c"))
    target = infer(table([[0, 1], [1, 1]]), target="y").target
    assert (target.task, target.indicators) == ("multilabel", True)
    with pytest.warns(KerasnnWarning, match=r"such as 'a\|b' look like several labels each"):
        target = infer(table(["a|b", "b", "a|b|c", "c|a", "b|c"]), target="y").target
    assert target.task == "multiclass"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        infer(table(["a, x", "b, x"]), target="y")
    with pytest.raises(DataError, match="cells are lists, which are several labels a row"):
        infer(table([["a"], ["b"]]), target="y", task="multiclass")


def test_many_sets_of_few_labels_lead_to_the_task() -> None:
    names = [f"label{i}" for i in range(6)]
    sets = ["|".join(n for i, n in enumerate(names) if code >> i & 1) for code in range(1, 41)]
    with pytest.raises(DataError, match="40 different values in 40 rows") as error:
        infer(table(sets), target="y")
    assert "if a cell holds several labels, say so with the task 'multilabel'" in str(error.value)
    assert infer(table(sets), target="y", task="multilabel").target.classes == tuple(names)


def test_empty_text_is_no_label_and_a_marker_is_not_known() -> None:
    examples = table(["a|b", "", None, "NA", "c"])
    with pytest.warns(KerasnnWarning, match="8 of 40 rows have no target"):
        known = drop_unlabeled(examples, "y", task="multilabel")
    with pytest.warns(KerasnnWarning, match="16 rows of the target are empty"):
        schema = infer(known, target="y", task="multilabel")
    assert schema.target.classes == ("a", "b", "c")
    assert len(known.frame) == 32
    lists = table([["a", "b"], [], None, ["c"]])
    with pytest.warns(KerasnnWarning, match="10 of 40 rows have no target"):
        assert len(drop_unlabeled(lists, "y").frame) == 30


def test_a_schema_and_a_coder_survive_json() -> None:
    schema = infer(table([["a", "b"], ["c"], []]), target="y")
    assert Schema.from_dict(schema.to_dict()) == schema
    coder = TargetCoder.fit(schema.target, FORMS["lists"], scale=True)
    assert TargetCoder.from_dict(coder.to_dict()) == coder
    encoded = coder.encode(FORMS["lists"])
    assert encoded.dtype == np.float32
    assert list(coder.texts(encoded)) == ["a|b", "b", "", "a|c"]


def test_rows_are_split_at_random() -> None:
    from kerasnn.errors import ConfigError
    from kerasnn.options import SplitOptions

    examples = table([["a", "b"], ["c"], []])
    schema = infer(examples, target="y")
    random = split(examples, schema, SplitOptions(kind="random"), seed=3)
    auto = split(examples, schema, SplitOptions(kind="auto"), seed=3)
    np.testing.assert_array_equal(auto.train, random.train)
    with pytest.raises(ConfigError, match="one class a row"):
        split(examples, schema, SplitOptions(kind="stratified"), seed=3)


def test_rows_that_contradict_each_other_are_counted_by_set() -> None:
    cells = series(*["a|b", "b|a"] * 10, *["a|b", "c"] * 10)
    frame = pd.DataFrame({"x": np.repeat(np.arange(20.0) + 0.5, 2), "y": cells})
    with pytest.warns(KerasnnWarning) as found:
        infer(read(frame), target="y", task="multilabel")
    said = [str(warning.message) for warning in found]
    assert any("10 of 40 rows repeat another row" in text for text in said)
    assert any(
        "20 rows have the features of another row but another set of labels" in text
        for text in said
    )


def test_a_target_of_one_class_a_row_has_no_separator() -> None:
    target = Target("y", "binary", ("no", "yes"))
    assert (target.separator, target.indicators) == ("", False)
