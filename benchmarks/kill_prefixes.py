"""Record the file operations of runs, and look at the folder that each prefix of them leaves.

    python benchmarks/kill_prefixes.py [--resume-every 10]

A process that is killed has done the first of its operations and none of the others; of a file that
it was writing, there is half. A folder is usable if the run can go on in it, if it can be replaced
with ``force``, or if nothing stands in the way of a new run. Outputs of predict and export are usable
if the command can be given again. Some of the folders are resumed for good.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import kerasnn
from kerasnn.bundle import read_members
from kerasnn.config.config import Config
from kerasnn.config.settings import of_run
from kerasnn.errors import KerasnnError
from kerasnn.export.exporter import check_path
from kerasnn.files import handles, locks, storage
from kerasnn.runs import paths as run_paths
from kerasnn.runs.folder import RunFolder
from kerasnn.training import fit as fitting


@dataclass(frozen=True)
class Operation:
    """One change below a folder.

    Args:
        what: ``create``, ``write``, ``half``, ``mkdir``, ``rename``, ``unlink`` or ``rmtree``.
        path: Path relative to the folder.
        other: New relative path of what is renamed.
        content: Whole content of a file after it was written.
    """

    what: str
    path: str
    other: str = ""
    content: bytes = b""


class Recorder:
    """Stands in for `os` in the modules that open files, and notes what changes below a folder."""

    def __init__(self, root: Path) -> None:
        self.root, self.operations = root.resolve(), list[Operation]()

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def open(self, path: Any, flags: int, *rest: Any, dir_fd: int | None = None) -> int:
        found = self._relative(path, dir_fd)
        is_new = found is not None and flags & os.O_CREAT and not (self.root / found).exists()
        handle = os.open(path, flags, *rest, dir_fd=dir_fd)
        if is_new:
            self._note("create", found)
        return handle

    def fsync(self, handle: int) -> None:
        path = os.readlink(f"/proc/self/fd/{handle}")
        if os.path.isfile(path):
            self._write(self._relative(path, None))
        os.fsync(handle)

    def replace(
        self, old: Any, new: Any, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None
    ) -> None:
        before, after = self._relative(old, src_dir_fd), self._relative(new, dst_dir_fd)
        self._adopt(before)
        os.replace(old, new, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        if before is not None and after is not None:
            self.operations.append(Operation("rename", before, after))

    def unlink(self, path: Any, *, dir_fd: int | None = None) -> None:
        found = self._relative(path, dir_fd)
        os.unlink(path, dir_fd=dir_fd)
        self._note("unlink", found)

    def mkdir(self, path: Any, *, dir_fd: int | None = None) -> None:
        found = self._relative(path, dir_fd)
        os.mkdir(path, dir_fd=dir_fd)
        self._note("mkdir", found)

    def makedirs(self, path: Any, *, exist_ok: bool = False) -> None:
        for each in reversed([Path(path), *Path(path).parents]):
            if not each.exists():
                self.mkdir(each)
        os.makedirs(path, exist_ok=exist_ok)

    def _write(self, found: str | None) -> None:
        if found is not None:
            content = (self.root / found).read_bytes()
            self.operations.append(Operation("half", found, content=content[: len(content) // 2]))
            self.operations.append(Operation("write", found, content=content))

    def _adopt(self, found: str | None) -> None:
        """What a library of another project wrote is noted when it gets its name."""
        if found is None or any(each.path == found for each in self.operations):
            return
        path = self.root / found
        for each in [path, *sorted(path.rglob("*"))] if path.is_dir() else [path]:
            name = str(each.relative_to(self.root))
            if each.is_dir():
                self._note("mkdir", name)
            else:
                self._note("create", name)
                self._write(name)

    def _note(self, what: str, found: str | None) -> None:
        if found is not None:
            self.operations.append(Operation(what, found))

    def _relative(self, path: Any, dir_fd: int | None) -> str | None:
        parent = os.readlink(f"/proc/self/fd/{dir_fd}") if dir_fd is not None else os.getcwd()
        whole = Path(os.path.normpath(Path(parent) / os.fspath(path)))
        whole = whole.parent.resolve() / whole.name
        return str(whole.relative_to(self.root)) if whole.is_relative_to(self.root) else None


@contextmanager
def recording(root: Path) -> Iterator[list[Operation]]:
    """The operations of the block below a folder, as they come."""
    recorder = Recorder(root)
    before = storage.os
    storage.os = locks.os = handles.os = recorder  # type: ignore[assignment]
    try:
        yield recorder.operations
    finally:
        storage.os = locks.os = handles.os = before


def apply(operation: Operation, root: Path) -> None:
    """Do what was recorded below another folder."""
    path = root / operation.path
    match operation.what:
        case "create":
            path.touch()
        case "half" | "write":
            path.write_bytes(operation.content)
        case "mkdir":
            path.mkdir(exist_ok=True)
        case "rename":
            os.replace(path, root / operation.other)
        case "unlink":
            path.unlink(missing_ok=True)


def state_of(run: Path, config: Config) -> str:
    """How the folder of a run can be used, or why not.

    Args:
        run: Folder after a kill; it is not changed.
        config: Configuration with which the run was started.
    """
    ways = []
    try:
        run_paths.resumed_settings(run, None)
        checkpoints = RunFolder(run).checkpoints
        for each in (checkpoints, *checkpoints.members()):
            each.load()
        if (run / "model.kerasnn").exists():
            read_members(run)
        ways.append("resumable")
    except KerasnnError:
        pass
    for force, way in ((False, "free"), (True, "replaceable")):
        with tempfile.TemporaryDirectory() as copy:
            trial = shutil.copytree(run, Path(copy) / "run")
            try:
                run_paths.check_output(_with_output(config, trial), force=force)
                run_paths.open_folder(_with_output(config, trial), resume=None, force=force)
                ways.append(way)
                break
            except KerasnnError as error:
                why = str(error)
    return " and ".join(ways) if ways else f"STUCK: {why}"


def _with_output(config: Config, run: Path) -> Config:
    return config.with_inferred({"run.output": str(run)})


def write_tables(folder: Path) -> None:
    """Forty rows, and a hundred days."""
    draw = np.random.default_rng(0)
    rows = pd.DataFrame(draw.normal(size=(40, 2)), columns=["a", "b"])
    rows["y"] = np.where(rows["a"] > 0, "yes", "no")
    rows.to_csv(folder / "rows.csv", index=False)
    days = pd.date_range("2020-01-01", periods=100)
    values = np.sin(np.arange(100)) + draw.normal(size=100)
    pd.DataFrame({"time": days, "y": values}).to_csv(folder / "days.csv", index=False)


def trainings(folder: Path) -> dict[str, Callable[[], Any]]:
    """What makes the folder of a run."""
    rows, days = folder / "rows.csv", folder / "days.csv"
    plain: dict[str, Any] = {"target": "y", "model": "linear", "set": {"epochs": 2}}
    run = folder / "run"
    two = {**plain, "model": "mlp", "ensemble": 2, "baselines": False}
    ahead = {**plain, "model": "dlinear", "horizon": 3}
    return {
        "train": lambda: kerasnn.train(rows, output=run, baselines=False, **plain),
        "train again": lambda: kerasnn.train(
            rows, output=run, baselines=False, force=True, **plain
        ),
        "ensemble": lambda: kerasnn.train(rows, output=run, **two),
        "tune": lambda: kerasnn.tune(rows, output=run, trials=2, **{**plain, "model": "mlp"}),
        "forecast": lambda: kerasnn.train(days, output=run, **ahead),
    }


def measure_training(
    name: str, folder: Path, *, resume_every: int
) -> tuple[int, list[str], dict[str, int]]:
    """Prefixes of a training, those that are stuck, and how many there are of each state."""
    folder.mkdir(parents=True)
    write_tables(folder)
    todo = trainings(folder)
    run, again = folder / "run", name == "train again"
    if again:
        todo["train"]()
        shutil.copytree(run, folder / "before")
    with recording(folder) as operations:
        todo[name]()
    config = of_run(run / "config.yaml").resolve()
    shutil.move(run, folder / "whole")
    found: dict[str, int] = {}
    stuck = []
    replayed = [each for each in operations if each.path.split("/")[0] == "run"]
    root = folder / "replay"
    root.mkdir()
    if again:
        shutil.copytree(folder / "before", root / "run")
    for number in range(len(replayed) + 1):
        if number:
            apply(replayed[number - 1], root)
        if not (root / "run").exists():
            continue
        state = state_of(root / "run", config)
        found[state] = found.get(state, 0) + 1
        if state.startswith("STUCK"):
            stuck.append(f"{name} after {number}: {state}")
        elif resume_every and "resumable" in state and number % resume_every == 0:
            shutil.copytree(root / "run", run)
            tool = (
                kerasnn.tune if name == "tune" and (run / "tuning/config.yaml").exists() else None
            )
            if name != "tune" or tool:
                (tool or kerasnn.train)(resume=run)
                found["resumed"] = found.get("resumed", 0) + 1
            shutil.rmtree(run)
    return len(replayed) + 1, stuck, found


def measure_outputs(folder: Path) -> tuple[int, list[str], dict[str, int]]:
    """Likewise of predictions and exports, whose commands are given again."""
    folder.mkdir(parents=True)
    write_tables(folder)
    trainings(folder)["train"]()
    run, count, stuck = kerasnn.load(folder / "run"), 0, list[str]()
    found: dict[str, int] = {}
    for force in (False, True):
        todo: dict[str, tuple[Callable[[], Any], Callable[[Path], None]]] = {
            "predict": (
                partial(
                    run.predict_file, folder / "rows.csv", folder / "out/rows.csv", force=force
                ),
                lambda out: storage.check_output(out / "rows.csv", force=True),
            ),
            "export keras": (
                partial(run.export, "keras", folder / "out" / "m.keras", force=force),
                lambda out: check_path(out / "m.keras", "keras", force=True),
            ),
            "export saved_model": (
                partial(run.export, "saved_model", folder / "out" / "m", force=force),
                lambda out: check_path(out / "m", "saved_model", force=True),
            ),
        }
        (folder / "out").mkdir(exist_ok=True)
        for name, (act, check) in todo.items():
            before = folder / "before"
            shutil.copytree(folder / "out", before)
            with recording(folder / "out") as operations:
                act()
            for number in range(len(operations) + 1):
                if number:
                    apply(operations[number - 1], before)
                count += 1
                try:
                    check(before)
                    found[name] = found.get(name, 0) + 1
                except KerasnnError as error:
                    stuck.append(f"{name} after {number}: {error}")
            shutil.rmtree(before)
    return count, stuck, found


def main() -> int:
    """Print the counts; 1 if a folder is stuck."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--resume-every", type=int, default=10)
    chosen = parser.parse_args()
    # Each epoch is saved, however little time that takes.
    fitting.CHECKPOINT_SHARE = 1e9
    warnings.simplefilter("ignore")
    total, stuck = 0, list[str]()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for each in trainings(folder):
            count, more, found = measure_training(
                each, folder / each, resume_every=chosen.resume_every
            )
            print(f"{each}: {count} prefixes, {found}", flush=True)
            total, stuck = total + count, stuck + more
        count, more, found = measure_outputs(folder / "outputs")
        print(f"predict, export: {count} prefixes, {found}", flush=True)
        total, stuck = total + count, stuck + more
    print("\n".join(stuck))
    print(f"{total - len(stuck)} of {total} prefixes usable")
    return int(bool(stuck))


if __name__ == "__main__":
    sys.exit(main())
