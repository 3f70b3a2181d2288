"""Models made for texts: what the contract of the zoo does not say."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from kerasnn import models
from kerasnn.errors import ConfigError
from kerasnn.selection.rules import DEFAULTS
from kerasnn.signature import Signature

SIGNATURE = Signature.text(6, 12, classes=2)


def test_bag_of_ngrams_begins_by_chance() -> None:
    """All scores are 0 before training, whatever the texts say."""
    network = models.bag_of_ngrams(SIGNATURE, buckets=50)
    codes = np.random.default_rng(0).integers(1, 12, (5, 6)).astype("int32")
    for weighting in ("ratio", "idf"):
        (table,) = network.get_layer(f"text_{weighting}_embedding").get_weights()
        assert not table.any()
    assert np.ptp(network({"text": codes})) < 1e-6


def test_a_head_of_the_bag_is_a_perceptron_beside() -> None:
    network = models.bag_of_ngrams(SIGNATURE, buckets=50, head_width=4)
    assert network.get_layer("text_deep_embedding").output.shape[-1] == 4
    assert network.get_layer("head").units == 4
    names = [layer.name for layer in models.bag_of_ngrams(SIGNATURE, buckets=50).layers]
    assert "head" not in names


def test_weights_that_the_classes_gave_stay(tmp_path: Any) -> None:
    """They are part of the network: saved with it, and not moved by a step."""
    network = models.bag_of_ngrams(SIGNATURE, buckets=50)
    codes = np.random.default_rng(0).integers(1, 12, (64, 6)).astype("int32")
    target = (codes == 3).any(axis=1).astype("int32")
    models.get("bag_of_ngrams").initialize(network, {"text": codes}, target, 0)
    (ratios,) = network.get_layer("text_ratio").get_weights()
    assert ratios[3] == ratios[:12].max()
    network.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
    network.train_on_batch({"text": codes}, target[:, None])
    network.save(tmp_path / "network.keras")
    loaded = keras.models.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(loaded.get_layer("text_ratio").get_weights()[0], ratios)


@pytest.mark.parametrize("name", ["bag_of_ngrams", "fasttext"])
def test_a_table_without_texts_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="a model for texts needs a text column; got none"):
        models.build(name, Signature.table(numbers=2))


def test_textcnn_has_filters_of_three_lengths() -> None:
    network = models.textcnn(SIGNATURE, width=4)
    sizes = [network.get_layer(f"text_conv_{size}").kernel.shape[0] for size in (3, 4, 5)]
    assert sizes == [3, 4, 5]


def test_texts_have_a_default() -> None:
    assert models.data_of(DEFAULTS["text"]) == "text"


def reviews(n_rows: int) -> pd.DataFrame:
    """Short texts, of which a pair of words and a number tell the class."""
    generator = np.random.default_rng(0)
    fillers = np.array(["the film", "a plot", "its cast", "this story", "one scene"])
    verdicts = np.array(["not good", "good", "not bad", "bad"])
    which = generator.integers(0, 4, n_rows)
    rows = [" ".join([*generator.permutation(fillers)[:3], "was", verdicts[i]]) for i in which]
    stars = generator.normal(size=n_rows)
    good = np.isin(which, (1, 2)) ^ (stars > 1.5)
    return pd.DataFrame({"review": rows, "stars": stars, "good": np.where(good, "yes", "no")})


def test_learns_pairs_of_words_and_what_is_beside(tmp_path: Any) -> None:
    """Through the same entrance as all: no word alone tells, and none without the number."""
    import kerasnn

    run = kerasnn.train(
        reviews(800),
        target="good",
        columns={"review": "text"},
        set={"preprocessing.tokens": "words", "model.buckets": 500, "training.learning_rate": 0.05},
        output=tmp_path / "run",
        baselines=False,
    )
    assert run.bundle.config["model"]["name"] == "bag_of_ngrams"
    assert run.scores.values["accuracy"] > 0.9
