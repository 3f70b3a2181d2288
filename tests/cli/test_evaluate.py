"""`kerasnn evaluate`: thresholds by cost, the rows that they are chosen on, and known rows."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import invoke

import kerasnn
from kerasnn.calibration.temperature import Costs
from kerasnn.calibration.threshold import choice
from kerasnn.cli import checks
from kerasnn.data.schema import Target
from kerasnn.errors import DataError, KerasnnWarning
from kerasnn.metrics.predictions import Predictions
from kerasnn.runs.folder import HOLDOUT, PART_COLUMN
from kerasnn.runs.reference import Reference

ROWS = 240
TINY = ["--set", "width=8", "--set", "depth=1", "--epochs", "2", "--quiet"]


def frame(seed: int = 0) -> pd.DataFrame:
    draws = np.random.default_rng(seed)
    a, b = draws.normal(size=(2, ROWS)).round(6)
    rare = a + b + draws.normal(size=ROWS) > 1.5
    answer = np.where(rare, "yes", "no")
    kinds = np.array(["u", "v", "w"])[(a > 0).astype(int) + (b > 0)]
    number = (3 * a + 7).round(4)
    return pd.DataFrame({"a": a, "b": b, "kind": kinds, "number": number, "answer": answer})


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("data") / "train.csv"
    frame().to_csv(path, index=False)
    return str(path)


@pytest.fixture(scope="module")
def run(table: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("runs") / "linear")
    arguments = ["--target", "answer", "--drop", "number", "--model", "mlp", *TINY]
    invoke("train", table, *arguments, "--output", folder)
    return folder


@pytest.fixture(scope="module")
def refitted(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run whose network learns from the validation rows in the end."""
    folder = tmp_path_factory.mktemp("runs")
    words = np.array(["good", "fine", "bad", "slow", "one", "two", "red", "blue"])
    drawn = np.random.default_rng(0).choice(words, (ROWS, 9))
    answer = np.where((drawn == "good").sum(axis=1) > (drawn == "bad").sum(axis=1), "yes", "no")
    texts = pd.DataFrame({"text": [" ".join(row) for row in drawn], "answer": answer})
    texts.to_csv(folder / "texts.csv", index=False)
    arguments = ["--target", "answer", "--model", "bag_of_ngrams", "--epochs", "4"]
    arguments += ["--column", "text=text", "--quiet", "--output", str(folder / "run")]
    invoke("train", str(folder / "texts.csv"), *arguments)
    return str(folder / "run")


def test_cost_is_scored_beside_the_same_baselines(run: str) -> None:
    before = json.loads(invoke("evaluate", run, "--json").stdout)
    after = json.loads(invoke("evaluate", run, "--json", "--cost", "fp=1,fn=5").stdout)
    for name, baseline in before["baselines"].items():
        assert after["baselines"][name]["values"] == baseline["values"]
    assert after["n_rows"] == before["n_rows"]
    assert after["values"]["auc"] == before["values"]["auc"]
    assert set(before["notes"]) <= set(after["notes"])


def test_baselines_are_not_fitted_again(run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **named: object) -> None:
        raise AssertionError("fitted again")

    monkeypatch.setattr("kerasnn.runs.evaluation.baselines", fail)
    assert "decision threshold" in invoke("evaluate", run, "--threshold", "f1").stdout.lower()


def test_the_threshold_its_cost_and_the_positive_class_are_said(run: str) -> None:
    found = json.loads(invoke("evaluate", run, "--json", "--cost", "fp=1,fn=5").stdout)
    told = found["threshold"]
    assert (told["positive"], told["rule"]) == ("yes", "fp=1,fn=5")
    text = invoke("evaluate", run, "--cost", "fp=1,fn=5").stdout
    assert f"Decision threshold {told['threshold']:.4g}, chosen by fp=1,fn=5 on " in text
    assert "'yes', the positive class, is predicted from this probability on." in text
    assert f"Cost per row on these rows: {told['value']:.4g}; " in text
    assert f"{told['value_at_half']:.4g} at a threshold of 0.5." in text
    (_, n_false_alarms), (n_missed, _) = found["confusion"]
    assert told["value"] == pytest.approx((n_false_alarms + 5 * n_missed) / found["n_rows"])


