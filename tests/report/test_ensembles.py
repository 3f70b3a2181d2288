"""What the report of an ensemble says of the network whose curves it shows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import kerasnn
from kerasnn.evaluation.ensemble_summary import EnsembleSummary, MemberSummary, shown
from kerasnn.report.sections.training import draw as learning


def ensemble(*weights: float) -> dict[str, Any]:
    members = tuple(
        MemberSummary(f"net{i}", i, weight, 1.0, 1, 2, 3.0, f"schedule{i}")
        for i, weight in enumerate(weights, start=1)
    )
    return EnsembleSummary("rmse", 0.9, members).to_dict()


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        ((0.2, 0.8), "What follows is network 2, net2, which has the largest weight."),
        (
            (0.5, 0.5),
            "What follows is network 1, net1, the first of them; all have the same weight.",
        ),
        (
            (0.2, 0.4, 0.4),
            "What follows is network 2, net2, the first of 2 with the largest weight.",
        ),
    ],
)
def test_which_network_is_shown(weights: tuple[float, ...], sentence: str) -> None:
    assert shown(ensemble(*weights)) == sentence


def rate(
    monkeypatch: pytest.MonkeyPatch, report_data: dict[str, Any]
) -> tuple[str, tuple[float, float]]:
    """The sentence of the learning rate, and the ends of its axis."""
    told: list[Any] = []
    monkeypatch.setattr(learning, "draw", lambda *arguments: told.extend(arguments))
    learning._rate(report_data)
    _, sentence, paint = told
    axes = Figure().add_subplot()
    paint(axes)
    return sentence, axes.get_ylim()


def test_the_schedule_is_that_of_the_network_which_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    report_data = {
        "config": {"training": {"schedule": "coslog4"}},
        "training": {"history": {"epoch": [1, 2], "learning_rate": [0.002, 0.002]}},
        "members": ensemble(0.2, 0.8),
    }
    sentence, axis = rate(monkeypatch, report_data)
    assert "(schedule: schedule2)" in sentence
    # A rate that never changes is no hair-thin band of rounding errors.
    assert axis == (0, 0.004)
    sentence, _ = rate(monkeypatch, report_data | {"members": None})
    assert "(schedule: coslog4)" in sentence


def test_members_keep_their_schedules() -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"a": random.normal(size=80), "y": random.choice(["no", "yes"], 80)})
    run = kerasnn.train(
        frame,
        target="y",
        baselines=False,
        set={"run.members": ["realmlp:small", "mlp"], "epochs": 1},
    )
    members = run.bundle.report["members"]["members"]
    assert [each["schedule"] for each in members] == ["coslog4", "cosine"]
