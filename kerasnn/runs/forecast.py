"""What can be done with a trained forecaster.

>>> import kerasnn
>>> run = kerasnn.load("runs/weather-dlinear-1")  # doctest: +SKIP
>>> run.predict("recent.csv"), run.evaluate(), run.export("onnx")  # doctest: +SKIP
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pandas as pd

from kerasnn import data as tables
from kerasnn.bundle import ForecastBundle
from kerasnn.calibration.conformal import check_coverage
from kerasnn.data.frames import from_frame
from kerasnn.datasets.forecast import PART_COLUMN
from kerasnn.errors import ConfigError, DataError, ModelRefusedError, warn
from kerasnn.forecasting.baselines import all_positive, naive_baselines
from kerasnn.forecasting.forecaster import Forecaster
from kerasnn.forecasting.panel import Panel
from kerasnn.forecasting.scores import ForecastScores, score
from kerasnn.forecasting.splits import PartName, Splits
from kerasnn.forecasting.times import with_time_column
from kerasnn.forecasting.windows import Origins, origins
from kerasnn.metrics.forecasts import Forecasts
from kerasnn.prediction.streaming import PredictedFile, text_format
from kerasnn.runs import forecast_summary, summary
from kerasnn.runs.folder import RunFolder, write_report

if TYPE_CHECKING:
    from kerasnn.export import ExportResult


@dataclass
class ForecastRun:
    """A trained forecaster with everything that belongs to it.

    Args:
        bundle: Model and report of the training.
        scores: Scores on the test part; None where there is none.
        folder: Folder of the run; None for one in memory.
        stopped: Why the training ended.
    """

    bundle: ForecastBundle
    scores: ForecastScores | None = None
    folder: Path | None = None
    stopped: str = ""
    _held_back: pd.DataFrame | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        """One line, for a prompt or a notebook."""
        return summary.representation(self)

    @property
    def forecaster(self) -> Forecaster:
        """Turns recent rows into forecasts."""
        return self.bundle.forecaster

    @property
    def interrupted(self) -> bool:
        """Whether the training was stopped by hand, and can go on."""
        return self.stopped == "interrupted"

    def holdout(self) -> pd.DataFrame:
        """Rows that were not trained on and the history before them.

        The column ``kerasnn:part`` says which is which.

        Raises:
            DataError: They are not there.
        """
        if self._held_back is None and self.folder:
            self._held_back = RunFolder(self.folder).read_holdout_frame()
        if self._held_back is None:
            raise DataError("the run has no rows of its own", hint="give a table with the target")
        return self._held_back

    def forecasts(self, part: PartName = "test") -> Forecasts:
        """Forecasts from all origins of a part that was not trained on, beside what came.

        Raises:
            DataError: The rows are not there.
        """
        panel, parts = self._held_back_panel()
        return self._from(panel, parts, part)[0]

    def evaluate(
        self,
        data: Any = None,
        *,
        by: str | None = None,
        costs: object = None,
        threshold: object = None,
        save: bool = False,
        encoding: str | None = None,
        delimiter: str | None = None,
    ) -> ForecastScores:
        """Score the forecasts of the test part, or of other rows.

        Args:
            data: A table that goes on where the run's own rows end, or one with its own history;
                None for the test part of the run.
            by: Column of groups in other tasks; must be None for forecasts.
            costs: Costs of errors in other tasks; must be None for forecasts.
            threshold: Decision threshold in other tasks; must be None for forecasts.
            save: True to keep the threshold in other tasks; must be False for forecasts.
            encoding: Encoding of a text file; None for that of the training.
            delimiter: Delimiter of a text file; None for that of the training.

        Raises:
            DataError: The table lacks columns, or is shorter than a forecast.
            ConfigError: An option is for other tasks.
        """
        for name, value in (
            ("by", by),
            ("costs", costs),
            ("threshold", threshold),
            ("save", save or None),
        ):
            if value is not None:
                raise ConfigError(f"`{name}` is not for forecasts", hint="leave it out")
        if data is None:
            if self.scores:
                return self.scores
            return self._scored(*self._held_back_panel(), "test")
        is_file = isinstance(data, str | os.PathLike) and os.path.isfile(data)
        if (
            is_file
            and self.folder
            and RunFolder(self.folder).has_trained_on(data, self.bundle.config)
        ):
            problem = "the run was trained on this file, so the scores are too good"
            hint = "evaluate without a table for the part that was held back, or give later rows"
            warn(problem, location=os.fspath(data), hint=hint)
        frame = tables.read(with_time_column(data), **self._format(encoding, delimiter)).frame
        panel, parts = self._with_history(frame)
        return self._scored(panel, parts, "test")

    def predict(
        self,
        data: Any,
        *,
        coverage: float | None = None,
        encoding: str | None = None,
        delimiter: str | None = None,
        strict: bool = False,
    ) -> pd.DataFrame:
        """Forecast each series from its last known point on, as far as the horizon.

        Args:
            data: Recent history of each series, as a path, a DataFrame or a dict of arrays. Columns
                that are known ahead also need rows behind it, whose targets are empty.
            coverage: Coverage of the intervals; only that of the training, as the network may have
                learned their ends.
            encoding: Encoding of a text file; None for that of the training.
            delimiter: Delimiter of a text file; None for that of the training.
            strict: Option of other tasks, without effect on forecasts.

        Returns:
            The table of `kerasnn.forecasting.forecaster.Forecaster.predict`.

        Raises:
            ConfigError: The intervals have another coverage.
        """
        self._check_coverage(coverage)
        return self.forecaster.predict(
            tables.read(with_time_column(data), **self._format(encoding, delimiter)).frame
        )

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
        """Forecast as `predict` does, into a CSV file.

        Args:
            data: Recent history, as `predict` takes it.
            output: File, or ``-`` for standard output.
            coverage: Coverage of the intervals; only that of the training.
            encoding: Encoding of a text file; None for that of the training.
            delimiter: Delimiter of a text file; None for that of the training.
            strict: Option of other tasks, without effect on forecasts.
            force: Replace the file.
            spreadsheet_safe: True to put an apostrophe before cells that a spreadsheet takes for
                formulas.

        Raises:
            ConfigError: The file exists, or the intervals have another coverage.
        """
        from kerasnn.data.writing import csv_writer

        with csv_writer(output, force=force, spreadsheet_safe=spreadsheet_safe) as write:
            table = self.predict(data, coverage=coverage, encoding=encoding, delimiter=delimiter)
            write(table)
        return PredictedFile(len(table), {})

    def export(
        self,
        format: str,
        output: str | os.PathLike[str] | None = None,
        *,
        int8: bool = False,
        force: bool = False,
    ) -> ExportResult:
        """Write the network with its scaling for another runtime, and verify it there.

        Args:
            format: ``keras``, ``saved_model``, ``onnx`` or ``litert``.
            output: Path to write to; into the run's folder if None.
            int8: Option of other tasks; must be False for forecasts.
            force: Replace what is there.
        """
        from kerasnn import export as exporting
        from kerasnn.export.forecasts import export

        if int8:
            hint = "export it in float32"
            raise ConfigError("8 bits are for networks that take images alone", hint=hint)
        if output is None:
            output = (self.folder or Path()) / exporting.default_name(format)
        frame = self.holdout()
        panel = self.forecaster.panel(frame.drop(columns=PART_COLUMN))
        return export(self.forecaster, output, panel, format=format, force=force)

    def explain_files(self, *args: Any, **named: Any) -> NoReturn:
        """Raise: only images and texts can be explained.

        Raises:
            DataError: Always.
        """
        hint = "look at its report, or explain a run with images or texts"
        raise DataError("the run forecasts, and has neither images nor texts", hint=hint)

    layers = explain = explain_files

    def report(self, output: str | os.PathLike[str] | None = None, *, force: bool = False) -> Path:
        """Write the report as one page for a browser; returns where.

        Args:
            output: File; the run's own if None, which is replaced.
            force: Replace another file.

        Raises:
            ConfigError: The file exists.
        """
        return write_report(self.bundle.report, output, folder=self.folder, force=force)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the bundle alone: enough to predict and export."""
        self.bundle.save(path)

    def summary(self) -> str:
        """What the data were, what was trained and what came out, for the terminal."""
        report_data = self.bundle.report
        lines = [
            *forecast_summary.of_run(report_data),
            *forecast_summary.of_candidates(report_data),
        ]
        if self.scores:
            lines += ["", self.scores.table()]
        return "\n".join([*lines, *summary.of_end(self.folder, interrupted=self.interrupted)])

    def predictions(self) -> pd.DataFrame:
        """Truth and forecasts of the test part, each time step once.

        Of windows that overlap, one each horizon; counted back from the last.
        """
        found = self.forecasts("test")
        horizon = found.horizon
        wanted = np.concatenate(
            [
                rows[::-1][::horizon][::-1]
                for name in dict.fromkeys(found.series)
                for rows in [np.flatnonzero(found.series == name)]
            ]
        )
        columns: dict[str, Any] = {"series": np.repeat(found.series[wanted], horizon)}
        columns["origin"] = np.repeat(found.origins[wanted], horizon)
        columns["time"] = found.times[wanted].reshape(-1)
        for i, target in enumerate(found.targets):
            ending = f":{target}" if len(found.targets) > 1 else ""
            columns[f"truth{ending}"] = found.truth[wanted, :, i].reshape(-1)
            columns[f"prediction{ending}"] = found.prediction[wanted, :, i].reshape(-1)
            for level, values in found.quantiles.items():
                columns[f"quantile:{level:g}{ending}"] = values[wanted, :, i].reshape(-1)
        return pd.DataFrame(columns)

    def _held_back_panel(self) -> tuple[Panel, Splits]:
        frame = self.holdout()
        panel = self.forecaster.panel(frame.drop(columns=PART_COLUMN))
        return panel, _parts_of(frame, panel)

    def _scored(self, panel: Panel, parts: Splits, part: PartName) -> ForecastScores:
        """Scores beside those of the last season; the drift is that of the history at hand."""
        found, where = self._from(panel, parts, part)
        compared = []
        if self.bundle.config["run"]["baselines"]:
            positive = all_positive(panel, parts.test)
            compared = naive_baselines(panel, where, found, logarithm=positive)
        return score(found, compared, seed=int(self.bundle.config["run"]["seed"]))

    def _from(self, panel: Panel, parts: Splits, part: PartName) -> tuple[Forecasts, Origins]:
        fitted = self.forecaster.preprocessor
        found = origins(panel, parts, part, lookback=fitted.lookback, horizon=fitted.horizon)
        if not len(found):
            raise DataError(f"no forecast lies in the {part} part", hint="give more rows")
        return self.forecaster.forecasts(panel, found), found

    def _with_history(self, frame: pd.DataFrame) -> tuple[Panel, Splits]:
        """New rows behind the run's own where they go on from these, all of them to be scored."""
        panel = self.forecaster.panel(frame)
        firsts = {track.key: track.start for track in panel.tracks}
        try:
            own = self.forecaster.panel(self.holdout().drop(columns=PART_COLUMN))
        except DataError:
            own = Panel(panel.roles, panel.frequency, ())
        pieces = [panel.to_frame()]
        for number, track in enumerate(own.tracks):
            first = firsts.get(track.key)
            # What is far back would be a long gap and no history.
            near = first is not None and track.start < first <= track.start + len(track) + 1
            if first is not None and near:
                kept = own._frame_of(number).iloc[: first - track.start]
                pieces.insert(0, kept)
        together = self.forecaster.panel(from_frame(pd.concat(pieces, ignore_index=True)))
        starts = np.array([firsts[t.key] - t.start for t in together.tracks], np.int64)
        end = np.array([track.end for track in together.tracks], np.int64)
        return together, Splits(starts, starts, starts, end)

    def _check_coverage(self, coverage: float | None) -> None:
        """Raise for another coverage than that of the training."""
        if coverage is None:
            return
        check_coverage(coverage)
        trained = float(self.bundle.config["forecast"]["coverage"])
        if not self.forecaster.levels:
            raise ConfigError("the forecasts have no intervals", hint="train with more rows")
        if abs(coverage - trained) > 1e-9:
            hint = f"train with `forecast.coverage` {coverage:g}, or leave it out"
            raise ConfigError(f"the intervals of the forecasts hold {100 * trained:g} %", hint=hint)

    def _format(self, encoding: str | None, delimiter: str | None) -> dict[str, Any]:
        return text_format(self.bundle.config, encoding, delimiter)


