"""The folder of a run that a stranger made: nothing outside it is touched, nothing is waited for."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import kerasnn
from kerasnn.cli.main import commands
from kerasnn.config.settings import of_run
from kerasnn.datasets.digests import hash_files
from kerasnn.errors import KerasnnError
from kerasnn.runs.folder import RunFolder
from kerasnn.tuning.tuner import _SearchSession

pytestmark = pytest.mark.timeout(120)

# Of a run, what is written or read when it goes on, is replaced, scored or reported.
WRITTEN = [".lock", "checkpoints", "split.csv.gz", "config.yaml", "history.csv", "report.html"]
READ = ["config.yaml", "model.kerasnn", "holdout.parquet", "choice.json"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(draw.normal(size=(40, 2)), columns=["a", "b"])
    frame["y"] = np.where(frame["a"] > 0, "yes", "no")
    frame.to_csv(folder / "table.csv", index=False)
    options = {"target": "y", "model": "linear", "set": {"epochs": 1}, "baselines": False}
    kerasnn.train(folder / "table.csv", output=folder / "run", **options)
    return folder


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return shutil.copytree(trained / "run", tmp_path / "run")


@contextmanager
def untouched(outside: Path) -> Iterator[None]:
    outside.mkdir(exist_ok=True)
    (outside / "file").write_bytes(b"precious")
    yield
    assert os.listdir(outside) == ["file"]
    assert (outside / "file").read_bytes() == b"precious"


def exchange(run: Path, name: str, make: Callable[[Path], Any]) -> None:
    path = run / name
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    make(path)


def refused(*arguments: object) -> str:
    """The one line of a command that fails."""
    result = CliRunner().invoke(commands, list(map(str, arguments)))
    assert result.exit_code in (2, 3), result.output
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, result.output
    return errors[0]


@pytest.mark.parametrize("name", WRITTEN)
def test_going_on_follows_no_link(run: Path, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    target = outside if name == "checkpoints" else outside / "file"
    with untouched(outside):
        exchange(run, name, lambda path: path.symlink_to(target))
        line = refused("train", "--resume", run, "--epochs", "2")
    assert re.search(r"\bis a link\b", line)
    assert name in line


def test_logs_for_tensorboard_follow_no_link(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    before = (run / "history.csv").read_bytes()
    with untouched(tmp_path / "outside"):
        (run / "tensorboard").symlink_to(tmp_path / "outside")
        line = refused("train", "--resume", run, "--epochs", "2", "--tensorboard")
    what = f"tensorboard is a link among the logs of the run ({run / 'tensorboard'})"
    assert line == f"error: {what} – remove it"
    assert (run / "history.csv").read_bytes() == before


def test_what_a_search_keeps_is_no_link(run: Path, tmp_path: Path) -> None:
    (run / "tuning").mkdir()
    kept = run / "tuning" / "defaults.kerasnn"
    config = of_run(run / "config.yaml").resolve()

    def found() -> Any:
        return _SearchSession(None, config, RunFolder(run), progress=False)._trained_defaults()

    shutil.copy(run / "model.kerasnn", kept)
    assert found() is not None
    shutil.move(kept, tmp_path / "elsewhere")
    kept.symlink_to(tmp_path / "elsewhere")
    assert found() is None


@pytest.mark.parametrize("source", ["a pipe", "/dev/zero", "-"])
def test_data_that_have_no_end_are_not_read_again(run: Path, tmp_path: Path, source: str) -> None:
    if source == "a pipe":
        os.mkfifo(source := str(tmp_path / "pipe"))
    nothing = hashlib.sha256().hexdigest()
    (run / "data.sha256").write_text(nothing)
    config = kerasnn.load(run).bundle.config
    data = {**config["data"], "source": source}
    assert RunFolder(run).read_train({**config, "data": data}) is None
    with pytest.raises(KerasnnError) if source != "-" else nullcontext():
        hash_files(data)
    assert not RunFolder(run).has_trained_on(tmp_path / "pipe", config)


@pytest.mark.parametrize("name", [".lock", "checkpoints", "config.yaml"])
def test_replacing_follows_no_link(run: Path, trained: Path, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    with untouched(outside):
        target = outside if name == "checkpoints" else outside / "file"
        exchange(run, name, lambda path: path.symlink_to(target))
        refused("train", trained / "table.csv", "--target", "y", "--output", run, "--force")


def test_a_report_follows_no_link(run: Path, tmp_path: Path) -> None:
    with untouched(tmp_path / "outside"):
        target = tmp_path / "outside" / "file"
        exchange(run, "report.html", lambda path: path.symlink_to(target))
        line = refused("report", run)
    hint = "choose another name: only files are replaced"
    assert line == f"error: '{run / 'report.html'}' is a link – {hint}"


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("scores.json")])
@pytest.mark.parametrize("name", READ)
def test_nothing_but_files_is_read(
    run: Path, trained: Path, name: str, make: Callable[[Path], Any]
) -> None:
    exchange(run, name, make)
    # What is not needed is not looked at; what is, is refused.
    commands_ = {
        "config.yaml": ["train", "--resume", run],
        "choice.json": ["train", "--resume", run],
        "model.kerasnn": ["predict", run, trained / "table.csv"],
        "holdout.parquet": ["evaluate", run, "--by", "a"],
    }
    assert re.search(rf"{re.escape(name)} is (not a file|a link)", refused(*commands_[name]))


def test_checkpoints_that_are_pipes_are_damaged(run: Path) -> None:
    for path in list((run / "checkpoints").iterdir()):
        exchange(run, f"checkpoints/{path.name}", os.mkfifo)
    assert "no checkpoint is intact" in refused("train", "--resume", run, "--epochs", "2")


def test_a_threshold_is_not_kept_beside_a_damaged_configuration(run: Path) -> None:
    (run / "config.yaml").write_bytes(b"run:\n  threshold: \xd0\n")
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    line = refused("evaluate", run, "--threshold", "0.4", "--save")
    what = f"config.yaml is not UTF-8 text ({run / 'config.yaml'})"
    assert line == f"error: {what} – score without keeping the threshold"
    assert {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()} == before


def test_a_digest_that_is_a_pipe_is_not_waited_for(run: Path) -> None:
    exchange(run, "data.sha256", os.mkfifo)
    config = kerasnn.load(run).bundle.config
    assert RunFolder(run).read_train(config) is None


@pytest.mark.parametrize("verb", ["predict", "report", "export"])
def test_outputs_replace_files_only(run: Path, trained: Path, tmp_path: Path, verb: str) -> None:
    node = tmp_path / "node.keras"
    os.mkfifo(node)
    what = {
        "predict": ["predict", run, trained / "table.csv"],
        "report": ["report", run],
        "export": ["export", run, "--format", "keras"],
    }[verb]
    line = refused(*what, "--output", node, "--force")
    assert line == f"error: '{node}' is a pipe – choose another name: only files are replaced"
    assert node.is_fifo()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("[" * 20_000, "nested deeper than 8 levels"),
        ("run: {a: [" + "1," * 300_000 + "]}", "more than 200,000 names and values"),
    ],
    ids=["deep", "many"],
)
def test_configurations_are_bounded(run: Path, content: str, expected: str) -> None:
    (run / "config.yaml").write_text(content)
    assert expected in refused("train", "--resume", run)


def test_a_line_has_a_bounded_length(run: Path, tmp_path: Path) -> None:
    name = "x" * 100_000 + "\x1b[2J\n"
    with pytest.raises(KerasnnError) as caught:
        kerasnn.load(run).evaluate(pd.DataFrame({"a": [1.0], name: [2.0]}))
    assert len(str(caught.value)) < 15_000
    line = refused("train", run / "predictions.csv", "--target", name)
    assert len(line) < 2_000
    assert line.isprintable()
