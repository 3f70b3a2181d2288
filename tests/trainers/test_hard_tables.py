"""Tables that are hard: rare classes, many categories, few and many rows, columns and classes."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import kerasnn
from kerasnn import data
from kerasnn.calibration.temperature import Costs
from kerasnn.data.schema import infer
from kerasnn.errors import KerasnnWarning
from kerasnn.evaluation.caveats import caveats
from kerasnn.explain.importance import MAX_COLUMNS, Sampling, importance
from kerasnn.explain.permuted_inputs import ShuffledInputs, followed
from kerasnn.metrics.predictions import Predictions
from kerasnn.options import PreprocessingOptions
from kerasnn.preprocessing import Preprocessor
from kerasnn.preprocessing.categories import FIRST_CODE, UNKNOWN_CODE

TINY: dict[str, Any] = {
    "model": "mlp",
    "set": {"width": 16, "depth": 1, "epochs": 2, "learning_rate": 0.01, "average": 0.0},
    "baselines": False,
}


def trained(frame: pd.DataFrame, **options: Any) -> kerasnn.Run:
    values = {**TINY["set"], **options.pop("set", {})}
    run = kerasnn.train(frame, target="y", **{**TINY, **options, "set": values})
    assert isinstance(run, kerasnn.Run)
    return run


# One class is rare

PATIENT = {"epochs": 25, "batch_size": 64, "scale": "standard"}


@pytest.fixture(scope="module")
def rare() -> pd.DataFrame:
    """1 % of the rows are frauds, which two columns tell apart from most others."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(4000, 4)), columns=list("abcd"))
    z = 2 * frame["a"] + frame["b"] + 0.3 * rng.normal(size=len(frame))
    return frame.assign(y=np.where(z > z.quantile(0.99), "fraud", "fine"))


@pytest.fixture(scope="module")
def rare_run(rare: pd.DataFrame) -> kerasnn.Run:
    return trained(rare, set=PATIENT)


def found_frauds(run: kerasnn.Run, **options: Any) -> int:
    """How many frauds of the test rows are found."""
    _, (missed, found) = run.evaluate(**options).confusion
    assert missed + found == 6
    return int(found)


def test_a_rare_class_is_in_all_parts_and_ranked_well(rare_run: kerasnn.Run) -> None:
    parts = {part: rare_run.holdout(part)["y"] for part in ("train", "validation", "test")}
    shares = {part: (labels == "fraud").mean() for part, labels in parts.items()}
    assert all(0.008 < share < 0.012 for share in shares.values())
    assert rare_run.scores
    assert rare_run.scores.values["auc"] > 0.95
    # Probabilities are those of a rare thing.
    likely = rare_run.predict(rare_run.holdout("test"))["probability:fraud"]
    assert likely.mean() == pytest.approx(0.01, abs=0.01)


def test_the_reader_is_told_to_choose_a_threshold(rare_run: kerasnn.Run) -> None:
    assert rare_run.scores
    (note,) = (note for note in rare_run.scores.notes if "threshold" in note)
    assert note.startswith(
        "1.0% of the rows are 'fraud', which is rarely more probable than 50 %: "
    )
    assert found_frauds(rare_run, costs=Costs(fp=1, fn=50)) > found_frauds(rare_run)


def test_balanced_weights_find_more_of_a_rare_class(
    rare: pd.DataFrame, rare_run: kerasnn.Run
) -> None:
    weighed = trained(rare, set={**PATIENT, "class_weight": "balanced"})
    assert weighed.scores
    assert weighed.scores.values["auc"] > 0.95
    assert found_frauds(weighed) > found_frauds(rare_run)


def predictions(labels: list[int]) -> Predictions:
    truth = np.array(labels)
    scores = np.tile([0.9, 0.1], (len(truth), 1))
    return Predictions.from_scores("binary", ("fine", "fraud"), truth=truth, scores=scores)


def test_cautions() -> None:
    even, uneven = predictions([0, 1] * 50), predictions([0] * 98 + [1] * 2)
    assert caveats(even, n_validation=30, threshold="0.5") == []
    assert caveats(uneven, n_validation=30, threshold="f1") == []
    (note,) = caveats(uneven, n_validation=30, threshold="0.5")
    assert "2.0% of the rows are 'fraud'" in note
    (few,) = caveats(even, n_validation=1, threshold="0.5")
    assert few.startswith("1 validation row is too few to choose the network")
    [absent] = caveats(predictions([0] * 9), n_validation=30, threshold="0.5")
    assert absent == "A class has no row here and is not scored: 'fraud'"


