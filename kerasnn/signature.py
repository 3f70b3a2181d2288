"""What goes into a network and what comes out: the contract between preprocessing and models.

Preprocessing makes arrays that fit a `Signature`; a factory of the zoo builds a network for one.
Neither knows the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Task = Literal["binary", "multiclass", "multilabel", "regression"]
Kind = Literal["number", "category", "boolean", "date", "image", "text", "identifier", "constant"]


@dataclass(frozen=True)
class Numbers:
    """Input ``"numbers"``: float32, (batch, len(names)), finite, about unit scale.

    Args:
        names: One for each column of the matrix.
    """

    names: tuple[str, ...]


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
        name: Of the column.
        height: In pixels; >= 1.
        width: In pixels; >= 1.
        channels: 1 for grey, 3 for red, green and blue.
        mean: Of each channel's pixels, in [0, 255].
        deviation: Their standard deviations; > 0.
    """

    name: str
    height: int
    width: int
    channels: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]


@dataclass(frozen=True)
class Output:
    """What a network must return: raw scores (logits, or the standardised target).

    Args:
        task: Binary has one logit, multiclass one a class, multilabel one a label (each decided
            on its own), regression one number a target.
        width: Number of output units.
    """

    task: Task
    width: int


@dataclass(frozen=True)
class Signature:
    """The named inputs of a network and its output.

    An input that does not exist is None: a table without categories has ``categories=None``.
    Images come as inputs of their own, named by `image_inputs`.
    """

    output: Output
    numbers: Numbers | None = None
    categories: Categories | None = None
    images: tuple[Image, ...] = ()

    @property
    def image_inputs(self) -> dict[str, Image]:
        """By the name of the input: ``image``, then ``image_2``, ``image_3`` …."""
        names = ["image", *(f"image_{i}" for i in range(2, len(self.images) + 1))]
        return dict(zip(names, self.images, strict=False))

    @classmethod
    def table(
        cls,
        *,
        numbers: int = 0,
        categories: Sequence[int] = (),
        embedding_widths: Sequence[int] | None = None,
        images: Sequence[tuple[int, int, int]] = (),
        classes: int | None = None,
        labels: int | None = None,
    ) -> Signature:
        """Describe a table by its sizes, for using a factory on its own.

        Args:
            numbers: How many numeric columns.
            categories: Number of codes of each categorical column, including 0 (missing) and
                1 (unknown).
            embedding_widths: One for each categorical column, 0 for one-hot; all one-hot if None.
            images: Height, width and channels of each image column; their pixels are taken to
                have the mean and the deviation of an even spread over 0 to 255.
            classes: Number of classes; None for regression.
            labels: Number of labels, of which a row has any number, in place of classes.

        >>> Signature.table(numbers=10, classes=3).output.width
        3
        >>> list(Signature.table(images=[(32, 32, 3)], classes=10).image_inputs)
        ['image']
        """
        if labels is not None:
            output = Output("multilabel", labels)
        elif classes is None:
            output = Output("regression", 1)
        else:
            output = Output("binary", 1) if classes == 2 else Output("multiclass", classes)
        widths = embedding_widths if embedding_widths is not None else [0] * len(categories)
        return cls(
            output,
            Numbers(tuple(f"number_{i}" for i in range(numbers))) if numbers else None,
            Categories(
                tuple(f"category_{i}" for i in range(len(categories))),
                tuple(categories),
                tuple(widths),
            )
            if categories
            else None,
            tuple(
                Image(
                    f"image_{i}", height, width, channels, (127.5,) * channels, (73.6,) * channels
                )
                for i, (height, width, channels) in enumerate(images)
            ),
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

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        from dataclasses import asdict

        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Signature:
        """Rebuild from `to_dict`'s data, also after a trip through JSON."""
        numbers, categories = data["numbers"], data["categories"]
        images = [
            {**image, "mean": tuple(image["mean"]), "deviation": tuple(image["deviation"])}
            for image in data.get("images", ())
        ]
        return cls(
            Output(**data["output"]),
            Numbers(tuple(numbers["names"])) if numbers else None,
            Categories(**{k: tuple(v) for k, v in categories.items()}) if categories else None,
            tuple(Image(**image) for image in images),
        )
