"""What an epoch's validation decides: the best weights, a lower rate, the end."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np


@dataclass(frozen=True)
class Monitor:
    """The validation measure that picks the best epoch.

    Args:
        name: Column of the history.
        direction: Direction in which a value is better.
        measure: Function from raw network outputs on the validation rows, (n, width), to a value.
    """

    name: str
    direction: Literal["higher", "lower"]
    measure: Callable[[np.ndarray], float]

    def better(self, value: float, best: float | None) -> bool:
        """Whether a value beats the best so far; NaN never does."""
        if math.isnan(value):
            return False
        return best is None or (value > best if self.direction == "higher" else value < best)


@dataclass
class Progress:
    """Where a run stands; all of it goes into a checkpoint.

    Args:
        epoch: Epochs done.
        horizon: Epochs that the schedule is laid out for.
        best: Best value of the monitor.
        best_epoch: Epoch of the best value, from 1; 0 before the first.
        wait: Epochs since the best.
        plateau_wait: Epochs since the best or since the rate was lowered.
        rate_factor: Factor of the learning rate that ``plateau`` lowers.
        seconds: Time trained, over all sessions.
        stopped: Why the run ended; empty while it goes on.
        rate_share: Factor of the learning rates, below 1 after a failed training.
        batch_size: Number of rows a step, where memory allowed fewer than usual; else 0.
        notes: Problems of the training, one sentence each.
    """

    epoch: int = 0
    horizon: int = 0
    best: float | None = None
    best_epoch: int = 0
    wait: int = 0
    plateau_wait: int = 0
    rate_factor: float = 1.0
    seconds: float = 0.0
    stopped: str = ""
    rate_share: float = 1.0
    batch_size: int = 0
    notes: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Progress:
        """Rebuild from what `to_dict` gave, also after a trip through JSON."""
        return cls(**{**data, "notes": tuple(data.get("notes", ()))})

    def observe(self, value: float, monitor: Monitor) -> bool:
        """Count one more epoch; returns whether it is the best so far."""
        self.epoch += 1
        if monitor.better(value, self.best):
            self.best, self.best_epoch = value, self.epoch
            self.wait = self.plateau_wait = 0
            return True
        self.wait += 1
        self.plateau_wait += 1
        return False

    def lower_rate(self, after: int) -> None:
        """Halve the rate once no epoch has gained for ``after`` of them."""
        if self.plateau_wait >= after:
            self.rate_factor *= 0.5
            self.plateau_wait = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return asdict(self)
