"""Permutation importance against scikit-learn's and against a known function."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression

from kerasnn.explain.importance import Sampling, importance


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(500, 3)), columns=["strong", "weak", "none"])
    return table.assign(word=rng.choice(["a", "b"], 500))


def linear(rows: pd.DataFrame) -> np.ndarray:
    return (3 * rows["strong"] + rows["weak"]).to_numpy()


def classify(rows: pd.DataFrame) -> np.ndarray:
    likely = np.where(rows["word"] == "a", 0.8, 0.2)
    return np.stack([1 - likely, likely], axis=1)


COLUMNS = ["none", "weak", "strong", "word"]


def test_importance_of_a_linear_function_is_known(frame: pd.DataFrame) -> None:
    found = importance(
        linear,
        frame,
        linear(frame),
        task="regression",
        columns=COLUMNS,
        sampling=Sampling(repeats=5),
    )
    assert [item.column for item in found[:2]] == ["strong", "weak"]
    # The mean squared error of a shuffled column is 2 variances times the slope's square.
    assert found[0].loss == pytest.approx(3 * np.sqrt(2), rel=0.1)
    assert found[1].loss == pytest.approx(np.sqrt(2), rel=0.1)
    assert found[0].deviation > 0
    assert [(item.loss, item.deviation) for item in found[2:]] == [(0.0, 0.0), (0.0, 0.0)]


def test_importance_equals_scikit_learns(frame: pd.DataFrame) -> None:
    numbers, truth = frame[COLUMNS[:3]], linear(frame) + 0.5 * frame["none"].to_numpy()
    model = LinearRegression().fit(numbers, truth)
    oracle = permutation_importance(
        model, numbers, truth, scoring="neg_root_mean_squared_error", n_repeats=30, random_state=0
    )
    found = importance(
        lambda rows: model.predict(rows[COLUMNS[:3]]),
        frame,
        truth,
        task="regression",
        columns=COLUMNS[:3],
        sampling=Sampling(repeats=30),
    )
    losses = {item.column: item.loss for item in found}
    expected = dict(zip(COLUMNS[:3], oracle.importances_mean, strict=True))
    assert losses == pytest.approx(expected, rel=0.03)


def test_a_text_column_of_a_classifier(frame: pd.DataFrame) -> None:
    truth = (frame["word"] == "a").to_numpy().astype(int)
    settings = {"task": "binary", "classes": ("no", "yes"), "columns": ["strong", "word"]}
    found = importance(classify, frame, truth, **settings)
    assert found[0].column == "word"
    assert found[0].loss == pytest.approx(0.5, abs=0.05)
    assert found[1].loss == 0.0
    loss = importance(classify, frame, truth, metric="log_loss", **settings)
    assert loss[0].loss > 0.5


def test_rows_are_limited_and_the_seed_decides(frame: pd.DataFrame) -> None:
    seen: list[int] = []

    def counted(rows: pd.DataFrame) -> np.ndarray:
        seen.append(len(rows))
        return linear(rows)

    def run(seed: int) -> float:
        return importance(
            counted,
            frame,
            linear(frame),
            task="regression",
            columns=["strong"],
            sampling=Sampling(max_rows=40, seed=seed),
        )[0].loss

    assert run(0) == run(0) != run(1)
    assert seen[:2] == [40, 120]


def test_the_table_is_left_as_it_was(frame: pd.DataFrame) -> None:
    before = frame.copy()
    importance(linear, frame, linear(frame), task="regression", columns=COLUMNS)
    pd.testing.assert_frame_equal(frame, before)


def test_rows_of_one_class_have_no_importance(frame: pd.DataFrame) -> None:
    found = importance(
        classify,
        frame,
        np.zeros(len(frame), dtype=int),
        task="binary",
        classes=("no", "yes"),
        columns=["word"],
    )
    assert found == []
