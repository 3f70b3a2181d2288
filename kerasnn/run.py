"""Train on a table, and what can be done with the result.

>>> import kerasnn
>>> run = kerasnn.train("adult.csv", target="income")  # doctest: +SKIP
>>> run.evaluate(), run.predict("new.csv"), run.export("onnx")  # doctest: +SKIP
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kerasnn import data as tables
from kerasnn import folder as run_folder
from kerasnn.bundle import Bundle
from kerasnn.config import Config, Settings, collect
from kerasnn.data.frames import place, with_origin
from kerasnn.data.labels import is_missing
from kerasnn.errors import (
    ConfigError,
    DataError,
    KerasnnWarning,
    ModelRefusedError,
    UnknownNameError,
    warn,
)
from kerasnn.evaluation import story as stories
from kerasnn.evaluation.baselines import Baseline, baselines
from kerasnn.evaluation.calibration import Costs
from kerasnn.evaluation.importance import importance
from kerasnn.evaluation.predictions import Predictions
from kerasnn.evaluation.scores import Scores, score
from kerasnn.evaluation.slices import slices
from kerasnn.folder import RunFolder
from kerasnn.learning import (
    Learned,
    Lesson,
    Table,
    choose_threshold,
    learn,
    prepare,
)
from kerasnn.predictor import Decision, Predictor
from kerasnn.schema import Schema, infer
from kerasnn.splits import Parts, drop_unlabelled, split
from kerasnn.training.logs import check_installed

if TYPE_CHECKING:
    from kerasnn.exporting import ExportResult
    from kerasnn.training.fitting import Watcher

EXPORT_SAMPLE = 1000


@dataclass(frozen=True)
class PredictedFile:
    """What `Run.predict_file` did.

    Args:
        n_rows: Rows read and written.
        unseen: By column, cells with a category that training did not know.
    """

    n_rows: int
    unseen: dict[str, int]


@dataclass
class Run:
    """A trained network with everything that belongs to it.

    Args:
        bundle: What is needed to predict, and the story of the training.
        scores: On the test rows; None where there were none.
        folder: Where it is kept; None for one in memory.
        stopped: Why the training ended.
    """

    bundle: Bundle
    scores: Scores | None = None
    folder: Path | None = None
    stopped: str = ""
    _held_back: dict[str, pd.DataFrame] = field(default_factory=dict, repr=False)

    @property
    def predictor(self) -> Predictor:
        """Turns raw rows into predictions."""
        return self.bundle.predictor

    @property
    def interrupted(self) -> bool:
        """Whether the training was stopped by hand, and can go on."""
        return self.stopped == "interrupted"

    def held_back(self, part: str) -> pd.DataFrame:
        """Raw rows of the ``validation`` or ``test`` part.

        Raises:
            DataError: They are not there.
        """
        if part not in self._held_back and self.folder:
            self._held_back |= RunFolder(self.folder).read_held_back()
        if part not in self._held_back or not len(self._held_back[part]):
            raise DataError(f"the run has no {part} rows", fix="give a table with the target")
        return self._held_back[part]

    def evaluate(
        self,
        data: Any = None,
        *,
        by: str | None = None,
        costs: Costs | None = None,
        threshold: str | float | None = None,
        encoding: str | None = None,
        delimiter: str | None = None,
    ) -> Scores:
        """Score the held-back test rows, or other labelled rows.

        Args:
            data: A table with the target; None for the test rows of the run.
            by: Column whose values are scored apart.
            costs: Choose the decision threshold by what errors cost, on the validation rows.
            threshold: ``f1`` or a number in [0, 1], likewise.
            encoding: Of a text file; None for that of the training.
            delimiter: Likewise.

        Raises:
            DataError: The table lacks columns or the target, or holds unknown labels.
            ConfigError: The threshold does not fit the task.
        """
        predictor = self._with_threshold(costs, threshold)
        frame = self.held_back("test")
        if data is not None:
            frame = self._labelled(data, self._format(encoding, delimiter))
        if by is not None and by not in frame.columns:
            raise UnknownNameError("column", by, list(map(str, frame.columns)))
        known = self.scores if data is None and predictor is self.predictor else None
        if known and by is None:
            return known
        predictions = predict_labelled(predictor, frame)
        scored = known or score(predictions, self._baselines(frame), seed=self._seed)
        if by is None:
            return scored
        described = {column.name: column for column in predictor.preprocessor.schema.columns}
        return scored.with_slices(
            slices(predictions, frame[by], column=described.get(by), seed=self._seed)
        )

    def predict(
        self, data: Any, *, encoding: str | None = None, delimiter: str | None = None
    ) -> pd.DataFrame:
        """Predict raw rows: column ``prediction``, and for classes ``probability:<class>`` each.

        Args:
            data: A table as a path, a DataFrame or a dict of arrays; the target is not needed.
            encoding: Of a text file; None for that of the training.
            delimiter: Likewise.

        Returns:
            One row for each row given, in its order; a DataFrame's own index is kept.
        """
        form = self._format(encoding, delimiter)
        pieces = list(self._predicted(tables.read_chunks(data, **form, allow_empty=True)))
        result = pd.concat(pieces, ignore_index=True)
        return result.set_axis(data.index) if isinstance(data, pd.DataFrame) else result

    def predict_file(
        self,
        data: Any,
        output: str | os.PathLike[str] = "-",
        *,
        encoding: str | None = None,
        delimiter: str | None = None,
        force: bool = False,
    ) -> PredictedFile:
        """Predict a table in pieces of bounded memory into a CSV file.

        Args:
            data: As for `predict`.
            output: File, or ``-`` for standard output.
            encoding: Of a text file; None for that of the training.
            delimiter: Likewise.
            force: Replace the file.

        Raises:
            ConfigError: The file exists.
        """
        from kerasnn.data.writing import csv_writer

        unseen: dict[str, int] = {}
        n_rows = 0
        with csv_writer(output, force=force) as write:
            form = self._format(encoding, delimiter)
            chunks = tables.read_chunks(data, **form, allow_empty=True)
            for piece in self._predicted(chunks, unseen):
                write(piece)
                n_rows += len(piece)
        return PredictedFile(n_rows, unseen)

    def export(
        self,
        format: str,
        output: str | os.PathLike[str] | None = None,
        *,
        force: bool = False,
    ) -> ExportResult:
        """Write the network with its preprocessing for another runtime, and verify it there.

        Args:
            format: ``keras``, ``saved_model``, ``onnx`` or ``litert``.
            output: Where it goes; into the run's folder if None.
            force: Replace what is there.
        """
        from kerasnn import exporting

        if output is None:
            output = (self.folder or Path()) / exporting.default_name(format)
        sample = None
        if self.folder or self._held_back:
            part = "test" if self.scores else "validation"
            sample = self.held_back(part).head(EXPORT_SAMPLE)
        return exporting.export(self.predictor, output, format=format, sample=sample, force=force)

    def report(self, output: str | os.PathLike[str] | None = None, *, force: bool = False) -> Path:
        """Write the report as one page for a browser; returns where.

        Args:
            output: File; the run's own if None, which is replaced.
            force: Replace another file.

        Raises:
            ConfigError: The file exists.
            DataError: The model is an estimator's, which tells no story.
        """
        from kerasnn.evaluation.report import render
        from kerasnn.storage import write_atomically

        if "version" not in self.bundle.report:
            raise DataError("the model has no report", fix="train it with `kerasnn.train`")
        path = Path(output) if output is not None else (self.folder or Path()) / "report.html"
        if output is not None and path.exists() and not force:
            fix = "choose another name, or force its replacement"
            raise ConfigError(f"'{path}' exists", fix=fix)
        write_atomically(path, render(dict(self.bundle.report)).encode())
        return path

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the bundle alone: enough to predict, export and report."""
        self.bundle.save(path)

    def summary(self) -> str:
        """What the data were, what was trained and what came out, for the terminal."""
        story = self.bundle.report
        lines = [_of_data(story), _of_columns(self.predictor.preprocessor.schema)]
        lines += [_of_training(story, self.predictor.network.count_params())]
        if self.scores:
            lines += ["", self.scores.table()]
        if self.folder:
            lines += ["", f"Saved in {self.folder}; look at {self.folder / 'report.html'}"]
        if self.interrupted:
            lines += ["The training was interrupted; this is its best epoch so far."]
        return "\n".join(lines)

    @property
    def _seed(self) -> int:
        return int(self.bundle.config["run"]["seed"])

    def _labelled(self, data: Any, form: Mapping[str, Any]) -> pd.DataFrame:
        examples = tables.read(data, **form)
        return drop_unlabelled(examples, self.predictor.preprocessor.schema.target.name).frame

    def _with_threshold(self, costs: Costs | None, threshold: str | float | None) -> Predictor:
        if costs is None and threshold is None:
            return self.predictor
        rule = f"fp={costs.fp},fn={costs.fn}" if costs else str(threshold)
        likely, truth = np.full((1, self._n_classes), 0.5), np.zeros(1, int)
        if costs or threshold == "f1":
            validation = self.held_back("validation")
            likely = self.predictor.scores(validation)
            truth = self.predictor.preprocessor.target(validation)
        value = choose_threshold(rule, likely, truth)
        decision = Decision(self.predictor.decision.temperature, value)
        return self.predictor.with_decision(decision)

    @property
    def _n_classes(self) -> int:
        return len(self.predictor.preprocessor.schema.target.classes)

    def _baselines(self, frame: pd.DataFrame) -> Sequence[Baseline]:
        """Fitted again, if the training rows can still be had."""
        train = self._held_back.get("train")
        if train is None and self.folder:
            train = RunFolder(self.folder).read_train(self.bundle.config)
        if train is None or not self.bundle.config["run"]["baselines"]:
            return ()
        return baselines(self.predictor.preprocessor, train, frame, seed=self._seed)

    def _predicted(
        self, chunks: Iterator[pd.DataFrame], unseen: dict[str, int] | None = None
    ) -> Iterator[pd.DataFrame]:
        """Predictions of each chunk; afterwards, a warning of what training never saw."""
        unseen = {} if unseen is None else unseen
        imputed: dict[str, int] = {}
        for number, chunk in enumerate(chunks):
            if not number:
                self._note_extra(chunk)
            done = self.predictor.predict_and_count(chunk)
            _add(unseen, done.unseen)
            _add(imputed, done.imputed)
            yield done.table
        for column, count in unseen.items():
            warn(
                f"{_cells(count, 'hold')} a category that training did not know",
                place=f"column '{column}'",
                fix="predicted as unknown",
            )
        for column, count in imputed.items():
            warn(
                f"{_cells(count, 'are')} missing where training had none",
                place=f"column '{column}'",
                fix="filled in",
            )

    def _note_extra(self, frame: pd.DataFrame) -> None:
        """Warn of columns that are neither used nor known from the training."""
        schema = self.predictor.preprocessor.schema
        known = {schema.target.name, *(column.name for column in schema.columns)}
        extra = [f"'{name}'" for name in frame.columns if name not in known]
        if extra:
            listed = ", ".join(extra[:5]) + (", …" if len(extra) > 5 else "")
            what = f"columns that training did not have are ignored: {listed}"
            warn(what, place=place(frame) or None)

    def _format(self, encoding: str | None, delimiter: str | None) -> dict[str, Any]:
        """How text files are read: as is said now, else as in the training."""
        known = self.bundle.config.get("data", {})
        return {
            "encoding": encoding or str(known.get("encoding") or "utf-8"),
            "delimiter": delimiter or known.get("delimiter"),
        }


