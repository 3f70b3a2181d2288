"""Sizes and bin edges of the embeddings of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasnn.errors import ConfigError
from kerasnn.options import PreprocessingOptions
from kerasnn.signature import EMBEDDING_SIZES, Numbers

# The narrowest bin, and what of the range of the edges and of its own place it must be at least.
# A number that another program rounds otherwise must not move far within its bin.
NARROWEST = 1e-6
LEAST_SHARE = 1e-4
# Of all columns together, per row: what sizes that are left open keep to in a table of a thousand
# columns and more, whose network would need more memory for this than for all else.
MOST_VALUES = 1 << 14
MOST_BINS = 1 << 15
MOST_WAVES = 1 << 16
# That edges are found from; more would not place them better.
MOST_ROWS = 1 << 18
# Weights; above it a network is refused.
LARGEST = 1 << 27

Edges = tuple[tuple[float, ...], ...]


def resolved(options: PreprocessingOptions, columns: int) -> PreprocessingOptions:
    """Options whose sizes are decided: those of the papers where they are left open.

    A very wide table has less: narrower vectors, fewer cosines, and fewer bins than asked for.

    Args:
        options: Options, in which 0 stands for the size in the paper.
        columns: Number of columns of the input ``"numbers"``.

    Raises:
        ConfigError: The embedding would be too large, or too narrow for its kind.
    """
    kind = options.number_embedding
    if kind == "none" or not columns:
        return options
    width, frequencies, scale = EMBEDDING_SIZES[kind]
    sizes = replace(
        options,
        number_width=options.number_width or max(2, min(width, MOST_VALUES // columns)),
        number_bins=min(options.number_bins, max(2, MOST_BINS // columns)),
        frequencies=options.frequencies or min(frequencies, max(1, MOST_WAVES // columns)),
        frequency_scale=options.frequency_scale or scale,
    )
    if kind == "pbld" and sizes.number_width == 1:
        problem = "`preprocessing.number_width` must be at least 2 with pbld; got 1"
        raise ConfigError(problem, hint="one value is the number itself")
    if not are_resolved(sizes, columns):
        problem = f"the embedding of {columns:,} numbers would be too large"
        raise ConfigError(problem, hint="choose a smaller number_width, or number_embedding=none")
    return sizes


def are_resolved(options: PreprocessingOptions, columns: int) -> bool:
    """Whether all sizes of an embedding are decided, and none is too large."""
    kind, width, count = options.number_embedding, options.number_width, options.frequencies
    if kind in ("periodic", "pbld"):
        is_decided = width > (kind == "pbld") and count > 0 and options.frequency_scale > 0
        return is_decided and columns * width * count <= LARGEST
    inner = options.number_bins if kind == "piecewise_linear" else 1
    return width > 0 and columns * width * inner <= LARGEST


def embedded(names: tuple[str, ...], options: PreprocessingOptions, bins: Edges) -> Numbers:
    """The input ``"numbers"`` as a network takes it.

    Args:
        names: Names of its columns.
        options: Options that `resolved` returned.
        bins: Edges that `fit_edges` returned, for ``piecewise_linear``.
    """
    kind = options.number_embedding
    if kind == "none":
        return Numbers(names)
    waves = kind in ("periodic", "pbld")
    return Numbers(
        names,
        kind,
        options.number_width,
        bins,
        options.frequencies if waves else 0,
        options.frequency_scale if waves else 0.0,
    )


def fit_edges(x: NDArray[np.float32], count: int) -> Edges:
    """Quantiles of each column, so that as many training rows are in each of the bins.

    A value that fills more than a bin has an edge of its own, and the others share what edges are
    left: of a column that is 0 in nine rows of ten, the tenth has nearly all of them. Where there
    are few values, each is an edge. Values too near to each other count once. A column that does
    not vary has no edges, others have two at least.

    Args:
        x: Scaled training rows, (n, columns).
        count: Most bins of a column.
    """
    edges = [_spread(column.astype("float64"), count).astype("float32") for column in x.T]
    return tuple(_apart(column.tolist()) for column in edges)


def _spread(column: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Ascending edges of one column, count + 1 of them at most."""
    values, repeats = np.unique(column, return_counts=True)
    if len(values) <= count + 1:
        return values
    own = np.zeros(len(values), dtype=bool)
    while True:
        left = np.where(own, 0, repeats)
        crowded = left > left.sum() / (count - own.sum())
        if not crowded.any():
            break
        own |= crowded
    if not own.any():
        return np.asarray(np.quantile(column, np.linspace(0, 1, count + 1)))
    own[[0, -1]] = True
    ranks = np.linspace(0, 1, count + 3 - own.sum())[1:-1]
    others = np.quantile(np.repeat(values[~own], repeats[~own]), ranks)
    return np.sort(np.concatenate([values[own], others]))


def some_rows(raw: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Enough of the training rows for `fit_edges`, evenly over all of them."""
    return {name: cells[:: 1 + (len(cells) - 1) // MOST_ROWS] for name, cells in raw.items()}


def are_edges(edges: Sequence[Any]) -> bool:
    """Whether they ascend, and are as far apart as `fit_edges` leaves them."""
    return len(edges) != 1 and all(right - left >= _least(right) for left, right in pairwise(edges))


def _apart(edges: list[float]) -> tuple[float, ...]:
    least = LEAST_SHARE * (edges[-1] - edges[0])
    kept = edges[:1]
    for edge in edges[1:]:
        if edge - kept[-1] >= max(least, _least(edge)):
            kept.append(edge)
    return tuple(kept) if len(kept) > 1 else ()


def _least(edge: float) -> float:
    return max(NARROWEST, LEAST_SHARE * abs(edge))
