"""The folder of a run: what is in it, who may write to it, and how it is resumed.

::

    runs/adult-mlp-1/
      config.yaml      the complete configuration; `kerasnn train -c config.yaml` repeats the run
      model.kerasnn    the bundle
      scores.json      history.csv      predictions.csv (of the test rows)
      reference.npz    predictions on validation rows, baselines, hashes of the training rows
      holdout.parquet  split.csv.gz   raw rows that were not trained on; the part of each row
      report.html      checkpoints/      choice.json (why this model, if nobody named one)
      tuning.csv       tuning/  (of `kerasnn tune`: all trials, and what to go on from)
"""

from __future__ import annotations

import gzip
import json
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kerasnn.config.choice import Choice
from kerasnn.config.config import Config
from kerasnn.config.settings import of_run
from kerasnn.config.yaml_file import LARGEST as LARGEST_CONFIG
from kerasnn.config.yaml_file import with_value
from kerasnn.data.readers.parquet_cells import storable, to_parquet
from kerasnn.datasets.digests import can_be_read_again, hash_file, hash_files, hash_table
from kerasnn.datasets.tabular import Table, read_table
from kerasnn.errors import ConfigError, DataError, KerasnnWarning, ModelRefusedError
from kerasnn.files import locks, storage
from kerasnn.files.handles import kind_of
from kerasnn.files.json_values import loads, shown
from kerasnn.runs.reference import Reference
from kerasnn.training.checkpoints import Checkpoints, folder_of
from kerasnn.training.resume import check_fingerprint

if TYPE_CHECKING:
    from kerasnn.data.schema import Target
    from kerasnn.runs.tabular import Run

CONFIG, BUNDLE = "config.yaml", "model.kerasnn"
HOLDOUT, SPLIT = "holdout.parquet", "split.csv.gz"
CHOICE = "choice.json"
# To evaluate the run again; see `kerasnn.runs.reference`.
REFERENCE, MOST_REFERENCE = "reference.npz", 1 << 31
DIGEST = "data.sha256"
# Of a forecast: the candidates, and what the one that was chosen left over.
BACKTEST = "backtest.npz"
FILES = (
    CONFIG,
    DIGEST,
    CHOICE,
    REFERENCE,
    BACKTEST,
    BUNDLE,
    HOLDOUT,
    SPLIT,
    "scores.json",
    "history.csv",
    "predictions.csv",
    "report.html",
    # Of a search for hyper-parameters.
    "tuning.csv",
    "tuning/journal.jsonl",
    "tuning/config.yaml",
    "tuning/defaults.kerasnn",
)
# Written before the configuration, which is the sign that a run has begun.
EARLY = (BACKTEST, locks.LOCK_NAME)
_NAMES = frozenset(name.rpartition("/")[2] for name in FILES)
# What pyarrow and pandas raise for a damaged Parquet file, by the place of the damage.
_PARQUET_ERRORS = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    OSError,
    NotImplementedError,
)
# Of what is read again.
LARGEST_NOTE, LARGEST_TABLE = 2**20, 16 * 2**30
MOST_REASON = 500
PART_COLUMN = "kerasnn:part"
# What may differ when a run goes on: nothing of it changes what an epoch does.
_FREE = {
    "training": ("epochs", "pretrained"),
    "run": ("output", "time_limit_s", "baselines", "tensorboard", "threshold"),
    "data": ("source", "validation", "test", "columns", "task"),
    # What it prescribes stands among the other values.
    "model": ("profile",),
}


