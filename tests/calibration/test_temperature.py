"""Temperature, threshold and reliability against SciPy, scikit-learn and exhaustive search."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, special
from sklearn import calibration as oracle
from sklearn import metrics as oracle_metrics

from kerasnn.calibration import temperature as calibration
from kerasnn.calibration.temperature import Costs
from kerasnn.errors import ConfigError, UnknownNameError
from kerasnn.metrics.predictions import Predictions


def make_rows(n_rows: int, n_classes: int, *, factor: float) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are `factor` times the calibrated ones, and labels drawn from those."""
    rng = np.random.default_rng(0)
    logits = 2 * rng.normal(size=(n_rows, 1 if n_classes == 2 else n_classes))
    cumulated = calibration.probabilities(logits).cumsum(axis=1)
    truth = (rng.random((n_rows, 1)) > cumulated[:, :-1]).sum(axis=1)
    return factor * logits, truth


def test_probabilities_equal_scipy() -> None:
    rng = np.random.default_rng(0)
    many, one = rng.normal(0, 100, (50, 4)), rng.normal(0, 100, (50, 1))
    np.testing.assert_allclose(
        calibration.probabilities(many, temperature=2.0), special.softmax(many / 2, axis=1)
    )
    received = calibration.probabilities(one, temperature=0.5)
    np.testing.assert_allclose(received[:, 1:], special.expit(2 * one))
    np.testing.assert_array_equal(calibration.probabilities(one[:, 0], temperature=0.5), received)
    np.testing.assert_allclose(
        calibration.log_probabilities(many), special.log_softmax(many, axis=1)
    )


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("factor", [0.6, 4.0])
def test_temperature_finds_the_factor(n_classes: int, factor: float) -> None:
    logits, truth = make_rows(20_000, n_classes, factor=factor)
    found = calibration.fit_temperature(logits, truth)
    assert found == pytest.approx(factor, rel=0.05)
    best = optimize.minimize(
        lambda t: calibration.negative_log_likelihood(logits, truth, temperature=t[0]), [1.0]
    )
    received = calibration.negative_log_likelihood(logits, truth, temperature=found)
    assert received == pytest.approx(best.fun, abs=1e-4)


def test_likelihood_equals_scikit_learns_log_loss() -> None:
    logits, truth = make_rows(200, 3, factor=1.0)
    expected = oracle_metrics.log_loss(truth, special.softmax(logits / 1.5, axis=1))
    received = calibration.negative_log_likelihood(logits, truth, temperature=1.5)
    assert received == pytest.approx(expected)


@pytest.mark.parametrize("n_rows", [1, 5, 40])
def test_temperature_never_makes_the_rows_less_likely(n_rows: int) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        logits, truth = rng.normal(size=(n_rows, 3)), rng.integers(0, 3, n_rows)
        found = calibration.fit_temperature(logits, truth)
        assert with_one_more(logits, truth, found) <= with_one_more(logits, truth, 1.0)
        assert 0.5 <= found <= 20.0


def with_one_more(logits: np.ndarray, truth: np.ndarray, temperature: float) -> float:
    """The negative log-likelihood of the rows and of one whose class nobody knows."""
    known = calibration.negative_log_likelihood(logits, truth, temperature=temperature)
    unknown = calibration.log_probabilities(logits, temperature=temperature).mean()
    return len(truth) * known - float(unknown)


def test_no_mistake_on_few_rows_is_no_certainty() -> None:
    """The mean probability of the truth is about that of the next row by Laplace's rule."""
    truth = np.array([0, 1] * 25)
    logits = np.where(truth == 1, 40.0, -40.0)
    found = calibration.fit_temperature(logits, truth)
    likely = calibration.probabilities(logits, temperature=found)[np.arange(50), truth]
    assert likely.mean() == pytest.approx(1 - 0.5 / 51, abs=2e-3)


def test_few_separated_rows_do_not_make_certain() -> None:
    logits = np.concatenate([np.linspace(-4, -1, 20), np.linspace(1, 4, 20)])
    found = calibration.fit_temperature(logits, (logits > 0).astype(int))
    assert 0.1 < found < 1.0


def test_temperature_of_nothing_is_one() -> None:
    assert calibration.fit_temperature(np.zeros((0, 1)), np.zeros(0, dtype=int)) == 1.0
    assert calibration.fit_temperature(np.zeros((3, 1)), np.array([0, 1, 1])) == 1.0


