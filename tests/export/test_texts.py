"""Exported models of texts: strings in where the format can, else codes made in plain Python."""

from __future__ import annotations

import json

import keras
import numpy as np
import pandas as pd
import pytest
from helpers import printed_by_example

from kerasnn import export
from kerasnn.data.schema import Column, Schema, Target
from kerasnn.export import texts, verify
from kerasnn.export.example import example_row
from kerasnn.options import PreprocessingOptions
from kerasnn.prediction.predictor import Decision, Predictor
from kerasnn.preprocessing import Preprocessor

SCHEMA = Schema(
    (Column("age", "number"), Column("the review", "text"), Column("title", "text")),
    Target("y", "binary", ("no", "yes")),
)
REVIEWS = ("It fits, I love it!", "Don't buy: bad fabric.", "这件衣服很好看", "ok", "")


def rows(n: int = 60) -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": random.normal(40, 12, n),
            "the review": [REVIEWS[i % len(REVIEWS)] for i in range(n)],
            "title": random.choice(["Great dress", "Bad fit", "Meh"], n),
            "y": random.choice(["no", "yes"], n),
        }
    )


def predictor_of(**options: object) -> Predictor:
    keras.utils.set_random_seed(0)
    fitted = Preprocessor.fit(rows(), SCHEMA, PreprocessingOptions(**options))
    signature = fitted.signature
    inputs = {"numbers": keras.Input((1,), name="numbers")}
    parts = [inputs["numbers"]]
    for name, text in signature.text_inputs.items():
        inputs[name] = keras.Input((text.length,), dtype="int32", name=name)
        vectors = keras.layers.Embedding(text.cardinality, 4, embeddings_initializer="normal")
        flat = keras.layers.Flatten()(vectors(inputs[name]))
        parts.append(keras.layers.Dense(4, activation="silu")(flat))
    outputs = keras.layers.Dense(1)(keras.layers.Concatenate()(parts))
    return Predictor(fitted, keras.Model(inputs, outputs), Decision(temperature=0.2))


@pytest.fixture(scope="module")
def predictors() -> dict[str, Predictor]:
    return {
        "words": predictor_of(),
        "characters": predictor_of(tokens="characters", token_buckets=5, text_length=20),
        "hashed": predictor_of(token_buckets=7, max_tokens=3, lower_case=False, text_length=6),
    }


@pytest.mark.parametrize(
    ("kind", "format"),
    [
        ("words", "saved_model"),
        ("words", "keras"),
        ("words", "onnx"),
        ("words", "litert"),
        ("characters", "saved_model"),
        ("characters", "onnx"),
        ("hashed", "saved_model"),
        ("hashed", "keras"),
    ],
)
def test_every_format_takes_texts_or_codes(predictors, kind, format, tmp_path):
    predictor = predictors[kind]
    path = tmp_path / f"model{export.suffix(format)}"
    result = export.export(predictor, path, format=format, sample=rows())
    assert result.largest_difference <= 1e-5
    text = result.card.read_text()
    if format == "saved_model":
        assert result.tokens is None
        assert "the preprocessing is inside." in text
        assert '| `the_review` | the review | text | (batch, 1) | text; "" if missing |' in text
    else:
        assert result.tokens == tmp_path / f"{path.name}.tokens.json"
        assert result.summary().endswith(f"takes codes of texts, made with {result.tokens}")
        assert json.loads(result.tokens.read_text()) == texts.settings(predictor.preprocessor)
        assert "inside, but for texts: it takes the codes of their tokens." in text
        length = predictor.preprocessor.texts[0].length
        unit = "characters" if kind == "characters" else "words"
        assert f"| int32 | (batch, {length}) | codes of its {unit} |" in text
    assert ("def siphash" in text) is (kind != "words" and format != "saved_model")
    example = pd.DataFrame([example_row(predictor.preprocessor)])
    assert printed_by_example(text, tmp_path) == pytest.approx(
        predictor.scores(example)[0], abs=1e-5
    )


def test_nasty_rows_have_every_nasty_text(predictors):
    preprocessor = predictors["words"].preprocessor
    for sample in (rows(30), None):
        frame = verify.nasty_rows(preprocessor, sample)
        assert set(texts.NASTY) <= set(frame["the review"])
        assert set(texts.NASTY) <= set(frame["title"])
        assert frame["title"].isna().any()


def test_codes_of_plain_python_are_those_of_the_preprocessing(predictors):
    for predictor in predictors.values():
        frame = verify.nasty_rows(predictor.preprocessor, rows(30))
        prepared = predictor.preprocessor.transform(frame).inputs
        found = texts.codes(predictor.preprocessor, frame)
        np.testing.assert_array_equal(found["the_review"], prepared["text"])
        np.testing.assert_array_equal(found["title"], prepared["text_2"])


def test_saved_model_reads_what_is_no_utf_8(predictors, tmp_path):
    import tensorflow as tf

    predictor = predictors["words"]
    export.export(predictor, tmp_path / "model", format="saved_model")
    serve = tf.saved_model.load(str(tmp_path / "model")).signatures["serving_default"]

    def probability(review: bytes) -> float:
        cells = {"age": tf.constant([[40.0]]), "title": tf.constant([[b"Meh"]])}
        return float(serve(the_review=tf.constant([[review]]), **cells)["probabilities"][0, 1])

    assert probability(b"it \xff\xfe fits") == probability("it \ufffd\ufffd fits".encode())
    # Beyond the characters that are read, nothing counts.
    assert probability(b" " * 99_998 + b"it fits") == probability(b"it")
