"""Forecasters for other runtimes: readings in their own units in, values and quantiles out.

The scaling is inside. What a window is made of is not: whoever calls the model cuts the recent
history out, fills its gaps, and says where in the calendar each point is, as the page tells.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from kerasnn.errors import ExportError
from kerasnn.export import formats
from kerasnn.export.example import rounded, typical_number
from kerasnn.export.exporter import (
    ExportResult,
    card_of,
    check_path,
    failing_as_export_error,
    move,
    work_folder,
)
from kerasnn.export.formats import Run
from kerasnn.export.markdown import code, literal, plain
from kerasnn.export.page_check import run_example
from kerasnn.export.quiet import quiet
from kerasnn.export.verify import LARGEST_DIFFERENCE, agreement
from kerasnn.files.storage import check_writable, write_atomically
from kerasnn.forecasting import calendar
from kerasnn.forecasting.non_negative import least_values
from kerasnn.forecasting.preprocessor import FURTHEST, SeriesScale
from kerasnn.forecasting.windows import Origins
from kerasnn.inference.batched_model import check_finite
from kerasnn.preprocessing.numbers import NumberColumn, scale_numbers

if TYPE_CHECKING:
    from kerasnn.forecasting.forecaster import Forecaster
    from kerasnn.forecasting.panel import Panel
    from kerasnn.forecasting.preprocessor import ForecastPreprocessor

OUTPUT = "forecast"
MOST_WINDOWS, SINGLE_WINDOWS = 100, 4
# Units of float32's last place that scaling back and forth may cost.
ROUNDING = 8

Raw = dict[str, NDArray[Any]]


def export(
    forecaster: Forecaster,
    path: str | os.PathLike[str],
    panel: Panel,
    *,
    format: str,
    force: bool = False,
) -> ExportResult:
    """Write a forecaster, and verify it in the format's own runtime.

    It is compared with the original on windows of the panel and on copies of them with noise, all
    together and one by one. What differs by more than 1e-5 relative to max(1, |value|), where
    values count in deviations of their series from its mean, beyond the rounding of float32, is
    not written.

    Args:
        forecaster: The preprocessing, the network and the intervals.
        path: Path of the file, ending as the format wants it, or of the folder for a SavedModel.
        panel: Series to compare on.
        format: Name of a format, one of `kerasnn.export.names`.
        force: Replace what is there.

    Raises:
        ConfigError: The path exists, or does not suit the format.
        MissingDependencyError: The format's extra is not installed.
        ExportError: The network can't be converted, or differs.
    """
    found = formats.get(format)
    path = Path(path)
    card = card_of(path, format)
    check_path(path, format, force=force)
    check_writable(path.parent)
    with failing_as_export_error(found.TITLE), work_folder(path) as folder:
        part = folder / path.name
        raw, scales = raw_windows(forecaster.preprocessor, panel)
        model = serving_model(forecaster)
        with quiet():
            found.write(model, part)
            difference = check(forecaster, found.load(part), raw, scales)
            text = page(forecaster, path.name, format)
            check_example(forecaster, text, part)
        move(part, path, folder)
    write_atomically(card, text.encode())
    return ExportResult(path, format, difference, len(scales), card)


def serving_model(forecaster: Forecaster) -> keras.Model:
    """Raw windows → scaling → network → values and quantiles in the units of the targets.

    Shape:
        past: (batch, history, targets); past_covariates: (batch, history, any); known_covariates:
        (batch, history + horizon, any); numbers: (batch, any); categories: (batch, any), int32;
        mean and deviation, where there are several series: (batch, targets). Output ``"forecast"``:
        (batch, horizon, targets, 1 + quantiles), the value first.
    """
    fitted = forecaster.preprocessor
    inputs = {
        name: keras.Input(shape[1:], dtype=dtype, name=name)
        for name, (shape, dtype) in input_shapes(fitted).items()
    }
    mean, deviation = _scale_tensors(fitted, inputs)
    prepared = dict(inputs)
    past = ops.log(inputs["past"]) if fitted.transform == "log" else inputs["past"]
    prepared["past"] = (past - mean) / deviation
    for name, columns, waves in _covariates(fitted):
        if name in inputs:
            prepared[name] = _scaled(ops, inputs[name], columns, waves)
    prepared = {name: prepared[name] for name in forecaster.network.input}
    inner = keras.Model(forecaster.network.input, forecaster.network.output, name="functional")
    outputs = ops.reshape(inner(prepared), (-1, *_output_shape(fitted)))
    values = _with_quantiles(forecaster, outputs)
    values = ops.clip(values, -FURTHEST, FURTHEST)
    values = values * ops.expand_dims(deviation, -1) + ops.expand_dims(mean, -1)
    if fitted.transform == "log":
        values = ops.exp(ops.minimum(values, 88.0))
    elif fitted.non_negative:
        values = ops.maximum(values, least_values(fitted.roles.targets, fitted.non_negative))
    return keras.Model(inputs, {OUTPUT: values})


def input_shapes(fitted: ForecastPreprocessor) -> dict[str, tuple[tuple[Any, ...], str]]:
    """Shape and type of each input, by name."""
    lookback, targets = fitted.lookback, len(fitted.roles.targets)
    known = len(fitted.future_covariates) + 2 * len(fitted.cycles)
    shapes: dict[str, tuple[tuple[Any, ...], str]] = {
        "past": ((None, lookback, targets), "float32")
    }
    if fitted.past_covariates:
        shapes["past_covariates"] = (None, lookback, len(fitted.past_covariates)), "float32"
    if known:
        shapes["future_covariates"] = (None, lookback + fitted.horizon, known), "float32"
    if fitted.static_numbers:
        shapes["numbers"] = (None, len(fitted.static_numbers)), "float32"
    if fitted.vocabularies:
        shapes["categories"] = (None, len(fitted.vocabularies)), "int32"
    if len(fitted.scales) > 1:
        shapes["mean"] = shapes["deviation"] = (None, targets), "float32"
    return shapes


def raw_windows(
    fitted: ForecastPreprocessor, panel: Panel, *, seed: int = 0
) -> tuple[Raw, list[SeriesScale]]:
    """Windows of a panel in their own units, and copies with noise; the scale of each."""
    random = np.random.default_rng(seed)
    prepared = fitted.prepare(panel)
    pairs = [(number, track.end) for number, track in enumerate(panel.tracks) if track.end]
    each = max(MOST_WINDOWS // (2 * len(pairs)), 1)
    chosen = [
        (number, at)
        for number, end in pairs[:MOST_WINDOWS]
        for at in np.unique(np.linspace(min(fitted.lookback, end) - 1, end - 1, each).astype(int))
    ]
    found = Origins(*(np.array(column, np.int64) for column in zip(*chosen, strict=True)))
    inputs = {name: np.asarray(rows[:]) for name, rows in fitted.inputs(prepared, found).items()}
    inputs = {name: np.concatenate([rows, rows]) for name, rows in inputs.items()}
    noise = random.normal(0, 0.5, inputs["past"].shape)
    noise[: len(found)] = 0
    scales = [prepared.scales[number] for number in found.track] * 2
    scaled = (inputs["past"] + noise)[..., None].astype("float64")
    raw: Raw = {"past": fitted.decode(scaled, scales)[..., 0].astype("float32")}
    for name, columns, _ in _covariates(fitted):
        if name in inputs:
            raw[name] = _unscaled(inputs[name], columns)
    if "categories" in inputs:
        raw["categories"] = inputs["categories"]
    if "mean" in input_shapes(fitted):
        raw["mean"] = np.array([scale.mean for scale in scales], "float32")
        raw["deviation"] = np.array([scale.deviation for scale in scales], "float32")
    return raw, scales


def reference(
    forecaster: Forecaster, raw: Mapping[str, NDArray[Any]], scales: Sequence[SeriesScale]
) -> NDArray[np.float64]:
    """What the original says of raw windows, (n, horizon, targets, 1 + quantiles)."""
    fitted = forecaster.preprocessor
    inputs = dict(raw)
    past = [
        fitted.scale(window.astype("float64"), scale)
        for window, scale in zip(raw["past"], scales, strict=True)
    ]
    inputs["past"] = np.stack(past).astype("float32")
    for name, columns, waves in _covariates(fitted):
        if name in raw:
            inputs[name] = _scaled(np, raw[name], columns, waves)
    scaled = forecaster.scaled_of({name: inputs[name] for name in forecaster.network.input})
    check_finite(scaled)
    values = forecaster.values_of(scaled)
    return fitted.decode(values, scales)


def check(
    forecaster: Forecaster,
    run: Run,
    raw: Mapping[str, NDArray[Any]],
    scales: Sequence[SeriesScale],
) -> float:
    """The largest difference between a loaded model and the original, as `_apart` measures it.

    Raises:
        ExportError: It is above 1e-5, or an output has another shape or is not finite.
    """
    expected = reference(forecaster, raw, scales)
    singles = [
        run({name: rows[i : i + 1] for name, rows in raw.items()}) for i in range(SINGLE_WINDOWS)
    ]
    found = np.concatenate([run(raw), *singles]).astype("float64")
    expected = np.concatenate([expected, expected[:SINGLE_WINDOWS]])
    if found.shape != expected.shape or not np.isfinite(found).all():
        raise ExportError("the exported model returns another shape, or what is not finite")
    difference = float(_apart(forecaster.preprocessor, found, expected, scales).max())
    if difference > LARGEST_DIFFERENCE:
        raise ExportError(
            f"the exported model differs from the original by {difference:.1e}, "
            f"more than {LARGEST_DIFFERENCE:g}",
            hint="use another format, and report the network",
        )
    return difference


def check_example(forecaster: Forecaster, text: str, model: Path) -> None:
    """Run the Python of a page, and compare with the original on the same windows.

    Raises:
        ExportError: The code fails, or its forecast differs.
    """
    row, output = run_example(text, model)
    raw = {name: np.asarray(cells) for name, cells in row.items()}
    scale = forecaster.preprocessor.scales[0]
    if "mean" in raw:
        mean, deviation = (tuple(raw[name][0].tolist()) for name in ("mean", "deviation"))
        scale = replace(scale, mean=mean, deviation=deviation)
    expected, found = reference(forecaster, raw, [scale]), np.asarray(output, "float64")
    if found.shape != expected.shape or not np.isfinite(found).all():
        raise ExportError(f"the example of the page returns the shape {found.shape}")
    apart = float(_apart(forecaster.preprocessor, found, expected, [scale]).max())
    if apart > LARGEST_DIFFERENCE:
        problem = f"the example of the page differs from the original by {apart:.1e}"
        raise ExportError(problem, hint="use another format, and report the network")


def _apart(
    fitted: ForecastPreprocessor,
    found: NDArray[np.float64],
    expected: NDArray[np.float64],
    scales: Sequence[SeriesScale],
) -> NDArray[np.float64]:
    """Differences relative to max(1, |value|), beyond what float32 can't tell apart.

    Values count in deviations of their series from its mean.
    """
    every = [*scales, *scales[:SINGLE_WINDOWS]]
    if fitted.transform == "log":
        found, expected = (np.log(np.maximum(values, 1e-38)) for values in (found, expected))
    mean = np.array([scale.mean for scale in every])[:, None, :, None]
    deviation = np.array([scale.deviation for scale in every])[:, None, :, None]
    size = (np.abs(expected) + np.abs(mean)).astype("float32")
    rounding = ROUNDING * np.spacing(size).astype("float64")
    beyond: NDArray[np.float64] = np.maximum(np.abs(found - expected) - rounding, 0)
    beyond /= np.maximum(deviation, np.abs(expected - mean))
    return beyond


def _covariates(
    fitted: ForecastPreprocessor,
) -> tuple[tuple[str, tuple[NumberColumn, ...], int], ...]:
    """Inputs of numbers, their columns, and how many of the calendar stand behind these."""
    return (
        ("past_covariates", fitted.past_covariates, 0),
        ("future_covariates", fitted.future_covariates, 2 * len(fitted.cycles)),
        ("numbers", fitted.static_numbers, 0),
    )


def _scaled(xp: Any, raw: Any, columns: tuple[NumberColumn, ...], waves: int) -> Any:
    """Numbers scaled, the calendar behind them as it is."""
    if not columns:
        return raw
    width = len(columns)
    shape = raw.shape
    flat = xp.reshape(raw[..., :width], (-1, width))
    scaled = xp.reshape(scale_numbers(xp, flat, columns, "standard"), (-1, *shape[1:-1], width))
    return xp.concatenate([scaled, raw[..., width:]], axis=-1) if waves else scaled


def _unscaled(scaled: NDArray[Any], columns: tuple[NumberColumn, ...]) -> NDArray[np.float32]:
    raw: NDArray[np.float32] = scaled.astype("float32").copy()
    for i, column in enumerate(columns):
        factor = column.factor or 1.0
        raw[..., i] = raw[..., i] / factor + column.center
    return raw


def _scale_tensors(fitted: ForecastPreprocessor, inputs: Mapping[str, Any]) -> tuple[Any, Any]:
    """Mean and deviation of each window's series, (batch or 1, 1, targets)."""
    if "mean" in inputs:
        return ops.expand_dims(inputs["mean"], 1), ops.expand_dims(inputs["deviation"], 1)
    (scale,) = fitted.scales
    return (
        np.array([[scale.mean]], dtype="float32"),
        np.array([[scale.deviation]], dtype="float32"),
    )


