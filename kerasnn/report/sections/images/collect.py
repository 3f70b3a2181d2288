"""What a report shows of images: samples, mistakes, and what the network makes of them.

All rows are chosen by labels and scores; only the pixels of those shown are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

import numpy as np
import pandas as pd

from kerasnn.data.media.decoding import ImageError, open_header
from kerasnn.data.media.images import ImageCell
from kerasnn.evaluation.predicted_rows import Card
from kerasnn.explain.thumbnails import spread
from kerasnn.report.sections.images import filters_and_maps
from kerasnn.report.sections.images.filters_and_maps import Attention, FilterSheet, MapSheet
from kerasnn.report.sections.images.rows import ImageRows

if TYPE_CHECKING:
    from kerasnn.data.media.duplicate_images import DuplicatePair
    from kerasnn.metrics.predictions import Predictions
    from kerasnn.prediction.predictor import Predictor

MAX_SAMPLES, MAX_CLASSES, MAX_A_CLASS, MIN_A_CLASS = 72, 24, 10, 3
MAX_VALUES = 24
AUGMENTED, DRAWS = 5, 6
MAX_SHOWN, MAX_PAIRS, MAX_A_PAIR, MAX_LOOKED_AT = 12, 5, 4, 6
MAX_HEADERS, MAX_SHARED = 300, 8


class ConfusedPair(TypedDict):
    """Rows of one class that were predicted as another."""

    truth: str
    decided: str
    count: int
    of: int
    cards: list[Card]


class ImageSample(TypedDict):
    """Training images of a class, or of a range of values."""

    label: str | None
    count: int
    values: list[float]
    files: list[int | None]


class AugmentedRow(TypedDict):
    """A training image and random augmentations of it."""

    original: int | None
    draws: list[int | None]


class AugmentedImages(TypedDict):
    """Names of the augmentations, and examples."""

    changes: list[str]
    rows: list[AugmentedRow]


class SharedPair(TypedDict):
    """An image that is in two parts."""

    parts: list[str]
    names: list[str]
    files: list[int | None]


class SharedImages(TypedDict):
    """Number of images that are in two parts, number of exact copies, and examples."""

    count: int
    exact: int
    pairs: list[SharedPair]


class OriginalSizes(TypedDict):
    """Smallest and largest size of the files that were read."""

    read: int
    smallest: list[int]
    largest: list[int]


class _ImageSection(TypedDict):
    column: str
    size: list[int]
    n_columns: int
    originals: OriginalSizes | None
    worst: list[Card]
    most_confident: list[Card]
    pairs: list[ConfusedPair]
    samples: list[ImageSample]
    augmented: AugmentedImages | None
    files: Sequence[str]


class ImageSection(_ImageSection, total=False):
    """A column of images; elsewhere in it, a file is meant by its index in ``files``."""

    shared: SharedImages
    filters: FilterSheet | None
    activations: list[MapSheet]
    attention: Attention


def image_section(
    predictor: Predictor,
    train: pd.DataFrame,
    tested: pd.DataFrame,
    predictions: Predictions,
    *,
    changes: Sequence[str] = (),
    seed: int = 0,
    look_inside: bool = True,
    rows: pd.DataFrame | None = None,
    shared: Sequence[DuplicatePair] = (),
) -> ImageSection | None:
    """Pictures for the report of a run with images; None for one without.

    Args:
        predictor: Trained predictor.
        train: Its training rows.
        tested: Held-back rows.
        predictions: Predictions for the held-back rows.
        changes: Augmentations of the training images, names of `kerasnn.training.augmentation_policies.CHANGES`.
        seed: Seed of the training.
        look_inside: True to show filters, maps and saliency, which takes some seconds.
        rows: Rows of all parts.
        shared: Images of one part that are in another one too, by their place in these.

    Returns:
        Data for JSON whose ``files`` are PNG and JPEG in base64, less than 1 MiB; elsewhere in it
        a file is meant by its number.
    """
    if not predictor.preprocessor.images:
        return None
    image_rows = ImageRows(predictor, train, tested, predictions)
    image = predictor.preprocessor.images[0]
    worst, most_confident = image_rows.worst(MAX_SHOWN), image_rows.most_confident(MAX_SHOWN)
    found: ImageSection = {
        "column": image.name,
        "size": [image.height, image.width, image.channels],
        "n_columns": len(predictor.preprocessor.images),
        "originals": _originals(train[image.name]),
        "worst": image_rows.cards(worst),
        "most_confident": image_rows.cards(most_confident),
        "pairs": _pairs(image_rows),
        "samples": _samples(image_rows),
        "augmented": _augmented(image_rows, changes, seed) if changes else None,
        "files": [],
    }
    if shared and rows is not None and len(predictor.preprocessor.images) == 1:
        found["shared"] = _shared(image_rows, rows, shared)
    if look_inside:
        found["filters"] = filters_and_maps.filters(image_rows)
        found["activations"] = filters_and_maps.maps(
            image_rows, int(most_confident[0]) if len(most_confident) else 0
        )
        found["attention"] = filters_and_maps.attention(
            image_rows, most_confident[:MAX_LOOKED_AT], worst[:MAX_LOOKED_AT]
        )
    found["files"] = image_rows.album.files
    return found


def _pairs(image_rows: ImageRows) -> list[ConfusedPair]:
    """What was taken for what most often, with the most confident of these mistakes."""
    given = image_rows.predictions
    if given.task not in ("binary", "multiclass"):
        return []
    wrong, n_classes = np.flatnonzero(~image_rows.is_right), len(given.classes)
    mistakes = given.truth[wrong] * n_classes + given.decision[wrong]
    kinds, counts = np.unique(mistakes, return_counts=True)
    found: list[ConfusedPair] = []
    for index in np.argsort(-counts, kind="stable")[:MAX_PAIRS]:
        truth, decided = divmod(int(kinds[index]), n_classes)
        rows = wrong[mistakes == kinds[index]]
        rows = rows[np.argsort(-given.scores[rows, decided], kind="stable")][:MAX_A_PAIR]
        found.append(
            {
                "truth": given.classes[truth],
                "decided": given.classes[decided],
                "count": int(counts[index]),
                "of": int((given.truth == truth).sum()),
                "cards": image_rows.cards(rows),
            }
        )
    return found


def _samples(image_rows: ImageRows) -> list[ImageSample]:
    """Training images of each class, or from the lowest to the highest value."""
    preprocessor, train = image_rows.predictor.preprocessor, image_rows.train
    target = preprocessor.schema.target
    if target.task == "regression":
        values = preprocessor.coder.values(train[target.name])
        order = np.argsort(values, kind="stable")[spread(len(values), MAX_VALUES)]
        files = image_rows.files(train, order)
        return [
            {
                "label": None,
                "count": len(order),
                "values": values[order].tolist(),
                "files": files,
            }
        ]
    codes = preprocessor.target(train)
    has = codes == 1 if codes.ndim == 2 else codes[:, None] == np.arange(len(target.classes))
    shown = np.sort(np.argsort(-has.sum(axis=0), kind="stable")[:MAX_CLASSES])
    each = int(np.clip(MAX_SAMPLES // max(1, len(shown)), MIN_A_CLASS, MAX_A_CLASS))
    found: list[ImageSample] = []
    for code in shown:
        rows = np.flatnonzero(has[:, code])
        if len(rows):
            files = image_rows.files(train, rows[spread(len(rows), each)])
            found.append(
                {"label": target.classes[code], "count": len(rows), "values": [], "files": files}
            )
    return found


def _augmented(image_rows: ImageRows, changes: Sequence[str], seed: int) -> AugmentedImages:
    """Some training images, and what the network saw of each in different epochs."""
    from kerasnn.training.augmentation import Augmenter, sample_page

    images = image_rows.predictor.preprocessor.signature.image_inputs
    originals = image_rows.pixels(image_rows.train, spread(len(image_rows.train), AUGMENTED))
    page = sample_page(Augmenter(changes, images, seed=seed), originals, draws=DRAWS)
    rows: list[AugmentedRow] = [
        {
            "original": image_rows.album.add(original),
            "draws": [image_rows.album.add(np.asarray(draw)) for draw in draws],
        }
        for original, draws in zip(originals, page, strict=True)
    ]
    return {"changes": list(changes), "rows": rows}


def _shared(
    image_rows: ImageRows, rows: pd.DataFrame, shared: Sequence[DuplicatePair]
) -> SharedImages:
    """How many images are in two parts, and some of them."""
    pairs: list[SharedPair] = []
    for pair in shared[:MAX_SHARED]:
        both = [pair.row_a, pair.row_b]
        pairs.append(
            {
                "parts": [pair.part_a, pair.part_b],
                "names": [image_rows.name(rows, row) for row in both],
                "files": image_rows.files(rows, both),
            }
        )
    exact = sum(pair.kind == "exact" for pair in shared)
    return {"count": len(shared), "exact": exact, "pairs": pairs}


def _originals(cells: pd.Series) -> OriginalSizes | None:
    """Sizes of the files behind some images, by their headers; None for images in memory."""
    sizes = []
    for cell in cells.iloc[spread(len(cells), MAX_HEADERS)]:
        path = cell.origin if isinstance(cell, ImageCell) else cell
        if not isinstance(path, str) or not path:
            return None
        try:
            image = open_header(path)
        except ImageError:
            continue
        with image:
            sizes.append((image.size[1], image.size[0]))
    if not sizes:
        return None
    sizes.sort(key=lambda size: size[0] * size[1])
    return {"read": len(sizes), "smallest": list(sizes[0]), "largest": list(sizes[-1])}
