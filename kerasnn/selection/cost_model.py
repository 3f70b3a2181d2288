"""About how long a training on a table takes: an estimate that needs no clock.

Same rows, same machine, same seconds: what is chosen by them does not depend on what else a
machine does. The constants were fitted to trainings on two cores.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from kerasnn.runtime.backend import has_gpu

# Cores of the machine that the constants were measured on, and what more of them bring: networks
# for tables are small, so that twice the cores are far from twice as fast.
MEASURED_CORES = 2
CORES_EXPONENT = 0.5
# How much faster a GPU takes a row than these two cores.
GPU_SPEED = 6.0
# Microseconds of an epoch for a word of a text, which is looked up with the pair it begins.
WORD_US = 1.0
# Building, compiling and judging a network, whatever its rows.
START_S = 8.0


@dataclass(frozen=True)
class Machine:
    """What a training runs on.

    Args:
        cores: Number of cores that the process may use.
        gpu: True if there is a GPU.
    """

    cores: int = MEASURED_CORES
    gpu: bool = False

    @property
    def speed(self) -> float:
        """How many times as fast as the machine that was measured."""
        if self.gpu:
            return GPU_SPEED
        return float((max(self.cores, 1) / MEASURED_CORES) ** CORES_EXPONENT)

    def __str__(self) -> str:
        if self.gpu:
            return "a GPU"
        return f"{self.cores} core{'s' if self.cores > 1 else ''}"

    @classmethod
    def here(cls) -> Machine:
        """The cores that this process may use, and whether there is a GPU."""
        # Not all systems can say which of their cores are meant for a process.
        allowed = getattr(os, "sched_getaffinity", None)
        cores = len(allowed(0)) if allowed else os.cpu_count() or 1
        return cls(cores, has_gpu())


@dataclass(frozen=True)
class Cost:
    """What a model in one of its sizes takes.

    Args:
        epochs: Usual number of epochs: all of them, or those until it stops early.
        row_us: Microseconds of an epoch for each row, whatever its columns.
        input_us: Further microseconds for each input of a row.
        output_us: Further microseconds for each output of a row beyond the first.
    """

    epochs: int
    row_us: float
    input_us: float
    output_us: float

    def seconds(
        self,
        n_rows: int,
        n_inputs: int,
        n_outputs: int,
        machine: Machine,
        epochs: int,
        n_words: float = 0,
    ) -> float:
        """Estimate the seconds of a whole training.

        Args:
            n_rows: Number of training rows.
            n_inputs: Number of numeric inputs, including the values that categories become.
            n_outputs: Number of outputs: one for each class, or one.
            machine: Machine on which the training runs.
            epochs: Number of epochs; 0 for the usual one.
            n_words: Number of words of a row's texts.

        >>> Cost(10, 50.0, 5.0, 1.0).seconds(10_000, 8, 3, Machine(cores=2), epochs=0)
        17.2
        """
        a_row = self.row_us + self.input_us * n_inputs + self.output_us * max(0, n_outputs - 1)
        a_row += WORD_US * n_words
        return START_S + n_rows * (epochs or self.epochs) * a_row / 1e6 / machine.speed


# By model and profile.
COSTS: dict[tuple[str, str], Cost] = {
    # It trains twice: once more with the validation rows.
    ("bag_of_ngrams", "default"): Cost(epochs=40, row_us=5.0, input_us=0.1, output_us=5.0),
    ("linear", "default"): Cost(epochs=60, row_us=0.8, input_us=0.01, output_us=0.01),
    ("mlp", "default"): Cost(epochs=50, row_us=15.0, input_us=0.1, output_us=0.05),
    ("realmlp", "default"): Cost(epochs=64, row_us=18.0, input_us=0.3, output_us=0.05),
    ("realmlp", "small"): Cost(epochs=32, row_us=9.0, input_us=0.2, output_us=0.05),
    ("tabm", "default"): Cost(epochs=80, row_us=70.0, input_us=2.0, output_us=0.5),
    ("tabm", "small"): Cost(epochs=90, row_us=18.0, input_us=0.4, output_us=0.3),
    ("tabm", "paper"): Cost(epochs=60, row_us=800.0, input_us=15.0, output_us=1.0),
    ("tabpack", "default"): Cost(epochs=40, row_us=90.0, input_us=3.0, output_us=2.0),
    ("tabpack", "small"): Cost(epochs=24, row_us=30.0, input_us=0.5, output_us=1.0),
    ("tabpack", "paper"): Cost(epochs=40, row_us=1500.0, input_us=20.0, output_us=2.0),
}


def show_duration(seconds: float) -> str:
    """Roughly, for people.

    >>> show_duration(8.3), show_duration(93), show_duration(400), show_duration(9_000)
    ('8 s', '90 s', '7 min', '2.5 h')
    """
    if seconds < 10:
        return f"{max(1, round(seconds))} s"
    if seconds < 120:
        return f"{round(seconds, -1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 2 * 3600 else f"{seconds / 3600:.2g} h"
