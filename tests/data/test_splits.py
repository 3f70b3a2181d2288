"""Which rows train, validate and test."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasnn.data import read
from kerasnn.data.columns.values import as_numbers
from kerasnn.data.schema import Column, Schema, Target
from kerasnn.data.splits import Splits, drop_unlabeled, split
from kerasnn.errors import DataError, KerasnnError, KerasnnWarning
from kerasnn.options import SplitOptions

REGRESSION = Schema((), Target("y", "regression"))


def classes(*names: str) -> Schema:
    return Schema((), Target("y", "binary" if len(names) == 2 else "multiclass", names))


def table(n: int, **columns: Any) -> Any:
    return read({"x": np.arange(n), "y": np.arange(n) % 2} | columns)


def check(parts: Splits, n: int) -> None:
    """The parts share no row, miss none, and are in order."""
    for rows in (parts.train, parts.validation, parts.test):
        assert rows.dtype == np.int64
        assert (np.diff(rows) > 0).all()
    joined = np.concatenate([parts.train, parts.validation, parts.test])
    np.testing.assert_array_equal(np.sort(joined), np.arange(n))


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(3, 60),
    validation=st.floats(0.01, 0.5),
    test=st.floats(0, 0.45),
    seed=st.integers(0, 9),
)
def test_random_parts(n: int, validation: float, test: float, seed: int) -> None:
    options = SplitOptions("random", validation=validation, test=test)
    parts = split(table(n), REGRESSION, options, seed=seed)
    check(parts, n)
    assert len(parts.train) >= 1
    assert len(parts.validation) >= 1
    assert bool(len(parts.test)) == (test > 0)
    assert abs(len(parts.test) - n * test) <= 1
    assert abs(len(parts.validation) - n * validation) <= 1
    again = split(table(n), REGRESSION, options, seed=seed)
    np.testing.assert_array_equal(parts.train, again.train)
    np.testing.assert_array_equal(parts.test, again.test)


def test_each_part_has_a_row_if_there_are_three() -> None:
    for validation, test in ((0.5, 0.45), (0.01, 0.9), (0.9, 0.01)):
        options = SplitOptions("random", validation=validation, test=test)
        parts = split(table(3), REGRESSION, options, seed=0)
        assert [len(parts.train), len(parts.validation), len(parts.test)] == [1, 1, 1]


def test_the_seed_matters() -> None:
    first, second = (split(table(50), REGRESSION, SplitOptions(), seed=seed) for seed in (0, 1))
    assert first.train.tolist() != second.train.tolist()


@settings(max_examples=40, deadline=None)
@given(counts=st.lists(st.integers(2, 40), min_size=2, max_size=5), seed=st.integers(0, 9))
def test_stratified_parts(counts: list[int], seed: int) -> None:
    names = [f"c{i}" for i in range(len(counts))]
    labels = np.repeat(names, counts)
    examples = table(len(labels), y=np.random.default_rng(seed).permutation(labels))
    parts = split(examples, classes(*names), SplitOptions("auto"), seed=seed)
    check(parts, len(labels))
    y = examples.frame["y"].to_numpy()
    assert set(y[parts.train]) == set(names)
    assert len(parts.validation)
    assert len(parts.test)
    for name, count in zip(names, counts, strict=True):
        for rows in (parts.validation, parts.test):
            assert (y[rows] == name).sum() <= 0.15 * count + 1
            if min(counts) >= 10:
                assert (y[rows] == name).sum() >= 0.15 * count - 1.5


def test_stratified_shares_of_a_large_table() -> None:
    examples = table(2_000, y=np.where(np.arange(2_000) % 20 == 0, "rare", "usual"))
    parts = split(examples, classes("rare", "usual"), SplitOptions(), seed=3)
    y = examples.frame["y"].to_numpy()
    sizes = [(y[rows] == "rare").sum() for rows in (parts.train, parts.validation, parts.test)]
    assert sizes == [70, 15, 15]
    assert [len(parts.train), len(parts.validation), len(parts.test)] == [1_400, 300, 300]


def test_rows_of_a_group_stay_together() -> None:
    groups = [*np.arange(60) // 4, None, None]
    examples = table(62, g=pd.Series(groups, dtype=object))
    options = SplitOptions("group", "g", validation=0.2, test=0.2)
    parts = split(examples, REGRESSION, options, seed=0)
    check(parts, 62)
    known = np.array(groups[:60])
    of_part = [set(known[rows[rows < 60]]) for rows in (parts.train, parts.validation, parts.test)]
    assert not of_part[0] & of_part[1]
    assert not (of_part[0] | of_part[1]) & of_part[2]
    assert 8 <= len(parts.test) <= 17
    assert 8 <= len(parts.validation) <= 17


@settings(max_examples=30, deadline=None)
@given(groups=st.lists(st.integers(0, 5), min_size=6, max_size=40), seed=st.integers(0, 9))
def test_each_part_gets_a_group(groups: list[int], seed: int) -> None:
    groups = [*groups, 0, 1, 2]
    examples = table(len(groups), g=groups)
    parts = split(examples, REGRESSION, SplitOptions("group", "g"), seed=seed)
    check(parts, len(groups))
    g = np.array(groups)
    sets = [set(g[rows]) for rows in (parts.train, parts.validation, parts.test)]
    assert all(sets)
    assert sum(map(len, sets)) == len(set(groups))


def test_the_latest_rows_are_tested_on() -> None:
    order = np.random.default_rng(0).permutation(40)
    when = pd.date_range("2020-01-01", periods=40)[order]
    for cells in (when, when.strftime("%d.%m.%Y"), order):
        examples = table(40, t=cells)
        kind = "number" if cells is order else "date"
        schema = Schema((Column("t", kind),), REGRESSION.target)
        parts = split(examples, schema, SplitOptions("time", "t"), seed=0)
        check(parts, 40)
        assert sorted(order[parts.test]) == list(range(34, 40))
        assert sorted(order[parts.validation]) == list(range(28, 34))


def test_rows_of_one_moment_stay_in_one_part() -> None:
    days = np.repeat(pd.date_range("2020-01-01", periods=5), 8)
    examples = table(40, t=days)
    parts = split(examples, REGRESSION, SplitOptions("time", "t"), seed=0)
    check(parts, 40)
    assert [len(parts.train), len(parts.validation), len(parts.test)] == [24, 8, 8]


def test_a_column_may_name_the_parts() -> None:
    names = ["train", "Validation", "test", "val", "training"]
    parts = split(table(5, p=names), REGRESSION, SplitOptions("column", "p"), seed=0)
    check(parts, 5)
    assert (parts.train.tolist(), parts.validation.tolist()) == ([0, 4], [1, 3])


def test_parts_from_files() -> None:
    parts = Splits.from_lengths(3, 2, 1)
    check(parts, 6)
    assert (parts.train.tolist(), parts.test.tolist()) == ([0, 1, 2], [5])
    assert len(Splits.from_lengths(3, 2).test) == 0


@pytest.mark.parametrize(
    ("n", "columns", "options", "message"),
    [
        (
            1,
            {},
            SplitOptions("random"),
            "1 row, too few for training, validation and test (the table) – give at least 3",
        ),
        (
            1,
            {},
            SplitOptions("random", test=0),
            "1 row, too few for training and validation (the table) – give at least 2",
        ),
        (
            9,
            {"g": [1] * 5 + [2] * 4},
            SplitOptions("group", "g"),
            "2 groups, too few for training, validation and test (column 'g') – give at least 3",
        ),
        (
            9,
            {"t": ["2020-01-01"] * 9},
            SplitOptions("time", "t"),
            "1 different time, too few or too uneven for the split (column 't') – "
            "split by 'random'",
        ),
        (
            4,
            {"t": ["2020-01-01", "2020-01-02", None, "2020-01-03"]},
            SplitOptions("time", "t"),
            "1 row has no time (row 2, column 't') – fill it in",
        ),
        (
            3,
            {"p": ["train", "dev", "test"]},
            SplitOptions("column", "p"),
            "'dev' is not the name of a part (row 1, column 'p') – use train, validation and test",
        ),
        (
            3,
            {"p": ["train", "train", "test"]},
            SplitOptions("column", "p"),
            "no row is 'validation' (column 'p') – mark some rows 'validation'",
        ),
        (
            3,
            {},
            SplitOptions("group"),
            "a split by group needs a column – name it in `column`",
        ),
        (
            3,
            {},
            SplitOptions("time", "z"),
            "unknown split column 'z' – choose from x, y",
        ),
        (
            3,
            {},
            SplitOptions("stratified"),
            "a stratified split needs a target with one class a row – use 'random'",
        ),
        (
            3,
            {},
            SplitOptions("randm"),  # type: ignore[arg-type]
            "unknown split kind 'randm' – did you mean 'random'?",
        ),
        (
            3,
            {},
            SplitOptions(validation=0.6, test=0.4),
            "`validation` must be in (0, 1), `test` in [0, 1), their sum below 1; got 0.6 and 0.4",
        ),
    ],
)
def test_splits_that_can_not_be(
    n: int, columns: dict[str, Any], options: SplitOptions, message: str
) -> None:
    with pytest.raises(KerasnnError) as caught:
        split(table(n, **columns), REGRESSION, options, seed=0)
    assert str(caught.value) == message


def test_the_only_row_of_a_class_trains() -> None:
    examples = table(9, y=["a", "b", "b", "c"] + ["a"] * 5)
    for seed in range(5):
        with pytest.warns(KerasnnWarning) as caught:
            parts = split(examples, classes("a", "b", "c"), SplitOptions(), seed=seed)
        check(parts, 9)
        assert 3 in parts.train
    hint = "add rows, or no score tells how well they are predicted"
    expected = f"class 'c' has one row only, which trains (column 'y') – {hint}"
    assert [str(each.message) for each in caught] == [expected]


def test_classes_of_one_row_each_are_drawn_at_random() -> None:
    examples = table(4, y=["a", "b", "c", "d"])
    check(split(examples, classes("a", "b", "c", "d"), SplitOptions(), seed=0), 4)


def test_rows_without_a_target_are_dropped_with_a_count(tmp_path: Any) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,y\n1,no\n2,\n3,NA\n4,yes\nfive,yes\n")
    with pytest.warns(KerasnnWarning) as caught:
        kept = drop_unlabeled(read(path), "y")
    expected = (
        f"2 of 5 rows have no target and are left out ({path},y) – fill it in to learn from them"
    )
    assert str(caught[0].message) == expected
    assert kept.frame["x"].tolist() == ["1", "4", "five"]
    assert kept.frame.index.equals(pd.RangeIndex(3))
    # A message still names the row of the file.
    with pytest.raises(DataError, match=r"t\.csv:6,x\)"):
        as_numbers(kept.frame.iloc[[2]]["x"])


def test_numbers_and_signs_as_targets() -> None:
    with pytest.warns(KerasnnWarning, match="^1 of 3 rows has no target and is left out"):
        drop_unlabeled(read({"x": [1, 2, 3], "y": ["1", "-", "2"]}), "y")
    signs = read({"x": [1, 2], "y": ["+", "-"]})
    assert drop_unlabeled(signs, "y") is signs


def test_too_many_rows_without_a_target() -> None:
    with pytest.raises(DataError) as caught:
        drop_unlabeled(read({"x": [1, 2, 3], "y": ["a", None, None]}), "y")
    expected = "2 of 3 rows have no target (column 'y') – fill it in, or choose another target"
    assert str(caught.value) == expected
