"""Texts in a network: vectors of tokens, hashed n-grams, bags and their weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from kerasnn import layers
from kerasnn.errors import ConfigError
from kerasnn.layers import ngrams as weighing
from kerasnn.layers import texts
from kerasnn.signature import Signature, Text

TEXT = Text("text", 6, 10)
CODES = np.int32([[2, 3, 4, 2, 3, 4], [9, 1, 0, 0, 0, 0], [0] * 6, [5, 5, 5, 5, 0, 0]])


def run(outputs: Any, inputs: Any, values: NDArray[Any]) -> NDArray[Any]:
    result: NDArray[Any] = keras.ops.convert_to_numpy(keras.Model(inputs, outputs)(values))
    return result


def codes_of(text: Text, codes: NDArray[Any], *, ngrams: int, buckets: int) -> NDArray[Any]:
    x = keras.Input((text.length,), dtype="int32")
    return run(layers.ngram_codes(x, text, ngrams=ngrams, buckets=buckets), x, codes)


def hashed(tokens: list[int], *, first: int, buckets: int) -> int:
    """The formula, in whole numbers of any size."""
    sides = []
    for prime, base in zip(texts.PRIMES, texts.BASES, strict=True):
        value = 0
        for token in tokens:
            value = (value * base + token) % prime
        sides.append(value)
    return first + (sides[0] * texts.PRIMES[1] + sides[1]) % buckets


def test_vectors_of_tokens_and_their_mask() -> None:
    x = keras.Input((6,), dtype="int32")
    vectors, mask = layers.embed(x, TEXT, width=4, name="text")
    model = keras.Model(x, [vectors, mask])
    found, there = (keras.ops.convert_to_numpy(each) for each in model(CODES))
    (table,) = model.get_layer("text_embedding").get_weights()
    np.testing.assert_array_equal(there, (CODES > 0).astype("float32"))
    np.testing.assert_array_equal(found, table[CODES] * (CODES > 0)[..., None])


@pytest.mark.parametrize(("cardinality", "buckets"), [(10, 50), (10, 7), (30_000_000, 2**24)])
def test_codes_of_ngrams(cardinality: int, buckets: int) -> None:
    text = replace(TEXT, cardinality=cardinality)
    codes = CODES * (cardinality // 10)
    first = cardinality if cardinality <= buckets else 1
    expected = []
    for row in codes.tolist():
        grams = []
        for size in (1, 2, 3):
            for start in range(len(row) - size + 1):
                tokens = row[start : start + size]
                own = size == 1 and first > 1
                code = tokens[0] if own else hashed(tokens, first=first, buckets=buckets)
                grams.append(code if tokens[-1] else 0)
        expected.append(grams)
    found = codes_of(text, codes, ngrams=3, buckets=buckets)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.int32
    assert found.min() == 0
    assert found.max() < layers.ngram_count(text, ngrams=3, buckets=buckets)


def test_no_step_of_a_hash_overflows() -> None:
    largest = 2 * 10_000_000 + 2
    for prime, base in zip(texts.PRIMES, texts.BASES, strict=True):
        assert all(prime % divisor for divisor in range(2, int(prime**0.5) + 1))
        assert (prime - 1) * base + largest < 2**31
    assert texts.PRIMES[0] * texts.PRIMES[1] + 2**24 + largest < 2**31 + 2**26
    assert (texts.PRIMES[0] - 1) * texts.PRIMES[1] + texts.PRIMES[1] - 1 < 2**31


def test_hashes_are_even() -> None:
    """As many texts share a bucket as by chance: the χ² of 100 buckets is about 99 ± 14."""
    text = replace(TEXT, cardinality=2_000, length=2)
    pairs = np.random.default_rng(0).integers(2, 2_000, (20_000, 2)).astype("int32")
    found = codes_of(text, np.unique(pairs, axis=0), ngrams=2, buckets=100)[:, -1]
    counts = np.bincount(found - found.min(), minlength=100)
    mean = counts.mean()
    assert 50 < ((counts - mean) ** 2 / mean).sum() < 160


def test_how_long_ngrams_are_goes_by_the_unit() -> None:
    letters = replace(TEXT, length=9, unit="characters")
    nine = np.ones((1, 9), "int32")
    assert codes_of(letters, nine, ngrams=0, buckets=20).shape == (1, 9 + 8 + 7 + 6 + 5 + 4 + 3)
    assert codes_of(TEXT, CODES, ngrams=0, buckets=20).shape == (4, 6 + 5)
    assert codes_of(replace(TEXT, length=1), CODES[:, :1], ngrams=4, buckets=20).shape == (4, 1)
    assert layers.ngram_count(replace(TEXT, length=1), ngrams=4, buckets=20) == 10
    assert layers.ngram_count(TEXT, ngrams=2, buckets=20) == 30
    assert layers.ngram_count(TEXT, ngrams=2, buckets=5) == 6


def test_a_bag_is_the_mean_of_its_vectors() -> None:
    x = keras.Input((6,), dtype="int32")
    outputs = layers.bag(x, TEXT, width=3, ngrams=2, buckets=20, name="text")
    (table,) = keras.Model(x, outputs).get_layer("text_embedding").get_weights()
    grams = codes_of(TEXT, CODES, ngrams=2, buckets=20)
    expected = [table[row[row > 0]].mean(axis=0) if row.any() else np.zeros(3) for row in grams]
    np.testing.assert_allclose(run(outputs, x, CODES), expected, atol=1e-6)


@pytest.mark.parametrize("pooling", ["idf", "ratio"])
def test_a_weighted_bag_is_a_product_with_vectors_of_length_1(pooling: Any) -> None:
    x = keras.Input((6,), dtype="int32")
    outputs = layers.bag(x, TEXT, width=3, ngrams=2, buckets=20, pooling=pooling, name="text")
    model = keras.Model(x, outputs)
    layer = model.get_layer(f"text_{pooling}")
    assert not layer.trainable
    weights = np.random.default_rng(0).uniform(0, 2, (30, 1)).astype("float32")
    layer.set_weights([weights])
    (table,) = model.get_layer(f"text_{pooling}_embedding").get_weights()
    for codes, found in zip(CODES, run(outputs, x, CODES), strict=True):
        grams = codes_of(TEXT, codes[None], ngrams=2, buckets=20)[0]
        some = weights[grams[grams > 0]]
        expected = some.T @ table[grams[grams > 0]] / max(np.linalg.norm(some), 1e-6)
        np.testing.assert_allclose(found, expected[0], atol=1e-5)


def test_inverse_frequencies_are_those_of_scikit_learn() -> None:
    words = ["a b c a", "a b", "b c d", "b"]
    codes = np.int32([[2, 3, 4, 2], [2, 3, 0, 0], [3, 4, 5, 0], [3, 0, 0, 0]])
    signature = Signature.text(4, 6, classes=2)
    network = build(signature, weighting="idf")
    layers.weigh_ngrams(network, {"text": codes}, np.int32([0, 1, 0, 1]), seed=0)
    (found,) = network.get_layer("text_idf").get_weights()
    reference = TfidfVectorizer(token_pattern=r"\w", min_df=2).fit(words)
    assert reference.get_feature_names_out().tolist() == ["a", "b", "c"]
    np.testing.assert_allclose(found[2:5, 0], reference.idf_, rtol=1e-6)
    assert found[[0, 1, 5], 0].tolist() == [0, 0, 0]


def test_ratios_of_classes() -> None:
    """By the formula of the paper, from presence and not from counts."""
    codes = np.int32([[2, 2, 3], [2, 4, 0], [3, 4, 0], [4, 0, 0], [2, 3, 5]])
    positive = np.array([True, True, False, False, True])
    network = build(Signature.text(3, 6, classes=2))
    layers.weigh_ngrams(network, {"text": codes}, positive.astype("int32"), seed=0)
    (found,) = network.get_layer("text_ratio").get_weights()
    size = len(found)
    grams = codes_of(replace(TEXT, length=3, cardinality=6), codes, ngrams=2, buckets=size - 6)
    present = np.stack([(grams == code).any(axis=1) for code in range(size)], axis=1)
    present[:, 0] = False
    p, q = 1 + present[positive].sum(axis=0), 1 + present[~positive].sum(axis=0)
    expected = np.abs(np.log((p / p.sum()) / (q / q.sum()))) * (present.sum(axis=0) >= 2)
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-5)
    assert found[2] > 0.5
    assert found[5] == 0


def build(signature: Signature, **values: Any) -> keras.Model:
    from kerasnn import models

    return models.build("bag_of_ngrams", signature, buckets=40, **values)


def test_classes_of_each_kind_of_target() -> None:
    assert weighing.classes_of(np.int32([0, 1, 1])).tolist() == [[False], [True], [True]]
    several = weighing.classes_of(np.int32([2, 2, 0, 1, 2, 1]))
    assert several.sum(axis=0).tolist() == [3, 2, 1]
    labels = np.float32([[1, 0], [1, 1]])
    np.testing.assert_array_equal(weighing.classes_of(labels), labels == 1)
    numbers = weighing.classes_of(np.float32([-1.5, 0.2, 3.0]))
    assert numbers.tolist() == [[False], [False], [True]]
    many = weighing.classes_of(np.arange(100, dtype="int32"))
    assert many.shape == (100, weighing.MOST_CLASSES)


def test_the_weights_come_from_some_of_very_many_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weighing, "TEXTS", 8)
    monkeypatch.setattr(weighing, "TEXTS_AT_ONCE", 3)
    codes = np.full((40, 3), 2, "int32")
    found = []
    for seed in (0, 0):
        network = build(Signature.text(3, 6, classes=2), weighting="idf")
        layers.weigh_ngrams(network, {"text": codes}, np.zeros(40, "int32"), seed=seed)
        found.append(network.get_layer("text_idf").get_weights()[0])
    np.testing.assert_array_equal(*found)
    assert found[0][2] == 1.0


def test_numbers_of_tokens() -> None:
    signature = Signature.table(texts=[(6, 10), (2, 5)])
    inputs = layers.build_inputs(signature)
    model = keras.Model(inputs, layers.token_counts(inputs, signature))
    second = np.int32([[2, 0], [0, 0], [3, 3], [1, 1]])
    found = keras.ops.convert_to_numpy(model({"text": CODES, "text_2": second}))
    np.testing.assert_allclose(found, np.log1p([[6, 1], [2, 0], [0, 2], [4, 2]]), rtol=1e-6)


def test_highest_response_within_the_mask() -> None:
    generator = np.random.default_rng(0)
    vectors = generator.normal(size=(3, 7, 2)).astype("float32")
    mask = (np.arange(7) < [[7], [4], [0]]).astype("float32")
    vectors *= mask[..., None]
    x, there = keras.Input((7, 2)), keras.Input((7,))
    outputs = layers.max_over_time(x, there, width=5, size=3, name="conv")
    model = keras.Model([x, there], outputs)
    layer = model.get_layer("conv")
    layer.set_weights([layer.get_weights()[0], np.linspace(-0.5, 0.5, 5, dtype="float32")])
    kernel, bias = layer.get_weights()
    padded = np.pad(vectors, [(0, 0), (1, 1), (0, 0)])
    windows = np.stack([padded[:, i : i + 3] for i in range(7)], axis=1)
    responses = np.maximum(np.einsum("btkc,kcf->btf", windows, kernel) + bias, 0)
    expected = (responses * mask[..., None]).max(axis=1)
    found = keras.ops.convert_to_numpy(model([vectors, mask]))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert not found[2].any()


def test_a_signature_without_a_text_is_refused() -> None:
    with pytest.raises(ConfigError) as raised:
        layers.check_texts(Signature.table(numbers=2))
    assert str(raised.value) == (
        "a model for texts needs a text column; got none – "
        "add one, or choose a model for tables, such as mlp"
    )


@pytest.mark.parametrize("done", ["number", "image", "text", "series", "sound"])
def test_what_a_model_takes_itself_is_not_beside(done: str) -> None:
    signature = Signature.table(
        numbers=1, images=[(8, 8, 1)], texts=[(4, 9)], series=[(9, 1)], sounds=[(900, 8000)]
    )
    inputs = layers.build_inputs(signature)
    widths = {"number": 64, "image": 32, "text": 16, "series": 32, "sound": 32}
    parts = layers.auxiliary_features(inputs, signature, done={done})
    del widths[done]
    assert [part.shape[-1] for part in parts] == list(widths.values())
