"""One changed bundle or run after the other: what kerasnn makes of it."""

from __future__ import annotations

import io
import shutil
import threading
import time
import traceback
import warnings
import zipfile
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import keras
import numpy as np
import pandas as pd
from fuzz import mutations, samples

import kerasnn
import kerasnn.forecasting.forecaster
from kerasnn import models
from kerasnn.bundle import ForecastBundle, open_bundle, summary
from kerasnn.bundle.members import BUNDLE_NAME, LIMITS
from kerasnn.errors import KerasnnError
from kerasnn.inference import batched_model
from kerasnn.runs.comparison_table import read_scores, side_by_side

# Seconds of all cores that a case may take.
LONGEST = 20.0
RUN = "run"
SHARE_OF_RUNS, SHARE_RAW, SHARE_MANIFEST = 0.12, 0.2, 0.03
# Of the cases that are runs: whose files change places with links and pipes, and which go on, are
# evaluated or reported. To go on takes the longest.
SHARE_NODES = 0.2
DEEDS, OFTEN = ("report", "evaluate", "scores", "go on"), (4, 3, 2, 2)

# What each reads; to go on, checkpoints too.
READ_BY = {
    "report": (BUNDLE_NAME, "config.yaml"),
    "evaluate": (
        *("holdout.parquet", "reference.npz", "config.yaml", "data.sha256", "split.csv.gz"),
        *("scores.json", "predictions.csv", "history.csv", BUNDLE_NAME),
    ),
    "scores": ("scores.json",),
    "go on": ("config.yaml", "choice.json", "data.sha256", "holdout.parquet"),
}


@dataclass(frozen=True)
class Outcome:
    """What came of a case.

    Args:
        case: Number of the case.
        kind: ``refused``, ``loaded``, ``unexpected``, ``not finite`` or ``hang``.
        what: Sample and change, and the message.
    """

    case: int
    kind: str
    what: str


class Cases:
    """Makes and runs the cases of a seed.

    Networks of equal descriptions are built and traced once. What is in them is given to them by
    each load, and each load checks all that it checks otherwise.

    Args:
        seed: Seed of all cases.
        folder: Empty folder for what is written.
    """

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed, self.folder = seed, folder
        self.samples = {name: samples.make(name) for name in samples.names()}
        self._networks: dict[Any, keras.Model] = {}
        self._forwards: dict[Any, Any] = {}
        self._run = self._make_run()

    def run(self, case: int) -> Outcome:
        """Run one case; equal each time."""
        random = Random(f"{self.seed}:{case}")
        began = time.process_time()
        with (
            warnings.catch_warnings(),
            redirect_stdout(io.StringIO()),
            redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            what, action = self._action(random)
            kind, message = _tried(action)
        if time.process_time() - began > LONGEST:
            kind = "hang"
        return Outcome(case, kind, f"{what}: {message}")

    def _action(self, random: Random) -> tuple[str, Any]:
        name = random.choice(list(self.samples))
        sample = self.samples[name]
        if random.random() < SHARE_OF_RUNS:
            what = self._change_run(random)
            return what, self._open_run
        other = self.samples[random.choice(list(self.samples))].members
        part = random.random()
        if part < SHARE_RAW:
            what = "bytes"
            content = mutations.raw(
                random, mutations.bytes_of(sample.members), mutations.bytes_of(other)
            )
        elif part < SHARE_RAW + SHARE_MANIFEST:
            what, content = "manifest", mutations.manifest(random, sample.members)
        else:
            changed, what = mutations.structured(random, sample.members, other)
            content = mutations.bytes_of(changed)
        path = self.folder / "model.kerasnn"
        path.write_bytes(content)
        return f"{name}, {what}", lambda: self._open(path, sample.rows)

    def _open(self, path: Path, rows: pd.DataFrame) -> pd.DataFrame:
        summary(path)
        with _Cached(self._networks, self._forwards):
            bundle = open_bundle(path)
            if isinstance(bundle, ForecastBundle):
                return bundle.forecaster.predict(rows)
            return bundle.predictor.predict(rows)

    def _make_run(self) -> Path:
        folder = self.folder / "original"
        folder.mkdir()
        samples.table("binary").to_csv(folder / "data.csv", index=False)
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            kerasnn.train(
                folder / "data.csv",
                target="target",
                model="mlp",
                baselines=False,
                set={"epochs": 2, "width": 4, "depth": 1},
                output=folder / RUN,
            )
        return folder / RUN

    def _change_run(self, random: Random) -> str:
        copy = self.folder / RUN
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self._run, copy)
        (deed,) = random.choices(DEEDS, OFTEN)
        files = sorted(p for p in copy.rglob("*") if p.is_file() and p.name in READ_BY[deed])
        if deed == "go on":
            files += sorted(copy.rglob("*.checkpoint"))
        path = random.choice(files)
        self._deed, self._outside = deed, None
        if random.random() < SHARE_NODES:
            self._outside = self.folder / "outside"
            shutil.rmtree(self._outside, ignore_errors=True)
            self._outside.mkdir()
            what = mutations.node(random, path, self._outside)
            self._before = _listing(self._outside)
            return f"run, {deed}, {path.name} becomes {what}"
        if path.name == BUNDLE_NAME:
            # Whose checksums are right, so that it is looked into.
            with zipfile.ZipFile(path) as archive:
                members = {name: archive.read(name) for name in LIMITS}
            changed, what = mutations.structured(random, members, members)
            path.write_bytes(mutations.bytes_of(changed))
            return f"run, {deed}, {path.name}, {what}"
        path.write_bytes(mutations.of_run(random, path.name, path.read_bytes()))
        return f"run, {deed}, {path.name}"

    def _open_run(self) -> pd.DataFrame:
        try:
            return self._use_run()
        finally:
            if self._outside is not None and _listing(self._outside) != self._before:
                raise AssertionError("something outside of the run was changed")

    def _use_run(self) -> pd.DataFrame:
        copy = self.folder / RUN
        if self._deed == "scores":
            scores = read_scores(copy)
            side_by_side({"run": scores})
            scores.table()
            return pd.DataFrame()
        if self._deed == "go on":
            how: dict[str, Any] = {"run.time_limit_s": 2, "run.baselines": False}
            run: Any = kerasnn.train(resume=copy, set=how, progress=False)
            run.report(copy / "again.html", force=True)
        else:
            with _Cached(self._networks, self._forwards):
                run = kerasnn.load(copy)
                repr(run)
                if self._deed == "evaluate":
                    run.evaluate(threshold="f1", save=True).table()
                else:
                    run.report(copy / "again.html", force=True)
                    run.summary()
        found: pd.DataFrame = run.predict(samples.table("binary").head(3))
        return found


