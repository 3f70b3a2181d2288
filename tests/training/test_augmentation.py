"""Random changes of images against NumPy, SciPy and Pillow."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image as ImageCell
from PIL import ImageEnhance, ImageOps
from scipy import ndimage

from kerasnn.errors import ConfigError, UnknownNameError
from kerasnn.selection.flip_invariance import mirrors
from kerasnn.signature import Image, Signature
from kerasnn.training.augmentation import Augmenter, Mix, pixels, randaugment, sample_page
from kerasnn.training.augmentation.draws import draw, scramble
from kerasnn.training.augmentation.geometry import Warp
from kerasnn.training.augmentation_policies import CHANGES, check, resolve

RANDOM = np.random.default_rng(0)
N = 64
MOVES = ["shift", "flip", "flip_vertical"]
MIXES = ["mixup", "cutmix"]


def image_of(height: int, width: int, channels: int) -> Image:
    mean = (91.0, 103.5, 20.25)[:channels]
    return Image("picture", height, width, channels, mean, (50.0,) * channels)


def random_images(n: int = N, height: int = 16, width: int = 24, channels: int = 3) -> np.ndarray:
    return RANDOM.integers(0, 256, (n, height, width, channels), dtype=np.uint8)


IMAGES = random_images()


def augment(
    *changes: str,
    images: np.ndarray = IMAGES,
    rows: np.ndarray | None = None,
    seed: int = 1,
    epoch: int = 0,
    step: int = 0,
    compiled: bool = False,
) -> tuple[np.ndarray, Mix | None]:
    inputs = {"image": image_of(*images.shape[1:])}
    augmenter = Augmenter(changes, inputs, seed=seed, compiled=compiled)
    changed, mix = augmenter(
        {"image": tf.constant(images)},
        rows=tf.range(len(images)) if rows is None else tf.constant(rows, "int32"),
        epoch=tf.constant(epoch),
        step=tf.constant(step),
    )
    assert changed["image"].dtype == "float32"
    return changed["image"].numpy(), mix


def numbers(change: str, *, seed: int = 1, epoch: int = 0, step: int = 0) -> list[np.ndarray]:
    """What `augment` draws for its images."""
    rows, times = tf.range(N), (tf.constant(epoch), tf.constant(step))
    return [x.numpy() for x in draw([change], rows, *times, seed=seed)[change]]


# Random numbers


def test_scramble_is_the_mix_of_murmurhash3() -> None:
    def reference(bits: int) -> int:
        bits = (bits ^ bits >> 16) * 0x85EBCA6B % 2**32
        bits = (bits ^ bits >> 13) * 0xC2B2AE35 % 2**32
        return bits ^ bits >> 16

    values = [0, 1, 2, 12345, 2**31, 2**32 - 1]
    found = scramble(tf.constant(values, "uint32")).numpy()
    assert found.tolist() == [reference(value) for value in values]
    assert found[1] == 0x514E28B7  # as published for the original


def test_numbers_are_even_and_independent() -> None:
    rows = tf.range(20_000)
    drawn = draw(CHANGES, rows, tf.constant(3), tf.constant(5), seed=7)
    columns = [x.numpy() for name in CHANGES if "flip" not in name for x in drawn[name]]
    for column in columns:
        counts = np.histogram(column, 10, (0, 1))[0]
        assert counts.sum() == 20_000
        assert np.abs(counts - 2000).max() < 5 * np.sqrt(2000)
    correlations = np.corrcoef(columns) - np.eye(len(columns))
    assert np.abs(correlations).max() < 5 / np.sqrt(20_000)
    neighbours = [np.corrcoef(column[1:], column[:-1])[0, 1] for column in columns]
    assert np.abs(neighbours).max() < 5 / np.sqrt(20_000)


@pytest.mark.parametrize("other", [{"seed": 2}, {"epoch": 1}, {"step": 1}])
def test_numbers_depend_on_seed_epoch_and_step(other: dict[str, int]) -> None:
    one, two = numbers("cutout")[0], numbers("cutout", **other)[0]
    assert np.array_equal(one, numbers("cutout")[0])
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.5
    assert not np.isin(one, two).any()


# What holds for every change


@pytest.mark.parametrize("change", CHANGES)
def test_change_is_drawn_for_each_image(change: str) -> None:
    same = np.repeat(IMAGES[:1], N, axis=0)
    if change in MIXES:
        same[1::2] = 255 - same[1::2]
    changed, _ = augment(change, images=same)
    different = np.unique(changed.reshape(N, -1), axis=0)
    assert len(different) >= (2 if "flip" in change else N // 3)
    assert np.isfinite(changed).all()
    assert changed.min() >= 0
    assert changed.max() <= 255


@pytest.mark.parametrize("change", [name for name in CHANGES if name not in MIXES])
def test_change_goes_by_the_row_and_not_by_the_batch(change: str) -> None:
    whole, mix = augment(change, epoch=2, step=3)
    assert mix is None
    part = RANDOM.permutation(N)[:10]
    alone, _ = augment(change, images=IMAGES[part], rows=part, epoch=2, step=3)
    # Eigen computes the last few of many sines another way than the rest.
    np.testing.assert_allclose(alone, whole[part], atol=0.01)


@pytest.mark.parametrize("change", CHANGES)
def test_seed_epoch_and_step_decide(change: str) -> None:
    first, _ = augment(change)
    again, _ = augment(change)
    np.testing.assert_array_equal(first, again)
    for other in ({"seed": 2}, {"epoch": 1}, {"step": 1}):
        if not ("flip" in change and "step" in other):
            assert not np.array_equal(first, augment(change, **other)[0])


@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (2, 3, 3), (5, 7, 1), (9, 4, 3), (33, 17, 3), (28, 28, 1)]
)
def test_any_size(shape: tuple[int, int, int]) -> None:
    images = random_images(4, *shape)
    changed, mix = augment(*CHANGES, images=images)
    assert changed.shape == images.shape
    assert changed.min() >= 0
    assert changed.max() <= 255
    assert mix is not None
    assert mix.share.shape == (4,)


def test_none_changes_nothing() -> None:
    changed, mix = augment()
    assert mix is None
    np.testing.assert_array_equal(changed, IMAGES.astype("float32"))


def test_other_inputs_are_left_alone() -> None:
    augmenter = Augmenter(["flip"], {"image": image_of(16, 24, 3)}, seed=0, compiled=False)
    table = tf.constant(RANDOM.normal(size=(N, 3)), "float32")
    inputs = {"numbers": table, "image": tf.constant(IMAGES)}
    none = tf.constant(0)
    changed, _ = augmenter(inputs, rows=tf.range(N), epoch=none, step=none)
    assert changed["numbers"] is table
    assert set(inputs) == set(changed)
    assert inputs["image"].dtype == "uint8"


def test_unknown_change() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'cutout'"):
        Augmenter(["cutuot"], {}, seed=0)


@pytest.mark.parametrize("changes", [[*MOVES, "cutout"], list(CHANGES)], ids=["moves", "all"])
def test_compiled_or_not(changes: list[str]) -> None:
    plain, mix = augment(*changes, epoch=3, step=9)
    fast, fast_mix = augment(*changes, epoch=3, step=9, compiled=True)
    if mix is None:
        np.testing.assert_array_equal(fast, plain)
    else:
        np.testing.assert_allclose(fast_mix.share, mix.share, rtol=1e-5)
        # A value may fall on the other side of a threshold (posterize, solarize).
        assert np.mean(np.abs(fast - plain) > 0.01) < 1e-3


@pytest.mark.parametrize("whole", [None, True], ids=["parts", "whole"])
def test_inside_a_compiled_loop_with_batches_of_any_size(whole: bool | None) -> None:
    augmenter = Augmenter(["shift", "cutmix"], {"image": image_of(16, 24, 3)}, seed=1)

    @tf.function(autograph=False, jit_compile=whole)
    def total(images: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
        def advance(step: tf.Tensor, sums: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            changed, mix = augmenter({"image": images}, rows=rows, epoch=tf.constant(4), step=step)
            assert mix is not None
            sums += tf.reduce_sum(changed["image"]) + tf.reduce_sum(mix.share)
            return step + 1, sums

        return tf.while_loop(lambda step, _: step < 3, advance, (tf.constant(0), 0.0))[1]

    signature = total.get_concrete_function(
        tf.TensorSpec((None, None, None, None), "uint8"), tf.TensorSpec((None,), "int32")
    )
    for n in (6, 9):
        expected = 0.0
        for step in range(3):
            changed, mix = augment("shift", "cutmix", images=IMAGES[:n], epoch=4, step=step)
            expected += changed.sum(dtype="float64") + mix.share.numpy().sum()
        found = signature(tf.constant(IMAGES[:n]), tf.range(n))
        assert float(found) == pytest.approx(expected, rel=1e-5)


def test_images_of_a_row_change_alike() -> None:
    two = {"image": image_of(16, 24, 3), "image_2": image_of(16, 24, 1)}
    augmenter = Augmenter(["shift", "flip", "cutmix"], two, seed=1, compiled=False)
    inputs = {"image": tf.constant(IMAGES), "image_2": tf.constant(IMAGES[..., 1:2])}
    none = tf.constant(0)
    changed, mix = augmenter(inputs, rows=tf.range(N), epoch=none, step=none)
    np.testing.assert_array_equal(changed["image"][..., 1:2], changed["image_2"])
    assert mix is not None
    alone, one_mix = augment("shift", "flip", "cutmix")
    np.testing.assert_array_equal(changed["image"], alone)
    np.testing.assert_allclose(mix.share, one_mix.share)


# Each change on its own


@pytest.mark.parametrize("shape", [(16, 24, 3), (9, 33, 1)])
def test_shift(shape: tuple[int, int, int]) -> None:
    images = random_images(N, *shape)
    changed, _ = augment("shift", images=images)
    down, across = shape[0] // 8, shape[1] // 8
    padded = np.pad(images, ((0, 0), (down, down), (across, across), (0, 0)), mode="reflect")
    found = []
    for image, choices in zip(changed, padded, strict=True):
        windows = {
            (i, j): choices[i : i + shape[0], j : j + shape[1]]
            for i in range(2 * down + 1)
            for j in range(2 * across + 1)
        }
        found += [location for location, window in windows.items() if np.array_equal(image, window)]
    assert len(found) == N
    # Each of the possible places occurs, the extreme ones too.
    assert {i for i, _ in found} == set(range(2 * down + 1))
    assert {j for _, j in found} == set(range(2 * across + 1))


@pytest.mark.parametrize(("change", "axis"), [("flip", 2), ("flip_vertical", 1)])
def test_flips_alternate(change: str, axis: int) -> None:
    mirrored = np.flip(IMAGES, axis)
    epochs = [augment(change, epoch=epoch, step=epoch)[0] for epoch in range(3)]
    same = (epochs[0] == IMAGES).all(axis=(1, 2, 3))
    assert N / 4 < same.sum() < N * 3 / 4
    chosen = same[:, np.newaxis, np.newaxis, np.newaxis]
    np.testing.assert_array_equal(epochs[0], np.where(chosen, IMAGES, mirrored))
    np.testing.assert_array_equal(epochs[1], np.where(chosen, mirrored, IMAGES))
    np.testing.assert_array_equal(epochs[2], epochs[0])


def sampled(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Affine map round the middle by SciPy, the matrix for (row, column)."""
    middle = (np.array(image.shape[:2]) - 1) / 2
    return np.stack(
        [
            ndimage.affine_transform(
                image[..., c].astype("float64"),
                matrix,
                offset=middle - matrix @ middle,
                order=1,
                mode="mirror",
            )
            for c in range(image.shape[-1])
        ],
        axis=-1,
    )


