"""What the rows decide of a configuration: how fast numbers are learned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kerasnn
from kerasnn import models

ONCE = {"epochs": 1, "augment": "none"}
SMALL = {
    "airbench": {"width": 4, "width_2": 4, "width_3": 4},
    "resnet9": {"width": 2},
    "wide_resnet": {"depth": 10, "width": 1},
}


@pytest.mark.parametrize(
    ("model", "numbers", "chosen", "expected"),
    [
        ("airbench", True, {}, (0.1, 1.0)),
        ("airbench", True, {"learning_rate": 0.02}, (0.02, 1.0)),
        ("airbench", False, {}, (0.5, 0.0)),
        ("resnet9", True, {}, (0.03, 1.0)),
        ("wide_resnet", True, {}, (0.03, 1.0)),
        ("wide_resnet", False, {}, (0.1, 0.0)),
    ],
)
def test_images_teach_numbers_at_a_lower_rate(
    model: str, numbers: bool, chosen: dict[str, Any], expected: tuple[float, float]
) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, size=(40, 8, 8, 1), dtype="uint8")
    target = images.mean(axis=(1, 2, 3))
    y = target if numbers else np.where(target > np.median(target), "light", "dark")
    values = ONCE | SMALL[model] | chosen
    run = kerasnn.train({"x": images, "y": y}, target="y", model=model, baselines=False, set=values)
    training_options = run.bundle.training_options
    assert (training_options.learning_rate, training_options.clip_norm) == expected


def test_no_model_of_images_learns_numbers_without_clipping() -> None:
    names = [name for name in models.names() if models.data_of(name) == "image"]
    assert len(names) >= 7
    for name in names:
        entry = models.get(name)
        clip = entry.regression.get("training.clip_norm", entry.training_options.clip_norm)
        rate = entry.regression.get("training.learning_rate", entry.training_options.learning_rate)
        assert clip == 1.0, name
        assert rate <= 0.1, name


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
