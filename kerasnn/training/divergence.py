"""Divergence and constant outputs: signs that a training has failed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from kerasnn.training.losses import RowLoss

# How a training ended that failed twice, and what is said of its scores.
FAILED = "diverged"
FAILED_NOTE = "the training failed, at a lower learning rate too: these scores are of what it left"
# What warnings of a failed training say, whether it is tried once more or was.
TENTH = "a tenth of the learning rate"
# A failed training is tried once more with this share of the learning rate.
SECOND_RATE = 0.1
# Rows that tell the loss of a constant prediction.
ROWS = 20_000
# A loss so many times that of a constant prediction has exploded; weights that come out of a
# training so many times as bad, and worse than its start, are of no use.
EXPLODED, USELESS = 1e4, 5.0
# After fewer steps, the means of batch normalization are not yet those of the data.
FEWEST_STEPS = 500
# Outputs that differ by no more, relative to their size, are the same.
EQUAL = 1e-6
# Of fewer validation rows, equal outputs say little.
FEWEST_ROWS = 8


def constant_loss(target: Any, row_loss: RowLoss, width: int) -> float:
    """Mean loss of the better of two constants: zeros, and the mean of a numeric target.

    Args:
        target: Training target, in memory or read by rows.
        row_loss: Loss of each row, from target and raw outputs.
        width: Number of raw outputs of a row.

    Returns:
        Infinity where it says nothing, as for a target that is constant itself.
    """
    known = np.asarray(target[:ROWS])
    tried = [np.zeros((len(known), width), "float32")]
    if known.ndim == 1 and np.issubdtype(known.dtype, np.floating) and width == 1:
        tried.append(np.full_like(tried[0], known.mean(dtype="float64")))
    losses = [float(np.mean(np.asarray(row_loss(known, outputs)))) for outputs in tried]
    found = min(losses)
    return found if math.isfinite(found) and found > 1e-9 else math.inf


def is_constant(outputs: np.ndarray, target: Any, inputs: Mapping[str, Any]) -> bool:
    """Whether a network gives the same for all rows, though these and their targets differ.

    Args:
        outputs: Raw outputs, (n, width).
        target: Target of the rows, (n, …).
        inputs: Inputs of the rows by name.
    """
    if len(outputs) < FEWEST_ROWS or not np.isfinite(outputs).all():
        return False
    size = max(1.0, float(np.abs(outputs).max()))
    if float(np.ptp(outputs, axis=0).max()) > EQUAL * size:
        return False
    some = slice(0, ROWS)
    return _differ(np.asarray(target[some])) and any(_differ(v[some]) for v in inputs.values())


def _differ(values: np.ndarray) -> bool:
    return bool((values != values[:1]).any())
