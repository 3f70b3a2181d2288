"""Texts beside other columns: an average of n-grams and networks for tables, if it is affordable."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import kerasnn
from kerasnn import models
from kerasnn.config.choice import Choice, EnsembleMember
from kerasnn.config.settings import collect
from kerasnn.data.schema import Column, Schema, Target
from kerasnn.selection import resolve as choosing
from kerasnn.selection.cost_model import COSTS, WORD_US, Machine
from kerasnn.selection.rules import TEXT_PLANS, WIDE_TEXT_PLANS, TableStats, choose, choose_by_kinds
from kerasnn.trainers.ensemble import _weigh
from kerasnn.training.engine import Arrays

TWO = Machine(cores=2)
BAG = EnsembleMember("bag_of_ngrams")
SCHEMA = Schema(
    (Column("a", "number"), Column("b", "category"), Column("note", "text")),
    Target("y", "binary", ("no", "yes")),
)


SCHEMA_OF_NUMBERS = Schema((Column("a", "number"),), Target("y", "regression"))


def table(n_rows: int = 80) -> pd.DataFrame:
    random = np.random.default_rng(0)
    words = np.array(["good", "fine", "nice", "bad", "poor", "sad", "and", "but", "so", "very"])
    notes = [" ".join(random.choice(words, 8)) for _ in range(n_rows)]
    a = random.normal(size=n_rows)
    liked = np.array([note.count("o") for note in notes]) + 3 * a > 5
    return pd.DataFrame(
        {
            "a": a,
            "b": random.choice(["u", "v"], n_rows),
            "note": notes,
            "y": np.where(liked, "yes", "no"),
        }
    )


def resolve(frame: pd.DataFrame, **chosen: Any) -> Any:
    return choosing.resolve(collect(set=chosen), SCHEMA, frame)


def test_texts_alone_are_for_the_bag_and_plain_columns_beside_them_are_not() -> None:
    assert choose_by_kinds(["text"], 50) == Choice((BAG,), "bag_of_ngrams: there are texts")
    for others in (["number"], ["category", "date"], ["boolean"]):
        assert choose_by_kinds(["text", *others], 50) is None
    mixed = choose_by_kinds(["text", "number", "image"], 50)
    assert mixed
    assert mixed.members == (BAG,)


def test_the_plan_goes_by_rows_words_and_time() -> None:
    table_stats: dict[str, Any] = {"n_numbers": 3, "category_sizes": (5,), "n_texts": 1}
    short = choose(TableStats(2_000, **table_stats, n_words=20), TWO)
    assert short.members == TEXT_PLANS[0].members
    assert short.reason.startswith(
        "bag_of_ngrams, realmlp and tabm (small), averaged: 2,000 rows and 4 columns beside "
        "1 column of text; about "
    )
    plans = [each.members for each in TEXT_PLANS]
    found = [
        plans.index(choose(TableStats(n_rows, **table_stats, n_words=n_words), TWO).members)
        for n_rows, n_words in ((2_000, 20), (30_000, 20), (30_000, 100), (300_000, 300))
    ]
    assert found == sorted(found)
    assert found[-1] == len(TEXT_PLANS) - 1
    hurried = choose(TableStats(2_000, **table_stats, n_words=20, time_limit_s=10.0), TWO)
    assert hurried.members == (BAG,)
    # It is not planned to end early.
    assert hurried.epochs == 0
    wide = choose(TableStats(500, n_numbers=5_000, n_texts=1, n_words=5), TWO)
    assert wide.members == WIDE_TEXT_PLANS[0].members


def test_words_cost_time() -> None:
    plain, long = (
        COSTS["realmlp", "default"].seconds(1_000, 3, 1, TWO, 10, n_words) for n_words in (0, 100)
    )
    assert long - plain == pytest.approx(1_000 * 10 * 100 * WORD_US / 1e6)
    for member in {each for plan in (*TEXT_PLANS, *WIDE_TEXT_PLANS) for each in plan.members}:
        assert member in COSTS
        assert member.profile in ("default", *models.get(member.model).profiles)


def test_a_configuration_of_what_somebody_chose() -> None:
    frame = table()
    config = resolve(frame)
    assert config.model.name == "bag_of_ngrams"
    assert config.run.members == ("bag_of_ngrams", "realmlp", "tabm:small")
    # Hyper-parameters are those of one model; so is what is searched for them.
    alone = resolve(frame, ngrams=3)
    assert (alone.model.name, alone.run.ensemble, alone.run.members) == ("bag_of_ngrams", 1, ())
    assert resolve(frame, ensemble=1).run.members == ()


@pytest.mark.slow
def test_a_run_and_an_estimator_average_them(tmp_path: Path) -> None:
    frame = table()
    run = kerasnn.train(
        frame, target="y", columns={"note": "text"}, baselines=False, set={"epochs": 1}
    )
    titles = [each["title"] for each in run.bundle.report["members"]["members"]]
    assert titles == ["bag_of_ngrams", "realmlp", "tabm (small)"]
    run.save(tmp_path / "model.kerasnn")
    again = kerasnn.load(tmp_path / "model.kerasnn").predictor.scores(frame)
    np.testing.assert_allclose(again, run.predictor.scores(frame), atol=1e-6)
    features = frame.drop(columns="y")
    estimator = kerasnn.Classifier(epochs=1, columns={"note": "text"}, random_state=0)
    assert estimator.fit(features, frame["y"]).bundle_.model == "ensemble"


def test_few_rows_weigh_networks_with_and_without_texts() -> None:
    """Equal weights of all that is not surely worse cost the bag 2 points of AUC on 1,800 reviews."""
    random = np.random.default_rng(3)
    truth = random.normal(size=100).astype("float32")
    checked = Arrays({}, truth, None)
    trained = [SimpleNamespace(training_setup=SimpleNamespace(validation=checked))] * 2
    errors = (0.5 * random.normal(size=100), 0.6 * random.normal(size=100))

    def weights(texts: tuple[str, ...]) -> list[float]:
        known = SimpleNamespace(texts=texts, schema=SCHEMA_OF_NUMBERS)
        predictors: Any = [
            SimpleNamespace(preprocessor=known, outputs=lambda _, e=each: (truth + e)[:, None])
            for each in errors
        ]
        return _weigh(predictors, trained)  # type: ignore[arg-type]

    assert weights(()) == weights(("note",))
    first, second = weights(())
    assert first > second > 0