@dataclass(frozen=True)
class RunFolder:
    """Reads and writes the files of a run."""

    path: Path

    @property
    def checkpoints(self) -> Checkpoints:
        """The state to resume from."""
        return Checkpoints(self.path / "checkpoints", run=self.path)

    def locked(self) -> AbstractContextManager[None]:
        """Be the only run that writes here."""
        return locks.lock_folder(self.path, is_ours=is_ours)

    def check(self, fingerprint: dict[str, Any]) -> None:
        """Raise if the checkpoints are of other circumstances, before anything is written.

        Raises:
            ConfigError: Say which differ.
            ModelRefusedError: No checkpoint is intact.
        """
        _check(self.checkpoints, fingerprint)
        if self.checkpoints.of_member(folder_of(1)).exist():
            hint = "set `run.ensemble` as it was, or start a new run"
            raise ConfigError("the run has trained networks to average", hint=hint)

    def trained(self, epochs: Sequence[int]) -> tuple[float, bool]:
        """Seconds of training so far, and whether nothing is left to train.

        Args:
            epochs: Number of epochs that each network is to have now.
        """
        seconds, ended = 0.0, []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", KerasnnWarning)
            stored = (self.checkpoints, *self.checkpoints.members())
            found = [each for each in (one.load() for one in stored) if each]
        for each, wanted in zip(found, epochs, strict=False):
            progress = each.metadata["progress"]
            seconds += float(progress["seconds"])
            goes_on = progress["stopped"] in ("", "interrupted", "time limit")
            ended.append(not goes_on and each.metadata["epochs"] == wanted)
        return seconds, len(ended) == len(epochs) and all(ended)

    def check_members(self, fingerprints: Sequence[dict[str, Any]]) -> None:
        """Check the networks that are averaged; there may be more of them than before."""
        if self.checkpoints.exist():
            hint = "set `run.ensemble` to 1, or start a new run"
            raise ConfigError("the run has trained one network", hint=hint)
        for number, fingerprint in enumerate(fingerprints, start=1):
            _check(self.checkpoints.of_member(folder_of(number)), fingerprint)

    def write(self, name: str, content: bytes) -> None:
        """Write one of the files, at once or not at all."""
        storage.write_atomically(self.path / name, content, below=self.path)

    def read(self, name: str, *, most: int = LARGEST_NOTE) -> bytes | None:
        """The content of a file; None if it is not there.

        Raises:
            ModelRefusedError: It is no regular file, or has more bytes than ``most``.
        """
        try:
            return storage.read_file(self.path / name, most=most, below=self.path)
        except FileNotFoundError:
            return None

    def write_config(self, config: Config) -> None:
        """Write the configuration, and what tells whether the data are still the same."""
        self.write(CONFIG, config.to_text().encode())
        data = config.to_dict()["data"]
        if can_be_read_again(data) and not kind_of(self.path / DIGEST):
            self.write(DIGEST, hash_files(data).encode())

    def begin(self, config: Config, table: Table) -> None:
        """Write what is known before the training."""
        self.write_config(config)
        if config.choice:
            self.write(CHOICE, json.dumps(config.choice.to_dict()).encode())
        parts = np.full(len(table.source.frame), "train", dtype=object)
        parts[table.splits.validation] = "validation"
        parts[table.splits.test] = "test"
        rows = pd.DataFrame({"row": np.arange(len(parts)), "part": parts}).to_csv(index=False)
        self.write(SPLIT, gzip.compress(rows.encode(), mtime=0))
        held = np.sort(np.concatenate([table.splits.validation, table.splits.test]))
        frame = table.source.frame.iloc[held].assign(**{PART_COLUMN: parts[held]})
        for name in frame.columns:
            frame[name] = storable(frame[name])
        frame.attrs = {}
        self.write(HOLDOUT, to_parquet(frame))

    def recall_choice(self, config: Config) -> Config:
        """The configuration with the reason for the model of the run, which now is a named one."""
        content = self.read(CHOICE)
        if content is None:
            return config
        try:
            data = loads(content, location=CHOICE)
            found = Choice.from_dict({**data, "reason": shown(data["reason"], limit=MOST_REASON)})
        except (ValueError, LookupError, TypeError, AttributeError):
            # No more than a sentence is lost.
            return config
        return replace(config, choice=found) if found.model == config.model.name else config

    def finish(self, run: Run, config: Config, history: Sequence[Mapping[str, Any]]) -> None:
        """Write what came out; the bundle last, as the sign that the rest is there."""
        self.write_config(config)
        epochs = pd.DataFrame(list(history))
        self.write("history.csv", epochs.to_csv(index=False).encode())
        self._write_scores(run)
        if run.reference:
            self.write(REFERENCE, run.reference.to_bytes())
        self._write_predictions(run)
        run.bundle.save(self.path / BUNDLE)

    def replace_decision(self, run: Run, rule: str) -> None:
        """Write what another decision threshold changes, the bundle last.

        Args:
            run: Run with this threshold.
            rule: Rule by which it was chosen.

        Raises:
            ModelRefusedError: The configuration is damaged; nothing was written.
        """
        try:
            text = (self.read(CONFIG, most=LARGEST_CONFIG) or b"").decode()
        except UnicodeDecodeError:
            location, hint = str(self.path / CONFIG), "score without keeping the threshold"
            raise ModelRefusedError(
                f"{CONFIG} is not UTF-8 text", location=location, hint=hint
            ) from None
        self.write(CONFIG, with_value(text, "run.threshold", rule, origin="argument").encode())
        self._write_scores(run)
        self._write_predictions(run)
        run.bundle.save(self.path / BUNDLE)

    def _write_scores(self, run: Run) -> None:
        if run.scores:
            text = json.dumps(run.scores.to_dict(), indent=2, ensure_ascii=False)
            self.write("scores.json", text.encode())

    def _write_predictions(self, run: Run) -> None:
        try:
            frame = run.holdout("test")
        except DataError:
            return
        if len(frame):
            table = run.predictor.predict(frame)
            table.insert(0, "truth", frame[run.predictor.preprocessor.schema.target.name])
            self.write("predictions.csv", table.to_csv(index=False).encode())

    def read_reference(self, target: Target) -> Reference | None:
        """What the run keeps for its evaluation; None if it keeps nothing.

        Raises:
            ModelRefusedError: It is damaged.
        """
        content = self.read(REFERENCE, most=MOST_REFERENCE)
        return None if content is None else Reference.from_bytes(content, target)

    def has_trained_on(self, path: str | os.PathLike[str], config: Mapping[str, Any]) -> bool:
        """Whether the run was trained on a file of this content."""
        try:
            digest = hash_files({**config["data"], "source": os.fspath(path)})
            return digest.encode() == self.read(DIGEST)
        except (OSError, KeyError, ValueError):
            return False

    def read_holdout(self) -> dict[str, pd.DataFrame]:
        """Raw rows of the validation and the test part, as far as the folder has them."""
        frame = self.read_holdout_frame()
        if frame is None:
            return {}
        parts = frame.pop(PART_COLUMN)
        return {
            name: frame[parts == name].reset_index(drop=True) for name in ("validation", "test")
        }

    def read_train(
        self, config: Mapping[str, Any], parts: Sequence[str] = ("train",)
    ) -> pd.DataFrame | None:
        """The rows of parts from where they were read; None if they can't be had any more."""
        try:
            data = config["data"]
            if not can_be_read_again(data) or hash_files(data).encode() != self.read(DIGEST):
                return None
            with warnings.catch_warnings():
                # The training told already.
                warnings.simplefilter("ignore", KerasnnWarning)
                table, _ = read_table(of_run(self.path / CONFIG), {})
        except (OSError, ValueError, LookupError, TypeError):
            return None
        return table.rows(*parts)

    def read_holdout_frame(self) -> pd.DataFrame | None:
        """All rows that were held back, as they were written; None where there are none.

        Raises:
            ModelRefusedError: The file is damaged.
        """
        path = self.path / HOLDOUT
        try:
            with storage.open_file(path, below=self.path, most=LARGEST_TABLE) as file:
                frame = pd.read_parquet(file)
        except FileNotFoundError:
            return None
        except ModelRefusedError:
            raise
        except _PARQUET_ERRORS:
            frame = pd.DataFrame()
        if PART_COLUMN not in frame.columns:
            hint = "evaluate with a table, or train again"
            raise ModelRefusedError("it is damaged", location=str(path), hint=hint)
        return frame

    def fingerprint(self, config: Config, table: Table) -> dict[str, Any]:
        """What must be equal for a resumed run to end with the same bits."""
        return self.fingerprint_of_digest(config, hash_table(table))

    def fingerprint_of_digest(self, config: Config, digest: str) -> dict[str, Any]:
        """What `fingerprint` returns, for data whose digest is known."""
        import keras
        import tensorflow as tf

        values = config.to_dict()
        kept: dict[str, Any] = {
            f"{section}.{name}": json.loads(json.dumps(value))
            for section, items in values.items()
            for name, value in items.items()
            if name not in _FREE.get(section, ())
        }
        return kept | {
            "the data": digest,
            "the pretrained weights": hash_file(config.training.pretrained),
            "keras": keras.__version__,
            "tensorflow": tf.__version__,
            "numpy": np.__version__,
            "python": f"{sys.version_info.major}.{sys.version_info.minor}",
            "the number of processors": os.cpu_count(),
            "the number of threads": tf.config.threading.get_intra_op_parallelism_threads(),
        }


