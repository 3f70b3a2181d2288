"""What a run with texts tells and shows, its baselines, and stories of strangers."""

from __future__ import annotations

import copy
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge

import kerasnn
from kerasnn.data.schema import Column, Schema, Target
from kerasnn.errors import ModelRefusedError
from kerasnn.evaluation.baselines import baselines
from kerasnn.evaluation.text_features import SCALE, tf_idf
from kerasnn.options import PreprocessingOptions
from kerasnn.prediction.streaming import predict_labelled
from kerasnn.preprocessing import Preprocessor
from kerasnn.report import render
from kerasnn.report.sections.texts.collect import text_section
from kerasnn.runs.tabular import Run

HOSTILE = "<script>alert('x')</script>"
TINY = {"width": 4, "epochs": 15, "learning_rate": 0.05, "batch_size": 16, "text_length": 40}
FILLER = ["the", "film", "plot", "of", "a", "and", "scene", "we", "see", "it"]


def reviews(count: int, *, seed: int = 0) -> pd.DataFrame:
    """Texts that end in a word that tells, with markup, line ends and rare words."""
    generator = np.random.default_rng(seed)
    good = generator.random(count) < 0.5
    texts = [
        f"{' '.join(generator.choice(FILLER, 8))}\n{HOSTILE if row % 7 == 0 else ''} "
        f"{'Splendid' if each else 'Dreadful'} rare{row}!"
        for row, each in enumerate(good)
    ]
    score = np.where(good, 8.0, 2.0) + generator.normal(size=count)
    label = np.where(generator.random(count) < 0.1, ~good, good)
    return pd.DataFrame(
        {"review": texts, "label": np.where(label, "yes & <no>", "no"), "score": score}
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return kerasnn.train(
        reviews(240),
        target="label",
        drop=["score"],
        model="fasttext",
        set=TINY,
        output=tmp_path_factory.mktemp("run") / "reviews",
    )


class Reader(HTMLParser):
    """The words of a page, its tags, and its marks with their styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []
        self.marks: list[tuple[str, str]] = []
        self._mark: str | None = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not [name for name, _ in attrs if name.startswith("on")]
        self.tags.append(tag)
        self._mark = str(dict(attrs)["class"]) if tag == "mark" else None

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self._mark:
            self.marks.append((self._mark, data))
            self._mark = None


def page(run: Run) -> Reader:
    assert run.folder is not None
    return Reader((run.folder / "report.html").read_text(encoding="utf-8"))


def told(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = run.bundle.report["texts"]
    return found


def test_page_shows_texts_in_every_section(run: Run) -> None:
    reader = page(run)
    text = " ".join("".join(reader.words).split())
    for part in [
        "Length of ‘review’",
        "The worst errors",
        "The most confident ones",
        "The most influential words",
        "Blue words speak for what was said",
        "logistic regression on TF-IDF",
    ]:
        assert part in text
    assert {style for style, _ in reader.marks} <= {"for", "against"}
    assert {"Splendid", "Dreadful"} & {word for _, word in reader.marks}


def test_texts_of_strangers_stay_text(run: Run) -> None:
    reader = page(run)
    assert "script" not in reader.tags
    text = "".join(reader.words)
    assert HOSTILE in text.replace("\n", "")
    assert "yes & <no>" in text


def test_cards_hold_the_worst_rows_as_they_were_written(run: Run) -> None:
    test = run.holdout("test")
    predictions = predict_labelled(run.predictor, test)
    truth = predictions.scores[np.arange(len(test)), predictions.truth]
    wrong = np.flatnonzero(predictions.decision != predictions.truth)
    worst = wrong[np.argsort(truth[wrong], kind="stable")]
    cards = told(run)["worst"]
    assert len(cards) == min(10, len(wrong))
    for card, row in zip(cards, worst, strict=False):
        [passage] = card["texts"]
        [excerpt] = passage["excerpts"]
        assert "".join(piece for piece, _ in excerpt) == test["review"].iloc[row]
        assert card["probability_of_truth"] == pytest.approx(truth[row])
        assert card["target_class"] == card["decided"] != card["truth"]


def test_words_of_the_classes_are_the_most_telling(run: Run) -> None:
    groups = {group["label"]: group["words"] for group in told(run)["columns"][0]["top_words"]}
    assert groups["yes & <no>"][0]["word"] == "splendid"
    assert groups["no"][0]["word"] == "dreadful"
    test = run.holdout("test")
    assert groups["no"][0]["rows"] == test["review"].str.contains("Dreadful").sum()


def test_coverage_names_what_is_unknown(run: Run) -> None:
    column = told(run)["columns"][0]
    # One word of about a dozen is in no other text.
    assert 0.03 < column["coverage"]["unknown"] < 0.15
    assert sum(column["lengths"]["counts"]) == len(run.holdout("train"))


def test_story_is_plain_and_bounded(run: Run) -> None:
    report_data = run.bundle.report
    assert json.loads(json.dumps(report_data, allow_nan=False)) == json.loads(
        json.dumps(report_data)
    )
    frame = reviews(40)
    frame["review"] = [f"{text} {'long words here ' * 2000}" for text in frame["review"]]
    found = text_section(run.predictor, frame, frame, predict_labelled(run.predictor, frame))
    assert len(json.dumps(found)) < 200_000


def test_interrupted_run_leaves_no_word_out(run: Run) -> None:
    frame = run.holdout("test")
    given = predict_labelled(run.predictor, frame)
    found = text_section(run.predictor, frame, frame, given, look_inside=False)
    assert found is not None
    assert found["columns"][0]["top_words"] == []
    assert all(
        effect is None
        for card in found["worst"]
        for passage in card["texts"]
        for excerpt in passage["excerpts"]
        for _, effect in excerpt
    )
    text = render({**run.bundle.report, "texts": found})
    assert "<mark" not in text


def test_regression_of_two_text_columns(tmp_path: Path) -> None:
    frame = reviews(120)
    frame["title"] = [f"{'fine' if s > 5 else 'poor'} title {i}" for i, s in enumerate(frame.score)]
    run = kerasnn.train(
        frame,
        target="score",
        drop=["label"],
        model="fasttext",
        set={**TINY, "min_token_count": 1},
        output=tmp_path / "run",
    )
    text = " ".join("".join(page(run).words).split())
    for part in ["Length of ‘title’", "The largest errors", "raise score", "Blue words raise"]:
        assert part in text
    assert {each["column"] for each in told(run)["worst"][0]["texts"]} == {"review", "title"}
    assert {each["column"] for each in run.bundle.report["importance"]} == {"review", "title"}


DAMAGES = {
    "effects": lambda texts: texts["worst"][0]["texts"][0]["excerpts"][0].append(["x", "y"]),
    "columns": lambda texts: texts.update(columns=[{}]),
    "cards": lambda texts: texts.update(worst=3),
    "words": lambda texts: texts["columns"][0]["top_words"][0].pop("words"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_story_is_refused(run: Run, damage: str) -> None:
    report_data = copy.deepcopy(run.bundle.report)
    DAMAGES[damage](report_data["texts"])
    with pytest.raises(ModelRefusedError, match="texts in the report of the run are damaged"):
        render(report_data)


def fitted(frame: pd.DataFrame, target: Target, unit: str = "words") -> Preprocessor:
    columns = [Column("review", "text", layout=unit)]
    if "age" in frame:
        columns.append(Column("age", "number"))
    return Preprocessor.fit(frame, Schema(tuple(columns), target), PreprocessingOptions())


def test_baseline_is_scikit_learn_on_tf_idf() -> None:
    frame = reviews(200)
    train, test = frame.iloc[:150], frame.iloc[150:].reset_index(drop=True)
    preprocessor = fitted(train, Target("label", "binary", ("no", "yes & <no>")))
    found = baselines(preprocessor, train, test)
    assert [each.name for each in found] == ["majority", "linear"]
    assert found[1].title == "logistic regression on TF-IDF"
    assert found[1].note == "of words and pairs of words"
    vectors = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"[^\W]+")
    oracle = LogisticRegression(C=SCALE**2).fit(vectors.fit_transform(train["review"]), train.label)
    expected = oracle.predict_proba(vectors.transform(test["review"]))
    np.testing.assert_allclose(found[1].predictions.scores, expected, atol=5e-3)


def test_baselines_beside_other_columns() -> None:
    frame = reviews(200).assign(age=np.arange(200) % 31)
    train, test = frame.iloc[:150], frame.iloc[150:].reset_index(drop=True)
    preprocessor = fitted(train, Target("score", "regression", label_type="float"))
    found = {each.name: each for each in baselines(preprocessor, train, test)}
    assert found["linear"].title == "ridge regression on TF-IDF"
    assert found["linear"].note.endswith("beside the other columns")
    assert found["boosting"].note == "it saw no text"
    vectors = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"[^\W]+")
    vectors.fit(train["review"])
    age = (train.age.mean(), train.age.std(ddof=0))

    def design(rows: pd.DataFrame) -> np.ndarray:
        numbers = ((rows.age - age[0]) / age[1]).to_numpy()[:, None]
        return np.hstack([numbers, SCALE * vectors.transform(rows["review"]).toarray()])

    scaled = (train.score - train.score.mean()) / train.score.std(ddof=0)
    expected = Ridge().fit(design(train), scaled).predict(design(test))
    expected = expected * train.score.std(ddof=0) + train.score.mean()
    np.testing.assert_allclose(found["linear"].predictions.scores, expected, rtol=1e-2)


@pytest.mark.parametrize("unit", ["words", "characters"])
def test_tf_idf_of_a_script_without_spaces(unit: str) -> None:
    good, bad = "这件衣服很好看", "这件衣服很难看"
    frame = pd.DataFrame({"review": [good, bad] * 20, "label": ["a", "b"] * 20})
    preprocessor = fitted(frame, Target("label", "binary", ("a", "b")), unit)
    found, _ = tf_idf(preprocessor, [np.array(frame["review"])], [np.array([good])])
    # Seven characters and six pairs, of which one and two differ; likewise of longer n-grams.
    assert found.shape[1] == {"words": 7 + 1 + 6 + 2, "characters": 8 + 8 + 7 + 6}[unit]
    accuracy = baselines(preprocessor, frame, frame)[1].predictions
    assert (accuracy.decision == accuracy.truth).all()


def test_texts_without_a_word_are_no_feature() -> None:
    frame = pd.DataFrame({"review": ["!", "?", ""] * 10, "label": ["a", "b", "b"] * 10})
    preprocessor = fitted(frame, Target("label", "binary", ("a", "b")))
    texts = [np.array(frame["review"])]
    assert tf_idf(preprocessor, texts, texts)[0].shape == (30, 0)
    assert [each.name for each in baselines(preprocessor, frame, frame)] == ["majority"]