def _cells(count: int, verb: str) -> str:
    """Some cells do, or one does.

    >>> _cells(2, "are"), _cells(1, "hold")
    ('2 cells are', '1 cell holds')
    """
    return (
        f"{count:,} cells {verb}" if count > 1 else f"1 cell {'is' if verb == 'are' else 'holds'}"
    )


def _of_data(story: Mapping[str, Any]) -> str:
    counts = story["data"]["n_rows"]
    parts = ", ".join(f"{n_rows:,} {name}" for name, n_rows in counts.items() if n_rows)
    return f"rows      {sum(counts.values()):,} of {story['data']['origin']}: {parts}"


def _of_columns(schema: Schema) -> str:
    """How many columns of each kind are used, and which are not."""
    plural = {"number": "numbers", "category": "categories", "boolean": "booleans", "date": "dates"}
    counts = {kind: sum(c.kind == kind for c in schema.features) for kind in plural}
    used = ", ".join(
        f"{count} {plural[kind] if count > 1 else kind}" for kind, count in counts.items() if count
    )
    left_out = [f"{c.name} ({c.kind})" for c in schema.columns if not c.used]
    target = f"{schema.target.name}, {schema.target.task}"
    if schema.target.classes:
        target += f" of {len(schema.target.classes)} classes"
    unused = f"; left out: {', '.join(left_out)}" if left_out else ""
    return f"columns   {used}{unused}\ntarget    {target}"


