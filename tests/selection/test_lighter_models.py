"""A model that nobody named and that does not fit into memory gives way to a lighter one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import kerasnn
from kerasnn.errors import KerasnnWarning, ResourceError
from kerasnn.selection import rules
from kerasnn.trainers import fit as learning

WHAT = "the weights of the network need about 9.0 GB of memory and 1.0 GB can be had"


@pytest.fixture
def too_large(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of models that do not fit."""
    names: list[str] = []
    build = learning.build_network

    def check(config: Any, preprocessor: Any) -> Any:
        if config.model.name in names:
            raise ResourceError(WHAT, hint="choose a smaller model, lookback or horizon")
        return build(config, preprocessor)

    monkeypatch.setattr(learning, "build_network", check)
    return names


def table(n_rows: int = 60) -> pd.DataFrame:
    draws = np.random.default_rng(0)
    a, b = draws.normal(size=(2, n_rows))
    return pd.DataFrame({"a": a, "b": b, "y": np.where(a + b > 0, "yes", "no")})


HOW: dict[str, Any] = {"target": "y", "baselines": False}


def test_members_that_do_not_fit_are_left_out(too_large: list[str]) -> None:
    too_large += ["tabm", "tabpack", "realmlp"]
    with pytest.warns(KerasnnWarning, match="is left out of the average$") as told:
        run = kerasnn.train(table(), set={"epochs": 1}, **HOW)
    assert [str(each.message) for each in told if "memory" in str(each.message)] == [
        f"{WHAT}: {title} is left out of the average"
        for title in ("realmlp", "tabm", "tabpack (small)")
    ]
    assert run.bundle.hyperparameters["members"] == "linear"


def test_none_fits(too_large: list[str]) -> None:
    too_large += ["tabm", "tabpack", "realmlp", "linear"]
    with pytest.warns(KerasnnWarning), pytest.raises(ResourceError) as caught:
        kerasnn.train(table(), set={"epochs": 1}, **HOW)
    assert caught.value.exit_code == 4


def test_a_lighter_model_takes_its_place(
    too_large: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    too_large += ["mlp"]
    # A wide table has an mlp alone.
    monkeypatch.setattr(rules, "WIDE", 1)
    folder = tmp_path / "run"
    with pytest.warns(KerasnnWarning) as told:
        run = kerasnn.train(table(), set={"epochs": 1}, output=str(folder), **HOW)
    assert f"{WHAT}: linear is trained in place of mlp" in [str(each.message) for each in told]
    assert run.bundle.model == "linear"
    assert "linear: mlp does not fit into memory" in run.summary()
    assert kerasnn.load(folder).bundle.model == "linear"
    assert "name: linear" in (folder / "config.yaml").read_text("utf-8")


def test_a_named_model_is_not_replaced(too_large: list[str]) -> None:
    too_large += ["mlp"]
    with pytest.raises(ResourceError, match=r"^the weights of the network need"):
        kerasnn.train(table(), model="mlp", set={"epochs": 1}, **HOW)
