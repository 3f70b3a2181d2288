"""Kill training at random moments, go on, and compare with the run that nobody killed.

    python benchmarks/resume.py --kills 30 [--compile xla]
    python benchmarks/resume.py --kind ensemble --kind text --kind forecast --kind tune --kills 3

A run of a table has dropout, shuffled rows, averaged weights, a cosine schedule and early stopping.
Other kinds are an average of two networks, a text, a forecast, and a search for hyper-parameters. SIGKILL
comes at a random moment between the start of the run and its bundle, every fifth time in the midst of
writing a checkpoint. A run counts as equal if its whole bundle (but for seconds) and its history are.
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

KERASNN = [sys.executable, "-c", "from kerasnn.cli.main import main; main()"]
OPTIONS = {
    "model": "mlp",
    "width": 64,
    "depth": 2,
    "dropout": 0.3,
    "average": 0.99,
    "schedule": "cosine",
    "learning_rate": 0.003,
    "batch_size": 64,
    "patience": 8,
    "epochs": 40,
}
CHECKPOINTS, CONFIG, BUNDLE = "checkpoints", "config.yaml", "model.kerasnn"
POLL_S = 0.0005
CLOCK = ("seconds", "phases", "probes")
# The bundle is there, so the training is over.
TOO_LATE = "too late"


# What is trained of other kinds: the command and its options.
KINDS: dict[str, tuple[str, list[str]]] = {
    "ensemble": (
        "train",
        ["--target=bought", "--model=mlp", "--ensemble=2", "--no-baselines", "--set=epochs=12"],
    ),
    "text": (
        "train",
        ["--target=liked", "--model=fasttext", "--no-baselines", "--set=epochs=10"],
    ),
    "forecast": (
        "train",
        ["--target=sales", "--horizon=7", "--model=nlinear", "--no-baselines", "--set=epochs=15"],
    ),
    "tune": ("tune", ["--target=bought", "--model=mlp", "--trials=3", "--set=epochs=5"]),
}


def write_texts(path: Path, *, n_rows: int) -> None:
    """Sentences of which one word decides."""
    draw = np.random.default_rng(0)
    words = draw.choice(["plain", "story", "about", "people", "who", "never", "meet"], (n_rows, 8))
    good = draw.random(n_rows) < 0.5
    texts = [
        " ".join([*line, "fine" if each else "dull"])
        for line, each in zip(words, good, strict=True)
    ]
    frame = pd.DataFrame({"review": texts, "liked": np.where(good, "yes", "no")})
    frame.to_csv(path, index=False)


def write_days(path: Path, *, n_rows: int) -> None:
    """A weekly season with noise."""
    days, noise = np.arange(n_rows), np.random.default_rng(0).normal(size=n_rows)
    times = pd.date_range("2015-01-01", periods=n_rows)
    values = 50 + 8 * np.sin(days * 2 * np.pi / 7) + noise
    pd.DataFrame({"day": times, "sales": values.round(3)}).to_csv(path, index=False)


def write_table(path: Path, *, n_rows: int) -> None:
    """A noisy problem of two classes with numbers, a category and missing cells."""
    draw = np.random.default_rng(0)
    numbers = draw.normal(size=(n_rows, 5))
    city = draw.choice(["Rome", "Oslo", "Lima", "Bern"], n_rows)
    score = numbers[:, 0] * numbers[:, 1] + np.sin(2 * numbers[:, 2]) + 0.5 * (city == "Rome")
    frame = pd.DataFrame(numbers.round(4), columns=list("abcde")).mask(
        draw.random((n_rows, 5)) < 0.02
    )
    frame["city"] = city
    frame["bought"] = np.where(score + draw.normal(size=n_rows) > 0, "yes", "no")
    frame.to_csv(path, index=False)


def start(kind: str, table: Path, run: Path) -> subprocess.Popen[bytes]:
    """Train in a process of its own."""
    if kind != "table":
        verb, how = KINDS[kind]
        return _spawn(verb, str(table), *how, f"--output={run}")
    settings = [f"--set={key}={value}" for key, value in OPTIONS.items() if key != "model"]
    options = [
        "--target=bought",
        "--no-baselines",
        f"--output={run}",
        f"--model={OPTIONS['model']}",
    ]
    return _spawn("train", str(table), *options, *settings)


def resume(kind: str, run: Path) -> None:
    """Go on to the end.

    Raises:
        RuntimeError: It did not come to an end.
    """
    # A search that has not ended goes on as a search.
    verb = "tune" if kind == "tune" and (run / "tuning" / CONFIG).exists() else "train"
    process = _spawn(verb, "--resume", str(run))
    _, message = process.communicate()
    if process.returncode:
        raise RuntimeError(message.decode())


def _spawn(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*KERASNN, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def outcome(run: Path) -> dict[str, str]:
    """Hashes of what must be equal: all of the bundle but seconds, and the files beside it."""
    with zipfile.ZipFile(run / BUNDLE) as bundle:
        members = {name: bundle.read(name) for name in bundle.namelist()}
    # It holds nothing but the digests of the others.
    del members["manifest.json"]
    for name in [name for name in members if name.endswith(".json")]:
        plain = without_seconds(json.loads(members[name]))
        members[name] = json.dumps(plain, sort_keys=True).encode()
    # The folder of a run has another path than that of the other.
    contents = {k: v.replace(str(run).encode(), b"run") for k, v in members.items()}
    contents["history"] = (run / "history.csv").read_bytes()
    return {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}


def without_seconds(value: object) -> object:
    """The same without what a clock said; which epochs are probed is decided by one, too."""
    if isinstance(value, dict):
        return {k: without_seconds(v) for k, v in value.items() if k not in CLOCK}
    return [without_seconds(each) for each in value] if isinstance(value, list) else value


def wait(process: subprocess.Popen[bytes], reached: Callable[[], bool]) -> bool:
    """Wait until something is so; False if the process ended before."""
    while not reached():
        if process.poll() is not None:
            return False
        time.sleep(POLL_S)
    return process.poll() is None


def kill(process: subprocess.Popen[bytes], run: Path, *, after_s: float, in_save: bool) -> str:
    """Send SIGKILL some time after the run began, and in a save if wanted; returns when it was."""
    alive = wait(process, (run / CONFIG).exists)
    due = time.perf_counter() + after_s
    alive = alive and wait(process, lambda: time.perf_counter() >= due)
    if in_save:
        alive = alive and wait(process, lambda: _is_saving(run))
    process.kill()
    process.communicate()
    return _phase(run) if alive else TOO_LATE


def _is_saving(run: Path) -> bool:
    try:
        return any((run / CHECKPOINTS).glob("**/*.part*"))
    except OSError:  # renamed while the folder was read
        return False


def _phase(run: Path) -> str:
    """What a dead run was doing, by what it left."""
    if (run / BUNDLE).exists():
        return TOO_LATE
    if _is_saving(run):
        return "in a save"
    return "between saves" if any(run.glob(f"{CHECKPOINTS}/**/*.checkpoint")) else "before a save"


def measure(
    folder: Path, *, kind: str, kills: int, n_rows: int, seed: int
) -> tuple[int, dict[str, int]]:
    """How many killed runs ended equal, and when they were killed."""
    table, draw = folder / "table.csv", random.Random(seed)
    write = {"text": write_texts, "forecast": write_days}.get(kind, write_table)
    write(table, n_rows=n_rows)
    process = start(kind, table, folder / "whole")
    wait(process, (folder / "whole" / CONFIG).exists)
    began = time.perf_counter()
    wait(process, (folder / "whole" / BUNDLE).exists)
    lasted = time.perf_counter() - began
    _, message = process.communicate()
    if process.returncode:
        raise RuntimeError(message.decode())
    expected = outcome(folder / "whole")
    epochs = len((folder / "whole" / "history.csv").read_text().splitlines()) - 1
    print(f"{kind}, uninterrupted: {epochs} epochs, {lasted:.1f} s", flush=True)
    equal, phases, run = 0, collections.Counter[str](), folder / "killed"
    while phases.total() < kills:
        shutil.rmtree(run, ignore_errors=True)
        in_save = phases.total() % 5 == 4
        moment = draw.uniform(0, lasted * (0.4 if in_save else 1))
        phase = kill(start(kind, table, run), run, after_s=moment, in_save=in_save)
        if phase == TOO_LATE:
            continue
        resume(kind, run)
        phases[phase] += 1
        same = outcome(run) == expected
        equal += same
        print(
            f"{phases.total():3} {moment:6.2f} s {phase:16} {'equal' if same else 'DIFFERENT'}",
            flush=True,
        )
    return equal, dict(phases)


def main() -> int:
    """Print the count; 1 if any run differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=("table", *KINDS), action="append")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--compile", choices=("auto", "graph", "xla"), default="auto")
    chosen = parser.parse_args()
    OPTIONS["compile"] = chosen.compile
    differ = 0
    for kind in chosen.kind or ["table"]:
        with tempfile.TemporaryDirectory() as folder:
            options = {"kills": chosen.kills, "n_rows": chosen.rows, "seed": chosen.seed}
            equal, phases = measure(Path(folder), kind=kind, **options)
        print(f"{kind}: {equal} of {chosen.kills} equal bit for bit; killed {phases}", flush=True)
        differ += chosen.kills - equal
    return int(differ > 0)


if __name__ == "__main__":
    sys.exit(main())