@pytest.mark.parametrize("shape", [(16, 24, 3), (15, 9, 1)])
def test_rotate(shape: tuple[int, int, int]) -> None:
    images = random_images(N, *shape)
    changed, _ = augment("rotate", images=images)
    angles = np.radians(30 * numbers("rotate")[0].astype("float64") - 15)
    for image, found, angle in zip(images, changed, angles, strict=True):
        matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        np.testing.assert_allclose(found, sampled(image, matrix), atol=0.05)


def test_zoom() -> None:
    changed, _ = augment("zoom")
    factors = 1.25 ** (2 * numbers("zoom")[0].astype("float64") - 1)
    assert factors.min() < 0.9
    assert factors.max() > 1.1
    for image, found, factor in zip(IMAGES, changed, factors, strict=True):
        np.testing.assert_allclose(found, sampled(image, np.eye(2) * factor), atol=0.05)


def test_maps_multiply() -> None:
    angle, slant, across, factor = 0.2, 0.1, -0.25, 1.2
    warp = Warp(tf.constant(1))
    warp.turn(tf.constant([angle]))
    warp.shear(tf.constant([slant]), tf.constant([0.0]))
    warp.scale(tf.constant([factor]))
    warp.shift(tf.constant([across]), tf.constant([0.0]))
    found = warp.apply(tf.constant(IMAGES[:1]))[0]
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.array([[1, 0], [slant, 1]]) * factor  # for (row, column)
    middle = np.array([7.5, 11.5])
    expected = ndimage.affine_transform(
        IMAGES[0, ..., 0].astype("float64"),
        matrix,
        offset=middle - matrix @ middle + [0, across * 24],
        order=1,
        mode="mirror",
    )
    np.testing.assert_allclose(found[..., 0], expected, atol=0.05)


