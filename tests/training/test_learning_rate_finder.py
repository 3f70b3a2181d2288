"""The learning-rate finder."""

from __future__ import annotations

import keras
import numpy as np
import pandas as pd
import pytest

from kerasnn.options import TrainingOptions
from kerasnn.signature import Output
from kerasnn.training.engine import Arrays, Engine
from kerasnn.training.learning_rate_finder import (
    HIGHEST,
    LOWEST,
    STEPS,
    Sweep,
    find_learning_rate,
    smoothed,
    suggest,
)
from kerasnn.training.losses import loss_function


def build(*, dropout: float = 0.2) -> keras.Model:
    keras.utils.set_random_seed(0)
    numbers = keras.Input((4,), name="numbers")
    hidden = keras.layers.Dropout(dropout)(keras.layers.BatchNormalization()(numbers))
    return keras.Model({"numbers": numbers}, keras.layers.Dense(1)(hidden))


def table() -> Arrays:
    numbers = np.random.default_rng(0).normal(size=(100, 4)).astype("float32")
    return Arrays({"numbers": numbers}, numbers @ np.array([1, -1, 2, 0.5], "float32"))


def sweep(network: keras.Model, **options: object) -> Sweep:
    training_options = TrainingOptions(**{"learning_rate": 0.0, "batch_size": 10} | options)
    row_loss = loss_function(training_options, Output("regression", 1))
    return find_learning_rate(
        network, table(), training_options=training_options, row_loss=row_loss, seed=1
    )


def trained_loss(rate: float) -> float:
    training_options = TrainingOptions(learning_rate=rate, batch_size=10, compile="graph")
    row_loss = loss_function(training_options, Output("regression", 1))
    engine = Engine(
        build(dropout=0.0), table(), training_options=training_options, row_loss=row_loss, seed=0
    )
    for epoch in range(5):
        means = engine.run_epoch(epoch, np.full(10, rate, "float32"))
    return means["loss"]


@pytest.fixture(scope="module")
def found() -> Sweep:
    return sweep(build())


def test_network_stays_as_it_was() -> None:
    network = build()
    before = [variable.numpy() for variable in network.variables]
    assert any("seed" in variable.path for variable in network.variables)
    sweep(network, average=0.9)
    for variable, value in zip(network.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_suggestion_learns_better_than_rates_far_from_it(found: Sweep) -> None:
    loss = trained_loss(found.suggestion)
    assert loss < trained_loss(found.suggestion / 30)
    assert loss < trained_loss(found.suggestion * 30)


def test_rates_rise_by_equal_factors(found: Sweep) -> None:
    n = len(found.rates)
    assert n == len(found.losses)
    np.testing.assert_allclose(found.rates, np.geomspace(LOWEST, HIGHEST, STEPS)[:n])
    assert found.suggestion == float(f"{found.suggestion:.2g}")


def test_same_seed_same_sweep(found: Sweep) -> None:
    assert sweep(build()) == found


def test_a_loss_that_explodes_ends_the_sweep() -> None:
    diverging = sweep(build(), optimizer="momentum", clip_norm=0.0, momentum=0.99)
    assert 10 < len(diverging.rates) < STEPS
    assert np.isfinite(diverging.losses).all()


def test_smoothing_is_the_exponential_mean_of_pandas() -> None:
    losses = np.random.default_rng(0).normal(size=30).tolist()
    expected = pd.Series(losses).ewm(alpha=0.1).mean()
    np.testing.assert_allclose(smoothed(losses), expected)


def test_suggestion_is_a_third_of_the_rate_of_the_lowest_loss() -> None:
    rates = np.geomspace(1e-6, 1, 25)
    assert suggest(rates, abs(np.log10(rates) + 2)) == 0.0033


def test_a_loss_that_only_rises_suggests_a_rate_that_still_learns() -> None:
    assert suggest(np.geomspace(1e-6, 1, 25), np.arange(25.0)) == 1e-5


def test_a_sweep_that_saw_nothing_suggests_the_usual() -> None:
    assert suggest(np.geomspace(1e-6, 1, 25), np.ones(5)) == 1e-3


def test_plain_data(found: Sweep) -> None:
    assert Sweep(**found.to_dict()) == found
