"""The learning-rate finder: train with an ever higher rate and look when the loss falls fastest.

Reference: Smith, Cyclical Learning Rates for Training Neural Networks, 2015, arXiv 1506.01186.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np

from kerasnn.options import TrainingOptions
from kerasnn.training.batch_memory import affordable
from kerasnn.training.determinism import deterministic
from kerasnn.training.engine import Arrays, Engine
from kerasnn.training.losses import RowLoss

STEPS = 120
LOWEST, HIGHEST = 1e-6, 1.0
SMOOTHING = 0.9
EXPLODED = 4
# What a loss without a trend can suggest at the least.
LOWEST_SUGGESTION = 1e-5


@dataclass(frozen=True)
class Sweep:
    """What the finder saw.

    Args:
        rates: Learning rate of each step.
        losses: Smoothed loss of each step.
        suggestion: The rate to train with.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    suggestion: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return asdict(self)


def find_learning_rate(
    network: keras.Model,
    rows: Arrays,
    *,
    training_options: TrainingOptions,
    row_loss: RowLoss,
    seed: int,
) -> Sweep:
    """Raise the rate from 1e-6 to 1 step by step; the network is left as it was.

    Args:
        network: Uncompiled.
        rows: The training rows.
        training_options: Options to train with; the learning rate among them is not used.
        row_loss: Loss of each row, from `kerasnn.training.losses.loss_function`.
        seed: Seed of the order of the rows.
    """
    rates = np.geomspace(LOWEST, HIGHEST, STEPS)
    training_options = affordable(network, training_options, len(rows))
    with deterministic():
        engine = Engine(
            network, rows, training_options=training_options, row_loss=row_loss, seed=seed
        )
        before = engine.read_state()
        losses = _climb(engine, rates)
        engine.write_state(before)
    smooth = smoothed([loss for loss in losses if math.isfinite(loss)])
    return Sweep(
        tuple(rates[: len(smooth)].tolist()), tuple(smooth.tolist()), suggest(rates, smooth)
    )


def _climb(engine: Engine, rates: np.ndarray) -> list[float]:
    """The loss of a step with each rate, until it explodes.

    That is judged by the average: the losses of small batches differ severalfold by chance.
    """
    epochs = -(-len(rates) // engine.steps_per_epoch)
    order = np.concatenate([engine.order(epoch) for epoch in range(epochs)])
    losses: list[float] = []
    for batch, rate in zip(order, rates, strict=False):
        losses.append(engine.step_loss(batch, float(rate)))
        if not math.isfinite(losses[-1]):
            break
        mean = smoothed(losses)
        if mean[-1] > EXPLODED * mean.min():
            break
    return losses


def smoothed(losses: list[float]) -> np.ndarray:
    """Exponential moving average with its start corrected, (n,)."""
    mean, result = 0.0, []
    for step, loss in enumerate(losses, 1):
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
        result.append(mean / (1 - SMOOTHING**step))
    return np.array(result)


def suggest(rates: np.ndarray, losses: np.ndarray) -> float:
    """A third of the rate at which the loss is lowest: as high as is still safe.

    The average lags behind, and a rate is safe for longer in a sweep than in a whole run.
    """
    if len(losses) < 10:
        return 1e-3
    suggestion = max(float(rates[int(np.argmin(losses))]) / 3, LOWEST_SUGGESTION)
    return float(f"{suggestion:.2g}")
