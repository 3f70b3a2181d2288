"""Sets and intervals against the theory: what they hold, on data that are made to know."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy import special, stats
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import kerasnn
from kerasnn import models
from kerasnn.bundle import Bundle
from kerasnn.calibration.conformal import (
    KEPT_LEVELS,
    ConformalCalibration,
    fit_margins,
    join_sets,
    separator,
    usual_errors,
)
from kerasnn.cli.main import commands
from kerasnn.data import read
from kerasnn.data.schema import infer
from kerasnn.errors import ConfigError
from kerasnn.evaluation import coverage as trusting
from kerasnn.evaluation.coverage import Coverage, measure_coverage
from kerasnn.evaluation.scores import Scores, score
from kerasnn.forecasting.conformal import quantile_with_correction
from kerasnn.metrics.predictions import Predictions
from kerasnn.options import TrainingOptions
from kerasnn.prediction.calibrate import with_margins
from kerasnn.prediction.predictor import Decision, Predictor
from kerasnn.preprocessing import Preprocessor
from kerasnn.signature import Signature
from kerasnn.trainers.fit import TrainingSetup, finalize_members
from kerasnn.training.engine import Arrays

Array = np.ndarray
N_ROWS = 60


def values(truth: Array, prediction: Array) -> Predictions:
    return Predictions.from_scores("regression", (), truth=truth, scores=prediction)


def classes(truth: Array, likely: Array) -> Predictions:
    task = "binary" if likely.shape[1] == 2 else "multiclass"
    names = tuple(f"c{code}" for code in range(likely.shape[1]))
    return Predictions.from_scores(task, names, truth=truth, scores=likely)


def of_scores(scores: Array, weights: Array | None = None) -> ConformalCalibration:
    """ConformalCalibration of predictions that are 0 off by these scores."""
    return fit_margins(values(scores, np.zeros(len(scores))), weights=weights)


def draw_classes(
    rng: np.random.Generator, n_rows: int, n_classes: int, *, sharpness: float
) -> tuple[Array, Array]:
    """Probabilities that are exact, and classes drawn from them."""
    likely = special.softmax(sharpness * rng.normal(size=(n_rows, n_classes)), axis=1)
    return likely, (rng.random((n_rows, 1)) > likely.cumsum(axis=1)[:, :-1]).sum(axis=1)


class TestRanks:
    """The ⌈(n + 1)·c⌉-th smallest score, whatever is kept of them."""

    @pytest.mark.parametrize("n_rows", [1, 2, 9, 10, 99, 1000, 1001, 5000])
    def test_against_the_formula(self, n_rows: int) -> None:
        scores = np.random.default_rng(n_rows).exponential(size=n_rows)
        conformal_calibration = of_scores(scores)
        for coverage in np.arange(0.001, 1, 0.001).round(3):
            if coverage * (n_rows + 1) > n_rows + 1e-9:
                continue
            expected = quantile_with_correction(scores, coverage)
            assert conformal_calibration.score(coverage) == pytest.approx(
                float(expected), rel=1e-12
            )

    def test_between_thousandths_of_many_rows_the_next_one_counts(self) -> None:
        scores = np.random.default_rng(0).exponential(size=50_000)
        conformal_calibration = of_scores(scores)
        assert len(conformal_calibration.scores) <= KEPT_LEVELS + 20
        ordered = np.sort(scores)
        for coverage in (0.12345, 0.90001, 0.9505, 0.99951, 0.9999):
            rank = int(np.ceil((len(scores) + 1) * coverage))
            found = int(np.searchsorted(ordered, conformal_calibration.score(coverage))) + 1
            assert rank <= found <= rank + len(scores) / KEPT_LEVELS + 1

    def test_equal_scores_are_one(self) -> None:
        conformal_calibration = of_scores(np.array([0.0] * 6 + [1.0] * 3 + [5.0]))
        assert (conformal_calibration.ranks, conformal_calibration.scores) == (
            (6.0, 9.0, 10.0),
            (0.0, 1.0, 5.0),
        )
        assert [conformal_calibration.score(c) for c in (0.5, 0.6, 0.8, 0.9)] == [
            0.0,
            1.0,
            1.0,
            5.0,
        ]

    def test_many_equal_scores_keep_the_last_rank(self) -> None:
        scores = np.repeat(np.arange(3000.0), 3)
        conformal_calibration = of_scores(scores)
        for coverage in (0.1, 0.5, 0.9, 0.999):
            assert conformal_calibration.score(coverage) == quantile_with_correction(
                scores, coverage
            )
        assert set(np.array(conformal_calibration.ranks) % 3) == {0}

    def test_too_few_rows(self) -> None:
        assert of_scores(np.arange(9.0)).score(0.9) == 8.0
        with pytest.raises(ConfigError) as raised:
            of_scores(np.arange(8.0)).score(0.9)
        assert str(raised.value) == (
            "a coverage of 0.9 needs 9 validation rows; there were 8 – "
            "ask for 0.888 at most, or train with more of them"
        )
        assert of_scores(np.arange(8.0)).score(0.888) == 7.0
        assert of_scores(np.array([2.0])).score(0.5) == 2.0

    @pytest.mark.parametrize("coverage", [0.0, 1.0, -0.1, 90.0, float("nan")])
    def test_what_is_no_share(self, coverage: float) -> None:
        with pytest.raises(ConfigError, match=r"`coverage` must be in \(0, 1\); got .* write 0.9"):
            of_scores(np.arange(100.0)).score(coverage)


class TestWeights:
    """Rows that count more or less than others."""

    def test_equal_weights_are_none(self) -> None:
        scores = np.random.default_rng(0).exponential(size=37)
        one, other = of_scores(scores), of_scores(scores, np.full(37, 3.0))
        assert other.n_rows == pytest.approx(37)
        for coverage in (0.3, 0.5, 0.9, 0.97):
            assert one.score(coverage) == other.score(coverage)

    def test_a_row_of_weight_0_is_not_there(self) -> None:
        rng = np.random.default_rng(1)
        scores, there = rng.exponential(size=50), rng.random(50) < 0.6
        one, other = of_scores(scores[there]), of_scores(scores, there.astype(float))
        assert other.n_rows == pytest.approx(there.sum())
        for coverage in (0.3, 0.5, 0.8, 0.9):
            assert one.score(coverage) == other.score(coverage)

    def test_rows_that_stand_for_others(self) -> None:
        # Half of the rows are wide and count once, half are narrow and count three times.
        rng = np.random.default_rng(2)
        wide = rng.random(4000) < 0.5
        scores = rng.random(4000) * np.where(wide, 10, 1)
        conformal_calibration = of_scores(scores, np.where(wide, 1.0, 3.0))
        # In the weighted table a score is under x with 3/4·min(x, 1) + 1/4·x/10: 0.9 at x = 6.
        assert conformal_calibration.score(0.9) == pytest.approx(6, rel=0.06)
        assert conformal_calibration.n_rows == pytest.approx(4000 * 0.8, rel=0.02)


class TestCoverage:
    """What is held of rows that may be exchanged, many tables long."""

    @pytest.mark.parametrize(("n_rows", "coverage"), [(9, 0.9), (25, 0.8), (60, 0.5), (199, 0.95)])
    def test_intervals(self, n_rows: int, coverage: float) -> None:
        rng, repetitions = np.random.default_rng(n_rows), 4000
        drawn = rng.normal(size=(repetitions, n_rows + 1)) ** 3
        held = [abs(row[-1]) <= of_scores(np.abs(row[:-1])).score(coverage) for row in drawn]
        # Exactly this, where no two scores are equal.
        expected = np.ceil((n_rows + 1) * coverage - 1e-9) / (n_rows + 1)
        assert stats.binomtest(sum(held), repetitions, expected).pvalue > 1e-4

    def test_sets_of_classes(self) -> None:
        rng, n_rows, repetitions, total = np.random.default_rng(0), 40, 1500, 0
        for _ in range(repetitions):
            likely, truth = draw_classes(rng, n_rows + 1, 4, sharpness=2.0)
            conformal_calibration = fit_margins(classes(truth[:-1], likely[:-1]))
            total += bool(conformal_calibration.sets(likely[-1:], 0.9)[0, truth[-1]])
        at_least, at_most = 0.9, 0.9 + 1 / (n_rows + 1)
        assert stats.binomtest(total, repetitions, at_least, alternative="less").pvalue > 1e-4
        assert stats.binomtest(total, repetitions, at_most, alternative="greater").pvalue > 1e-4

    def test_labels_of_a_row_together(self) -> None:
        rng = np.random.default_rng(3)
        likely = rng.beta(0.5, 0.5, size=(20_000, 5))
        truth = (rng.random(likely.shape) < likely).astype(int)
        names = tuple("abcde")
        known = Predictions.from_scores(
            "multilabel", names, truth=truth[:10_000], scores=likely[:10_000]
        )
        surely, perhaps = fit_margins(known).bounds(likely[10_000:], 0.8)
        assert (surely <= perhaps).all()
        held = ((surely <= truth[10_000:]) & (truth[10_000:] <= perhaps)).all(axis=1).mean()
        assert held == pytest.approx(0.8, abs=0.025)
        assert 0 < (perhaps & ~surely).sum(axis=1).mean() < 5


class TestSets:
    def test_they_hold_the_most_probable_class_and_grow_with_the_coverage(self) -> None:
        likely, truth = draw_classes(np.random.default_rng(0), 3000, 5, sharpness=1.5)
        conformal_calibration, before = (
            fit_margins(classes(truth, likely)),
            np.zeros_like(likely, dtype=bool),
        )
        for coverage in (0.05, 0.5, 0.8, 0.9, 0.99):
            held = conformal_calibration.sets(likely, coverage)
            assert held[np.arange(3000), likely.argmax(axis=1)].all()
            assert (before <= held).all()
            before = held
        assert before.sum(axis=1).mean() > 3

    def test_where_the_most_probable_class_is_right_more_often_it_is_alone(self) -> None:
        rng = np.random.default_rng(1)
        likely, truth = draw_classes(rng, 20_000, 3, sharpness=6.0)
        accuracy = (likely.argmax(axis=1) == truth).mean()
        assert accuracy > 0.82
        held = fit_margins(classes(truth[:10_000], likely[:10_000])).sets(likely[10_000:], 0.8)
        assert (held.sum(axis=1) == 1).all()
        assert held[np.arange(10_000), truth[10_000:]].mean() == pytest.approx(accuracy, abs=0.01)

    def test_no_rule_of_the_same_coverage_has_smaller_sets(self) -> None:
        # Exact probabilities: the best rule takes all classes above one probability.
        likely, truth = draw_classes(np.random.default_rng(2), 40_000, 4, sharpness=1.0)
        held = fit_margins(classes(truth[:20_000], likely[:20_000])).sets(likely[20_000:], 0.9)
        # Taking the most probable classes until they sum to 90 % holds at least as much.
        ordered = -np.sort(-likely[20_000:], axis=1)
        adaptive = 1 + (ordered.cumsum(axis=1) < 0.9).sum(axis=1)
        assert held.sum(axis=1).mean() < adaptive.mean()

    def test_rounding_does_not_tell_equal_rows_apart(self) -> None:
        # A column of three categories: probabilities repeat, up to the last bit.
        likely = np.tile([[0.6, 0.3, 0.1]], (100, 1))
        truth = np.repeat([0, 1, 2], [60, 30, 10])
        conformal_calibration = fit_margins(classes(truth, likely))
        other = np.array([[0.6, 0.3 - 1e-9, 0.1 + 1e-9]])
        assert conformal_calibration.sets(other, 0.85).tolist() == [[True, True, False]]

    def test_no_rows(self) -> None:
        conformal_calibration = of_scores(np.arange(20.0) / 20)
        assert conformal_calibration.sets(np.zeros((0, 3)), 0.9).shape == (0, 3)
        assert conformal_calibration.interval(np.zeros(0), 0.9).shape == (0, 2)


class TestIntervals:
    def test_they_are_wider_where_the_noise_is_larger(self) -> None:
        rng = np.random.default_rng(0)

        def make(n_rows: int) -> tuple[Array, Array]:
            value = rng.uniform(0, 10, n_rows)
            return value, value + (0.2 + 0.3 * value) * rng.standard_t(5, n_rows)

        value, truth = make(3000)
        conformal_calibration = fit_margins(values(truth, value), trained_model=make(5000))
        plain = fit_margins(values(truth, value))
        value, truth = make(30_000)
        thirds = np.digitize(value, [10 / 3, 20 / 3])
        low, high = conformal_calibration.interval(value, 0.9).T
        width, held = high - low, (low <= truth) & (truth <= high)
        noise = 0.2 + 0.3 * value
        assert np.corrcoef(width, noise)[0, 1] > 0.98
        for third in range(3):
            assert held[thirds == third].mean() == pytest.approx(0.9, abs=0.03)
        low, high = plain.interval(value, 0.9).T
        equal = (low <= truth) & (truth <= high)
        assert equal.mean() == pytest.approx(0.9, abs=0.02)
        assert equal[thirds == 0].mean() > 0.99
        assert equal[thirds == 2].mean() < 0.83

    def test_equal_noise_has_equal_widths(self) -> None:
        rng = np.random.default_rng(1)
        value = rng.normal(size=10_000)
        truth = value + rng.normal(size=10_000)
        conformal_calibration = fit_margins(
            values(truth[:2000], value[:2000]), trained_model=(value[2000:], truth[2000:])
        )
        low, high = conformal_calibration.interval(np.linspace(-3, 3, 50), 0.9).T
        assert (high - low).max() < 1.25 * (high - low).min()
        assert (high - low).mean() / 2 == pytest.approx(stats.norm.ppf(0.95), rel=0.05)

    def test_usual_errors_are_means_of_neighbours(self) -> None:
        value = np.arange(1000.0)
        at, error = usual_errors(value, value + np.where(value < 500, 1, -3))
        assert len(at) == 20
        np.testing.assert_allclose(at, value.reshape(20, 50).mean(axis=1))
        assert error == (1.0,) * 10 + (3.0,) * 10

    def test_few_rows_or_no_errors_have_none(self) -> None:
        value = np.arange(99.0)
        assert usual_errors(value, value + 1) == ((), ())
        assert usual_errors(np.arange(500.0), np.arange(500.0)) == ((), ())
        assert of_scores(np.arange(20.0)).usual_error(np.zeros(3)).tolist() == [1, 1, 1]

    def test_a_place_without_errors_is_not_trusted_blindly(self) -> None:
        value = np.arange(1000.0)
        _, error = usual_errors(value, value + np.where(value < 500, 0, 2))
        assert min(error) == pytest.approx(0.05)

    def test_equal_predictions(self) -> None:
        at, error = usual_errors(np.ones(500), np.arange(500.0))
        assert (len(at), len(error)) == (1, 1)


def test_separators_are_in_no_label() -> None:
    assert separator(["no", "yes"]) == "|"
    assert separator(["a|b", "c;d", "e,f"]) == "/"
    mark = separator(["|;,/&+~", "x"])
    assert len(mark) == 1
    assert mark not in "|;,/&+~x"
    held = np.array([[True, False, True], [False, True, False], [True, False, True]])
    assert join_sets(held, ("a|", "b", "c")).tolist() == ["a|;c", "b", "a|;c"]
    assert len(join_sets(held[:0], ("a", "b", "c"))) == 0


def table(target: Any) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "size": rng.normal(3, 2, N_ROWS),
            "colour": rng.choice(["red", "green", "blue"], N_ROWS),
            "target": np.resize(np.asarray(target), N_ROWS),
        }
    )


def make(target: Any, *, task: Any = None, **decision: Any) -> tuple[Predictor, pd.DataFrame]:
    """A predictor of random weights, with margins of its own rows."""
    frame = table(target)
    schema = infer(read(frame), target="target", task=task)
    preprocessor = Preprocessor.fit(frame, schema)
    network = models.build("linear", preprocessor.signature)
    rng = np.random.default_rng(1)
    for weight in network.weights:
        weight.assign(rng.normal(size=weight.shape))
    predictor = Predictor(preprocessor, network, Decision(**decision))
    rows = Arrays(preprocessor.transform(frame).inputs, preprocessor.target(frame))
    return with_margins(predictor, predictor.outputs(rows.inputs), rows, rows), frame


class TestPredictor:
    def test_regression(self) -> None:
        target = np.random.default_rng(2).normal(1000, 50, N_ROWS)
        predictor, frame = make(target)
        found = predictor.predict(frame, coverage=0.9)
        assert list(found) == ["prediction", "lower", "upper"]
        off = np.sort(np.abs(found["prediction"] - target))
        half = off[int(np.ceil(61 * 0.9)) - 1]
        np.testing.assert_allclose(found["prediction"] - found["lower"], half, rtol=1e-4)
        np.testing.assert_allclose(found["upper"] - found["prediction"], half, rtol=1e-4)
        pd.testing.assert_frame_equal(found[["prediction"]], predictor.predict(frame))

    @pytest.mark.parametrize("target", [["no", "yes"], ["a", "b", "c|d"]])
    def test_classes(self, target: list[str]) -> None:
        predictor, frame = make(target)
        found = predictor.predict(frame, coverage=0.8)
        plain = predictor.predict(frame)
        assert list(found) == ["prediction", "set", *plain.columns[1:]]
        mark = ";" if "c|d" in target else "|"
        sets = [set(text.split(mark)) for text in found["set"]]
        assert all(each <= set(target) for each in sets)
        assert all(p in each for p, each in zip(found["prediction"], sets, strict=True))
        held = [truth in each for truth, each in zip(frame["target"], sets, strict=True)]
        assert 0.8 <= np.mean(held) <= 0.9

    def test_what_the_threshold_chooses_is_in_the_set(self) -> None:
        predictor, frame = make(["no", "yes"])
        decided = predictor.with_decision(replace(predictor.decision, threshold=0.001))
        found = decided.predict(frame, coverage=0.5)
        pairs = zip(found["prediction"], found["set"], strict=True)
        assert all(each in text.split("|") for each, text in pairs)
        most_probable = np.where(found["probability:yes"] > 0.5, "yes", "no")
        pairs = zip(most_probable, found["set"], strict=True)
        assert all(each in text.split("|") for each, text in pairs)

    def test_several_labels(self) -> None:
        predictor, frame = make(["a|b", "a", "b|c", "c"], task="multilabel", threshold=0.3)
        found = predictor.predict(frame, coverage=0.8)
        columns = ["prediction", "lower", "upper"]
        assert list(found)[:3] == columns
        decided, lower, upper = ([set(t.split("|")) - {""} for t in found[c]] for c in columns)
        for low, middle, high in zip(lower, decided, upper, strict=True):
            assert low <= middle <= high
        truth = [set(text.split("|")) - {""} for text in frame["target"]]
        rows = zip(lower, truth, upper, strict=True)
        assert np.mean([low <= true <= high for low, true, high in rows]) >= 0.8

    def test_no_rows_give_the_header(self) -> None:
        for target in (["no", "yes"], np.linspace(0, 1, N_ROWS)):
            predictor, frame = make(target)
            found = predictor.predict(frame.head(0), coverage=0.8)
            assert list(found) == list(predictor.predict(frame.head(1), coverage=0.8))
            assert len(found) == 0

    def test_a_model_without_margins(self) -> None:
        predictor, frame = make(["no", "yes"])
        old = predictor.with_decision(replace(predictor.decision, conformal_calibration=None))
        with pytest.raises(ConfigError) as raised:
            old.predict(frame, coverage=0.9)
        assert str(raised.value) == (
            "the model does not know how far off it is: an earlier kerasnn made it – train it again"
        )
        assert measure_coverage(old, classes(np.array([0, 1]), np.full((2, 2), 0.5))) is None

    def test_outputs_that_are_not_finite_have_none(self) -> None:
        predictor, frame = make(["no", "yes"])
        bare = predictor.with_decision(Decision())
        rows = Arrays(predictor.preprocessor.transform(frame).inputs, np.zeros(N_ROWS, "int32"))
        broken = with_margins(bare, np.full((N_ROWS, 1), np.nan, "float32"), rows, rows)
        assert broken.decision.conformal_calibration is None

    @pytest.mark.parametrize("target", [["no", "yes"], np.linspace(0, 1, N_ROWS) ** 3])
    def test_a_bundle_keeps_them(self, target: Any, tmp_path: Path) -> None:
        predictor, frame = make(target)
        Bundle("linear", {}, TrainingOptions(), predictor).save(tmp_path / "model.kerasnn")
        loaded = Bundle.load(tmp_path / "model.kerasnn").predictor
        assert loaded.decision == predictor.decision
        pd.testing.assert_frame_equal(
            loaded.predict(frame, coverage=0.95), predictor.predict(frame, coverage=0.95)
        )


class TestMeasuredCoverage:
    @pytest.mark.parametrize(("hits", "n_rows"), [(0, 5), (90, 100), (4321, 5000), (7, 7)])
    def test_interval_equals_scipys(self, hits: int, n_rows: int) -> None:
        expected = stats.binomtest(hits, n_rows).proportion_ci(0.95, method="wilson")
        assert trusting.wilson(hits / n_rows, n_rows) == pytest.approx(
            (expected.low, expected.high), abs=1e-6
        )

    def test_error_by_chance_is_that_of_exact_probabilities(self) -> None:
        rng = np.random.default_rng(0)
        likely, _ = draw_classes(rng, 2000, 2, sharpness=2.0)
        seen = []
        for _ in range(200):
            truth = (rng.random(2000) < likely[:, 1]).astype(int)
            measure = trusting.calibration_error(classes(truth, likely))
            seen.append(measure(np.ones(2000)))
        expected = trusting.error_by_chance(classes(truth, likely))
        assert np.mean(seen) == pytest.approx(expected, rel=0.05)

    def test_of_classes(self) -> None:
        predictor, frame = make(["a", "b", "c"], temperature=3.0)
        truth, scores = predictor.preprocessor.target(frame), predictor.scores(frame)
        found = measure_coverage(predictor, classes(truth, scores))
        assert found is not None
        held = predictor.sets(scores, 0.9)
        assert found.observed == held[np.arange(N_ROWS), truth].mean()
        assert found.mean_size == held.sum(axis=1).mean()
        assert sum(share for _, share, _ in found.sizes) == pytest.approx(1)
        assert sum(n * share for n, share, _ in found.sizes) == pytest.approx(found.mean_size)
        assert sum(share * hit for _, share, hit in found.sizes) == pytest.approx(found.observed)
        assert found.lowest_class is None or found.lowest_class[0] in ("c0", "c1", "c2")
        assert [level for level, _, _ in found.curve][-1] == 0.98
        plain = predictor.with_decision(replace(predictor.decision, temperature=1.0))
        before = trusting.calibration_error(classes(truth, plain.scores(frame)))
        assert found.error_before == pytest.approx(before(np.ones(N_ROWS)), abs=1e-6)
        assert found.error_before != pytest.approx(found.error, abs=1e-3)

    def test_of_values(self) -> None:
        target = np.random.default_rng(2).normal(1000, 50, N_ROWS)
        predictor, frame = make(target)
        found = measure_coverage(predictor, values(target, predictor.scores(frame)))
        assert found is not None
        low, high = predictor.intervals(predictor.scores(frame), 0.9).T
        assert found.observed == ((low <= target) & (target <= high)).mean()
        assert found.mean_size == pytest.approx((high - low).mean())
        assert all(2 * reach == pytest.approx(found.mean_size, rel=1e-4) for _, reach in found.band)
        assert found.error is None

    def test_comes_back_from_plain_data(self) -> None:
        predictor, frame = make(["a", "b", "c"])
        predictions = classes(predictor.preprocessor.target(frame), predictor.scores(frame))
        scores = replace(score(predictions), coverage=measure_coverage(predictor, predictions))
        assert Scores.from_dict(json.loads(json.dumps(scores.to_dict()))) == scores
        without = {name: value for name, value in scores.to_dict().items() if name != "coverage"}
        assert Scores.from_dict(without).coverage is None

    def test_sentences(self) -> None:
        known = {"interval": (0.888, 0.912), "n_calibration_rows": 500.0, "curve": ()}
        assert Coverage(0.9, 0.901, mean_size=12.5, **known).sentences("regression") == [
            "The 90 % prediction intervals contain the true value in 90.1 % (95 % interval 88.8 % to "
            "91.2 %) of the rows; mean width 12.50."
        ]
        errors = {"temperature": 1.5, "error": 0.012, "error_before": 0.05, "error_by_chance": 0.01}
        found = Coverage(0.9, 0.901, mean_size=1.25, lowest_class=("b", 0.7), **known, **errors)
        assert found.sentences("multiclass") == [
            "The 90 % prediction sets contain the true class in 90.1 % (95 % interval 88.8 % to "
            "91.2 %) of the rows; mean set size 1.25. Lowest coverage of a class: b, 70.0 %.",
            "Calibration error 0.0120 (0.0500 before temperature scaling with T = 1.5; perfectly "
            "calibrated probabilities would show about 0.0100 on this many rows).",
        ]


@pytest.fixture(scope="module")
def noisy() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 4, 1200)
    y = 3 * x + rng.normal(size=1200) * (0.2 + x)
    return pd.DataFrame({"x": x, "z": rng.normal(size=1200), "y": y})


@pytest.fixture(scope="module")
def folder(noisy: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run")
    how: dict[str, Any] = {"set": {"epochs": 6, "width": 16}, "baselines": False}
    kerasnn.train(noisy, target="y", model="mlp", output=path, force=True, **how)
    return path


class TestRuns:
    def test_intervals_of_a_file(self, folder: Path, noisy: pd.DataFrame) -> None:
        run, source, result = kerasnn.load(folder), folder / "new.csv", folder / "out.csv"
        noisy.to_csv(source, index=False)
        done = CliRunner().invoke(
            commands, ["predict", str(folder), str(source), "-o", str(result), "--coverage", "0.8"]
        )
        assert done.exit_code == 0, done.output
        found = pd.read_csv(result)
        assert list(found) == ["prediction", "lower", "upper"]
        pd.testing.assert_frame_equal(found, run.predict(noisy, coverage=0.8), rtol=1e-5)
        held = (found["lower"] <= noisy["y"]) & (noisy["y"] <= found["upper"])
        assert held.mean() == pytest.approx(0.8, abs=0.06)
        width = found["upper"] - found["lower"]
        assert width[noisy["x"] > 3].mean() > 1.5 * width[noisy["x"] < 1].mean()

    def test_what_cannot_be_had_is_one_line_and_no_file(self, folder: Path) -> None:
        source, result = folder / "few.csv", folder / "none.csv"
        source.write_text("x,z\n1,2\n")
        for coverage, expected in (("0.9999", "needs 9,999 validation rows"), ("2", "in (0, 1)")):
            arguments = [str(folder), str(source), "-o", str(result), "--coverage", coverage]
            done = CliRunner().invoke(commands, ["predict", *arguments])
            assert done.exit_code == 2
            assert expected in done.stderr
            assert len(done.stderr.strip().splitlines()) == 1
            assert not result.exists()

    def test_evaluate_says_what_they_hold(self, folder: Path) -> None:
        done = CliRunner().invoke(commands, ["evaluate", str(folder)])
        assert "The 90 % prediction intervals contain " in done.stdout
        scores = kerasnn.load(folder).evaluate()
        assert scores.coverage is not None
        assert scores.coverage.n_calibration_rows == 180
        assert "90 % prediction intervals" in (folder / "report.html").read_text()
        assert "<h3>Coverage</h3>" in (folder / "report.html").read_text()

    def test_a_network_that_learns_again_keeps_the_margins_of_before(self) -> None:
        rng = np.random.default_rng(0)
        words = np.array(["plain", "story", "about", "people", "wonderful", "dreadful", "film"])
        picked = rng.integers(0, 7, (300, 6))
        noisy = (picked == 4).sum(axis=1) + rng.normal(size=300) > 1
        frame = pd.DataFrame(
            {"text": [" ".join(words[row]) for row in picked], "liked": np.where(noisy, "y", "n")}
        )
        how: dict[str, Any] = {"columns": {"text": "text"}, "model": "bag_of_ngrams"}
        how |= {"baselines": False, "set": {"epochs": 2, "buckets": 64, "tokens": "words"}}
        run = kerasnn.train(frame, target="liked", **how)
        assert run.scores is not None
        assert any("trained on the validation rows" in note for note in run.scores.notes)
        conformal_calibration = run.predictor.decision.conformal_calibration
        assert conformal_calibration is not None
        assert conformal_calibration.n_rows == 45
        # These rows are easier now, and so they are none to calibrate on.
        rows = run.holdout("validation")
        scores, truth = run.predictor.scores(rows), run.predictor.preprocessor.target(rows)
        assert fit_margins(classes(truth, scores)) != conformal_calibration

    def test_forecasts_have_the_coverage_of_their_training(self) -> None:
        days = pd.date_range("2026-01-01", periods=120)
        frame = pd.DataFrame({"day": days, "y": np.sin(np.arange(120)) + np.arange(120) / 50})
        run = kerasnn.train(
            frame,
            target="y",
            time="day",
            horizon=5,
            coverage=0.7,
            model="dlinear",
            set={"epochs": 2},
            baselines=False,
        )
        pd.testing.assert_frame_equal(run.predict(frame, coverage=0.7), run.predict(frame))
        with pytest.raises(ConfigError) as raised:
            run.predict(frame, coverage=0.9)
        assert str(raised.value) == (
            "the intervals of the forecasts hold 70 % – "
            "train with `forecast.coverage` 0.9, or leave it out"
        )


class TestEstimators:
    def test_regressor(self, noisy: pd.DataFrame) -> None:
        X, y = noisy[["x", "z"]], noisy["y"]
        settings = {"epochs": 6, "hyperparameters": {"width": 16}, "random_state": 0}
        regressor = kerasnn.Regressor("mlp", **settings).fit(X, y)
        found = regressor.predict_interval(X, coverage=0.8)
        assert found.shape == (1200, 2)
        np.testing.assert_allclose(found.mean(axis=1), regressor.predict(X), rtol=1e-9)
        assert ((found[:, 0] <= y) & (y <= found[:, 1])).mean() == pytest.approx(0.8, abs=0.07)
        with pytest.raises(ValueError, match="needs 9,999 validation rows; there were 180"):
            regressor.predict_interval(X, coverage=0.9999)
        with pytest.raises(NotFittedError):
            clone(regressor).predict_interval(X)

    def test_classifier_and_weights(self, noisy: pd.DataFrame) -> None:
        X, y = noisy[["x", "z"]], np.digitize(noisy["y"], [3, 6]) + 5
        settings = {"epochs": 4, "hyperparameters": {"width": 8}, "random_state": 0}
        classifier = kerasnn.Classifier("mlp", **settings)
        weights = np.where(np.arange(1200) % 2, 3.0, 1.0)
        classifier.fit(X, y, sample_weight=weights)
        held = classifier.predict_set(X, coverage=0.8)
        assert held.shape == (1200, 3)
        assert held.dtype == bool
        codes = np.searchsorted(classifier.classes_, y)
        assert held[np.arange(1200), codes].mean() == pytest.approx(0.8, abs=0.08)
        assert held[np.arange(1200), classifier.predict_proba(X).argmax(axis=1)].all()
        conformal_calibration = classifier.bundle_.predictor.decision.conformal_calibration
        # Of 180 rows, half of which count three times: (Σw)² / Σw².
        assert 180 * 0.75 < conformal_calibration.n_rows < 180 * 0.86


def test_rows_that_chose_the_members_do_not_judge_their_choice() -> None:
    signature = Signature.table(numbers=3)
    network = models.build("tabpack", signature, n_members=7, width=5)
    rng = np.random.default_rng(0)
    inputs = {"numbers": rng.normal(size=(61, 3)).astype("float32")}
    rows = Arrays(inputs, rng.normal(size=61).astype("float32"))
    conclude = models.get("tabpack").conclude
    assert conclude is not None
    crossed = finalize_members(conclude, TrainingSetup(None, network, rows, rows))  # type: ignore[arg-type]
    assert crossed is not None
    left = network(inputs, training=False).numpy()
    expected = np.zeros_like(crossed)
    for start in (0, 1):
        own, other = slice(start, None, 2), slice(1 - start, None, 2)
        conclude(network, {"numbers": inputs["numbers"][own]}, rows.target[own])
        expected[other] = network(inputs, training=False).numpy()[other]
    np.testing.assert_allclose(crossed, expected, rtol=1e-5, atol=1e-6)
    conclude(network, inputs, rows.target)
    np.testing.assert_array_equal(network(inputs, training=False).numpy(), left)
    assert np.abs(crossed - left).max() > 1e-3
