"""Python objects as tables: what can be given to every function that takes data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

import kerasnn
from kerasnn.data import read
from kerasnn.data.readers.inputs import as_frame, is_pair, with_target
from kerasnn.errors import ConfigError, DataError, KerasnnError

RANDOM = np.random.default_rng(0)
MATRIX = RANDOM.normal(size=(40, 3)).astype("float32")
LABELS = np.where(MATRIX[:, 0] > 0, "yes", "no")
TEXTS = [
    ("it is good and fine" if label == "yes" else "it was bad and poor") + f" on day {row} of all"
    for row, label in enumerate(LABELS)
]
TINY: dict[str, Any] = {"model": "linear", "seed": 0, "baselines": False, "set": {"epochs": 2}}
FRAME = pd.DataFrame({"a": [1, 2, 3], "b": ["x", None, "z"]})


class OfAnotherLibrary:
    """Has `to_pandas`, as a DataFrame of polars or cuDF has."""

    def to_pandas(self) -> pd.DataFrame:
        return FRAME.copy()


class OfArrow:
    """Has nothing but the C stream interface of Arrow."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._table = pa.table(frame)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


def same(found: pd.DataFrame | None) -> None:
    assert found is not None
    assert list(found.columns) == ["a", "b"]
    assert found["a"].tolist() == [1, 2, 3]
    assert found["b"].isna().tolist() == [False, True, False]


@pytest.mark.parametrize(
    "table",
    [
        OfAnotherLibrary(),
        OfArrow(FRAME),
        pa.table(FRAME),
        pa.table(FRAME).to_batches()[0],
        FRAME.to_dict("records"),
        {"a": pa.array([1, 2, 3]), "b": np.array(["x", None, "z"], dtype=object)},
    ],
)
def test_tables_of_other_libraries(table: Any) -> None:
    same(as_frame(table))
    same(read(table).frame)


def test_polars() -> None:
    polars = pytest.importorskip("polars")
    table = polars.DataFrame({"a": [1, 2, 3], "b": ["x", None, "z"]})
    same(as_frame(table))
    assert as_frame(table["b"]).columns.tolist() == ["b"]  # type: ignore[union-attr]
    with pytest.raises(DataError) as error:
        as_frame(table.lazy())
    assert str(error.value) == "a table that is not computed yet (LazyFrame) – call its `collect`"


def test_arrays_and_lists() -> None:
    def columns(source: Any) -> list[str]:
        frame = as_frame(source)
        assert frame is not None
        return list(frame.columns)

    assert columns(MATRIX) == ["x0", "x1", "x2"]
    assert columns(MATRIX.tolist()) == ["x0", "x1", "x2"]
    assert columns([["a", 1.5], ["b", 2.5]]) == ["x0", "x1"]
    assert columns(np.zeros((5, 4, 4, 3), "u1")) == ["x"]
    assert columns([np.zeros((4, 4, 3), "u1"), Image.new("RGB", (5, 5))]) == ["x"]
    assert columns(np.array([(1, 2.0)], dtype=[("n", "i4"), ("v", "f4")])) == ["n", "v"]
    assert columns(TEXTS) == columns(np.array(TEXTS)) == columns(pd.Series(TEXTS)) == ["text"]
    assert columns(pd.Series([1.0, 2.0], name="v")) == ["v"]
    assert as_frame("data.csv") is None
    assert as_frame(["a.png", "b.png"]) is None


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (5, "a table must be a path, '-', a DataFrame or a dict of arrays; got int"),
        ([1, 2], "numbers of the shape (2,) are no table – give a matrix of rows and columns"),
        (np.zeros(4), "numbers of the shape (4,) are no table – give a matrix of rows and columns"),
        ([[1, 2], [3]], "rows of different lengths – give each row the same columns"),
    ],
)
def test_what_is_no_table(source: Any, message: str) -> None:
    with pytest.raises(KerasnnError) as error:
        as_frame(source)
    assert str(error.value) == message


def test_a_sparse_matrix_is_called_one() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(DataError, match="a sparse matrix – call its `toarray`"):
        as_frame(sparse.csr_matrix(np.eye(3)))


