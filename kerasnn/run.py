"""What can be done with a trained network.

>>> import kerasnn
>>> run = kerasnn.load("runs/adult-mlp-1")  # doctest: +SKIP
>>> run.evaluate(), run.predict("new.csv"), run.export("onnx")  # doctest: +SKIP
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kerasnn import new_rows, summary
from kerasnn.bundle import Bundle
from kerasnn.data import folders
from kerasnn.data.frames import place
from kerasnn.errors import (
    ConfigError,
    DataError,
    ModelRefusedError,
    UnknownNameError,
    warn,
)
from kerasnn.evaluation.baselines import Baseline, baselines
from kerasnn.evaluation.calibration import Costs, as_pairs
from kerasnn.evaluation.predictions import Predictions
from kerasnn.evaluation.scores import Scores, score
from kerasnn.evaluation.slices import slices
from kerasnn.folder import RunFolder
from kerasnn.learning import choose_threshold
from kerasnn.predictor import Predictor

if TYPE_CHECKING:
    from kerasnn.evaluation.explaining import Explanation
    from kerasnn.explaining import Drawn
    from kerasnn.exporting import ExportResult

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
        self,
        data: Any,
        *,
        encoding: str | None = None,
        delimiter: str | None = None,
        strict: bool = False,
    ) -> pd.DataFrame:
        """Predict raw rows: column ``prediction``, and for classes ``probability:<class>`` each.

        Args:
            data: A table as a path, a DataFrame or a dict of arrays; a folder of images, an image
                or a list of these. The target is not needed.
            encoding: Of a text file; None for that of the training.
            delimiter: Likewise.
            strict: Whether an image that can't be read is an error; its row is empty otherwise.

        Returns:
            One row for each row given, in its order; a DataFrame's own index is kept. For images,
            the column ``path`` comes first.
        """
        form = self._format(encoding, delimiter)
        pieces = list(self._predicted(data, form, strict=strict))
        result = pd.concat(pieces, ignore_index=True)
        return result.set_axis(data.index) if isinstance(data, pd.DataFrame) else result

    def predict_file(
        self,
        data: Any,
        output: str | os.PathLike[str] = "-",
        *,
        encoding: str | None = None,
        delimiter: str | None = None,
        strict: bool = False,
        force: bool = False,
    ) -> PredictedFile:
        """Predict a table in pieces of bounded memory into a CSV file.

        Args:
            data: As for `predict`.
            output: File, or ``-`` for standard output.
            encoding: Of a text file; None for that of the training.
            delimiter: Likewise.
            strict: As for `predict`.
            force: Replace the file.

        Raises:
            ConfigError: The file exists.
        """
        from kerasnn.data.writing import csv_writer

        unseen: dict[str, int] = {}
        n_rows = 0
        with csv_writer(output, force=force) as write:
            form = self._format(encoding, delimiter)
            for piece in self._predicted(data, form, strict=strict, unseen=unseen):
                write(piece)
                n_rows += len(piece)
        return PredictedFile(n_rows, unseen)

    def explain(
        self, images: Any, *, about: str | None = None, layer: str | None = None
    ) -> list[Explanation]:
        """Where in images the network sees what it says of them.

        Args:
            images: Paths of images or folders, arrays of images, or rows of a table with all
                columns of the run.
            about: Class or label to explain in place of the likeliest one.
            layer: Whose maps are weighed and given back, one of `layers`.

        Raises:
            DataError: The run has no image column, or an image can't be read.
            UnknownNameError: There is no such class or layer.
        """
        from kerasnn.evaluation.explaining import explain

        return list(explain(self.predictor, self._pieces(images), about=about, layer=layer))

    def explain_files(
        self,
        images: Any,
        output: str | os.PathLike[str] = ".",
        *,
        about: str | None = None,
        layer: str | None = None,
        force: bool = False,
    ) -> Iterator[Drawn]:
        """As `explain`, one image after the other, each drawn into a file.

        Args:
            images: As for `explain`.
            output: Folder of the pictures.
            about: As for `explain`.
            layer: Likewise; its maps are drawn into a second file.
            force: Replace pictures that are there.

        Raises:
            ConfigError: A picture is there.
        """
        from kerasnn.explaining import explain_files

        rows = self._pieces(images)
        return explain_files(self.predictor, rows, output, about=about, layer=layer, force=force)

    def layers(self) -> dict[str, tuple[int, ...]]:
        """Layers of the network that have maps of an image: height, width and channels by name.

        Raises:
            DataError: The run has no image column.
        """
        from kerasnn.evaluation.explaining import layers_of

        return layers_of(self.predictor)

    def export(
        self,
        format: str,
        output: str | os.PathLike[str] | None = None,
        *,
        int8: bool = False,
        force: bool = False,
    ) -> ExportResult:
        """Write the network with its preprocessing for another runtime, and verify it there.

        Args:
            format: ``keras``, ``saved_model``, ``onnx`` or ``litert``.
            output: Where it goes; into the run's folder if None.
            int8: Whole numbers of 8 bits, for ``litert`` and networks that take images alone;
                their accuracy is measured on the test rows.
            force: Replace what is there.
        """
        from kerasnn import exporting

        if output is None:
            output = (self.folder or Path()) / exporting.default_name(format, int8=int8)
        if int8:
            return self._export_int8(format, output, force=force)
        sample = None
        if self.folder or self._held_back:
            part = "test" if self.scores else "validation"
            sample = self.held_back(part).head(EXPORT_SAMPLE)
        return exporting.export(self.predictor, output, format=format, sample=sample, force=force)

    def _export_int8(
        self, format: str, output: str | os.PathLike[str], *, force: bool
    ) -> ExportResult:
        from kerasnn import exporting
        from kerasnn.exporting.images import spread
        from kerasnn.exporting.int8 import HeldBack, check_possible

        check_possible(self.predictor, format)
        test = spread(self.held_back("test" if self.scores else "validation"), EXPORT_SAMPLE)
        held = HeldBack(calibration=self.held_back("validation"), test=test)
        return exporting.export(self.predictor, output, format=format, force=force, held=held)

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
        lines = [summary.of_data(story), summary.of_columns(self.predictor.preprocessor.schema)]
        lines += summary.of_augmentation(story)
        lines += [summary.of_training(story, self.predictor.network.count_params())]
        lines += summary.of_stages(story)
        if self.scores:
            lines += ["", self.scores.table()]
        if self.folder:
            lines += ["", f"Saved in {self.folder}; look at {self.folder / 'report.html'}"]
        if self.interrupted:
            lines += ["The training was interrupted; this is its best epoch so far."]
        return "\n".join(lines)

    def _pieces(self, images: Any) -> Iterator[pd.DataFrame]:
        """Raw rows, named as in the training."""
        from kerasnn.explaining import as_source

        schema = self.predictor.preprocessor.schema
        column = next(iter(new_rows.layouts(schema)), folders.IMAGE)
        return new_rows.pieces(as_source(images, column), schema, self._format(None, None))

    @property
    def _seed(self) -> int:
        return int(self.bundle.config["run"]["seed"])

    def _labelled(self, data: Any, form: Mapping[str, Any]) -> pd.DataFrame:
        strict = bool(self.bundle.config["data"].get("strict"))
        return new_rows.labelled(data, self.predictor.preprocessor.schema, form, strict=strict)

    def _with_threshold(self, costs: Costs | None, threshold: str | float | None) -> Predictor:
        if costs is None and threshold is None:
            return self.predictor
        rule = f"fp={costs.fp},fn={costs.fn}" if costs else str(threshold)
        several = self.predictor.preprocessor.schema.target.task == "multilabel"
        likely, truth = np.full((1, 2 if several else self._n_classes), 0.5), np.zeros(1, int)
        if costs or threshold == "f1":
            validation = self.held_back("validation")
            likely = self.predictor.scores(validation)
            truth = self.predictor.preprocessor.target(validation)
            if several:
                likely, truth = as_pairs(likely, truth)
        value = choose_threshold(rule, likely, truth)
        decision = replace(self.predictor.decision, threshold=value)
        return self.predictor.with_decision(decision)

    @property
    def _n_classes(self) -> int:
        return len(self.predictor.preprocessor.schema.target.classes)

    def _baselines(self, frame: pd.DataFrame) -> Sequence[Baseline]:
        """Fitted again, if the training rows can still be had."""
        if not self.bundle.config["run"]["baselines"]:
            return ()
        train = self._held_back.get("train")
        if train is None and self.folder:
            train = RunFolder(self.folder).read_train(self.bundle.config)
        if train is None:
            return ()
        return baselines(self.predictor.preprocessor, train, frame, seed=self._seed)

    def _predicted(
        self,
        data: Any,
        form: Mapping[str, Any],
        *,
        strict: bool,
        unseen: dict[str, int] | None = None,
    ) -> Iterator[pd.DataFrame]:
        """Predictions of each piece; afterwards, a warning of what training never saw."""
        unseen = {} if unseen is None else unseen
        imputed: dict[str, int] = {}
        schema = self.predictor.preprocessor.schema
        for number, piece in enumerate(new_rows.pieces(data, schema, form)):
            if not number:
                self._note_extra(piece)
            done = self.predictor.predict_and_count(piece, strict=strict)
            _add(unseen, done.unseen)
            _add(imputed, done.imputed)
            if folders.is_image_source(data):
                done.table.insert(0, new_rows.PATH, piece.iloc[:, 0])
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