def test_nothing_is_lost_where_nothing_is_warped() -> None:
    found = Warp(tf.constant(N)).apply(tf.constant(IMAGES))
    np.testing.assert_array_equal(found, IMAGES)


def brightened(image: np.ndarray, factors: tuple[float, float, float]) -> np.ndarray:
    """Brightness, contrast and saturation by Pillow."""
    picture = ImageCell.fromarray(image)
    for enhance, factor in zip(
        (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color), factors, strict=True
    ):
        picture = enhance(picture).enhance(factor)
    return np.asarray(picture, "float32")


def test_color_is_that_of_pillow() -> None:
    # In the middle of the scale, where Pillow clips nothing between its steps.
    images = random_images() // 4 + 96
    changed, _ = augment("color", images=images)
    factors = np.stack([0.6 + 0.8 * x for x in numbers("color")], axis=1)
    for image, found, three in zip(images, changed, factors, strict=True):
        expected = np.clip(brightened(image, tuple(three.tolist())), 0, 255)
        np.testing.assert_allclose(found, expected, atol=4)  # Pillow cuts off thrice


def test_color_of_grey_images() -> None:
    images = random_images(channels=1) // 4 + 96
    changed, _ = augment("color", images=images)
    brightness, contrast, _ = (0.6 + 0.8 * x[:, None, None, None] for x in numbers("color"))
    bright = brightness * images
    mean = bright.mean(axis=(1, 2, 3), keepdims=True)
    np.testing.assert_allclose(changed, contrast * bright + (1 - contrast) * mean, atol=1e-2)


