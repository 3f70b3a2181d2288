"""How much an n-gram counts in a bag: by the texts that have it, or by the classes of these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from kerasnn.runtime.memory import rows_at_once

if TYPE_CHECKING:
    from kerasnn.data.media.stored import Rows

# Texts that the weights come from, at most, and at a time, and bytes of their n-grams.
TEXTS = 50_000
TEXTS_AT_ONCE, BYTES = 512, 32 * 1024 * 1024
# Of more classes, the most frequent tell.
MOST_CLASSES = 32
# An n-gram of fewer texts counts nothing.
FEWEST_TEXTS = 2


def weigh_ngrams(
    network: keras.Model, inputs: Mapping[str, Any], target: NDArray[Any], *, seed: int
) -> None:
    """Fill each ``…_idf`` and ``…_ratio`` layer of a network from its training texts.

    Args:
        network: Network with layers of `kerasnn.layers.bag`.
        inputs: Training inputs by name; arrays, or anything indexed like one.
        target: Target as the loss of the network takes it.
        seed: Seed of the sample of texts.
    """
    layers = {layer.name: layer for layer in network.layers}
    for name, texts in inputs.items():
        if layer := layers.get(f"{name}_idf"):
            codes = keras.Model(layers[name].output, layer.input)
            none = np.zeros((len(target), 0), bool)
            _, totals, n_texts = _count(codes, texts, none, layer.input_dim, seed=seed)
            _fill(layer, inverse_frequencies(totals, n_texts))
        if layer := layers.get(f"{name}_ratio"):
            codes = keras.Model(layers[name].output, layer.input)
            counts, totals, _ = _count(codes, texts, classes_of(target), layer.input_dim, seed=seed)
            _fill(layer, ratios(counts, totals))


def _fill(layer: keras.layers.Embedding, weights: NDArray[np.float64]) -> None:
    layer.embeddings.assign(weights[:, None].astype("float32"))


def classes_of(target: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether a row is of each class, (n, classes); a number is above the median or not.

    Of two classes, one column says all.
    """
    if target.ndim == 2:
        return np.asarray(target > 0.5)
    if not np.issubdtype(target.dtype, np.integer):
        return np.asarray(target > np.median(target))[:, None]
    counts = np.bincount(target)
    if len(counts) <= 2:
        return np.asarray(target == 1)[:, None]
    frequent = np.argsort(-counts, kind="stable")[:MOST_CLASSES]
    return np.asarray(target[:, None] == frequent)


def inverse_frequencies(totals: NDArray[np.float64], n_texts: int) -> NDArray[np.float64]:
    """Log((1 + n) / (1 + df)) + 1 of the n-grams in df of n texts; 0 where df < `FEWEST_TEXTS`."""
    weights = np.log((1 + n_texts) / (1 + totals)) + 1
    return np.where(totals >= FEWEST_TEXTS, weights, 0)


def ratios(counts: NDArray[np.float64], totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far the share of an n-gram in a class is from that in all others, on a logarithmic scale.

    With p and q the numbers of texts that have it, plus 1, within a class and without, it is
    log(p / Σp) - log(q / Σq), and the root of the mean square over the classes; 0 where fewer than
    `FEWEST_TEXTS` have the n-gram.

    Args:
        counts: Texts of each class that have each n-gram, (classes, n-grams).
        totals: Texts that have it, (n-grams,).

    Reference:
        Wang and Manning, "Baselines and bigrams", 2012.
    """
    within, without = counts + 1, totals - counts + 1
    p, q = (each / each.sum(axis=1, keepdims=True) for each in (within, without))
    size = np.sqrt(np.mean(np.log(p / q) ** 2, axis=0))
    return np.where(totals >= FEWEST_TEXTS, size, 0)


def _count(
    codes: keras.Model, texts: Rows, given: NDArray[np.bool_], size: int, *, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Texts of each class with each n-gram, texts with each, and texts; 0 for padding."""
    counts, totals = np.zeros((given.shape[1], size)), np.zeros(size)
    rows = np.arange(len(given))
    if len(rows) > TEXTS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, TEXTS, replace=False))
    at_once = rows_at_once(4 * codes.output.shape[1], most=TEXTS_AT_ONCE, budget=BYTES)
    for start in range(0, len(rows), at_once):
        some = rows[start : start + at_once]
        grams = np.sort(ops.convert_to_numpy(codes(ops.convert_to_tensor(texts[some]))), axis=1)
        # Sorted, an n-gram that is there twice is its own neighbour.
        new = (grams > 0) & (np.diff(grams, axis=1, prepend=-1) > 0)
        totals += np.bincount(grams[new], minlength=size)
        for i, has in enumerate(given[some].T):
            counts[i] += np.bincount(grams[new & has[:, None]], minlength=size)
    return counts, totals, len(rows)
