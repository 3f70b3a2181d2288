"""The mel spectrogram of a sound: one definition for the scale learned in NumPy and the network.

Frames of 25 ms every 10 ms, a periodic Hann window, the discrete Fourier transform written as a
product with cosines and sines (which every runtime has), triangles on the mel scale, a logarithm::

    power = (frame · cos)² + (frame · sin)²        1 for a sine of full scale
    log mel = log(max(power · triangles, 1e-10))

There is a frame for each 10 ms that begin within the sound; behind its end are zeros. So the number
of frames depends on the sound alone, not on how long the others are.

Reference: Stevens, Volkmann and Newman, A scale for the measurement of the psychological magnitude
pitch, 1937; Davis and Mermelstein, 1980.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

FRAME_S, HOP_S = 0.025, 0.010
MOST_BANDS = 64
FLOOR = 1e-10
# Half the width of the lowest triangle, in hertz: a triangle narrower than the 40 Hz between the
# frequencies of a frame of 25 ms could fall between two of them.
NARROWEST_HZ = 21.0


def frame_length(rate: int) -> int:
    """Samples of a frame.

    >>> frame_length(16_000), frame_length(8_000)
    (400, 200)
    """
    return max(2, round(FRAME_S * rate))


def hop_length(rate: int) -> int:
    """Samples from the start of a frame to that of the next.

    >>> hop_length(16_000)
    160
    """
    return max(1, round(HOP_S * rate))


def n_frames(samples: int, rate: int) -> int:
    """Frames of a sound.

    >>> n_frames(16_000, 16_000), n_frames(1, 16_000)
    (100, 1)
    """
    return math.ceil(samples / hop_length(rate))


def n_bands(rate: int) -> int:
    """Bands of the mel scale: fewer where the rate is low.

    >>> n_bands(16_000), n_bands(4_000)
    (64, 44)
    """
    return int(np.clip(int(_mel(rate / 2) / _mel(NARROWEST_HZ)) - 1, 1, MOST_BANDS))


def padding(samples: int, rate: int) -> int:
    """Zeros to put behind a sound, so that its last frame is whole."""
    return (n_frames(samples, rate) - 1) * hop_length(rate) + frame_length(rate) - samples


def waves(rate: int) -> NDArray[np.float32]:
    """The window times cosines, then sines: a frame times this is its Fourier transform.

    Shape:
        returns (frame, 2 · frequencies)
    """
    length = frame_length(rate)
    n = np.arange(length)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * n / length)
    # Half the sum of the window is what a sine of full scale gives.
    window /= window.sum() / 2
    angles = 2 * np.pi * np.outer(n, np.arange(length // 2 + 1)) / length
    both = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
    found: NDArray[np.float32] = (window[:, None] * both).astype("float32")
    return found


def triangles(rate: int) -> NDArray[np.float32]:
    """How much each frequency counts for each band of the mel scale; 1 at the top of a triangle.

    Shape:
        returns (frequencies, bands)
    """
    length, bands = frame_length(rate), n_bands(rate)
    edges = 700 * (10 ** (np.linspace(0, _mel(rate / 2), bands + 2) / 2595) - 1)
    hertz = np.arange(length // 2 + 1)[:, None] * rate / length
    rising = (hertz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hertz) / (edges[2:] - edges[1:-1])
    found: NDArray[np.float32] = np.maximum(0, np.minimum(rising, falling)).astype("float32")
    return found


def log_mel(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """The logarithm of the mel spectrogram; NaN in frames that begin behind the end of a sound.

    Args:
        samples: Samples in [-1, 1], NaN after the end.
        rate: Samples a second.

    Shape:
        samples: (n, samples); returns (n, frames, bands)
    """
    power = mel_power(np, framed(samples, rate), waves(rate), triangles(rate))
    found: NDArray[np.float32] = np.log(np.maximum(power, np.float32(FLOOR)))
    found[np.isnan(samples[:, :: hop_length(rate)])] = np.nan
    return found


def framed(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Overlapping frames, with zeros for what is behind the end.

    Shape:
        samples: (n, samples); returns (n, frames, frame)
    """
    padded = np.pad(np.nan_to_num(samples, nan=0.0), ((0, 0), (0, padding(samples.shape[1], rate))))
    windows = np.lib.stride_tricks.sliding_window_view(padded, frame_length(rate), axis=1)
    frames: NDArray[np.float32] = windows[:, :: hop_length(rate)]
    return frames


def mel_power(xp: Any, frames: Any, waves: Any, triangles: Any) -> Any:
    """The mel spectrogram of frames, by NumPy or by ``keras.ops``.

    Shape:
        frames: (n, frames, frame); returns (n, frames, bands)
    """
    parts = xp.matmul(frames, waves)
    half = waves.shape[1] // 2
    power = xp.square(parts[..., :half]) + xp.square(parts[..., half:])
    return xp.matmul(power, triangles)


def _mel(hertz: float) -> float:
    return 2595 * math.log10(1 + hertz / 700)
