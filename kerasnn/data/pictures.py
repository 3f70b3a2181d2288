"""Images as the cells of a table: what a cell may be, and how it becomes pixels.

A cell is the path of a file, its bytes, an array, or an image of Pillow. A table to learn from is
decoded once: its cells then are a `Picture` each, a row of one `Pool` in memory or on disk.
"""

from __future__ import annotations

import hashlib
import io
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kerasnn.data.frames import place
from kerasnn.data.stored import Pixels, StoredPixels
from kerasnn.errors import DataError, warn
from kerasnn.resizing import resize

# Images decoded by a thread at once.
CHUNK = 64
MOST_SHAPED = 8.0
"""Sides that differ more than so many times are warned of."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded image: one row of a pool.

    Args:
        pool: Where the pixels are.
        row: Which.
        origin: Path of the file; empty for one given in memory.
    """

    pool: Pool
    row: int
    origin: str = ""

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """(height, width, channels)."""
        found: NDArray[np.uint8] = self.pool.pixels[self.row : self.row + 1][0]
        return found

    @property
    def digest(self) -> int:
        """64 bits of a hash of the pixels; equal images have equal ones."""
        return int(self.pool.digests[self.row])

    def __str__(self) -> str:
        return f"{self.origin}#{self.digest:016x}"


@dataclass(frozen=True, eq=False)
class Pool:
    """Decoded images of one size.

    Args:
        pixels: uint8 (n, height, width, channels).
        digests: uint64 (n,).
    """

    pixels: Pixels
    digests: NDArray[np.uint64]


class PictureError(DataError):
    """A cell is no image that can be read."""


def is_picture(cell: Any) -> bool:
    """Whether a cell that is no text is an image."""
    if isinstance(cell, Picture):
        return True
    if isinstance(cell, np.ndarray):
        return cell.ndim == 2 or (cell.ndim == 3 and cell.shape[-1] in (1, 3, 4))
    if isinstance(cell, bytes):
        return cell[:4] in (b"\x89PNG", b"GIF8", b"RIFF") or cell[:2] in (b"\xff\xd8", b"BM")
    return type(cell).__module__.startswith("PIL.")


def layout_text(height: int, width: int, channels: int) -> str:
    """As `Column.layout` of an image column has it, such as ``32x32x3``."""
    return f"{height}x{width}x{channels}"


def parse_layout(layout: str) -> tuple[int, int, int]:
    """Height, width and channels.

    >>> parse_layout("32x48x3")
    (32, 48, 3)
    """
    height, width, channels = map(int, layout.split("x"))
    return height, width, channels


def pixels_of(series: pd.Series, layout: str) -> Pixels:
    """The pixels of a column, (n, height, width, channels), uint8.

    Args:
        series: Image cells.
        layout: Size that they are resized to.

    Raises:
        PictureError: A cell can't be read; names it.
    """
    height, width, channels = parse_layout(layout)
    cells = list(series)
    pools = {id(cell.pool) for cell in cells if isinstance(cell, Picture)}
    if len(pools) == 1 and all(isinstance(cell, Picture) for cell in cells):
        pool = cells[0].pool
        if pool.pixels.shape[1:] == (height, width, channels):
            found: Pixels = (
                pool.pixels[np.array([cell.row for cell in cells], dtype=np.int64)]
                if isinstance(pool.pixels, np.ndarray)
                else pool.pixels.take(np.array([cell.row for cell in cells], dtype=np.int64))
            )
            return found
    out = np.empty((len(cells), height, width, channels), dtype="uint8")
    failed = decode(
        cells, layout, lambda start, part: _put(out, start, part), folder=folder_of(series)
    )
    if failed:
        row, error = next(iter(failed.items()))
        raise PictureError(
            error.what, place=error.place or place(series, series.index[row]), fix=error.fix
        )
    return out


def decode(
    cells: Sequence[Any],
    layout: str,
    write: Callable[[int, NDArray[np.uint8]], None],
    *,
    folder: str = "",
) -> dict[int, PictureError]:
    """Decode and resize cells on all processors.

    Args:
        cells: Of any kind.
        layout: Their size afterwards.
        write: Takes the position of the first image and some images, from several threads; what
            can't be read is black.
        folder: That paths are relative to, if they are not to the current one.

    Returns:
        By position, what could not be read.
    """
    height, width, channels = parse_layout(layout)
    failed: dict[int, PictureError] = {}
    lock = threading.Lock()

    def work(start: int) -> None:
        part = np.zeros((len(cells[start : start + CHUNK]), height, width, channels), dtype="uint8")
        for offset, cell in enumerate(cells[start : start + CHUNK]):
            try:
                part[offset] = resize(read_picture(cell, channels, folder=folder), height, width)
            except PictureError as error:
                with lock:
                    failed[start + offset] = error
        write(start, part)

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(work, range(0, len(cells), CHUNK)))
    return dict(sorted(failed.items()))


