"""Closed forms within a time limit: fewer features, then fewer rows, by what a small piece takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from kerasnn import models
from kerasnn.config.config import Config
from kerasnn.errors import warn
from kerasnn.inference.batched_model import SMALLEST_BATCH, BatchedModel
from kerasnn.inference.memory_batches import in_batches
from kerasnn.layers import ridge
from kerasnn.training.engine import Arrays

if TYPE_CHECKING:
    from kerasnn.models import Entry

# Rows that are timed.
PIECE_ROWS = 8
# Of a plan, the share of the time that it may fill: what is measured scatters.
SHARE = 0.8
# How often a solved network is compiled: to judge it, and to predict.
COMPILED = 2
# Fewer rows than that are not chosen.
FEWEST_ROWS = 32
# Operations a second of the equations.
SPEED = 2e10


@dataclass(frozen=True)
class Pace:
    """Seconds of a network with the fewest features.

    Args:
        compiling_s: Seconds until it is compiled.
        transform_s: Seconds a row of its features, operation by operation.
        forward_s: Seconds a row of the compiled network.
    """

    compiling_s: float
    transform_s: float
    forward_s: float


def measure(network: keras.Model, inputs: Mapping[str, Any]) -> Pace:
    """Time a few rows.

    Args:
        network: Network with a layer ``features``; its weights do not matter.
        inputs: Training inputs by name.
    """
    part = keras.Model(network.inputs, network.get_layer("features").output)
    rows = np.arange(min(PIECE_ROWS, len(next(iter(inputs.values())))))

    def transform(some: Any) -> None:
        list(in_batches(part, inputs, some, most=len(some)))

    transform(rows[:1])
    transform_s = _seconds(lambda: transform(rows)) / len(rows)
    forward, few = BatchedModel(network), {name: values[rows] for name, values in inputs.items()}
    first, second = (_seconds(lambda: forward(few)) for _ in range(2))
    size = min(forward.batch_size, SMALLEST_BATCH)
    return Pace(max(first - second, 0.0), transform_s, second / size)


def within_limit(
    config: Config,
    train: Arrays,
    n_validation: int,
    *,
    build: Callable[[Config], keras.Model],
    began: float,
) -> tuple[dict[str, Any], Arrays]:
    """What of a closed form is left smaller so that it is solved within its time limit.

    Features are reduced first, unless somebody chose them, because they cost less than rows do.

    Args:
        config: Configuration whose time limit counts from ``began``.
        train: Training rows.
        n_validation: Number of validation rows.
        build: Builds the network of a configuration.
        began: Start of the time that counts, of `time.perf_counter`.

    Returns:
        Values of the configuration that lack of time decides, and the rows to solve for.
    """
    entry, limit = models.get(config.model.name), config.run.time_limit_s
    if limit is None or not (entry.reducible and entry.transforms):
        return {}, train
    name, fewest = entry.reducible
    wanted = config.model.hyperparameters[name]
    is_free = wanted == models.hyperparameters(entry.name)[name] and wanted > fewest
    small = min(wanted, fewest)
    pace = measure(build(config.with_inferred({f"model.{name}": small})), train.inputs)
    budget = SHARE * (limit - (perf_counter() - began))

    def seconds(size: int, n_rows: int) -> float:
        of_network = size / small * _of_network(pace, entry, n_rows, n_validation)
        return float(of_network + _of_equations(n_rows, size))

    size, n_rows = wanted, len(train)
    while is_free and size > fewest and seconds(size, n_rows) > budget:
        size = max(fewest, int(0.8 * size))
    while n_rows // 2 >= FEWEST_ROWS and seconds(size, n_rows) > budget:
        n_rows //= 2
    if (size, n_rows) == (wanted, len(train)):
        return {}, train
    parts = [f"{size:,} of {wanted:,} {name}"] * (size < wanted)
    parts += [f"{n_rows:,} of {len(train):,} training rows"] * (n_rows < len(train))
    problem = f"for lack of time, {entry.name} has {' and '.join(parts)}"
    warn(problem, hint="raise `run.time_limit_s`")
    reductions = {f"model.{name}": size} if size < wanted else {}
    return reductions, _some(train, n_rows, seed=config.run.seed)


def _of_network(pace: Pace, entry: Entry, n_rows: int, n_validation: int) -> float:
    assert entry.transforms is not None
    return (
        COMPILED * pace.compiling_s
        + pace.transform_s * entry.transforms(n_rows)
        + pace.forward_s * (n_rows + 2 * n_validation)
    )


def _of_equations(n_rows: int, size: int) -> float:
    """Seconds for the eigenvalues of a matrix of some of the rows, and for the moments of all."""
    side = min(n_rows, ridge.ROWS)
    return (10 * side**3 + 2 * n_rows * min(n_rows, size) * size) / SPEED


def _some(rows: Arrays, count: int, *, seed: int) -> Arrays:
    """Rows drawn at random, in their order."""
    if count >= len(rows):
        return rows
    drawn = np.sort(np.random.default_rng(seed).permutation(len(rows))[:count])
    weights = None if rows.weights is None else rows.weights[drawn]
    inputs = {name: values[drawn] for name, values in rows.inputs.items()}
    return replace(rows, inputs=inputs, target=rows.target[drawn], weights=weights)


def _seconds(work: Callable[[], Any]) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began
