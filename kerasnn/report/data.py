"""Report data: plain data from which the report of a run is drawn.

The bundle stores it, so that a report can be drawn again without the data.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from kerasnn.calibration.temperature import reliability
from kerasnn.data.columns import series_cells
from kerasnn.data.media import images as pictures
from kerasnn.data.media import sound_cells
from kerasnn.data.schema import Column, Schema
from kerasnn.evaluation.scores import Scores
from kerasnn.explain.importance import Importance
from kerasnn.metrics import curves
from kerasnn.metrics.predictions import Predictions
from kerasnn.metrics.registry import class_counts
from kerasnn.report.sections.columns.boundary import BoundarySection, decision_boundary
from kerasnn.report.sections.images.collect import ImageSection
from kerasnn.report.sections.network.collect import network_graph
from kerasnn.report.sections.series.collect import SeriesSection
from kerasnn.report.sections.texts.collect import TextSection
from kerasnn.report.sections.training.stages import Stage, stages

if TYPE_CHECKING:
    import keras

__all__ = ["VERSION", "ReportInputs", "build_report_data", "decision_boundary"]

VERSION = 1
MAX_COLUMNS = 300
MAX_CURVES = 8
MAX_CLASSES = 20
MAX_SCORED_CLASSES = 300
MAX_SHOWN_ROWS = 600
MAX_TEXT = 200
MAX_WARNINGS = 50
_DESCRIBE: dict[str, Callable[[str], str]] = {
    "image": pictures.describe_layout,
    "series": series_cells.describe_layout,
    "sound": sound_cells.describe_layout,
}
NOT_MEASURES = {
    "epoch",
    "stage",
    "loss",
    "validation_loss",
    "learning_rate",
    "gradient_norm",
    "seconds",
}


class ColumnEntry(TypedDict):
    """A column of the data, the reason for its kind and its number of missing cells."""

    name: str
    kind: str
    used: bool
    reason: str
    missing: int


class DataSection(TypedDict):
    """The data of a run: rows of each part, and columns."""

    origin: str
    n_rows: dict[str, int]
    columns: list[ColumnEntry]
    n_columns: int
    n_used: int
    notes: list[str]


class TrainingSection(TypedDict):
    """Course of a training: the history by column, the best epoch and the stages."""

    n_epochs: int
    best_epoch: int
    monitor: str | None
    stages: list[Stage]
    history: dict[str, list[float | None]]


@dataclass(frozen=True, kw_only=True, eq=False)
class ReportInputs:
    """Everything that the report of a run is built from.

    Args:
        examples_origin: Origin of the rows.
        schema: The columns and the target.
        n_rows: Number of rows of the ``train``, ``validation`` and ``test`` part.
        split: Kind of the split.
        config: The complete configuration, by section.
        model_name: Name of the model in the zoo.
        network: Trained network.
        history: A row for each epoch.
        best_epoch: Epoch of the weights, counted from 1.
        stopped: Reason for the end of the training.
        seconds: Seconds of the run.
        scores: Scores on the rows of ``predictions``.
        predictions: Predictions for held-back rows.
        probes: Statistics that `kerasnn.training.probes.Probes.to_dict` returns.
        importance: Importance of the columns, the largest first.
        missing: Number of missing cells by column.
        warnings: Warnings of the run.
        boundary: Grid that `decision_boundary` returns.
        choice: Choice of ``model="auto"`` as plain data.
        members: Summary of an ensemble as plain data; the history is then that of the member with
            the largest weight.
        images: Section that `image_section` returns for a table with images.
        texts: Section that `text_section` returns for a table with texts.
        series: Section that `series_section` returns for a table with series or sounds.
    """

    examples_origin: str
    schema: Schema
    n_rows: Mapping[str, int]
    split: str
    config: Mapping[str, Any]
    model_name: str
    network: keras.Model
    history: Sequence[Mapping[str, float]]
    best_epoch: int
    stopped: str
    seconds: float
    scores: Scores
    predictions: Predictions
    probes: Mapping[str, Any] | None
    importance: Sequence[Importance]
    missing: Mapping[str, int]
    warnings: Sequence[str]
    boundary: BoundarySection | None
    choice: Mapping[str, Any] | None = None
    members: Mapping[str, Any] | None = None
    images: ImageSection | None = None
    texts: TextSection | None = None
    series: SeriesSection | None = None


def build_report_data(inputs: ReportInputs) -> dict[str, Any]:
    """Report data of a run, under 3 MiB whatever the size of the data.

    Args:
        inputs: Everything that the report is built from.

    Returns:
        Plain data for JSON: no NaN, no infinity.
    """
    schema, predictions, scores = inputs.schema, inputs.predictions, inputs.scores
    report_data = {
        "version": VERSION,
        "model": inputs.model_name,
        "choice": dict(inputs.choice) if inputs.choice else None,
        "members": dict(inputs.members) if inputs.members else None,
        "target": schema.target.name,
        "task": schema.target.task,
        "classes": list(schema.target.classes[:MAX_SCORED_CLASSES]),
        "n_classes": len(schema.target.classes),
        "seconds": inputs.seconds,
        "stopped": inputs.stopped,
        "data": _data(inputs.examples_origin, schema, inputs.n_rows, inputs.missing),
        "split": {"kind": inputs.split, "column": (inputs.config.get("split") or {}).get("column")},
        "training": training_of(inputs.history, inputs.best_epoch),
        "errors": _regression(predictions)
        if predictions.task == "regression"
        else _classes(predictions, scores),
        "importance": [asdict(each) for each in inputs.importance[:MAX_COLUMNS]],
        "network": network_graph(inputs.network),
        "probes": dict(inputs.probes) if inputs.probes else None,
        "boundary": dict(inputs.boundary) if inputs.boundary else None,
        "warnings": list(dict.fromkeys(inputs.warnings))[:MAX_WARNINGS],
        "config": inputs.config,
    }
    # The scores are read back as such, so they stay to the last digit.
    built = {**plain(report_data), "scores": _bounded(scores)}
    if inputs.images:
        # Files are long text, and within bounds of their own.
        built["images"] = {
            **plain({**inputs.images, "files": []}),
            "files": list(inputs.images["files"]),
        }
    if inputs.texts:
        # Plain and within bounds of their own, too.
        built["texts"] = dict(inputs.texts)
    if inputs.series:
        built["series"] = dict(inputs.series)
    return built


def _data(
    origin: str, schema: Schema, n_rows: Mapping[str, int], missing: Mapping[str, int]
) -> DataSection:
    columns: list[ColumnEntry] = [
        {
            "name": column.name,
            "kind": column.kind,
            "used": column.used,
            "reason": _reason(column),
            "missing": missing.get(column.name, 0),
        }
        for column in schema.columns[:MAX_COLUMNS]
    ]
    return {
        "origin": origin,
        "n_rows": dict(n_rows),
        "columns": columns,
        "n_columns": len(schema.columns),
        "n_used": len(schema.features),
        "notes": list(schema.notes[:MAX_WARNINGS]),
    }


def _reason(column: Column) -> str:
    """Why it is of its kind; of images, series and sounds also as how large they are used."""
    describe = _DESCRIBE.get(column.kind)
    if not describe or not column.layout:
        return column.reason
    return f"{column.reason}, used as {describe(column.layout)}".removeprefix(", ")


def _bounded(scores: Scores) -> dict[str, Any]:
    """All scores; the matrix of very many classes is left out, as it grows with their square."""
    if len(scores.per_class) > MAX_SCORED_CLASSES:
        scores = replace(scores, confusion=())
    if len(scores.per_class) > 10 * MAX_SCORED_CLASSES:
        scores = replace(scores, per_class={})
    data: dict[str, Any] = json.loads(json.dumps(scores.to_dict()))
    return data


def training_of(history: Sequence[Mapping[str, float]], best_epoch: int) -> TrainingSection:
    """The history by column; of a very long one some epochs, the best among them."""
    wanted = np.linspace(0, len(history) - 1, min(len(history), curves.MAX_POINTS))
    epochs = set(wanted.round().astype(int).tolist())
    if 0 < best_epoch <= len(history):
        epochs.add(best_epoch - 1)
    rows = [history[index] for index in sorted(epochs)]
    names = list(dict.fromkeys(name for row in rows for name in row))
    monitor = next((name for name in names if name not in NOT_MEASURES), None)
    return {
        "n_epochs": len(history),
        "best_epoch": best_epoch,
        "monitor": monitor,
        "stages": stages(history, monitor),
        "history": {name: [row.get(name) for row in rows] for name in names},
    }


def _classes(predictions: Predictions, scores: Scores) -> dict[str, Any]:
    codes = [1] if predictions.task == "binary" else _most_frequent(predictions, MAX_CURVES)
    # A row with several labels is not mistaken for one class.
    labels = () if predictions.task == "multilabel" else predictions.classes
    curve = reliability(predictions)
    return {
        "confusion": _confusion(np.array(scores.confusion).reshape([len(labels)] * 2), labels),
        "curves": [_curves(predictions, code) for code in codes],
        "calibration": {
            "probability": curve.probability,
            "frequency": curve.frequency,
            "count": curve.count,
        },
    }


def _most_frequent(predictions: Predictions, limit: int) -> list[int]:
    counts = class_counts(predictions)
    return sorted(np.argsort(-counts, kind="stable")[:limit].tolist())


def _confusion(counts: np.ndarray, labels: Sequence[str]) -> dict[str, Any]:
    """The matrix; of very many classes those with the most mistakes."""
    kept = np.arange(len(labels))
    if len(labels) > MAX_CLASSES:
        mistakes = counts.sum(axis=0) + counts.sum(axis=1) - 2 * counts.diagonal()
        kept = np.sort(np.argsort(-mistakes, kind="stable")[:MAX_CLASSES])
    wrong = counts * (1 - np.eye(len(labels), dtype=int))
    worst = np.argsort(-wrong, axis=None, kind="stable")[:5]
    pairs = [divmod(int(each), len(labels)) for each in worst if wrong.flat[each]]
    return {
        "labels": [labels[int(code)] for code in kept],
        "counts": counts[np.ix_(kept, kept)],
        "left_out": len(labels) - len(kept),
        "n_wrong": wrong.sum(),
        "worst": [
            {"truth": labels[t], "decided": labels[d], "count": wrong[t, d], "of": counts[t].sum()}
            for t, d in pairs
        ],
    }


def _curves(predictions: Predictions, code: int) -> dict[str, Any]:
    """ROC and precision-recall of one class against the rest, None where not defined."""
    score, positive, decided = predictions.of_class(code)
    both = 0 < positive.sum() < len(positive)
    return {
        "label": predictions.classes[code],
        "share": positive.mean(),
        "roc": _points(*curves.roc(score, positive)) if both else None,
        "precision_recall": _points(*curves.precision_recall(score, positive)) if both else None,
        "at": curves.operating_point(decided, positive),
    }


def _points(x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    x, y = curves.thin(x, y)
    return {"x": x, "y": y}


def _regression(predictions: Predictions) -> dict[str, Any]:
    rows = np.arange(len(predictions))
    if len(rows) > MAX_SHOWN_ROWS:
        rows = np.sort(np.random.default_rng(0).choice(rows, MAX_SHOWN_ROWS, replace=False))
    return {
        "rows": {"truth": predictions.truth[rows], "prediction": predictions.decision[rows]},
        "n_left_out": len(predictions) - len(rows),
        "residuals": curves.residuals(predictions),
    }


def plain(value: Any) -> Any:
    """NumPy to Python, what is not finite to None, long text cut, eight digits of a number."""
    if isinstance(value, Mapping):
        return {plain(str(key)): plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, str):
        return value if len(value) <= MAX_TEXT else value[: MAX_TEXT - 1] + "…"
    if isinstance(value, float):
        return float(f"{value:.8g}") if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int) else str(value)