def _of_training(story: Mapping[str, Any], parameters: int) -> str:
    training = story["training"]
    return (
        f"network   {story['model']}, {parameters:,} parameters; best epoch "
        f"{training['best_epoch']} of {training['n_epochs']} ({story['stopped']}), "
        f"{story['seconds']:.0f} s in all"
    )


def _add(totals: dict[str, int], counts: dict[str, int]) -> None:
    for name, count in counts.items():
        totals[name] = totals.get(name, 0) + count


def predict_labelled(predictor: Predictor, frame: pd.DataFrame) -> Predictions:
    """Predictions of labelled raw rows, beside the truth in the target's unit."""
    target = predictor.preprocessor.schema.target
    truth = predictor.preprocessor.target(frame)
    if target.task == "regression":
        truth = predictor.preprocessor.coder.values(frame[target.name])
    return Predictions.from_scores(
        target.task,
        target.classes,
        truth=truth,
        scores=predictor.scores(frame),
        threshold=predictor.decision.threshold,
    )


def load(path: str | os.PathLike[str]) -> Run:
    """Open a run by its folder or its bundle.

    Raises:
        ModelRefusedError: The bundle is damaged, hostile or too new.
    """
    bundle = Bundle.load(path)
    folder = Path(path) if Path(path).is_dir() else None
    stopped = str(bundle.report.get("stopped", ""))
    try:
        # An estimator has no scores: scikit-learn has held its test rows back.
        scores = Scores.from_dict(bundle.report["scores"]) if "scores" in bundle.report else None
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ModelRefusedError("the scores in the bundle are damaged", place=str(path)) from None
    return Run(bundle, scores, folder, stopped)


