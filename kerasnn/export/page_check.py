"""Whether the Python on the page of an exported model does what kerasnn does, from files on.

Only code that `kerasnn.export.page` has just written is run.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kerasnn import data
from kerasnn.data.columns import dates
from kerasnn.data.media import wav
from kerasnn.errors import ExportError
from kerasnn.export import images, sequences, texts
from kerasnn.export.example import example_row
from kerasnn.export.markdown import literal
from kerasnn.export.verify import LARGEST_DIFFERENCE, distance
from kerasnn.preprocessing.graph import input_names

if TYPE_CHECKING:
    from kerasnn.data.schema import Column
    from kerasnn.prediction.predictor import Predictor
    from kerasnn.preprocessing import Preprocessor
    from kerasnn.preprocessing.images import ImageColumn
    from kerasnn.preprocessing.sounds import SoundColumn

# Sorts of files of each column, the larger number of which is how often the code runs.
N_IMAGES, N_SOUNDS = 5, 9
TABLE = "rows.csv"
_ROW = "\nrow = {"


def check_page(page: str, predictor: Predictor, model: Path, *, is_rounded: bool = False) -> int:
    """Run the Python of a page on files, and compare with the predictor on the same files.

    Args:
        page: Page in Markdown.
        predictor: The original.
        model: Path of the exported model; files are written beside it.
        is_rounded: True for a model in 8 bits, whose outputs may differ but must be finite.

    Returns:
        Number of rows that were compared.

    Raises:
        ExportError: The code fails, or its outputs differ.
    """
    preprocessor, folder = predictor.preprocessor, model.parent
    media = _media(preprocessor)
    files = (model.name, f"{model.name}{texts.SUFFIX}", *media.values())
    head, tail = _code_of(page, folder, files).split(_ROW, 1)
    if preprocessor.texts:
        (folder / f"{model.name}{texts.SUFFIX}").write_bytes(texts.dumps(preprocessor))
    printed: list[Any] = []
    space: dict[str, Any] = {"print": printed.append}
    n_runs = N_SOUNDS if preprocessor.sounds else N_IMAGES if media else 1
    _run(head, space)
    for number in range(n_runs):
        _write_files(preprocessor, media, folder, number)
        _run(_ROW + tail, space)
        expected = predictor.scores(_row_of(preprocessor, media, folder)).reshape(1, -1)
        output = np.asarray(printed[-1])
        if output.shape != expected.shape or not np.isfinite(output).all():
            raise ExportError(f"the example of the page returns the shape {output.shape}")
        apart = float(distance(predictor, expected, output).max(initial=0.0))
        if apart > LARGEST_DIFFERENCE and not is_rounded:
            problem = f"the example of the page differs from the original by {apart:.1e}"
            raise ExportError(problem, hint="use another format, and report the network")
    return n_runs


def run_example(page: str, model: Path) -> tuple[dict[str, Any], Any]:
    """Run the Python of a page that reads no file but the model: its row, and what it prints.

    Raises:
        ExportError: The code fails.
    """
    printed: list[Any] = []
    space: dict[str, Any] = {"print": printed.append}
    _run(_code_of(page, model.parent, (model.name,)), space)
    return dict(space["row"]), printed[-1]


def _code_of(page: str, folder: Path, files: Sequence[str]) -> str:
    """The Python of a page, its files in a folder."""
    found = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert found is not None, "each page has an example"
    code = found[1]
    for name in files:
        code = code.replace(literal(name), literal(str(folder / name)))
    return code


def _run(code: str, space: dict[str, Any]) -> None:
    try:
        exec(compile(code, "the page", "exec"), space)  # only text of kerasnn's own
    except Exception as error:
        what = f"the example of the page fails: {type(error).__name__}: {error}"
        raise ExportError(what[:300]) from error


def _media(preprocessor: Preprocessor) -> dict[str, str]:
    """Names of the files that the example reads, by column."""
    names = input_names([column.name for column in preprocessor.schema.features])
    pictures = {column.name: f"{names[column.name]}.png" for column in preprocessor.images}
    return {**pictures, **{c.name: f"{names[c.name]}.wav" for c in preprocessor.sounds}}


def _write_files(
    preprocessor: Preprocessor, media: Mapping[str, str], folder: Path, number: int
) -> None:
    random = np.random.default_rng(number)
    for column in preprocessor.images:
        (folder / media[column.name]).write_bytes(_image_file(column, number % N_IMAGES, random))
    for sound in preprocessor.sounds:
        (folder / media[sound.name]).write_bytes(_sound_file(sound, number, random))


def _row_of(preprocessor: Preprocessor, media: Mapping[str, str], folder: Path) -> pd.DataFrame:
    """The row of the example, as kerasnn reads it from a CSV file."""
    example = example_row(preprocessor)
    cells = {}
    for column in preprocessor.schema.features:
        if column.kind != "series":
            cell = media.get(column.name)
            cells[column.name] = _text_of(example[column.name], column) if cell is None else cell
    path = folder / TABLE
    if not cells:
        frame = pd.DataFrame(index=range(1))
    else:
        pd.DataFrame([cells]).to_csv(path, index=False)
        frame = data.read(path).frame
    shapes = sequences.shapes(preprocessor)
    for series in preprocessor.series:
        readings = np.random.default_rng(0).uniform(-1, 1, shapes[series.name])
        frame[series.name] = pd.Series([readings.astype("float32")], dtype=object)
    return frame


def _text_of(cell: Any, column: Column) -> str:
    """A cell as a file of the training has it."""
    if column.kind == "boolean":
        return "true" if cell else "false"
    if column.kind == "date":
        layout = "%Y-%m-%dT%H:%M:%S" if column.layout in ("", "ISO8601") else column.layout
        return dates.write(pd.Series([pd.Timestamp(int(cell), unit="s")]), layout)[0]
    if column.kind == "number":
        text = repr(float(cell))
        return text.replace(".", ",") if column.layout == "," else text
    return str(cell)


def _image_file(column: ImageColumn, number: int, random: np.random.Generator) -> bytes:
    """An image file: plain, half-transparent, in 16 bits, with a palette, or held sideways."""
    from PIL import Image

    (pixels,) = images.made_up(column, 1, random)
    plain = Image.fromarray(pixels[..., 0] if column.channels == 1 else pixels)
    stream = io.BytesIO()
    options: dict[str, Any] = {}
    if number == 1:
        plain = plain.convert("RGBA")
        alpha = random.integers(0, 256, (plain.height, plain.width)).astype("uint8")
        plain.putalpha(Image.fromarray(alpha))
    elif number == 2:
        deep = random.integers(0, 65_536, (plain.height, plain.width)).astype("uint16")
        plain = Image.fromarray(deep)
    elif number == 3:
        plain = plain.convert("P")
        options = {"transparency": 0}
    elif number == 4:
        options = {"exif": Image.Exif()}
        options["exif"][0x0112] = 6
    plain.save(stream, "PNG", **options)
    return stream.getvalue()


def _sound_file(column: SoundColumn, number: int, random: np.random.Generator) -> bytes:
    """A sound file of a sort: 8, 16, 24 or 32 bits, floats, stereo, another rate, A-law, µ-law."""
    n_samples = max(1, min(column.samples, column.rate))
    samples = random.uniform(-0.9, 0.9, n_samples).astype("float32")
    if number == 1:
        return wav.encode(samples, column.rate)
    if number == 4:
        whole = (samples * (2**23 - 1)).astype("<i4")
        return _pcm(whole.view("u1").reshape(-1, 4)[:, :3].tobytes(), column.rate, 1, 24)
    if number == 5:
        return _pcm((samples * 127 + 128).astype("u1").tobytes(), column.rate, 1, 8)
    if number == 6:
        return _pcm((samples * (2**31 - 1)).astype("<i4").tobytes(), column.rate, 1, 32)
    if number in (7, 8):
        codes = random.integers(0, 256, n_samples).astype("u1").tobytes()
        return _pcm(codes, column.rate, 1, 8, tag=number - 1)
    rate = column.rate * 2 if number == 3 else column.rate
    content = (samples * 32_767).astype("<i2")
    if number == 2:
        both = np.stack([content, content[::-1]], axis=1)
        return _pcm(both.tobytes(), rate, 2, 16)
    return _pcm(content.tobytes(), rate, 1, 16)


def _pcm(content: bytes, rate: int, channels: int, bits: int, *, tag: int = 1) -> bytes:
    step = channels * bits // 8
    form = struct.pack("<HHIIHH", tag, channels, rate, rate * step, step, bits)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form
    body += b"data" + struct.pack("<I", len(content)) + content
    return b"RIFF" + struct.pack("<I", len(body)) + body