def test_tones_are_those_of_pillow() -> None:
    images = random_images() // 2 + 60
    chosen = tf.constant([i % 2 == 0 for i in range(N)])
    floats = tf.constant(images, "float32")

    def compare(found: tf.Tensor, operation: object, tolerance: float) -> None:
        for i, image in enumerate(images):
            expected = operation(ImageCell.fromarray(image)) if i % 2 == 0 else image
            np.testing.assert_allclose(found[i], np.asarray(expected), atol=tolerance)

    compare(pixels.posterize(floats, chosen, 2), lambda x: ImageOps.posterize(x, 6), 0)
    compare(pixels.solarize(floats, chosen, 100), lambda x: ImageOps.solarize(x, 100), 0)
    compare(pixels.stretch(floats, chosen), ImageOps.autocontrast, 1)
    amount = tf.where(chosen, -0.5, 0.0)
    compare(pixels.sharpen(floats, amount), lambda x: ImageEnhance.Sharpness(x).enhance(0.5), 1.01)


def test_stretch_of_a_plain_image() -> None:
    plain = tf.fill((1, 4, 4, 3), 70.0)
    np.testing.assert_array_equal(pixels.stretch(plain, tf.constant([True])), plain)


def test_randaugment_does_two_changes_to_each_image() -> None:
    uniform = [tf.constant(RANDOM.random(20_000), "float32") for _ in range(4)]
    for colored, n_names in ((True, 13), (False, 12)):
        amounts = randaugment.amounts(uniform, colored=colored)
        table = np.stack([x.numpy() for x in amounts.values()], axis=1)
        assert table.shape == (20_000, n_names)
        assert set(np.unique(table)) == {-1, 0, 1}
        assert (np.abs(table).sum(axis=1) == 2).all()
        # Each change as often, and as often with either sign.
        np.testing.assert_allclose(np.abs(table).mean(axis=0), 2 / n_names, atol=0.015)
        np.testing.assert_allclose(table.mean(axis=0), 0, atol=0.015)


