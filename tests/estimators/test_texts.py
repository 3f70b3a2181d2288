"""Estimators and the importance of columns on tables with texts."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import kerasnn
from kerasnn.explain.importance import importance

SETTINGS: dict[str, Any] = {
    "epochs": 20,
    "learning_rate": 0.03,
    "batch_size": 32,
    "hyperparameters": {"width": 8, "depth": 1, "dropout": 0.0},
    "settings": {"compile": "graph"},
}


def rows(n: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Reviews that a word of praise or of blame decides, beside a number of no use."""
    random = np.random.default_rng(seed)
    praise, blame = ["lovely", "great", "perfect"], ["awful", "cheap", "torn"]
    others = ["the", "dress", "was", "really", "today", "colour", "size"]
    labels = random.integers(2, size=n)
    texts = []
    for label in labels:
        words = list(random.choice(others, 5))
        words[random.integers(5)] = random.choice(praise if label else blame)
        texts.append(" ".join(words))
    return pd.DataFrame({"review": texts, "age": random.normal(size=n)}), labels


@pytest.fixture(scope="module")
def classifier() -> kerasnn.Classifier:
    return kerasnn.Classifier("mlp", random_state=0, **SETTINGS).fit(*rows(300, 0))


def test_classifier_learns_from_texts(classifier: kerasnn.Classifier) -> None:
    frame, labels = rows(200, 1)
    assert classifier.bundle_.config["preprocessing"]["tokens"] == "words"
    assert classifier.score(frame, labels) > 0.9
    together = classifier.predict_proba(frame)
    assert_allclose(classifier.predict_proba(frame[:1]), together[:1], atol=1e-6)


def test_missing_and_new_texts_are_predicted(classifier: kerasnn.Classifier) -> None:
    cells = [None, "", np.nan, " \n ", "nothing that was known", "这件衣服很好看"]
    frame = pd.DataFrame({"review": pd.Series(cells, dtype=object), "age": 0.0})
    found = classifier.predict_proba(frame)
    assert np.isfinite(found).all()
    assert_array_equal(found[0], found[1])
    assert_array_equal(found[0], found[2])
    assert_array_equal(found[0], found[3])


def test_copies_predict_alike(classifier: kerasnn.Classifier, tmp_path: Path) -> None:
    frame, _ = rows(20, 2)
    expected = classifier.predict_proba(frame)
    classifier.save(tmp_path / "model.kerasnn")
    for other in (
        pickle.loads(pickle.dumps(classifier)),
        copy.deepcopy(classifier),
        kerasnn.Classifier.load(tmp_path / "model.kerasnn"),
    ):
        assert_array_equal(other.predict_proba(frame), expected)


def test_shuffled_texts_cost_most(classifier: kerasnn.Classifier) -> None:
    frame, labels = rows(200, 3)
    found = importance(
        classifier.bundle_.predictor.scores,
        frame,
        labels,
        task="binary",
        columns=["age", "review"],
        classes=("0", "1"),
    )
    assert [item.column for item in found] == ["review", "age"]
    assert found[0].loss > 0.2
    assert abs(found[1].loss) < 0.1


def test_regressor_learns_from_texts() -> None:
    frame, labels = rows(300, 4)
    regressor = kerasnn.Regressor("mlp", random_state=0, **SETTINGS).fit(frame, labels * 10.0)
    others, truth = rows(100, 5)
    assert regressor.score(others, truth * 10.0) > 0.6


def test_text_may_be_given_where_it_is_not_guessed() -> None:
    _, labels = rows(40, 6)
    words = pd.DataFrame({"word": ["good" if label else "bad" for label in labels]})
    short = {**SETTINGS, "epochs": 2, "columns": {"word": "text"}}
    found = kerasnn.Classifier("mlp", random_state=0, **short).fit(words, labels)
    assert [text.name for text in found.bundle_.predictor.preprocessor.texts] == ["word"]
