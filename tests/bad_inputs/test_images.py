"""Bad images through the commands, by their numbers in the list of bad inputs."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bad_inputs.rows import each
from bad_inputs.tables import TINY
from click.testing import Result
from helpers import invoke, read_csv_text, untouched
from numpy.typing import NDArray
from PIL import Image

import kerasnn
from kerasnn.data.media import decoding

RANDOM = np.random.default_rng(0)
PICTURE = RANDOM.integers(0, 256, (8, 8, 3)).astype("uint8")
ALPHA = RANDOM.integers(0, 256, (8, 8, 1)).astype("uint8")
WIDE = RANDOM.integers(0, 65_536, (8, 8)).astype("uint16")
PALETTE = Image.fromarray(PICTURE).quantize(16)
N_IMAGES = 24


def encoded(image: Image.Image | NDArray[Any], form: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(buffer, form, **options)
    return buffer.getvalue()


def turned(held: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = held
    return exif


def bomb() -> bytes:
    """A PNG that says that it is 100,000 pixels wide and high."""
    chunks = b"IHDR" + struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0), b"IDAT"
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in chunks
    )


@dataclass(frozen=True)
class BadImage:
    """One of the bad images.

    Args:
        number: Number of the row in the list of bad inputs.
        title: Description of the fault.
        content: Bytes of the file.
        what: Expected problem in the message; empty if there is none.
        hint: Expected hint in the message; empty if there is none.
        same: Pixels that the file must be read as; None if it can't be read.
        name: Name of the file.
    """

    number: int
    title: str
    content: bytes
    what: str = ""
    hint: str = "remove it, or save it again"
    same: NDArray[np.uint8] | None = None
    name: str = "bad.png"


def colour_over_white() -> NDArray[np.uint8]:
    share = ALPHA / 255
    mixed: NDArray[np.uint8] = np.round(PICTURE * share + 255 * (1 - share)).astype("uint8")
    return mixed


def in_colour(grey: NDArray[Any]) -> NDArray[np.uint8]:
    return np.stack([grey.astype("uint8")] * 3, axis=2)


UNREADABLE = [
    BadImage(52, "not an image", b"hello", "not an image"),
    BadImage(53, "zero bytes", b"", "the file is empty"),
    BadImage(
        54,
        "truncated JPEG",
        encoded(PICTURE, "JPEG")[:-60],
        "an image that is cut off",
        name="a.jpg",
    ),
    BadImage(54, "truncated PNG", encoded(PICTURE)[:-60], "an image that is cut off"),
]
READ = [
    BadImage(55, "CMYK", encoded(Image.fromarray(PICTURE).convert("CMYK"), "TIFF"), same=PICTURE),
    BadImage(
        56, "RGBA", encoded(np.concatenate([PICTURE, ALPHA], axis=2)), same=colour_over_white()
    ),
    BadImage(57, "16 bit", encoded(WIDE), same=in_colour(np.round(WIDE / 257))),
    BadImage(58, "grey", encoded(PICTURE[..., 0]), same=in_colour(PICTURE[..., 0])),
    BadImage(59, "palette", encoded(PALETTE), same=np.asarray(PALETTE.convert("RGB"))),
    BadImage(
        60,
        "animated GIF",
        encoded(PALETTE, "GIF", save_all=True, append_images=[Image.new("RGB", (8, 8))]),
        "an animated image: its first frame is taken",
        "save single frames to learn from others",
        same=np.asarray(PALETTE.convert("RGB")),
    ),
    BadImage(61, "EXIF rotation", encoded(PICTURE, exif=turned(6)), same=np.rot90(PICTURE, -1)),
    BadImage(
        63,
        "one pixel",
        encoded(PICTURE[:1, :1]),
        "an image of 1x1 pixels",
        "check whether this is intended",
        same=np.broadcast_to(PICTURE[:1, :1], (8, 8, 3)),
    ),
    BadImage(
        63,
        "a strip",
        encoded(np.full((1, 64, 3), 90, dtype="uint8")),
        "an image of 1x64 pixels",
        "check whether this is intended",
        same=np.full((8, 8, 3), 90, dtype="uint8"),
    ),
    BadImage(66, "wrong extension", encoded(PICTURE, "BMP"), same=PICTURE, name="a.jpg"),
]


def photograph(folder: Path) -> Path:
    """A folder with two class folders of images, dark ones and bright ones."""
    random = np.random.default_rng(0)
    for row in range(N_IMAGES):
        path = folder / ("dark", "light")[row % 2] / f"{row:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 128, (8, 8, 3)) + 127 * (row % 2)
        path.write_bytes(encoded(pixels.astype("uint8")))
    return folder


def learn(photos: str | Path, *arguments: str | Path, code: int = 0) -> Result:
    options = ["--model", "mlp", "--augment", "none", *TINY, *arguments]
    return invoke("train", photos, *options, code=code)


@pytest.fixture(scope="module")
def photographed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images and the run on them."""
    folder = tmp_path_factory.mktemp("photographed")
    assert learn(photograph(folder / "photos"), "--output", folder / "run").stderr == ""
    return folder