def test_randaugment_leaves_what_is_drawn_as_identity() -> None:
    names = randaugment.NAMES
    drawn = draw(["randaugment"], tf.range(N), tf.constant(0), tf.constant(0), seed=1)
    amounts = randaugment.amounts(drawn["randaugment"], colored=True)
    # Half a dozen changes of values leave an image in place; those of places keep its values.
    moved = sum(np.abs(amounts[name].numpy()) for name in names[1:6])
    toned = 2 - moved - np.abs(amounts["identity"].numpy())
    changed, _ = augment("randaugment")
    same = np.abs(changed - IMAGES).max(axis=(1, 2, 3)) < 1e-3
    assert not same[(moved > 0) | (toned > 1)].any()
    plain = np.full_like(IMAGES, 100)
    changed, _ = augment("randaugment", images=plain)
    flat = np.abs(changed - 100).max(axis=(1, 2, 3)) < 1e-3
    assert flat[toned == 0].all()
    assert (toned == 0).any()


@pytest.mark.parametrize(
    ("shape", "side"), [((16, 24, 3), 4), ((33, 17, 1), 4), ((7, 9, 3), 1), ((3, 9, 1), 0)]
)
def test_cutout(shape: tuple[int, int, int], side: int) -> None:
    images = RANDOM.integers(200, 256, (N, *shape), dtype=np.uint8)
    changed, _ = augment("cutout", images=images)
    fill = np.array(image_of(*shape).mean, "float32")
    corners = set()
    for image, found in zip(images, changed, strict=True):
        hole = (found == fill).all(axis=-1)
        assert hole.sum() == side * side
        np.testing.assert_array_equal(found[~hole], image[~hole])
        if side:
            rows, columns = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
            assert np.ptp(rows) == np.ptp(columns) == side - 1
            corners.add((rows[0], columns[0]))
    assert not side or len(corners) > N / 3


def test_mixup() -> None:
    changed, mix = augment("mixup")
    assert mix is not None
    assert mix.partner.numpy().tolist() == [*range(1, N), 0]
    share = mix.share.numpy()
    assert share.min() >= 0
    assert share.max() <= 1
    assert share.mean() == pytest.approx(0.5, abs=0.15)
    own = share[:, None, None, None]
    expected = own * IMAGES + (1 - own) * IMAGES[mix.partner.numpy()]
    np.testing.assert_allclose(changed, expected, rtol=1e-5)


def is_box(mask: np.ndarray) -> bool:
    outer = mask.any(axis=1)[:, np.newaxis] & mask.any(axis=0)
    gaps = [np.diff(np.flatnonzero(mask.any(axis=axis))) for axis in (0, 1)]
    return bool(np.array_equal(outer, mask) and all((gap == 1).all() for gap in gaps))


def test_cutmix() -> None:
    own, other = np.full_like(IMAGES, 10), np.full_like(IMAGES, 200)
    images = np.where(np.arange(N)[:, None, None, None] % 2 == 0, own, other)
    changed, mix = augment("cutmix", images=images)
    assert mix is not None
    pasted = changed[..., 0] != images[..., 0]
    np.testing.assert_array_equal(changed, np.where(pasted[..., None], 210 - images, images))
    np.testing.assert_allclose(mix.share, 1 - pasted.mean(axis=(1, 2)), rtol=1e-6)
    assert all(is_box(mask) for mask in pasted)
    # Half of them by a coin, less the boxes of no pixel.
    assert N / 5 < pasted.any(axis=(1, 2)).sum() < N * 2 / 3