def train(
    data: Any = None,
    *,
    target: str | None = None,
    validation: Any = None,
    test: Any = None,
    task: str | None = None,
    model: str | None = None,
    columns: Mapping[str, str] | None = None,
    drop: Sequence[str] | None = None,
    split: str | None = None,
    set: Mapping[str, Any] | None = None,
    config: str | os.PathLike[str] | Mapping[str, Any] | Settings | None = None,
    output: str | os.PathLike[str] | None = None,
    force: bool = False,
    resume: str | os.PathLike[str] | None = None,
    seed: int | None = None,
    time_limit_s: float | None = None,
    baselines: bool | None = None,
    tensorboard: bool | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    progress: bool = False,
) -> Run:
    """Train a network on a table, and score it on rows that it has not seen.

    Args:
        data: Path, ``-``, DataFrame or dict of arrays.
        target: Column to be predicted.
        validation: Table of rows that pick the best epoch, in place of a share of ``data``.
        test: Table of rows for the scores, likewise.
        task: ``binary``, ``multiclass`` or ``regression``; inferred if None.
        model: A name of `kerasnn.models.names`.
        columns: Kinds of columns, by name, where the inferred one is wrong.
        drop: Columns to leave out.
        split: ``random``, ``stratified``, or ``group:COLUMN``, ``time:COLUMN``, ``column:COLUMN``.
        set: Hyper-parameters and any other key of the configuration, bare or dotted.
        config: A configuration to start from.
        output: Folder of the run. If None, a path makes a new one in ``runs/``; a table in
            memory makes none, and the run is in memory.
        force: Replace a run that is in the folder.
        resume: Folder of a run that was stopped, or that is to have more epochs.
        seed: Of everything random, 0 to 2³² − 1.
        time_limit_s: Seconds of training at most.
        baselines: Whether simple models are scored on the same rows.
        tensorboard: Whether logs for TensorBoard are written.
        encoding: Of text files.
        delimiter: Of text files.
        progress: Whether a progress bar is shown.

    Raises:
        DataError: The table can't be learned from.
        ConfigError: An argument is wrong.
        StorageError: The folder can't be written; this is found out before the training.
    """
    kind, _, column = (split or "").partition(":")
    settings = collect(
        {
            "data.source": data if isinstance(data, str | os.PathLike) else None,
            "data.validation": validation if isinstance(validation, str | os.PathLike) else None,
            "data.test": test if isinstance(test, str | os.PathLike) else None,
            "data.target": target,
            "data.task": task,
            "data.columns": columns,
            "data.drop": drop,
            "data.encoding": encoding,
            "data.delimiter": delimiter,
            "model.name": model,
            "split.kind": kind or None,
            "split.column": column or None,
            "run.output": output,
            "run.seed": seed,
            "run.time_limit_s": time_limit_s,
            "run.baselines": baselines,
            "run.tensorboard": tensorboard,
        },
        set=set,
        config=run_folder.resumed_settings(resume, config) if resume is not None else config,
    )
    started = time.perf_counter()
    sources = {"data": data, "validation": validation, "test": test}
    with _noting_warnings() as noted:
        table, chosen = read_table(settings, sources)
        if chosen.run.tensorboard:
            check_installed()
        folder = run_folder.open_folder(chosen, table, resume=resume, force=force)
        with folder.locked() if folder else ExitStack():
            return _run(table, chosen, folder, noted, progress=progress, started=started)


