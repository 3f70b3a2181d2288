"""Duplicate images across splits: equal ones, and near copies that show the same.

Each image has a difference hash: whether it grows brighter from one point of a grid to the next, to
the right and downwards. What shows the same differs in few of these bits even when it was saved
again, cropped a little or made brighter. How few depends on the data: trousers all look alike, and
two photos hardly ever do. So a pair counts only if it also stands out against the next best ones
(the ratio test), and if its pixels go up and down together. Images of little texture, such as a
disc on an even ground, have few bits of their own and resemble each other by chance; of them the
pixels must agree more closely.

Reference: Krawetz 2013, "Kind of like that"; Zauner 2010, "Implementation and benchmarking of
perceptual image hash functions"; Lowe 2004, "Distinctive image features from scale-invariant
keypoints", 7.1 (the ratio test).
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from kerasnn.data.media.stored import Pixels
from kerasnn.data.readers.folders import printable
from kerasnn.data.resize import filter_weights

Hashes = NDArray[np.uint64]

GRID = 11
WORDS = 4
MOST_BITS = 60
"""Bits in which near duplicates differ, at most."""
RATIO, MARGIN = 0.65, 18
"""Their distance beside that of the next best images: at most so many times it, and by so many bits
below it, since a drawing of few lines sets few bits."""
LEAST_CORRELATION, LEAST_OF_DRAWINGS = 0.65, 0.92
"""Of their pixels: copies of photos may be moved a little; two drawings of a 7 are much alike."""
LEAST_OF_SMOOTH, MOST_APART = 0.8, 0.15
"""Of images of little texture that were moved a little: correlation, and the median difference of
their pixels in standard deviations, once brightness and contrast are made equal."""
TEXTURE, LEVELS = 0.5, 4
"""Share of the grid's differences that exceed some levels of 255, below which texture is little."""
EMPTY = 1 / 3
"""Share of equal pixels from which on an image is a drawing on an empty ground."""
SMALLEST = 16
"""Pixels a side below which drawings of one thing can't be told from copies."""

# The other images are dealt into so many heaps. The next best one is the nearest of the heap whose
# nearest is the fourth: so three copies of an image still stand out together.
HEAPS, COPIES = 32, 3
# Images hashed, and compared, at once: small enough for the cache of a processor.
HASHED, COMPARED = 1024, 64


@dataclass(frozen=True)
class DuplicatePair:
    """An image of a part, and the one of an earlier part that is most like it.

    Args:
        kind: Equal pixels, or near.
        row_a: Row of the earlier part's image, among all.
        part_a: The earlier part.
        row_b: Row of the later part's image.
        part_b: The later part.
        distance: Bits of 242 in which the hashes differ.
    """

    kind: Literal["exact", "near"]
    row_a: int
    part_a: str
    row_b: int
    part_b: str
    distance: int


def find(pixels: Pixels, parts: Mapping[str, NDArray[np.int64]]) -> list[DuplicatePair]:
    """The images of each part that are in an earlier part too.

    Args:
        pixels: Pixels of all images, (n, height, width, channels), in memory or on disk.
        parts: Rows of each part, such as train, validation and test, in this order.

    Returns:
        For each such image one pair, the nearest; exact ones first. Of images with a side below
        `SMALLEST` only exact ones.
    """
    digests, hashes = _fingerprints(pixels)
    pairs: list[DuplicatePair] = []
    for (part_a, rows_a), (part_b, rows_b) in combinations(parts.items(), 2):
        if not len(rows_a) or not len(rows_b):
            continue
        found, exact = _equal(digests[rows_a], digests[rows_b])
        pairs += [
            DuplicatePair("exact", int(rows_a[at]), part_a, int(rows_b[row]), part_b, 0)
            for row, at in zip(np.flatnonzero(exact), found[exact], strict=True)
        ]
        others = rows_b[~exact]
        if min(pixels.shape[1:3]) < SMALLEST:
            continue
        for row, at, bits in _standing_out(hashes[rows_a], hashes[others]):
            row_a, row_b = int(rows_a[at]), int(others[row])
            if _are_alike(pixels, row_a, row_b):
                pairs.append(DuplicatePair("near", row_a, part_a, row_b, part_b, bits))
    return sorted(pairs, key=lambda pair: (pair.kind, pair.distance))


def summary(pairs: Sequence[DuplicatePair], names: Sequence[str]) -> list[tuple[str, str]]:
    """What to warn of, and how to mend it, for each two parts that share images.

    Args:
        pairs: Pairs of duplicate images.
        names: Name of each row, such as its file; may be empty.
    """
    data_warnings = []
    for part_a, part_b in dict.fromkeys((pair.part_a, pair.part_b) for pair in pairs):
        shared = [pair for pair in pairs if (pair.part_a, pair.part_b) == (part_a, part_b)]
        near = sum(pair.kind == "near" for pair in shared)
        is_one, is_near = len(shared) == 1, near == len(shared)
        are = f"image of the {part_b} part is" if is_one else f"images of the {part_b} part are"
        copies = "a near copy of one" if is_one else "near copies of some"
        what = f"{len(shared):,} {are} {copies if is_near else 'also'} in the {part_a} part"
        what += f", {near:,} of them as near copies" if 0 < near < len(shared) else ""
        first = shared[0]
        if names and names[first.row_a]:
            ours, theirs = printable(names[first.row_a]), printable(names[first.row_b])
            what += f" (e.g. {theirs} and {ours})"
        data_warnings.append((what, "remove them, or split by 'group' to keep them together"))
    return data_warnings


def to_plain(pairs: Sequence[DuplicatePair]) -> list[dict[str, Any]]:
    """Plain data, for the report."""
    return [asdict(pair) for pair in pairs]