def _listing(folder: Path) -> list[tuple[str, bytes]]:
    """Names and contents of what is in a folder."""
    return sorted(
        (str(p.relative_to(folder)), p.read_bytes() if p.is_file() else b"")
        for p in folder.rglob("*")
    )


def _tried(action: Any) -> tuple[str, str]:
    try:
        found = action()
    except KerasnnError as error:
        text = str(error)
        if text.isprintable() and len(text) < 2_000:
            return "refused", text
        return "unexpected", f"not one line: {text[:300]!r}"
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        own = [
            f
            for f in traceback.extract_tb(error.__traceback__)
            if "kerasnn" in f.filename or "/models/" in f.filename
        ]
        last = own[-1] if own else where
        location = f"{Path(last.filename).name}:{last.lineno} {last.name}"
        return "unexpected", f"{type(error).__name__} at {location}: {str(error)[:300]!r}"
    numbers = found.select_dtypes("number").to_numpy(dtype="float64")
    if not np.isfinite(numbers).all():
        return "not finite", "predictions"
    return "loaded", f"{len(found)} rows"


class _Cached:
    """Builds and traces networks once for each description, as long as it is entered."""

    def __init__(self, networks: dict[Any, Any], forwards: dict[Any, Any]) -> None:
        self.networks, self.forwards = networks, forwards

    def __enter__(self) -> None:
        self.before = models.build, batched_model.BatchedModel
        build, made = self.before

        def build_once(name: str, signature: Any, **values: Any) -> keras.Model:
            # The first, symbolic network is built in a thread of its own.
            is_main = threading.current_thread() is threading.main_thread()
            key = name, signature, tuple(sorted(values.items())), is_main
            if key not in self.networks:
                # The members of a network become parts of it.
                with patch.object(models, "build", build):
                    self.networks[key] = build(name, signature, **values)
            return self.networks[key]

        def trace_once(network: keras.Model, **values: Any) -> Any:
            key = id(network), tuple(sorted(values.items()))
            if key not in self.forwards:
                self.forwards[key] = made(network, **values)
            return self.forwards[key]

        self._set(build_once, trace_once)

    def __exit__(self, *_: object) -> None:
        self._set(*self.before)

    def _set(self, build: Any, trace: Any) -> None:
        models.build, batched_model.BatchedModel = build, trace
        kerasnn.forecasting.forecaster.BatchedModel = trace
