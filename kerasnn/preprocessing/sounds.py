"""A column of sounds: statistics of the training spectrograms, and its input of a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasnn.data.media.sound_cells import parse_layout
from kerasnn.preprocessing.arithmetic import rounded
from kerasnn.preprocessing.mel import log_mel
from kerasnn.signature import Sound

# Sounds that the mean and the deviation are taken from, and how many at once.
SAMPLE, AT_ONCE = 1_000, 50


@dataclass(frozen=True)
class SoundColumn:
    """Size and scale of the sounds of a column.

    Args:
        name: Name of the column.
        samples: Number of samples of the longest sound; longer ones are cut.
        rate: Samples a second.
        mean: Mean of the log-mel spectrogram over all frames and bands.
        deviation: Standard deviation of the same; 1 where it never changes.
    """

    name: str
    samples: int
    rate: int
    mean: float
    deviation: float

    @classmethod
    def fit(cls, name: str, values: NDArray[np.float32], layout: str) -> SoundColumn:
        """Learn from training samples, (n, samples), NaN behind the end."""
        rate, samples = parse_layout(layout)
        rows = np.linspace(0, len(values) - 1, min(SAMPLE, len(values))).astype(np.int64)
        count, total, squares = 0, 0.0, 0.0
        for start in range(0, len(rows), AT_ONCE):
            found = log_mel(values[rows[start : start + AT_ONCE]], rate).astype("float64")
            known = found[~np.isnan(found)]
            count, total = count + known.size, total + known.sum()
            squares += np.square(known).sum()
        mean = total / max(count, 1)
        variance = squares / max(count, 1) - mean**2
        deviation = float(np.sqrt(variance)) if variance > 1e-6 else 1.0
        return cls(name, samples, rate, rounded(mean), rounded(deviation))

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> SoundColumn:
        """Rebuild from plain data."""
        return cls(**data)

    @property
    def sound(self) -> Sound:
        """What the network is told."""
        return Sound(self.name, self.samples, self.rate, self.mean, self.deviation)
