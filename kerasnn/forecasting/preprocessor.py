"""From series to the inputs of a network and back, fitted on the training part alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasnn.errors import ConfigError, quantity, warn
from kerasnn.forecasting import calendar
from kerasnn.forecasting.column_roles import ColumnRoles
from kerasnn.forecasting.frequency import Frequency
from kerasnn.forecasting.non_negative import find_non_negative, least_values
from kerasnn.forecasting.panel import Key, Panel, TimeSeries
from kerasnn.forecasting.splits import Splits
from kerasnn.forecasting.windows import AroundRows, Filled, Origins, PastRows, fill
from kerasnn.options import ForecastOptions, PreprocessingOptions, Transform
from kerasnn.preprocessing.categories import Vocabulary
from kerasnn.preprocessing.numbers import NumberColumn, scale_numbers
from kerasnn.signature import Categories, Numbers, Output, Signature, Window

# Below it a deviation is none: the series is constant.
SMALLEST = 1e-12
# No forecast is further from the mean of its series, in its deviations.
FURTHEST = 1e4


@dataclass(frozen=True)
class SeriesScale:
    """What the training part of a series taught, by target.

    Args:
        key: Key of the series.
        mean: Mean of the transformed readings.
        deviation: Standard deviation of the transformed readings; > 0.
        naive_error: Mean absolute error, in the unit of the target, of repeating the value of a
            season ago; 0 where that is not known.
    """

    key: Key
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    naive_error: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Prepared:
    """A panel as a network sees it.

    Args:
        panel: Series in the units of the targets.
        scales: One for each series.
        target: Scaled and filled.
        truth: Scaled, NaN where missing, with the padding of `target`.
        past_covariates: Columns known up to now, scaled and filled.
        future_covariates: Columns known ahead, scaled, then the calendar; padded as `target`.
        static_numbers: Scaled numbers of each series, (series, columns).
        codes: Codes of the categories of each series, (series, columns).
        unseen: Series that training did not know.
    """

    panel: Panel
    scales: tuple[SeriesScale, ...]
    target: Filled
    truth: NDArray[np.float32]
    past_covariates: Filled | None
    future_covariates: NDArray[np.float32] | None
    static_numbers: NDArray[np.float32] | None
    codes: NDArray[np.int32] | None
    unseen: tuple[str, ...] = ()


@dataclass(frozen=True)
class ForecastPreprocessor:
    """What the training part taught, as plain data.

    Args:
        roles: Roles of the columns.
        frequency: Frequency of the time steps.
        season: Points of a season.
        lookback: Points that the network looks back.
        horizon: Points that it looks ahead.
        transform: Transform of the targets, before they are scaled.
        cycles: Cycles of the calendar.
        scales: One for each series of the training.
        past_covariates: Scaling of the columns that are known up to now.
        future_covariates: Scaling of the columns that are known ahead.
        static_numbers: Scaling of the numbers that never change in a series.
        vocabularies: Vocabularies of the categories that never change in a series.
        quantiles: Levels that the network forecasts; none for one value.
        non_negative: Targets that are counts or amounts, whose forecasts are never below 0.
    """

    roles: ColumnRoles
    frequency: Frequency
    season: int
    lookback: int
    horizon: int
    transform: Transform
    cycles: tuple[str, ...]
    scales: tuple[SeriesScale, ...]
    past_covariates: tuple[NumberColumn, ...] = ()
    future_covariates: tuple[NumberColumn, ...] = ()
    static_numbers: tuple[NumberColumn, ...] = ()
    vocabularies: tuple[Vocabulary, ...] = ()
    quantiles: tuple[float, ...] = ()
    non_negative: tuple[str, ...] = ()

    @classmethod
    def fit(
        cls,
        panel: Panel,
        splits: Splits,
        options: ForecastOptions,
        preprocessing: PreprocessingOptions | None = None,
        *,
        quantiles: Sequence[float] = (),
    ) -> ForecastPreprocessor:
        """Learn from the training part.

        Args:
            panel: All series.
            splits: Parts of the series in time.
            options: Options whose lookback, horizon, season and transform are set.
            preprocessing: Options for encoding static categories; None for the defaults.
            quantiles: Levels to forecast.

        Raises:
            ConfigError: The logarithm of what is not positive is asked for.
        """
        roles = panel.roles
        train = [t.target[:stop] for t, stop in zip(panel.tracks, splits.validation, strict=True)]
        transform: Transform = "log" if options.transform == "log" else "none"
        if transform == "log":
            check_positive(train)
        plain = replace(PreprocessingOptions(), indicator=False)
        columns: dict[str, tuple[NumberColumn, ...]] = {}
        for name in ("past_covariates", "future_covariates"):
            seen = [
                getattr(t, name)[:stop]
                for t, stop in zip(panel.tracks, splits.validation, strict=True)
            ]
            columns[name] = _columns(getattr(roles, name), np.concatenate(seen), plain)
        statics = np.stack([track.static_numbers for track in panel.tracks])
        encode = replace(preprocessing or PreprocessingOptions(), min_count=1)
        words = [
            np.array(c, dtype=object)
            for c in zip(*(t.static_categories for t in panel.tracks), strict=True)
        ]
        longest = int(splits.validation.max())
        return cls(
            roles,
            panel.frequency,
            options.season,
            options.lookback,
            options.horizon,
            transform,
            calendar.cycles_for(panel.frequency, longest),
            _scales(panel.tracks, train, transform, options.season),
            **columns,
            static_numbers=_columns(roles.static_numbers, statics, plain),
            vocabularies=tuple(
                Vocabulary.fit(name, column, encode)
                for name, column in zip(roles.static_categories, words, strict=True)
            ),
            quantiles=tuple(quantiles),
            non_negative=find_non_negative(roles.targets, train),
        )

    @cached_property
    def signature(self) -> Signature:
        """What goes into a network for these series, and what comes out."""
        window = Window(
            self.roles.targets,
            self.lookback,
            self.horizon,
            self.season,
            tuple(column.name for column in self.past_covariates),
            (
                *(column.name for column in self.future_covariates),
                *calendar.feature_names(self.cycles),
            ),
            self.quantiles,
        )
        categories = Categories(
            tuple(v.name for v in self.vocabularies),
            tuple(v.cardinality for v in self.vocabularies),
            tuple(v.width for v in self.vocabularies),
        )
        return Signature(
            Output("forecast", window.width),
            Numbers(tuple(column.name for column in self.static_numbers))
            if self.static_numbers
            else None,
            categories if self.vocabularies else None,
            window=window,
        )

    def prepare(self, panel: Panel) -> Prepared:
        """Scale series; those that training did not know by their own readings."""
        known_scales = {scale.key: scale for scale in self.scales}
        unseen = [track for track in panel.tracks if track.key not in known_scales]
        targets = [track.target for track in unseen]
        known_scales |= {s.key: s for s in _scales(unseen, targets, self.transform, self.season)}
        scales = tuple(known_scales[track.key] for track in panel.tracks)
        scaled = [
            self.scale(track.target, scale)
            for track, scale in zip(panel.tracks, scales, strict=True)
        ]
        pad = self.lookback + self.horizon
        past = [_scaled(track.past_covariates, self.past_covariates) for track in panel.tracks]
        return Prepared(
            panel,
            scales,
            fill(scaled, pad),
            np.concatenate([_padded(values, pad) for values in scaled]),
            fill(past, pad) if self.past_covariates else None,
            self._future_covariates(panel, pad),
            self._static_numbers(panel),
            self._codes(panel),
            tuple(track.name for track in unseen),
        )

    def inputs(self, prepared: Prepared, origins: Origins) -> dict[str, Any]:
        """The inputs of the network, whose windows are cut out when they are read."""
        inputs: dict[str, Any] = {"past": PastRows(prepared.target, origins, self.lookback)}
        if prepared.past_covariates is not None:
            inputs["past_covariates"] = PastRows(prepared.past_covariates, origins, self.lookback)
        if prepared.future_covariates is not None:
            inputs["future_covariates"] = AroundRows(
                prepared.future_covariates,
                prepared.target.starts,
                origins,
                before=self.lookback,
                ahead=self.horizon,
            )
        if prepared.static_numbers is not None:
            inputs["numbers"] = prepared.static_numbers[origins.track]
        if prepared.codes is not None:
            inputs["categories"] = prepared.codes[origins.track]
        return inputs

    def target(self, prepared: Prepared, origins: Origins) -> AroundRows:
        """What the network is to say, (n, horizon · targets); NaN where nobody knows."""
        return AroundRows(
            prepared.truth,
            prepared.target.starts,
            origins,
            before=0,
            ahead=self.horizon,
            flat=True,
        )

    def scale(self, target: NDArray[np.float64], scale: SeriesScale) -> NDArray[np.float64]:
        """Readings of a series, (points, targets), as the network knows them."""
        values = _logarithm(target) if self.transform == "log" else target
        scaled: NDArray[np.float64] = (values - np.array(scale.mean)) / np.array(scale.deviation)
        return scaled

    def shaped(self, outputs: NDArray[Any]) -> NDArray[np.float64]:
        """Raw outputs as (n, horizon, targets, max(1, quantiles)); quantiles in their order."""
        shape = (len(outputs), self.horizon, len(self.roles.targets), max(1, len(self.quantiles)))
        return np.sort(outputs.reshape(shape).astype("float64"), axis=-1)

    def decode(
        self, scaled: NDArray[np.float64], scales: Sequence[SeriesScale]
    ) -> NDArray[np.float64]:
        """Scaled values, (n, horizon, targets, any), in the units of the targets.

        Args:
            scaled: Scaled outputs, as `shaped` returns them.
            scales: One for each row.
        """
        mean = np.array([scale.mean for scale in scales])[:, None, :, None]
        deviation = np.array([scale.deviation for scale in scales])[:, None, :, None]
        values = np.clip(scaled, -FURTHEST, FURTHEST) * deviation + mean
        decoded: NDArray[np.float64] = values
        least = least_values(self.roles.targets, self.non_negative)
        if least is not None and self.transform == "none":
            decoded = np.maximum(values, least)
        return np.exp(np.minimum(values, 700.0)) if self.transform == "log" else decoded

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        fitted = {k: v for k, v in asdict(self).items() if k != "roles"}
        return {"kind": "forecast", "roles": self.roles.to_dict(), **fitted}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ForecastPreprocessor:
        """Rebuild from `to_dict`'s data, which may be a stranger's.

        Raises:
            ModelRefusedError: The data are not what a fitted preprocessor writes.
        """
        from kerasnn.forecasting.checks import rebuilt

        return rebuilt(cls, data)

    def _future_covariates(self, panel: Panel, pad: int) -> NDArray[np.float32] | None:
        """What is known ahead; between rows by a straight line, beyond them as at their ends."""
        if not (self.future_covariates or self.cycles):
            return None
        given = fill(
            [_scaled(track.future_covariates, self.future_covariates) for track in panel.tracks],
            pad,
        ).between
        points = [panel.values(i, -pad, len(t) + pad) for i, t in enumerate(panel.tracks)]
        waves = calendar.features(self.cycles, np.concatenate(points))
        return np.concatenate([given, waves], axis=1)

    def _static_numbers(self, panel: Panel) -> NDArray[np.float32] | None:
        if not self.static_numbers:
            return None
        raw = np.stack([track.static_numbers for track in panel.tracks]).astype("float32")
        numbers: NDArray[np.float32] = scale_numbers(np, raw, self.static_numbers, "standard")
        return numbers

    def _codes(self, panel: Panel) -> NDArray[np.int32] | None:
        if not self.vocabularies:
            return None
        columns = zip(*(track.static_categories for track in panel.tracks), strict=True)
        codes = [
            vocabulary.encode(np.array(words, dtype=object))
            for vocabulary, words in zip(self.vocabularies, columns, strict=True)
        ]
        return np.stack(codes, axis=1)


def check_positive(train: Sequence[NDArray[np.float64]]) -> None:
    """Raise if some training reading has no logarithm.

    Raises:
        ConfigError: Says the smallest.
    """
    least = min((float(np.nanmin(t)) for t in train if np.isfinite(t).any()), default=1.0)
    if least <= 0:
        raise ConfigError(
            f"the logarithm needs targets above 0; the smallest is {least:g}",
            location="forecast.transform",
            hint="choose none or auto",
        )


def _columns(
    names: tuple[str, ...], values: NDArray[np.float64], options: PreprocessingOptions
) -> tuple[NumberColumn, ...]:
    single = values.astype("float32")
    return tuple(NumberColumn.fit(name, single[:, i], options) for i, name in enumerate(names))


def _scaled(values: NDArray[np.float64], columns: tuple[NumberColumn, ...]) -> NDArray[np.float64]:
    """Covariates, (points, columns), scaled; NaN stays."""
    if not columns:
        return np.zeros((len(values), 0))
    scaled = scale_numbers(np, values.astype("float32"), columns, "standard").astype("float64")
    return np.where(np.isfinite(values), scaled, np.nan)


def _padded(values: NDArray[np.float64], pad: int) -> NDArray[np.float32]:
    padded = np.pad(values, ((pad, pad), (0, 0)), constant_values=np.nan)
    return padded.astype("float32")


def _logarithm(target: NDArray[np.float64]) -> NDArray[np.float64]:
    """NaN for what has none."""
    odd = target <= 0
    if odd.any():
        problem = f"{quantity(int(odd.sum()), 'reading is', 'readings are')} not above 0, as the logarithm needs"
        warn(problem, hint="they are taken for missing")
    return np.log(np.where(odd, np.nan, target))


def _scales(
    tracks: Sequence[TimeSeries],
    train: Sequence[NDArray[np.float64]],
    transform: Transform,
    season: int,
) -> tuple[SeriesScale, ...]:
    """Scales of each series; a series without values gets the mean of the others."""
    scales: list[SeriesScale | None] = []
    for track, target in zip(tracks, train, strict=True):
        values = _logarithm(target) if transform == "log" else target
        if not np.isfinite(values).any(axis=0).all():
            scales.append(None)
            continue
        mean, deviation = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
        flat = is_flat(mean, deviation)
        deviation = np.where(flat, np.maximum(np.abs(mean), 1.0), deviation)
        error = naive_error(target, season)
        scales.append(
            SeriesScale(track.key, *(tuple(v.tolist()) for v in (mean, deviation, error)))
        )
    return tuple(
        scale or _mean_scale(scales, track, train[0].shape[1])
        for scale, track in zip(scales, tracks, strict=True)
    )


def naive_error(target: NDArray[np.float64], season: int) -> NDArray[np.float64]:
    """Mean absolute error of repeating the value of a season ago, (targets,); 0 if unknown."""
    apart = np.abs(target[season:] - target[:-season])
    count = np.isfinite(apart).sum(axis=0)
    error: NDArray[np.float64] = np.nansum(apart, axis=0) / np.maximum(count, 1)
    return error


def _mean_scale(
    scales: Sequence[SeriesScale | None], track: TimeSeries, n_targets: int
) -> SeriesScale:
    known = [scale for scale in scales if scale is not None]
    if not known:
        return SeriesScale(track.key, (0.0,) * n_targets, (1.0,) * n_targets, (0.0,) * n_targets)
    mean = np.mean([scale.mean for scale in known], axis=0).tolist()
    deviation = np.mean([scale.deviation for scale in known], axis=0).tolist()
    return SeriesScale(track.key, tuple(mean), tuple(deviation), (0.0,) * n_targets)


def is_flat(mean: NDArray[np.float64], deviation: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether targets never change, but for rounding errors; by target."""
    flat: NDArray[np.bool_] = deviation <= SMALLEST * np.maximum(1.0, np.abs(mean))
    return flat