def read_table(settings: Settings, sources: Mapping[str, Any]) -> tuple[Table, Config]:
    """Read all rows, find out what they are, and divide them."""
    config = settings.resolve()
    options = config.data
    if options.target is None:
        raise ConfigError("no target", fix="name the column to be predicted as `target`")
    given = {
        name: sources[name] if sources.get(name) is not None else path
        for name, path in (
            ("data", options.source),
            ("validation", options.validation),
            ("test", options.test),
        )
    }
    if given["data"] is None:
        raise ConfigError("no data", fix="give a path, a DataFrame or a dict of arrays as `data`")
    read = {
        name: drop_unlabelled(
            tables.read(source, encoding=options.encoding, delimiter=options.delimiter),
            options.target,
        )
        for name, source in given.items()
        if source is not None
    }
    # What the columns are is decided by the rows to learn from alone.
    schema = infer(
        read["data"],
        target=options.target,
        task=options.task,
        columns=options.columns,
        drop=[*options.drop, *_split_columns(config)],
    )
    table = Table(_together(read), schema, _divide(read, schema, config))
    inferred: dict[str, Any] = {"data.task": schema.target.task} if options.task is None else {}
    inferred |= {
        f"data.columns.{column.name}": column.kind
        for column in schema.columns
        if column.name not in options.columns
    }
    return table, config.with_inferred(inferred)


def _split_columns(config: Config) -> list[str]:
    """A group or a part says which rows belong together, and nothing about new rows."""
    split_by, dropped = config.split, config.data.drop
    named = split_by.column is not None and split_by.kind in ("group", "column")
    return [str(split_by.column)] if named and split_by.column not in dropped else []


def _together(read: Mapping[str, tables.Examples]) -> tables.Examples:
    """All rows below each other: those to divide, those to validate with, those to test with."""
    if len(read) == 1:
        return read["data"]
    columns = list(read["data"].frame.columns)
    frames = []
    for examples in read.values():
        absent = [f"'{name}'" for name in columns if name not in examples.frame.columns]
        if absent:
            raise DataError(f"columns are missing: {', '.join(absent)}", place=examples.origin)
        frames.append(examples.frame[columns])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        frame = pd.concat(frames, ignore_index=True)
    origin = read["data"].origin
    return tables.Examples(with_origin(frame, origin, first_row=2), origin)


def _divide(read: Mapping[str, tables.Examples], schema: Schema, config: Config) -> Parts:
    """Parts by the options for the rows of ``data``, and all rows of the other files."""
    from dataclasses import replace

    lengths = {name: len(examples.frame) for name, examples in read.items()}
    if len(read) == 3:
        return Parts.from_lengths(lengths["data"], lengths["validation"], lengths["test"])
    options, n_rows = config.split, lengths["data"]
    if "test" in read:
        parts = split(read["data"], schema, replace(options, test=0.0), seed=config.run.seed)
        added = np.arange(n_rows, n_rows + lengths["test"], dtype=np.int64)
        return Parts(parts.train, parts.validation, added)
    parts = split(read["data"], schema, options, seed=config.run.seed)
    if "validation" not in read:
        return parts
    # The rows that would have validated train instead.
    added = np.arange(n_rows, n_rows + lengths["validation"], dtype=np.int64)
    train_rows = np.sort(np.concatenate([parts.train, parts.validation]))
    return Parts(train_rows, added, parts.test)


