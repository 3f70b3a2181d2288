"""Series and sounds as a few numbers each, for models that read no sequence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kerasnn.preprocessing.mel import log_mel
from kerasnn.preprocessing.preprocessor import Preprocessor
from kerasnn.runtime.memory import rows_at_once

# Equal pieces of a series whose means are told.
PIECES = 8
# Of more channels, pieces are not told.
MOST_CHANNELS = 32
QUARTILES = (0.0, 0.25, 0.5, 0.75, 1.0)
SOUNDS_AT_ONCE = 50
# Series at once, and bytes of theirs.
ROWS, BYTES = 10_000, 32 * 1024 * 1024


def summaries(
    preprocessor: Preprocessor, inputs: dict[str, NDArray[np.float32]]
) -> NDArray[np.float64]:
    """What all series and sounds are like, side by side, (n, any); NaN where there is no reading.

    Args:
        preprocessor: Preprocessor of the inputs.
        inputs: Inputs that the preprocessor returns.
    """
    signature = preprocessor.signature
    parts = [of_series(inputs[name]) for name in signature.series_inputs]
    parts += [of_sounds(inputs[name], sound.rate) for name, sound in signature.sound_inputs.items()]
    n_rows = len(next(iter(inputs.values())))
    return np.concatenate([np.zeros((n_rows, 0)), *parts], axis=1)


def of_series(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Summarize each channel: mean, deviation, slope, least, quartiles, greatest, means of pieces.

    Shape:
        values: (n, length, channels), NaN where missing; returns (n, any)
    """
    # In double precision, and several times over.
    at_once = rows_at_once(8 * values[0].size if len(values) else 0, most=ROWS, budget=BYTES)
    starts = range(0, max(len(values), 1), at_once)
    return np.concatenate([_of_some(values[start : start + at_once]) for start in starts])


def _of_some(values: NDArray[np.float32]) -> NDArray[np.float64]:
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0).astype("float64")
    count = known.sum(axis=1).astype("float64")
    share = np.where(known, 1.0, 0.0) / np.maximum(count, 1)[:, None]
    mean = (filled * share).sum(axis=1)
    apart = np.where(known, filled - mean[:, None], 0.0)
    deviation = np.sqrt((np.square(apart) * share).sum(axis=1))
    times = np.linspace(0, 1, values.shape[1])[None, :, None] * np.ones_like(share)
    times = np.where(known, times - (times * share).sum(axis=1)[:, None], 0.0)
    slope = (times * apart).sum(axis=1) / np.maximum(np.square(times).sum(axis=1), 1e-12)
    parts = [mean, deviation, slope, *_quantiles(values, count)]
    if values.shape[2] <= MOST_CHANNELS:
        parts += _piece_means(filled, known)
    together = np.stack(parts, axis=2)  # (n, channels, any)
    together[count == 0] = np.nan
    return np.concatenate([together.reshape(len(values), -1), _lengths(known)[:, None]], axis=1)


def of_sounds(samples: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """Mean and deviation of each band of the logarithm of the mel spectrogram.

    Shape:
        samples: (n, samples), NaN behind the end; returns (n, 2 · bands)
    """
    found = []
    for start in range(0, len(samples), SOUNDS_AT_ONCE):
        spectra = log_mel(samples[start : start + SOUNDS_AT_ONCE], rate).astype("float64")
        known = ~np.isnan(spectra)
        count = np.maximum(known.sum(axis=1), 1)
        mean = np.where(known, spectra, 0.0).sum(axis=1) / count
        squares = np.square(np.where(known, spectra - mean[:, None], 0.0))
        found.append(np.concatenate([mean, np.sqrt(squares.sum(axis=1) / count)], axis=1))
    return np.concatenate(found) if found else np.zeros((0, 0))


def _quantiles(
    values: NDArray[np.float32], count: NDArray[np.float64]
) -> list[NDArray[np.float64]]:
    """Readings at shares of the known ones in order, each (n, channels)."""
    ordered = np.sort(values, axis=1).astype("float64")  # NaN come last.
    at = [np.floor(np.maximum(count - 1, 0) * share).astype(np.int64) for share in QUARTILES]
    return [np.take_along_axis(ordered, each[:, None], axis=1)[:, 0] for each in at]


def _piece_means(
    filled: NDArray[np.float64], known: NDArray[np.bool_]
) -> list[NDArray[np.float64]]:
    """Means of equal pieces of each series up to its end, each (n, channels); 0 of an empty one."""
    lengths = np.maximum(_lengths(known), 1)
    piece = np.arange(filled.shape[1])[None] * PIECES // lengths[:, None].astype(np.int64)
    means = []
    for number in range(PIECES):
        there = known & (piece == number)[..., None]
        means.append((filled * there).sum(axis=1) / np.maximum(there.sum(axis=1), 1))
    return means


def _lengths(known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Points up to the last that has a reading, (n,)."""
    places = np.arange(1, known.shape[1] + 1)[None, :, None]
    found: NDArray[np.float64] = (known * places).max(axis=(1, 2)).astype("float64")
    return found
