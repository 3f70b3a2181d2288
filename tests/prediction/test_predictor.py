"""From raw rows to predictions, against the same computed by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, softmax

from kerasnn import models
from kerasnn.data import read
from kerasnn.data.schema import infer
from kerasnn.errors import DataError
from kerasnn.prediction.predictor import Decision, Predictor
from kerasnn.preprocessing import Preprocessor

N_ROWS = 60


def table(target: Any) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "size": generator.normal(3, 2, N_ROWS),
            "colour": generator.choice(["red", "green", "blue"], N_ROWS),
            "target": np.resize(target, N_ROWS),
        }
    )


def make(target: Any, decision: Decision | None = None) -> tuple[Predictor, pd.DataFrame]:
    frame = table(target)
    schema = infer(read(frame), target="target")
    preprocessor = Preprocessor.fit(frame, schema)
    network = models.build("linear", preprocessor.signature)
    generator = np.random.default_rng(1)
    for weight in network.weights:
        weight.assign(generator.normal(size=weight.shape))
    return Predictor(preprocessor, network, decision), frame


def raw_scores(predictor: Predictor, frame: pd.DataFrame) -> np.ndarray:
    """What the network says of the rows, all at once."""
    inputs = predictor.preprocessor.transform(frame).inputs
    return np.asarray(predictor.network(inputs, training=False), "float64")


def test_binary() -> None:
    plain, frame = make(["no", "yes"])
    likely = expit(raw_scores(plain, frame)[:, 0] / 2.0)
    threshold = float(np.quantile(likely, 0.3))
    predictor = Predictor(plain.preprocessor, plain.network, Decision(2.0, threshold))
    result = predictor.predict(frame)
    assert list(result) == ["prediction", "probability:no", "probability:yes"]
    np.testing.assert_allclose(result["probability:yes"], likely, rtol=1e-5)
    np.testing.assert_allclose(result["probability:no"], 1 - likely, rtol=1e-5)
    expected = np.where(likely >= threshold, "yes", "no")
    assert 0.2 < (expected == "no").mean() < 0.4
    assert result["prediction"].tolist() == expected.tolist()


def test_threshold_moves_the_decision_alone() -> None:
    predictor, frame = make(["no", "yes"])
    scores = predictor.scores(frame)
    strict = Predictor(predictor.preprocessor, predictor.network, Decision(threshold=1.0))
    np.testing.assert_array_equal(strict.scores(frame), scores)
    assert predictor.decide(scores).tolist() == (scores[:, 1] >= 0.5).astype(int).tolist()
    assert strict.decide(scores).tolist() == [0] * N_ROWS


def test_multiclass() -> None:
    predictor, frame = make(["a", "b", "c"], Decision(temperature=0.5))
    likely = softmax(raw_scores(predictor, frame) / 0.5, axis=1)
    result = predictor.predict(frame)
    assert list(result) == ["prediction", "probability:a", "probability:b", "probability:c"]
    np.testing.assert_allclose(result.iloc[:, 1:], likely, rtol=1e-4)
    assert result["prediction"].tolist() == [("a", "b", "c")[i] for i in likely.argmax(axis=1)]


def test_regression_is_in_the_unit_of_the_target() -> None:
    target = np.random.default_rng(2).normal(1000, 50, N_ROWS)
    predictor, frame = make(target)
    expected = raw_scores(predictor, frame)[:, 0] * target.std() + target.mean()
    result = predictor.predict(frame)
    assert list(result) == ["prediction"]
    np.testing.assert_allclose(result["prediction"], expected, rtol=1e-5)
    np.testing.assert_array_equal(predictor.scores(frame), result["prediction"])
    np.testing.assert_array_equal(predictor.decide(predictor.scores(frame)), result["prediction"])


@pytest.mark.parametrize(
    ("labels", "dtype"),
    [([3, 7], "int64"), ([False, True], "bool"), ([0.5, 1.5, 2.5], "float64")],
)
def test_labels_keep_their_type(labels: list[Any], dtype: str) -> None:
    frame = table(labels)
    schema = infer(read(frame), target="target", columns={"target": "category"})
    preprocessor = Preprocessor.fit(frame, schema)
    predictor = Predictor(preprocessor, models.build("linear", preprocessor.signature))
    predicted = predictor.predict(frame)["prediction"]
    assert predicted.dtype == dtype
    assert set(predicted) <= set(labels)


def test_index_and_order_are_kept() -> None:
    predictor, frame = make(["no", "yes"])
    whole = predictor.predict(frame)
    shuffled = frame.sample(frac=1, random_state=0).set_index(np.arange(N_ROWS) * 2 + 5)
    result = predictor.predict(shuffled)
    assert result.index.tolist() == shuffled.index.tolist()
    original = frame.sample(frac=1, random_state=0).index
    pd.testing.assert_frame_equal(
        result.reset_index(drop=True), whole.loc[original].reset_index(drop=True)
    )


@pytest.mark.parametrize("target", [["no", "yes"], ["a", "b", "c"], np.linspace(0, 1, N_ROWS)])
def test_no_rows_give_the_header(target: Any) -> None:
    predictor, frame = make(target)
    result = predictor.predict(frame.head(0))
    assert len(result) == 0
    assert list(result) == list(predictor.predict(frame.head(1)))


def test_batch_size_does_not_matter() -> None:
    predictor, frame = make(["a", "b", "c"])
    inputs = predictor.preprocessor.transform(frame).inputs
    whole = predictor.outputs(inputs)
    assert whole.dtype == "float32"
    assert whole.shape == (N_ROWS, 3)
    for batch_size in (1, 7, 64):
        found = predictor.outputs(inputs, batch_size=batch_size)
        np.testing.assert_allclose(found, whole, rtol=1e-6, atol=1e-6)


def test_target_is_not_needed_and_other_columns_are_ignored() -> None:
    predictor, frame = make(["no", "yes"])
    expected = predictor.predict(frame)
    found = predictor.predict(frame.drop(columns="target").assign(other=1))
    pd.testing.assert_frame_equal(found, expected)


def test_missing_columns_are_named() -> None:
    predictor, frame = make(["no", "yes"])
    with pytest.raises(DataError, match="columns are missing: 'size', 'colour'"):
        predictor.predict(frame[["target"]])


def test_odd_cells_are_counted() -> None:
    predictor, frame = make(["no", "yes"])
    frame.loc[:2, "colour"] = "violet"
    frame.loc[:3, "size"] = np.nan
    result = predictor.predict_and_count(frame)
    assert (result.unseen, result.imputed) == ({"colour": 3}, {"size": 4})
    pd.testing.assert_frame_equal(result.table, predictor.predict(frame))
    odd = predictor.predict_and_count(frame.tail(10))
    assert (odd.unseen, odd.imputed) == ({}, {})
