"""Whether a forecast's preprocessing read from a file is one that fitting could have made."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, get_args

from kerasnn.constraints import RANGES
from kerasnn.errors import ModelRefusedError
from kerasnn.forecasting.calendar import CYCLES
from kerasnn.forecasting.column_roles import ColumnRoles
from kerasnn.forecasting.frequency import LAST_DAY, Frequency, Unit
from kerasnn.preprocessing.categories import Vocabulary
from kerasnn.preprocessing.checks import are_floats, is_number_column, is_vocabulary
from kerasnn.preprocessing.numbers import NumberColumn

if TYPE_CHECKING:
    from kerasnn.forecasting.preprocessor import ForecastPreprocessor

KIND = "forecast"
LARGEST_STEP = 2**40


def rebuilt(cls: type[ForecastPreprocessor], data: Any) -> ForecastPreprocessor:
    """A preprocessor from plain data.

    Raises:
        ModelRefusedError: Says the first thing that is wrong.
    """
    from kerasnn.forecasting.preprocessor import SeriesScale

    expected = {"kind", *(field.name for field in fields(cls))}
    if not isinstance(data, Mapping) or {*data} != expected or data["kind"] != KIND:
        raise ModelRefusedError("the preprocessing is malformed")
    try:
        found = cls(
            ColumnRoles.from_dict(data["roles"]),
            Frequency(**data["frequency"]),
            data["season"],
            data["lookback"],
            data["horizon"],
            data["transform"],
            tuple(data["cycles"]),
            tuple(SeriesScale(**{k: tuple(v) for k, v in each.items()}) for each in data["scales"]),
            tuple(NumberColumn.from_dict(column) for column in data["past_covariates"]),
            tuple(NumberColumn.from_dict(column) for column in data["future_covariates"]),
            tuple(NumberColumn.from_dict(column) for column in data["static_numbers"]),
            tuple(Vocabulary.from_dict(column) for column in data["vocabularies"]),
            tuple(data["quantiles"]),
            tuple(data["non_negative"]),
        )
        claims = list(_claims(found))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        problem = f"the preprocessing is malformed: {type(error).__name__}"
        raise ModelRefusedError(problem) from None
    for is_right, problem in claims:
        if not is_right:
            raise ModelRefusedError(f"the preprocessing is malformed: {problem}")
    return found


def _claims(found: ForecastPreprocessor) -> Iterator[tuple[bool, str]]:
    """What must hold of what fitting makes."""
    roles, grid = found.roles, found.frequency
    yield len(set(roles.targets)) == len(roles.targets) >= 1, "the targets"
    yield _is_grid(grid), "the frequency"
    for size, key, name in (
        (found.season, "forecast.season", "season"),
        (found.lookback, "forecast.lookback", "lookback"),
        (found.horizon, "forecast.horizon", "horizon"),
    ):
        yield type(size) is int and size >= 1 and size in RANGES[key], f"the {name}"
    yield found.transform in ("none", "log"), "the transform"
    yield set(found.cycles) <= set(CYCLES) and len(set(found.cycles)) == len(found.cycles), "cycles"
    for columns, names in (
        (found.past_covariates, roles.past_covariates),
        (found.future_covariates, roles.future_covariates),
        (found.static_numbers, roles.static_numbers),
    ):
        yield tuple(column.name for column in columns) == names, "the columns of numbers"
        yield all(is_number_column(column, False) for column in columns), "the scale of a number"
    yield (
        tuple(v.name for v in found.vocabularies) == roles.static_categories,
        "the columns of categories",
    )
    yield all(is_vocabulary(v) for v in found.vocabularies), "the vocabularies"
    levels = found.quantiles
    yield are_floats(levels) and all(0 < level < 1 for level in levels), "the quantiles"
    yield list(levels) == sorted(set(levels)), "the quantiles"
    yield set(found.non_negative) <= set(roles.targets), "the targets that are not negative"
    keys = [scale.key for scale in found.scales]
    yield len(set(keys)) == len(keys) >= 1, "the series"
    n_targets = len(roles.targets)
    for scale in found.scales:
        yield len(scale.key) == len(roles.series), "the name of a series"
        yield all(isinstance(text, str) for text in scale.key), "the name of a series"
        lengths = {len(scale.mean), len(scale.deviation), len(scale.naive_error)}
        yield lengths == {n_targets}, "the scale of a series"
        numbers = (*scale.mean, *scale.deviation, *scale.naive_error)
        yield are_floats(numbers, limit=math.inf), "the scale of a series"
        yield min(scale.deviation) > 0 and min(scale.naive_error) >= 0, "the scale of a series"


def _is_grid(grid: Frequency) -> bool:
    numbers = (grid.step, grid.phase, grid.day, grid.second)
    return (
        grid.unit in get_args(Unit)
        and all(type(number) is int for number in numbers)
        and 1 <= grid.step <= LARGEST_STEP
        and 0 <= grid.phase < grid.step
        and 1 <= grid.day <= LAST_DAY
        and 0 <= grid.second < 86_400
        and (grid.unit != "weekday" or grid.step == 1)
    )
