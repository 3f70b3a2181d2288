"""A table of several labels a row, end to end: from Python and from the terminal."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from helpers import invoke
from sklearn.metrics import average_precision_score

import kerasnn
from kerasnn.cli.main import commands
from kerasnn.errors import ConfigError, DataError, KerasnnError, ModelRefusedError
from kerasnn.files.json_values import dumps, loads
from kerasnn.preprocessing import Preprocessor

NAMES = ("comedy", "drama", "war")
QUICK = {"model": "linear", "set": {"epochs": 20, "learning_rate": 0.05, "baselines": False}}


def films(n: int = 120, *, seed: int = 0) -> pd.DataFrame:
    """Two numbers decide three labels; the fourth row of ten has none."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, n))
    truth = np.stack([a > 0, b > 0, a + b > 0.5], axis=1)
    texts = ["|".join(np.array(NAMES)[row]) for row in truth]
    return pd.DataFrame({"a": a.round(4), "b": b.round(4), "genres": texts})


def sets_of(frame: pd.DataFrame) -> list[set[str]]:
    return [set(filter(None, text.split("|"))) for text in frame["genres"]]


def matrix(frame: pd.DataFrame) -> np.ndarray:
    return np.array([[float(name in names) for name in NAMES] for names in sets_of(frame)])


def train(data: Any, **options: Any) -> kerasnn.Run:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*empty and count as having no label.*")
        return kerasnn.train(data, target="genres", **{**QUICK, **options})


@pytest.fixture(scope="module")
def run() -> kerasnn.Run:
    return train(films(), task="multilabel")


def test_a_run_learns_predicts_and_scores(run: kerasnn.Run) -> None:
    assert run.scores is not None
    assert run.scores.values["mean_average_precision"] > 0.9
    new = films(60, seed=1)
    table = run.predict(new.drop(columns="genres"))
    scores = table[[f"probability:{name}" for name in NAMES]].to_numpy()
    found = run.evaluate(new)
    expected = average_precision_score(matrix(new), scores)
    assert found.values["mean_average_precision"] == pytest.approx(expected, rel=1e-6)
    decided = scores >= 0.5
    assert found.values["hamming_loss"] == pytest.approx((decided != matrix(new)).mean())
    assert [set(filter(None, text.split("|"))) for text in table["prediction"]] == [
        {name for name, each in zip(NAMES, row, strict=True) if each} for row in decided
    ]
    # Each label for itself: rows with several and rows with none, not one a row.
    assert {0, 2} <= set(decided.sum(axis=1))


@pytest.mark.parametrize("form", [set, "vectors", "comma", "bracketed"])
def test_the_form_of_the_cells_makes_no_difference(run: kerasnn.Run, form: Any) -> None:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        if form == "vectors":
            return frame.assign(genres=list(matrix(frame).astype(int)))
        if form == "comma":
            return frame.assign(genres=frame["genres"].str.replace("|", ", "))
        names = [sorted(each) for each in sets_of(frame)]
        cells = map(str, names) if form == "bracketed" else map(form, names)
        return frame.assign(genres=pd.Series(list(cells), dtype=object))

    task = "multilabel" if form in ("comma", "bracketed") else None
    other, new = train(change(films()), task=task), films(30, seed=2)
    target = other.predictor.preprocessor.schema.target
    assert target.task == "multilabel"
    assert len(target.classes) == 3
    features = new.drop(columns="genres")
    ours, theirs = (each.predict(features).iloc[:, 1:] for each in (run, other))
    np.testing.assert_array_equal(ours.to_numpy(), theirs.to_numpy())
    assert other.evaluate(change(new)).values == run.evaluate(new).values


def test_a_threshold_is_shared_by_the_labels(run: kerasnn.Run) -> None:
    new = films(60, seed=3)
    scores = run.predictor.scores(new)
    for threshold in (0.1, 0.8):
        found = run.evaluate(new, threshold=threshold)
        expected = ((scores >= threshold) != matrix(new)).mean()
        assert found.values["hamming_loss"] == pytest.approx(expected)
    best = run.evaluate(new, threshold="f1").values["micro_f1"]
    assert best is not None
    assert best > 0.5
    with pytest.raises(ConfigError, match="must be a number"):
        run.evaluate(new, threshold="best")


def test_a_run_survives_its_bundle(run: kerasnn.Run, tmp_path: Path) -> None:
    run.save(tmp_path / "model.kerasnn")
    again = kerasnn.load(tmp_path / "model.kerasnn")
    new = films(20, seed=4)
    pd.testing.assert_frame_equal(again.predict(new), run.predict(new))
    assert again.scores == run.scores
    text = again.bundle.describe()
    assert "genres (multilabel, 3 labels: comedy, drama, war)" in text
    assert "each label from a probability of 0.5" in text
    with pytest.raises(ConfigError, match="the model is for multilabel"):
        kerasnn.Classifier.load(tmp_path / "model.kerasnn")


