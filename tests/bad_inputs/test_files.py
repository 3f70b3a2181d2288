"""Full disks, locks, signals, damaged bundles and changed runs, by their numbers in the list of bad inputs."""

from __future__ import annotations

import errno
import io
import json
import os
import pickle
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import pandas as pd
import pytest
import tensorflow as tf
from bad_inputs.tables import ROWS, TINY, features, text, train
from helpers import invoke, read_csv_text, snapshot, untouched

from kerasnn.bundle import members
from kerasnn.bundle.archive import pack
from kerasnn.files import locks
from kerasnn.prediction.predictor import Predictor
from kerasnn.training.engine import Engine

# A job in the background of a shell ignores SIGINT, and so would its child.
CODE = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from kerasnn.cli.main import main; main()"
)
COMMAND = [sys.executable, "-c", CODE]


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """The kernel lets no file grow beyond a size, as if the disk were full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


FULL = "free some space; what was there before is intact"


def test_full_disk_in_a_checkpoint(run: Path) -> None:  # 70
    newest = sorted((run / "checkpoints").iterdir())[-1]
    number = int(newest.stem.removeprefix("generation-")) + 1
    bundle, state = (run / "model.kerasnn").read_bytes(), snapshot(run / "checkpoints")
    with largest_file(newest.stat().st_size - 1):
        result = invoke("train", "--resume", run, "--epochs", "2", code=4)
    location = run / "checkpoints" / f"generation-{number:06d}.checkpoint"
    assert result.stderr == f"error: the disk is full ({location}) – {FULL}\n"
    assert (run / "model.kerasnn").read_bytes() == bundle
    assert snapshot(run / "checkpoints") == state
    invoke("train", "--resume", run, "--epochs", "2")
    assert len(pd.read_csv(run / "history.csv")) == 2


def test_full_disk_in_the_bundle(run: Path, trained: Path, predictions: pd.DataFrame) -> None:  # 70
    path = run / "model.kerasnn"
    before = path.read_bytes()
    with largest_file(len(before) - 1):
        result = invoke("train", "--resume", run, "--epochs", "2", code=4)
    assert result.stderr == f"error: the disk is full ({path}) – {FULL}\n"
    assert path.read_bytes() == before
    assert not list(run.glob(".*"))
    found = read_csv_text(invoke("predict", run, trained / "table.csv").stdout)
    pd.testing.assert_frame_equal(found, predictions)


@pytest.mark.usefixtures("_no_training")
def test_folder_that_cannot_be_written(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # 71
    data, hint = trained / "table.csv", "choose another folder"
    result = train(data, "--output", data / "run", code=4)
    assert result.stderr == f"error: not a folder ({data}) – {hint}\n"

    really_open = os.open

    def read_only(path: Any, flags: int, *rest: Any, **options: Any) -> int:
        if flags & os.O_CREAT and str(path).startswith(str(tmp_path)):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
        return really_open(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", read_only)
    with untouched(tmp_path):
        result = train(data, "--output", tmp_path / "new" / "run", code=4)
    what = f"can't be written: read-only file system ({tmp_path})"
    assert result.stderr == f"error: {what} – {hint}\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("_no_training")
@pytest.mark.skipif(
    not os.path.isdir("/proc/self"), reason="needs /proc, where not even root may write"
)
def test_folder_that_nobody_can_write(trained: Path) -> None:  # 71
    result = train(trained / "table.csv", "--output", "/proc/kerasnn/run", code=4)
    what = "can't be written: no such file or directory (/proc)"
    assert result.stderr == f"error: {what} – choose another folder\n"


@pytest.mark.usefixtures("_no_training")
def test_two_runs_in_a_folder(run: Path, trained: Path) -> None:  # 72
    holder = f"process {os.getpid()} on {socket.gethostname()}"
    what = f"another run writes to this folder: {holder} ({run})"
    with locks.lock_folder(run), untouched(run):
        going_on = invoke("train", "--resume", run, "--epochs", "2", code=4)
        replacing = train(trained / "table.csv", "--output", run, "--force", code=4)
    for result in (going_on, replacing):
        assert result.stderr == f"error: {what} – wait for it, or choose another folder\n"


@pytest.mark.usefixtures("_no_report")
def test_lock_of_a_dead_process(run: Path) -> None:  # 73
    with subprocess.Popen(["true"]) as process:
        pass
    record = {"host": socket.gethostname(), "pid": process.pid, "started": "1"}
    (run / ".lock").write_text(json.dumps(record), encoding="utf-8")
    (run / ".model.kerasnn.0123abcd.part").touch()
    assert invoke("train", "--resume", run, "--epochs", "2").stderr == ""
    assert not list(run.glob(".*"))
    assert len(pd.read_csv(run / "history.csv")) == 2


SIGNALS = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(scope="module")
def interrupted(
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[int, tuple[Path, int, str]]:
    """For each signal a run that it ended: folder, exit code and stderr."""
    folder = tmp_path_factory.mktemp("interrupted")
    (folder / "table.csv").write_text(text(), encoding="utf-8")
    endless = ["--epochs", "1000000", "--patience", "0", "--set", "compile=graph"]
    started: dict[int, tuple[Path, subprocess.Popen[str]]] = {}
    for number in SIGNALS:
        arguments = ["train", str(folder / "table.csv"), "--target", "bought", *TINY, *endless]
        run = folder / str(number)
        command = [*COMMAND, *arguments, "--output", str(run)]
        started[number] = run, subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    ended: dict[int, tuple[Path, int, str]] = {}
    for number, (run, process) in started.items():
        while process.poll() is None and not list(run.glob("checkpoints/generation-*")):
            time.sleep(0.05)
        process.send_signal(number)
        _, errors = process.communicate()
        ended[number] = run, process.returncode, errors
    return ended


@pytest.mark.usefixtures("_no_report")
@pytest.mark.parametrize("number", SIGNALS, ids=["74 SIGINT", "75 SIGTERM"])
def test_interrupted_training(number: int, interrupted: dict[int, tuple[Path, int, str]]) -> None:
    run, code, errors = interrupted[number]
    # After 30 s, which a busy machine may need for the start alone, phases are announced.
    lines = [line for line in errors.splitlines() if line != "scoring, with the baselines"]
    assert lines == [f"interrupted – to go on: kerasnn train --resume {run}"]  # 81
    assert code == 130
    printed = invoke("predict", run, run.parent / "table.csv").stdout
    assert len(read_csv_text(printed)) == 60
    n_epochs = len(pd.read_csv(run / "history.csv"))
    invoke("train", "--resume", run, "--epochs", str(n_epochs + 1))
    assert len(pd.read_csv(run / "history.csv")) == n_epochs + 1


def test_broken_pipe(trained: Path, tmp_path: Path) -> None:  # 76
    path = tmp_path / "long.csv"
    path.write_text(features(ROWS * 200), encoding="utf-8")
    command = [*COMMAND, "predict", str(trained / "run"), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"prediction,probability:no,probability:yes\n"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.parametrize(
    "error", [MemoryError(), tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")]
)
def test_out_of_memory_in_training(
    error: Exception, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # 77
    def run_epoch(*arguments: Any, **options: Any) -> None:
        raise error

    monkeypatch.setattr(Engine, "run_epoch", run_epoch)
    bundle, state = (run / "model.kerasnn").read_bytes(), snapshot(run / "checkpoints")
    result = invoke("train", "--resume", run, "--epochs", "2", code=4)
    assert result.stderr == "error: memory ran out at 42 rows a step – add --batch-size 21\n"
    assert (run / "model.kerasnn").read_bytes() == bundle
    assert snapshot(run / "checkpoints") == state


def test_out_of_memory_elsewhere(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # 77
    def predict(*arguments: Any, **options: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(Predictor, "predict_and_count", predict)
    output = tmp_path / "predictions.csv"
    result = invoke("predict", trained / "run", trained / "table.csv", "-o", output, code=4)
    assert result.stderr == "error: memory ran out – close other programs, or give fewer rows\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("_no_training")
def test_outputs_that_exist(run: Path, trained: Path, tmp_path: Path) -> None:  # 78
    data, output = trained / "table.csv", tmp_path / "model.keras"
    output.write_text("of yesterday", encoding="utf-8")
    other_name, other_folder = (
        f"choose another {what}, or replace it with --force" for what in ("name", "folder")
    )
    with untouched(tmp_path):
        trained_to = train(data, "--output", run, code=2)
        predicted_to = invoke("predict", run, data, "-o", output, code=2)
        reported_to = invoke("report", run, "-o", output, code=2)
        exported_to = invoke("export", run, "--format", "keras", "-o", output, code=2)
        something_else = train(data, "--output", tmp_path, "--force", code=2)
    assert trained_to.stderr == f"error: '{run}' is not empty – {other_folder}\n"
    assert predicted_to.stderr == f"error: '{output}' exists – {other_name}\n"
    assert reported_to.stderr == f"error: '{output}' exists – {other_name}\n"
    assert exported_to.stderr == f"error: the file exists ({output}) – replace it with --force\n"
    what = f"'{tmp_path}' holds something else than a run"
    assert something_else.stderr == f"error: {what} – choose another folder\n"


def forged(content: bytes, **changed: Any) -> bytes:
    """A bundle with other entries in its manifest, and checksums that fit."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(parts.pop(members.MANIFEST)) | changed
    del manifest["digest"]
    return b"".join(pack({members.MANIFEST: members._sealed(manifest), **parts}))