def _run(
    table: Table,
    config: Config,
    folder: RunFolder | None,
    noted: list[str],
    *,
    progress: bool,
    started: float,
) -> Run:
    """Train, score and write everything down."""
    from kerasnn.training.probes import Probes

    fingerprint = folder.fingerprint(config, table) if folder else None
    if folder and fingerprint:
        folder.check(fingerprint)
        folder.begin(config, table)
    lesson = prepare(table, config)
    probes = Probes.of(lesson, config) if folder else None
    watchers = _watchers(config, folder, lesson, progress=progress)
    try:
        learned = learn(
            lesson,
            config,
            checkpoints=folder.checkpoints if folder else None,
            fingerprint=fingerprint,
            watchers=(*watchers, probes) if probes else watchers,
        )
    finally:
        for watcher in watchers:
            getattr(watcher, "close", lambda: None)()
    run = _judged(table, learned, lesson, probes, noted, seconds=time.perf_counter() - started)
    if folder:
        folder.finish(run, learned)
        run.folder = folder.path
        run.report()
    return run


def _watchers(
    config: Config, folder: RunFolder | None, lesson: Lesson, *, progress: bool
) -> tuple[Watcher, ...]:
    from kerasnn.learning import monitor_for
    from kerasnn.progress import ProgressBar
    from kerasnn.training.logs import TensorBoardLog

    watchers: list[Any] = []
    if progress:
        monitor = monitor_for(config.training, lesson.preprocessor, lesson.validation)
        watchers.append(ProgressBar(epochs=config.training.epochs, monitor=monitor.name))
    if config.run.tensorboard and folder:
        watchers.append(TensorBoardLog(folder.path / "tensorboard"))
    return tuple(watchers)


def _judged(
    table: Table,
    learned: Learned,
    lesson: Lesson,
    probes: Any,
    noted: list[str],
    *,
    seconds: float,
) -> Run:
    """Scores on the test rows, and the story of the run."""
    config, predictor = learned.config, learned.predictor
    interrupted = learned.fitted.progress.stopped == "interrupted"
    part = "test" if len(table.parts.test) else "validation"
    rows = table.rows(part)
    predictions = predict_labelled(predictor, rows)
    compared: Sequence[Baseline] = ()
    if config.run.baselines and not interrupted:
        compared = baselines(
            predictor.preprocessor, table.rows("train"), rows, seed=config.run.seed
        )
    scores = score(predictions, compared, seed=config.run.seed)
    progress = learned.fitted.progress
    frame = table.examples.frame
    target = table.schema.target
    story = stories.tell(
        examples_origin=table.examples.origin,
        schema=table.schema,
        n_rows={name: len(getattr(table.parts, name)) for name in ("train", "validation", "test")},
        split=config.split.kind,
        config=config.to_dict(),
        model_name=config.model.name,
        network=predictor.network,
        history=learned.fitted.history,
        best_epoch=progress.best_epoch,
        stopped=progress.stopped,
        seconds=seconds,
        scores=scores,
        predictions=predictions,
        probes=probes.to_dict() if probes else None,
        importance=importance(
            predictor.scores,
            rows,
            predictions.truth,
            task=target.task,
            classes=target.classes,
            columns=[column.name for column in table.schema.features],
            seed=config.run.seed,
        )
        if probes and not interrupted
        else [],
        missing={str(name): int(is_missing(frame[name]).sum()) for name in frame.columns},
        warnings=noted,
        boundary=stories.decision_boundary(predictor, table.rows("train")),
    )
    if learned.sweep:
        story["sweep"] = learned.sweep.to_dict()
    bundle = Bundle(
        model=config.model.name,
        hyperparameters=dict(config.model.hyperparameters),
        recipe=config.training,
        config=config.to_dict(),
        predictor=predictor,
        report=story,
    )
    held_back = {name: table.rows(name) for name in ("train", "validation", "test")}
    return Run(bundle, scores, None, progress.stopped, held_back)


@contextmanager
def _noting_warnings() -> Iterator[list[str]]:
    """Pass warnings on, and note ours for the report."""
    noted: list[str] = []
    shown = warnings.showwarning

    def note(message: Any, category: type[Warning], *rest: Any, **named: Any) -> None:
        if issubclass(category, KerasnnWarning):
            noted.append(str(message))
        shown(message, category, *rest, **named)

    warnings.showwarning = note
    try:
        yield noted
    finally:
        warnings.showwarning = shown
