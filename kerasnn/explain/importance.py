"""Permutation importance: what a network loses when a column is shuffled.

Reference: Breiman, Random Forests, 2001; Fisher, Rudin and Dominici, 2019, arXiv:1801.01489.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kerasnn.metrics.predictions import Predictions
from kerasnn.metrics.registry import MAIN_METRIC, Metric, get_metric
from kerasnn.preprocessing.mel import MOST_BANDS, n_frames
from kerasnn.signature import Signature, Task

Score = Callable[[pd.DataFrame], np.ndarray]
# From a column and its new order to the scores of rows that stand below each other some times.
Shuffled = Callable[[str, np.ndarray], np.ndarray]

MAX_ROWS = 2_000
# Of more columns, those that predictions go along with most are shuffled.
MAX_COLUMNS = 300
# A network takes about as long for images of so many pixels as for a thousand rows of numbers.
MAX_IMAGES, MIN_IMAGES, MAX_PIXELS = 500, 50, 512 * 1024


@dataclass(frozen=True)
class Importance:
    """How much the network relies on a column.

    Args:
        column: Column of the raw data.
        loss: Deterioration of the metric with the column shuffled, the mean of the repeats;
            about 0, or under it, for a column of no use.
        deviation: Standard deviation of the repeats.
    """

    column: str
    loss: float
    deviation: float


@dataclass(frozen=True)
class Sampling:
    """Size and seed of the random sample that the importance is measured on.

    Args:
        repeats: Number of shuffles of each column, scored in one call.
        max_rows: Maximum number of rows; of more, some are drawn at random.
        seed: Seed of the sampling and the shuffling.
    """

    repeats: int = 3
    max_rows: int = MAX_ROWS
    seed: int = 0


def importance(
    score: Score,
    frame: pd.DataFrame,
    truth: np.ndarray,
    *,
    task: Task,
    columns: Sequence[str],
    classes: tuple[str, ...] = (),
    metric: str | None = None,
    sampling: Sampling | None = None,
    prepare: Callable[[pd.DataFrame, int], Shuffled] | None = None,
) -> list[Importance]:
    """Shuffle one raw column at a time; of columns that tell the same, each may seem useless.

    Args:
        score: Function of raw rows that returns probabilities of all classes, or values.
        frame: Labelled rows.
        truth: Their codes or values, (n,).
        task: Task of the target.
        columns: Those to shuffle.
        classes: Labels in the order of their codes; empty for regression.
        metric: Metric whose deterioration is measured; the task's main one if None.
        sampling: Number of shuffles and of rows; the defaults if None.
        prepare: Function of rows and of their number of copies that returns their scores where a
            column is shuffled; by shuffling the rows' own cells if None.

    Returns:
        The most important first; none where the metric is not defined on these rows.
    """
    chosen = get_metric(metric or MAIN_METRIC[task], task)
    sampling = sampling or Sampling()
    repeats, max_rows = sampling.repeats, sampling.max_rows
    generator = np.random.default_rng(sampling.seed)
    rows = np.arange(len(frame))
    if len(rows) > max_rows:
        rows = np.sort(generator.choice(rows, max_rows, replace=False))
    frame, truth = frame.iloc[rows].reset_index(drop=True), truth[rows]

    def value(scores: np.ndarray) -> float:
        return chosen(Predictions.from_scores(task, classes, truth=truth, scores=scores))

    reference = value(score(frame))
    if math.isnan(reference):
        return []
    shuffled = prepare(frame, repeats) if prepare else _by_cells(score, frame, repeats)
    found = []
    for column in columns:
        order = np.concatenate([generator.permutation(len(frame)) for _ in range(repeats)])
        parts = np.split(shuffled(column, order), repeats)
        losses = _losses(chosen, reference, [value(part) for part in parts])
        found.append(Importance(column, float(losses.mean()), float(losses.std())))
    return sorted(found, key=lambda item: -item.loss)


def _by_cells(score: Score, frame: pd.DataFrame, repeats: int) -> Shuffled:
    stacked = pd.concat([frame] * repeats, ignore_index=True)

    def shuffled(column: str, order: np.ndarray) -> np.ndarray:
        cells = frame[column].take(order).reset_index(drop=True)
        return score(stacked.assign(**{column: cells}))

    return shuffled


def affordable_rows(signature: Signature) -> int:
    """How many rows may be scored over and over: fewer with images and the like, the larger they are.

    >>> affordable_rows(Signature.image(32, 32)), affordable_rows(Signature.image(96, 96))
    (500, 56)
    """
    pixels = sum(image.height * image.width for image in signature.images)
    points = sum(text.length for text in signature.texts)
    points += sum(each.length for each in signature.series)
    points += sum(n_frames(sound.samples, sound.rate) * MOST_BANDS for sound in signature.sounds)
    if not pixels + points:
        return MAX_ROWS
    most = MAX_IMAGES if pixels else MAX_ROWS
    return max(MIN_IMAGES, min(most, MAX_PIXELS // (pixels + points)))


def _losses(metric: Metric, reference: float, shuffled: list[float]) -> np.ndarray:
    return np.array([metric.gain(reference, value) for value in shuffled])