def test_box_has_the_drawn_area_where_it_fits() -> None:
    images = random_images(N, 64, 64, 1)
    _, mix = augment("cutmix", images=images)
    kept, x, y, coin = numbers("cutmix")
    half = np.sqrt(1 - kept) / 2
    inside = (np.minimum(x, y) > half) & (np.maximum(x, y) < 1 - half) & (coin < 0.5)
    assert inside.sum() > 3
    np.testing.assert_allclose(mix.share.numpy()[inside], kept[inside], atol=0.06)
    assert (mix.share.numpy()[coin >= 0.5] == 1).all()


def test_mixup_and_cutmix_take_turns() -> None:
    own, other = np.full_like(IMAGES, 0), np.full_like(IMAGES, 200)
    images = np.where(np.arange(N)[:, None, None, None] % 2 == 0, own, other)
    changed, mix = augment("mixup", "cutmix", images=images)
    plain = np.isin(changed, [0, 200]).all(axis=(1, 2, 3))
    assert N / 4 < plain.sum() < N * 3 / 4
    kept = 1 - np.abs(changed - images).mean(axis=(1, 2, 3)) / 200
    np.testing.assert_allclose(mix.share, kept, atol=1e-5)


def test_changes_come_in_order() -> None:
    """Moved, then cut out, then mixed; and none depends on what the others draw."""
    shifted, _ = augment("shift")
    cut, _ = augment("cutout", "shift")
    hole = (cut != shifted).any(axis=-1)
    assert (hole.sum(axis=(1, 2)) <= 16).all()
    mixed, mix = augment("mixup", "cutout", "shift")
    own = mix.share.numpy()[:, None, None, None]
    np.testing.assert_allclose(mixed, own * cut + (1 - own) * np.roll(cut, -1, 0), rtol=1e-5)


def test_sample_page() -> None:
    changes = ["shift", "flip", "cutout"]
    augmenter = Augmenter(changes, {"image": image_of(16, 24, 3)}, seed=1)
    page = sample_page(augmenter, IMAGES[:5], draws=3)
    assert page.shape == (5, 3, 16, 24, 3)
    assert page.dtype == np.uint8
    for epoch in range(3):
        expected, _ = augment(*changes, images=IMAGES[:5], epoch=epoch)
        np.testing.assert_array_equal(page[:, epoch], np.rint(expected))


# Names and rules

COLOR = Signature.image(32, 32, classes=10)
GREY = Signature.image(28, 28, 1, classes=10)
MIXED = Signature.table(numbers=2, images=[(32, 32, 3)], classes=10)
TABLE = Signature.table(numbers=2, classes=10)


def chosen(
    augment: str, signature: Signature = COLOR, *, n_rows: int = 5000, flip_tta: bool = True
) -> tuple[str, ...]:
    return resolve(augment, signature, n_rows=n_rows, mirrors=lambda: flip_tta)


def test_resolve_takes_names_in_any_order() -> None:
    assert chosen("none") == ()
    assert chosen("cutout, shift") == ("shift", "cutout")
    assert chosen("flip", flip_tta=False) == ("flip",)


def test_resolve_presets() -> None:
    assert chosen("light") == ("shift", "flip")
    assert chosen("light", flip_tta=False) == ("shift",)
    strong = ("shift", "flip", "color", "randaugment", "cutout", "cutmix")
    assert chosen("strong") == strong
    grey = chosen("strong", GREY, flip_tta=False)
    assert grey == ("shift", "randaugment", "cutout", "cutmix")
    assert chosen("strong", MIXED) == strong[:-1]
    regression = Signature.image(32, 32)
    assert chosen("strong", regression) == strong[:-1]


def test_mirrors_is_asked_only_by_presets() -> None:
    def fails() -> bool:
        raise AssertionError

    assert resolve("shift,flip", COLOR, n_rows=9, mirrors=fails) == ("shift", "flip")
    assert resolve("auto", TABLE, n_rows=9, mirrors=fails) == ()
    with pytest.raises(AssertionError):
        resolve("light", COLOR, n_rows=9, mirrors=fails)


