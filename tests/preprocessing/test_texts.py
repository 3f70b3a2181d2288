"""Texts to codes: how they are cut, the vocabulary, the length, and the same in plain Python."""

from __future__ import annotations

import copy
import os
import pickle
import random
import subprocess
import sys
import unicodedata

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import kerasnn
from kerasnn.data.columns.scripts import SPACELESS
from kerasnn.data.columns.values import as_texts
from kerasnn.data.schema import Column, Schema, Target
from kerasnn.errors import KerasnnWarning, ModelRefusedError
from kerasnn.export.plain_tokens import SPACELESS as PLAIN_SPACELESS
from kerasnn.export.plain_tokens import Tokens, siphash
from kerasnn.export.texts import NASTY
from kerasnn.options import PreprocessingOptions
from kerasnn.preprocessing import Preprocessor, texts, tokens
from kerasnn.preprocessing.texts import TextColumn
from kerasnn.signature import Text


def words_of(text: str, *, lower_case: bool = True) -> list[str]:
    (row,) = tokens.cut(tokens.tensor([text]), "words", lower_case=lower_case).to_list()
    return [word.decode() for word in row]


def characters_of(text: str) -> str:
    (row,) = tokens.cut(tokens.tensor([text]), "characters", lower_case=True).to_list()
    return "".join(map(chr, row))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" \t\n\u00a0\u2003 ", []),
        ("One two", ["one", "two"]),
        ("Don't 'quote' it’s o'clock'", ["don't", "'", "quote", "'", "it’s", "o'clock", "'"]),
        ("bad!!! (3.5%)", ["bad", "!", "!", "!", "(", "3", ".", "5", "%", ")"]),
        ("Ünïcode ΣΑΣ straße", ["ünïcode", "σας", "straße"]),
        ("e\u0301te\u0301 x\u0301", ["e\u0301te\u0301", "x\u0301"]),
        ("\u0301alone", ["\u0301", "alone"]),
        ("很好看。", ["很", "好", "看", "。"]),
        ("とても良い", ["と", "て", "も", "良", "い"]),
        ("ดีมาก", ["ดี", "ม", "า", "ก"]),
        ("abc中文def", ["abc", "中", "文", "def"]),
        ("좋아요 정말", ["좋아요", "정말"]),
        ("שלום مرحبا नमस्ते", ["שלום", "مرحبا", "नमस्ते"]),
        ("👍🏽ok", ["👍", "🏽", "ok"]),
        ("👨\u200d👩\u200d👧", ["👨", "👩", "👧"]),
        ("❤\ufe0f", ["❤\ufe0f"]),
        ("co\u00adop\ufeff", ["coop"]),
        ("a\u200bb\x00c\x07d\ue000e", ["a", "b", "c", "d", "e"]),
        ("half \ud800 pair", ["half", "?", "pair"]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_characters() -> None:
    assert characters_of("  It’s \t\n ok! 中👍🏽\u200b\x00 x ") == "it’s ok! 中👍🏽 x"
    assert characters_of(" \n ") == ""


def test_capitals_may_count() -> None:
    assert words_of("Polish POLISH polish", lower_case=False) == ["Polish", "POLISH", "polish"]


def test_plain_python_cuts_alike() -> None:
    """On texts of all of Unicode, many of them of what is hard."""
    generator = random.Random(0)
    # Of letters that are newer than ICU's tables, capitals stay as they are in TensorFlow.
    pool = [
        letter
        for letter in map(chr, range(0x30000))
        if unicodedata.category(letter) not in ("Cn", "Cs")
        and not 0x10570 <= ord(letter) <= 0x105BF
        and not 0xA7C0 <= ord(letter) <= 0xA7D9
        and ord(letter) != 0x2C2F
    ]
    hard = list("aA1 '’.\n\t\u00ad\u200d\ufeffΣσςİIıßéรกิ中の\u0301👍🏽\ufe0f①٣")
    texts = [
        "".join(
            generator.choice(hard if generator.random() < 0.8 else pool)
            for _ in range(generator.randrange(40))
        )
        for _ in range(3000)
    ]
    texts += ["".join(pool[i : i + 5_000]) for i in range(0, len(pool), 5_000)]
    texts += [*NASTY, "\ud800x"]
    for lower_case in (True, False):
        plain = Tokens("words", [], 1, lower_case, 0)
        found = tokens.cut(tokens.tensor(texts), "words", lower_case=lower_case).to_list()
        assert [[word.decode() for word in row] for row in found] == [*map(plain.cut, texts)]
        plain = Tokens("characters", [], 1, lower_case, 0)
        found = tokens.cut(tokens.tensor(texts), "characters", lower_case=lower_case).to_list()
        assert [[chr(code) for code in row] for row in found] == [*map(plain.cut, texts)]


def test_plain_python_knows_the_same_scripts() -> None:
    for low, high in SPACELESS:
        for code, expected in ((low - 1, False), (low, True), (high, True), (high + 1, False)):
            inside = any(first <= code <= last for first, last in SPACELESS)
            assert bool(PLAIN_SPACELESS.match(chr(code))) is inside
            assert inside is expected or inside


def test_plain_hash_is_the_one_of_tensorflow() -> None:
    words = ["", "a", "1234567", "12345678", "中文👍", "x" * 100]
    found = tf.strings.to_hash_bucket_strong(words, 2**62, tokens.HASH_KEY).numpy().tolist()
    assert found == [siphash(word.encode()) % 2**62 for word in words]


@pytest.mark.parametrize("language", ["tr_TR.UTF-8", "lt_LT.UTF-8"])
def test_the_machines_language_does_not_matter(language: str) -> None:
    code = (
        "from kerasnn.preprocessing import tokens\n"
        "text = 'IİJ\u0301Į\u0303ÌÍĨ I\u0307'\n"
        "(row,) = tokens.cut(tokens.tensor([text]), 'words', lower_case=True).to_list()\n"
        "print(ascii([word.decode() for word in row]))"
    )
    environment = {**os.environ, "LC_ALL": language, "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    expected = "IİJ\u0301Į\u0303ÌÍĨ I\u0307".lower().split()
    assert done.stdout.strip() == ascii(expected)


def test_vocabulary_is_in_the_order_of_frequency() -> None:
    texts = ["b a", "a b", "é z", "z", "rare rare", "é"]
    fitted = TextColumn.fit("t", texts, PreprocessingOptions(), unit="words")
    assert fitted.words == ("a", "b", "z", "é")
    assert fitted.length == 2
    assert fitted.text == Text("t", 2, 6, "words")
    codes = fitted.encode(["z rare a", "", "é"])
    assert codes.tolist() == [[4, 1], [0, 0], [5, 0]]
    assert codes.dtype == np.int32


def test_vocabulary_has_limits() -> None:
    texts = ["a b c " + "x" * 101, "a", "a b c " + "x" * 101, "d d d d"]

    def fit(**options: object) -> tuple[str, ...]:
        return TextColumn.fit("t", texts, PreprocessingOptions(**options), unit="words").words

    assert fit() == ("a", "b", "c")
    assert fit(max_tokens=2) == ("a", "b")
    assert fit(min_token_count=3) == ("a",)
    assert fit(max_tokens=0) == ()


def test_unknown_tokens_may_be_told_apart() -> None:
    options = PreprocessingOptions(token_buckets=50, max_tokens=1)
    fitted = TextColumn.fit("t", ["a a b c d e f", "a"], options, unit="words")
    assert fitted.cardinality == 53
    codes = fitted.encode(["a b c d e f b new"])[0]
    assert codes[0] == 2
    assert codes[1] == codes[6] == 3 + siphash(b"b") % 50
    assert (codes[1:] >= 3).all()
    assert (codes < 53).all()
    assert len(set(codes.tolist())) >= 5
    characters = TextColumn.fit("t", ["aab", "a"], options, unit="characters").encode(["abz"])
    assert characters.tolist() == [[2, 3 + ord("b") % 50, 3 + ord("z") % 50]]


@pytest.mark.parametrize(("unit", "most"), [("words", 512), ("characters", 2_048)])
@pytest.mark.filterwarnings("ignore:100.0% of the texts")
def test_length_goes_by_the_training_rows(unit: str, most: int) -> None:
    options = PreprocessingOptions()
    word = "a " if unit == "words" else "a"
    short = TextColumn.fit("t", [word * 7] * 999 + [word * 400], options, unit=unit)
    assert short.length == 7
    assert TextColumn.fit("t", [word * 3_000], options, unit=unit).length == most
    assert TextColumn.fit("t", ["", " "], options, unit=unit).length == 1
    assert TextColumn.fit("t", [], options, unit=unit).length == 1
    given = TextColumn.fit("t", ["a b"], PreprocessingOptions(text_length=9), unit=unit)
    assert given.length == 9


def test_length_covers_most_texts_as_far_as_the_limit_and_the_memory_allow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    long = np.array([2_000] * 90 + [6_000] * 10)
    assert texts.choose_length(long, "words", limit=8_192) == 6_000
    assert texts.choose_length(long, "words", limit=4_000) == 4_000
    assert texts.choose_length(long, "characters", limit=1_000) == 4_000
    # A few long ones don't make all others as long.
    few = np.array([200] * 97 + [6_000] * 3)
    assert texts.choose_length(few, "words", limit=8_192) == 512
    monkeypatch.setattr(texts, "MOST_CODES", 100_000)
    assert texts.choose_length(long, "words", limit=8_192) == 1_000


def test_what_is_cut_is_said() -> None:
    cells = ["a " * 300] * 7 + ["a " * 900] * 3
    options = PreprocessingOptions(text_limit=600)
    with pytest.warns(KerasnnWarning) as caught:
        assert TextColumn.fit("notes", cells, options, unit="words").length == 600
    assert [str(warning.message) for warning in caught] == [
        "30.0% of the texts are longer than 600 words and cut there, with 18.8% of all words "
        "(column 'notes') – set `text_length` for another length"
    ]
    # A last word that is cut off is not worth a warning.
    hardly = ["a " * 600] * 7 + ["a " * 601] * 3
    TextColumn.fit("notes", hardly, PreprocessingOptions(text_limit=600), unit="words")
    # What was chosen by hand is not warned of, and neither is what is read whole.
    TextColumn.fit("notes", cells, PreprocessingOptions(text_length=5), unit="words")
    TextColumn.fit("notes", cells, PreprocessingOptions(text_limit=900), unit="words")


def test_evidence_at_the_end_of_long_documents_is_read() -> None:
    draw = np.random.default_rng(0)
    filler = [f"w{i}" for i in range(300)]
    labels = np.arange(80) % 2
    documents = [
        " ".join([*draw.choice(filler, 900), *(["wonderful"] if label else ["dreadful"]) * 100])
        for label in labels
    ]
    table = {"text": documents, "y": np.where(labels, "good", "bad")}
    settings = {"epochs": 20, "tokens": "words"}
    run = kerasnn.train(
        table, target="y", model="bag_of_ngrams", seed=0, baselines=False, set=settings
    )
    assert run.predictor.preprocessor.texts[0].length == 1_000
    assert run.scores is not None
    assert run.scores.values["accuracy"] == 1.0


def test_longer_texts_are_cut_at_their_end() -> None:
    fitted = TextColumn.fit("t", ["a b c"] * 2, PreprocessingOptions(text_length=2), unit="words")
    assert fitted.encode(["a b c"]).tolist() == [[2, 3]]


def test_many_rows_and_long_ones_are_coded_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["a", "b" * 30, "", "c c", "d", "e" * 30] * 3
    fitted = TextColumn.fit("t", texts, PreprocessingOptions(), unit="words")
    expected = fitted.encode(texts)
    monkeypatch.setattr(tokens, "BATCH_CHARACTERS", 31)
    monkeypatch.setattr(tokens, "BATCH_ROWS", 4)
    assert [rows.stop - rows.start for rows in tokens.batches(texts)] == [2, 4, 2, 4, 2, 4]
    np.testing.assert_array_equal(fitted.encode(texts), expected)
    assert TextColumn.fit("t", texts, PreprocessingOptions(), unit="words") == fitted
    assert fitted.encode([]).shape == (0, fitted.length)


def test_cells_of_other_types_are_texts() -> None:
    cells = pd.Series(["It fits.", None, np.nan, 3.0, True, " NA ", "x" * 100_001, ["a"]])
    found = as_texts(cells).tolist()
    assert found == ["It fits.", "", "", "3", "true", " NA ", "x" * 100_000, '["a"]']
    assert as_texts(pd.Series([1.5, np.nan])).tolist() == ["1.5", ""]
    assert as_texts(pd.Series(["half \ud800", "b"], dtype=object)).tolist() == ["half ?", "b"]
    assert as_texts(pd.Series(["a", None], dtype="category")).tolist() == ["a", ""]
    assert as_texts(pd.Series([], dtype=object)).shape == (0,)


SCHEMA = Schema(
    (Column("age", "number"), Column("title", "text"), Column("review", "text")),
    Target("y", "regression"),
)
FRAME = pd.DataFrame(
    {"age": [1.0, 2.0], "title": ["good one", None], "review": ["ok ok", "no no"], "y": [0.0, 1.0]}
)


def fitted_preprocessor(**options: object) -> Preprocessor:
    return Preprocessor.fit(FRAME, SCHEMA, PreprocessingOptions(min_token_count=1, **options))


def test_preprocessor_makes_an_input_of_each_column() -> None:
    fitted = fitted_preprocessor()
    assert list(fitted.signature.text_inputs) == ["text", "text_2"]
    inputs = fitted.transform(FRAME).inputs
    assert inputs["text"].tolist() == [[2, 3], [0, 0]]
    assert inputs["text_2"].tolist() == [[3, 3], [2, 2]]
    assert fitted.raw(FRAME)["title"].tolist() == [["good one"], [""]]
    assert [column.layout for column in fitted.schema.columns] == ["", "words", "words"]
    characters = fitted_preprocessor(tokens="characters")
    assert characters.signature.texts[1].unit == "characters"
    assert characters.transform(FRAME).inputs["text"].shape == (2, 8)


def test_preprocessor_comes_back_from_plain_data() -> None:
    fitted = fitted_preprocessor(token_buckets=3)
    back = Preprocessor.from_dict(fitted.to_dict())
    assert back == fitted
    for copied in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        inputs = copied.transform(FRAME).inputs
        np.testing.assert_array_equal(inputs["text"], fitted.transform(FRAME).inputs["text"])


@pytest.mark.parametrize(
    "change",
    [
        {"unit": "lines"},
        {"unit": "characters"},
        {"unit": ["words"]},
        {"length": 0},
        {"length": 100_001},
        {"length": 2.0},
        {"length": True},
        {"lower_case": 1},
        {"buckets": -1},
        {"buckets": 10_000_001},
        {"buckets": None},
        {"words": ["a", "a"]},
        {"words": ["a", ""]},
        {"words": ["a", None]},
        {"words": ["a", "\ud800"]},
        {"words": ["x" * 101]},
        {"words": None},
        {"words": 3},
        {"name": "age"},
        {"code": "os.system"},
    ],
)
def test_strange_text_columns_are_refused(change: dict[str, object]) -> None:
    data = fitted_preprocessor().to_dict()
    data["texts"] = [{**data["texts"][0], **change}, data["texts"][1]]
    with pytest.raises(ModelRefusedError, match="the preprocessing is malformed"):
        Preprocessor.from_dict(data)


def test_longer_characters_are_refused() -> None:
    data = fitted_preprocessor(tokens="characters").to_dict()
    data["texts"] = [{**data["texts"][0], "words": ["ab"]}, data["texts"][1]]
    with pytest.raises(ModelRefusedError, match="malformed: texts"):
        Preprocessor.from_dict(data)


@pytest.mark.parametrize("texts", [[], None, [{}], [{}, {}], "ab"])
def test_other_columns_than_the_schema_has_are_refused(texts: object) -> None:
    data = fitted_preprocessor().to_dict() | {"texts": texts}
    with pytest.raises(ModelRefusedError, match="the preprocessing is malformed"):
        Preprocessor.from_dict(data)


def test_tensorflow_is_quiet_where_texts_are_the_first_to_need_it() -> None:
    code = (
        "import numpy as np; from kerasnn.preprocessing.texts import count_tokens\n"
        "count_tokens(np.array(['a text'], object), 'word', lower_case=True)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
