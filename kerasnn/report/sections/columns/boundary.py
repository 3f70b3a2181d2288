"""What a network decides over the plane of two numeric columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
import pandas as pd

from kerasnn.data.columns.values import as_numbers

if TYPE_CHECKING:
    from kerasnn.data.schema import Column
    from kerasnn.prediction.predictor import Predictor

RESOLUTION = 60
MAX_SHOWN_ROWS = 400
MAX_CLASSES = 8


class GridAxis(TypedDict):
    """An axis of the grid."""

    name: str
    values: list[float]


class BoundaryRows(TypedDict):
    """Rows that are drawn into the plane."""

    x: list[float]
    y: list[float]
    truth: list[float]


class BoundarySection(TypedDict):
    """Scores on a grid over two columns, row by row of y."""

    x: GridAxis
    y: GridAxis
    classes: list[str]
    scores: list[Any]
    rows: BoundaryRows


def decision_boundary(
    predictor: Predictor, frame: pd.DataFrame, *, resolution: int = RESOLUTION, seed: int = 0
) -> BoundarySection | None:
    """The network's scores on a grid over the middle of some rows, and a few of these rows.

    Args:
        predictor: Predictor of any task.
        frame: Labelled raw rows.
        resolution: Points of the grid along each axis.
        seed: Seed of the sampling of rows.

    Returns:
        ``x`` and ``y`` (name of the column and values of the grid), ``scores`` (row by row of y;
        a list of probabilities, or a value), ``rows`` (x, y, truth). None where the columns are
        not exactly two numbers, the classes are more than eight, or a row has several labels.
    """
    schema = predictor.preprocessor.schema
    features, target = schema.features, schema.target
    if target.task == "multilabel":
        return None
    if [column.kind for column in features] != ["number"] * 2 or len(target.classes) > MAX_CLASSES:
        return None
    points = np.stack([_numbers(frame, column) for column in features], axis=1)
    known = np.flatnonzero(np.isfinite(points).all(axis=1))
    if not len(known):
        return None
    axes = [_grid(points[known, index], resolution) for index in range(2)]
    columns = [values.ravel() for values in np.meshgrid(*axes)]
    mesh = pd.DataFrame({c.name: _cells(v, c) for c, v in zip(features, columns, strict=True)})
    scores = predictor.scores(mesh).reshape(resolution, resolution, -1)
    shown = known
    if len(known) > MAX_SHOWN_ROWS:
        shown = np.random.default_rng(seed).choice(known, MAX_SHOWN_ROWS, replace=False)
    labelled = frame.iloc[shown].reset_index(drop=True)
    truth = predictor.preprocessor.target(labelled)
    if not target.classes:
        truth = predictor.preprocessor.truth(truth)
    return {
        "x": {"name": features[0].name, "values": axes[0].tolist()},
        "y": {"name": features[1].name, "values": axes[1].tolist()},
        "classes": list(target.classes),
        "scores": scores.round(4).tolist() if target.classes else scores[:, :, 0].tolist(),
        "rows": {
            "x": points[shown, 0].tolist(),
            "y": points[shown, 1].tolist(),
            "truth": truth.tolist(),
        },
    }


def _numbers(frame: pd.DataFrame, column: Column) -> np.ndarray:
    return as_numbers(frame[column.name], layout=column.layout)


def _cells(values: np.ndarray, column: Column) -> Any:
    """Numbers as the column writes them: text where its decimal sign is a comma."""
    if not column.layout.startswith(","):
        return values
    return [repr(float(value)).replace(".", ",") for value in values]


def _grid(values: np.ndarray, resolution: int) -> np.ndarray:
    """Over the middle 98 % and a twentieth more on each side, so that no outlier rules it."""
    low, high = np.quantile(values, [0.01, 0.99])
    margin = 0.05 * (high - low) or 0.5
    return np.linspace(low - margin, high + margin, resolution)