# Many categories


def test_rare_categories_are_one_and_names_of_rows_are_left_out() -> None:
    rng = np.random.default_rng(0)
    n_rows = 250_000
    users = rng.integers(0, 200_000, n_rows)
    frame = pd.DataFrame(
        {
            "city": [f"c{i}" for i in rng.integers(0, 10_000, n_rows)],
            "user": [f"u{i}" for i in users],
            "order": [f"o{i}" for i in range(n_rows)],
            "y": rng.random(n_rows),
        }
    )
    with pytest.warns(KerasnnWarning) as warned:
        schema = infer(data.read(frame), target="y")
    texts = [str(warning.message) for warning in warned]
    assert any("looks like an identifier" in text and "'order'" in text for text in texts)
    (seldom,) = (text for text in texts if "are too many for useful categories" in text)
    assert f"{len(np.unique(users)):,} different texts in 250,000 rows" in seldom
    assert "drop=['user']" in seldom
    assert [column.name for column in schema.features] == ["city", "user"]
    fitted = Preprocessor.fit(frame, schema)
    city, user = fitted.vocabularies
    twice = int((np.bincount(users) >= 2).sum())
    assert user.cardinality == twice + FIRST_CODE
    assert city.cardinality == 10_000 + FIRST_CODE
    assert user.width > city.width
    once = frame["user"].map(frame["user"].value_counts()) == 1
    codes = fitted.transform(frame).inputs["categories"][:, 1]
    assert (codes[once.to_numpy()] == UNKNOWN_CODE).all()
    limited = Preprocessor.fit(frame, schema, PreprocessingOptions(max_categories=1_000))
    assert [each.cardinality for each in limited.vocabularies] == [1_002, 1_002]


def test_ten_thousand_categories_are_learned_and_told(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    city = np.concatenate([np.tile(np.arange(100), 100), rng.integers(100, 10_000, 10_000)])
    frame = pd.DataFrame({"city": [f"c{i}" for i in city], "v": rng.normal(size=len(city))})
    frame["y"] = np.where(city % 2 == 0, "even", "odd")
    run = trained(frame, output=tmp_path / "run", set={"epochs": 4, "batch_size": 256})
    test = run.holdout("test")
    with pytest.warns(KerasnnWarning, match="hold a category that training did not know"):
        right = run.predict(test)["prediction"] == test["y"].to_numpy()
    frequent = test["city"].isin([f"c{i}" for i in range(100)]).to_numpy()
    assert right[frequent].mean() > 0.95
    assert (tmp_path / "run" / "report.html").stat().st_size < 4e6


# Few rows


def test_few_rows_hold_back_more_and_say_that_they_are_few() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(100, 3)), columns=list("abc"))
    frame["y"] = np.where(frame["a"] > 0, "yes", "no")
    run = trained(frame, model="auto", set={"average": 0.0}, profile="default")
    assert run.bundle.config["split"]["validation"] == 0.25
    assert [len(run.holdout(part)) for part in ("train", "validation", "test")] == [60, 25, 15]
    assert run.scores
    assert any("25 validation rows are too few" in note for note in run.scores.notes)
    assert trained(frame).bundle.config["split"]["validation"] == 0.15


# Many rows


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_million_rows_fit_into_memory(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    n_rows = 1_000_000
    frame = pd.DataFrame(rng.normal(size=(n_rows, 24)).astype("float32"))
    frame.columns = [f"x{i}" for i in range(24)]
    for i in range(6):
        frame[f"c{i}"] = pd.Categorical.from_codes(
            rng.integers(0, 20, n_rows), [f"k{code}" for code in range(20)]
        )
    frame["y"] = np.where(frame["x0"] + frame["x1"] * frame["x2"] > 0, "yes", "no")
    frame.to_parquet(tmp_path / "million.parquet")
    table = 4 * 30 * n_rows
    del frame
    run = kerasnn.train(
        tmp_path / "million.parquet",
        target="y",
        model="mlp",
        set={"width": 32, "depth": 1, "epochs": 1},
        output=tmp_path / "run",
    )
    assert run.scores
    assert run.scores.values["accuracy"] > 0.7
    # In KiB on Linux; the table itself, as matrices, is 0.12 GB.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (
        1 if sys.platform == "darwin" else 1024
    )
    assert peak < 60 * table


