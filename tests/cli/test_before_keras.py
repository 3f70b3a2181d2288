"""What is wrong with data and options is said before Keras is imported, by every command."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import kerasnn

# Runs the commands of standard input one after the other in a process that can't import Keras.
WITHOUT_KERAS = """
import json, sys

class Forbid:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("keras", "tensorflow"):
            raise AssertionError(f"{name} is imported")

sys.meta_path.insert(0, Forbid())
from click.testing import CliRunner
from kerasnn.cli.main import commands

results = []
for arguments in json.load(sys.stdin):
    result = CliRunner().invoke(commands, arguments)
    results.append([result.exit_code, result.stderr])
print(json.dumps(results))
"""
MANY = "80 time steps are too few for a horizon of 60 – give a shorter horizon or more time steps: "
NO_IMAGES = "a model for images needs an image column; got none – add one, or choose a model for "
NO_TEXTS = (
    "a model for sequences needs a column of texts, series or sounds; got none – add one, or "
)
TRAIN = {
    "emptyclass": "a class folder without images (emptyclass/b) – put images into it, or remove it",
    "flat": "a folder of images without a subfolder for each class (flat) – sort the images into "
    "one subfolder a class, or give a table of paths and labels",
    "photos --target nope": "unknown target column 'nope' (photos) – choose from image, label",
    "photos --split group:nope": "unknown column 'nope' – choose from image, label",
    "broken": "no image can be read (broken,image) – check the files",
    "hiss": "8 of 8 sounds can't be read, the first: not a WAV file (hiss/a/0.wav) – convert it to "
    "WAV",
    "twice.csv --target sales --horizon 3": "two rows have the time 2023-01-08 (twice.csv:8 and 9) "
    "– keep one of them; where clocks were set back, give the times with their offset",
    "twice.csv --target sales --horizon 3 --model patchtst": "two rows have the time 2023-01-08 "
    "(twice.csv:8 and 9) – keep one of them; where clocks were set back, give the times with their "
    "offset",
    "sales.csv --target sales --horizon 3 --time nope": "unknown column 'nope' (sales.csv) – "
    "choose from day, sales",
    "sales.csv --target sales --horizon 60": f"{MANY}training, validation and test each need one",
    "sales.csv --target sales --horizon 3 --frequency often": "unknown frequency 'often' – choose "
    "from s, 15min, h, D, B, W, MS, QS, YS",
    "sales.csv --target sales --horizon 3 --set loss=focal": "loss 'focal' is for classes and the "
    "task is forecast – choose mse, mae, huber or quantile",
    "sales.csv --target sales --horizon 3 --set monitor=auc": "a forecast can't be monitored by "
    "'auc' (training.monitor) – choose mse or mae or rmse",
    "sales.csv --target sales --horizon 3 --output photos": "'photos' is not empty – choose "
    "another folder, or replace it with --force",
    "t.csv --target y --split group": "`split.kind` is 'group', which needs a column – add "
    "--split KIND:COLUMN",
    "t.csv --target y --split column:g": "'0' is not the name of a part (t.csv:2,g) – use train, "
    "validation and test",
    "t.csv --target y --model mlp --output photos": "'photos' is not empty – choose another "
    "folder, or replace it with --force",
    "t.csv --target y --model cnn": f"{NO_IMAGES}tables, such as mlp",
    "t.csv --target y --model tcn": f"{NO_TEXTS}choose a model for tables, such as mlp",
    "t.csv --target y --set members=mlp,airbench": f"{NO_IMAGES}tables, such as mlp",
    "t.csv --target y --model mlp --set monitor=rmse": "metric 'rmse' is not one of a binary task "
    "– choose from accuracy, balanced_accuracy, f1, mcc, auc, average_precision, log_loss, brier, "
    "calibration_error",
    "t.csv --target a --model mlp --set loss=focal": "loss 'focal' is for classes and the task is "
    "regression – choose mse, mae or huber",
    "t.csv --target a --model mlp --target-transform log": "the target transform 'log' needs "
    "targets of 0 or more; the smallest is -1 – choose yeo_johnson or quantile",
    "t.csv --target y --model transfer --set pretrained=nope.h5": "`pretrained`: no such file "
    "(nope.h5) – save one with keras.applications.MobileNetV2(include_top=False, "
    "weights='imagenet').save_weights('mobilenet_v2.weights.h5')",
    "t.csv --target y --validation sales.csv": "unknown target column 'y' (sales.csv) – choose "
    "from day, sales",
    "t.jsonl --target nope": "unknown target column 'nope' (t.jsonl) – choose from a, g, y",
    "cut.jsonl --target y": "not JSON: Expecting property name enclosed in double quotes at "
    "character 8 (cut.jsonl:2) – write one JSON object a line",
    "short.npz": "20 examples in 'x' but 19 labels in 'y' (short.npz) – give one label an example",
    "header.csv --target y": "a header but no rows (header.csv)",
    "one.csv --target y": "1 row, too few to learn from (one.csv)",
    "same.csv --target y": "the target has one class only: 'x' (same.csv,y)",
    "inf.csv --target y": "infinite or too large: inf (inf.csv:42,a)",
}
TUNE = {
    "t.csv --target y --search width=nope": "the search 'nope' of `width` is not written like a "
    "search – write [0, 0.5], log [0.001, 0.1], int [1, 4] or {64, 128}",
    "t.csv --target y --search width={64,nope}": "`width` must be a whole number; got 'nope'",
    "t.csv --target y --model mlp --search widht={1,2}": "unknown hyper-parameter of mlp 'widht' – "
    "did you mean 'width'?",
    "t.csv --target y --model mlp --search width={1,2} --set width=3": "`model.width` is both set "
    "and searched – leave one out",
    "t.csv --target y --model mlp --output photos": "'photos' is not empty – choose another "
    "folder, or replace it with --force",
    "emptyclass": "a class folder without images (emptyclass/b) – put images into it, or remove it",
}

RUNS = {
    "predict table sales.csv": "columns are missing: 'a', 'g' (sales.csv) – add them, or name them "
    "as in the training data",
    "predict forecast t.csv": "a column is missing: 'day' (t.csv) – add it, or name it as in the "
    "training data",
    "evaluate forecast t.csv": "a column is missing: 'day' (t.csv) – add it, or name it as in the "
    "training data",
    "predict table nope.csv": "no such file (nope.csv) – ",
    "evaluate table --by nope": "unknown column 'nope' – choose from a, g, y",
    "explain images photos --class nope": "unknown class 'nope' – choose from a, b",
    "explain table t.csv": "the run has neither images nor texts, so there is nothing to explain – "
    "its report shows what it relies on",
    "report table --output t.csv": "'t.csv' exists – choose another name, or replace it with "
    "--force",
    "export table --format nope": "unknown format 'nope' – choose from keras, saved_model, onnx, "
    "litert",
    "compare table photos": "not the folder of a run: there is no model.kerasnn in it (photos) – "
    "name a folder that training made",
    "inspect photos": "not the folder of a run: there is no model.kerasnn in it (photos) – name a "
    "folder that training made",
}


def write_media(folder: Path) -> None:
    draws = np.random.default_rng(0)
    for name in "ab":
        for kind in ("photos", "broken", "hiss", "emptyclass"):
            (folder / kind / name).mkdir(parents=True)
        for number in range(4):
            pixels = draws.integers(0, 255, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"photos/{name}/{number}.png")
            (folder / f"broken/{name}/{number}.png").write_bytes(b"\x89PNG\r\n\x1a\nxx")
            (folder / f"hiss/{name}/{number}.wav").write_bytes(b"RIFFxxxx")
    for location in ("emptyclass/a", "flat"):
        (folder / location).mkdir(exist_ok=True)
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(folder / location / "1.png")


def write_tables(folder: Path) -> None:
    days = pd.date_range("2023-01-02", periods=80).strftime("%Y-%m-%d")
    sales = pd.DataFrame({"day": days, "sales": 20 + np.sin(np.arange(80))})
    sales.to_csv(folder / "sales.csv", index=False)
    sales.assign(day=sales["day"].where(sales.index != 7, sales["day"][6])).to_csv(
        folder / "twice.csv", index=False
    )
    table = pd.DataFrame({"a": np.arange(60) - 1.0, "g": np.arange(60) % 5})
    table["y"] = np.where(table["a"] % 3, "yes", "no")
    table.to_csv(folder / "t.csv", index=False)
    table.to_json(folder / "t.jsonl", orient="records", lines=True)
    np.savez(folder / "short.npz", x=np.zeros((20, 8, 8)), y=np.arange(19))
    for name, content in {
        "cut.jsonl": '{"a":1,"y":2}\n{"a":1,\n',
        "header.csv": "a,y\n",
        "one.csv": "a,y\n1,2\n",
        "same.csv": "a,y\n" + "1,x\n" * 20,
        "inf.csv": "a,y\n" + "1,x\n2,z\n" * 20 + "inf,z\n",
    }.items():
        (folder / name).write_text(content)


def results_of(lines: list[str], folder: Path) -> dict[str, list[str | int]]:
    """Exit code and stderr of each line in a process without Keras."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_KERAS],
        input=json.dumps([shlex.split(line) for line in lines]),
        cwd=folder,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(lines, json.loads(done.stdout), strict=True))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str | int]]:
    folder = tmp_path_factory.mktemp("data")
    write_media(folder)
    write_tables(folder)
    lines = [*(f"train {line}" for line in TRAIN), *(f"tune {line}" for line in TUNE)]
    return results_of(lines, folder)


