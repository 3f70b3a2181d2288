"""Images in two parts: copies are found, however they were changed, and look-alikes are not."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from kerasnn.data.media import duplicate_images
from kerasnn.data.media.duplicate_images import (
    DuplicatePair,
    difference_hashes,
    find,
    summary,
    to_plain,
)
from kerasnn.data.media.stored import StoredPixels

SIZE, N_TRAIN, N_TEST = 48, 60, 20


def photos(n: int, seed: int) -> NDArray[np.uint8]:
    """Images of coarse patches in all colours, as different from each other as photos are."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (n, 7, 7, 3)).astype("uint8")
    return np.stack([np.asarray(Image.fromarray(c).resize((SIZE, SIZE), 2)) for c in coarse])


def rows(train: int, *others: int) -> dict[str, NDArray[np.int64]]:
    """Parts one after the other: train and test, with validation in between if there are three."""
    names = ("train", "validation", "test") if len(others) == 2 else ("train", "test")
    ends = np.cumsum([0, train, *others])
    return {
        name: np.arange(first, last)
        for name, first, last in zip(names, ends[:-1], ends[1:], strict=True)
    }


def saved_again(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=40)
    return Image.open(buffer)


CHANGES = {
    "saved again": saved_again,
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.3),
    "smaller": lambda image: image.resize((24, 24)).resize((SIZE, SIZE)),
    "cropped": lambda image: image.crop((2, 2, SIZE, SIZE)).resize((SIZE, SIZE)),
    "paler": lambda image: ImageEnhance.Contrast(image).enhance(0.6),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("on_disk", [False, True])
def test_changed_copies_are_found(change: str, on_disk: bool) -> None:
    train, test = photos(N_TRAIN, 0), photos(N_TEST, 1)
    test[7] = np.asarray(CHANGES[change](Image.fromarray(train[33])).convert("RGB"))
    pixels = np.concatenate([train, test])
    given = pixels
    if on_disk:
        given = StoredPixels(pixels.shape)
        given[0:80] = pixels
    [pair] = find(given, rows(N_TRAIN, N_TEST))
    expected = ("near", 33, "train", N_TRAIN + 7, "test")
    assert (pair.kind, pair.row_a, pair.part_a, pair.row_b, pair.part_b) == expected
    hashes = difference_hashes(pixels[[33, N_TRAIN + 7]])
    assert pair.distance == int(np.bitwise_count(hashes[0] ^ hashes[1]).sum())


def test_equal_images_are_found_between_all_parts() -> None:
    pixels = photos(90, 0)
    pixels[65], pixels[80], pixels[81] = pixels[3], pixels[4], pixels[66]
    found = find(pixels, rows(60, 15, 15))
    assert found == [
        DuplicatePair("exact", 3, "train", 65, "validation", 0),
        DuplicatePair("exact", 4, "train", 80, "test", 0),
        DuplicatePair("exact", 66, "validation", 81, "test", 0),
    ]
    # Copies within a part are no leak.
    pixels[10] = pixels[11]
    assert find(pixels, rows(60, 15, 15)) == found


def test_several_copies_hide_nothing() -> None:
    pixels = photos(N_TRAIN + N_TEST, 0)
    for row, quality in ((5, 60), (6, 70), (7, 80), (70, 50)):
        buffer = io.BytesIO()
        Image.fromarray(pixels[4]).save(buffer, "JPEG", quality=quality)
        if row != 7:
            pixels[row] = np.asarray(Image.open(buffer))
    assert [pair.row_b for pair in find(pixels, rows(N_TRAIN, N_TEST))] == [70]


def test_look_alikes_are_no_duplicates() -> None:
    """Trousers all look alike: legs of nearly one width on black, with a little noise."""
    random = np.random.default_rng(0)
    pixels = np.zeros((400, 28, 28, 1), dtype="uint8")
    for image in pixels:
        left, right, length = random.integers([7, 18, 24], [10, 21, 28])
        image[2:length, left:right] = random.integers(150, 250)
        image[9:length, 13:15] = 0
        image[image > 0] += random.integers(0, 6, (image > 0).sum()).astype("uint8")
    assert find(pixels, rows(300, 100)) == []


