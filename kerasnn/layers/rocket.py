"""The transform of MiniRocket: shares of places at which fixed convolutions exceed thresholds.

All 84 kernels of nine values have three 2s and six -1s. Each is dilated by powers of about 2; of
what it gives, features are the shares of the places where it is above a threshold (a quantile of
what it gives for a training row). Half of the kernels look beyond the ends, where there are zeros.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from kerasnn.inference.memory_batches import Walk, in_batches
from kerasnn.layers import choices
from kerasnn.layers.convolutions_1d import LOWEST, masked

if TYPE_CHECKING:
    from keras import KerasTensor

SIZE, KERNELS = 9, 84
MOST_DILATIONS = 32
# A kernel looks at so many channels at most.
MOST_CHANNELS = 9
GOLDEN = (5**0.5 + 1) / 2
# Between what a kernel gives at two places, for inputs about unit scale; rounding is far below.
LEAST_GAP = 1e-5
# How far around a threshold a place counts in part.
STEP = 1e-3
# Rows that are convolved at once to find thresholds, at most.
ROWS_AT_ONCE = 16
# Rows that tell the means of features, at most.
ROWS_OF_MEANS = 128
# What a kernel gives for the row that its thresholds come from takes as long as features of so many.
ROWS_A_KERNEL = 1.5


def rocket_features(x: KerasTensor, mask: KerasTensor, *, features: int, name: str) -> KerasTensor:
    """About ``features`` shares of places; thresholds and channels are learned by `fit_rocket`.

    Args:
        x: Zero behind the end.
        mask: Mask of valid steps: 1 up to the end of a sequence, 0 after it.
        features: A multiple of 84 at most that counts.
        name: Prefix of the layers' names.

    Shape:
        x: (batch, time, channels); mask: (batch, time); returns (batch, 84 · (features // 84))

    Raises:
        ConfigError: A value is out of its range.

    Reference:
        Dempster, Schmidt and Webb, "MiniRocket", 2021, arXiv 2012.08791.
    """
    choices.check(features=features)
    one = ops.ones_like(mask[:, :1])
    parts = []
    for i, (dilation, count) in enumerate(dilations(x.shape[1], features // KERNELS)):
        layer = keras.layers.Conv1D(
            KERNELS,
            SIZE,
            dilation_rate=dilation,
            padding="same",
            use_bias=False,
            trainable=False,
            dtype="float32",
            name=f"{name}_dilation_{dilation}",
        )
        found = layer(x)
        layer.kernel.assign(np.repeat(kernels()[:, None], x.shape[2], axis=1))
        counted = _counted(mask, dilation, first=i)
        found = ops.where(ops.greater(counted, 0), found, LOWEST)
        found = keras.layers.Identity(dtype="float32", name=f"{name}_found_{dilation}")(found)
        # Of one number, 1, a dense layer gives its weights.
        thresholds = keras.layers.Dense(
            KERNELS * count,
            use_bias=False,
            kernel_initializer="zeros",
            trainable=False,
            dtype="float32",
            name=f"{name}_thresholds_{dilation}",
        )(one)
        # A step from 0 to 6 about the threshold, so steep that few places are on it, and not so
        # steep that the rounding of another runtime is seen.
        found = found * (6.0 / STEP)
        starts = ops.expand_dims(thresholds * (6.0 / STEP) - 3.0, 1)
        # Each threshold apart: all at once would not fit into the fast memory of a processor.
        hits = [
            ops.sum(ops.relu6(found - start), axis=1) for start in ops.split(starts, count, axis=2)
        ]
        share = 1.0 / ops.maximum(6.0 * ops.sum(counted, axis=1), 1.0)
        parts += [ops.multiply(each, share) for each in hits]
    return ops.concatenate(parts, axis=1)


def changes(x: KerasTensor, mask: KerasTensor) -> tuple[KerasTensor, KerasTensor]:
    """Differences from each position to the next one, and a mask of where there is a next one.

    Shape:
        x: (batch, time, channels); mask: (batch, time); returns the same shapes
    """
    behind = ops.pad(mask[:, 1:], ((0, 0), (0, 1)))
    following = ops.pad(x[:, 1:], ((0, 0), (0, 1), (0, 0)))
    return masked(ops.subtract(following, x), behind), behind


def fit_rocket(network: keras.Model, inputs: Mapping[str, Any], *, seed: int) -> None:
    """Draw the channels of each kernel, and take its thresholds from training rows.

    For each kernel and dilation one row is drawn. The thresholds are quantiles of what the kernel
    gives for it, at levels that fill (0, 1) evenly: the fractions of multiples of the golden ratio.
    Each is moved halfway between the values beside it, so that rounding does not decide which
    places are above.

    Args:
        network: Network with layers of `rocket_features`.
        inputs: Training inputs by name; arrays, or anything indexed like one.
        seed: Seed of the draws.
    """
    generator = np.random.default_rng(seed)
    layers = [layer for layer in network.layers if "_dilation_" in layer.name]
    for layer in layers:
        layer.kernel.assign(_with_channels(layer.kernel.shape[1], generator))
    used: dict[str, int] = {}
    n_rows = len(next(iter(inputs.values())))
    for layer in layers:
        prefix, dilation = layer.name.split("_dilation_")
        thresholds = network.get_layer(f"{prefix}_thresholds_{dilation}")
        count = thresholds.units // KERNELS
        rows = generator.integers(n_rows, size=KERNELS)
        places = np.arange(used.get(prefix, 0), used.get(prefix, 0) + count * KERNELS) + 1
        used[prefix] = int(places[-1])
        levels = (places * GOLDEN % 1).reshape(KERNELS, count)
        part = keras.Model(network.inputs, network.get_layer(f"{prefix}_found_{dilation}").output)
        values = [
            between(found, level)
            for found, level in zip(_found(part, inputs, rows), levels, strict=True)
        ]
        thresholds.kernel.assign(np.stack(values, axis=1).reshape(1, -1).astype("float32"))


def centered(x: KerasTensor, *, name: str) -> KerasTensor:
    """Features minus their means, which `fit_means` learns; 0 before.

    Thousands of shares times weights nearly cancel out: of centered ones the sum is more exact.

    Shape:
        x: (batch, features); returns the same
    """
    # Of one number, 1, a dense layer gives its weights.
    means = keras.layers.Dense(
        x.shape[1],
        use_bias=False,
        kernel_initializer="zeros",
        trainable=False,
        dtype="float32",
        name=f"{name}_means",
    )(ops.ones_like(x[:, :1]))
    return ops.subtract(x, means)


def fit_means(network: keras.Model, inputs: Mapping[str, Any]) -> None:
    """Take the means of `centered` from some training rows.

    Args:
        network: Network with layers of `centered`, whose means are still 0.
        inputs: Training inputs by name; arrays, or anything indexed like one.
    """
    n_rows = len(next(iter(inputs.values())))
    rows = np.unique(np.linspace(0, n_rows - 1, ROWS_OF_MEANS).astype(int))
    found = {layer.name: layer for layer in network.layers if layer.name.endswith("_means")}
    for name, layer in found.items():
        features = network.get_layer(name.replace("_means", "_features"))
        part = keras.Model(network.inputs, features.output)
        total = np.zeros(layer.units)
        walk = Walk(part)
        at_once = walk.affordable_rows(most=ROWS_AT_ONCE)
        for some in np.array_split(rows, -(-len(rows) // at_once)):
            given = {key: ops.convert_to_tensor(values[some]) for key, values in inputs.items()}
            total += ops.convert_to_numpy(walk(given)).sum(axis=0)
        layer.kernel.assign((total / len(rows))[None].astype("float32"))


def rows_to_fit_rocket(n_rows: int) -> float:
    """How many rows `fit_rocket` and `fit_means` compute features of, about.

    Args:
        n_rows: Number of training rows.
    """
    return ROWS_A_KERNEL * KERNELS + min(n_rows, ROWS_OF_MEANS)


def kernels() -> NDArray[np.float32]:
    """The 84 kernels, (9, 84): -1 everywhere but for three places, which have 2."""
    found = np.full((SIZE, KERNELS), -1, "float32")
    for i, places in enumerate(itertools.combinations(range(SIZE), 3)):
        found[list(places), i] = 2
    return found


def between(values: NDArray[Any], levels: NDArray[Any]) -> NDArray[np.float64]:
    """Quantiles, each moved halfway between the two values that it lies between; 0 of no values.

    Values that differ by less than `LEAST_GAP` count as one.

    >>> between(np.array([0.0, 1.0, 1.0, 3.0]), np.array([0.1, 0.5, 0.9]))
    array([0.5, 2. , 2. ])
    """
    if not len(values):
        return np.zeros(len(levels))
    distinct = np.unique(values.astype(np.float64))
    distinct = distinct[np.diff(distinct, prepend=-np.inf) > LEAST_GAP]
    if len(distinct) == 1:
        return np.full(len(levels), distinct[0] + LEAST_GAP)
    places = np.searchsorted(distinct, np.quantile(values, levels), side="right") - 1
    places = places.clip(0, len(distinct) - 2)
    return np.asarray((distinct[places] + distinct[places + 1]) / 2)


def dilations(length: int, per_kernel: int) -> list[tuple[int, int]]:
    """Dilations, of which the largest spans the sequence, and thresholds a kernel has at each.

    >>> dilations(25, 4)
    [(1, 2), (2, 1), (3, 1)]
    """
    count = min(per_kernel, MOST_DILATIONS)
    largest = np.log2(max(length - 1, SIZE - 1) / (SIZE - 1))
    exponents = np.linspace(0, largest, count)
    found, times = np.unique(np.floor(2**exponents + 1e-9).astype(int), return_counts=True)
    times = (times * (per_kernel / count)).astype(int)
    # What rounding left over goes to the first ones.
    times[: per_kernel - times.sum()] += 1
    return list(zip(found.tolist(), times.tolist(), strict=True))


def _counted(mask: KerasTensor, dilation: int, *, first: int) -> KerasTensor:
    """Places that count for each kernel: all, or, for every other one, those it fits in.

    Shape:
        returns (batch, time, 84), of 0 and 1
    """
    reach, length = dilation * (SIZE // 2), mask.shape[1]
    # A kernel fits where the sequence began before its reach and goes on behind it.
    ends = ops.pad(mask[:, reach:], ((0, 0), (0, min(reach, length))))
    begun = ops.greater(ops.cumsum(ops.ones_like(mask), axis=1), reach)
    inside = ops.multiply(ends, ops.cast(begun, "float32"))
    fitting = ((np.arange(KERNELS) + first) % 2).astype("float32")
    whole, inside = ops.expand_dims(mask, 2), ops.expand_dims(inside, 2)
    return ops.add(ops.multiply(whole, 1 - fitting), ops.multiply(inside, fitting))


def _with_channels(channels: int, generator: np.random.Generator) -> NDArray[np.float32]:
    """The kernels, each for some of the channels: few more often than many.

    Shape:
        returns (9, channels, 84)
    """
    chosen = np.zeros((channels, KERNELS), "float32")
    for i in range(KERNELS):
        most = np.log2(min(channels, MOST_CHANNELS) + 1)
        count = int(2 ** generator.uniform(0, most))
        chosen[generator.choice(channels, count, replace=False), i] = 1
    return kernels()[:, None] * chosen


def _found(
    part: keras.Model, inputs: Mapping[str, Any], rows: NDArray[Any]
) -> Iterator[NDArray[Any]]:
    """Output of each kernel for its row, at the valid positions."""
    kernel = 0
    for some in in_batches(part, inputs, rows, most=ROWS_AT_ONCE):
        for each in some:
            column = each[:, kernel]
            yield column[column > LOWEST / 2]
            kernel += 1