def difference_hashes(images: NDArray[np.uint8]) -> Hashes:
    """242 bits an image: whether it grows brighter to the right, and downwards.

    Shape:
        images: (n, height, width, channels); returns (n, 4)
    """
    gray = images.mean(axis=3, dtype=np.float32)
    right = _grid(gray, GRID, GRID + 1)
    down = _grid(gray, GRID + 1, GRID)
    bits = [right[:, :, 1:] > right[:, :, :-1], down[:, 1:] > down[:, :-1]]
    flat = np.concatenate([part.reshape(len(images), -1) for part in bits], axis=1)
    packed = np.zeros((len(images), 8 * WORDS), dtype=np.uint8)
    packed[:, : math.ceil(flat.shape[1] / 8)] = np.packbits(flat, axis=1)
    return packed.view(np.uint64)


def _grid(gray: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    rows, columns = (
        filter_weights(np, np.arange(given, dtype=np.float32)[None], wanted)
        for given, wanted in zip(gray.shape[1:], (height, width), strict=True)
    )
    found: NDArray[np.float32] = rows @ gray @ columns.T
    return found


def _fingerprints(pixels: Pixels) -> tuple[NDArray[np.uint64], Hashes]:
    """A digest of the pixels of each image, and its difference hash."""
    digests = np.empty(len(pixels), dtype=np.uint64)
    hashes = np.empty((len(pixels), WORDS), dtype=np.uint64)
    for start in range(0, len(pixels), HASHED):
        block = np.ascontiguousarray(pixels[start : start + HASHED])
        stop = start + len(block)
        digests[start:stop] = [
            int.from_bytes(hashlib.blake2b(image.data, digest_size=8).digest(), "little")
            for image in block
        ]
        hashes[start:stop] = difference_hashes(block)
    return digests, hashes


def _equal(
    ours: NDArray[np.uint64], theirs: NDArray[np.uint64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Match each of the other images with one of ours, and say whether the two are equal."""
    order = np.argsort(ours, kind="stable")
    places = np.minimum(np.searchsorted(ours, theirs, sorter=order), len(ours) - 1)
    found = order[places]
    return found, ours[found] == theirs


def _standing_out(ours: Hashes, theirs: Hashes) -> Iterator[tuple[int, int, int]]:
    """Row of theirs, row of ours and distance, where it is small and below that of the others."""
    starts = range(0, len(theirs), COMPARED)
    n_heaps = min(HEAPS, len(ours))
    # Dealt like cards: neighbours in a folder are of one class. Word by word, to be read in a row.
    heaps = [np.ascontiguousarray(ours[first::n_heaps].T) for first in range(n_heaps)]

    def nearest(start: int) -> tuple[NDArray[Any], NDArray[Any]]:
        block = theirs[start : start + COMPARED]
        distances = [_distances(block, heap) for heap in heaps]
        return (
            np.stack([each.min(axis=1) for each in distances], axis=1),
            np.stack([each.argmin(axis=1) for each in distances], axis=1),
        )

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for start, (least, where) in zip(starts, threads.map(nearest, starts), strict=True):
            best = least.argmin(axis=1)
            bits = least[np.arange(len(least)), best].astype(np.int64)
            others = np.sort(least, axis=1)[:, min(COPIES, n_heaps - 1)].astype(np.int64)
            stands_out = (bits <= RATIO * others) & (bits + MARGIN <= others)
            for row in np.flatnonzero((bits <= MOST_BITS) & stands_out):
                heap = best[row]
                at = heap + n_heaps * int(where[row, heap])
                yield start + int(row), int(at), int(bits[row])


def _distances(block: Hashes, heap: Hashes) -> NDArray[np.uint8]:
    """Bits in which hashes differ, (of the block, of the heap); 242 fit into a byte."""
    total = np.bitwise_count(block[:, :1] ^ heap[0])
    for word in range(1, WORDS):
        total += np.bitwise_count(block[:, word : word + 1] ^ heap[word])
    found: NDArray[np.uint8] = total
    return found


def _are_alike(pixels: Pixels, row_a: int, row_b: int) -> bool:
    """Whether the pixels of two images correlate as those of copies do."""
    images = [pixels[row : row + 1] for row in (row_a, row_b)]
    one, other = (image.ravel().astype(np.float64) for image in images)
    correlation = _correlation(one, other)
    is_drawing = np.bincount(images[0].ravel()).max() >= EMPTY * one.size
    if correlation >= LEAST_OF_DRAWINGS or is_drawing:
        return correlation >= LEAST_OF_DRAWINGS
    if min(_texture(image) for image in images) >= TEXTURE:
        return correlation >= LEAST_CORRELATION
    return correlation >= LEAST_OF_SMOOTH and _apart(one, other) <= MOST_APART


def _texture(images: NDArray[np.uint8]) -> float:
    """Share of the differences between neighbours on the grid of the hash that are no noise."""
    gray = images.mean(axis=3, dtype=np.float32)
    across = np.diff(_grid(gray, GRID, GRID + 1), axis=2)
    down = np.diff(_grid(gray, GRID + 1, GRID), axis=1)
    return float(np.mean([np.abs(part) > LEVELS for part in (across, down.transpose(0, 2, 1))]))


def _apart(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Median difference of the pixels in standard deviations, the worse of both directions."""
    one, other = (each - each.mean() for each in (one, other))
    product = float(one @ other)
    medians = [
        float(np.median(np.abs(b - product / float(a @ a) * a))) / float(b.std())
        for a, b in ((one, other), (other, one))
    ]
    return max(medians)


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Pearson's."""
    one, other = one - one.mean(), other - other.mean()
    norm = math.sqrt(float(one @ one) * float(other @ other))
    return float(one @ other) / norm if norm else 0.0
