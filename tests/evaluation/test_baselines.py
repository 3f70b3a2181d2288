"""Baselines against scikit-learn on the same rows, and what the verdict says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from kerasnn.data.schema import Column, Schema, Target
from kerasnn.errors import KerasnnWarning
from kerasnn.evaluation import baselines as module
from kerasnn.evaluation import design_matrices
from kerasnn.evaluation.baselines import Baseline, baselines
from kerasnn.evaluation.comparison import compare, verdict
from kerasnn.metrics.predictions import Predictions
from kerasnn.metrics.registry import METRICS
from kerasnn.options import PreprocessingOptions
from kerasnn.preprocessing.preprocessor import Preprocessor

COLUMNS = (
    Column("width", "number"),
    Column("height", "number"),
    Column("colour", "category"),
    Column("day", "date", layout="ISO8601"),
)


def make_frame(n_rows: int = 240, *, missing: bool = True) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    width, height = rng.normal(50, 10, n_rows), rng.normal(size=n_rows)
    colour = rng.choice(["red", "green", "blue"], n_rows)
    signal = (width - 50) / 10 + (colour == "red") + 0.3 * rng.normal(size=n_rows)
    if missing:
        width[::7] = np.nan
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, n_rows), unit="D")
    return pd.DataFrame(
        {
            "width": width,
            "height": height,
            "colour": np.where(np.arange(n_rows) % 11 == 3, "", colour) if missing else colour,
            "day": days.strftime("%Y-%m-%d"),
            "label": np.where(signal > 0.4, "yes", "no"),
            "size": np.digitize(signal, [-0.5, 1.0]).astype(str),
            "value": 1000 + 20 * signal,
        }
    )


FRAME = make_frame()
TARGETS = {
    "binary": Target("label", "binary", ("no", "yes")),
    "multiclass": Target("size", "multiclass", ("0", "1", "2")),
    "regression": Target("value", "regression", label_type="float"),
}


def fit(target: Target, train: pd.DataFrame, columns: tuple[Column, ...] = COLUMNS) -> Preprocessor:
    return Preprocessor.fit(train, Schema(columns, target), PreprocessingOptions(min_count=1))


def parts(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    cut = 3 * len(frame) // 4
    return frame.iloc[:cut], frame.iloc[cut:].reset_index(drop=True)


@pytest.mark.parametrize("task", TARGETS)
def test_each_task_has_three_baselines_and_the_better_ones_win(task: str) -> None:
    train, test = parts(FRAME)
    found = baselines(fit(TARGETS[task], train), train, test)
    constant, linear, boosting = found
    assert [each.name for each in found] == [
        "mean" if task == "regression" else "majority",
        "linear",
        "boosting",
    ]
    metric = METRICS["rmse" if task == "regression" else "log_loss"]
    for better in (linear, boosting):
        assert metric(better.predictions) < 0.95 * metric(constant.predictions)
        assert better.seconds > 0
        assert better.note == ""
    truth = test[TARGETS[task].name]
    expected = truth if task == "regression" else [TARGETS[task].classes.index(t) for t in truth]
    np.testing.assert_allclose(constant.predictions.truth, expected, rtol=1e-6)


def test_the_constant_knows_the_training_rows_shares() -> None:
    train, test = parts(FRAME)
    majority = baselines(fit(TARGETS["binary"], train), train, test)[0].predictions
    share = (train["label"] == "yes").mean()
    np.testing.assert_allclose(majority.scores[:, 1], share)
    mean = baselines(fit(TARGETS["regression"], train), train, test)[0].predictions
    np.testing.assert_allclose(mean.scores, train["value"].mean(), rtol=1e-6)


def design(train: pd.DataFrame, rows: pd.DataFrame) -> np.ndarray:
    numbers, words = ["width", "height"], ["colour"]
    return np.hstack(
        [
            StandardScaler().fit(train[numbers]).transform(rows[numbers]),
            OneHotEncoder(sparse_output=False).fit(train[words]).transform(rows[words]),
        ]
    )


def test_linear_equals_scikit_learn() -> None:
    train, test = parts(make_frame(missing=False))
    columns = COLUMNS[:3]
    linear = baselines(fit(TARGETS["binary"], train, columns), train, test)[1].predictions
    oracle = LogisticRegression().fit(design(train, train), train["label"])
    expected = oracle.predict_proba(design(train, test))
    np.testing.assert_allclose(linear.scores, expected, atol=2e-3)
    linear = baselines(fit(TARGETS["regression"], train, columns), train, test)[1].predictions
    # The target is standardised for the baseline, which does not change a ridge regression.
    oracle = Ridge().fit(design(train, train), train["value"])
    np.testing.assert_allclose(linear.scores, oracle.predict(design(train, test)), rtol=1e-4)


@pytest.mark.parametrize("transform", ["none", "log"])
@pytest.mark.parametrize("scale", ["standard", "quantile", "robust_smooth_clip", "none"])
def test_simple_models_do_not_see_how_the_network_takes_the_columns(
    scale: Any, transform: Any
) -> None:
    frame = make_frame()
    frame["width"] = frame["width"] ** 3
    frame["value"] = np.exp(0.1 * frame["height"]) * 100
    train, test = parts(frame)
    options = PreprocessingOptions(
        scale=scale, target_transform=transform, number_embedding="piecewise_linear"
    )
    schema = Schema(COLUMNS[:2], TARGETS["regression"])
    found = baselines(Preprocessor.fit(train, schema, options), train, test)
    mean = train["width"].mean()

    def columns(rows: pd.DataFrame) -> pd.DataFrame:
        filled = rows[["width", "height"]].fillna({"width": mean})
        return filled.assign(missing=rows["width"].isna().astype(float))

    ridge = make_pipeline(StandardScaler(), Ridge()).fit(columns(train), train["value"])
    expected = ridge.predict(columns(test))
    np.testing.assert_allclose(found[1].predictions.scores, expected, rtol=1e-5)
    boosting = HistGradientBoostingRegressor(random_state=0)
    boosting.fit(train[["width", "height"]], train["value"])
    expected = boosting.predict(test[["width", "height"]])
    np.testing.assert_allclose(found[2].predictions.scores, expected, rtol=1e-4)
    for each in found:
        np.testing.assert_allclose(each.predictions.truth, test["value"], rtol=1e-6)


def test_boosting_takes_missing_numbers_and_categories_natively() -> None:
    train, test = parts(FRAME)
    boosting = baselines(fit(TARGETS["binary"], train, COLUMNS[:3]), train, test)[2].predictions

    def native(rows: pd.DataFrame) -> pd.DataFrame:
        colour = rows["colour"].replace("", None).astype("category")
        return rows[["width", "height"]].assign(colour=colour)

    oracle = HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=0)
    expected = oracle.fit(native(train), train["label"]).predict_proba(native(test))
    np.testing.assert_allclose(boosting.scores, expected, atol=1e-6)


def test_nothing_is_learned_from_the_test_rows() -> None:
    train, test = parts(FRAME)
    preprocessor = fit(TARGETS["regression"], train)
    whole = baselines(preprocessor, train, test)
    changed = test.assign(width=0.0, value=-1.0)
    changed.iloc[:5] = test.iloc[:5]
    for each, other in zip(whole, baselines(preprocessor, train, changed), strict=True):
        np.testing.assert_array_equal(
            each.predictions.scores[:5], other.predictions.scores[:5], each.name
        )


@pytest.mark.parametrize("columns", [COLUMNS[:1], COLUMNS[2:3], COLUMNS[3:]])
def test_one_column_is_enough(columns: tuple[Column, ...]) -> None:
    train, test = parts(FRAME)
    assert len(baselines(fit(TARGETS["binary"], train, columns), train, test)) == 3


def test_many_rows_are_drawn_from_and_it_is_said() -> None:
    train, test = parts(FRAME)
    preprocessor = fit(TARGETS["binary"], train)
    majority, linear, boosting = baselines(preprocessor, train, test, max_rows=60, seed=1)
    assert majority.note == ""
    assert linear.note == boosting.note == "fitted on 60 of 180 training rows"
    again = baselines(preprocessor, train, test, max_rows=60, seed=1)[1].predictions.scores
    np.testing.assert_array_equal(again, linear.predictions.scores)
    other = baselines(preprocessor, train, test, max_rows=60, seed=2)[1].predictions.scores
    assert not np.array_equal(other, again)


def test_a_class_that_training_lacks_gets_no_probability() -> None:
    train, test = parts(FRAME)
    preprocessor = fit(TARGETS["multiclass"], train)
    some = train[train["size"] != "1"].reset_index(drop=True)
    for each in baselines(preprocessor, some, test):
        assert (each.predictions.scores[:, 1] == 0).all()
    one = train[train["size"] == "1"].reset_index(drop=True)
    (majority,) = baselines(preprocessor, one, test)
    assert (majority.predictions.scores[:, 1] == 1).all()


def test_many_classes_have_fewer_rounds_or_no_boosting(monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = parts(FRAME)
    preprocessor = fit(TARGETS["multiclass"], train)
    monkeypatch.setattr(module, "MAX_TREES", 30)
    assert baselines(preprocessor, train, test)[2].note == "10 rounds instead of 100"
    monkeypatch.setattr(module, "MAX_BOOSTED_CLASSES", 2)
    with pytest.warns(KerasnnWarning, match="no gradient boosting .* 3 classes are too many"):
        assert len(baselines(preprocessor, train, test)) == 2


def test_the_rarest_of_many_categories_count_as_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = np.array([[0, 4], [2, 1], [3, 3]], dtype=np.int32)
    received = design_matrices._sparse(np.array([[0.5], [0.0], [-1.0]]), codes, [3, 5]).toarray()
    clipped = np.where(codes >= [3, 5], 1, codes)
    expected = np.hstack([[[0.5], [0.0], [-1.0]], np.eye(3)[clipped[:, 0]], np.eye(5)[codes[:, 1]]])
    np.testing.assert_array_equal(received, expected)
    train, test = parts(FRAME)
    # Above the native limit, boosting takes the codes, in the order of frequency, as numbers.
    monkeypatch.setattr(module, "MAX_NATIVE", 2)
    monkeypatch.setattr(design_matrices, "MAX_ONE_HOT", 3)
    assert len(baselines(fit(TARGETS["binary"], train), train, test)) == 3


TRUTH = np.arange(400) % 2


def make_model(name: str, title: str, noise: float) -> Baseline:
    logits = TRUTH + noise * np.random.default_rng(7).normal(size=len(TRUTH))
    likely = np.clip(logits, -3, 4) / 7 + 3 / 7 if noise else np.full(len(TRUTH), 0.5)
    scores = np.stack([1 - likely, likely], axis=1)
    predictions = Predictions.from_scores("binary", ("no", "yes"), truth=TRUTH, scores=scores)
    return Baseline(name, title, predictions, 0.1)


MAJORITY = make_model("majority", "the majority class", 0.0)
POOR = make_model("linear", "logistic regression", 2.0)
GOOD = make_model("boosting", "gradient boosting", 0.5)


def say(network: Baseline, *others: Baseline, omitted: Sequence[str] = ()) -> str:
    compared = compare(network.predictions, others)
    return verdict(network.predictions, others, compared, omitted=omitted)


def test_the_verdict_says_who_wins() -> None:
    medium = make_model("network", "", 1.0)
    assert say(medium, MAJORITY, POOR).startswith(
        "The network beats every baseline; the best is logistic regression: ROC AUC 0.7"
    )
    assert say(medium, MAJORITY, POOR, GOOD).startswith(
        "The network does not win: gradient boosting is better, ROC AUC 0.7"
    )
    assert say(GOOD, MAJORITY, POOR, GOOD).startswith(
        "The network does not clearly win: it and gradient boosting are level on these 400 rows, "
    )
    assert say(make_model("network", "", 40.0), MAJORITY, GOOD).startswith(
        "The network is not better than the majority class: ROC AUC 0.4"
    )


def test_the_verdict_names_what_was_not_run() -> None:
    medium = make_model("network", "", 1.0)
    said = say(medium, MAJORITY, POOR, omitted=["gradient boosting"])
    assert said.startswith(
        "The network beats the majority class and logistic regression; the best is logistic "
        "regression: ROC AUC 0.7"
    )
    assert said.endswith("); gradient boosting was not run for lack of time.")
    said = say(medium, MAJORITY, omitted=["the linear model", "gradient boosting"])
    assert said.startswith("The network beats the majority class: ROC AUC 0.7")
    assert said.endswith("); the linear model and gradient boosting were not run for lack of time.")


def test_decisions_like_the_majority_class_beat_no_baseline() -> None:
    medium = make_model("network", "", 1.0)
    scores = medium.predictions.scores * [1, 1e-3]
    scores /= scores.sum(axis=1, keepdims=True)
    ranked = Predictions.from_scores("binary", ("no", "yes"), truth=TRUTH, scores=scores)
    said = say(replace(medium, predictions=ranked), MAJORITY, POOR)
    assert said.startswith(
        "The network ranks rows better than every baseline; the best is logistic regression: "
        "ROC AUC 0.7"
    )
    assert (
        "; its decisions are not clearly better than the majority class, accuracy 0.5000 against "
        "0.5000 (95 % interval of the gain -0."
    ) in said
    # A threshold that somebody chose is not meant to be right as often as can be.
    chosen = Predictions.from_scores(
        "binary", ("no", "yes"), truth=TRUTH, scores=medium.predictions.scores, threshold=0.01
    )
    assert "beats every baseline" in say(replace(medium, predictions=chosen), MAJORITY, POOR)


def test_the_verdict_gives_the_interval_of_the_gain() -> None:
    gain = compare(GOOD.predictions, [POOR])["linear"]
    low, high = gain.interval
    assert 0 < low < gain.value < high
    assert say(GOOD, POOR).endswith(f"(95 % interval of the gain {low:.4f} to {high:.4f}).")


def test_no_verdict_where_the_metric_is_undefined() -> None:
    rows = TRUTH == 0
    one = Baseline("majority", "", MAJORITY.predictions.take(rows), 0.0)
    assert say(one, one) == "No verdict: ROC AUC is not defined on these rows."
    assert say(one) == "No verdict: no baseline."
