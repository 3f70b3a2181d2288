"""What a decision threshold other than one half is worth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kerasnn.calibration.temperature import parse_costs
from kerasnn.metrics.predictions import Predictions

HALF = 0.5


@dataclass(frozen=True)
class ThresholdChoice:
    """How a network that knows two answers is made to choose.

    Args:
        rule: ``f1``, costs such as ``fp=1,fn=5``, or a number.
        threshold: Probability of the positive class from which on it is decided for.
        positive: The positive class; empty where each row has any number of labels.
        n_rows: Number of validation rows it was chosen on; 0 for a given number.
        value: Cost of a row, or F1 where there are no costs, on the rows scored.
        value_at_half: Cost of a row, or F1, at a threshold of 0.5.
    """

    rule: str
    threshold: float
    positive: str
    n_rows: int
    value: float
    value_at_half: float

    def sentences(self) -> list[str]:
        """Sentences for the terminal and the report."""
        of = f"'{self.positive}'" if self.positive else "a label"
        chosen = f"chosen by {self.rule} on {self.n_rows:,} validation rows"
        where = chosen if self.n_rows else "as given"
        measure = "Cost per row" if "=" in self.rule else "F1"
        positive = ", the positive class," if self.positive else ""
        return [
            f"Decision threshold {self.threshold:.4g}, {where}: {of}{positive} is predicted from "
            f"this probability on.",
            f"{measure} on these rows: {self.value:.4g}; {self.value_at_half:.4g} at a threshold "
            "of 0.5.",
        ]

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ThresholdChoice:
        """Rebuild from plain data."""
        return cls(**data)


def choice(predictions: Predictions, rule: str, threshold: float, n_rows: int) -> ThresholdChoice:
    """Measure a threshold on rows.

    Args:
        predictions: Predictions of these rows, decided by the threshold.
        rule: ``f1``, costs such as ``fp=1,fn=5``, or a number.
        threshold: Probability of the positive class from which on it is decided for.
        n_rows: Number of validation rows it was chosen on; 0 for a given number.
    """
    positive = predictions.classes[1] if predictions.task == "binary" else ""
    return ThresholdChoice(
        rule,
        threshold,
        positive,
        n_rows,
        _measure(predictions, rule),
        _measure(_at_half(predictions), rule),
    )


def _at_half(predictions: Predictions) -> Predictions:
    scores = predictions.scores[:, 1] if predictions.task == "binary" else predictions.scores
    return replace(predictions, decision=(scores >= HALF).astype(np.int64))


def _measure(predictions: Predictions, rule: str) -> float:
    truth, decision = np.ravel(predictions.truth) == 1, np.ravel(predictions.decision) == 1
    fp, fn = int((decision & ~truth).sum()), int((truth & ~decision).sum())
    if "=" in rule:
        costs = parse_costs(rule)
        return (costs.fp * fp + costs.fn * fn) / len(predictions)
    hits = int((truth & decision).sum())
    return 2 * hits / max(1, 2 * hits + fp + fn)
