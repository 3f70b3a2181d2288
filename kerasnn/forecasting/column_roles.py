"""What each column of a table is to a forecast: the time, the series, the targets, what helps."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kerasnn.data.columns import cells, kinds
from kerasnn.data.columns.dates import ISO, is_layout
from kerasnn.data.columns.kind_inference import InferredKind
from kerasnn.data.columns.labels import numbers_or_none
from kerasnn.data.columns.number_columns import check_numbers
from kerasnn.data.columns.values import as_booleans, as_categories, as_numbers
from kerasnn.data.frames import location, origin_of
from kerasnn.errors import ConfigError, DataError, ModelRefusedError, UnknownNameError, warn
from kerasnn.forecasting.times import Clock, are_steps
from kerasnn.options import DataOptions, ForecastOptions
from kerasnn.preprocessing.preprocessor import check_columns

_BOOLEAN = "boolean"
_YEAR = re.compile(r"(?:.*[_\W])?years?", re.IGNORECASE)


@dataclass(frozen=True)
class ColumnRoles:
    """The columns that a forecast uses.

    Args:
        time: Column of the time.
        series: Columns that together name the series of a row.
        targets: Columns that are forecast.
        past_covariates: Columns of numbers that are known up to now.
        future_covariates: Columns of numbers that are known ahead, such as holidays.
        static_numbers: Columns of numbers that never change within a series.
        static_categories: Columns of texts that never change within a series; the names of the
            series are among them where there are several.
        clock: Reading of the times: in UTC, as clocks showed them, or as plain steps.
        layouts: Layouts by column, as in `kerasnn.data.schema.Column`; ``boolean`` for yes and no.
    """

    time: str
    series: tuple[str, ...]
    targets: tuple[str, ...]
    past_covariates: tuple[str, ...] = ()
    future_covariates: tuple[str, ...] = ()
    static_numbers: tuple[str, ...] = ()
    static_categories: tuple[str, ...] = ()
    clock: Clock = "utc"
    layouts: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """All of them, each once."""
        own = (
            *self.series,
            self.time,
            *self.targets,
            *self.past_covariates,
            *self.future_covariates,
        )
        return tuple(dict.fromkeys((*own, *self.static_numbers, *self.static_categories)))

    def read(self, frame: pd.DataFrame, names: Sequence[str]) -> NDArray[np.float64]:
        """Columns of numbers, (n, columns); NaN where one is missing.

        Raises:
            DataError: A column is not there, or a cell is no number or infinite.
        """
        check_columns(frame, list(names))
        read = [self._numbers(frame[name]) for name in names]
        return np.stack(read, axis=1) if read else np.zeros((len(frame), 0))

    def names_of(self, frame: pd.DataFrame) -> NDArray[np.object_]:
        """The series of each row, as texts, (n, columns).

        Raises:
            DataError: A column is not there, or a row has no series.
        """
        check_columns(frame, list(self.series))
        columns = [as_categories(frame[name]) for name in self.series]
        for name, texts in zip(self.series, columns, strict=True):
            missing = np.flatnonzero([text is None for text in texts])
            if len(missing):
                problem = (
                    f"{len(missing):,} rows have no series" if len(missing) > 1 else _NO_SERIES
                )
                where = location(frame[name], frame.index[missing[0]])
                raise DataError(problem, location=where, hint="fill it in, or leave the row out")
        return np.stack(columns, axis=1) if columns else np.empty((len(frame), 0), dtype=object)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {**asdict(self), "layouts": dict(self.layouts)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ColumnRoles:
        """Rebuild from `to_dict`'s data, which may be a stranger's.

        Raises:
            ModelRefusedError: It is no such data.
        """
        several = [f.name for f in fields(cls) if f.name not in ("time", "clock", "layouts")]
        if not isinstance(data, Mapping) or {*data} != {"time", "clock", "layouts", *several}:
            raise ModelRefusedError("the columns of the forecast are malformed")
        texts = [data["time"], *(name for key in several for name in _listed(data[key]))]
        layouts = data["layouts"]
        if not (
            all(isinstance(text, str) for text in texts)
            and data["clock"] in get_args(Clock)
            and isinstance(layouts, Mapping)
            and all(isinstance(text, str) for text in (*layouts, *layouts.values()))
            and data["targets"]
            and is_layout(layouts.get(data["time"], "") or ISO)
        ):
            raise ModelRefusedError("the columns of the forecast are malformed")
        named = {key: tuple(data[key]) for key in several}
        return cls(time=data["time"], clock=data["clock"], layouts=dict(layouts), **named)

    def _numbers(self, series: pd.Series) -> NDArray[np.float64]:
        layout = self.layouts.get(str(series.name), "")
        if layout == _BOOLEAN:
            return as_booleans(series)
        numbers: NDArray[np.float64] = as_numbers(series, layout=layout)
        check_numbers(series, numbers, whole=False)
        return numbers


_NO_SERIES = "a row has no series"


def infer(frame: pd.DataFrame, data: DataOptions, options: ForecastOptions) -> ColumnRoles:
    """Find the role of each column by the rows to learn from.

    Args:
        frame: Rows to learn from.
        data: Target, kinds and columns to leave out.
        options: Options of the forecast.

    Raises:
        ConfigError: A name is unknown, or columns don't fit together.
        DataError: There is no time, or a column does not hold what it should.
    """
    targets = _targets(frame, data, options)
    named = [
        *targets,
        *options.series,
        *options.future_covariates,
        *([options.time] if options.time else []),
    ]
    for name in named:
        if name not in frame.columns:
            raise UnknownNameError("column", name, list(map(str, frame.columns)))
    _check_apart(targets, options)
    rest = [name for name in frame.columns if name not in {*data.drop, *targets, *options.series}]
    inferred_kinds = {
        name: _infer_kind(frame[name], data) for name in [*targets, *rest] if name != options.time
    }
    time = options.time or _time_column(frame, inferred_kinds, targets)
    layouts = {
        name: inferred.layout for name, inferred in inferred_kinds.items() if inferred.layout
    }
    layouts |= {
        name: _BOOLEAN for name, inferred in inferred_kinds.items() if inferred.kind == _BOOLEAN
    }
    steps = are_steps(frame[time])
    layouts[time] = "" if steps else kinds.force(frame[time], "date").layout
    roles = ColumnRoles(
        time, options.series, targets, layouts=layouts, clock="steps" if steps else "utc"
    )
    for name in options.future_covariates:
        if not _is_numeric(inferred_kinds[name], frame[name]):
            hint = "make it a number, such as 1 for yes and 0 for no"
            raise DataError(
                "a column known ahead must be a number", location=f"column '{name}'", hint=hint
            )
    others = [name for name in rest if name not in (time, *options.future_covariates)]
    return _with_others(roles, frame, {name: inferred_kinds[name] for name in others}, options)


def _targets(frame: pd.DataFrame, data: DataOptions, options: ForecastOptions) -> tuple[str, ...]:
    targets = options.targets or ((data.target,) if data.target else ())
    if not targets:
        raise ConfigError("no target", hint="name the column to be forecast as `target`")
    if data.target and data.target not in targets:
        problem = f"the target '{data.target}' is not among `forecast.targets`"
        raise ConfigError(problem, hint="give one of both")
    if len(set(targets)) < len(targets):
        raise ConfigError("a target is named twice", location="forecast.targets")
    return targets


def _check_apart(targets: tuple[str, ...], options: ForecastOptions) -> None:
    """No column has two roles."""
    named = [
        *targets,
        *options.series,
        *options.future_covariates,
        *([options.time] if options.time else []),
    ]
    twice = next((name for name in named if named.count(name) > 1), None)
    if twice is not None:
        hint = "name it as one of time, series, target and future covariate"
        raise ConfigError(f"column '{twice}' has two roles", hint=hint)


def _infer_kind(series: pd.Series, data: DataOptions) -> InferredKind:
    kind = data.columns.get(str(series.name))
    return kinds.force(series, kind) if kind else kinds.infer_kind(series)


def _time_column(
    frame: pd.DataFrame, inferred_kinds: Mapping[str, InferredKind], targets: tuple[str, ...]
) -> str:
    """The only column of dates; without one, the only column of years that is named so.

    Raises:
        DataError: There is none, or there are several.
    """
    found = [
        name
        for name, inferred in inferred_kinds.items()
        if inferred.kind == "date" and name not in targets
    ]
    if not found:
        found = [name for name in inferred_kinds if name not in targets and _are_years(frame[name])]
    if len(found) == 1:
        return found[0]
    where = str(origin_of(frame)) or None
    if found:
        listed = ", ".join(f"'{name}'" for name in found)
        raise DataError(
            f"several columns of dates: {listed}", location=where, hint="name one as `time`"
        )
    problem = "no column of dates to forecast along"
    raise DataError(problem, location=where, hint="name the column of the time as `time`")


def _are_years(series: pd.Series) -> bool:
    """Whether a column is named as years are and holds years alone."""
    numbers = numbers_or_none(series) if _YEAR.fullmatch(str(series.name)) else None
    if numbers is None or not len(numbers):
        return False
    return bool(((numbers >= 1000) & (numbers < 3000) & (numbers == np.floor(numbers))).all())


def _is_numeric(inferred: InferredKind, series: pd.Series) -> bool:
    if inferred.kind in ("number", _BOOLEAN):
        return True
    # Numbers that never change, or count the rows, are numbers here all the same.
    form = cells.form_of(cells.to_arrow(series))
    return inferred.kind in ("constant", "identifier") and form in ("numbers", "booleans")


def _with_others(
    roles: ColumnRoles,
    frame: pd.DataFrame,
    inferred_kinds: Mapping[str, InferredKind],
    options: ForecastOptions,
) -> ColumnRoles:
    """Give each other column its role: what changes within a series is known up to now."""
    past: list[str] = []
    numbers: list[str] = []
    categories: list[str] = []
    series = _codes(roles.names_of(frame))
    several = len(series) and series.max() > 0
    for name, inferred in inferred_kinds.items():
        if inferred.kind in ("constant", "identifier"):
            continue
        fixed = _is_fixed(frame[name], series)
        if fixed and several:
            (numbers if _is_numeric(inferred, frame[name]) else categories).append(name)
        elif not fixed and _is_numeric(inferred, frame[name]):
            past.append(name)
    if several:
        categories = [*roles.series, *categories]
    return replace(
        roles,
        past_covariates=tuple(past),
        future_covariates=options.future_covariates,
        static_numbers=tuple(numbers),
        static_categories=tuple(categories),
        layouts={k: v for k, v in roles.layouts.items() if k in {*inferred_kinds, *roles.columns}},
    )


def warn_of_unused(frame: pd.DataFrame, roles: ColumnRoles, data: DataOptions) -> None:
    """Say which columns that vary have no role."""
    rest = [name for name in frame.columns if name not in {*roles.columns, *data.drop}]
    unused = [f"'{name}'" for name in rest if frame[name].astype(str).nunique() > 1]
    if unused:
        what = f"columns that can't help a forecast are left out: {', '.join(unused[:5])}"
        more = ", …" if len(unused) > 5 else ""
        warn(what + more, location=str(origin_of(frame)) or None, hint="make numbers of what could")


def _codes(names: NDArray[np.object_]) -> NDArray[np.int64]:
    """A number for each series, in the order of appearance, (n,)."""
    if not names.shape[1]:
        return np.zeros(len(names), np.int64)
    rows = pd.MultiIndex.from_arrays(list(names.T))
    codes: NDArray[np.int64] = pd.factorize(rows)[0].astype(np.int64)
    return codes


def _is_fixed(column: pd.Series, series: NDArray[np.int64]) -> bool:
    """Whether a column has one value in each series, missing cells apart."""
    texts = pd.Series(as_categories(column))
    return bool((texts.groupby(series).nunique() <= 1).all())


def _listed(value: Any) -> Iterator[Any]:
    if not isinstance(value, list | tuple):
        raise ModelRefusedError("the columns of the forecast are malformed")
    return iter(value)
