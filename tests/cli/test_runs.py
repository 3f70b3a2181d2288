"""The commands on one real run: train, evaluate, predict, export, inspect, report, resume."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from helpers import invoke

PENGUINS = str(Path(__file__).parents[2] / "examples" / "penguins.csv")
TINY = ["--model", "mlp", "--set", "width=8", "--set", "depth=1", "--batch-size", "32"]
TINY += ["--no-baselines"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("runs") / "penguins"
    arguments = ["--target", "species", *TINY, "--epochs", "2", "--output", str(folder)]
    result = invoke("train", PENGUINS, *arguments)
    assert "accuracy" in result.stdout
    return str(folder)


def copy(run: str, folder: Path) -> str:
    shutil.copytree(run, folder / "copy")
    return str(folder / "copy")


def test_run_has_its_files(run: str) -> None:
    names = {path.name for path in Path(run).iterdir()}
    assert {
        "config.yaml",
        "model.kerasnn",
        "scores.json",
        "history.csv",
        "predictions.csv",
        "report.html",
    } <= names
    config = (Path(run) / "config.yaml").read_text(encoding="utf-8")
    assert "  epochs: 2  # command line\n" in config
    assert "  task: multiclass  # inferred\n" in config


def test_configuration_repeats_the_run(run: str, tmp_path: Path) -> None:
    again = tmp_path / "again"
    invoke("train", "--config", f"{run}/config.yaml", "--output", str(again), "--quiet")
    predictions = (Path(run) / "predictions.csv").read_text(encoding="utf-8")
    assert (again / "predictions.csv").read_text(encoding="utf-8") == predictions


def test_resume_extends_the_run(run: str, tmp_path: Path) -> None:
    longer = copy(run, tmp_path)
    result = invoke("train", "--resume", longer, "--epochs", "3", "--json")
    assert json.loads(result.stdout)["run"] == longer
    before, after = (pd.read_csv(f"{folder}/history.csv") for folder in (run, longer))
    assert (len(before), len(after)) == (2, 3)


def test_folder_of_a_run_is_not_overwritten(run: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in Path(run).iterdir()}
    arguments = ["--target", "species", *TINY, "--epochs", "1", "--output", run]
    result = invoke("train", PENGUINS, *arguments, code=2)
    hint = "choose another folder, or replace it with --force"
    assert result.stderr == f"error: '{run}' is not empty – {hint}\n"
    assert {path: path.stat().st_mtime_ns for path in Path(run).iterdir()} == before


def test_output_that_is_no_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    arguments = ["--target", "species", *TINY, "--output", str(tmp_path / "file" / "run")]
    result = invoke("train", PENGUINS, *arguments, code=4)
    assert result.stderr.startswith("error: ")


def test_evaluate_gives_the_scores_of_the_run(run: str) -> None:
    scores = json.loads((Path(run) / "scores.json").read_text(encoding="utf-8"))
    assert json.loads(invoke("evaluate", run, "--json").stdout) == scores
    table = invoke("evaluate", run, PENGUINS, "--by", "island").stdout
    assert "344 rows" in table
    for island in ("Biscoe", "Dream", "Torgersen"):
        assert island in table


def test_evaluate_scores_a_table_with_the_bundle_alone(run: str, tmp_path: Path) -> None:
    shutil.copy(Path(run) / "model.kerasnn", tmp_path)
    bundle = str(tmp_path / "model.kerasnn")
    scores = json.loads(invoke("evaluate", run, PENGUINS, "--json").stdout)
    alone = json.loads(invoke("evaluate", bundle, PENGUINS, "--json").stdout)
    assert alone["values"] == scores["values"]
    assert alone["n_rows"] == 344


def test_fail_under(run: str) -> None:
    invoke("evaluate", run, "--quiet", "--fail-under", "accuracy=0.01")
    result = invoke("evaluate", run, "--quiet", "--fail-under", "accuracy=1.1", code=1)
    assert result.stdout == ""
    assert result.stderr.startswith("error: accuracy is ")
    result = invoke("evaluate", run, "--fail-under", "acuracy=1", code=2)
    assert result.stderr.endswith("did you mean 'accuracy'?\n")
    result = invoke("evaluate", run, "--fail-under", "rmse=1", code=2)
    assert "rmse" in result.stderr


def test_predict_goes_to_stdout_or_a_file(run: str, tmp_path: Path) -> None:
    printed = invoke("predict", run, PENGUINS).stdout
    output = tmp_path / "predictions.csv"
    result = invoke("predict", run, PENGUINS, "--output", str(output))
    assert (result.stdout, result.stderr) == ("", f"344 rows predicted in {output}\n")
    assert output.read_text(encoding="utf-8") == printed
    table = pd.read_csv(io.StringIO(printed))
    classes = ["Adelie", "Chinstrap", "Gentoo"]
    assert list(table) == ["prediction", *(f"probability:{name}" for name in classes)]
    assert len(table) == 344

    before = output.stat().st_mtime_ns
    invoke("predict", run, PENGUINS, "--output", str(output), code=2)
    assert output.stat().st_mtime_ns == before
    invoke("predict", run, PENGUINS, "--output", str(output), "--force")


def test_predict_names_all_missing_columns(run: str, tmp_path: Path) -> None:
    table = pd.read_csv(PENGUINS).drop(columns=["island", "sex"])
    table.to_csv(tmp_path / "less.csv", index=False)
    result = invoke("predict", run, str(tmp_path / "less.csv"), code=2)
    assert "island" in result.stderr
    assert "sex" in result.stderr


def test_predict_counts_unseen_categories(run: str, tmp_path: Path) -> None:
    table = pd.read_csv(PENGUINS).assign(island="Atlantis")
    table.to_csv(tmp_path / "other.csv", index=False)
    result = invoke("predict", run, str(tmp_path / "other.csv"), "--output", str(tmp_path / "o"))
    assert "warning: 344 cells hold a category that training did not know" in result.stderr


def test_export_is_verified(run: str, tmp_path: Path) -> None:
    output = tmp_path / "model.keras"
    result = invoke("export", run, "--format", "keras", "--output", str(output), "--json")
    assert json.loads(result.stdout)["largest_difference"] <= 1e-5
    assert output.exists()
    result = invoke("export", run, "--format", "keras", "--output", str(output), code=2)
    assert str(output) in result.stderr
    result = invoke("export", run, "--format", "onxx", code=2)
    assert result.stderr == "error: unknown format 'onxx' – did you mean 'onnx'?\n"


def test_inspect(run: str) -> None:
    assert "species" in invoke("inspect", run).stdout
    data = json.loads(invoke("inspect", f"{run}/model.kerasnn", "--json").stdout)
    assert data["recipe"]["model"] == "mlp"
    assert "report" not in data


def test_report(run: str, tmp_path: Path) -> None:
    output = tmp_path / "page.html"
    assert invoke("report", run, "--output", str(output)).stdout == f"{output}\n"
    assert "</html>" in output.read_text(encoding="utf-8")


def test_compare_of_a_run_and_its_bundle(run: str) -> None:
    result = invoke("compare", run, f"{run}/model.kerasnn")
    assert "accuracy" in result.stdout


@pytest.mark.parametrize("verb", ["predict", "evaluate", "export", "inspect"])
def test_damaged_bundle_is_refused(run: str, tmp_path: Path, verb: str) -> None:
    content = bytearray((Path(run) / "model.kerasnn").read_bytes())
    content[len(content) // 2] ^= 1
    damaged = tmp_path / "damaged.kerasnn"
    damaged.write_bytes(content)
    rest = {"predict": [PENGUINS], "export": ["--format", "keras"]}.get(verb, [])
    result = invoke(verb, str(damaged), *rest, code=3)
    assert result.stderr.startswith("error: the model is refused: ")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_training_keeps_the_best_model(tmp_path: Path, number: int) -> None:
    folder = tmp_path / "run"
    # A job in the background of a shell ignores SIGINT, and so would its child.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from kerasnn.cli.main import main; main()"
    )
    arguments = ["--target", "species", *TINY, "--epochs", "1000000", "--patience", "0"]
    command = [sys.executable, "-c", code, "train", PENGUINS, *arguments, "--output", str(folder)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while not list(folder.glob("checkpoints/*")):
            assert process.poll() is None
            time.sleep(0.1)
        os.kill(process.pid, number)
        _, errors = process.communicate()
    assert process.returncode == 130
    assert f"interrupted – to go on: kerasnn train --resume {folder}" in errors
    assert len(pd.read_csv(io.StringIO(invoke("predict", str(folder), PENGUINS).stdout))) == 344
