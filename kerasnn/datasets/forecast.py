"""Series from files or data frames, with roles of their columns and splits of their time steps."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
import pandas as pd

from kerasnn import data
from kerasnn.config.config import Config
from kerasnn.config.settings import Settings
from kerasnn.data.frames import concatenate_tables
from kerasnn.errors import ConfigError, DataError
from kerasnn.forecasting import column_roles as columns
from kerasnn.forecasting.lookback import check, check_model, decide_options
from kerasnn.forecasting.panel import Panel, RowLocations, locate, read_panel
from kerasnn.forecasting.splits import PartName, Splits, divide
from kerasnn.forecasting.times import with_time_column
from kerasnn.preprocessing.preprocessor import check_columns
from kerasnn.training.checks import check_forecast_loss, forecast_measure

PART_COLUMN = "kerasnn:part"
PARTS = ("validation", "calibration", "test")
# In memory or in a file; a wrong name would be found only after the training.
DEFAULT_MODEL = "dlinear"


@dataclass(frozen=True, eq=False)
class SeriesTable:
    """Series, and which of their points train, validate, calibrate and test.

    Args:
        panel: All series.
        splits: Splits of the time steps of the series.
        origin: Source of the rows, as messages name it.
    """

    panel: Panel
    splits: Splits
    origin: str

    def digest(self) -> str:
        """SHA-256 of all readings and of their parts."""
        described = json.dumps(self.panel.roles.to_dict(), sort_keys=True)
        found = hashlib.sha256(f"{described} {self.panel.frequency}".encode())
        for track in self.panel.tracks:
            found.update(repr((track.key, track.start, track.static_categories)).encode())
            for values in (
                track.target,
                track.past_covariates,
                track.future_covariates,
                track.static_numbers,
            ):
                found.update(values.tobytes())
        for part in (*PARTS, "end"):
            found.update(getattr(self.splits, part).tobytes())
        return found.hexdigest()

    def holdout(self, lookback: int) -> pd.DataFrame:
        """What was not trained on, and a history before it; with a column that names the part."""
        starts = np.maximum(self.splits.validation - lookback, 0)
        pieces = []
        for number, track in enumerate(self.panel.tracks):
            names = np.full(len(track), "history", dtype=object)
            for part in PARTS:
                first = int(getattr(self.splits, part)[number])
                names[first:] = "validation" if self.splits.shared and part == PARTS[1] else part
            names[int(self.splits.end[number]) :] = "ahead"
            pieces.append(names[starts[number] :])
        frame = self.panel.cut(starts.tolist()).to_frame()
        return frame.assign(**{PART_COLUMN: np.concatenate(pieces)})

    def split(self) -> pd.DataFrame:
        """First and last time step of each part of each series."""
        rows = []
        for number, track in enumerate(self.panel.tracks):
            for part in get_args(PartName):
                first, stop = (int(bound[number]) for bound in self.splits.bounds(part))
                if stop > first and not (self.splits.shared and part == "calibration"):
                    ends = self.panel.values(number, first, stop)[[0, -1]]
                    texts = self.panel.frequency.texts(ends)
                    rows.append([track.name, part, *texts, stop - first])
        return pd.DataFrame(rows, columns=["series", "part", "first", "last", "points"])


def read_series(settings: Settings, sources: Mapping[str, Any]) -> tuple[SeriesTable, Config]:
    """Read all rows, put them on a grid of time steps, and divide these.

    Raises:
        ConfigError: The settings don't fit a forecast.
        DataError: The rows are no regular series.
    """
    _check_settings(settings)
    settings = settings.with_default_model(DEFAULT_MODEL)
    check_model(settings.model_name)
    settings.check()
    options, forecast = settings.data, settings.forecast
    read = {
        name: data.read(
            source,
            encoding=options.encoding,
            delimiter=options.delimiter,
            infinite=options.infinite,
        )
        for name, source in _given(settings, sources).items()
    }
    # What the columns are is decided by the rows to learn from alone.
    roles = columns.infer(read["data"].frame, options, forecast)
    for source in read.values():
        check_columns(source.frame, list(roles.columns))
    together = _together(read, roles)
    places = locate(together.frame, roles, forecast.frequency)
    columns.warn_of_unused(read["data"].frame, roles, options)
    panel = read_panel(together.frame, places)
    splits = divide(panel, settings.split, forecast.horizon, _firsts(read, places, panel))
    decided = decide_options(forecast, panel, splits)
    chosen = {key.removeprefix("forecast."): value for key, value in decided.items()}
    check(panel, splits, replace(forecast, **chosen))
    inferred: dict[str, Any] = {
        "forecast.targets": roles.targets,
        "forecast.time": roles.time,
        "forecast.frequency": panel.frequency.name,
        "data.task": "forecast",
        **decided,
    }
    # A model with layers of its own imports Keras for its keys: so they are last.
    config = settings.resolve()
    config = config.with_inferred({k: v for k, v in inferred.items() if _is_open(settings, k)})
    check_forecast_loss(config.training)
    forecast_measure(config.training, has_quantiles=config.training.loss == "quantile")
    return SeriesTable(panel, splits, read["data"].origin), config


def _is_open(settings: Settings, key: str) -> bool:
    """Whether nobody chose a value, or what was chosen leaves it to the data."""
    return key not in settings.chosen or not settings.chosen[key].value


def _check_settings(settings: Settings) -> None:
    if settings.data.task not in (None, "forecast"):
        problem = f"the task '{settings.data.task}' has no horizon"
        raise ConfigError(
            problem, location="forecast.horizon", hint="leave the task or the horizon out"
        )
    if settings.data.target is None and not settings.forecast.targets:
        raise ConfigError("no target", hint="name the column to be forecast as `target`")


def _given(settings: Settings, sources: Mapping[str, Any]) -> dict[str, Any]:
    """What each part is read from."""
    paths = settings.data
    named = {"data": paths.source, "validation": paths.validation, "test": paths.test}
    given = {
        name: sources[name] if sources.get(name) is not None else path
        for name, path in named.items()
    }
    if given["data"] is None:
        raise ConfigError("no data", hint="give a path, a DataFrame or a dict of arrays as `data`")
    for source in given.values():
        if isinstance(source, str | os.PathLike) and os.path.isdir(source):
            hint = "give a file with a column of times"
            raise DataError("a folder can't be forecast", location=os.fspath(source), hint=hint)
    return {name: with_time_column(s) for name, s in given.items() if s is not None}


def _together(read: Mapping[str, data.SourceTable], roles: columns.ColumnRoles) -> data.SourceTable:
    if len(read) == 1:
        return read["data"]
    # Others may be of different types in different files.
    names = list(roles.columns)
    return concatenate_tables([data.SourceTable(e.frame[names], e.origin) for e in read.values()])


def _firsts(
    read: Mapping[str, data.SourceTable], places: RowLocations, panel: Panel
) -> dict[str, list[int | None]]:
    """Index of the first point of each series in the files of validation and test rows."""
    firsts: dict[str, list[int | None]] = {}
    start = 0
    for name, source in read.items():
        stop = start + len(source.frame)
        series, ordinals = places.series[start:stop], places.ordinals[start:stop]
        if name != "data":
            earliest = pd.Series(ordinals).groupby(series).min()
            firsts[name] = [
                int(earliest[number]) - track.start if number in earliest.index else None
                for number, track in enumerate(panel.tracks)
            ]
        start = stop
    return firsts
