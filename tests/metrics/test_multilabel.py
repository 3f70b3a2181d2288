"""Several labels a row: metrics against scikit-learn, baselines, calibration, scores, report."""

from __future__ import annotations

import json
import math
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from scipy import special
from sklearn import metrics as oracle

from kerasnn.calibration.temperature import (
    as_pairs,
    fit_temperature,
    fit_threshold,
    label_probabilities,
    reliability,
)
from kerasnn.data.schema import Column, Schema, Target
from kerasnn.errors import ConfigError, DataError
from kerasnn.evaluation.baselines import baselines
from kerasnn.evaluation.scores import Scores, score
from kerasnn.evaluation.slices import slices
from kerasnn.explain.importance import importance
from kerasnn.metrics import registry
from kerasnn.metrics.bootstrap import intervals
from kerasnn.metrics.predictions import Predictions
from kerasnn.metrics.registry import METRICS
from kerasnn.prediction.predictor import Decision, Predictor
from kerasnn.preprocessing import Preprocessor
from kerasnn.report import render
from kerasnn.report.data import ReportInputs, build_report_data, decision_boundary
from kerasnn.signature import Signature

LABELS = ("comedy", "drama", "war", "<b>x</b>")


def make(n_rows: int = 300, *, seed: int = 0) -> Predictions:
    rng = np.random.default_rng(seed)
    truth = (rng.random((n_rows, 4)) < [0.6, 0.3, 0.1, 0.5]).astype(int)
    # Rounded, so that scores have ties.
    scores = special.expit(2.5 * truth - 1.2 + rng.normal(size=truth.shape)).round(2)
    return Predictions.from_scores("multilabel", LABELS, truth=truth, scores=scores)


P = make()


def micro_f1(truth: np.ndarray, decision: np.ndarray) -> float:
    return float(oracle.f1_score(truth, decision, average="micro"))


def macro_f1(truth: np.ndarray, decision: np.ndarray) -> float:
    return float(oracle.f1_score(truth, decision, average="macro"))


def mean_log_loss(truth: np.ndarray, scores: np.ndarray) -> float:
    pairs = zip(truth.T, scores.T, strict=True)
    return float(np.mean([oracle.log_loss(t, s, labels=[0, 1]) for t, s in pairs]))


ON_DECISIONS = {
    "micro_f1": micro_f1,
    "macro_f1": macro_f1,
    "exact_match": oracle.accuracy_score,
    "hamming_loss": oracle.hamming_loss,
}
ON_SCORES = {
    "mean_average_precision": oracle.average_precision_score,
    "auc": oracle.roc_auc_score,
    "log_loss": mean_log_loss,
    "brier": lambda truth, scores: np.square(truth - scores).mean(),
}


def test_these_are_all_metrics_of_the_task() -> None:
    names = {metric.name for metric in registry.metrics_of("multilabel")}
    assert names == {*ON_DECISIONS, *ON_SCORES, "calibration_error"}
    assert registry.MAIN_METRIC["multilabel"] in names


@pytest.mark.parametrize("name", [*ON_DECISIONS, *ON_SCORES])
def test_metrics_are_those_of_scikit_learn_with_and_without_weights(name: str) -> None:
    reference = ON_DECISIONS.get(name) or ON_SCORES[name]
    answers = P.decision if name in ON_DECISIONS else P.scores
    assert METRICS[name](P) == pytest.approx(reference(P.truth, answers), rel=1e-9)
    counts = np.random.default_rng(2).multinomial(len(P), np.full(len(P), 1 / len(P)))
    rows = np.repeat(np.arange(len(P)), counts)
    value = METRICS[name].prepare(P)(counts.astype(float))
    assert value == pytest.approx(reference(P.truth[rows], answers[rows]), rel=1e-9)


def test_the_calibration_error_looks_at_each_label_of_each_row() -> None:
    likely, truth = as_pairs(P.scores, P.truth)
    pairs = Predictions.from_scores("binary", ("0", "1"), truth=truth, scores=likely)
    error = METRICS["calibration_error"]
    assert error(P) == pytest.approx(error(pairs), rel=1e-12)
    counts = np.random.default_rng(3).integers(0, 3, len(P)).astype(float)
    expected = error.prepare(pairs)(np.repeat(counts, 4))
    assert error.prepare(P)(counts) == pytest.approx(expected, rel=1e-12)
    assert reliability(P).count.sum() == 4 * len(P)