@pytest.mark.parametrize("name", MIXES)
def test_other_columns_cannot_be_mixed(name: str) -> None:
    assert chosen(f"shift,{name}") == ("shift", name)
    with pytest.raises(ConfigError) as error:
        chosen(f"shift,{name}", MIXED)
    assert str(error.value) == (
        f"augmentation '{name}' mixes images, but other columns can't be mixed (augment) – "
        f"leave out '{name}', or drop the other columns"
    )


def test_table_without_images() -> None:
    assert chosen("none", TABLE) == ()
    with pytest.raises(ConfigError, match="augment 'light' is for images, and there are none"):
        chosen("light", TABLE)


def test_check() -> None:
    for good in ("none", "auto", "light", "strong", "flip", ",".join(CHANGES)):
        check(good)
    with pytest.raises(UnknownNameError) as unknown:
        check("shift,cutuot")
    message = "unknown augmentation 'cutuot' (augment) – did you mean 'cutout'?"
    assert str(unknown.value) == message
    with pytest.raises(ConfigError, match="'light' can't stand beside other augmentations"):
        check("light,cutout")
    with pytest.raises(ConfigError, match="names a change twice"):
        check("flip,shift,flip")
    with pytest.raises(UnknownNameError):
        check("")


def test_names_are_checked_without_tensorflow() -> None:
    code = (
        "import sys, kerasnn.training.augmentation_policies as a; a.check('light'); "
        "sys.exit('tensorflow' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Whether images may be mirrored


def drawn_letters(letters: str, n: int = 240) -> tuple[np.ndarray, np.ndarray]:
    """Strokes in a square of 12, somewhere, in noise; grey."""
    codes = RANDOM.integers(0, len(letters), n)
    images = RANDOM.integers(0, 60, (n, 18, 18, 1), dtype=np.uint8)
    for image, code in zip(images, codes, strict=True):
        top, left = RANDOM.integers(1, 6, 2)
        box = image[top : top + 12, left : left + 12, 0]
        match letters[code]:
            case "L":
                box[:, :2], box[-2:] = 220, 220
            case "J":
                box[:, -2:], box[-2:] = 220, 220
            case "T":
                box[:, 5:7], box[:2] = 220, 220
            case "O":
                box[:2], box[-2:], box[:, :2], box[:, -2:] = 220, 220, 220, 220
            case "I":
                box[:, 5:7] = 220
            case "E":
                box[:2], box[-2:], box[5:7], box[:, :2] = 220, 220, 220, 220
    return images, codes


def test_symmetrical_shapes_may_be_mirrored() -> None:
    assert mirrors(*drawn_letters("TOI"), seed=0)
    assert mirrors(*drawn_letters("TO"), seed=0)


@pytest.mark.parametrize("letters", ["LJ", "LJT", "LJE"])
def test_letters_may_not_be_mirrored(letters: str) -> None:
    assert not mirrors(*drawn_letters(letters), seed=0)


def test_mirrors_by_numbers_and_by_labels() -> None:
    images, codes = drawn_letters("TOI")
    assert mirrors(images, codes.astype("float64"), seed=0)
    assert mirrors(images, np.eye(3, dtype="float32")[codes], seed=0)
    images, codes = drawn_letters("LJ")
    assert not mirrors(images, codes.astype("float64"), seed=0)
    assert not mirrors(images, np.eye(2, dtype="float32")[codes], seed=0)


def test_mirrors_without_anything_learned_goes_by_the_images() -> None:
    codes = RANDOM.integers(0, 2, 240)
    assert mirrors(drawn_letters("TOI")[0], codes, seed=0)
    assert not mirrors(drawn_letters("LE")[0], codes, seed=0)


def test_mirrors_of_a_few_images_is_no() -> None:
    images, codes = drawn_letters("TOI", 99)
    assert not mirrors(images, codes, seed=0)


def test_mirrors_of_images_of_one_color_and_one_class() -> None:
    images = np.full((120, 40, 33, 3), 7, "uint8")
    assert mirrors(images, np.zeros(120, "int32"), seed=0)