def test_measures_of_a_threshold_by_hand() -> None:
    scores = np.array([0.9, 0.6, 0.4, 0.1])
    given = Predictions.from_scores(
        "binary",
        ("no", "yes"),
        truth=np.array([1, 0, 1, 0]),
        scores=np.stack([1 - scores, scores], axis=1),
        threshold=0.3,
    )
    by_cost = choice(given, "fp=1,fn=5", 0.3, 40)
    assert (by_cost.value, by_cost.value_at_half) == (1 / 4, 6 / 4)
    by_f1 = choice(given, "f1", 0.3, 40)
    assert (by_f1.value, by_f1.value_at_half) == (pytest.approx(4 / 5), pytest.approx(1 / 2))


def test_threshold_is_chosen_on_predictions_before_the_refit(refitted: str) -> None:
    run = kerasnn.load(refitted)
    assert isinstance(run, kerasnn.Run)
    scores = run.evaluate(costs=Costs(1, 5))
    assert scores.threshold is not None
    reference = run.reference
    assert reference is not None
    assert reference.validation is not None
    assert reference.parts == ("train", "validation")
    # The network knows these rows now: what it says of them is not what it is judged by.
    now = run.predictor.scores(run.holdout("validation"))
    assert not np.allclose(now, reference.validation.scores)
    assert scores.threshold.n_rows == len(reference.validation)