def test_means_leave_out_a_label_that_no_row_has() -> None:
    truth = P.truth.copy()
    truth[:, 2] = 0
    rare = Predictions.from_scores("multilabel", LABELS, truth=truth, scores=P.scores)
    kept = [0, 1, 3]
    expected = oracle.average_precision_score(truth[:, kept], P.scores[:, kept])
    assert METRICS["mean_average_precision"](rare) == pytest.approx(expected)
    assert registry.notes(rare) == [
        "no row has the label 'war': means over the labels leave them out"
    ]
    nothing = np.zeros_like(truth)
    none = Predictions.from_scores("multilabel", LABELS, truth=nothing, scores=P.scores)
    assert math.isnan(METRICS["mean_average_precision"](none))
    assert METRICS["micro_f1"](none) == 0


def test_each_label_has_precision_recall_and_average_precision() -> None:
    found = registry.per_class(P)
    reference = oracle.precision_recall_fscore_support(P.truth, P.decision)
    for code, label in enumerate(LABELS):
        values = [found[label][name] for name in ("precision", "recall", "f1", "support")]
        np.testing.assert_allclose(values, [each[code] for each in reference])
        area = oracle.average_precision_score(P.truth[:, code], P.scores[:, code])
        assert found[label]["average_precision"] == pytest.approx(area)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"truth": P.truth[:, 0]}, r"`truth` must be of shape \(300, 4\)"),
        ({"truth": P.truth + 1}, "`truth` must be 0 or 1 for each label"),
        ({"decision": P.decision * 2}, "`decision` must be 0 or 1 for each label"),
        ({"scores": P.scores + 1}, "each in \\[0, 1\\]"),
        ({"scores": P.scores * np.nan}, "not finite"),
    ],
)
def test_predictions_are_checked(change: dict[str, np.ndarray], message: str) -> None:
    parts = {"truth": P.truth, "scores": P.scores, "decision": P.decision}
    with pytest.raises(DataError, match=message):
        Predictions("multilabel", LABELS, **{**parts, **change})


def test_intervals_hold_the_values() -> None:
    found = intervals(P, resamples=60)
    for name, interval in found.items():
        assert interval is not None
        assert interval[0] <= METRICS[name](P) <= interval[1]


def test_probabilities_temperature_and_threshold() -> None:
    rng = np.random.default_rng(5)
    logits = rng.normal(0, 3, (400, 3))
    np.testing.assert_allclose(
        label_probabilities(logits, temperature=2), special.expit(logits / 2)
    )
    truth = (rng.random(logits.shape) < special.expit(logits / 2)).astype(int)
    _, flat = as_pairs(logits, truth)
    assert fit_temperature(logits.reshape(-1, 1), flat) == pytest.approx(2, rel=0.15)
    likely, flat = as_pairs(P.scores, P.truth)
    best = fit_threshold(likely[:, 1], flat)
    values = [micro_f1(P.truth, P.scores >= cut) for cut in np.linspace(0, 1, 101)]
    assert micro_f1(P.truth, P.scores >= best) == pytest.approx(max(values))


TARGET = Target("genres", "multilabel", LABELS, "str", "|")
SCHEMA = Schema((Column("a", "number"), Column("b", "number"), Column("city", "category")), TARGET)


def rows(n: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, n))
    truth = np.stack([a > 0, b > 0.5, a + b > 1, np.zeros(n)], axis=1)
    names = [[label for label, on in zip(LABELS, row, strict=True) if on] for row in truth]
    cities = rng.choice(["x", "y"], n)
    return pd.DataFrame({"a": a, "b": b, "city": cities, "genres": pd.Series(names)})


def test_baselines_are_frequencies_and_a_model_for_each_label() -> None:
    train, test = rows(), rows(100)
    preprocessor = Preprocessor.fit(train, SCHEMA)
    constant, linear, boosting = baselines(preprocessor, train, test)
    assert (constant.name, linear.name, boosting.name) == ("frequencies", "linear", "boosting")
    shares = preprocessor.target(train).mean(axis=0)
    np.testing.assert_allclose(constant.predictions.scores, np.tile(shares, (100, 1)), rtol=1e-6)
    # The label that no row has is learned by none of them, and breaks none.
    assert not linear.predictions.scores[:, 3].any()
    main = METRICS["mean_average_precision"]
    assert main(constant.predictions) < 0.6
    assert main(linear.predictions) > 0.95
    assert main(boosting.predictions) > 0.9


def predictor() -> Predictor:
    preprocessor = Preprocessor.fit(rows(), SCHEMA)
    signature = preprocessor.signature
    assert (signature.output.task, signature.output.width) == ("multilabel", 4)
    inputs = {
        "numbers": keras.Input((2,), name="numbers"),
        "categories": keras.Input((1,), dtype="int32", name="categories"),
    }
    keras.utils.set_random_seed(0)
    network = keras.Model(inputs, keras.layers.Dense(4)(inputs["numbers"]))
    return Predictor(preprocessor, network, Decision(2.0, 0.4))