def test_targets_beside_rows() -> None:
    frame, name = with_target(FRAME, pd.Series(["u", "v", "w"], name="kind", index=[7, 8, 9]))
    assert (name, frame[name].tolist()) == ("kind", ["u", "v", "w"])
    frame, name = with_target({"target": [1, 2]}, np.array([3, 4]))
    assert (name, frame[name].tolist()) == ("target_", [3, 4])
    frame, name = with_target(MATRIX[:2], np.array([[0, 1], [1, 1]]))
    assert frame[name][0].tolist() == [0, 1]
    frame, name = with_target(["a.png", "b.png"], ["u", "v"])
    assert list(frame.columns) == ["image", "target"]
    assert is_pair((MATRIX, LABELS))
    assert not is_pair(("a.png", "b.png"))
    with pytest.raises(DataError) as error:
        with_target(FRAME, [1, 2])
    assert str(error.value) == "2 targets for 3 rows – give one target a row"
    with pytest.raises(DataError) as error:
        with_target("data.csv", [1, 2])
    expected = "targets in memory for rows in a file – name the column of the target"
    assert str(error.value) == expected


def test_train_predict_and_evaluate_a_matrix() -> None:
    run = kerasnn.train(MATRIX, target=LABELS, validation=(MATRIX, LABELS), **TINY)
    expected = run.predict(pd.DataFrame(MATRIX, columns=["x0", "x1", "x2"]))
    for same_rows in (MATRIX, MATRIX.tolist(), OfArrow(pd.DataFrame(MATRIX).add_prefix("x"))):
        pd.testing.assert_frame_equal(run.predict(same_rows), expected)
    scores = run.evaluate((MATRIX + 0.01, LABELS))
    assert scores.n_rows == 40
    with pytest.raises(DataError) as error:
        run.predict(MATRIX[:, :2])
    assert str(error.value) == (
        "2 columns without names where training had 3 – give a table with the names of the columns"
    )


def test_texts_without_a_name() -> None:
    options = {**TINY, "model": "bag_of_ngrams"}
    named = pd.Series(TEXTS, name="review", index=range(100, 140))
    run = kerasnn.train(named, target=LABELS, **options)
    expected = run.predict(pd.DataFrame({"review": TEXTS}))
    pd.testing.assert_frame_equal(run.predict(TEXTS), expected)
    pd.testing.assert_frame_equal(run.predict(np.array(TEXTS)), expected)
    assert run.predict(named).index.tolist() == list(range(100, 140))
    explained = run.explain(named.head(2))
    assert len(explained) == 2


def test_estimators_take_texts_and_tables_of_other_libraries() -> None:
    how: dict[str, Any] = {"epochs": 2, "random_state": 0}
    named = pd.Series(TEXTS, name="review")
    classifier = kerasnn.Classifier("bag_of_ngrams", **how).fit(named, LABELS)
    expected = classifier.predict_proba(named.to_frame())
    for rows in (named, TEXTS, np.array(TEXTS), OfArrow(named.to_frame())):
        np.testing.assert_array_equal(classifier.predict_proba(rows), expected)
    records = pd.DataFrame(MATRIX).add_prefix("x").to_dict("records")
    regressor = kerasnn.Regressor("linear", **how).fit(records, MATRIX[:, 0])
    assert regressor.predict(records).shape == (40,)


def test_images_in_memory() -> None:
    images = RANDOM.integers(0, 100, (24, 8, 8, 3)).astype("u1")
    images[::2] += 150
    labels = np.where(np.arange(24) % 2, "dark", "light")
    classifier = kerasnn.Classifier("linear", epochs=2, random_state=0).fit(images, labels)
    assert classifier.predict_proba(images).shape == (24, 2)
    run = kerasnn.train(images, target=labels, **TINY)
    expected = run.predict({"x": images})
    pd.testing.assert_frame_equal(run.predict(images), expected)
    pd.testing.assert_frame_equal(run.predict(list(images)), expected)
    assert len(run.predict(images[0])) == 1


def test_what_is_not_computed_is_refused_by_train() -> None:
    with pytest.raises(ConfigError, match="a table must be a path"):
        kerasnn.train(5, target="y")