@pytest.fixture
def photos(photographed: Path, tmp_path: Path) -> Path:
    """A copy of the images that a test may change."""
    return shutil.copytree(photographed / "photos", tmp_path / "photos")


@pytest.mark.usefixtures("_no_report")
@each(UNREADABLE)
def test_images_that_cannot_be_read(
    row: BadImage, photographed: Path, photos: Path, tmp_path: Path
) -> None:
    path = photos / "dark" / row.name
    path.write_bytes(row.content)
    run = shutil.copytree(photographed / "run", tmp_path / "run")
    with untouched(tmp_path):
        refused = learn(photos, "--strict", "--output", run, "--force", code=2)
        unpredicted = invoke("predict", run, photos, "--strict", code=2)
    assert refused.stderr == f"error: {row.what} ({path}) – {row.hint}\n"
    assert unpredicted.stderr == refused.stderr
    found = learn(photos, "--output", run, "--force")
    assert found.stderr == f"warning: {row.what}, left out ({path}) – {row.hint}\n"
    assert sum(map(len, parts_of(run).values())) == N_IMAGES
    predicted = invoke("predict", run, photos)
    assert predicted.stderr == f"warning: {row.what}, not predicted ({path}) – {row.hint}\n"
    result = read_csv_text(predicted.stdout)  # 51
    expected = sorted(map(str, photos.rglob("*.*")))
    assert result["path"].tolist() == expected
    assert result["prediction"].isna().tolist() == [name == str(path) for name in expected]
    assert result.iloc[expected.index(str(path)), 1:].isna().all()
    evaluated = invoke("evaluate", run, photos, "--json")
    # Most of these images are those of the training, and that is said too.
    *lines, known = evaluated.stderr.splitlines(keepends=True)
    assert "".join(lines) == found.stderr
    assert known.startswith("warning: 16 of 24 rows are equal to ones that the network learned ")
    assert json.loads(evaluated.stdout)["n_rows"] == N_IMAGES


def parts_of(run: Path) -> dict[str, pd.DataFrame]:
    parts = pd.read_csv(run / "split.csv.gz")
    return {str(name): rows for name, rows in parts.groupby("part")}


@pytest.mark.usefixtures("_no_report")
@each(READ)
def test_images_of_all_kinds(row: BadImage, photographed: Path, photos: Path) -> None:
    path, plain = photos / "dark" / row.name, photos / "dark" / "plain.png"
    path.write_bytes(row.content)
    expected = f"warning: {row.what} ({path}) – {row.hint}\n" if row.what else ""
    run = photos.parent / "run"
    assert learn(photos, "--output", run).stderr == expected
    assert sum(map(len, parts_of(run).values())) == N_IMAGES + 1
    assert row.same is not None
    plain.write_bytes(encoded(np.ascontiguousarray(row.same)))
    predicted = invoke("predict", photographed / "run", path, plain)
    assert predicted.stderr == expected
    one, other = read_csv_text(predicted.stdout).iloc[:, 2:].to_numpy()
    # Pillow may round the last bit of a pixel in another way.
    np.testing.assert_allclose(one, other, atol=2e-3)