def test_a_predictor_joins_the_labels_that_reach_the_threshold() -> None:
    found, frame = predictor(), rows(30)
    scores = found.scores(frame)
    numbers = found.preprocessor.transform(frame).inputs["numbers"]
    logits = numbers @ found.network.layers[-1].kernel.numpy()
    np.testing.assert_allclose(scores, special.expit(logits / 2), rtol=1e-5)
    table = found.predict(frame)
    assert list(table.columns) == ["prediction", *(f"probability:{name}" for name in LABELS)]
    for row in range(30):
        names = [label for label, each in zip(LABELS, scores[row], strict=True) if each >= 0.4]
        assert table["prediction"][row] == "|".join(names)
    assert decision_boundary(found, frame) is None


def test_importance_and_slices() -> None:
    frame = rows()
    truth = Preprocessor.fit(frame, SCHEMA).target(frame)

    def guess(part: pd.DataFrame) -> np.ndarray:
        a, b = part["a"].to_numpy(), part["b"].to_numpy()
        return special.expit(np.stack([a, b - 0.5, a + b - 1, -9 + 0 * a], axis=1))

    found = importance(
        guess,
        frame,
        truth,
        task="multilabel",
        classes=LABELS,
        columns=["a", "b", "city"],
    )
    assert [each.column for each in found][-1] == "city"
    assert found[0].loss > 0.1
    assert found[-1].loss == 0
    predictions = Predictions.from_scores("multilabel", LABELS, truth=truth, scores=guess(frame))
    parts = slices(predictions, frame["city"], metric="micro_f1")
    assert sum(part.n_rows for part in parts.slices) == 200
    with pytest.raises(ConfigError, match="not one of a multilabel task"):
        slices(predictions, frame["city"], metric="accuracy")


def report_data(predictions: Predictions, scores: Scores) -> dict[str, Any]:
    return build_report_data(
        ReportInputs(
            examples_origin="films.csv",
            schema=SCHEMA,
            n_rows={"train": 700, "validation": 150, "test": 300},
            split="auto",
            config={"training": {"epochs": 3}},
            model_name="mlp",
            network=predictor().network,
            history=[{"epoch": 1, "loss": 0.5, "validation_loss": 0.6, "validation_log_loss": 0.6}],
            best_epoch=1,
            stopped="all epochs done",
            seconds=1.0,
            scores=scores,
            predictions=predictions,
            probes=None,
            importance=[],
            missing={},
            warnings=[],
            boundary=None,
        )
    )


def test_scores_as_text_and_json() -> None:
    scores = score(P)
    assert Scores.from_dict(json.loads(json.dumps(scores.to_dict()))) == scores
    assert (scores.main, scores.confusion) == ("mean_average_precision", ())
    text = scores.table()
    heads = [line.split() for line in text.splitlines() if line.startswith("label")]
    assert heads == [["label", "precision", "recall", "F1", "average", "precision", "rows"]]
    assert "mean average precision ↑" in text
    assert "micro F1 ↑" in text


def test_the_report_has_a_row_for_each_label_and_no_confusion() -> None:
    told = json.loads(json.dumps(report_data(P, score(P))))
    assert told["errors"]["confusion"]["labels"] == []
    for code, curve in enumerate(told["errors"]["curves"]):
        positive = P.truth[:, code] == 1
        false, true, _ = oracle.roc_curve(positive, P.scores[:, code], drop_intermediate=False)
        assert curve["roc"]["x"] == pytest.approx(false.tolist())
        assert curve["roc"]["y"] == pytest.approx(true.tolist())
        recall = oracle.recall_score(positive, P.decision[:, code])
        assert curve["at"]["recall"] == pytest.approx(recall)
    page = render(told)
    assert "any of 4 labels" in page
    assert "at random." in page
    assert "<caption>By label</caption>" in page
    assert "average precision</th>" in page
    assert "Each label against the rest" in page
    assert "Confusion matrix" not in page
    assert "<b>x</b>" not in page


def test_the_report_of_rows_without_any_label() -> None:
    nothing = Predictions.from_scores(
        "multilabel", LABELS, truth=np.zeros_like(P.truth), scores=P.scores
    )
    told = json.loads(json.dumps(report_data(nothing, score(nothing))))
    page = render(told)
    assert "ROC curve" not in page
    assert "Calibration" in page


def test_a_signature_of_labels() -> None:
    assert Signature.table(numbers=2, labels=5).output.width == 5
