"""What texts are cut into is chosen by the validation rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from kerasnn.config.settings import collect
from kerasnn.data.schema import Column, Schema, Target
from kerasnn.options import PreprocessingOptions
from kerasnn.preprocessing.texts import TextColumn
from kerasnn.selection import tokenizer
from kerasnn.selection.data_defaults import adapt
from kerasnn.selection.tokenizer import BUCKETS, choose_unit, count_ngrams

SYLLABLES = ["ba", "ko", "ti", "mu", "re", "so", "la", "ne"]
# All begin and end alike, so that few characters never see two of them.
LONG = [f"mmmmm{middle}mmmmm" for middle in SYLLABLES]


def schema_of(task: str = "binary", classes: tuple[str, ...] = ("no", "yes")) -> Schema:
    return Schema((Column("text", "text"),), Target("y", task, classes))


def rows(n: int, seed: int, *, by: str) -> pd.DataFrame:
    """Sentences whose class is told by the endings of words, or by the order of two words."""
    random = np.random.default_rng(seed)
    texts, labels = [], []
    for _ in range(n):
        said = random.integers(2)
        if by == "endings":
            # New words each time, of which the last letters alone tell.
            words = ["".join(random.choice(SYLLABLES, 4)) for _ in range(4)]
            words = [word + ("ing", "ed")[said] for word in words]
        else:
            words = list(random.choice(LONG[2:], 4))
            words[1:3] = LONG[:2] if said else LONG[1::-1]
        texts.append(" ".join(words))
        labels.append(("no", "yes")[said])
    return pd.DataFrame({"text": texts, "y": labels})


@pytest.mark.parametrize(("by", "unit"), [("endings", "characters"), ("words", "words")])
def test_the_better_unit_is_chosen(by: str, unit: str) -> None:
    parts = rows(200, 0, by=by), rows(80, 1, by=by)
    assert choose_unit(*parts, schema_of(), PreprocessingOptions()) == unit


def test_numbers_and_sets_of_labels_are_targets_too() -> None:
    train, validation = rows(200, 0, by="endings"), rows(80, 1, by="endings")
    for part in (train, validation):
        part["value"] = np.where(part["y"] == "yes", 10.0, -3.0)
        part["labels"] = np.where(part["y"] == "yes", "a|b", "a")
    number = Schema(schema_of().columns, Target("value", "regression"))
    assert choose_unit(train, validation, number, PreprocessingOptions()) == "characters"
    labels = Schema(schema_of().columns, Target("labels", "multilabel", ("a", "b"), separator="|"))
    assert choose_unit(train, validation, labels, PreprocessingOptions()) == "characters"


def test_many_classes_are_not_all_looked_at() -> None:
    classes = tuple(f"c{i:03d}" for i in range(60))
    frame = pd.DataFrame({"text": [f"word{i % 60} x" for i in range(240)], "y": classes * 4})
    known, truth = tokenizer._targets(schema_of("multiclass", classes).target, frame, frame[:30])
    assert known.shape == (240, 20)
    assert truth.shape == (30, 20)
    assert set(known.sum(axis=0)) == {4.0}


@pytest.mark.parametrize(
    "texts", [[""] * 60, ["same words"] * 60, ["一二三四五", "六七八九十"] * 30, ["a", "\x00"] * 30]
)
def test_texts_that_say_little_are_words(texts: list[str]) -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"text": texts, "y": random.choice(["no", "yes"], 60)})
    assert choose_unit(frame, frame[:30], schema_of(), PreprocessingOptions()) == "words"


def test_few_rows_are_words() -> None:
    few = rows(19, 0, by="endings")
    assert choose_unit(rows(50, 1, by="endings"), few, schema_of(), PreprocessingOptions()) == (
        "words"
    )


def test_counts_of_ngrams() -> None:
    fitted = TextColumn.fit(
        "t", ["a b a b", "b a"], PreprocessingOptions(min_token_count=1), unit="words"
    )
    counts = count_ngrams(fitted.encode(["a b a b", "b a", ""]), 1, 2)
    assert counts.shape == (3, BUCKETS)
    # a twice, b twice, "a b" twice, "b a" once; b, a, "b a"; nothing.
    assert sorted(counts[0].data.tolist()) == [1, 2, 2, 2]
    assert sorted(counts[1].data.tolist()) == [1, 1, 1]
    assert counts[2].nnz == 0
    assert set(counts[1].indices) <= set(counts[0].indices)
    assert count_ngrams(fitted.encode(["a b a b"]), 2, 2)[0].nnz == 2


def test_long_texts_are_looked_at_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer, "MOST_CHARACTERS", 10_000)
    frame = pd.DataFrame({"text": ["x" * 100] * 400, "y": ["no", "yes"] * 200})
    assert len(tokenizer._few(frame, schema_of())) == 100


def test_configuration_says_what_was_chosen() -> None:
    train, validation = rows(200, 0, by="endings"), rows(80, 1, by="endings")
    config = adapt(collect().resolve(), train, validation, schema_of())
    assert config.preprocessing.tokens == "characters"
    assert config.origins["preprocessing.tokens"] == "inferred"
    given = collect(set={"tokens": "words"}).resolve()
    assert adapt(given, train, validation, schema_of()).preprocessing.tokens == "words"
    table = Schema((Column("text", "category"),), schema_of().target)
    assert adapt(collect().resolve(), train, validation, table).preprocessing.tokens == "auto"