def is_ours(name: str) -> bool:
    """Whether a run writes files of that name into its folder."""
    return name in _NAMES


def _check(checkpoints: Checkpoints, fingerprint: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        # Of a damaged one the training itself will tell.
        warnings.simplefilter("ignore", KerasnnWarning)
        found = checkpoints.load()
    if found is None:
        return
    before = found.metadata["fingerprint"]
    if not fingerprint["training.learning_rate"]:
        # It is found again before it is compared.
        fingerprint = {**fingerprint, "training.learning_rate": before["training.learning_rate"]}
    check_fingerprint(before, fingerprint)


def write_report(
    report_data: Mapping[str, Any],
    output: str | os.PathLike[str] | None,
    *,
    folder: Path | None,
    force: bool,
) -> Path:
    """Write the page of a run; returns where.

    Args:
        report_data: Data that the page is drawn from.
        output: File; that of the folder if None, which is replaced.
        folder: Folder of the run.
        force: Replace another file.

    Raises:
        ConfigError: The file exists.
        ModelRefusedError: The page can't be drawn from what was stored.
    """
    from jinja2 import TemplateError

    from kerasnn.report import render

    path = Path(output) if output is not None else (folder or Path()) / "report.html"
    storage.check_output(path, force=force or output is None)
    try:
        page = render(dict(report_data)).encode()
    except (
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        ArithmeticError,
        TemplateError,
    ) as e:
        problem = f"the report can't be drawn from what was stored ({type(e).__name__})"
        raise ModelRefusedError(problem, hint="get the model again, or train it again") from e
    storage.write_atomically(path, page)
    return path
