"""What is in a bundle, in a few lines: read from its data, without building the network."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from kerasnn.bundle import members as files
from kerasnn.bundle.header import read_totals
from kerasnn.data.schema import Schema, Target
from kerasnn.errors import ModelRefusedError
from kerasnn.files.json_values import conform, shown

if TYPE_CHECKING:
    from kerasnn.bundle.description import Description

MOST_COLUMNS = 40


def summary(path: str | os.PathLike[str]) -> str:
    """Describe a bundle that may be a stranger's.

    Raises:
        DataError: There is no such model.
        ModelRefusedError: It is damaged, hostile or too new.
    """
    members = files.read_members(path)
    with files.refused_at(path):
        return summary_of(members)


def read_outline(path: str | os.PathLike[str]) -> tuple[Schema | None, Mapping[str, Any]]:
    """The columns and the target of a bundle, None if it forecasts; and its configuration.

    Raises:
        DataError: There is no such model.
        ModelRefusedError: It is damaged, hostile or too new.
    """
    from kerasnn.bundle.description import Description

    members = files.read_members(path)
    with files.refused_at(path):
        data = files.parse(members, files.PREPROCESSING)
        described = Description.from_dict(files.parse(members, files.TRAINING_OPTIONS))
        return None if is_forecast(data) else _schema(data), described.config


def summary_of(members: Mapping[str, bytes]) -> str:
    """Describe a bundle by its members."""
    return "\n".join(_lines(members))


def _lines(members: Mapping[str, bytes]) -> Iterator[str]:
    from kerasnn.bundle.description import Description

    described = Description.from_dict(files.parse(members, files.TRAINING_OPTIONS))
    data = files.parse(members, files.PREPROCESSING)
    if is_forecast(data):
        yield from _forecast_lines(described, data, members)
        return
    schema = _schema(data)
    target, output = schema.target, described.signature.output
    yield f"{shown(described.model)}, made by kerasnn {shown(described.kerasnn)}"
    yield ""
    yield f"target      {shown(target.name)} ({target.task}, {_outputs(target)})"
    if target.task != output.task or (target.task == "binary" and len(target.classes) != 2):
        raise ModelRefusedError("the preprocessing does not fit the network")
    if target.task != "regression":
        decision = described.decision
        text = f"temperature {decision.temperature:.3g}"
        if target.task == "binary":
            text += f", {shown(target.classes[1])} from a probability of {decision.threshold:.3g}"
        elif target.task == "multilabel":
            text += f", each label from a probability of {decision.threshold:.3g}"
        yield f"decision    {text}"
    yield f"parameters  {read_totals(members[files.WEIGHTS]).elements:,}"
    yield f"size        {sum(map(len, members.values())) / 1024:,.1f} KiB"
    yield from _table("Columns", {c.name: c.kind for c in schema.features})
    yield from _table("Hyper-parameters", described.hyperparameters)


def is_forecast(data: Any) -> bool:
    """Whether the preprocessing of a bundle is that of a forecaster."""
    return isinstance(data, dict) and data.get("kind") == "forecast"


def _forecast_lines(
    described: Description, data: dict[str, Any], members: Mapping[str, bytes]
) -> Iterator[str]:
    from kerasnn.forecasting.preprocessor import ForecastPreprocessor

    fitted = ForecastPreprocessor.from_dict({k: v for k, v in data.items() if k != "intervals"})
    if fitted.signature != described.signature:
        raise ModelRefusedError("the preprocessing does not fit the network")
    roles, grid = fitted.roles, fitted.frequency
    season = f", season {fitted.season:,}" if fitted.season > 1 else ""
    yield f"{shown(described.model)}, made by kerasnn {shown(described.kerasnn)}"
    yield ""
    yield f"target      {', '.join(map(shown, roles.targets))} (forecast, {fitted.horizon:,} ahead)"
    yield f"lookback    {fitted.lookback:,} time steps, frequency {shown(grid.name)}{season}"
    yield f"series      {len(fitted.scales):,}"
    yield f"parameters  {read_totals(members[files.WEIGHTS]).elements:,}"
    yield f"size        {sum(map(len, members.values())) / 1024:,.1f} KiB"
    columns = {roles.time: "time", **dict.fromkeys(roles.series, "series")}
    columns |= dict.fromkeys(roles.past_covariates, "past covariate") | dict.fromkeys(
        roles.future_covariates, "future covariate"
    )
    columns |= {
        name: "static covariate"
        for name in (*roles.static_numbers, *roles.static_categories)
        if name not in columns
    }
    yield from _table("Columns", columns)
    yield from _table("Hyper-parameters", described.hyperparameters)


def _outputs(target: Target) -> str:
    classes, several = target.classes, "labels" if target.task == "multilabel" else "classes"
    if not classes:
        return "a number"
    names = ", ".join(map(shown, classes[:5]))
    return f"{len(classes)} {several}: {names}{', …' if len(classes) > 5 else ''}"


def _table(title: str, values: Mapping[str, Any]) -> Iterator[str]:
    if not values:
        return
    yield from ("", title)
    listed = {shown(name): shown(value) for name, value in list(values.items())[:MOST_COLUMNS]}
    width = max(map(len, listed))
    yield from (f"  {name:{width}}  {value}" for name, value in listed.items())
    if len(values) > MOST_COLUMNS:
        yield f"  and {len(values) - MOST_COLUMNS} more"


def _schema(data: Any) -> Schema:
    if not isinstance(data, dict) or "schema" not in data:
        raise ModelRefusedError(f"{files.PREPROCESSING} is malformed")
    conform(data["schema"], Schema, location="the schema")
    return Schema.from_dict(data["schema"])