def decided(probability: np.ndarray, threshold: float) -> np.ndarray:
    return (probability >= threshold).astype(int)


@pytest.fixture(scope="module")
def rows() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    truth = (rng.random(120) < 0.3).astype(int)
    return np.round(np.clip(0.3 * truth + 0.7 * rng.random(120), 0, 1), 2), truth


def test_threshold_has_the_best_f1_of_all(rows: tuple[np.ndarray, np.ndarray]) -> None:
    probability, truth = rows
    found = calibration.fit_threshold(probability, truth)
    every = [oracle_metrics.f1_score(truth, decided(probability, t)) for t in probability]
    received = oracle_metrics.f1_score(truth, decided(probability, found))
    assert received == pytest.approx(max(every))
    assert found not in probability


@pytest.mark.parametrize(("fp", "fn"), [(1, 5), (5, 1), (1, 0), (0, 1), (1, 1)])
def test_threshold_has_the_lowest_cost_of_all(
    rows: tuple[np.ndarray, np.ndarray], fp: float, fn: float
) -> None:
    probability, truth = rows

    def cost(threshold: float) -> float:
        decision = decided(probability, threshold)
        return fp * np.sum(decision > truth) + fn * np.sum(decision < truth)

    found = calibration.fit_threshold(probability, truth, costs=Costs(fp, fn))
    assert cost(found) == min(cost(threshold) for threshold in [0, *probability, 1.01])


def test_of_equally_good_thresholds_the_expected_one_wins() -> None:
    probability, truth = np.array([0.0, 0.4, 0.45, 1.0]), np.array([0, 0, 1, 1])
    assert calibration.fit_threshold(probability, truth) == pytest.approx(0.425)


def test_no_threshold_is_above_a_sure_row() -> None:
    # Deciding for nobody would cost 1, but a row of probability 1 is always decided for.
    probability, truth = np.array([0.2, 0.5, 1.0]), np.array([1, 0, 0])
    found = calibration.fit_threshold(probability, truth, costs=Costs(5.0, 1.0))
    assert found == pytest.approx(0.75)
    unsure = calibration.fit_threshold(0.9 * probability, truth, costs=Costs(5.0, 1.0))
    assert unsure == pytest.approx(0.95)


def test_threshold_of_one_class_is_a_half() -> None:
    assert calibration.fit_threshold(np.array([0.2, 0.3]), np.array([0, 0])) == 0.5
    assert calibration.fit_threshold(np.array([0.2, 0.3]), np.array([1, 1])) == 0.5


def test_costs_are_read_in_any_order() -> None:
    assert calibration.parse_costs(" fn = 5, fp=1 ") == Costs(fp=1.0, fn=5.0)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("fpp=1,fn=5", UnknownNameError, "unknown cost 'fpp' – did you mean 'fp'?"),
        (
            "fp=1",
            ConfigError,
            "both costs are needed, and one above 0; got 'fp=1' – write them as in fp=1,fn=5",
        ),
        (
            "fp=0,fn=0",
            ConfigError,
            "both costs are needed, and one above 0; got 'fp=0,fn=0' – write them as in fp=1,fn=5",
        ),
        (
            "fp=-1,fn=5",
            ConfigError,
            "the cost of 'fp' must be a number of at least 0; got '-1' – write them as in fp=1,fn=5",
        ),
        (
            "fp=one,fn=5",
            ConfigError,
            "the cost of 'fp' must be a number of at least 0; got 'one' – write them as in fp=1,fn=5",
        ),
    ],
)
def test_costs_that_cannot_be_read(text: str, error: type, message: str) -> None:
    with pytest.raises(error) as raised:
        calibration.parse_costs(text)
    assert str(raised.value) == message


def test_reliability_equals_scikit_learns_curve() -> None:
    logits, truth = make_rows(500, 2, factor=2.0)
    predictions = Predictions.from_scores(
        "binary", ("no", "yes"), truth=truth, scores=calibration.probabilities(logits)
    )
    curve = calibration.reliability(predictions, n_bins=8)
    frequency, mean = oracle.calibration_curve(truth, predictions.scores[:, 1], n_bins=8)
    np.testing.assert_allclose(curve.frequency, frequency)
    np.testing.assert_allclose(curve.probability, mean)
    assert curve.count.sum() == 500
