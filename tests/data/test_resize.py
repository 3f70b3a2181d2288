"""The one resize: against Pillow's, against exact fractions, and against its Keras graph."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from kerasnn.data.resize import STEPS, filter_weights, resize, resize_tensor

SIZES = [(8, 8), (28, 28), (9, 31), (64, 48), (300, 17), (1, 5)]


def noise(height: int, width: int, channels: int = 3) -> NDArray[np.uint8]:
    random = np.random.default_rng([height, width])
    return random.integers(0, 256, (height, width, channels)).astype("uint8")


def weights(size_in: int, size_out: int) -> NDArray[np.float32]:
    found: NDArray[np.float32] = filter_weights(
        np, np.arange(size_in, dtype="float32")[None], size_out
    )
    return found


def triangle(size_in: int, size_out: int, row: int) -> list[Fraction]:
    """The weights of one pixel as exact fractions."""
    scale = Fraction(size_in, size_out)
    centre, reach = (row + Fraction(1, 2)) * scale, max(scale, Fraction(1))
    raw = [max(1 - abs(i + Fraction(1, 2) - centre) / reach, Fraction(0)) for i in range(size_in)]
    return [value / sum(raw) for value in raw]


@pytest.mark.parametrize(("size_in", "size_out"), [(4, 2), (2, 4), (7, 3), (300, 32), (5, 5)])
def test_weights_are_a_triangle_in_steps(size_in: int, size_out: int) -> None:
    found = weights(size_in, size_out)
    assert (found * STEPS == np.round(found * STEPS)).all()
    assert (found.sum(axis=1) == 1).all()
    for row in range(size_out):
        exact = [float(value) for value in triangle(size_in, size_out, row)]
        np.testing.assert_allclose(found[row], exact, atol=1 / STEPS)


@pytest.mark.parametrize("size", SIZES)
def test_close_to_pillow(size: tuple[int, int]) -> None:
    image = noise(*size)
    expected = Image.fromarray(image).resize((20, 24), Image.Resampling.BILINEAR)
    found = resize(image, 24, 20)
    assert found.dtype == np.uint8
    # Pillow rounds its weights to other steps, and goes along the rows first.
    assert np.abs(found.astype(int) - np.asarray(expected).astype(int)).max() <= 1


def test_what_needs_no_resize_stays() -> None:
    image = noise(12, 10)
    np.testing.assert_array_equal(resize(image, 12, 10), image)
    even = np.full((40, 30, 1), 201, dtype="uint8")
    assert (resize(even, 7, 50) == 201).all()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
def test_keras_graph_gives_the_same_bits(size: tuple[int, int], channels: int) -> None:
    image = noise(*size, channels)
    found = np.asarray(resize_tensor(image[None], 24, 20))
    np.testing.assert_array_equal(found[0], resize(image, 24, 20))
