"""The named inputs of a network and its output, as one object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from kerasnn.signature.inputs import (
    EMBEDDING_SIZES,
    Categories,
    Image,
    NumberEmbedding,
    Numbers,
    Series,
    Sound,
    Text,
    Window,
)

# Maximum number of ways to encode the columns of one table, for networks that are averaged.
MAX_ENCODINGS = 16

Task = Literal["binary", "multiclass", "multilabel", "regression", "forecast"]


@dataclass(frozen=True)
class Output:
    """What a network must return: raw scores (logits, or the standardized target).

    Args:
        task: Binary has one logit, multiclass one a class, multilabel one a label (each decided
            on its own), regression one number a target, a forecast what `Window` says.
        width: Number of output units.
    """

    task: Task
    width: int


@dataclass(frozen=True)
class Signature:
    """The named inputs of a network and its output.

    An input that does not exist is None: a table without categories has ``categories=None``.
    Each column of images, texts, series and sounds is an input of its own, named as by
    `image_inputs`, `text_inputs`, `series_inputs` and `sound_inputs`.

    The networks of an ensemble may encode numbers and categories differently: ``numbers`` and
    ``categories`` are the first encoding, and ``members`` has the others. The k-th encoding has an
    input ``"numbers_k"``; codes of categories, and all other inputs, are the same in all of them.
    """

    output: Output
    numbers: Numbers | None = None
    categories: Categories | None = None
    images: tuple[Image, ...] = ()
    texts: tuple[Text, ...] = ()
    series: tuple[Series, ...] = ()
    sounds: tuple[Sound, ...] = ()
    window: Window | None = None
    members: tuple[Signature, ...] = ()

    @property
    def encodings(self) -> tuple[Signature, ...]:
        """A signature for each encoding of the columns."""
        others = (
            replace(self, numbers=each.numbers, categories=each.categories, members=())
            for each in self.members
        )
        return (replace(self, members=()), *others)

    def encoding_inputs(self, encoding: int) -> dict[str, str]:
        """Input names of an encoding, counted from 1, mapped to the names in the whole signature.

        >>> Signature(Output("regression", 1), Numbers(("age",))).encoding_inputs(1)
        {'numbers': 'numbers'}
        """
        named = {"numbers": self.numbers, "categories": self.categories}
        found = {name: name for name, columns in named.items() if columns}
        media = (self.image_inputs, self.text_inputs, self.series_inputs, self.sound_inputs)
        found |= {name: name for columns in media for name in columns}
        if encoding > 1 and self.numbers:
            found["numbers"] = f"numbers_{encoding}"
        return found

    @property
    def image_inputs(self) -> dict[str, Image]:
        """Image inputs by name: ``image``, then ``image_2``, ``image_3`` …."""
        return _named("image", self.images)

    @property
    def text_inputs(self) -> dict[str, Text]:
        """Text inputs by name: ``text``, then ``text_2`` …."""
        return _named("text", self.texts)

    @property
    def series_inputs(self) -> dict[str, Series]:
        """Series inputs by name: ``series``, then ``series_2`` …."""
        return _named("series", self.series)

    @property
    def sound_inputs(self) -> dict[str, Sound]:
        """Sound inputs by name: ``sound``, then ``sound_2`` …."""
        return _named("sound", self.sounds)

    @classmethod
    def table(
        cls,
        *,
        numbers: int = 0,
        number_embedding: NumberEmbedding = "none",
        categories: Sequence[int | tuple[int, int]] = (),
        images: Sequence[tuple[int, int, int]] = (),
        texts: Sequence[tuple[int, int]] = (),
        series: Sequence[tuple[int, int]] = (),
        sounds: Sequence[tuple[int, int]] = (),
        classes: int | None = None,
        labels: int | None = None,
    ) -> Signature:
        """Describe a table by its sizes, for using a factory on its own.

        Args:
            numbers: Number of numeric columns.
            number_embedding: Embedding of each number, with the sizes of its paper and eight bins
                of a normal distribution.
            categories: Number of codes of each categorical column, including 0 (missing) and
                1 (unknown), for a one-hot encoding; or that number and the width of an embedding.
            images: Height, width and channels of each image column; their pixels are taken to
                have the mean and the deviation of an even spread over 0 to 255.
            texts: Length and number of codes of each text column.
            series: Length and channels of each column of series, which are taken to be
                standardized and to miss some readings.
            sounds: Samples and rate of each column of sounds.
            classes: Number of classes; None for regression.
            labels: Number of labels, of which a row has any number, in place of classes.

        >>> Signature.table(numbers=10, classes=3).output.width
        3
        >>> list(Signature.table(images=[(32, 32, 3)], texts=[(20, 100)], classes=10).text_inputs)
        ['text']
        """
        if labels is not None:
            output = Output("multilabel", labels)
        elif classes is None:
            output = Output("regression", 1)
        else:
            output = Output("binary", 1) if classes == 2 else Output("multiclass", classes)
        return cls(
            output,
            _numbers(numbers, number_embedding),
            _categories(categories),
            images=tuple(
                Image(f"image_{i}", h, w, c, (127.5,) * c, (73.6,) * c)
                for i, (h, w, c) in enumerate(images)
            ),
            texts=tuple(Text(f"text_{i}", *sizes) for i, sizes in enumerate(texts)),
            series=tuple(
                Series(f"series_{i}", length, c, (0.0,) * c, (1.0,) * c, has_missing=True)
                for i, (length, c) in enumerate(series)
            ),
            sounds=tuple(Sound(f"sound_{i}", *sizes, -5.0, 3.0) for i, sizes in enumerate(sounds)),
        )

    @classmethod
    def image(
        cls,
        height: int,
        width: int,
        channels: int = 3,
        *,
        classes: int | None = None,
        labels: int | None = None,
    ) -> Signature:
        """One image a row and nothing else; see `table`."""
        return cls.table(images=[(height, width, channels)], classes=classes, labels=labels)

    @classmethod
    def text(cls, length: int, cardinality: int, *, classes: int | None = None) -> Signature:
        """One text a row and nothing else; see `table`."""
        return cls.table(texts=[(length, cardinality)], classes=classes)

    @classmethod
    def time_series(
        cls, length: int, channels: int = 1, *, classes: int | None = None
    ) -> Signature:
        """One series a row and nothing else; see `table`."""
        return cls.table(series=[(length, channels)], classes=classes)

    @classmethod
    def forecast(
        cls,
        lookback: int,
        horizon: int,
        *,
        targets: int = 1,
        season: int = 1,
        past_covariates: int = 0,
        future_covariates: int = 0,
        numbers: int = 0,
        categories: Sequence[int | tuple[int, int]] = (),
        quantiles: Sequence[float] = (),
    ) -> Signature:
        """Describe a forecast by its sizes, for using a factory on its own.

        Args:
            lookback: Number of past time steps that the network sees (its context length).
            horizon: Number of time steps that it forecasts.
            targets: Number of series that are forecast together.
            season: Number of time steps of a season.
            past_covariates: Number of covariates that are known up to now.
            future_covariates: Number of covariates that are known ahead too.
            numbers: Number of numeric columns that never change in a series.
            categories: Categorical columns that never change in a series, as in `table`.
            quantiles: Levels that are forecast in place of one value.

        >>> Signature.forecast(48, 24, targets=2).output.width
        48
        """
        window = Window(
            tuple(f"target_{i}" for i in range(targets)),
            lookback,
            horizon,
            season,
            tuple(f"past_{i}" for i in range(past_covariates)),
            tuple(f"future_{i}" for i in range(future_covariates)),
            tuple(quantiles),
        )
        return cls(
            Output("forecast", window.width),
            _numbers(numbers),
            _categories(categories),
            window=window,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        from dataclasses import asdict

        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Signature:
        """Rebuild from `to_dict`'s data, also after a trip through JSON."""
        numbers, categories = data.get("numbers"), data.get("categories")
        window = data.get("window")
        return cls(
            Output(**data["output"]),
            _numbers_from(numbers) if numbers else None,
            Categories(**_tuples(categories)) if categories else None,
            tuple(Image(**_tuples(each)) for each in data.get("images", ())),
            tuple(Text(**each) for each in data.get("texts", ())),
            tuple(Series(**_tuples(each)) for each in data.get("series", ())),
            tuple(Sound(**each) for each in data.get("sounds", ())),
            Window(**_tuples(window)) if window else None,
            tuple(map(cls.from_dict, data.get("members", ()))),
        )


