"""Thumbnails: samples, mistakes, where a network looks, and what its first layers see.

The files may be a stranger's. Only what is PNG or JPEG in base64, and nothing else, gets into the
page.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from kerasnn.errors import ModelRefusedError
from kerasnn.report.drawing import figure_of, percent, shorten
from kerasnn.training.augmentation_policies import CHANGES

ReportData = dict[str, Any]

LONGEST_FILE = 64 * 1024
# Smaller images are shown with their pixels, larger ones smoothly.
SMALL_SIDE = 48

_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_TYPES = {"iVBORw0KGgo": "png", "/9j/": "jpeg"}


@dataclass(frozen=True)
class Thumbnail:
    """One picture.

    Args:
        source: A ``data:`` address.
        label: Read out in its place.
        style: ``pixels`` shows each pixel of it, ``smooth`` does not, ``sheet`` is a wide one.
    """

    source: str
    label: str
    style: str = "pixels"


@dataclass(frozen=True)
class Tile:
    """Pictures of one image side by side, and lines below them."""

    thumbnails: list[Thumbnail]
    lines: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Group:
    """Tiles under a heading."""

    title: str
    note: str
    tiles: list[Tile]


@dataclass(frozen=True)
class ImageFigure:
    """Groups of tiles, with what they are and what they show in this run; dense ones are smaller."""

    title: str
    sentence: str
    groups: list[Group]
    dense: bool = False


def parts(report_data: ReportData) -> dict[str, list[ImageFigure]]:
    """Figures by the section of the page that they stand in; empty lists without images.

    Raises:
        ModelRefusedError: The pictures are damaged, or are none.
    """
    images = report_data.get("images")
    if not images:
        return {"data": [], "errors": [], "columns": [], "layers": []}
    try:
        found = {
            "data": [_samples(report_data, images), _augmented(images), _shared(images)],
            "errors": [
                _worst(report_data, images),
                _pairs(images),
                _most_confident(report_data, images),
            ],
            "columns": [_attention(report_data, images)],
            "layers": [_filters(images), *_activations(images)],
        }
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise ModelRefusedError("the pictures in the report of the run are damaged") from None
    return {section: [each for each in several if each] for section, several in found.items()}


def source_of(images: ReportData, number: int) -> str:
    """A file as an address for a browser.

    Raises:
        ModelRefusedError: It is neither PNG nor JPEG, or it is too long.
    """
    text = images["files"][number]
    kind = next((kind for sign, kind in _TYPES.items() if str(text).startswith(sign)), None)
    if kind is None or len(text) > LONGEST_FILE or not _BASE64.fullmatch(text):
        raise ModelRefusedError("a picture in the report of the run is none")
    return f"data:image/{kind};base64,{text}"


def describe(images: ReportData) -> str:
    """The size of images as the network takes them."""
    height, width, channels = images["size"]
    return f"{height} × {width} pixels in {'colour' if channels == 3 else 'grey'}"


def _thumbnail(
    images: ReportData, number: int | None, label: str, style: str = ""
) -> list[Thumbnail]:
    """None where there was no room for it."""
    if number is None:
        return []
    small = max(images["size"][:2]) <= SMALL_SIDE
    return [
        Thumbnail(
            source_of(images, number),
            shorten(label, 120),
            style or ("pixels" if small else "smooth"),
        )
    ]


def _tile(images: ReportData, number: int | None, label: str, *lines: str) -> Tile:
    return Tile(_thumbnail(images, number, label), list(lines))


def _samples(report_data: ReportData, images: ReportData) -> ImageFigure | None:
    groups = []
    for sample in images["samples"]:
        label = sample["label"]
        if label is None:
            values = [figure_of(value) for value in sample["values"]]
            tiles = [
                _tile(images, file, f"{report_data['target']} {value}", value)
                for file, value in zip(sample["files"], values, strict=True)
            ]
            groups.append(Group("from the lowest to the highest", "", tiles))
        else:
            tiles = [_tile(images, file, f"sample of {label}") for file in sample["files"]]
            groups.append(Group(shorten(label, 40), f"{sample['count']:,} rows", tiles))
    if not groups:
        return None
    more = report_data["n_classes"] - len(groups)
    left_out = (
        f" {more} rarer classes are not shown." if report_data["n_classes"] and more > 0 else ""
    )
    sentence = f"Training images as the network gets them, {describe(images)}."
    return ImageFigure("Samples", f"{sentence}{_files(images)}{left_out}", groups, dense=True)


def _files(images: ReportData) -> str:
    """How large the files are."""
    found = images["originals"]
    if not found:
        return ""
    small, large = (" × ".join(map(str, found[name])) for name in ("smallest", "largest"))
    if small == large:
        same = found["smallest"] == images["size"][:2]
        return " The files are just as large." if same else f" The files are {small}."
    return f" The files are from {small} to {large} (of {found['read']:,} looked at)."


def _augmented(images: ReportData) -> ImageFigure | None:
    found = images["augmented"]
    if not found:
        return None
    groups = []
    for row in found["rows"]:
        tiles = [_tile(images, row["original"], "the original", "original")]
        tiles += [
            _tile(images, file, f"as seen in epoch {epoch}", f"epoch {epoch}")
            for epoch, file in enumerate(row["draws"], 1)
        ]
        groups.append(Group("", "", tiles))
    what = "; ".join(f"{name}: {CHANGES.get(name, 'changed')}" for name in found["changes"])
    sentence = f"Training images are changed anew in each epoch. {what[:1].upper()}{what[1:]}."
    return ImageFigure("Augmented training images", sentence, groups, dense=True)


def _shared(images: ReportData) -> ImageFigure | None:
    found = images.get("shared")
    if not found:
        return None
    tiles = [
        Tile(
            [
                *_thumbnail(images, pair["files"][0], f"from the {pair['parts'][0]} rows"),
                *_thumbnail(images, pair["files"][1], f"from the {pair['parts'][1]} rows"),
            ],
            [f"{part}: {name}" for part, name in zip(pair["parts"], pair["names"], strict=True)],
        )
        for pair in found["pairs"]
    ]
    count, exact = found["count"], found["exact"]
    are = "image of a later part is also in an earlier one"
    if count > 1:
        are = "images of a later part are also in an earlier one"
    near = f", {count - exact:,} of them nearly" if 0 < exact < count else ""
    are = are if exact else are.replace("is in", "is nearly in").replace("are in", "are nearly in")
    sentence = f"{count:,} {are}{near}; scores on such rows are too optimistic."
    return ImageFigure("Images in two parts", sentence, [Group("", "", tiles)])


def _worst(report_data: ReportData, images: ReportData) -> ImageFigure | None:
    cards = images["worst"]
    if not cards:
        return None
    if report_data["task"] == "regression":
        sentence = "The rows with the largest difference between predicted and true value."
        return ImageFigure("The largest errors", sentence, [_cards(report_data, images, cards)])
    sentence = "The rows whose true class got the lowest probability."
    if report_data["task"] == "multilabel":
        sentence = "The images whose true labels got the lowest probability."
    return ImageFigure("The worst errors", sentence, [_cards(report_data, images, cards)])


def _most_confident(report_data: ReportData, images: ReportData) -> ImageFigure | None:
    cards = images["most_confident"]
    if not cards:
        return None
    if report_data["task"] == "regression":
        sentence = "The rows with the smallest difference between predicted and true value."
        return ImageFigure("The smallest errors", sentence, [_cards(report_data, images, cards)])
    sentence = (
        "Correct predictions with the highest probability: the first of each class, then the next."
    )
    if report_data["task"] == "multilabel":
        sentence = "Images with all labels right and the highest probability."
    return ImageFigure("The most confident ones", sentence, [_cards(report_data, images, cards)])


def _pairs(images: ReportData) -> ImageFigure | None:
    groups = [
        Group(
            f"{shorten(pair['truth'], 30)} → {shorten(pair['decided'], 30)}",
            f"{pair['count']:,} of {pair['of']:,}, {percent(pair['count'] / pair['of'])}",
            [
                _tile(images, c["file"], _alike(c), c["name"], percent(c["probability"]))
                for c in pair["cards"]
            ],
        )
        for pair in images["pairs"]
    ]
    if not groups:
        return None
    sentence = (
        "True class → predicted class of the most common mistakes, with the most confident of them."
    )
    return ImageFigure("Confused pairs", sentence, groups)


def _cards(report_data: ReportData, images: ReportData, cards: Sequence[ReportData]) -> Group:
    return Group(
        "",
        "",
        [_tile(images, c["file"], _alike(c), c["name"], *_said(report_data, c)) for c in cards],
    )


def _alike(card: ReportData) -> str:
    return f"{card['name']}: true {_shown(card['truth'])}, predicted {_shown(card['decided'])}"


def _said(report_data: ReportData, card: ReportData) -> list[str]:
    """What is true and what was said of an image, in two short lines."""
    truth, decided = _shown(card["truth"]), _shown(card["decided"])
    if report_data["task"] in ("regression", "multilabel"):
        return [f"true: {truth}", f"said: {decided}"]
    if truth == decided:
        return [f"{decided}, {_share(card['probability'])}"]
    return [
        f"is {truth}, {_share(card['probability_of_truth'])}",
        f"said {decided}, {_share(card['probability'])}",
    ]


def _share(value: float) -> str:
    """That no line ends before its sign."""
    return percent(value).replace(" ", "\N{NO-BREAK SPACE}")


def _shown(value: Any) -> str:
    return shorten(value, 40) if isinstance(value, str) else figure_of(value)


def _attention(report_data: ReportData, images: ReportData) -> ImageFigure | None:
    found = images.get("attention")
    if not found or not (found["right"] or found["wrong"]):
        return None
    groups = []
    for name in ("right", "wrong"):
        tiles = [_looked_at(report_data, images, card) for card in found[name]]
        titles = {"right": "Right", "wrong": "Wrong"}
        if report_data["task"] == "regression":
            titles = {"right": "The smallest errors", "wrong": "The largest errors"}
        if tiles:
            groups.append(Group(titles[name], "", tiles))
    what = "a larger value" if report_data["task"] == "regression" else "the decision"
    sentence = f"What speaks for {what} is red, by the maps of ‘{_layer(found)}’ (Grad-CAM)."
    if found["method"] == "gradient":
        sentence = (
            "There are no maps of convolutions to be weighed, so this is the gradient: where a "
            f"pixel is red, changing it changes the score of {what} most."
        )
    if any("missed" in card for card in found["wrong"]):
        sentence += " In the wrong ones, the third picture shows what speaks for the truth."
    return ImageFigure("Important regions of the images", sentence, groups)


def _layer(found: ReportData) -> str:
    return shorten(found["layer"], 60)


def _looked_at(report_data: ReportData, images: ReportData, card: ReportData) -> Tile:
    decided, truth = _shown(card["decided"]), _shown(card["truth"])
    thumbnails = _thumbnail(images, card["file"], _alike(card))
    thumbnails += _thumbnail(images, card["seen"], f"what speaks for {decided}", "smooth")
    if "missed" in card:
        thumbnails += _thumbnail(images, card["missed"], f"what speaks for {truth}", "smooth")
    return Tile(thumbnails, [card["name"], *_said(report_data, card)])


def _filters(images: ReportData) -> ImageFigure | None:
    found = images.get("filters")
    if not found or found["file"] is None:
        return None
    all_of = f"{found['shown']} of the {found['of']}" if found["shown"] < found["of"] else "The"
    sentence = (
        f"{all_of} {'' if found['shown'] < found['of'] else found['of']} filters of "
        f"‘{_layer(found)}’, {found['height']} × {found['width']} pixels each, which meet the "
        "pixels first. Grey is no weight; each is as bright as it can be."
    )
    if found["fixed"]:
        sentence += " They are not trained, but computed from the training images."
    label = f"filters of {found['layer']}"
    tile = Tile(_thumbnail(images, found["file"], label, "sheet"))
    return ImageFigure("First filters", " ".join(sentence.split()), [Group("", "", [tile])])


def _activations(images: ReportData) -> list[ImageFigure]:
    found = []
    for each in images.get("activations") or []:
        if each["file"] is None:
            continue
        which = f"its {each['of']} maps"
        if each["shown"] < each["of"]:
            which = f"the {each['shown']} of {which} that vary most"
        sentence = (
            f"What ‘{_layer(each)}’ makes of one image: {which}, {each['height']} × "
            f"{each['width']} each, bright where they are high."
        )
        card = each["card"]
        tiles = [
            _tile(images, card["file"], _alike(card), card["name"]),
            Tile(_thumbnail(images, each["file"], f"maps of {each['layer']}", "sheet")),
        ]
        found.append(ImageFigure("Activation maps", sentence, [Group("", "", tiles)]))
    return found
