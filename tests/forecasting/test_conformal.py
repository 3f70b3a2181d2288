"""Intervals hold what they say, of values that nothing was fitted to."""

from __future__ import annotations

import numpy as np
import pytest

from kerasnn.forecasting.conformal import (
    CalibrationResiduals,
    fit_intervals,
    quantile_with_correction,
    windows_apart,
)


def leftover(
    n: int, *, seed: int = 0, horizon: int = 4, apart: int | None = None
) -> CalibrationResiduals:
    """Forecasts of 0, and noise that grows with the step and is skewed."""
    generator = np.random.default_rng(seed)
    truth = generator.gamma(2.0, 1.0, (n, horizon, 2)) - 2.0
    truth *= np.sqrt(np.arange(1, horizon + 1))[:, None]
    return CalibrationResiduals(truth, np.zeros((n, horizon, 2, 1)), n if apart is None else apart)


def coverage(low: np.ndarray, high: np.ndarray, truth: np.ndarray) -> float:
    return float(((truth >= low) & (truth <= high)).mean())


def test_quantiles_with_correction_by_hand() -> None:
    values = np.arange(1.0, 10.0)[:, None]
    # ⌈10 · 0.8⌉ = 8
    assert quantile_with_correction(values, 0.8).tolist() == [8.0]
    # ⌈10 · 0.95⌉ = 10 is more than there are.
    assert quantile_with_correction(values, 0.95).tolist() == [9.0]
    holes = np.where(values > 4, np.nan, values)
    # ⌈5 · 0.5⌉ = 3 of four.
    assert quantile_with_correction(holes, 0.5).tolist() == [3.0]
    assert np.isnan(quantile_with_correction(np.full((3, 1), np.nan), 0.5)).all()


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9])
def test_split_conformal_holds_at_least_its_level(level: float) -> None:
    """Over many calibrations of 24 windows; the bound holds for their mean."""
    shares = []
    for seed in range(60):
        found = fit_intervals(leftover(24, seed=seed), level)
        assert found is not None
        truth = leftover(200, seed=1000 + seed).truth
        shares.append(coverage(found.offsets[0], found.offsets[2], truth))
    # Each tail has its own ⌈(n + 1) q⌉ / (n + 1), so twice 1 / 25 more at most.
    assert level - 0.01 < np.mean(shares) < level + 2 / 25 + 0.01


def test_each_step_and_target_has_its_own_width() -> None:
    found = fit_intervals(leftover(2000), 0.8)
    assert found is not None
    assert found.levels == (0.1, 0.5, 0.9)
    width = found.offsets[2] - found.offsets[0]
    np.testing.assert_allclose(
        width / width[0], np.sqrt([[1, 1], [2, 2], [3, 3], [4, 4]]), rtol=0.1
    )
    assert (found.offsets[1] == 0).all()
    assert found.note == "from 2,000 windows that were not trained on, step by step"


def test_few_windows_share_a_quantile_and_widths_grow() -> None:
    few, earlier = leftover(12, apart=3), leftover(300, seed=1, apart=8)
    found = fit_intervals(few, 0.8, earlier=[earlier], shared=True)
    assert found is not None
    assert (np.diff(found.offsets[2], axis=0) >= 0).all()
    np.testing.assert_array_equal(found.offsets[0], -found.offsets[2])
    share = coverage(found.offsets[0], found.offsets[2], leftover(1000, seed=2).truth)
    assert share == pytest.approx(0.8, abs=0.04)
    assert "312 windows of which 11 do not overlap" in found.note
    assert "back-test" in found.note
    assert "chose the best epoch" in found.note


def test_the_back_test_is_not_asked_where_there_is_enough() -> None:
    far_off = CalibrationResiduals(np.full((50, 4, 2), 1e6), np.zeros((50, 4, 2, 1)), 50)
    found = fit_intervals(leftover(200), 0.8, earlier=[far_off])
    alone = fit_intervals(leftover(200), 0.8)
    assert found is not None
    assert alone is not None
    np.testing.assert_array_equal(found.offsets, alone.offsets)


def test_conformal_quantiles_repair_those_of_a_network() -> None:
    """Quantiles that are far too narrow are moved apart, those too wide together."""
    for width in (0.1, 20.0):
        part, fresh = leftover(500), leftover(2000, seed=3)
        ends = np.stack([np.full_like(part.truth, each) for each in (-width, 0, width)], axis=-1)
        found = fit_intervals(
            CalibrationResiduals(part.truth, ends, 500), 0.8, quantiles=(0.1, 0.5, 0.9)
        )
        assert found is not None
        scaled = np.broadcast_to(np.array([-width, 0, width]), (*fresh.truth.shape, 3))
        made = found.apply(scaled)
        assert coverage(made[..., 0], made[..., 2], fresh.truth) == pytest.approx(0.8, abs=0.03)


def test_missing_truths_have_no_say() -> None:
    whole = leftover(400)
    truth = whole.truth.copy()
    truth[::2, 1] = np.nan
    found = fit_intervals(CalibrationResiduals(truth, whole.outputs, 400), 0.8)
    half = fit_intervals(CalibrationResiduals(truth[1::2], whole.outputs[1::2], 400), 0.8)
    assert found is not None
    assert half is not None
    np.testing.assert_array_equal(found.offsets[:, 1], half.offsets[:, 1])
    nothing = CalibrationResiduals(np.full((3, 4, 2), np.nan), np.zeros((3, 4, 2, 1)), 3)
    assert fit_intervals(nothing, 0.8) is None
    assert fit_intervals(None, 0.8) is None


def test_a_step_that_nobody_knows_is_as_wide_as_the_widest() -> None:
    whole = leftover(100)
    whole.truth[:, 2] = np.nan
    found = fit_intervals(whole, 0.8)
    assert found is not None
    np.testing.assert_array_equal(found.offsets[2, 2], found.offsets[2, [0, 1, 3]].max(axis=0))


def test_windows_that_do_not_overlap() -> None:
    track = np.array([0] * 10 + [1] * 4)
    at = np.array([*range(10), *range(4)])
    assert windows_apart(track, at, 4) == 3 + 1
    assert windows_apart(track, at, 1) == 14
