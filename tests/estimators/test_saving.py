"""Estimators as files and as pickles."""

from __future__ import annotations

import pickle
import pickletools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone

import kerasnn
from kerasnn.bundle import Bundle
from kerasnn.errors import ConfigError, ModelRefusedError


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Raw columns of several kinds, with missing cells."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.normal(40, 10, 60), "city": rng.choice(["Bern", "Lyon"], 60)})
    frame["bought"] = np.where((frame["city"] == "Lyon") | (frame["age"] > 50), "yes", "no")
    frame.loc[::9, "age"] = np.nan
    return frame


@pytest.fixture(scope="module")
def fitted(table: pd.DataFrame) -> kerasnn.Classifier:
    estimator = kerasnn.Classifier(
        "mlp",
        hyperparameters={"width": 8, "depth": 1},
        epochs=3,
        settings={"compile": "graph", "optimizer": "momentum"},
        class_weight={"yes": 2, "no": 1},
        random_state=3,
    )
    return estimator.fit(table.drop(columns="bought"), table["bought"])


def test_saved_and_loaded(table: pd.DataFrame, fitted: kerasnn.Classifier, tmp_path: Path) -> None:
    X = table.drop(columns="bought")
    path = tmp_path / "model.kerasnn"
    fitted.save(path)
    loaded = kerasnn.Classifier.load(path)
    assert loaded.get_params() == fitted.get_params()
    assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    assert list(loaded.feature_names_in_) == list(fitted.feature_names_in_)
    assert loaded.history_ == fitted.history_
    again = clone(loaded).fit(X, table["bought"])
    assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    with pytest.raises(
        ConfigError, match=r"the model is for binary .* use kerasnn\.Classifier\.load"
    ):
        kerasnn.Regressor.load(path)


def test_a_run_is_an_estimator_too(
    table: pd.DataFrame, fitted: kerasnn.Classifier, tmp_path: Path
) -> None:
    """A bundle without notes of an estimator, as `kerasnn.train` writes it."""
    X = table.drop(columns="bought")
    bundle = fitted.bundle_
    Bundle(bundle.model, bundle.hyperparameters, bundle.training_options, bundle.predictor).save(
        tmp_path / "model.kerasnn"
    )
    loaded = kerasnn.Classifier.load(tmp_path / "model.kerasnn")
    assert_array_equal(loaded.predict(X), fitted.predict(X))
    assert loaded.get_params()["settings"]["training.epochs"] == 3
    assert clone(loaded).set_params(epochs=1).fit(X, table["bought"]).n_iter_ == 1


@pytest.mark.parametrize(
    "noted",
    [
        "text",
        {"parameters": {"evil": 1}, "labels": ["no", "yes"], "named": True},
        {"parameters": {"class_weight": [[["x"], 1]]}, "labels": ["no", "yes"], "named": True},
        {"parameters": {}, "labels": ["no"], "named": True},
        {"parameters": {}, "labels": ["no", {}], "named": True},
        {"parameters": {}, "labels": [[], []], "named": True},
    ],
    ids=str,
)
def test_malformed_notes_are_refused(
    noted: Any, fitted: kerasnn.Classifier, tmp_path: Path
) -> None:
    bundle = fitted.bundle_
    path = tmp_path / "model.kerasnn"
    report = {"estimator": noted}
    Bundle(
        bundle.model,
        bundle.hyperparameters,
        bundle.training_options,
        bundle.predictor,
        report=report,
    ).save(path)
    with pytest.raises(
        ModelRefusedError, match="what the model says of its estimator is malformed"
    ):
        kerasnn.Classifier.load(path)


def test_a_pickle_holds_a_bundle_and_nothing_of_keras(
    table: pd.DataFrame, fitted: kerasnn.Classifier
) -> None:
    X = table.drop(columns="bought")
    pickled = pickle.dumps(fitted)
    assert_array_equal(pickle.loads(pickled).predict_proba(X), fitted.predict_proba(X))
    texts = {arg for _, arg, _ in pickletools.genops(pickled) if isinstance(arg, str)}
    modules = {text for text in texts if re.fullmatch(r"(keras|tensorflow)\b.*", text)}
    assert not modules
    assert "kerasnn.estimators.classifier" in texts
    assert pickle.loads(pickle.dumps(clone(fitted))).get_params() == fitted.get_params()