# Of the normal distribution, from the 1e-4 quantile to its opposite.
_OCTILES = (-3.72, -1.15, -0.67, -0.32, 0.0, 0.32, 0.67, 1.15, 3.72)


def _named(kind: str, columns: tuple[Any, ...]) -> dict[str, Any]:
    names = [kind, *(f"{kind}_{i}" for i in range(2, len(columns) + 1))]
    return dict(zip(names, columns, strict=False))


def _numbers_from(data: dict[str, Any]) -> Numbers:
    bins = tuple(tuple(edges) for edges in data.get("bins", ()))
    return Numbers(**{**_tuples(data), "bins": bins})


def _numbers(count: int, embedding: NumberEmbedding = "none") -> Numbers | None:
    names = tuple(f"number_{i}" for i in range(count))
    if not names or embedding == "none":
        return Numbers(names) if names else None
    width, frequencies, scale = EMBEDDING_SIZES[embedding]
    bins = (_OCTILES,) * count if embedding == "piecewise_linear" else ()
    return Numbers(names, embedding, width, bins, frequencies, scale)


def _categories(columns: Sequence[int | tuple[int, int]]) -> Categories | None:
    if not columns:
        return None
    names = tuple(f"category_{i}" for i in range(len(columns)))
    pairs = [column if isinstance(column, tuple) else (column, 0) for column in columns]
    return Categories(names, tuple(size for size, _ in pairs), tuple(width for _, width in pairs))


def _tuples(data: dict[str, Any]) -> dict[str, Any]:
    """Lists, as which JSON gives tuples back, as tuples."""
    return {k: tuple(v) if isinstance(v, list | tuple) else v for k, v in data.items()}