def test_saved_threshold_is_that_of_predictions(run: str, tmp_path: Path) -> None:
    copied = str(shutil.copytree(run, tmp_path / "copy"))
    shown = json.loads(invoke("evaluate", copied, "--cost", "fp=1,fn=5", "--save", "--json").stdout)
    threshold = shown["threshold"]["threshold"]
    loaded = kerasnn.load(copied)
    assert isinstance(loaded, kerasnn.Run)
    assert loaded.predictor.decision.threshold == threshold
    predicted = loaded.predict(frame(1))
    likely = predicted["probability:yes"] >= threshold
    assert (predicted["prediction"] == "yes").tolist() == likely.tolist()
    again = json.loads(invoke("evaluate", copied, "--json").stdout)
    assert again["values"] == shown["values"]
    assert again == json.loads((Path(copied) / "scores.json").read_text(encoding="utf-8"))
    assert again["notes"][-1].startswith("the decision threshold was set to ")
    assert "  threshold: fp=1,fn=5  # " in (Path(copied) / "config.yaml").read_text("utf-8")
    assert "the decision threshold was set to" in (Path(copied) / "report.html").read_text("utf-8")
    table = pd.read_csv(Path(copied) / "predictions.csv")
    assert ((table["prediction"] == "yes") == (table["probability:yes"] >= threshold)).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--cost 1,5", "unknown cost '1' – choose from fp, fn"),
        ("--cost fp=1", "both costs are needed, and one above 0; got 'fp=1' – "),
        ("--threshold 2", "the decision threshold must be a number in [0, 1], 'f1' or costs; got "),
        ("--cost fp=1,fn=5 --threshold f1", "costs and a threshold are two ways to decide – "),
        ("--save", "there is no threshold to save – choose one with --cost or --threshold"),
        ("--by knd", "unknown column 'knd' – did you mean 'kind'?"),
        ("--fail-under rmse=1", "metric 'rmse' is not one of a binary task"),
    ],
)
def test_wrong_options_are_told_before_keras(
    run: str, options: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kerasnn.runtime.backend.start_keras", _no_keras)
    result = invoke("evaluate", run, *options.split(), code=2)
    assert result.stderr.startswith(f"error: {message}")
    assert result.stderr.count("\n") == 1


def test_wrong_rows_are_told_before_keras(
    run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kerasnn.runtime.backend.start_keras", _no_keras)
    path = tmp_path / "new.csv"
    frame(1).drop(columns=["answer", "b"]).to_csv(path, index=False)
    for verb in ("evaluate", "predict"):
        result = invoke(verb, run, str(path), code=2)
        assert result.stderr.startswith("error: ")
        assert "'b'" in result.stderr
    result = invoke("evaluate", run, str(path), "--delimiter", "||", code=2)
    assert result.stderr.startswith("error: `delimiter` must be one ASCII character; got '||'")
    result = invoke("predict", run, str(path), "--coverage", "2", code=2)
    assert result.stderr == "error: `coverage` must be in (0, 1); got 2 – write 0.9 for 90 %\n"
    result = invoke("predict", run, str(path), "--output", str(path), code=2)
    assert "exists" in result.stderr


def _no_keras(**named: object) -> None:
    raise AssertionError("Keras is started")


def test_names_of_the_folder_are_the_same() -> None:
    assert (checks.HOLDOUT, checks.PART_COLUMN) == (HOLDOUT, PART_COLUMN)


def test_tasks_without_a_threshold(table: str, tmp_path: Path) -> None:
    arguments = ["--model", "linear", "--epochs", "1", "--quiet", "--no-baselines"]
    for target, message in (
        ("number", "the target 'number' is a number: there is no decision threshold to choose"),
        ("kind", "a decision threshold needs two classes; 'kind' has 3"),
    ):
        folder = str(tmp_path / target)
        invoke("train", table, "--target", target, *arguments, "--output", folder)
        for option in (["--cost", "fp=1,fn=5"], ["--threshold", "f1"]):
            result = invoke("evaluate", folder, *option, code=2)
            hint = "leave the costs and the threshold out"
            assert result.stderr == f"error: {message} – {hint}\n"


def test_rows_of_the_training_are_told(run: str, table: str, tmp_path: Path) -> None:
    stderr = invoke("evaluate", run, table).stderr
    assert stderr.startswith("warning: the run was trained on this file: ")
    assert f"of its {ROWS} rows are ones that the network learned from" in stderr
    renamed = tmp_path / "renamed.parquet"
    pd.read_csv(table).sample(frac=0.5, random_state=0).to_parquet(renamed)
    stderr = invoke("evaluate", run, str(renamed)).stderr
    assert "of 120 rows are equal to ones that the network learned from" in stderr
    with pytest.warns(KerasnnWarning, match="equal to ones that the network learned from"):
        kerasnn.load(run).evaluate(pd.read_csv(table))
    new = tmp_path / "new.csv"
    frame(1).to_csv(new, index=False)
    assert invoke("evaluate", run, str(new)).stderr == ""


def test_rows_that_repeat_anyway_are_not_told() -> None:
    none = np.zeros(0, dtype=np.uint64)
    known = np.arange(10, dtype=np.uint64)
    usual = Reference(None, none, (), ("train",), known, repeated=0.5)
    assert usual.count_known(np.arange(20, dtype=np.uint64)) == 0
    rare = Reference(None, none, (), ("train",), known, repeated=0.0)
    assert rare.count_known(np.arange(20, dtype=np.uint64)) == 10


def test_damaged_reference_is_refused(run: str, tmp_path: Path) -> None:
    copied = shutil.copytree(run, tmp_path / "copy")
    content = (copied / "reference.npz").read_bytes()
    target = Target("answer", "binary", ("no", "yes"))
    assert Reference.from_bytes(content, target).parts == ("train",)
    for damaged in (b"", content[:200], content.replace(b"baseline:", b"baselone:")):
        (copied / "reference.npz").write_bytes(damaged)
        result = invoke("evaluate", str(copied), "--threshold", "f1", code=3)
        assert result.stderr.startswith("error: what the run keeps for its evaluation is damaged")


def test_bundle_alone_takes_a_number_only(run: str) -> None:
    bundle = kerasnn.load(Path(run) / "model.kerasnn")
    assert isinstance(bundle, kerasnn.Run)
    scores = bundle.evaluate(frame(1), threshold=0.3)
    assert scores.threshold is not None
    assert (scores.threshold.threshold, scores.threshold.n_rows) == (0.3, 0)
    with pytest.raises(DataError, match="no predictions on validation rows"):
        bundle.evaluate(frame(1), threshold="f1")
    path = f"{run}/model.kerasnn"
    result = invoke("evaluate", path, "--threshold", "0.3", "--save", code=2)
    assert result.stderr.startswith("error: a threshold is saved in the folder of a run – ")


def test_representation_is_a_line(run: str) -> None:
    text = repr(kerasnn.load(run))
    assert text.startswith(f"<Run '{run}': model mlp, target answer, auc 0.")
    assert "\n" not in text