def test_decompression_bomb(photographed: Path, photos: Path, tmp_path: Path) -> None:  # 62
    path, output = photos / "dark" / "bomb.png", tmp_path / "predictions.csv"
    path.write_bytes(bomb())
    run = shutil.copytree(photographed / "run", tmp_path / "run")
    with untouched(tmp_path):
        refused = learn(photos, "--output", run, "--force", code=2)
        unpredicted = invoke("predict", run, photos, "-o", output, code=2)
    what = f"an image of more than 89,478,485 pixels ({path})"
    assert refused.stderr == f"error: {what} – make it smaller\n"
    assert unpredicted.stderr == refused.stderr


def test_empty_class_folder(photographed: Path, photos: Path, tmp_path: Path) -> None:  # 64
    (photos / "medium").mkdir()
    run = shutil.copytree(photographed / "run", tmp_path / "run")
    with untouched(tmp_path):
        refused = learn(photos, "--output", run, "--force", code=2)
    what = f"a class folder without images ({photos}/medium)"
    assert refused.stderr == f"error: {what} – put images into it, or remove it\n"
    predicted = invoke("predict", run, photos)
    assert (len(read_csv_text(predicted.stdout)), predicted.stderr) == (N_IMAGES, "")


def test_one_class_folder(photographed: Path, photos: Path, tmp_path: Path) -> None:  # 65
    shutil.rmtree(photos / "light")
    run = shutil.copytree(photographed / "run", tmp_path / "run")
    with untouched(tmp_path):
        refused = learn(photos, "--output", run, "--force", code=2)
    what = f"the target has one class only: 'dark' ({photos},label)"
    assert refused.stderr == f"error: {what} – add rows of another class\n"
    predicted = invoke("predict", run, photos)
    assert (len(read_csv_text(predicted.stdout)), predicted.stderr) == (N_IMAGES // 2, "")


def test_link_loop(photographed: Path, photos: Path, tmp_path: Path) -> None:  # 67
    loop = photos / "dark" / "loop"
    loop.symlink_to(photos)
    what = f"a link leads back to a folder above it ({loop})"
    for arguments in (("train", photos, *TINY), ("predict", photographed / "run", photos)):
        with untouched(photographed):
            refused = invoke(*arguments, code=2)
        assert refused.stderr == f"error: {what} – remove the link\n"


@pytest.mark.usefixtures("_no_report")
def test_names_that_are_no_text(photos: Path, tmp_path: Path) -> None:  # 68
    for path in list(photos.rglob("*.png")):
        path.rename(os.fsdecode(os.fsencode(path.with_suffix("")) + b"\xe9.png"))
    run, output = tmp_path / "run", tmp_path / "predictions.csv"
    assert learn(photos, "--output", run).stderr == ""
    assert invoke("predict", run, photos, "-o", output).stderr == "24 rows predicted in " + (
        f"{output}\n"
    )
    names = [line.split(b",")[0] for line in output.read_bytes().splitlines()[1:]]
    assert names == sorted(os.fsencode(path) for path in photos.rglob("*.png"))
    holdout = kerasnn.load(run).holdout("test")
    assert kerasnn.load(run).predict(holdout)["prediction"].notna().all()
    (photos / "dark" / os.fsdecode(b"\xe9.png")).write_bytes(b"hello")
    found = invoke("predict", run, photos)
    what = rf"not an image, not predicted ({photos}/dark/\xe9.png)"
    assert found.stderr == f"warning: {what} – remove it, or save it again\n"


def test_unreadable_image(
    photographed: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # 69
    path, run = photos / "dark" / "00.png", shutil.copytree(photographed / "run", tmp_path / "run")

    def refuse(name: str, *arguments: Any, **options: Any) -> Any:
        if name == str(path):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)
        return open(name, *arguments, **options)

    monkeypatch.setattr(decoding, "open", refuse, raising=False)
    with untouched(tmp_path):
        refused = learn(photos, "--output", run, "--force", code=4)
        unpredicted = invoke("predict", run, photos, code=4)
    what = f"cannot read: Permission denied ({path})"
    assert refused.stderr == f"error: {what} – check its permissions\n"
    assert unpredicted.stderr == refused.stderr