def load(
    tables: Sequence[pd.DataFrame],
    column: str,
    layout: str,
    *,
    strict: bool,
    memory_gb: float | None = None,
) -> list[pd.DataFrame]:
    """Decode a column of some tables into one pool; rows whose image can't be read are left out.

    Args:
        tables: With the column.
        column: Its name.
        layout: The size of the images afterwards.
        strict: Whether an image that can't be read is an error.
        memory_gb: As `RunOptions.memory_gb`.

    Returns:
        The tables with a `Picture` in each cell; messages still name the rows of their files.

    Raises:
        PictureError: An image can't be read, and ``strict`` is set, or it is one of too many.
    """
    from kerasnn.data.frames import Examples, keep_rows

    shape = (sum(map(len, tables)), *parse_layout(layout))
    pixels = StoredPixels.fitting(shape, memory_gb=memory_gb)
    pool = Pool(pixels, np.zeros(shape[0], dtype=np.uint64))
    loaded, first = [], 0
    for table in tables:
        cells = list(table[column])

        def write(start: int, part: NDArray[np.uint8], first: int = first) -> None:
            _put(pixels, first + start, part)
            for offset, image in enumerate(part):
                pool.digests[first + start + offset] = digest(image)

        failed = decode(cells, layout, write, folder=folder_of(table))
        pictures = pd.Series(
            [Picture(pool, first + i, _origin(cell)) for i, cell in enumerate(cells)],
            index=table.index,
            dtype=object,
        )
        done = table.assign(**{column: pictures})
        done.attrs = table.attrs
        first += len(table)
        if failed:
            _report(failed, table[column], strict=strict)
            kept = np.setdiff1d(np.arange(len(table)), np.fromiter(failed, dtype=np.int64))
            done = keep_rows(Examples(done, ""), kept).frame
        loaded.append(done)
    return loaded


def _report(failed: dict[int, PictureError], series: pd.Series, *, strict: bool) -> None:
    row, error = next(iter(failed.items()))
    where = error.place or place(series, series.index[row])
    if strict or len(failed) == len(series):
        raise PictureError(error.what, place=where, fix=error.fix)
    many = (
        f"{len(failed):,} images can't be read and are left out, the first: "
        if len(failed) > 1
        else ""
    )
    warn(f"{many}{error.what}" if many else f"{error.what}; left out", place=where, fix=error.fix)


def read_picture(cell: Any, channels: int, *, folder: str = "") -> NDArray[np.uint8]:
    """The pixels of one cell, (height, width, channels).

    Args:
        cell: Path, bytes, array, image of Pillow, or `Picture`.
        channels: 1 for grey, 3 for colour.
        folder: That a path is relative to, if there is no such file in the current one.

    Raises:
        PictureError: It can't be read.
    """
    if isinstance(cell, Picture):
        return _with_channels(cell.pixels, channels)
    if isinstance(cell, np.ndarray):
        return _with_channels(as_bytes(cell), channels)
    image, name = open_picture(cell, folder=folder)
    with image:
        return _pixels(image, channels, name)


def open_picture(cell: Any, *, folder: str = "") -> tuple[Any, str]:
    """An image of Pillow, of which only the header is read, and what messages call it."""
    import warnings

    from PIL import Image, UnidentifiedImageError

    if not isinstance(cell, str | os.PathLike | bytes):
        if type(cell).__module__.startswith("PIL."):
            return cell.copy(), ""
        raise PictureError("no image", fix="leave the row out")
    name = "" if isinstance(cell, bytes) else located(cell, folder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(cell) if isinstance(cell, bytes) else name), name
    except FileNotFoundError:
        raise PictureError("no such file", place=name, fix="check the path") from None
    except UnidentifiedImageError:
        empty = (not cell) if isinstance(cell, bytes) else not os.path.getsize(name)
        what = "the file is empty" if empty else "not an image"
        raise PictureError(what, place=name or None, fix="remove it, or save it again") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        what = f"an image of more than {Image.MAX_IMAGE_PIXELS:,} pixels"
        raise PictureError(what, place=name or None, fix="make it smaller") from None
    except OSError as error:
        what = f"cannot read: {error.strerror or error}"
        raise PictureError(what, place=name or None, fix="check the file") from None


def _pixels(image: Any, channels: int, name: str) -> NDArray[np.uint8]:
    """Decode: turned as its camera says, first frame, colours as 8 bits, alpha over white."""
    from PIL import Image, ImageOps

    try:
        # Most photos carry no orientation; looking for one costs little.
        if image.getexif().get(0x0112, 1) != 1:
            image = ImageOps.exif_transpose(image)
        if image.mode in ("I", "F", "I;16", "I;16B", "I;16L", "I;16N"):
            return _with_channels(as_bytes(np.asarray(image)), channels)
        if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
            above = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", above.size, "white"), above)
        wanted = "L" if channels == 1 else "RGB"
        if image.mode != wanted:
            image = image.convert(wanted)
        pixels = np.asarray(image)
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        what = f"a damaged image: {str(error)[:100]}"
        raise PictureError(what, place=name or None, fix="remove it, or save it again") from None
    return pixels.reshape(*pixels.shape[:2], channels)


