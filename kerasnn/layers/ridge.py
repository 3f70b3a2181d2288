"""A linear layer solved for by ridge regression, its penalty found by leaving one row out.

Features that are too many for memory lie on disk, and are read block by block.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy.special import log_softmax

from kerasnn.inference.memory_batches import in_batches
from kerasnn.runtime.memory import GIB, require, rows_at_once, unnamed_file

Matrix = NDArray[np.float64]

PENALTIES = np.logspace(-3, 5, 17)
# Factors from the scores of ±1 to logits; beyond that a class is as good as certain.
SCALES = np.logspace(-1, 1.5, 26)
# Rows that tell the penalty and the scale; the effort is their number to the third power.
ROWS = 3_000
ROWS_AT_ONCE = 64
# Features of more bytes lie on disk; of fewer, moments are taken of all rows at once.
MOST_BYTES, BLOCK_BYTES = GIB, GIB // 4


@dataclass(frozen=True)
class Line:
    """Weights of a linear layer.

    Args:
        kernel: (features, outputs)
        bias: (outputs,)
    """

    kernel: Matrix
    bias: Matrix


def fit_output(
    network: keras.Model, inputs: Mapping[str, Any], target: NDArray[Any], *, seed: int
) -> None:
    """Solve for the layer ``output``, which is linear in the layer ``features``.

    Args:
        network: Network with both layers.
        inputs: Training inputs by name; arrays, or anything indexed like one.
        target: Target as the loss of the network takes it.
        seed: Seed of the sample of rows that chooses the penalty.
    """
    part = keras.Model(network.inputs, network.get_layer("features").output)
    features = _room_for((len(target), *part.output.shape[1:]))
    start = 0
    for found in in_batches(part, inputs, np.arange(len(target)), most=ROWS_AT_ONCE):
        features[start : start + len(found)] = found
        start += len(found)
    output = network.get_layer("output")
    line = solve(features, target, width=output.units, seed=seed)
    output.set_weights([line.kernel, line.bias])


def _room_for(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """An array in memory, or in a file without a name where it is large."""
    if 4 * math.prod(shape) <= MOST_BYTES:
        return np.empty(shape, "float32")
    with unnamed_file(4 * math.prod(shape)) as file:
        return np.memmap(file, "float32", "r+", shape=shape)


def solve(features: NDArray[Any], target: NDArray[Any], *, width: int, seed: int) -> Line:
    """The linear layer from features to the raw output of a network.

    The features are standardized, the classes are ±1 (that of a row, and the others), and the
    penalty is the one with the least squared error of rows left out. Scores of classes are scaled
    to the logits that give left-out rows the greatest likelihood.

    Args:
        features: (n, features)
        target: int32 codes of classes (n,), float32 values (n,), or 0 and 1 (n, labels).
        width: Width of the output; 1 for two classes.
        seed: Seed of the sample of rows that chooses the penalty, used when there are many.

    Reference:
        Hoerl and Kennard, "Ridge regression", 1970; leaving out: Allen, 1974 (PRESS).
    """
    _check_memory(*features.shape)
    classes = np.issubdtype(target.dtype, np.integer)
    wanted = _wanted(target, width) if classes or target.ndim == 2 else target[:, None]
    mean, deviation = _moments(features)
    most = rows_at_once(8 * features.shape[1], most=ROWS, budget=MOST_BYTES)
    few = np.sort(np.random.default_rng(seed).permutation(len(features))[:most])
    penalty, left_out = _best_penalty((features[few] - mean) / deviation, wanted[few])
    center = wanted.mean(axis=0, dtype=np.float64)
    kernel = _kernel(features, mean, deviation, wanted - center, penalty)
    scale = 1.0
    if classes:
        scale = _best_scale(left_out, target[few])
    elif target.ndim == 2:
        scale = _best_scale(left_out.reshape(-1, 1), target[few].reshape(-1).astype(int))
    kernel, bias = scale * kernel, scale * center
    kernel /= deviation[:, None]
    return Line(kernel, bias - mean @ kernel)


def _wanted(target: NDArray[Any], width: int) -> NDArray[np.float32]:
    """±1 for each class or label; one column for two classes."""
    if target.ndim == 2:
        hits = target > 0
    elif width == 1:
        hits = target[:, None] == 1
    else:
        hits = target[:, None] == np.arange(width)
    return np.where(hits, 1, -1).astype("float32")


def _moments(features: NDArray[Any]) -> tuple[Matrix, Matrix]:
    """Mean and deviation of each feature; one that does not vary gets no weight."""
    if 8 * features.size <= BLOCK_BYTES:
        mean = features.mean(axis=0, dtype=np.float64)
        deviation = features.std(axis=0, dtype=np.float64)
    else:
        n_rows, width = features.shape
        mean, squares = np.zeros(width), np.zeros(width)
        for block in _blocks(features):
            mean += features[block].sum(axis=0, dtype=np.float64) / n_rows
        for block in _blocks(features):
            squares += np.square(features[block] - mean).sum(axis=0)
        deviation = np.sqrt(squares / n_rows)
    return mean, np.where(deviation > 1e-6, deviation, np.inf)


def _check_memory(n_rows: int, width: int) -> None:
    """Raise if the equations do not fit into memory."""
    size = min(n_rows, width)
    rows = n_rows if n_rows <= width else ROWS
    hint = "give fewer rows, or a model with fewer features"
    require(8 * (size**2 + 2 * min(rows, n_rows) * width), "the equations of the model", hint=hint)


def _blocks(features: NDArray[Any]) -> Iterator[slice]:
    """Some rows after the others, which in double precision fit into `BLOCK_BYTES`."""
    step = rows_at_once(8 * features.shape[1], most=ROWS, budget=BLOCK_BYTES)
    for start in range(0, len(features), step):
        yield slice(start, start + step)


def _best_penalty(x: Matrix, wanted: NDArray[Any]) -> tuple[float, Matrix]:
    """The penalty, and what it says of each row without that row.

    Ridge regression is a linear smoother: left out, a row's error is its error divided by 1 - h, h
    its own weight in its fitted value.
    """
    center = wanted.mean(axis=0, dtype=np.float64)
    y = wanted - center
    values, vectors = scipy.linalg.eigh(x @ x.T)
    values, turned = np.maximum(values, 0), vectors.T @ y
    best: tuple[float, float, Matrix] | None = None
    for penalty in PENALTIES:
        shrunk = penalty / (values + penalty)
        errors = vectors @ (shrunk[:, None] * turned)
        free = np.square(vectors) @ shrunk - 1 / len(x)
        errors /= np.maximum(free, 1e-9)[:, None]
        loss = float(np.square(errors).mean())
        if best is None or loss < best[0]:
            best = loss, float(penalty), wanted - errors
    assert best is not None
    return best[1], best[2]


def _kernel(
    features: NDArray[Any], mean: Matrix, deviation: Matrix, y: Matrix, penalty: float
) -> Matrix:
    """Solve the smaller of the two systems of equations: that of the rows, or of the features."""
    n_rows, width = features.shape
    if n_rows <= width:
        x = features - mean
        x /= deviation
        system = x @ x.T
        system.flat[:: n_rows + 1] += penalty
        return np.asarray(x.T @ scipy.linalg.solve(system, y, assume_a="pos", overwrite_a=True))
    system, right = np.zeros((width, width)), np.zeros((width, y.shape[1]))
    for start in range(0, n_rows, ROWS):
        x = (features[start : start + ROWS] - mean) / deviation
        system += x.T @ x
        right += x.T @ y[start : start + ROWS]
    system.flat[:: width + 1] += penalty
    return np.asarray(scipy.linalg.solve(system, right, assume_a="pos", overwrite_a=True))


def _best_scale(scores: Matrix, codes: NDArray[Any]) -> float:
    """The factor that gives the codes the greatest likelihood."""
    if scores.shape[1] == 1:
        scores = np.concatenate([np.zeros_like(scores), scores], axis=1)
    rows = np.arange(len(codes))
    losses = [-log_softmax(scale * scores, axis=1)[rows, codes].mean() for scale in SCALES]
    return float(SCALES[int(np.argmin(losses))])