# Many columns


@pytest.fixture(scope="module")
def wide() -> pd.DataFrame:
    """Only the column 7 says anything."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(300, 400)).round(3)
    frame = pd.DataFrame(values, columns=[f"gene {i}" for i in range(400)])
    return frame.assign(y=np.where(frame["gene 7"] > 0, "ill", "well"))


def test_wide_tables_are_told_in_bounds(wide: pd.DataFrame, tmp_path: Path) -> None:
    run = trained(wide, output=tmp_path / "run", set={"epochs": 30, "weight_decay": 0.1})
    found = run.bundle.report["importance"]
    assert len(found) == MAX_COLUMNS
    assert found[0]["column"] == "gene 7"
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Of 400 columns, the 300 that the predictions depend on most were shuffled." in page
    assert len(json.dumps(run.bundle.report)) < 3 * 2**20
    assert (tmp_path / "run" / "config.yaml").stat().st_size < 100 * 400


def mixed(n_rows: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "number": rng.normal(size=n_rows),
            "noise": rng.normal(size=n_rows),
            "word": rng.choice(list("abcdefgh"), n_rows),
            "flag": rng.random(n_rows) > 0.5,
            "day": pd.date_range("2024-01-01", periods=n_rows, freq="D")[rng.permutation(n_rows)],
        }
    )
    late = (frame["day"] > "2024-07-01").to_numpy()
    frame["y"] = frame["number"] + (frame["word"] < "d") + late
    frame.loc[::7, "number"] = np.nan
    return frame


@pytest.fixture(scope="module", params=["one", "several"])
def mixed_run(request: pytest.FixtureRequest) -> kerasnn.Run:
    values = {"epochs": 15, "batch_size": 32}
    if request.param == "several":
        return trained(
            mixed(), model=None, set={**values, "run.members": ["mlp", "realmlp"], "ensemble": 2}
        )
    return trained(mixed(), set=values)


def test_shuffled_inputs_are_shuffled_cells(mixed_run: kerasnn.Run) -> None:
    predictor, frame = mixed_run.predictor, mixed(60).drop(columns="y")
    truth = np.asarray(mixed(60)["y"])
    options: dict[str, Any] = {
        "task": "regression",
        "columns": list(frame.columns),
        "sampling": Sampling(seed=3),
    }
    by_cells = importance(predictor.scores, frame, truth, **options)
    by_inputs = importance(
        predictor.scores,
        frame,
        truth,
        **options,
        prepare=lambda rows, repeats: ShuffledInputs(predictor, rows, repeats),
    )
    assert [each.column for each in by_inputs] == [each.column for each in by_cells]
    for one, other in zip(by_inputs, by_cells, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-5, abs=1e-7)
        assert one.deviation == pytest.approx(other.deviation, rel=1e-4, abs=1e-7)


def test_columns_that_predictions_follow_are_kept(mixed_run: kerasnn.Run) -> None:
    frame = mixed()
    names = ["noise", "number", "flag", "word", "day"]
    kept = followed(mixed_run.predictor, frame, names, most=3)
    assert kept == ["number", "word", "day"]
    assert followed(mixed_run.predictor, frame, names, most=9) == names


# Many classes


def test_five_hundred_classes_are_scored_and_told(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    code = np.tile(np.arange(500), 16)
    centres = rng.normal(size=(500, 12)) * 3
    frame = pd.DataFrame(centres[code] + rng.normal(size=(len(code), 12)) * 0.5)
    frame.columns = [f"x{i}" for i in range(12)]
    frame["y"] = [f"class {i}" for i in code]
    values = {"epochs": 20, "width": 64, "batch_size": 128}
    with pytest.warns(KerasnnWarning, match=r"no gradient boosting .* 500 classes are too many"):
        run = trained(frame, output=tmp_path / "run", set=values, baselines=True)
    assert run.scores
    assert run.scores.values["accuracy"] > 0.8
    assert run.scores.baselines.keys() >= {"majority", "linear"}
    report = run.bundle.report
    assert report["n_classes"] == 500
    assert len(report["errors"]["confusion"]["labels"]) == 20
    assert report["errors"]["confusion"]["left_out"] == 480
    assert len(json.dumps(report)) < 3 * 2**20
    assert (tmp_path / "run" / "report.html").stat().st_size < 4e6
    sets = run.predict(run.holdout("test"), coverage=0.9)["set"]
    assert len(sets) == len(run.holdout("test"))