def hostile(content: bytes) -> bytes:
    """A zip with a path upwards and a pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("../evil.py", "import os")
        archive.writestr("model.pkl", pickle.dumps(os.getcwd))
    return file.getvalue()


def flipped(content: bytes) -> bytes:
    at = content.index(b'"mlp"') + 1
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


AGAIN = "get it again from where it was made"


@pytest.mark.parametrize(
    ("change", "what", "hint"),
    [
        (lambda content: b"", "it is not a file of kerasnn, or its start is damaged", AGAIN),
        (lambda content: content[: len(content) // 2], "it is cut off", AGAIN),
        (lambda content: content[:-1], "its directory does not fit its members", AGAIN),
        (flipped, "recipe.json is damaged, or not stored as kerasnn stores it", AGAIN),
        (hostile, "manifest.json is damaged, or not stored as kerasnn stores it", AGAIN),
        (
            lambda content: forged(content, schema=2),
            "made by a newer kerasnn (schema 2); this one reads 1",
            "pip install -U kerasnn",
        ),
    ],
    ids=["empty", "cut in the middle", "cut at the end", "flipped bit", "hostile", "newer"],
)
def test_bad_bundles(
    change: Callable[[bytes], bytes], what: str, hint: str, trained: Path, tmp_path: Path
) -> None:  # 79
    path, output = tmp_path / "model.kerasnn", tmp_path / "predictions.csv"
    path.write_bytes(change((trained / "run" / "model.kerasnn").read_bytes()))
    output.write_text("of yesterday", encoding="utf-8")
    data = trained / "table.csv"
    with untouched(tmp_path):
        result = invoke("predict", path, data, "-o", output, "--force", code=3)
    assert result.stderr == f"error: the model is refused: {what} ({path}) – {hint}\n"


@pytest.mark.usefixtures("_no_training")
def test_resume_under_other_circumstances(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # 80
    data, run = tmp_path / "table.csv", tmp_path / "run"
    shutil.copytree(trained / "run", run)
    config = (run / "config.yaml").read_text(encoding="utf-8")
    config = config.replace(str(trained / "table.csv"), str(data))
    data.write_text(text().replace("red", "rot", 1), encoding="utf-8")

    def changes(*arguments: str, config: str = config) -> str:
        (run / "config.yaml").write_text(config, encoding="utf-8")
        with untouched(tmp_path):
            result = invoke("train", "--resume", run, "--epochs", "2", *arguments, code=2)
        found = re.fullmatch(
            r"error: the run can't go on as it began: (.*) changed – undo the change, or start a "
            r"new run\n",
            result.stderr,
        )
        assert found, result.stderr
        return found[1]

    assert changes() == "the data"
    data.write_text(text(), encoding="utf-8")
    assert changes("--set", "width=5") == "model.width"
    assert changes("--batch-size", "7", "--patience", "3") == (
        "training.batch_size, training.patience"
    )
    edited = config.replace("scale: ", "scale: robust # ", 1)
    assert changes(config=edited) == "preprocessing.scale"
    monkeypatch.setattr(keras, "__version__", "2.0")
    assert changes() == "keras"


@pytest.mark.usefixtures("_no_training")
@pytest.mark.parametrize(
    ("package", "form", "line"),
    [
        ("tf2onnx", "onnx", "exporting to ONNX needs an extra – pip install 'kerasnn[onnx]'"),
        ("onnxruntime", "onnx", "exporting to ONNX needs an extra – pip install 'kerasnn[onnx]'"),
        (
            "ai_edge_litert",
            "litert",
            "exporting to LiteRT needs an extra – pip install 'kerasnn[litert]'",
        ),
        (
            "tensorboard",
            None,
            "TensorBoard's log needs an extra – pip install 'kerasnn[tensorboard]'",
        ),
    ],
)
def test_missing_packages(
    package: str,
    form: str | None,
    line: str,
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # 82
    monkeypatch.setitem(sys.modules, package, None)
    if form:
        output = tmp_path / f"model.{form.replace('litert', 'tflite')}"
        result = invoke("export", trained / "run", "--format", form, "-o", output, code=2)
    else:
        data = trained / "table.csv"
        result = train(data, "--tensorboard", "--output", tmp_path / "run", code=2)
    assert result.stderr == f"error: {line}\n"
    assert not list(tmp_path.iterdir())
