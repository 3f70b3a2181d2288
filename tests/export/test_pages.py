"""The Python on the page of an export reads files as kerasnn does, and the export runs it."""

from __future__ import annotations

import io
import re
import struct
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from kerasnn import export, layers
from kerasnn.data.media import wav
from kerasnn.data.media.decoding import decode_cell
from kerasnn.data.media.sound_cells import at_rate, read_sound
from kerasnn.data.schema import Column, Schema, Target
from kerasnn.errors import ExportError
from kerasnn.export import page_check, plain_media
from kerasnn.prediction.predictor import Predictor
from kerasnn.preprocessing import Preprocessor
from kerasnn.signature import Signature

RANDOM = np.random.default_rng(0)
N = 24
LABELS = np.where(np.arange(N) % 2, "yes", "no")
COLOR = RANDOM.integers(0, 256, (9, 7, 3)).astype("uint8")


def saved(image: Image.Image, path: Path, form: str = "PNG", **options: Any) -> str:
    image.save(path, form, **options)
    return str(path)


def image_files(folder: Path) -> dict[str, str]:
    plain = Image.fromarray(COLOR)
    clear = plain.convert("RGBA")
    clear.putalpha(Image.fromarray(RANDOM.integers(0, 256, (9, 7)).astype("uint8")))
    deep = Image.fromarray(RANDOM.integers(0, 65_536, (9, 7)).astype("uint16"))
    exif = Image.Exif()
    exif[0x0112] = 8
    return {
        "colour": saved(plain, folder / "a.png"),
        "grey": saved(plain.convert("L"), folder / "b.png"),
        "half-transparent": saved(clear, folder / "c.png"),
        "grey and transparent": saved(clear.convert("LA"), folder / "d.png"),
        "16-bit": saved(deep, folder / "e.png"),
        "palette": saved(plain.convert("P"), folder / "f.png"),
        "palette with a transparent colour": saved(
            plain.convert("P"), folder / "g.png", transparency=3
        ),
        "sideways": saved(plain, folder / "h.jpg", "JPEG", exif=exif),
        "1-bit": saved(plain.convert("1"), folder / "i.png"),
        "CMYK": saved(plain.convert("CMYK"), folder / "j.jpg", "JPEG"),
        "GIF": saved(plain, folder / "k.gif", "GIF"),
        "float": saved(
            Image.fromarray((COLOR[..., 0] / 255).astype("f4")), folder / "l.tif", "TIFF"
        ),
    }


@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_read_as_kerasnn_does(channels: int, tmp_path: Path) -> None:
    for kind, path in image_files(tmp_path).items():
        expected, _ = decode_cell(path, channels)
        found = plain_media.read_image(path, channels)
        np.testing.assert_array_equal(found, expected, err_msg=kind)


def of_unknown_size(content: bytes) -> bytes:
    """The same file from a program that did not know how much would follow."""
    at = content.index(b"data")
    return content[:4] + bytes(4) + content[8 : at + 4] + bytes(4) + content[at + 8 :]


def extensible(content: bytes) -> bytes:
    """The same file with the long header that several channels and 24 bits should have."""
    form = struct.pack("<H", 0xFFFE) + content[22:36] + struct.pack("<HHIH", 22, 16, 4, 1)
    form += bytes(14)
    return content[:16] + struct.pack("<I", len(form)) + form + content[36:]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            page_check._pcm(bytes(64), 8_000, 1, 4, tag=17),
            "a compressed WAV file: convert it to PCM",
        ),
        (page_check._pcm(bytes(64), 8_000, 1, 12), "a compressed WAV file: convert it to PCM"),
        (b"fLaC" + bytes(64), "not a WAV file: convert it to WAV"),
    ],
)
def test_what_is_not_read_says_what_to_do(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "s.wav").write_bytes(content)
    with pytest.raises(ValueError, match=f"^{message}$"):
        plain_media.read_sound(str(tmp_path / "s.wav"), 8_000, 60)


def test_sounds_are_read_as_kerasnn_does(tmp_path: Path) -> None:
    samples = RANDOM.uniform(-1, 1, 50).astype("float32")
    column = type("Column", (), {"samples": 60, "rate": 8_000})
    contents = [page_check._sound_file(column, i, RANDOM) for i in range(page_check.N_SOUNDS)]
    whole = bytes(range(256))
    contents += [page_check._pcm(whole, 8_000, 1, 8, tag=tag) for tag in (6, 7)]
    contents += [page_check._pcm(samples.astype("<f8").tobytes(), 8_000, 1, 64, tag=3)]
    contents += [wav.encode(samples, 8_000), of_unknown_size(contents[0]), extensible(contents[0])]
    for number, content in enumerate(contents):
        path = tmp_path / f"{number}.wav"
        path.write_bytes(content)
        expected = at_rate(read_sound(str(path)), 8_000).samples
        found = plain_media.read_sound(str(path), 8_000, 300)
        np.testing.assert_array_equal(found[: len(expected)], expected)
        assert np.isnan(found[len(expected) :]).all()


