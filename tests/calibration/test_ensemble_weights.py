"""Greedy selection against a search that computes every mean anew."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import special
from sklearn import metrics

from kerasnn.calibration.ensemble_weights import bagged_weights, greedy_weights

KINDS = ["values", "classes", "labels"]
MEMBERS, ROWS = 6, 40


def make(kind: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Predictions of members that are wrong by more and more, and the truth."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(MEMBERS, ROWS, 3)) * np.linspace(1, 2, MEMBERS)[:, None, None]
    if kind == "values":
        truth = rng.normal(size=ROWS)
        return truth + noise[..., 0], truth
    if kind == "classes":
        truth = rng.integers(0, 3, ROWS)
        return special.softmax(np.eye(3)[truth] + noise, axis=-1), truth
    truth = rng.integers(0, 2, (ROWS, 3))
    return special.expit(2 * truth - 1 + noise), truth


def loss(mean: np.ndarray, truth: np.ndarray, weights: np.ndarray | None) -> float:
    """By scikit-learn."""
    if mean.ndim == 1:
        return float(metrics.mean_squared_error(truth, mean, sample_weight=weights))
    if truth.ndim == 1:
        return float(metrics.log_loss(truth, mean, sample_weight=weights))
    columns = zip(truth.T, mean.T, strict=True)
    return float(np.mean([metrics.log_loss(t, p, sample_weight=weights) for t, p in columns]))


def search(
    predictions: np.ndarray,
    truth: np.ndarray,
    weights: np.ndarray | None,
    *,
    rounds: int,
) -> np.ndarray:
    """Greedy selection by its definition."""
    picks: list[int] = []
    path = []
    for _ in range(rounds):
        after = [
            loss(predictions[[*picks, i]].mean(axis=0), truth, weights) for i in range(MEMBERS)
        ]
        picks.append(int(np.argmin(after)))
        path.append(after[picks[-1]])
    kept = picks[: int(np.argmin(path)) + 1]
    return np.bincount(kept, minlength=MEMBERS) / len(kept)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_equals_an_exhaustive_search(kind: str, weighted: bool) -> None:
    found = []
    for seed in range(3):
        predictions, truth = make(kind, seed)
        weights = np.random.default_rng(9).uniform(0, 3, ROWS) if weighted else None
        expected = search(predictions, truth, weights, rounds=12)
        found.append(greedy_weights(predictions, truth, weights, rounds=12))
        np.testing.assert_allclose(found[-1], expected)
        assert found[-1].sum() == pytest.approx(1)
    assert any((each > 0).sum() > 1 for each in found)
    assert any((each == 0).any() for each in found)


@pytest.mark.parametrize("kind", KINDS)
def test_the_mean_is_no_worse_than_the_best_alone(kind: str) -> None:
    predictions, truth = make(kind, 5)
    alone = min(loss(each, truth, None) for each in predictions)
    for rounds in (1, 2, 30):
        chosen = greedy_weights(predictions, truth, rounds=rounds)
        assert loss(np.tensordot(chosen, predictions, 1), truth, None) <= alone * (1 + 1e-9)
        assert np.count_nonzero(chosen) <= rounds
    best = greedy_weights(predictions, truth, rounds=1)
    assert loss(predictions[best.argmax()], truth, None) == pytest.approx(alone)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_on_few_rows_the_worst_does_not_count(kind: str, weighted: bool) -> None:
    predictions, truth = make(kind, 1)
    weights = np.random.default_rng(9).uniform(0, 3, ROWS) if weighted else None
    opposite = {
        "values": lambda: truth + 5.0,
        "classes": lambda: 0.1 + 0.7 * np.eye(3)[(truth + 1) % 3],
        "labels": lambda: 0.9 - 0.8 * truth,
    }
    both = np.stack([*predictions[:2], opposite[kind]()])
    found = bagged_weights(both, truth, weights)
    assert found[2] == 0
    assert found.sum() == pytest.approx(1)
    assert bagged_weights(both[2:], truth, weights).tolist() == [1.0]


def test_one_that_is_far_ahead_on_few_rows_counts_alone() -> None:
    """Squared errors of a few outlying rows hid that a linear model was ten times better."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=90) * 4
    linear = truth + 0.02 * rng.normal(size=90)
    outlying = np.where(np.arange(90) == 7, 6.0, 0.0)
    networks = [truth + 0.08 * rng.normal(size=90), truth + 0.08 * rng.normal(size=90) + outlying]
    found = bagged_weights(np.stack([networks[0], linear, networks[1]]), truth)
    assert found[1] > 0.85
    mean = np.tensordot(found, np.stack([networks[0], linear, networks[1]]), 1)
    assert loss(mean, truth, None) <= 1.1 * loss(linear, truth, None)


def test_seeds_of_one_model_all_count_on_few_rows() -> None:
    rng = np.random.default_rng(1)
    truth = rng.normal(size=60)
    found = bagged_weights(truth + 0.5 * rng.normal(size=(5, 60)), truth)
    assert found.min() > 0.05
    assert found.max() < 0.45


def test_few_rows_of_which_most_have_no_weight() -> None:
    predictions, truth = make("classes", 1)
    weights = (np.arange(ROWS) == 3).astype(float)
    found = bagged_weights(predictions, truth, weights)
    np.testing.assert_allclose(found, greedy_weights(predictions[:, 3:4], truth[3:4]))


@pytest.mark.parametrize("kind", KINDS)
def test_of_equal_members_the_first_counts(kind: str) -> None:
    predictions, truth = make(kind, 0)
    chosen = greedy_weights(np.concatenate([predictions, predictions]), truth)
    np.testing.assert_allclose(chosen[:MEMBERS], greedy_weights(predictions, truth))
    assert not chosen[MEMBERS:].any()


def test_picks_without_gain_do_not_count() -> None:
    truth = np.zeros(4)
    predictions = np.stack([truth, truth + 1, truth + 2])
    assert greedy_weights(predictions, truth).tolist() == [1, 0, 0]


def test_a_predictor_that_is_sure_and_wrong_has_a_finite_loss() -> None:
    truth = np.array([0, 1, 1])
    sure = np.eye(2)[[1, 1, 1]]
    assert greedy_weights(np.stack([sure, sure]), truth, rounds=3).tolist() == [1, 0]
    assert greedy_weights(np.stack([sure, np.full((3, 2), 0.5)]), truth, rounds=1)[1] == 1


def test_rows_without_weight_do_not_matter() -> None:
    predictions, truth = make("classes", 1)
    weights = np.arange(ROWS) % 2
    np.testing.assert_allclose(
        greedy_weights(predictions, truth, weights),
        greedy_weights(predictions[:, weights == 1], truth[weights == 1]),
    )


@pytest.mark.parametrize("width", [0, 2])
def test_many_members_and_rows_take_little_time(width: int) -> None:
    rng = np.random.default_rng(0)
    predictions = rng.random((64, 20_000, width) if width else (64, 20_000))
    truth = rng.integers(0, 2, 20_000)
    began = time.process_time()
    greedy_weights(predictions, truth)
    # A quarter of a second; generous, since threads that wait for others count too.
    assert time.process_time() - began < 10
