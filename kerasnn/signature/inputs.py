"""The inputs of a network: what each array holds, its shape and its range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Unit = Literal["words", "characters"]
NumberEmbedding = Literal["none", "linear", "piecewise_linear", "periodic", "pbld"]
Kind = Literal[
    "number",
    "category",
    "boolean",
    "date",
    "image",
    "text",
    "series",
    "sound",
    "identifier",
    "constant",
]


# Width, cosines and standard deviation of the first frequencies, as in the papers.
EMBEDDING_SIZES: dict[NumberEmbedding, tuple[int, int, float]] = {
    "linear": (16, 0, 0.0),
    "piecewise_linear": (16, 0, 0.0),
    "periodic": (24, 48, 0.01),
    "pbld": (4, 16, 0.1),
}


@dataclass(frozen=True)
class Numbers:
    """Input ``"numbers"``: float32, (batch, len(names)), finite, about unit scale.

    Args:
        names: One for each column of the matrix.
        embedding: Embedding of each number.
        width: Width of the embedding; 0 without one.
        bins: Ascending edges of each column, in the scale of the input, for ``piecewise_linear``;
            none of a column that did not vary, else two or more.
        frequencies: Cosines of each column, for ``periodic`` and ``pbld``.
        frequency_scale: Standard deviation of the first frequencies, likewise.
    """

    names: tuple[str, ...]
    embedding: NumberEmbedding = "none"
    width: int = 0
    bins: tuple[tuple[float, ...], ...] = ()
    frequencies: int = 0
    frequency_scale: float = 0.0


@dataclass(frozen=True)
class Categories:
    """Input ``"categories"``: int32 codes, (batch, len(names)).

    Code 0 stands for a missing value, 1 for an unknown one, the vocabulary starts at 2.

    Args:
        names: One for each column of the matrix.
        cardinalities: Number of codes of each column, both special codes counted; >= 2.
        widths: Width of each column's learned embedding; 0 for one-hot.
    """

    names: tuple[str, ...]
    cardinalities: tuple[int, ...]
    widths: tuple[int, ...]


@dataclass(frozen=True)
class Image:
    """One input of images: uint8 or float32 from 0 to 255, (batch, height, width, channels).

    The network itself scales them, with the mean and the deviation of the training pixels.

    Args:
        name: Name of the column.
        height: Height in pixels; >= 1.
        width: Width in pixels; >= 1.
        channels: 1 for grey, 3 for red, green and blue.
        mean: Mean of the training pixels of each channel, in [0, 255].
        deviation: Their standard deviations; > 0.
    """

    name: str
    height: int
    width: int
    channels: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]


@dataclass(frozen=True)
class Text:
    """One input of texts: int32 codes of their tokens in order, (batch, length).

    Code 0 pads a text at its end, 1 stands for an unknown token, the vocabulary starts at 2. An
    empty text is padding alone.

    Args:
        name: Name of the column.
        length: Most tokens of a text; >= 1.
        cardinality: Number of codes, both special codes counted; >= 2.
        unit: Kind of token: words or characters.
    """

    name: str
    length: int
    cardinality: int
    unit: Unit = "words"


@dataclass(frozen=True)
class Series:
    """One input of series: float32 readings as they are, (batch, length, channels).

    NaN stands for a missing reading, and in all channels for the time behind the end of a series
    that is shorter. The network itself scales, fills and masks them.

    Args:
        name: Name of the column.
        length: Most time steps; >= 1.
        channels: Readings at each point; >= 1.
        mean: Mean of the training readings of each channel.
        deviation: Their standard deviations; > 0.
        has_missing: True if readings were missing within training series, so that the network gets
            an input that marks them.
    """

    name: str
    length: int
    channels: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    has_missing: bool = False


@dataclass(frozen=True)
class Sound:
    """One input of sounds: float32 samples from -1 to 1, (batch, samples), NaN behind the end.

    The network itself makes a mel spectrogram of them, and scales its logarithm.

    Args:
        name: Name of the column.
        samples: Most samples of a sound; >= 1.
        rate: Samples a second.
        mean: Mean of the log-mel spectrogram of the training sounds, over all bands.
        deviation: Its standard deviation; > 0.
    """

    name: str
    samples: int
    rate: int
    mean: float
    deviation: float


@dataclass(frozen=True)
class Window:
    """The inputs of a forecast, all finite: the past of one or more targets and what else is known.

    ``"past"``: float32 (batch, lookback, targets), the targets, scaled; gaps are filled.
    ``"past_covariates"``: float32 (batch, lookback, len(past_covariates)), where there are any.
    ``"future_covariates"``: float32 (batch, lookback + horizon, len(future_covariates)), likewise; the calendar
    is among them. What never changes in a series is in ``"numbers"`` and ``"categories"``.

    The network returns (batch, horizon · targets · max(1, quantiles)), in this order of axes.

    Args:
        targets: Names of the columns that are forecast.
        lookback: Number of past time steps that the network sees (its context length).
        horizon: Number of time steps that it forecasts.
        season: Number of time steps of a season; 1 where there is none.
        past_covariates: Names of covariates that are known up to now.
        future_covariates: Names of covariates that are known ahead too.
        quantiles: Levels in (0, 1), ascending; empty for a point forecast.
    """

    targets: tuple[str, ...]
    lookback: int
    horizon: int
    season: int = 1
    past_covariates: tuple[str, ...] = ()
    future_covariates: tuple[str, ...] = ()
    quantiles: tuple[float, ...] = ()

    @property
    def width(self) -> int:
        """Numbers that a network returns for a window."""
        return self.horizon * len(self.targets) * max(1, len(self.quantiles))
