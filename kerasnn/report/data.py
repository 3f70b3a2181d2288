"""What a run did and found, as plain data: all that its report is drawn from.

The story is kept in the bundle, so that a report can be made again without the data.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

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
from kerasnn.report.sections.columns.boundary import decision_boundary
from kerasnn.report.sections.network.collect import network_graph
from kerasnn.report.sections.training.stages import stages

if TYPE_CHECKING:
    import keras

__all__ = ["VERSION", "build_report_data", "decision_boundary"]

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


def build_report_data(
    *,
    examples_origin: str,
    schema: Schema,
    n_rows: Mapping[str, int],
    split: str,
    config: Mapping[str, Any],
    model_name: str,
    network: keras.Model,
    history: Sequence[Mapping[str, float]],
    best_epoch: int,
    stopped: str,
    seconds: float,
    scores: Scores,
    predictions: Predictions,
    probes: Mapping[str, Any] | None,
    importance: Sequence[Importance],
    missing: Mapping[str, int],
    warnings: Sequence[str],
    boundary: Mapping[str, Any] | None,
    choice: Mapping[str, Any] | None = None,
    members: Mapping[str, Any] | None = None,
    images: Mapping[str, Any] | None = None,
    texts: Mapping[str, Any] | None = None,
    series: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Put together what a report needs, under 3 MiB whatever the size of the data.

    Args:
        examples_origin: Where the rows came from.
        schema: The columns and the target.
        n_rows: Of the ``train``, ``validation`` and ``test`` part.
        split: How the rows were divided.
        config: The complete configuration, by section.
        model_name: As in the zoo.
        network: As trained.
        history: A row for each epoch.
        best_epoch: From 1; the weights are of this one.
        stopped: Why the training ended.
        seconds: How long it took.
        scores: On the rows of ``predictions``.
        predictions: Of held-back rows.
        probes: As of `kerasnn.training.probes.Probes.to_dict`.
        importance: The most important column first.
        missing: Missing cells, by column.
        warnings: Raised in the run.
        boundary: As of `decision_boundary`.
        choice: As of `kerasnn.selection.rules.Choice.to_dict`, where the data chose the model.
        members: As of `kerasnn.evaluation.ensemble_summary.EnsembleSummary.to_dict`, of an average; then the
            history is that of the heaviest member.
        images: As of `kerasnn.report.sections.images.collect.image_section`, for a table with images.
        texts: As of `kerasnn.report.sections.texts.collect.text_section`, for a table with texts.
        series: As of `kerasnn.report.sections.series.collect.series_section`, for a table with series or sounds.

    Returns:
        Plain data for JSON: no NaN, no infinity.
    """
    report_data = {
        "version": VERSION,
        "model": model_name,
        "choice": dict(choice) if choice else None,
        "members": dict(members) if members else None,
        "target": schema.target.name,
        "task": schema.target.task,
        "classes": list(schema.target.classes[:MAX_SCORED_CLASSES]),
        "n_classes": len(schema.target.classes),
        "seconds": seconds,
        "stopped": stopped,
        "data": _data(examples_origin, schema, n_rows, missing),
        "split": {"kind": split, "column": (config.get("split") or {}).get("column")},
        "training": training_of(history, best_epoch),
        "errors": _regression(predictions)
        if predictions.task == "regression"
        else _classes(predictions, scores),
        "importance": [asdict(each) for each in importance[:MAX_COLUMNS]],
        "network": network_graph(network),
        "probes": dict(probes) if probes else None,
        "boundary": dict(boundary) if boundary else None,
        "warnings": list(dict.fromkeys(warnings))[:MAX_WARNINGS],
        "config": config,
    }
    # The scores are read back as such, so they stay to the last digit.
    told = {**plain(report_data), "scores": _bounded(scores)}
    if images:
        # Files are long text, and within bounds of their own.
        told["images"] = {**plain({**images, "files": []}), "files": list(images["files"])}
    if texts:
        # Plain and within bounds of their own, too.
        told["texts"] = dict(texts)
    if series:
        told["series"] = dict(series)
    return told


def _data(
    origin: str, schema: Schema, n_rows: Mapping[str, int], missing: Mapping[str, int]
) -> dict[str, Any]:
    columns = [
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


def training_of(history: Sequence[Mapping[str, float]], best_epoch: int) -> dict[str, Any]:
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
