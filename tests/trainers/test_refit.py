"""Models that learn once more, from the validation rows too."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import kerasnn
from kerasnn.config.config import Config
from kerasnn.config.settings import collect
from kerasnn.datasets.tabular import Table, read_table
from kerasnn.trainers.fit import TrainedModel, TrainingSetup, fit_network, prepare
from kerasnn.trainers.refit import refit

WORDS = ["plain", "story", "about", "people", "who", "never", "meet"]


def reviews(n_rows: int = 80) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    good = np.arange(n_rows) % 2 == 0
    texts = [
        " ".join([*generator.permutation(WORDS), "wonderful" if g else "dreadful", f"x{i}"])
        for i, g in enumerate(good)
    ]
    return pd.DataFrame({"review": texts, "liked": np.where(good, "yes", "no")})


def read(model: str = "bag_of_ngrams", **keys: object) -> tuple[Table, Config]:
    settings = collect(
        {"data.target": "liked", "model.name": model, "data.columns": {"review": "text"}},
        set={"epochs": 3, "preprocessing.tokens": "words", **keys},
    )
    return read_table(settings, {"data": reviews()})


def trained_model(
    model: str = "bag_of_ngrams", **keys: object
) -> tuple[TrainedModel, TrainingSetup]:
    table, config = read(model, **keys)
    training_setup = prepare(table, config)
    return fit_network(training_setup, config), training_setup


@pytest.fixture(scope="module")
def bag() -> tuple[TrainedModel, TrainingSetup]:
    return trained_model(buckets=64)


def test_the_validation_rows_have_a_say(bag: tuple[TrainedModel, TrainingSetup]) -> None:
    first, training_setup = bag
    again = refit(first, training_setup)
    assert again.predictor.decision == first.predictor.decision
    assert again.predictor.preprocessor is first.predictor.preprocessor
    assert again.fitted is first.fitted
    assert (first.parts, again.parts) == (("train",), ("train", "validation"))
    # N-grams are weighed by all rows: none is in fewer texts than before.
    before, after = (
        each.predictor.network.get_layer("text_idf").get_weights()[0] for each in (first, again)
    )
    assert ((before > 0) <= (after > 0)).all()
    assert (before != after).any()


def test_it_is_the_same_each_time(bag: tuple[TrainedModel, TrainingSetup]) -> None:
    weights = [refit(*bag).predictor.network.get_weights() for _ in range(2)]
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("stopped", ["interrupted", "time limit"])
def test_what_was_cut_short_stays_as_it_is(
    bag: tuple[TrainedModel, TrainingSetup], stopped: str
) -> None:
    first, training_setup = bag
    progress = replace(first.fitted.progress, stopped=stopped)
    cut = replace(first, fitted=replace(first.fitted, progress=progress))
    assert refit(cut, training_setup) is cut


def test_other_models_stay_as_they_are() -> None:
    first, training_setup = trained_model("mlp", width=4, depth=1)
    assert refit(first, training_setup) is first


def test_a_run_says_so_and_its_baselines_learn_from_as_much() -> None:
    run = kerasnn.train(
        reviews(), target="liked", columns={"review": "text"}, set={"epochs": 1, "buckets": 64}
    )
    assert run.scores is not None
    (note,) = (note for note in run.scores.notes if "was trained on" in note)
    assert note == (
        "after the best epoch was chosen, the network was trained on the validation rows too, and so were the baselines"
    )
