"""What words push, against networks and scores whose answer is known."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pandas as pd
import pytest
from scipy.special import logit, softmax

from kerasnn.data.schema import Column, Schema, Target
from kerasnn.evaluation.predicted_rows import PredictedRows
from kerasnn.explain.excerpts import SHOWN, text_excerpts
from kerasnn.explain.occlusion import (
    TokenizedText,
    WordAttribution,
    attribute_words,
    leave_out,
    log_odds,
    strength,
)
from kerasnn.metrics.predictions import Predictions
from kerasnn.options import PreprocessingOptions
from kerasnn.prediction.predictor import Decision, Predictor
from kerasnn.prediction.streaming import predict_labelled
from kerasnn.preprocessing import Preprocessor
from kerasnn.preprocessing.texts import TextColumn
from kerasnn.report.sections.texts import top_words

WORDS = ["good", "bad", "a", "film", "plot", "of", "the", "."]
TARGETS = {
    "binary": Target("y", "binary", ("no", "yes")),
    "multiclass": Target("y", "multiclass", ("a", "b", "c")),
    "multilabel": Target("y", "multilabel", ("a", "b"), separator="|"),
    "regression": Target("y", "regression", label_type="float"),
}


def rows(n: int, target: Target) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    texts = [" ".join(generator.choice(WORDS, 6)) for _ in range(n)]
    values = [text.count("good") - text.count("bad") for text in texts]
    labels = {
        "binary": ["yes" if value > 0 else "no" for value in values],
        "multiclass": ["a" if value > 0 else "b" if value < 0 else "c" for value in values],
        "multilabel": ["a|b" if value > 0 else "b" for value in values],
        "regression": [10.0 * value for value in values],
    }
    return pd.DataFrame({"t": texts, "size": generator.normal(size=n), "y": labels[target.task]})


def additive(target: Target, frame: pd.DataFrame) -> Predictor:
    """A network whose outputs are sums of one vector a token, and some of a number."""
    columns = (Column("t", "text", layout="words"), Column("size", "number"))
    fitted = Preprocessor.fit(frame, Schema(columns, target), PreprocessingOptions(text_length=20))
    text = fitted.signature.texts[0]
    inputs = {
        "numbers": keras.Input((1,), name="numbers"),
        "text": keras.Input((text.length,), dtype="int32", name="text"),
    }
    width = fitted.signature.output.width
    weights = np.random.default_rng(1).normal(size=(text.cardinality, width))
    weights[0] = 0
    for code, word in enumerate(fitted.texts[0].words, 2):
        if word in ("good", "bad"):
            weights[code] = 3 if word == "good" else -3
    table = keras.layers.Embedding(text.cardinality, width, weights=[weights])
    summed = keras.ops.sum(table(inputs["text"]), axis=1)
    outputs = summed + keras.layers.Dense(width, use_bias=False)(inputs["numbers"])
    return Predictor(fitted, keras.Model(inputs, outputs), Decision(temperature=2.0))


def weight_of(predictor: Predictor, word: str) -> np.ndarray:
    weights = predictor.network.get_weights()[0]
    return np.asarray(weights[predictor.preprocessor.texts[0].encode([word])[0, 0]])


@pytest.mark.parametrize("task", TARGETS)
def test_effect_is_what_the_prediction_loses_without_the_word(task: str) -> None:
    target = TARGETS[task]
    frame = rows(60, target)
    predictor = additive(target, frame)
    text = "The good plot,  a bad Film of unheard."
    row = pd.DataFrame({"t": [text], "size": [0.3]})
    inputs = predictor.preprocessor.transform(row).inputs
    code = 1 if target.classes else 0
    found = attribute_words(predictor, inputs, "text", text, code)
    assert (
        " ".join(text[p.start : p.stop] for p in found) == "The good plot , a bad Film of unheard ."
    )

    def told(text: str) -> float:
        scores = predictor.scores(row.assign(t=[text]))[0]
        return float(scores) if task == "regression" else float(logit(scores[code]))

    for attribution in found:
        without = text[: attribution.start] + text[attribution.stop :]
        assert attribution.effect == pytest.approx(told(text) - told(without), abs=1e-4)
    if task == "binary":
        for attribution in found:
            weight = weight_of(predictor, text[attribution.start : attribution.stop])[0]
            assert attribution.effect == pytest.approx(weight / 2, abs=1e-5)


def test_log_odds_are_those_of_the_probabilities() -> None:
    logits = np.random.default_rng(0).normal(size=(5, 4)) * 3
    expected = logit(softmax(logits / 1.5, axis=1))
    for code in range(4):
        found = log_odds(logits, code, temperature=1.5)
        np.testing.assert_allclose(found, expected[:, code], rtol=1e-9)
    # No probability of 1 hides how sure a network is.
    assert log_odds(np.array([[900.0, 0.0, 0.0]]), 0)[0] == pytest.approx(900 - np.log(2))
    np.testing.assert_allclose(log_odds(np.array([[2.0]]), 0), [-2.0])


def counted(text: str, unit: str = "words", length: int = 5000) -> TokenizedText:
    options = PreprocessingOptions(text_length=length, min_token_count=1)
    return TokenizedText.of(TextColumn.fit("t", [text], options, unit=unit), text)  # type: ignore[arg-type]


def test_long_text_is_measured_where_the_push_is() -> None:
    words = [f"w{i}" for i in range(4000)]
    words[1234] = "key"
    reading = counted(" ".join(words))
    key = reading.codes[1234]
    asked = 0

    def score(codes: np.ndarray) -> np.ndarray:
        nonlocal asked
        asked += len(codes)
        return 5.0 * (codes == key).any(axis=1) + 0.001 * (codes > 0).sum(axis=1)

    found = leave_out(reading, score, most=160)
    assert asked <= 161
    strongest = max(found, key=lambda attribution: attribution.effect)
    assert reading.text[strongest.start : strongest.stop] == "key"
    assert strongest.n_words == 1
    assert strongest.effect == pytest.approx(5.001)
    # All words are accounted for, each once.
    assert sum(attribution.n_words for attribution in found) == 4000
    assert sum(attribution.effect for attribution in found) == pytest.approx(5 + 4.0)
    assert all(a.stop < b.start for a, b in itertools.pairwise(found))


def test_empty_text_has_no_words() -> None:
    assert leave_out(counted("fits"), lambda codes: np.zeros(len(codes))) != []
    options = PreprocessingOptions()
    empty = TokenizedText.of(TextColumn.fit("t", ["fits"], options, unit="words"), " \n")
    assert leave_out(empty, lambda codes: np.zeros(len(codes))) == []


def test_word_of_characters_is_left_out_with_a_space() -> None:
    options = PreprocessingOptions(text_length=20)
    column = TextColumn.fit("t", ["it fits me"], options, unit="characters")
    for text, without in [("it fits me", "it me"), ("it fits", "it"), ("fits me", "me")]:
        reading = TokenizedText.of(column, text)
        [word] = [word for word in reading.words if word.text == "fits"]
        np.testing.assert_array_equal(reading.without([word]), column.encode([without])[0])
    reading = TokenizedText.of(column, "fits")
    assert not reading.without(reading.words).any()


@pytest.mark.parametrize("task", TARGETS)
def test_telling_words_are_those_with_the_weights(task: str) -> None:
    target = TARGETS[task]
    frame = rows(120, target)
    predictor = additive(target, frame)
    if task == "multiclass":
        # The rows speak of classes a and b by good and bad.
        weights = predictor.network.get_weights()
        for word, vector in (("good", [3, 0, 0]), ("bad", [0, 3, 0])):
            weights[0][predictor.preprocessor.texts[0].encode([word])[0, 0]] = vector
        predictor.network.set_weights(weights)
    predicted_rows = PredictedRows(predictor, frame, frame, predict_labelled(predictor, frame))
    [(name, column)] = [("text", predictor.preprocessor.texts[0])]
    found = top_words.top_words(predicted_rows, name, column)
    firsts = {(each["label"], each["sign"]): each["words"][0]["word"] for each in found}
    expected = {
        "binary": {("yes", 1): "good", ("no", 1): "bad"},
        "multiclass": {("a", 1): "good", ("b", 1): "bad"},
        "multilabel": {("a", 1): "good", ("b", 1): "good"},
        "regression": {(None, 1): "good", (None, -1): "bad"},
    }[task]
    assert expected.items() <= firsts.items()
    if task == "binary":
        word = found[0]["words"][0]
        assert word["rows"] == frame["t"].str.contains("good").sum()
        # All of a word's occurrences in a text are left out, of two or more here and there.
        assert word["effect"] >= 1.5 - 1e-6


def test_rare_and_unknown_words_tell_nothing() -> None:
    target = TARGETS["binary"]
    frame = rows(60, target)
    predictor = additive(target, frame)
    tested = rows(20, target)
    tested["t"] = [*(["rare good"] * 3), *(["never seen, good"] * 6), *tested["t"][9:]]
    predicted_rows = PredictedRows(predictor, frame, tested, predict_labelled(predictor, tested))
    found = top_words.top_words(predicted_rows, "text", predictor.preprocessor.texts[0])
    words = {word["word"] for group in found for word in group["words"]}
    assert "good" in words
    assert not words & {"rare", "never", "seen"}


def test_lengths_and_coverage() -> None:
    column = TextColumn.fit(
        "t", ["a b c", "a b"], PreprocessingOptions(text_length=4, min_token_count=1), unit="words"
    )
    told = top_words.lengths(column, ["a", "a b c d e", "", "a b c d"])
    assert (told["median"], told["longest"], told["cut"], told["empty"]) == (2.5, 5, 0.25, 0.25)
    assert sum(told["counts"]) == 4
    told = top_words.coverage(column, ["a new a", "new one b"])
    assert told["unknown"] == pytest.approx(3 / 6)
    assert told["frequent"] == [["new", 2]]


def test_passage_of_a_long_text_is_around_its_strongest_words() -> None:
    text = ("filler words " * 60) + "splendid" + (" filler words" * 60)
    at = text.index("splendid")
    found = text_excerpts(text, [WordAttribution(0, 6, 0.1), WordAttribution(at, at + 8, -2.0)])
    pieces = [piece for excerpt in found["excerpts"] for piece in excerpt]
    assert ("splendid", -2.0) in pieces
    assert ("filler", 0.1) in pieces
    assert sum(len(piece) for piece, _ in pieces) <= SHOWN
    assert (found["is_begun"], found["is_ended"]) == (True, False)
    assert all(excerpt[0][0].split()[0] in ("filler", "words") for excerpt in found["excerpts"])
    whole = text_excerpts(text, [WordAttribution(at, at + 8, -2.0)], whole=True)
    assert "".join(piece for piece, _ in whole["excerpts"][0]) == text
    assert text_excerpts("", [])["excerpts"] == [[]]


def test_judged_rows_of_values_and_labels() -> None:
    frame = rows(30, TARGETS["regression"])
    predictor = additive(TARGETS["regression"], frame)
    predicted_rows = PredictedRows(predictor, frame, frame, predict_labelled(predictor, frame))
    errors = np.abs(predicted_rows.predictions.decision - predicted_rows.predictions.truth)
    assert predicted_rows.worst(3).tolist() == np.argsort(-errors, kind="stable")[:3].tolist()
    assert predicted_rows.asked([1, 2]).tolist() == [0, 0]
    assert strength(predictor, predictor.outputs(predicted_rows.inputs([4])), 0)[
        0
    ] == pytest.approx(predicted_rows.predictions.scores[4], rel=1e-5)
    given = Predictions.from_scores(
        "multilabel",
        ("a", "b"),
        truth=np.array([[1, 0], [1, 1]]),
        scores=np.array([[0.9, 0.8], [0.7, 0.6]]),
    )
    labelled = PredictedRows(predictor, frame, frame, given)
    assert labelled.asked([0, 1]).tolist() == [0, 0]
    assert labelled.worst(5).tolist() == [0]
    assert labelled.card(0)["decided"] == "a, b"