def _output_shape(fitted: ForecastPreprocessor) -> tuple[int, int, int]:
    return fitted.horizon, len(fitted.roles.targets), max(1, len(fitted.quantiles))


def _with_quantiles(forecaster: Forecaster, outputs: Any) -> Any:
    """(batch, horizon, targets, 1 + quantiles), scaled: `Forecaster.values_of` as a graph."""
    fitted, intervals = forecaster.preprocessor, forecaster.intervals
    if fitted.quantiles:
        outputs = ops.sort(outputs, axis=-1)
    middle = forecaster.middle
    value = outputs[..., middle : middle + 1]
    if intervals is None:
        return ops.concatenate([value, outputs], axis=-1) if fitted.quantiles else value
    offsets = np.moveaxis(intervals.offsets, 0, -1).astype("float32")
    if not fitted.quantiles:
        return ops.concatenate([value, outputs + np.sort(offsets, axis=-1)[None]], axis=-1)
    return ops.concatenate([value, ops.sort(outputs + offsets[None], axis=-1)], axis=-1)


def page(forecaster: Forecaster, name: str, format: str) -> str:
    """Markdown: how to call an exported forecaster."""
    fitted = forecaster.preprocessor
    found = formats.get(format)
    targets = ", ".join(code(target) for target in fitted.roles.targets)
    levels = ", ".join(f"{level:g}" for level in forecaster.levels)
    quantiles = f", then its quantiles {levels}" if levels else ""
    parts = [
        f"# `{name}`",
        f"{found.TITLE} model that forecasts {targets} {fitted.horizon:,} time steps ahead "
        f"(frequency `{fitted.frequency.name}`); the scaling is inside. It opens without kerasnn.",
        f"## Call it\n\n```python\n{_snippet(fitted, found, name)}```",
        f"## Inputs\n\n{_inputs(fitted)}",
        f"## Output\n\n`{OUTPUT}`, float32, (batch, {fitted.horizon}, "
        f"{len(fitted.roles.targets)}, {1 + len(forecaster.levels)}): time steps, targets in "
        f"the order above, and of each the forecast{quantiles}; in the units of the targets.\n\n"
        + agreement("series"),
        "## What it holds of the data\n\nThe numbers in the example are made up. No reading of the "
        "training data is in the exported files: they hold the weights of the network, means and "
        "deviations, and names of columns, series and categories.",
        _tables(fitted),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _snippet(fitted: ForecastPreprocessor, found: formats.Format, name: str) -> str:
    lines = []
    for key, (shape, dtype) in input_shapes(fitted).items():
        cell = f'np.full({shape[1:]}, {_example(fitted, key):g}, "{dtype}")'
        lines.append(f'    "{key}": {found.ARRAYS["image"].format(cell=cell)},')
    text = found.CALL.format(path=literal(name)[1:-1], row="\n".join(lines), output=OUTPUT)
    return text if "import numpy" in text else f"import numpy as np\n{text}"


def _example(fitted: ForecastPreprocessor, name: str) -> float:
    """A made-up number for an input: typical of the first of its columns, and no reading."""
    mean, deviation = fitted.scales[0].mean[0], fitted.scales[0].deviation[0]
    if name == "past":
        typical = rounded(mean, deviation)
        return float(f"{math.exp(typical):.2g}") if fitted.transform == "log" else typical
    if name in ("mean", "deviation"):
        return rounded({"mean": mean, "deviation": deviation}[name], deviation)
    columns = {key: columns for key, columns, _ in _covariates(fitted)}.get(name, ())
    return typical_number(columns[0]) if columns else 0.0


def _inputs(fitted: ForecastPreprocessor) -> str:
    waves = calendar.feature_names(fitted.cycles)
    meanings = {
        "past": ("the last readings, the oldest first; gaps filled", fitted.roles.targets),
        "past_covariates": ("likewise", fitted.roles.past_covariates),
        "future_covariates": (
            "likewise, and behind them the points to forecast",
            (*fitted.roles.future_covariates, *waves),
        ),
        "numbers": ("what never changes in the series", fitted.roles.static_numbers),
        "categories": ("codes of what never changes, as below", fitted.roles.static_categories),
        "mean": ("of the series, as below", fitted.roles.targets),
        "deviation": ("likewise", fitted.roles.targets),
    }
    lines = ["| input | type | shape | value | columns |", "| --- | --- | --- | --- | --- |"]
    for name, (shape, dtype) in input_shapes(fitted).items():
        meaning, columns = meanings[name]
        shown = ", ".join(map(plain, columns))
        sizes = ", ".join(["batch", *map(str, shape[1:])])
        lines.append(f"| `{name}` | {dtype} | ({sizes}) | {meaning} | {shown} |")
    if waves:
        lines += [
            "",
            "Of the calendar, `sin` and `cos` are those of 2π times the share of the day, of the "
            "week from Monday, of the month or of the year that has passed at each point.",
        ]
    return "\n".join(lines)


def _tables(fitted: ForecastPreprocessor) -> str:
    """The scales of several series, and the codes of words."""
    parts = []
    if len(fitted.scales) > 1:
        scales = {
            " · ".join(scale.key): {"mean": scale.mean, "deviation": scale.deviation}
            for scale in fitted.scales
        }
        of = (
            "the logarithms of their training readings"
            if fitted.transform == "log"
            else ("their training readings")
        )
        text = json.dumps(scales, indent=1, ensure_ascii=False)
        parts.append(f"## Series\n\nMean and deviation of {of}:\n\n```json\n{text}\n```")
    for vocabulary in fitted.vocabularies:
        codes = {word: code for code, word in enumerate(vocabulary.words, 2)}
        text = json.dumps(codes, indent=1, ensure_ascii=False)
        parts.append(
            f"## Codes of `{vocabulary.name}`\n\n0 is missing, 1 unknown.\n\n```json\n{text}\n```"
        )
    return "\n\n".join(parts)