def test_even_images_and_small_parts() -> None:
    even = np.full((6, 8, 8, 1), 30, dtype="uint8")
    even[4:] = 90
    assert [(pair.kind, pair.row_b) for pair in find(even, rows(3, 3))] == [("exact", 3)]
    assert find(even, {"train": np.arange(6), "test": np.arange(0)}) == []


def test_hashes_are_those_of_a_plain_loop() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 12, 12, 1)).astype("uint8")
    from kerasnn.data.resize import filter_weights

    positions = np.arange(12, dtype="float32")[None]
    many, few = (filter_weights(np, positions, n) for n in (12, 11))
    for image, found in zip(
        images[..., 0].astype("float32"), difference_hashes(images), strict=True
    ):
        across, down = few @ image @ many.T, many @ image @ few.T
        bits = [across[i, j + 1] > across[i, j] for i in range(11) for j in range(11)]
        bits += [down[i + 1, j] > down[i, j] for i in range(11) for j in range(11)]
        assert np.unpackbits(found.view(np.uint8))[:242].tolist() == bits


def test_summary() -> None:
    exact = DuplicatePair("exact", 0, "train", 9, "test", 0)
    near = DuplicatePair("near", 1, "train", 8, "test", 12)
    other = DuplicatePair("near", 2, "train", 5, "validation", 12)
    names = [f"{row}.png" for row in range(10)]
    hint = "remove them, or split by 'group' to keep them together"
    assert summary([], names) == []
    assert summary([exact, near, other], names) == [
        (
            "2 images of the test part are also in the train part, 1 of them as near copies (e.g. 9.png "
            "and 0.png)",
            hint,
        ),
        (
            "1 image of the validation part is a near copy of one in the train part (e.g. 5.png and 2.png)",
            hint,
        ),
    ]
    assert summary([exact], []) == [("1 image of the test part is also in the train part", hint)]
    assert to_plain([near])[0]["distance"] == 12


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    largest = 0
    distances = duplicate_images._distances

    def measured(
        block: duplicate_images.Hashes, heap: duplicate_images.Hashes
    ) -> NDArray[np.uint8]:
        nonlocal largest
        found = distances(block, heap)
        largest = max(largest, found.nbytes)
        return found

    monkeypatch.setattr(duplicate_images, "_distances", measured)
    pixels = np.random.default_rng(0).integers(0, 256, (3000, 4, 4, 1)).astype("uint8")
    find(pixels, rows(2000, 1000))
    assert largest <= duplicate_images.COMPARED * (2000 // duplicate_images.HEAPS + 1)


def shapes(n: int, seed: int, noise: float = 0.0) -> NDArray[np.uint8]:
    """Discs, squares and crosses in one bright colour on an even dark ground."""
    random = np.random.default_rng(seed)
    images = np.zeros((n, SIZE, SIZE, 3))
    down, across = np.mgrid[:SIZE, :SIZE]
    for number, image in enumerate(images):
        radius = random.integers(6, 14)
        y, x = (abs(at - random.integers(radius, SIZE - radius)) for at in (down, across))
        inside = (y**2 + x**2 <= radius**2, np.maximum(y, x) <= radius, np.minimum(y, x) < 2)
        image[:] = random.integers(0, 100, 3)
        image[inside[number % 3]] = random.integers(150, 256, 3)
    images += random.normal(0, noise, images.shape)
    return np.clip(images, 0, 255).astype("uint8")


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_simple_shapes_at_one_place_are_no_copies(seed: int) -> None:
    assert find(shapes(240, seed), rows(180, 60)) == []


# At a low quality, JPEG leaves of an even ground too little for its hash.
@pytest.mark.parametrize("change", [name for name in CHANGES if name != "saved again"])
def test_changed_copies_of_simple_shapes_are_found(change: str) -> None:
    pixels = shapes(N_TRAIN + N_TEST, 0, noise=6)
    for row in range(N_TEST):
        copy = CHANGES[change](Image.fromarray(pixels[3 * row]))
        pixels[N_TRAIN + row] = np.asarray(copy.convert("RGB"))
    pairs = find(pixels, rows(N_TRAIN, N_TEST))
    found = sorted((pair.row_a, pair.row_b) for pair in pairs)
    assert found == [(3 * row, N_TRAIN + row) for row in range(N_TEST)]