@pytest.mark.parametrize("line", TRAIN)
def test_training_says_it_before_keras(line: str, trained: dict[str, list[str | int]]) -> None:
    code, stderr = trained[f"train {line}"]
    assert (code, str(stderr).startswith(f"error: {TRAIN[line]}")) == (2, True), stderr


@pytest.mark.parametrize("line", TUNE)
def test_tuning_says_it_before_keras(line: str, trained: dict[str, list[str | int]]) -> None:
    assert trained[f"tune {line}"] == [2, f"error: {TUNE[line]}\n"]


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str | int]]:
    folder = tmp_path_factory.mktemp("runs")
    write_media(folder)
    write_tables(folder)
    options: dict[str, Any] = {"baselines": False, "seed": 0}
    small = {"width": 4, "depth": 1, "epochs": 1}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        kerasnn.train("t.csv", target="y", model="mlp", set=small, output="table", **options)
        kerasnn.train("photos", model="cnn", set=small, output="images", **options)
        ahead: dict[str, Any] = {"horizon": 3, "model": "nlinear", "output": "forecast"}
        settings = {"epochs": 1, "transform": "none"}
        kerasnn.train("sales.csv", target="sales", set=settings, **ahead, **options)
    return results_of([*RUNS], folder)


@pytest.mark.filterwarnings("ignore::kerasnn.errors.KerasnnWarning")
@pytest.mark.parametrize("line", RUNS)
def test_runs_say_it_before_keras(line: str, used: dict[str, list[str | int]]) -> None:
    code, stderr = used[line]
    assert (code, str(stderr).startswith(f"error: {RUNS[line]}")) == (2, True), stderr
