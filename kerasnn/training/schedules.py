"""Learning rates over a run, as plain functions of how far it has come.

The engine asks for the rates of a whole epoch at once, so a schedule is NumPy and never part of a
compiled graph; changing the number of epochs needs no new trace.
"""

from __future__ import annotations

import numpy as np

from kerasnn.options import TrainingOptions

ONE_CYCLE_START = 0.04
STEP_FACTOR = 0.1


def learning_rates(
    training_options: TrainingOptions, *, first: int, count: int, total: int
) -> np.ndarray:
    """The learning rates of steps ``first`` to ``first + count - 1`` of a run of ``total``.

    ``plateau`` is constant here: `kerasnn.training.stopping.Progress.lower_rate` lowers it once
    epochs no longer gain.

    Returns:
        float32, (count,).

    Reference:
        Loshchilov and Hutter, SGDR, 2016, arXiv 1608.03983 (cosine); Smith and Topin,
        Super-Convergence, 2017, arXiv 1708.07120 (one cycle); Holzmüller et al., 2024,
        arXiv 2407.04491 (coslog4).
    """
    # Counted from 1, so that the first step of a warm-up is not lost on a rate of 0.
    done = np.arange(first + 1, first + count + 1) / max(total, 1)
    if training_options.schedule == "coslog4":
        # It begins and ends at 0: in the middle of a step it never is.
        return (training_options.learning_rate * _four_waves(done - 0.5 / max(total, 1))).astype(
            "float32"
        )
    shape = one_cycle if training_options.schedule == "one_cycle" else _after_warmup
    return (training_options.learning_rate * shape(done, training_options)).astype("float32")


def regularization_shares(
    training_options: TrainingOptions, *, first: int, count: int, total: int
) -> np.ndarray:
    """What dropout and weight decay are multiplied by in each step, float32, (count,), in [0, 1].

    ``flat_cos`` is 1 for half of the run, then half a cosine down to 0 (Holzmüller et al., 2024,
    arXiv 2407.04491).
    """
    if training_options.regularization == "constant":
        return np.ones(count, "float32")
    done = np.arange(first, first + count) / max(total, 1)
    return _half_cosine(2 * done - 1).astype("float32")


def one_cycle(done: np.ndarray, training_options: TrainingOptions) -> np.ndarray:
    """Up by half a cosine over the first 30 % of the run, then down to ``final_rate``."""
    peak = max(training_options.warmup, 0.3)
    rising = ONE_CYCLE_START + (1 - ONE_CYCLE_START) * _half_cosine(1 - done / peak)
    falling = training_options.final_rate + (1 - training_options.final_rate) * _half_cosine(
        (done - peak) / (1 - peak)
    )
    return np.where(done < peak, rising, falling)


def _after_warmup(done: np.ndarray, training_options: TrainingOptions) -> np.ndarray:
    """A straight rise over the warm-up, then the named decay over what is left of the run."""
    left = np.clip((done - training_options.warmup) / (1 - training_options.warmup), 0, 1)
    decay = {
        "constant": np.ones_like(left),
        "plateau": np.ones_like(left),
        "step": STEP_FACTOR ** np.floor(left / training_options.schedule_step + 1e-9),
        "exponential": max(training_options.final_rate, 1e-8) ** left,
        "cosine": training_options.final_rate
        + (1 - training_options.final_rate) * _half_cosine(left),
    }[training_options.schedule]
    rise = np.minimum(1, done / training_options.warmup) if training_options.warmup else 1.0
    return rise * decay


def _four_waves(share: np.ndarray) -> np.ndarray:
    """Four waves from 0 to 1 and back, each twice as long as the one before."""
    result: np.ndarray = 0.5 * (1 - np.cos(2 * np.pi * np.log2(1 + 15 * share)))
    return result


def _half_cosine(share: np.ndarray) -> np.ndarray:
    """Half a cosine from 1 at 0 to 0 at 1."""
    result: np.ndarray = 0.5 * (1 + np.cos(np.pi * np.clip(share, 0, 1)))
    return result
