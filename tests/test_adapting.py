"""What the rows decide of a configuration: how fast numbers are learned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kerasnn

TINY = {"epochs": 1, "width": 4, "width_2": 4, "width_3": 4, "augment": "none"}


@pytest.mark.parametrize(
    ("numbers", "chosen", "expected"),
    [
        (True, {}, (0.1, 1.0)),
        (True, {"learning_rate": 0.02}, (0.02, 1.0)),
        (False, {}, (0.5, 0.0)),
    ],
)
def test_airbench_learns_numbers_at_a_lower_rate(
    numbers: bool, chosen: dict[str, Any], expected: tuple[float, float]
) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, size=(40, 8, 8, 1), dtype="uint8")
    target = images.mean(axis=(1, 2, 3))
    y = target if numbers else np.where(target > np.median(target), "light", "dark")
    run = kerasnn.train(
        {"x": images, "y": y}, target="y", model="airbench", baselines=False, set=TINY | chosen
    )
    recipe = run.bundle.recipe
    assert (recipe.learning_rate, recipe.clip_norm) == expected


@pytest.mark.slow
def test_airbench_measures_discs() -> None:
    rng = np.random.default_rng(0)
    radius, centers = rng.uniform(2, 12, 300), rng.uniform(11, 21, (300, 2, 1, 1))
    distance = np.square(np.mgrid[:32, :32] - centers).sum(axis=1)
    images = np.where(distance <= np.square(radius)[:, None, None], 200, 30)
    images = np.clip(images + rng.normal(0, 15, images.shape), 0, 255).astype("uint8")[..., None]
    small = {"epochs": 16, "width": 16, "width_2": 32, "width_3": 64}
    run = kerasnn.train(
        {"x": images, "y": radius}, target="y", model="airbench", baselines=False, set=small
    )
    assert min(run.bundle.report["training"]["history"]["validation_rmse"]) < 0.5 * radius.std()
