"""What a report shows of the inside of a network for images: filters, maps, where it looks."""

from __future__ import annotations

from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from kerasnn.data.resize import resample
from kerasnn.evaluation.predicted_rows import Card
from kerasnn.explain.saliency import (
    activations,
    feature_maps,
    first_filters,
    focus_layer,
    saliency,
)
from kerasnn.explain.thumbnails import enlarged, kernel_pictures, overlay, within
from kerasnn.report.sections.images.rows import ImageRows

MAX_FILTERS, MAX_MAPS = 64, 24
# Sides in pixels: up to which 16 kernels stand in a row, of large kernels, of maps, of overlays.
SMALL_KERNEL, KERNEL_SIDE, MAP_SIDE, OVERLAY_SIDE = 8, 28, 32, 96


class FilterSheet(TypedDict):
    """Kernels of the first layer on one sheet."""

    layer: str
    file: int | None
    shown: int
    of: int
    height: int
    width: int
    fixed: bool


class MapSheet(TypedDict):
    """Feature maps of a layer for one image, on one sheet."""

    layer: str
    file: int | None
    shown: int
    of: int
    height: int
    width: int
    card: Card


class Attention(TypedDict):
    """Rows with the saliency of their images."""

    method: str
    layer: str | None
    right: list[Card]
    wrong: list[Card]


def filters(image_rows: ImageRows) -> FilterSheet | None:
    """The weights that meet the pixels first; None where none are laid out like an image."""
    network = image_rows.predictor.network
    found = first_filters(network, image_rows.predictor.preprocessor.signature)
    if found is None:
        return None
    layer, kernels = found
    height, width = kernels.shape[1:3]
    is_small = max(height, width) <= SMALL_KERNEL
    pictures = kernel_pictures(kernels[: MAX_FILTERS if is_small else MAX_MAPS])
    fitted = np.stack([within(enlarged(each, SMALL_KERNEL), KERNEL_SIDE) for each in pictures])
    file, shown = image_rows.album.add_sheet(fitted, columns=16 if is_small else 8)
    trained = [weight.path for weight in network.trainable_weights]
    fixed = not any(path.endswith(f"{layer}/kernel") for path in trained)
    return {
        "layer": layer,
        "file": file,
        "shown": shown,
        "of": len(kernels),
        "height": height,
        "width": width,
        "fixed": fixed,
    }


def maps(image_rows: ImageRows, row: int) -> list[MapSheet]:
    """Maps of an early layer and of the one that Grad-CAM weighs, for one held-back row."""
    network = image_rows.predictor.network
    layers = feature_maps(network)
    weighty = {layer.name for layer in network.layers if layer.weights}
    early = next((name for name in layers if name not in weighty), next(iter(layers), None))
    chosen = dict.fromkeys(name for name in (early, focus_layer(network)) if name)
    [card] = image_rows.cards([row])
    found: list[MapSheet] = []
    for layer in chosen:
        values = activations(network, image_rows.inputs([row]), layer)[0].transpose(2, 0, 1)
        livest = np.sort(np.argsort(-values.std(axis=(1, 2)), kind="stable")[:MAX_MAPS])
        sides = [min(MAP_SIDE, side) for side in values.shape[1:]]
        file, shown = image_rows.album.add_maps(resample(values[livest], *sides), columns=8)
        found.append(
            {
                "layer": layer,
                "file": file,
                "shown": shown,
                "card": card,
                "height": values.shape[1],
                "width": values.shape[2],
                "of": len(values),
            }
        )
    return found


def attention(
    image_rows: ImageRows, right: NDArray[np.int64], wrong: NDArray[np.int64]
) -> Attention:
    """What spoke for the decision, and in wrong rows what would have spoken for the truth."""
    rows = np.concatenate([right, wrong])
    decided = image_rows.asked(rows)
    method, layer, overlays = _overlays(image_rows, rows, decided)
    cards = [
        card | {"seen": image_rows.album.add(each)}
        for card, each in zip(image_rows.cards(rows), overlays, strict=True)
    ]
    if len(wrong) and image_rows.predictions.task in ("binary", "multiclass"):
        truth = image_rows.predictions.truth[wrong]
        for card, each in zip(
            cards[len(right) :], _overlays(image_rows, wrong, truth)[2], strict=True
        ):
            card["missed"] = image_rows.album.add(each)
    return {
        "method": method,
        "layer": layer,
        "right": cards[: len(right)],
        "wrong": cards[len(right) :],
    }


def _overlays(
    image_rows: ImageRows, rows: NDArray[np.int64], codes: NDArray[Any]
) -> tuple[str, str | None, list[NDArray[np.uint8]]]:
    """Method, layer, and each image under the colours of where it speaks for a class."""
    inputs = image_rows.inputs(rows)
    task = image_rows.predictions.task
    found = saliency(image_rows.predictor.network, inputs, codes, task=task)
    pictures = [enlarged(image, OVERLAY_SIDE) for image in inputs["image"]]
    heats = resample(found.maps, *pictures[0].shape[:2])
    overlays = [overlay(image, heat) for image, heat in zip(pictures, heats, strict=True)]
    return found.method, found.layer, overlays
