"""What can be done with a trained network.

>>> import kerasnn
>>> run = kerasnn.load("runs/adult-mlp-1")  # doctest: +SKIP
>>> run.evaluate(), run.predict("new.csv"), run.export("onnx")  # doctest: +SKIP
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from kerasnn.bundle import Bundle, ForecastBundle, open_bundle
from kerasnn.calibration.temperature import Costs
from kerasnn.data.readers.inputs import as_frame
from kerasnn.errors import DataError, ModelRefusedError
from kerasnn.evaluation.scores import Scores
from kerasnn.prediction.predictor import Predictor
from kerasnn.prediction.streaming import (
    PredictedFile,
    predict_file,
    predict_pieces,
    text_format,
)
from kerasnn.runs import summary
from kerasnn.runs.folder import RunFolder, write_report
from kerasnn.runs.reference import Reference

if TYPE_CHECKING:
    from kerasnn.explain.image import Explanation
    from kerasnn.explain.text import TextExplanation
    from kerasnn.export import ExportResult
    from kerasnn.runs.explain_images import Drawn
    from kerasnn.runs.forecast import ForecastRun

EXPORT_SAMPLE = 1000


@dataclass
class Run:
    """A trained network with everything that belongs to it.

    Args:
        bundle: Model and report of the training.
        scores: Scores on the test rows; None where there were none.
        folder: Folder of the run; None for one in memory.
        stopped: Why the training ended.
        reference: Stored predictions for the evaluation; read from the folder when needed.
    """

    bundle: Bundle
    scores: Scores | None = None
    folder: Path | None = None
    stopped: str = ""
    _held_back: dict[str, pd.DataFrame] = field(default_factory=dict, repr=False)
    reference: Reference | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        """One line, for a prompt or a notebook."""
        return summary.representation(self)

    @property
    def predictor(self) -> Predictor:
        """Turns raw rows into predictions."""
        return self.bundle.predictor

    @property
    def interrupted(self) -> bool:
        """Whether the training was stopped by hand, and can go on."""
        return self.stopped == "interrupted"

    def holdout(self, part: str) -> pd.DataFrame:
        """Raw rows of the ``validation`` or ``test`` part.

        Raises:
            DataError: They are not there.
        """
        if part not in self._held_back and self.folder:
            self._held_back |= RunFolder(self.folder).read_holdout()
        if part not in self._held_back or not len(self._held_back[part]):
            raise DataError(f"the run has no {part} rows", hint="give a table with the target")
        return self._held_back[part]

    def evaluate(
        self,
        data: Any = None,
        *,
        by: str | None = None,
        costs: Costs | None = None,
        threshold: str | float | None = None,
        save: bool = False,
        encoding: str | None = None,
        delimiter: str | None = None,
    ) -> Scores:
        """Score the held-back test rows, or other labelled rows.

        Args:
            data: A table with the target, or a pair ``(X, y)``; None for the test rows of the run.
            by: Column whose values are scored apart.
            costs: Costs of errors by which the decision threshold is chosen, on validation rows as
                they were predicted before any network learned from them.
            threshold: ``f1`` to choose the decision threshold by F1 on the same rows, or its value
                in [0, 1].
            save: True to keep the threshold in the run, for predictions and exports.
            encoding: Encoding of a text file; None for that of the training.
            delimiter: Delimiter of a text file; None for that of the training.

        Raises:
            DataError: The table lacks columns or the target, or holds unknown labels.
            ConfigError: The threshold does not fit the task.
        """
        from kerasnn.runs.evaluation import evaluate

        form = self._format(encoding, delimiter)
        how: dict[str, Any] = {"by": by, "costs": costs, "threshold": threshold, "save": save}
        return evaluate(self, data, form, **how)

    def predict(
        self,
        data: Any,
        *,
        coverage: float | None = None,
        encoding: str | None = None,
        delimiter: str | None = None,
        strict: bool = False,
    ) -> pd.DataFrame:
        """Predict raw rows: column ``prediction``, and for classes ``probability:<class>`` each.

        Args:
            data: A table as a path, a DataFrame of pandas, polars or Arrow, a dict of arrays, a
                list of records or a matrix; texts, series or images as a list, an array or a
                Series; a folder of images, an image or a list of these. The target is not needed.
            coverage: Share of rows, in (0, 1), whose truth is to lie between the columns ``lower``
                and ``upper``, or of one class a row to be in ``set``: labels with a mark between
                them that is in none, the most probable always among them. Of several labels a row,
                ``lower`` holds those that it surely has, and ``upper`` those that it may have.
            encoding: Encoding of a text file; None for that of the training.
            delimiter: Delimiter of a text file; None for that of the training.
            strict: True to fail at an image that can't be read; its row is empty otherwise.

        Raises:
            DataError: Columns are missing, or don't hold what they held in training.
            ConfigError: There were too few validation rows for the coverage.

        Returns:
            One row for each row given, in its order; a DataFrame's own index is kept. For images
            and sounds, the column ``path`` comes first. Of a table with a row for each point in
            time, one row for each series, what names the series first.
        """
        form, frame = self._format(encoding, delimiter), as_frame(data)
        pieces = list(predict_pieces(self.predictor, data, form, strict=strict, coverage=coverage))
        result = pd.concat(pieces, ignore_index=True)
        is_kept = frame is not None and len(frame) == len(result)
        return result.set_axis(frame.index) if frame is not None and is_kept else result

    def predict_file(
        self,
        data: Any,
        output: str | os.PathLike[str] = "-",
        *,
        coverage: float | None = None,
        encoding: str | None = None,
        delimiter: str | None = None,
        strict: bool = False,
        force: bool = False,
        spreadsheet_safe: bool = False,
    ) -> PredictedFile:
        """Predict a table in pieces of bounded memory into a CSV file.

        Args:
            data: Rows to predict, as `predict` takes them.
            output: File, or ``-`` for standard output.
            coverage: Share of rows whose truth is to lie in the intervals or sets, as in `predict`.
            encoding: Encoding of a text file; None for that of the training.
            delimiter: Delimiter of a text file; None for that of the training.
            strict: True to fail at an image that can't be read; its row is empty otherwise.
            force: Replace the file.
            spreadsheet_safe: True to put an apostrophe before cells that a spreadsheet takes for
                formulas.

        Raises:
            ConfigError: The file exists, or the coverage can't be had.
        """
        form = self._format(encoding, delimiter)
        how: dict[str, Any] = {"strict": strict, "force": force, "coverage": coverage}
        how["spreadsheet_safe"] = spreadsheet_safe
        return predict_file(self.predictor, data, output, form, **how)

    @property
    def explains(self) -> Literal["image", "text"] | None:
        """What `explain` looks at: images, or else texts; None if the run has neither."""
        known = self.predictor.preprocessor
        return "image" if known.images else "text" if known.texts else None

    def explain(
        self,
        data: Any,
        *,
        target_class: str | None = None,
        layer: str | None = None,
        other_columns: Mapping[str, Any] | None = None,
    ) -> list[Explanation] | list[TextExplanation]:
        """Where in images the network sees what it says of them, or by which words of texts.

        Args:
            data: Paths of images or folders, or arrays of images; a text, a list of texts or a
                ``.txt`` file; or rows of a table with all columns of the run.
            target_class: Class or label to explain in place of the most probable one.
            layer: Layer whose maps are weighed and given back, one of `layers`; for images only.
            other_columns: Values of the other columns of a text, which are missing otherwise.

        Raises:
            DataError: The run has neither images nor texts, or one can't be read.
            UnknownNameError: There is no such class, layer or column.
        """
        if self.explains == "text" and layer is None:
            return list(
                self.explain_texts(data, target_class=target_class, other_columns=other_columns)
            )
        from kerasnn.explain.image import explain
        from kerasnn.runs.explain_images import pieces

        rows = pieces(data, self.predictor.preprocessor.schema, self._format())
        return list(explain(self.predictor, rows, target_class=target_class, layer=layer))

    def explain_texts(
        self,
        data: Any,
        output: str | os.PathLike[str] | None = None,
        *,
        target_class: str | None = None,
        other_columns: Mapping[str, Any] | None = None,
        force: bool = False,
    ) -> Iterator[TextExplanation]:
        """Explain texts as `explain` does, one row after the other; at the end, all on a page.

        Args:
            data: Texts or rows to explain, as `explain` takes them.
            output: An HTML file, or the folder for one; no page is written if None.
            target_class: Class or label to explain in place of the most probable one.
            other_columns: Values of the other columns of a text, which are missing otherwise.
            force: Replace a page that is there.

        Raises:
            DataError: The run has no text column, or has images, which are explained.
            ConfigError: The page is there.
        """
        from kerasnn.explain.text import explain
        from kerasnn.runs.explain_texts import explain_into, page_path, pieces

        known = self.predictor.preprocessor
        if self.explains != "text":
            raise DataError("the run is not one of texts", hint="use `explain`")
        path = None if output is None else page_path(output, force=force)
        rows = pieces(data, known, self._format(), other_columns=other_columns)
        explained = explain(self.predictor, rows, target_class=target_class)
        return explain_into(path, known.schema, explained) if path else explained

    def explain_files(
        self,
        images: Any,
        output: str | os.PathLike[str] = ".",
        *,
        target_class: str | None = None,
        layer: str | None = None,
        force: bool = False,
    ) -> Iterator[Drawn]:
        """Explain images as `explain` does, one after the other, each drawn into a file.

        Args:
            images: Images to explain, as `explain` takes them.
            output: Folder of the pictures.
            target_class: Class or label to explain in place of the most probable one.
            layer: Layer whose maps are weighed, and drawn into a second file.
            force: Replace pictures that are there.

        Raises:
            ConfigError: A picture is there.
        """
        from kerasnn.runs.explain_images import explain_files, pieces

        rows = pieces(images, self.predictor.preprocessor.schema, self._format())
        return explain_files(
            self.predictor, rows, output, target_class=target_class, layer=layer, force=force
        )

    def layers(self) -> dict[str, tuple[int, ...]]:
        """Layers of the network that have maps of an image: height, width and channels by name.

        Raises:
            DataError: The run has no image column.
        """
        from kerasnn.explain.image import layers_of

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
            output: Path to write to; into the run's folder if None.
            int8: Whole numbers of 8 bits, for ``litert`` and networks that take images alone;
                their accuracy is measured on the test rows.
            force: Replace what is there.
        """
        from kerasnn import export as exporting
        from kerasnn.export.images import spread
        from kerasnn.export.int8 import HeldBack, check_possible

        if output is None:
            output = (self.folder or Path()) / exporting.default_name(format, int8=int8)
        part = "test" if self.scores else "validation"
        held, sample = None, None
        if int8:
            check_possible(self.predictor, format)
            test = spread(self.holdout(part), EXPORT_SAMPLE)
            held = HeldBack(calibration=self.holdout("validation"), test=test)
        elif self.folder or self._held_back:
            sample = self.holdout(part).head(EXPORT_SAMPLE)
        return exporting.export(
            self.predictor, output, format=format, sample=sample, force=force, held=held
        )

    def report(self, output: str | os.PathLike[str] | None = None, *, force: bool = False) -> Path:
        """Write the report as one page for a browser; returns where.

        Args:
            output: File; the run's own if None, which is replaced.
            force: Replace another file.

        Raises:
            ConfigError: The file exists.
            DataError: The model is an estimator's, which has no report data.
        """
        if "version" not in self.bundle.report:
            raise DataError("the model has no report", hint="train it with `kerasnn.train`")
        return write_report(self.bundle.report, output, folder=self.folder, force=force)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the bundle alone: enough to predict, export and report."""
        self.bundle.save(path)

    def summary(self) -> str:
        """What the data were, what was trained and what came out, for the terminal."""
        schema, network = self.predictor.preprocessor.schema, self.predictor.network
        lines = summary.of_run(self.bundle.report, schema, network.count_params())
        if self.scores:
            lines += ["", self.scores.table()]
        return "\n".join([*lines, *summary.of_end(self.folder, interrupted=self.interrupted)])

    def _format(self, encoding: str | None = None, delimiter: str | None = None) -> dict[str, Any]:
        return text_format(self.bundle.config, encoding, delimiter)


def load(path: str | os.PathLike[str]) -> Run | ForecastRun:
    """Open a run by its folder or its bundle.

    Raises:
        ModelRefusedError: The bundle is damaged, hostile or too new.
    """
    bundle = open_bundle(path)
    if isinstance(bundle, ForecastBundle):
        from kerasnn.runs.forecast import opened

        return opened(bundle, path)
    folder = Path(path) if Path(path).is_dir() else None
    stopped = str(bundle.report.get("stopped", ""))
    try:
        # An estimator has no scores: scikit-learn has held its test rows back.
        scores = Scores.from_dict(bundle.report["scores"]) if "scores" in bundle.report else None
    except (LookupError, TypeError, ValueError, AttributeError):
        raise ModelRefusedError(
            "the scores in the bundle are damaged", location=str(path)
        ) from None
    return Run(bundle, scores, folder, stopped)
