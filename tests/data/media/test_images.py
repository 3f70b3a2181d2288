"""Image cells to pixels: every mode and format against Pillow and plain arithmetic."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image

from kerasnn.data.columns.kinds import force, infer_kind
from kerasnn.data.media import decoding, image_columns, jpeg
from kerasnn.data.media.decoding import ImageError
from kerasnn.data.media.image_columns import load, pixels_of, readable
from kerasnn.data.media.images import ImageCell, png_bytes, read_image
from kerasnn.data.media.layouts import layout_of
from kerasnn.data.media.stored import StoredPixels
from kerasnn.errors import KerasnnWarning, StorageError

RANDOM = np.random.default_rng(0)
COLOUR = RANDOM.integers(0, 256, (6, 8, 3)).astype("uint8")
GREY = RANDOM.integers(0, 256, (6, 8)).astype("uint8")


def encoded(image: Image.Image | NDArray[Any], form: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(buffer, form, **options)
    return buffer.getvalue()


def column(*cells: Any) -> pd.Series:
    series = pd.Series([None] * len(cells), dtype=object, name="image")
    for row, cell in enumerate(cells):
        series[row] = cell
    return series


def told(series: pd.Series, layout: str = "6x8x3") -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        readable(series.to_frame(), {"image": layout})
    return [str(warning.message) for warning in caught]


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "PPM"])
def test_any_format_by_content_whatever_the_name(form: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.jpg"
    path.write_bytes(encoded(COLOUR, form))
    for cell in (str(path), path, path.read_bytes(), COLOUR, Image.fromarray(COLOUR)):
        np.testing.assert_array_equal(read_image(cell, 3), COLOUR)


def test_jpeg_is_decoded_as_pillow_does() -> None:
    content = encoded(COLOUR, "JPEG")
    expected = np.asarray(Image.open(io.BytesIO(content)))
    np.testing.assert_array_equal(read_image(content, 3), expected)


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"subsampling": 2}, {"quality": 30}]
)
@pytest.mark.parametrize("size", [(6, 8), (1, 1), (33, 17)])
def test_plain_jpegs_are_decoded_as_pillow_does(
    size: tuple[int, int], options: dict[str, Any]
) -> None:
    pixels = RANDOM.integers(0, 256, (*size, 3)).astype("uint8")
    for image in (pixels, pixels[..., 0]):
        content = encoded(image, "JPEG", **options)
        expected = Image.open(io.BytesIO(content))
        for channels, mode in ((1, "L"), (3, "RGB")):
            found = jpeg.decode_plain(content, channels)
            assert found is not None
            as_pillow = np.asarray(expected.convert(mode)).reshape(*size, channels)
            np.testing.assert_array_equal(found, as_pillow)


def test_jpegs_that_are_not_plain_are_left_to_pillow() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    colour = Image.fromarray(COLOUR)
    assert jpeg.decode_plain(encoded(colour, "JPEG", exif=exif), 3) is None
    cmyk = encoded(colour.convert("CMYK"), "JPEG")
    assert jpeg.decode_plain(cmyk, 3) is None
    expected = np.asarray(Image.open(io.BytesIO(cmyk)).convert("RGB"))
    np.testing.assert_array_equal(read_image(cmyk, 3), expected)
    whole = encoded(colour, "JPEG")
    for length in range(len(whole) - 2):
        # Whatever is missing, it is no image; Pillow says why.
        assert jpeg.decode_plain(whole[:length], 3) is None
        with pytest.raises(ImageError):
            read_image(whole[:length], 3)


def test_cmyk_is_converted() -> None:
    content = encoded(Image.fromarray(COLOUR).convert("CMYK"), "TIFF")
    np.testing.assert_array_equal(read_image(content, 3), COLOUR)


def test_what_is_see_through_lies_over_white() -> None:
    alpha = RANDOM.integers(0, 256, (6, 8, 1)).astype("uint8")
    share = alpha / 255
    expected = COLOUR * share + 255 * (1 - share)
    for cell in (
        np.concatenate([COLOUR, alpha], axis=2),
        encoded(np.concatenate([COLOUR, alpha], axis=2)),
        encoded(np.concatenate([COLOUR, alpha], axis=2), "WEBP", lossless=True, exact=True),
    ):
        assert np.abs(read_image(cell, 3) - expected).max() <= 1
    grey = Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(alpha[..., 0])])
    expected = GREY * share[..., 0] + 255 * (1 - share[..., 0])
    assert np.abs(read_image(encoded(grey), 1)[..., 0] - expected).max() <= 1


def test_16_bits_are_scaled_not_clipped() -> None:
    wide = RANDOM.integers(0, 65_536, (6, 8)).astype("uint16")
    expected = np.floor(wide / 257 + 0.5)
    for cell in (wide, encoded(wide), encoded(wide, "TIFF")):
        found = read_image(cell, 1)[..., 0]
        assert np.abs(found - expected).max() <= (0 if isinstance(cell, np.ndarray) else 1)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([[0.0, 0.5, 1.0]]), [0, 128, 255]),
        (np.array([[0.0, 100.4, 255.0]]), [0, 100, 255]),
        (np.array([[0, 7, 255]]), [0, 7, 255]),
        (np.array([[0, 257, 65_535]]), [0, 1, 255]),
        (np.array([[True, False, True]]), [255, 0, 255]),
    ],
)
def test_numbers_of_arrays(array: NDArray[Any], expected: list[int]) -> None:
    assert read_image(array, 1).ravel().tolist() == expected


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([[-1.0]]), "pixels that are negative or not finite – scale them to 0 … 255"),
        (np.array([[np.nan]]), "pixels that are negative or not finite – scale them to 0 … 255"),
        (np.array([[1e6]]), "pixels up to 1e+06 – scale them to 0 … 255"),
        (np.zeros((2, 2, 5), "uint8"), "an image of 5 channels – give 1, 3 or 4 channels"),
        (
            np.zeros((0, 2), "uint8"),
            "an array of the shape (0, 2) is no image – give (height, width, channels)",
        ),
    ],
)
def test_arrays_that_are_no_images(array: NDArray[Any], message: str) -> None:
    with pytest.raises(ImageError) as caught:
        read_image(array, 3)
    assert str(caught.value) == message


def test_grey_is_expanded_and_colour_reduced() -> None:
    np.testing.assert_array_equal(read_image(encoded(GREY), 3), np.stack([GREY] * 3, axis=2))
    expected = np.asarray(Image.fromarray(COLOUR).convert("L"))
    np.testing.assert_array_equal(read_image(encoded(COLOUR), 1)[..., 0], expected)
    black_and_white = Image.fromarray(GREY > 100)
    expected = np.where(GREY > 100, 255, 0)
    np.testing.assert_array_equal(read_image(encoded(black_and_white), 1)[..., 0], expected)


def test_palettes() -> None:
    image = Image.fromarray(COLOUR).quantize(16)
    expected = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(read_image(encoded(image), 3), expected)
    see_through = encoded(image, transparency=0)
    expected = np.where(np.asarray(image)[..., None] == 0, 255, expected)
    np.testing.assert_array_equal(read_image(see_through, 3), expected)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_animations_give_their_first_frame(form: str) -> None:
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue")]
    content = encoded(frames[0], form, save_all=True, append_images=frames[1:])
    red = read_image(content, 3).reshape(-1, 3).mean(axis=0)
    assert red[0] > 240 > 15 > red[2]
    what = "an animated image: its first frame is taken"
    assert told(column(COLOUR, content)) == [
        f"{what} (row 1, column 'image') – save single frames to learn from others"
    ]
    [line] = told(column(content, COLOUR, content))
    assert line.startswith("2 animated images, the first: its first frame is taken (row 0")


@pytest.mark.parametrize("held", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF"])
def test_exif_rotation_is_applied(held: int, form: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = held
    big = Image.fromarray(np.kron(COLOUR, np.ones((8, 8, 1), "uint8")))
    content = encoded(big, form, exif=exif)
    from PIL import ImageOps

    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))))
    np.testing.assert_array_equal(read_image(content, 3), expected)
    assert layout_of(column(content), size=0, channels=3) == "{}x{}x{}".format(*expected.shape)


def test_damaged_notes_of_a_camera_do_no_harm() -> None:
    content = encoded(COLOUR, "JPEG", exif=b"Exif\0\0MM\0*" + b"\xff" * 20)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert read_image(content, 3).shape == (6, 8, 3)


def test_errors_name_the_file(tmp_path: Path) -> None:
    def message(content: bytes | None, name: str = "x.png") -> str:
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ImageError) as caught:
            read_image(path, 3)
        return str(caught.value).replace(str(path), "F")

    again = "(F) – remove it, or save it again"
    assert message(b"") == f"the file is empty {again}"
    assert message(b"hello") == f"not an image {again}"
    assert message(encoded(COLOUR)[:4] + b"junk") == f"a damaged image {again}"
    assert message(encoded(COLOUR)[:20]) == f"an image that is cut off {again}"
    assert message(encoded(COLOUR, "JPEG")[:-80]) == f"an image that is cut off {again}"
    assert message(encoded(COLOUR, "PNG")[:-40]) == f"an image that is cut off {again}"
    assert message(None, "no.png") == "no such file (F) – check the path"


def test_bombs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 47)
    path = tmp_path / "large.png"
    for form, factor in (("PNG", 1), ("JPEG", 1), ("GIF", 2)):
        path.write_bytes(encoded(np.tile(COLOUR, (factor, factor, 1)), form))
        with pytest.raises(ImageError) as caught:
            read_image(path, 3)
        assert str(caught.value) == f"an image of more than 47 pixels ({path}) – make it smaller"
        assert caught.value.fatal


def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(StorageError) as caught:
        read_image(tmp_path / "folder.png", 3)
    location = f"{tmp_path}/folder.png"
    assert str(caught.value) == f"cannot read: Is a directory ({location}) – check its permissions"
    (tmp_path / "large.png").write_bytes(encoded(COLOUR))
    monkeypatch.setattr(decoding, "LARGEST_FILE", 10)
    with pytest.raises(ImageError, match="a file of more than 1 GB"):
        read_image(tmp_path / "large.png", 3)


def test_relative_paths_are_of_the_table_too(tmp_path: Path) -> None:
    (tmp_path / "a b.png").write_bytes(encoded(COLOUR))
    np.testing.assert_array_equal(read_image("a b.png", 3, folder=str(tmp_path)), COLOUR)
    uri = (tmp_path / "a b.png").as_uri()
    np.testing.assert_array_equal(read_image(uri, 3), COLOUR)


def test_names_that_are_no_text(tmp_path: Path) -> None:
    path = os.path.join(os.fsencode(tmp_path), b"caf\xe9.png")
    Path(os.fsdecode(path)).write_bytes(encoded(COLOUR))
    cell = png_bytes(os.fsdecode(path))
    assert cell == f"file://{tmp_path}/caf%E9.png"
    np.testing.assert_array_equal(read_image(cell, 3), COLOUR)
    with pytest.raises(ImageError) as caught:
        read_image(os.fsdecode(path) + "x", 3)
    assert str(caught.value) == rf"no such file ({tmp_path}/caf\xe9.pngx) – check the path"


def test_cells_as_a_file_holds_them(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read_image(png_bytes(COLOUR), 3), COLOUR)
    np.testing.assert_array_equal(read_image(png_bytes(GREY), 1)[..., 0], GREY)
    assert png_bytes(b"as it is") == b"as it is"
    [table] = load([column(GREY).to_frame()], "image", "6x8x1", strict=True)
    np.testing.assert_array_equal(read_image(png_bytes(table["image"][0]), 1)[..., 0], GREY)


def test_columns_become_pixels() -> None:
    series = column(COLOUR, encoded(COLOUR), Image.fromarray(COLOUR), GREY)
    pixels = pixels_of(series, "6x8x3")
    for image in pixels[:3]:
        np.testing.assert_array_equal(image, COLOUR)
    np.testing.assert_array_equal(pixels[3], np.stack([GREY] * 3, axis=2))
    assert pixels_of(series, "3x5x1").shape == (4, 3, 5, 1)
    with pytest.raises(ImageError, match=r"not an image \(row 1, column 'image'\)"):
        pixels_of(column(COLOUR, b"no"), "6x8x3")


@pytest.mark.filterwarnings("ignore:66 images can't be read")
@pytest.mark.parametrize("slow_s", [0.0, 1.0])
def test_threads_change_nothing(slow_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_columns, "SLOW_S", slow_s)
    images = RANDOM.integers(0, 256, (200, 6, 8, 3)).astype("uint8")
    cells = [encoded(image) if row % 3 else b"no" for row, image in enumerate(images)]
    frame, kept = readable(column(*cells[1:]).to_frame(), {"image": "6x8x3"}, left_out=True)
    np.testing.assert_array_equal(kept, [row - 1 for row in range(1, 200) if row % 3])
    np.testing.assert_array_equal(pixels_of(frame["image"], "6x8x3"), images[1:][kept])


@pytest.mark.filterwarnings("ignore:2 images")
@pytest.mark.parametrize("memory_gb", [None, 1e-7])
def test_loading_leaves_out_what_cannot_be_read(memory_gb: float | None) -> None:
    images = RANDOM.integers(0, 256, (9, 6, 8, 3)).astype("uint8")
    cells: list[Any] = list(images)
    cells[2], cells[5] = b"no", None
    tables = [column(*cells[:7]).to_frame(), column(*cells[7:]).to_frame()]
    first, second = load(tables, "image", "6x8x3", strict=False, memory_gb=memory_gb)
    assert (len(first), len(second)) == (5, 2)
    pixels = pixels_of(first["image"], "6x8x3")
    assert isinstance(pixels, StoredPixels) == (memory_gb is not None)
    np.testing.assert_array_equal(pixels[np.arange(5)], images[[0, 1, 3, 4, 6]])
    np.testing.assert_array_equal(pixels[1:3], images[[1, 3]])
    np.testing.assert_array_equal(pixels_of(second["image"], "6x8x3")[:], images[7:])
    assert all(isinstance(cell, ImageCell) for cell in first["image"])
    same = load([column(images[0], images[0]).to_frame()], "image", "6x8x3", strict=True)[0]
    assert same["image"][0].digest == same["image"][1].digest == first["image"][0].digest


def test_too_much_that_cannot_be_read_is_an_error() -> None:
    table = column(COLOUR, b"no", None).to_frame()
    with pytest.raises(ImageError) as caught:
        load([table], "image", "6x8x3", strict=False)
    what = "2 of 3 images can't be read, the first: not an image (row 1, column 'image')"
    assert str(caught.value) == f"{what} – remove it, or save it again"
    with pytest.raises(ImageError, match=r"^not an image \(row 1, column 'image'\)"):
        load([table], "image", "6x8x3", strict=True)


def test_odd_shapes_are_warned_of() -> None:
    line = "an image of 1x9 pixels (row 1, column 'image') – check whether this is intended"
    assert told(column(COLOUR, GREY[:1, :1].repeat(9, axis=1))) == [line]
    assert told(column(GREY[:1, :1], COLOUR, GREY[:1, :1])) == [
        "2 images of odd shapes, the first of 1x1 pixels (row 0, column 'image') – check whether "
        "this is intended"
    ]
    # Where all are strips, none is odd.
    assert told(column(np.zeros((2, 40), "uint8")), "2x40x1") == []


def test_layouts() -> None:
    assert layout_of(column(COLOUR, COLOUR), size=0, channels=0) == "6x8x3"
    assert layout_of(column(GREY, np.stack([GREY] * 3, axis=2)), size=0, channels=0) == "6x8x1"
    assert layout_of(column(COLOUR, GREY), size=40, channels=1) == "40x40x1"
    mixed = column(*(np.zeros((50, side, 3), "uint8") for side in (40, 60, 70)))
    with pytest.warns(KerasnnWarning) as caught:
        assert layout_of(mixed, size=0, channels=0) == "50x50x1"
    what = "images of 50x40 to 50x70 pixels are resized to 50x50 (column 'image')"
    assert str(caught[0].message) == f"{what} – set `image_size` for another size"
    large = column(*(np.zeros((300, 200, 3), "uint8") for _ in range(3)))
    with pytest.warns(KerasnnWarning, match="images of 300x200 pixels are resized to 96x96"):
        assert layout_of(large, size=0, channels=3) == "96x96x3"
    # A stray one among many does not make all of them larger; what is no image is skipped.
    stray = column(*[COLOUR] * 30, np.zeros((9, 9), "uint8"), b"no")
    assert layout_of(stray, size=0, channels=0) == "6x8x3"
    with pytest.raises(ImageError, match="no image can be read"):
        layout_of(column(b"no"), size=0, channels=0)


def test_kinds(tmp_path: Path) -> None:
    assert infer_kind(column(COLOUR, GREY)).kind == "image"
    assert infer_kind(column(None, encoded(COLOUR))).kind == "image"
    assert infer_kind(column(Image.fromarray(GREY))).kind == "image"
    assert infer_kind(column(Path("a.png"), Path("b.png"))).kind == "image"
    assert infer_kind(column(np.arange(5.0))).kind == "series"
    names = pd.Series([f"images/{i}.JPG" for i in range(30)], name="file")
    found = infer_kind(names)
    assert (found.kind, found.reason, found.used) == ("image", "30 image files", True)
    assert infer_kind(pd.concat([names, pd.Series(["?"])])).kind == "image"
    other = pd.Series(["a.png", *(f"page {i % 3}" for i in range(30))], name="file")
    assert infer_kind(other).kind != "image"
    forced = force(other, "image")
    assert (forced.kind, forced.used) == ("image", True)