def opened(bundle: ForecastBundle, path: str | os.PathLike[str]) -> ForecastRun:
    """A run of a bundle that was read.

    Raises:
        ModelRefusedError: Its scores are damaged.
    """
    folder = Path(path) if Path(path).is_dir() else None
    found = bundle.report.get("scores")
    try:
        scores = ForecastScores.from_dict(found) if found else None
    except ModelRefusedError as error:
        raise ModelRefusedError(error.problem, location=os.fspath(path)) from None
    return ForecastRun(bundle, scores, folder, str(bundle.report.get("stopped", "")))


def _parts_of(frame: pd.DataFrame, panel: Panel) -> Splits:
    """The parts that the rows of a run are noted to be in."""
    names = frame[PART_COLUMN].to_numpy()
    bounds = np.cumsum([0, *map(len, panel.tracks)])
    rows = []
    for first, stop in pairwise(bounds.tolist()):
        own = names[first:stop]
        end = int((own != "ahead").sum())
        test = end - int((own == "test").sum())
        calibration = test - int((own == "calibration").sum())
        rows.append((calibration - int((own == "validation").sum()), calibration, test, end))
    validation, calibration, test, end = np.array(rows, np.int64).T
    shared = not (names == "calibration").any()
    return Splits(validation, validation if shared else calibration, test, end, shared=shared)
