"""The preprocessing as a Keras graph equals the one on whole columns."""

from __future__ import annotations

import re
from datetime import datetime

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasnn.data.schema import Column, Schema, Target
from kerasnn.options import PreprocessingOptions
from kerasnn.preprocessing import Preprocessor
from kerasnn.preprocessing.graph import _OPERATION, input_names

SCALES = ["standard", "minmax", "robust", "robust_smooth_clip", "quantile", "none"]
SCHEMA = Schema(
    (
        Column("age", "number"),
        Column("hours per week", "number"),
        Column("always", "number"),
        Column("member", "boolean"),
        Column("city", "category"),
        Column("seen", "date"),
        Column("born", "date"),
    ),
    Target("label", "binary", ("no", "yes")),
)


def training_rows(n: int = 400) -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "age": random.normal(4, 3, n),
            "hours per week": random.poisson(1, n),
            "always": 3.0,
            "member": random.choice([True, False], n),
            "city": random.choice(["Köln", "東京", "x,y"], n),
            "seen": pd.to_datetime(random.integers(-(2**31), 2**31, n), unit="s"),
            "born": pd.to_datetime(random.integers(0, 10_000, n), unit="D"),
        }
    )
    for i, column in enumerate(["age", "member", "city", "seen"]):
        frame[column] = frame[column].astype(object).mask(np.arange(n) % (7 + i) == 0, None)
    return frame


@pytest.fixture(scope="module")
def pairs() -> dict[str, tuple[Preprocessor, keras.Model]]:
    """Each scale's fitted preprocessor and its graph."""
    found = {}
    for scale in SCALES:
        options = PreprocessingOptions(scale=scale)
        fitted = Preprocessor.fit(training_rows().assign(label="no"), SCHEMA, options)
        raw = fitted.build_inputs()
        found[scale] = (
            fitted,
            keras.Model({tensor.name: tensor for tensor in raw.values()}, fitted.apply(raw)),
        )
    return found


def assert_equal(fitted: Preprocessor, graph: keras.Model, frame: pd.DataFrame) -> None:
    names = input_names([column.name for column in SCHEMA.features])
    raw = {names[column]: tf.constant(cells) for column, cells in fitted.raw(frame).items()}
    found = graph(raw)
    expected = fitted.transform(frame).inputs
    np.testing.assert_array_equal(found["categories"], expected["categories"])
    np.testing.assert_allclose(found["numbers"], expected["numbers"], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("scale", SCALES)
def test_graph_equals_columns_on_training_rows(pairs, scale):
    assert_equal(*pairs[scale], training_rows())


cells = {
    "age": st.none() | st.floats(allow_nan=True, allow_infinity=False),
    "hours per week": st.none() | st.integers(-5, 50),
    "always": st.none() | st.floats(-10, 10),
    "member": st.none() | st.booleans(),
    "city": st.none() | st.sampled_from(["Köln", "東京", "x,y", "NA", "?", "🦆"]) | st.text(),
    "seen": st.none() | st.datetimes(min_value=datetime(1700, 1, 1)),
    "born": st.none() | st.dates(),
}


@settings(max_examples=12, deadline=None)
@given(
    rows=st.lists(st.fixed_dictionaries(cells), min_size=1, max_size=6),
    scale=st.sampled_from(SCALES),
)
def test_graph_equals_columns_on_any_cells(pairs, rows, scale):
    frame = pd.DataFrame(rows, dtype=object)
    assert_equal(*pairs[scale], frame)


def test_graph_takes_what_stands_for_a_missing_value(pairs):
    fitted, graph = pairs["standard"]
    raw = {
        name: tf.repeat(tf.constant(cells), 3, axis=0)
        for name, cells in zip(
            input_names([column.name for column in SCHEMA.features]).values(),
            fitted.raw(training_rows(1)).values(),
            strict=True,
        )
    }
    raw["city"] = tf.constant([["?"], [""], ["Oslo"]])
    assert graph(raw)["categories"].numpy().tolist() == [[0], [0], [1]]


def test_names_of_inputs_are_plain_and_distinct():
    columns = ["age", "Age", "hours per week", "hours-per-week", "2nd", "größe", "_x", "Class"]
    assert list(input_names(columns).values()) == [
        "age",
        "Age_2",
        "hours_per_week",
        "hours_per_week_2",
        "column_2nd",
        "gr__e",
        "column__x",
        "column_Class",
    ]


def test_input_named_like_an_operation_of_the_graph():
    columns = ["where", "take_1", "string_lookup", "sin"]
    kinds = ["number", "boolean", "category", "date"]
    schema = Schema(tuple(map(Column, columns, kinds)), SCHEMA.target)
    frame = pd.DataFrame(
        {
            "where": [1.0, None],
            "take_1": [1, 0],
            "string_lookup": ["a", "a"],
            "sin": ["2020-01-01"] * 2,
        }
    )
    fitted = Preprocessor.fit(frame.assign(label="no"), schema)
    raw = fitted.build_inputs()
    graph = keras.Model({tensor.name: tensor for tensor in raw.values()}, fitted.apply(raw))
    assert set(graph.input) == {f"column_{name}" for name in columns}
    names = {
        operation.name for operation in graph.operations if not hasattr(operation, "batch_shape")
    }
    assert not {"where", "take"} - {re.sub(r"_\d+$", "", name) for name in names}
    assert {name for name in names if not _OPERATION.fullmatch(name)} == set()