def as_bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Numbers of any type as 0 to 255: 16 bits are scaled, fractions of 1 too."""
    if array.dtype == np.uint8:
        return array
    if array.dtype == bool:
        return array.astype("uint8") * np.uint8(255)
    values = array.astype("float64")
    if not np.isfinite(values).all() or (values.size and values.min() < 0):
        raise PictureError("pixels that are negative or not finite", fix="scale them to 0 … 255")
    largest = values.max(initial=0.0)
    if array.dtype.kind == "f" and largest <= 1.0:
        values = values * 255
    elif array.dtype.itemsize == 2 or largest > 255:
        if largest > 65_535:
            raise PictureError(f"pixels up to {largest:g}", fix="scale them to 0 … 255")
        values = values / 257
    return np.floor(values + 0.5).astype("uint8")


def _with_channels(pixels: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """Grey to colour or back; alpha over white."""
    if pixels.ndim not in (2, 3) or not pixels.size:
        raise PictureError(
            f"an array of shape {pixels.shape} is no image", fix="give (h, w, channels)"
        )
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    if pixels.shape[2] == channels:
        return pixels
    if pixels.shape[2] == 1:
        return np.repeat(pixels, channels, axis=2)
    if pixels.shape[2] not in (3, 4):
        what = f"an image of {pixels.shape[2]} channels"
        raise PictureError(what, fix="give 1, 3 or 4 channels")
    from PIL import Image

    return _pixels(Image.fromarray(pixels), channels, "")


def digest(pixels: NDArray[np.uint8]) -> int:
    """64 bits of a hash of an image."""
    return int.from_bytes(hashlib.blake2b(pixels.tobytes(), digest_size=8).digest(), "little")


def png_bytes(cell: Any) -> Any:
    """A cell as a file can hold it: a path as it is, made absolute; anything else as PNG."""
    origin = cell.origin if isinstance(cell, Picture) else cell
    if isinstance(origin, str | os.PathLike) and str(origin):
        return os.path.abspath(origin)
    if isinstance(cell, bytes):
        return cell
    from PIL import Image

    pixels = cell.pixels if isinstance(cell, Picture) else read_picture(cell, 3)
    buffer = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(
        buffer, "PNG", compress_level=1
    )
    return buffer.getvalue()


def located(path: str | os.PathLike[str], folder: str) -> str:
    """A path as it is, or in the folder of the table that names it."""
    text = os.fspath(path)
    if folder and not os.path.isabs(text) and not os.path.exists(text):
        return os.path.join(folder, text)
    return text


def _origin(cell: Any) -> str:
    return os.fspath(cell) if isinstance(cell, str | os.PathLike) else getattr(cell, "origin", "")


def folder_of(table: pd.DataFrame | pd.Series) -> str:
    """The folder of the file that a table was read from."""
    from kerasnn.data.frames import origin_of

    name = str(origin_of(table))
    return str(Path(name).parent) if name and os.path.isfile(name) else ""


def _put(pixels: Pixels, start: int, part: NDArray[np.uint8]) -> None:
    pixels[start : start + len(part)] = part


# Images whose colours are looked at, and the sides of a square that images are resized to.
COLOUR_SAMPLE = 500
SMALLEST_SIDE, LARGEST_SIDE, LARGEST_NATIVE = 32, 96, 128


def layout_of(series: pd.Series, *, size: int, channels: int) -> str:
    """The size that the images of a column are used in, by their headers.

    Args:
        series: Image cells; what can't be opened is skipped.
        size: Height and width; 0 keeps the size of small images that all have one, and else takes
            a square by their median.
        channels: 1 or 3; 0 is 1 where no image has a colour.

    Raises:
        PictureError: No image can be opened.
    """
    sizes = _sizes(series)
    if not sizes:
        raise PictureError("no image can be read", place=place(series), fix="check the files")
    if size:
        height = width = size
    elif len(set(sizes)) == 1 and max(sizes[0]) <= LARGEST_NATIVE:
        height, width = sizes[0]
    else:
        side = int(np.clip(np.median([min(each) for each in sizes]), SMALLEST_SIDE, LARGEST_SIDE))
        height = width = side
    return layout_text(height, width, channels or (1 if _are_grey(series) else 3))


def _sizes(series: pd.Series) -> list[tuple[int, int]]:
    """Height and width of each image that can be opened."""
    folder = folder_of(series)

    def size_of(cell: Any) -> tuple[int, int] | None:
        if isinstance(cell, Picture):
            return cell.pool.pixels.shape[1], cell.pool.pixels.shape[2]
        if isinstance(cell, np.ndarray):
            return cell.shape[0], cell.shape[1]
        try:
            image, _ = open_picture(cell, folder=folder)
        except PictureError:
            return None
        with image:
            width, height = image.size
            turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
            return (width, height) if turned else (height, width)

    return [size for size in map(size_of, series) if size is not None]


def _are_grey(series: pd.Series) -> bool:
    rows = np.linspace(0, len(series) - 1, min(COLOUR_SAMPLE, len(series))).astype(np.int64)
    for cell in series.iloc[rows]:
        try:
            pixels = read_picture(cell, 3, folder=folder_of(series))
        except PictureError:
            continue
        if (pixels != pixels[..., :1]).any():
            return False
    return True
