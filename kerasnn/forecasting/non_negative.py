"""Targets that are never below 0: counts and amounts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Of float32, for targets that may be as low as they like.
LARGEST = 3e38


def find_non_negative(
    targets: Sequence[str], train: Sequence[NDArray[np.float64]]
) -> tuple[str, ...]:
    """Targets that are never below 0 in training, and are counts or reach 0.

    Fractions that stay well above 0, such as temperatures of a summer, may go below it later.

    Args:
        targets: Names of the targets.
        train: Training readings of each series, (points, targets).

    >>> find_non_negative(["sold", "degrees"], [np.array([[0.0, 20.5], [3.0, 21.0]])])
    ('sold',)
    """
    found = []
    for i, name in enumerate(targets):
        values = np.concatenate([readings[:, i] for readings in train])
        values = values[np.isfinite(values)]
        is_count = bool((values == np.floor(values)).all())
        if len(values) and values.min() >= 0 and (is_count or values.min() == 0):
            found.append(name)
    return tuple(found)


def least_values(targets: Sequence[str], non_negative: Sequence[str]) -> NDArray[np.float32] | None:
    """The least value of each target, (1, 1, targets, 1); None where none has one."""
    if not non_negative:
        return None
    least = [0.0 if name in non_negative else -LARGEST for name in targets]
    return np.array(least, "float32")[None, None, :, None]
