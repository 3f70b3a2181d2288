"""Learning rates against their formulas and against Keras' own schedules."""

from __future__ import annotations

import math
from typing import get_args

import keras
import numpy as np
import pytest

from kerasnn.options import Schedule, TrainingOptions
from kerasnn.training.schedules import learning_rates, regularization_shares

SCHEDULES = get_args(Schedule)
TOTAL = 200


def rates(total: int = TOTAL, **options: object) -> np.ndarray:
    training_options = TrainingOptions(
        **{"learning_rate": 0.3, "warmup": 0.0, "final_rate": 0.1} | options
    )
    return learning_rates(training_options, first=0, count=total, total=total)


@pytest.mark.parametrize("schedule", ["constant", "plateau"])
def test_constant(schedule: str) -> None:
    np.testing.assert_array_equal(rates(schedule=schedule), np.full(TOTAL, np.float32(0.3)))


def test_cosine_is_that_of_keras() -> None:
    reference = keras.optimizers.schedules.CosineDecay(0.3, TOTAL, alpha=0.1)
    expected = [float(reference(step)) for step in range(1, TOTAL + 1)]
    np.testing.assert_allclose(rates(schedule="cosine"), expected, rtol=1e-5)


def test_cosine_after_warmup_is_that_of_keras() -> None:
    warm = TOTAL // 4
    reference = keras.optimizers.schedules.CosineDecay(
        0.0, TOTAL - warm, alpha=0.1, warmup_target=0.3, warmup_steps=warm
    )
    expected = [float(reference(step)) for step in range(1, TOTAL + 1)]
    np.testing.assert_allclose(rates(schedule="cosine", warmup=0.25), expected, rtol=1e-5)


def test_exponential_is_that_of_keras() -> None:
    reference = keras.optimizers.schedules.ExponentialDecay(0.3, TOTAL, 0.1)
    expected = [float(reference(step)) for step in range(1, TOTAL + 1)]
    np.testing.assert_allclose(rates(schedule="exponential"), expected, rtol=1e-5)


def test_step_divides_by_ten_after_each_share() -> None:
    found = rates(schedule="step", schedule_step=0.25)
    expected = [0.3 * 10.0 ** -(step // 50) for step in range(1, TOTAL + 1)]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_one_cycle() -> None:
    def rate(done: float) -> float:
        if done < 0.3:
            return 0.04 + 0.96 * (1 - math.cos(math.pi * done / 0.3)) / 2
        return 0.1 + 0.9 * (1 + math.cos(math.pi * (done - 0.3) / 0.7)) / 2

    expected = [0.3 * rate(step / TOTAL) for step in range(1, TOTAL + 1)]
    np.testing.assert_allclose(rates(schedule="one_cycle"), expected, rtol=1e-6)


def test_four_waves_each_twice_as_long() -> None:
    found = rates(16_000, schedule="coslog4")
    done = (np.arange(16_000) + 0.5) / 16_000
    expected = 0.15 * (1 - np.cos(2 * np.pi * np.log2(1 + 15 * done)))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    valleys = np.flatnonzero((found[1:-1] < found[:-2]) & (found[1:-1] < found[2:])) + 1
    np.testing.assert_allclose(valleys / 16_000, [1 / 15, 3 / 15, 7 / 15], atol=1e-3)


def test_regularization_is_flat_and_then_falls() -> None:
    training_options = TrainingOptions(regularization="flat_cos")
    found = regularization_shares(training_options, first=0, count=8, total=8)
    expected = [
        1,
        1,
        1,
        1,
        1,
        0.5 + 0.5 * math.cos(math.pi / 4),
        0.5,
        0.5 - 0.5 * math.cos(math.pi / 4),
    ]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_array_equal(
        regularization_shares(TrainingOptions(), first=3, count=2, total=8), [1, 1]
    )


def test_one_cycle_peaks_after_a_longer_warmup() -> None:
    found = rates(schedule="one_cycle", warmup=0.5)
    assert int(found.argmax()) + 1 == TOTAL // 2


@pytest.mark.parametrize("schedule", sorted({*SCHEDULES} - {"one_cycle", "coslog4"}))
def test_warmup_rises_in_a_straight_line_from_the_first_step(schedule: str) -> None:
    found = rates(schedule=schedule, warmup=0.2)
    np.testing.assert_allclose(found[:40], 0.3 * np.arange(1, 41) / 40, rtol=1e-6)


@pytest.mark.parametrize("schedule", ["cosine", "exponential", "one_cycle"])
@pytest.mark.parametrize("warmup", [0.0, 0.1])
def test_last_step_has_the_final_rate(schedule: str, warmup: float) -> None:
    assert rates(schedule=schedule, warmup=warmup)[-1] == pytest.approx(0.03, rel=1e-6)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_an_epoch_is_a_piece_of_the_run(schedule: str) -> None:
    training_options = TrainingOptions(schedule=schedule, learning_rate=0.3)
    pieces = [learning_rates(training_options, first=20 * i, count=20, total=60) for i in range(3)]
    whole = learning_rates(training_options, first=0, count=60, total=60)
    assert whole.dtype == np.float32
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_rates_are_above_zero_and_at_most_the_peak(schedule: str) -> None:
    for total in (1, 2, 7):
        found = rates(total, schedule=schedule, warmup=0.1, final_rate=0.001)
        assert (found > 0).all()
        assert (found <= np.float32(0.3)).all()


@pytest.mark.parametrize("schedule", ["cosine", "exponential"])
def test_a_longer_run_decays_later(schedule: str) -> None:
    short, long = rates(100, schedule=schedule), rates(300, schedule=schedule)
    assert (long[:100] > short).all()
    np.testing.assert_allclose(long[2::3], short, rtol=1e-5)