def predictor_of(*columns: Column) -> Predictor:
    """Of a table with a bit of everything, and a network that looks at all of it."""
    keras.utils.set_random_seed(0)
    images = RANDOM.integers(0, 256, (N, 9, 7, 3)).astype("uint8")
    sounds = [wav.encode(RANDOM.uniform(-1, 1, 400).astype("f4"), 2_000) for _ in range(N)]
    frame = pd.DataFrame(
        {
            "photo": pd.Series(list(images)),
            "sound": pd.Series(sounds, dtype=object),
            "size": RANDOM.normal(40.25, 9, N),
            "price": [f"{value:.2f}".replace(".", ",") for value in RANDOM.normal(8, 1, N)],
            "city": RANDOM.choice(['Köln "am" ```Rhein', "東京, ```Japan"], N),
            "is new": RANDOM.choice(["yes", "no"], N),
            "day": pd.date_range("2020-01-01", periods=N).strftime("%d.%m.%Y"),
            "note": ["it fits", "too small, sadly"] * (N // 2),
            "y": LABELS,
        }
    )
    schema = Schema(columns, Target("y", "binary", ("no", "yes")))
    fitted = Preprocessor.fit(frame, schema)
    return Predictor(fitted, network(fitted.signature))


def network(signature: Signature) -> keras.Model:
    inputs = layers.build_inputs(signature)

    def flat(x: Any, name: str) -> Any:
        x = keras.layers.Conv2D(2, 3, padding="same", name=f"{name}_conv")(x)
        return keras.layers.GlobalAveragePooling2D(name=f"{name}_flat")(x)

    has_images = signature.images or signature.sounds
    features = (
        layers.image_features(inputs, signature, flat)
        if has_images
        else layers.encode(inputs, signature)
    )
    return layers.network(inputs, layers.output_layer(features, signature), name="all")


CELLS = (
    Column("size", "number"),
    Column("price", "number", layout=","),
    Column("city", "category"),
    Column("is new", "boolean"),
    Column("day", "date", layout="%d.%m.%Y"),
)
PHOTO, SOUND = Column("photo", "image", layout="9x7x3"), Column("sound", "sound", layout="2000x400")


def test_the_page_of_images_beside_a_table_is_run_from_files(tmp_path: Path) -> None:
    predictor = predictor_of(PHOTO, *CELLS)
    result = export.export(predictor, tmp_path / "m.onnx", format="onnx")
    text = result.card.read_text()
    assert 'read_image("photo.png", 3)' in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.onnx", "m.onnx.md"]
    # By hand, as a reader of the page would do it.
    clear = Image.fromarray(COLOR).convert("RGBA")
    clear.putalpha(100)
    saved(clear, tmp_path / "photo.png")
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert code is not None
    printed: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        exec(code[1], {"print": printed.append})
    media = {"photo": "photo.png"}
    row = page_check._row_of(predictor.preprocessor, media, tmp_path)
    np.testing.assert_allclose(printed[0], predictor.scores(row), atol=1e-5)


def test_the_page_of_sounds_reads_wav_files(tmp_path: Path) -> None:
    result = export.export(predictor_of(SOUND), tmp_path / "m.keras", format="keras")
    text = result.card.read_text()
    assert 'read_sound("sound.wav", 2000, 400)[None]' in text
    assert "def read_sound(" in text


def test_an_export_whose_page_reads_a_law_otherwise_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = page_check.re.search

    def wrong(pattern: str, page: str, *flags: Any) -> Any:
        return written(pattern, page.replace("0x55 if tag == 6", "0x54 if tag == 6"), *flags)

    monkeypatch.setattr(page_check.re, "search", wrong)
    with pytest.raises(ExportError, match="the example of the page differs from the original by"):
        export.export(predictor_of(SOUND), tmp_path / "m.keras", format="keras")


def test_an_export_whose_page_reads_otherwise_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a half-transparent image was: its colours without the white below."""
    written = page_check.re.search

    def without_white(pattern: str, page: str, *flags: Any) -> Any:
        return written(pattern, page.replace("if image.has_transparency_data", "if False"), *flags)

    monkeypatch.setattr(page_check.re, "search", without_white)
    with pytest.raises(ExportError, match="the example of the page differs from the original by"):
        export.export(predictor_of(PHOTO), tmp_path / "m.keras", format="keras")
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_fails_says_why(tmp_path: Path) -> None:
    page = "```python\nimport nothing_of_that_name\n\nrow = {\n}\n```"
    with pytest.raises(ExportError) as error:
        page_check.check_page(page, predictor_of(*CELLS), tmp_path / "m.onnx")
    assert str(error.value) == (
        "the example of the page fails: ModuleNotFoundError: No module named 'nothing_of_that_name'"
    )


def test_names_with_quotes_and_backticks_stay_text(tmp_path: Path) -> None:
    predictor = predictor_of(Column("city", "category"))
    result = export.export(predictor, tmp_path / 'a"```\\b.keras', format="keras")
    assert result.path.exists()


def test_the_page_of_a_table_with_texts_is_run(tmp_path: Path) -> None:
    text = Column("note", "text", layout="words")
    predictor = predictor_of(*CELLS, text)
    result = export.export(predictor, tmp_path / "m.keras", format="keras")
    assert result.tokens is not None
    stream = io.StringIO(result.card.read_text())
    assert "class Tokens" in stream.read()
