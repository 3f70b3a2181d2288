"""Scikit-learn's own checks first; then what is ours."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.estimator_checks import parametrize_with_checks

import kerasnn
from kerasnn.calibration.temperature import fit_temperature
from kerasnn.errors import ConfigError, DataError, KerasnnWarning

TINY: dict[str, Any] = {
    "model": "mlp",
    "hyperparameters": {"width": 8, "depth": 1, "dropout": 0.0},
    "epochs": 12,
    "batch_size": 16,
    "learning_rate": 0.1,
    # What TensorFlow traces fastest: a training is mostly that here.
    "settings": {"compile": "graph", "optimizer": "momentum", "average": 0.0},
}
SHORT = {**TINY, "epochs": 2}

EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": (
        "a row of weight 2 is one draw of a random step, and two rows are two: equal in "
        "expectation, not bit for bit"
    ),
}


@parametrize_with_checks(
    [kerasnn.Classifier(**TINY), kerasnn.Regressor(**TINY)],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES,
)
def test_scikit_learn_checks(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Raw columns of each kind, with missing cells, and labels that follow from them."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "row": np.arange(90),
            "age": rng.normal(40, 10, 90),
            "city": rng.choice(["Bern", "Graz", "Lyon"], 90),
            "day": pd.date_range("2024-01-01", periods=90, freq="D"),
            "member": rng.random(90) > 0.5,
        }
    )
    frame["bought"] = np.where((frame["city"] == "Lyon") | (frame["age"] > 50), "yes", "no")
    frame.loc[::9, "age"] = np.nan
    frame.loc[4, "city"] = None
    return frame


@pytest.fixture(scope="module")
def fitted(table: pd.DataFrame) -> kerasnn.Classifier:
    estimator = kerasnn.Classifier(**TINY, random_state=3)
    return estimator.fit(table.drop(columns="bought"), table["bought"])


def matrix(n_rows: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n_rows, 3))
    return X, (X[:, 0] + X[:, 1] > 0).astype(int)


def test_raw_columns_are_learned_from(table: pd.DataFrame, fitted: kerasnn.Classifier) -> None:
    X = table.drop(columns="bought")
    assert fitted.score(X, table["bought"]) > 0.85
    assert list(fitted.feature_names_in_) == list(X.columns)
    columns = fitted.bundle_.predictor.preprocessor.schema.columns
    kinds = {column.name: column.kind for column in columns}
    # A column that counts the rows is a number: scikit-learn's estimators drop nothing.
    assert kinds == {
        "row": "number",
        "age": "number",
        "city": "category",
        "day": "date",
        "member": "boolean",
    }
    assert fitted.n_iter_ == len(fitted.history_) == 12
    assert fitted.history_[0].keys() >= {"epoch", "loss", "validation_loss"}


def test_equals_train(table: pd.DataFrame) -> None:
    run = kerasnn.train(
        table,
        model="mlp",
        target="bought",
        columns={"row": "number", "age": "number", "member": "boolean"},
        set={
            **{f"model.{name}": value for name, value in TINY["hyperparameters"].items()},
            "epochs": 5,
            "batch_size": 16,
            "learning_rate": 0.1,
            **TINY["settings"],
            "split.test": 0.0,
        },
        seed=7,
        baselines=False,
    )
    X = table.drop(columns="bought")
    estimator = kerasnn.Classifier(**{**TINY, "epochs": 5}, random_state=7).fit(X, table["bought"])
    predicted = run.predict(X)
    assert_array_equal(estimator.predict_proba(X)[:, 1], predicted["probability:yes"])
    assert_array_equal(estimator.predict(X), predicted["prediction"])


def test_searches_pipelines_and_clones(table: pd.DataFrame) -> None:
    X, y = table.drop(columns="bought"), table["bought"]
    estimator = kerasnn.Classifier(**SHORT, random_state=0)
    search = GridSearchCV(
        estimator, {"hyperparameters": [{"width": 4, "depth": 1}], "epochs": [1, 2]}, cv=2
    ).fit(X, y)
    assert search.best_estimator_.n_iter_ == search.best_params_["epochs"]
    numbers = matrix()
    pipeline = make_pipeline(StandardScaler(), clone(search.best_estimator_))
    assert cross_val_score(pipeline, *numbers, cv=2).min() > 0


def test_random_state_decides() -> None:
    X, y = matrix()

    def trained_model(random_state: Any) -> np.ndarray:
        return kerasnn.Classifier(**SHORT, random_state=random_state).fit(X, y).predict_proba(X)

    assert_array_equal(trained_model(5), trained_model(5))
    assert_array_equal(
        trained_model(np.random.RandomState(5)), trained_model(np.random.RandomState(5))
    )
    assert not np.array_equal(trained_model(None), trained_model(None))


def test_regressor_follows_a_line_in_its_unit() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    y = 1000 + 50 * X[:, 0]
    settings = {"compile": "graph", "weight_decay": 0.0}
    estimator = kerasnn.Regressor(
        "linear", epochs=60, batch_size=16, learning_rate=0.05, settings=settings, random_state=0
    ).fit(X, y)
    assert estimator.score(X, y) > 0.99
    assert_allclose(estimator.predict(X), y, atol=20)
    constant = kerasnn.Regressor(**SHORT, random_state=0).fit(X, np.full(200, 7.0))
    assert_allclose(constant.predict(X), 7.0, atol=2)


def test_columns_that_never_change_are_kept() -> None:
    X = np.ones((30, 2))
    estimator = kerasnn.Classifier(**SHORT, random_state=0).fit(X, np.arange(30) % 2)
    assert estimator.predict(X).shape == (30,)
    assert estimator.n_features_in_ == 2


def test_rows_of_weight_0_are_left_out_and_equal_weights_change_nothing() -> None:
    X, y = matrix()
    junk = np.vstack([X, 100 * X])
    weights = np.repeat([3.0, 0.0], len(X))
    plain = kerasnn.Classifier(**SHORT, random_state=0).fit(X, y).predict_proba(X)
    estimator = kerasnn.Classifier(**SHORT, random_state=0)
    weighted = estimator.fit(junk, np.concatenate([y, 1 - y]), sample_weight=weights)
    assert_allclose(weighted.predict_proba(X), plain, rtol=1e-5)


def test_class_weights_are_sample_weights() -> None:
    X, y = matrix()
    for class_weight in ({0: 5.0, 1: 1.0}, "balanced"):
        by_class = kerasnn.Classifier(**SHORT, class_weight=class_weight, random_state=0).fit(X, y)
        by_row = kerasnn.Classifier(**SHORT, random_state=0).fit(
            X, y, sample_weight=compute_sample_weight(class_weight, y)
        )
        assert_array_equal(by_class.predict_proba(X), by_row.predict_proba(X))
    heavy = kerasnn.Classifier(**TINY, class_weight={0: 1e4, 1: 1e-4}, random_state=0).fit(X, y)
    assert np.mean(y == 0) < 0.6
    assert np.mean(heavy.predict(X) == 0) > 0.85


def test_weights_count_as_repeated_rows_for_the_temperature() -> None:
    rng = np.random.default_rng(0)
    logits, truth = rng.normal(size=(40, 3)) * 4, rng.integers(3, size=40)
    counts = rng.integers(1, 4, size=40)
    repeated = fit_temperature(logits.repeat(counts, axis=0), truth.repeat(counts))
    weighted = fit_temperature(logits, truth, weights=counts / counts.mean())
    # The row of unknown class weighs 1 of 40 here and 1 of more rows there.
    assert weighted == pytest.approx(repeated, rel=0.05)
    assert weighted != pytest.approx(fit_temperature(logits, truth), rel=1e-6)


@pytest.mark.parametrize(
    "labels",
    [
        ["yes", "no"],
        ["10", "9", "100"],
        [True, False],
        [-1.0, 1.0],
        [3, 30, 200],
        np.array(["b", "a"], dtype=object),
    ],
    ids=str,
)
def test_labels_come_back_as_they_were(labels: Any, tmp_path: Path) -> None:
    X, _ = matrix()
    y = np.asarray(labels)[np.arange(60) % len(labels)]
    estimator = kerasnn.Classifier(**SHORT, random_state=0).fit(X, y)
    assert_array_equal(estimator.classes_, np.unique(y))
    predicted = estimator.predict(X)
    assert predicted.dtype == y.dtype
    assert_array_equal(predicted, estimator.classes_[estimator.predict_proba(X).argmax(axis=1)])
    estimator.save(tmp_path / "model.kerasnn")
    loaded = kerasnn.Classifier.load(tmp_path / "model.kerasnn")
    assert_array_equal(loaded.predict(X), predicted)
    # Whoever opens the bundle finds the labels too, not their codes.
    table = kerasnn.load(tmp_path / "model.kerasnn").predict(
        pd.DataFrame(X, columns=["x0", "x1", "x2"])
    )
    assert table["prediction"].tolist() == predicted.tolist()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a", "NA"], "the label 'NA' stands for a missing value – give the class another name"),
        (["a", " a"], "the labels ' a', 'a' can't be told apart – rename them"),
        (["a", "a"], "y has one class only: 'a' – add rows of another class"),
        (["a", None], "y has 30 missing labels – leave these rows out"),
    ],
)
def test_labels_that_are_refused(labels: list[str | None], message: str) -> None:
    X, _ = matrix()
    y = np.array(labels * 30, dtype=object)
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        kerasnn.Classifier(**SHORT).fit(X, y)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"settings": {"seed": 1}},
            "`run.seed` is not one of the `settings` – pass `random_state`",
        ),
        (
            {"settings": {"data.drop": ["x0"]}},
            "`data.drop` is not one of the `settings` – pass `columns`, or prepare the table",
        ),
        (
            {"settings": {"split.kind": "time"}},
            "`split.kind` is not one of the `settings` – pass `validation_fraction`, "
            "or split the table",
        ),
        ({"settings": 3}, "`settings` must be a mapping; got 3"),
        ({"validation_fraction": 1}, "`validation_fraction` must be in (0, 1); got 1"),
        ({"model": "mpl"}, "unknown model 'mpl' – did you mean 'mlp'?"),
        ({"epochs": -1}, "`training.epochs` must be at least 0; got -1"),
        ({"columns": {"x9": "number"}}, "unknown column 'x9' – choose from x0, x1, x2"),
        (
            {"columns": {"x0": "identifier", "x1": "identifier", "x2": "identifier"}},
            "no column is left to learn from: 'x0' (given), 'x1' (given), 'x2' (given) – "
            "give a column a kind with `columns`",
        ),
    ],
    ids=lambda value: str(value)[:30],
)
def test_parameters_that_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises((ConfigError, DataError), match=f"^{re.escape(message)}$"):
        kerasnn.Classifier(**parameters).fit(*matrix())


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(3), "`sample_weight` must be of shape (60,); got (3,)"),
        (np.full(60, -1), "`sample_weight` must not be negative; got -1"),
        (np.zeros(60), "every sample weight is zero – give some rows a weight"),
    ],
    ids=["length", "negative", "zero"],
)
def test_weights_that_are_refused(weights: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        kerasnn.Classifier().fit(*matrix(), sample_weight=weights)


def test_tables_that_are_refused() -> None:
    with pytest.raises(DataError, match=r"^1 row of 1 column, too few to learn from$"):
        kerasnn.Classifier().fit(pd.DataFrame({"a": [1]}), [1])
    with pytest.raises(ValueError, match="could not convert string to float"):
        kerasnn.Classifier().fit(np.array([["a"], ["b"]], dtype=object), [0, 1])
    with pytest.raises(DataError, match="infinite or too large: inf"):
        kerasnn.Classifier().fit(pd.DataFrame({"a": [1.0, np.inf, 2.0]}), [0, 1, 0])
    estimator = kerasnn.Regressor(epochs=-1)
    with pytest.raises(ConfigError):
        estimator.fit(*matrix())
    with pytest.raises(NotFittedError):
        estimator.predict(matrix()[0])
    with pytest.raises(NotFittedError):
        estimator.save("model.kerasnn")


def test_the_only_row_of_a_class_trains() -> None:
    labels = ["a"] * 10 + ["b"] * 8 + ["c"]
    X, _ = matrix(19)
    with pytest.warns(KerasnnWarning, match=r"^class 'c' has one row only, which trains"):
        estimator = kerasnn.Classifier(**SHORT, random_state=0).fit(X, labels)
    assert estimator.predict_proba(X).shape == (19, 3)


def test_arrow_tables_and_named_targets(table: pd.DataFrame) -> None:
    X = pa.table({"target": table["age"], "city": table["city"]})
    estimator = kerasnn.Classifier(**SHORT, random_state=0).fit(X, table["bought"].to_numpy())
    assert list(estimator.feature_names_in_) == ["target", "city"]
    assert estimator.bundle_.predictor.preprocessor.schema.target.name == "target_"
    assert estimator.predict(X).shape == (90,)


def test_given_kinds_and_left_out_text(table: pd.DataFrame) -> None:
    X = table[["row", "age"]].assign(name=[f"n{i}" for i in range(90)])
    X["size"] = pd.Categorical(np.arange(90) % 3)
    estimator = kerasnn.Classifier(**SHORT, columns={"row": "identifier"}, random_state=0)
    with pytest.warns(KerasnnWarning, match="looks like an identifier .* 'name'"):
        estimator.fit(X, table["bought"])
    columns = estimator.bundle_.predictor.preprocessor.schema.columns
    assert [(column.name, column.kind, column.used) for column in columns] == [
        ("row", "identifier", False),
        ("age", "number", True),
        ("name", "identifier", False),
        ("size", "category", True),
    ]
    assert estimator.predict(X).shape == (90,)


def test_settings_and_limits_reach_the_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    settings = {"optimizer": "sgd", "epochs": 99, "preprocessing.scale": "minmax"}
    estimator = kerasnn.Classifier(
        "linear", epochs=2, settings=settings, time_limit_s=60, random_state=1, verbose=1
    ).fit(*matrix())
    config = estimator.bundle_.config
    assert (config["training"]["optimizer"], config["training"]["epochs"]) == ("sgd", 2)
    assert config["preprocessing"]["scale"] == "minmax"
    assert (config["run"]["time_limit_s"], config["run"]["seed"]) == (60, 1)
    assert config["data"]["columns"] == {"x0": "number", "x1": "number", "x2": "number"}
    assert capsys.readouterr().out == ""


def test_public_names_are_true_sorted_and_lazy() -> None:
    assert kerasnn.__all__ == sorted(kerasnn.__all__)
    assert set(kerasnn.__all__) <= set(dir(kerasnn))
    for name in kerasnn.__all__:
        found = getattr(kerasnn, name)
        assert getattr(found, "__name__", "").removeprefix("kerasnn.") == name
    with pytest.raises(AttributeError, match="module 'kerasnn' has no attribute 'nothing'"):
        kerasnn.nothing  # noqa: B018
    program = (
        "import sys, kerasnn; dir(kerasnn); kerasnn.DataError; kerasnn.Signature\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    heavy = {"keras", "tensorflow", "numpy", "pandas", "pyarrow", "sklearn", "scipy", "matplotlib"}
    assert "kerasnn" in run.stdout.split()
    assert not heavy & set(run.stdout.split())


def test_guide_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guide = Path(__file__).parents[2] / "docs" / "scikit-learn.md"
    blocks = re.findall(r"```python\n(.*?)```", guide.read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec("\n".join(blocks), names)
    assert (tmp_path / "model.kerasnn").is_file()
    assert_array_equal(names["same"].predict(names["X"]), names["classifier"].predict(names["X"]))