@pytest.mark.parametrize(
    "change",
    [
        {"separator": "a"},
        {"separator": ""},
        {"classes": ["comedy|drama", "war", "x"]},
        {"classes": ["comedy"]},
        {"indicators": 1},
        {"task": "multiclass"},
    ],
)
def test_a_malformed_target_is_refused(run: kerasnn.Run, change: dict[str, Any]) -> None:
    state = loads(dumps(run.predictor.preprocessor.to_dict()), location="state")
    Preprocessor.from_dict(state)
    state["schema"]["target"] |= change
    state["coder"]["target"] |= change
    with pytest.raises(ModelRefusedError, match="the target"):
        Preprocessor.from_dict(state)


def test_an_export_agrees(run: kerasnn.Run, tmp_path: Path) -> None:
    result = run.export("keras", tmp_path / "model.keras")
    assert result.largest_difference < 1e-5
    page = result.card.read_text(encoding="utf-8")
    assert "in the order of the labels, each on its own" in page
    assert "kerasnn decides for each label from the probability 0.5 on." in page


def test_from_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    films().to_csv("films.csv", index=False)
    films(40, seed=5).to_csv("new.csv", index=False)
    options = ["--task", "multilabel", "--model", "linear", "--output", "run"]
    options += ["--set", "baselines=false"]
    result = invoke("train", "films.csv", "--target", "genres", *options, "--epochs", "5", "--json")
    scores = json.loads(result.stdout)["scores"]
    assert scores["task"] == "multilabel"
    known = pd.read_csv("run/predictions.csv", keep_default_na=False)
    assert set("|".join(known["truth"]).split("|")) <= {*NAMES, ""}
    assert "mean average precision" in invoke("evaluate", "run", "new.csv").stdout
    assert "war" in invoke("evaluate", "run").stdout
    invoke("predict", "run", "new.csv", "--output", "predicted.csv")
    table = pd.read_csv("predicted.csv", keep_default_na=False)
    assert list(table.columns) == ["prediction", *(f"probability:{name}" for name in NAMES)]
    page = Path("run/report.html").read_text(encoding="utf-8")
    assert "any of 3 labels" in page
    assert "Importance of the columns" in page
    assert "Confusion matrix" not in page
    config = Path("run/config.yaml").read_text()
    assert "task: multilabel" in config
    invoke("inspect", "run")


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["a", "b"], "no cell of the target has several labels, separated by one of"),
        (["a|b", "b|a"], "every row has the same labels: 'a', 'b'"),
        (["a", ""], "several labels are meant, and there is 'a' only"),
    ],
)
def test_a_target_that_is_none_costs_one_line(
    cells: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    films().assign(genres=cells * 60).to_csv("films.csv", index=False)
    arguments = ["train", "films.csv", "--target", "genres", "--task", "multilabel"]
    result = CliRunner().invoke(commands, arguments)
    assert result.exit_code == 2
    (line,) = [text for text in result.stderr.splitlines() if text.startswith("error")]
    assert message in line
    assert "films.csv,genres" in line
    assert not Path("runs").exists()


def test_a_label_that_training_never_saw(run: kerasnn.Run) -> None:
    new = films(5)
    new.loc[3, "genres"] = "war|western"
    with pytest.raises(DataError) as error:
        run.evaluate(new)
    assert str(error.value) == (
        "the label 'western' is not among those of the training (row 3, column 'genres') – "
        "use the labels comedy, drama, war"
    )


def test_class_weights_and_estimators_are_for_one_class_a_row() -> None:
    with pytest.raises(ConfigError, match="`class_weight` needs a target with one class a row"):
        train(films(), task="multilabel", set={"epochs": 1, "class_weight": "balanced"})
    frame = films(20)
    with pytest.raises(DataError, match="y must have one column; got 3") as error:
        kerasnn.Classifier().fit(frame[["a", "b"]], matrix(frame))
    assert isinstance(error.value, KerasnnError)


def test_an_unknown_label_in_a_file_of_test_rows_is_found_before_training(tmp_path: Path) -> None:
    extra = films(10)
    extra.loc[0, "genres"] = "western"
    extra.to_csv(tmp_path / "test.csv", index=False)
    with pytest.raises(DataError, match=r"'western' is not among .*test.csv:2,genres"):
        train(films(), task="multilabel", test=tmp_path / "test.csv")


def test_pictures_with_several_labels_in_one_file_of_arrays(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    truth = (rng.random((60, 3)) < 0.4).astype(np.uint8)
    pixels = rng.integers(0, 60, (60, 6, 6, 3), dtype=np.uint8)
    # A label is a bright band of its own.
    pixels += np.repeat(truth, 2, axis=1)[:, :, None, None] * np.uint8(150)
    np.savez(tmp_path / "pictures.npz", x=pixels, y=truth)
    options = {"epochs": 12, "learning_rate": 0.02, "baselines": False, "augment": "none"}
    run = kerasnn.train(
        tmp_path / "pictures.npz", target="y", model="linear", set=options, output=tmp_path / "run"
    )
    target = run.predictor.preprocessor.schema.target
    assert (target.task, target.classes, target.indicators) == ("multilabel", ("0", "1", "2"), True)
    assert run.scores is not None
    assert run.scores.values["mean_average_precision"] > 0.9
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "any of 3 labels" in page
    held = kerasnn.load(tmp_path / "run").holdout("test")
    again = kerasnn.load(tmp_path / "run").evaluate(held)
    assert again.values == pytest.approx(run.scores.values, rel=1e-6)
