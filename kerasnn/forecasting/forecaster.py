"""From recent rows to forecasts: preprocessing, network, intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kerasnn.data.columns import cells
from kerasnn.data.columns.dates import in_zone, is_period, write, zone_of
from kerasnn.data.frames import origin_of
from kerasnn.errors import DataError, warn
from kerasnn.forecasting.intervals import Intervals
from kerasnn.forecasting.panel import Panel, locate, read_panel
from kerasnn.forecasting.preprocessor import ForecastPreprocessor, Prepared, naive_error
from kerasnn.forecasting.windows import Origins
from kerasnn.inference.batched_model import BatchedModel, check_finite
from kerasnn.metrics.forecasts import Forecasts

if TYPE_CHECKING:
    import keras

PREDICTION, QUANTILE = "prediction", "quantile"
# Windows whose inputs are in memory at once.
AT_ONCE = 1024


@dataclass
class Forecaster:
    """Forecasts series.

    Args:
        preprocessor: Preprocessor that makes inputs of the network, and values of its outputs.
        network: Network that returns scaled values.
        intervals: Intervals that turn the outputs into quantiles; None for the outputs alone.
    """

    preprocessor: ForecastPreprocessor
    network: keras.Model
    intervals: Intervals | None = None
    _forward: BatchedModel | None = field(default=None, repr=False)

    def with_intervals(self, intervals: Intervals | None) -> Forecaster:
        """The same forecaster with other intervals; what is compiled is shared."""
        return Forecaster(self.preprocessor, self.network, intervals, self._forward)

    def scaled(self, prepared: Prepared, origins: Origins) -> NDArray[np.float64]:
        """What the network says, still scaled, (n, horizon, targets, max(1, its quantiles))."""
        return self.scaled_of(self.preprocessor.inputs(prepared, origins))

    def scaled_of(self, inputs: Mapping[str, Any]) -> NDArray[np.float64]:
        """What `scaled` returns, for inputs of the network."""
        if self._forward is None:
            self._forward = BatchedModel(self.network, batch_size=AT_ONCE)
        return self.preprocessor.shaped(self._forward(inputs))

    @property
    def levels(self) -> tuple[float, ...]:
        """Levels of the quantiles that are forecast beside the value."""
        return self.intervals.levels if self.intervals else self.preprocessor.quantiles

    @property
    def middle(self) -> int:
        """Which number of the network is the forecast itself."""
        levels = self.preprocessor.quantiles
        return levels.index(0.5) if 0.5 in levels else len(levels) // 2

    def values_of(self, scaled: NDArray[np.float64]) -> NDArray[np.float64]:
        """The forecast and behind it its quantiles, still scaled.

        Shape:
            scaled: from `scaled`; returns (n, horizon, targets, 1 + levels)
        """
        value = scaled[..., self.middle : self.middle + 1]
        if self.intervals:
            return np.concatenate([value, self.intervals.apply(scaled)], axis=-1)
        return np.concatenate([value, scaled], axis=-1) if self.levels else value

    def forecasts(self, panel: Panel | Prepared, origins: Origins) -> Forecasts:
        """Forecasts from some origins, beside what came.

        Args:
            panel: The series.
            origins: Origins to forecast from, such as `kerasnn.forecasting.windows.origins` finds.

        Raises:
            ModelRefusedError: The network returns no finite number for some windows.
        """
        prepared = self.preprocessor.prepare(panel) if isinstance(panel, Panel) else panel
        scaled = self.scaled(prepared, origins)
        check_finite(scaled)
        found = self.decoded(prepared, origins, scaled)
        check_finite(found.prediction)
        return found

    def decoded(
        self, prepared: Prepared, origins: Origins, scaled: NDArray[np.float64]
    ) -> Forecasts:
        """Scaled outputs in the units of the targets, with their quantiles.

        Args:
            prepared: The series.
            origins: Origins to forecast from.
            scaled: Scaled outputs, as `scaled` returns them.
        """
        fitted, panel = self.preprocessor, prepared.panel
        scales = [prepared.scales[number] for number in origins.track]
        values = fitted.decode(self.values_of(scaled), scales)
        errors = self._naive_errors(prepared)
        return Forecasts(
            targets=fitted.roles.targets,
            series=np.array([panel.tracks[i].name for i in origins.track], dtype=object),
            origins=self._times(panel, origins, np.zeros(1, np.int64))[:, 0],
            times=self._times(panel, origins, np.arange(1, fitted.horizon + 1)),
            truth=_truth(panel, origins, fitted.horizon),
            prediction=values[..., 0],
            naive_error=errors[origins.track],
            season=fitted.season,
            quantiles={level: values[..., i] for i, level in enumerate(self.levels, 1)},
        )

    def panel(self, frame: pd.DataFrame) -> Panel:
        """Raw rows as series on the grid of the training.

        Raises:
            DataError: Columns are missing, or don't hold what they held in training.
        """
        fitted = self.preprocessor
        if not len(frame):
            raise DataError(
                "no rows", location=str(origin_of(frame)) or None, hint="give the history"
            )
        return read_panel(frame, locate(frame, fitted.roles, fitted.frequency))

    def predict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Forecast each series from its last known point on, as far as the horizon.

        Args:
            frame: Recent history of each series; columns that are known ahead also need rows
                behind it, whose targets are empty.

        Returns:
            For each series and time step a row: what names the series, the time, then
            ``prediction`` and a ``quantile:LEVEL`` each; of several targets
            ``prediction:TARGET`` and ``quantile:LEVEL:TARGET``.

        Raises:
            DataError: Columns are missing, a series has no reading, or what should be known ahead
                is not.
        """
        panel = self.panel(frame)
        self._check_ahead(panel, frame)
        prepared = self.preprocessor.prepare(panel)
        self._warn_of(prepared)
        ends = np.array([track.end - 1 for track in panel.tracks], np.int64)
        origins = Origins(np.arange(len(panel), dtype=np.int64), ends)
        zone, differ = zone_of(frame[self.preprocessor.roles.time])
        if differ and panel.roles.clock == "local":
            zone = None
        found = self._table(panel, self.forecasts(prepared, origins), zone)
        return self._with_periods(found, frame)

    def _with_periods(self, found: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
        """Quarters and weeks written as in the history."""
        name = self.preprocessor.roles.time
        layout = self.preprocessor.roles.layouts.get(name, "")
        if is_period(layout) and cells.form_of(cells.to_arrow(frame[name])) == "text":
            found[name] = write(found[name], layout)
        return found

    def _table(self, panel: Panel, found: Forecasts, zone: tzinfo | None) -> pd.DataFrame:
        roles, horizon = self.preprocessor.roles, found.horizon
        keys = [track.key for track in panel.tracks]
        columns: dict[str, Any] = {
            name: np.repeat([key[i] for key in keys], horizon)
            for i, name in enumerate(roles.series)
        }
        times = found.times.reshape(-1)
        columns[roles.time] = times.astype(np.int64) if roles.clock == "steps" else times
        if roles.clock != "steps":
            columns[roles.time] = in_zone(pd.Series(times), zone, is_local=roles.clock == "local")
        for i, target in enumerate(found.targets):
            ending = f":{target}" if len(found.targets) > 1 else ""
            columns[f"{PREDICTION}{ending}"] = found.prediction[..., i].reshape(-1)
            for level, values in found.quantiles.items():
                columns[f"{QUANTILE}:{level:g}{ending}"] = values[..., i].reshape(-1)
        return pd.DataFrame(columns)

    def _times(
        self, panel: Panel, origins: Origins, ahead: NDArray[np.int64]
    ) -> NDArray[np.datetime64]:
        starts = np.array([track.start for track in panel.tracks], np.int64)
        ordinals = (starts[origins.track] + origins.at)[:, None] + ahead
        return panel.frequency.values(ordinals).astype("datetime64[s]")

    def _naive_errors(self, prepared: Prepared) -> NDArray[np.float64]:
        """Those of the training; of a series that it did not know, of its own readings."""
        season, errors = self.preprocessor.season, []
        for track, scale in zip(prepared.panel.tracks, prepared.scales, strict=True):
            known = np.array(scale.naive_error)
            errors.append(known if known.any() else naive_error(track.target, season))
        return np.stack(errors)

    def _check_ahead(self, panel: Panel, frame: pd.DataFrame) -> None:
        fitted = self.preprocessor
        where = str(origin_of(frame)) or None
        for track in panel.tracks:
            named = f" of series '{track.name}'" if track.key else ""
            if not np.isfinite(track.target).any(axis=0).all():
                problem = f"no reading{named} to forecast from"
                raise DataError(problem, location=where, hint="give its recent history")
            ahead = track.future_covariates[track.end : track.end + fitted.horizon]
            lacking = [
                f"'{name}'"
                for i, name in enumerate(fitted.roles.future_covariates)
                if len(ahead) < fitted.horizon or not np.isfinite(ahead[:, i]).all()
            ]
            if lacking:
                problem = (
                    f"{', '.join(lacking)}{named} must be known {fitted.horizon:,} time steps ahead"
                )
                hint = "add rows with the times to come, and leave the target in them empty"
                raise DataError(problem, location=where, hint=hint)

    def _warn_of(self, prepared: Prepared) -> None:
        fitted, tracks = self.preprocessor, prepared.panel.tracks
        if prepared.unseen:
            problem = f"series that training did not know: {_listed(prepared.unseen)}"
            warn(problem, hint="they are scaled by their own history")
        short = [track.name for track in tracks if track.end < fitted.lookback]
        if short:
            named = f" of {_listed(short)}" if fitted.roles.series else ""
            problem = (
                f"the history{named} is shorter than the {fitted.lookback:,} points of a window"
            )
            warn(problem, hint="what is missing is filled with its first value")
        grid = fitted.frequency
        ends = {panel_end(prepared.panel, i) for i in range(len(tracks))}
        if len(ends) > 1:
            texts = grid.texts(np.array([min(ends), max(ends)], np.int64))
            warn(f"the series end at different times, from {texts[0]} to {texts[1]}")


def panel_end(panel: Panel, number: int) -> int:
    """The time of the last known point of a series."""
    end = panel.tracks[number].end
    return int(panel.values(number, end - 1, end)[0])


def _truth(panel: Panel, origins: Origins, horizon: int) -> NDArray[np.float64]:
    """What came behind each origin, (n, horizon, targets)."""
    padded = [
        np.pad(t.target, ((0, horizon), (0, 0)), constant_values=np.nan) for t in panel.tracks
    ]
    starts = np.cumsum([0, *map(len, padded)])[:-1]
    index = (starts[origins.track] + origins.at)[:, None] + np.arange(1, horizon + 1)
    truth: NDArray[np.float64] = np.concatenate(padded)[index]
    return truth


def _listed(names: list[str] | tuple[str, ...]) -> str:
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return ", ".join(f"'{name}'" for name in names[:3]) + more
