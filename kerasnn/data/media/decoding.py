"""One image cell to its pixels: 8 bits, upright, one or three channels, nothing see-through."""

from __future__ import annotations

import io
import os
import stat
import struct
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import numpy as np
from numpy.typing import NDArray

from kerasnn.data.media import jpeg
from kerasnn.data.readers.folders import printable
from kerasnn.errors import DataError, StorageError

if TYPE_CHECKING:
    from PIL.Image import Image

_SIGNS = (jpeg.SIGN, b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*")
_URI = "file://"
LARGEST_FILE = 1 << 30
# Formats whose further frames are not merely previews or pages.
_ANIMATED = ("GIF", "PNG", "WEBP", "AVIF")

# What EXIF 2.32 calls orientation, as the names of Pillow's transpositions.
_ORIENTATION = 0x0112
_TRANSPOSITIONS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
_SIXTEEN_BITS = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")


class ImageError(DataError):
    """A cell is no image that can be read.

    Args:
        fatal: True if the data must be refused; else the image can be left out.
    """

    def __init__(
        self,
        problem: str,
        *,
        location: str | None = None,
        hint: str | None = None,
        fatal: bool = False,
    ) -> None:
        self.fatal = fatal
        super().__init__(problem, location=location, hint=hint)


def is_encoded(cell: bytes) -> bool:
    """Whether bytes begin as the file of an image does."""
    return cell.startswith(_SIGNS) or (cell[:4] == b"RIFF" and cell[8:12] == b"WEBP")


def decode_cell(cell: Any, channels: int, *, folder: str = "") -> tuple[NDArray[np.uint8], bool]:
    """The pixels of a cell, (height, width, channels), and whether other frames follow them.

    Args:
        cell: Path, bytes, array or image of Pillow.
        channels: 1 for grey, 3 for colour.
        folder: Folder that a path is relative to if the current one has no such file.

    Raises:
        ImageError: It is no image, or a damaged one.
        StorageError: The file can't be read.
    """
    return decode_fetched(fetch(cell, folder), channels)


def fetch(cell: Any, folder: str) -> tuple[Any, str]:
    """The content of a cell that is a path, or why there is none; others as they are. Its name.

    Raises:
        StorageError: The file can't be read.
    """
    if not isinstance(cell, str | os.PathLike):
        return cell, ""
    name = located(cell, folder)
    try:
        return read_file(name), name
    except ImageError as error:
        return error, name


def decode_fetched(fetched: tuple[Any, str], channels: int) -> tuple[NDArray[np.uint8], bool]:
    """Decode as `decode_cell` does, from the result of `fetch`."""
    cell, name = fetched
    if isinstance(cell, np.ndarray):
        return with_channels(as_bytes(cell), channels), False
    try:
        if isinstance(cell, ImageError):
            raise cell
        if isinstance(cell, bytes) and cell.startswith(jpeg.SIGN):
            plain = jpeg.decode_plain(cell, channels)
            if plain is not None:
                return plain, False
        image = _opened(cell) if isinstance(cell, bytes) else cell
        if not hasattr(image, "getexif"):
            raise ImageError("no image", hint="leave the row out")
        animated = image.format in _ANIMATED and getattr(image, "is_animated", False)
        return _pixels(image, channels), bool(animated)
    except ImageError as error:
        location = error.location or printable(name) or None
        raise ImageError(
            error.problem, location=location, hint=error.hint, fatal=error.fatal
        ) from None
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, TypeError) as error:
        raise _damaged(str(error), printable(name)) from None
    except Exception as error:
        # Its errors for these have no other ancestor.
        if type(error).__name__.startswith("DecompressionBomb"):
            raise bomb(printable(name)) from None
        raise


def open_header(cell: Any, *, folder: str = "") -> Image:
    """An image of Pillow of which no pixel is read yet.

    Raises:
        ImageError: It is none.
    """
    from PIL import Image

    name = located(cell, folder) if isinstance(cell, str | os.PathLike) else ""
    try:
        if not isinstance(cell, bytes):
            _check_regular(os.stat(name))
        return Image.open(io.BytesIO(cell) if isinstance(cell, bytes) else name)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise ImageError("no image", location=printable(name) or None) from None


def orientation(image: Image) -> int:
    """How the camera was held, 1 to 8; 1 is upright."""
    if image.format == "JPEG" and not image.info.keys() & {"exif", "xmp"}:
        return 1
    if image.format == "TIFF":
        # Pillow turns these itself.
        return 1
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, struct.error):
        # Damaged notes of a camera say nothing about the pixels.
        return 1


def as_bytes(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Numbers of any type as 0 to 255: 16 bits are scaled, and fractions of 1.

    Raises:
        ImageError: They are negative, not finite, or beyond 16 bits.
    """
    if array.dtype == np.uint8:
        return array
    if array.dtype == bool:
        return array.astype("uint8") * np.uint8(255)
    if array.dtype.kind not in "iuf":
        raise ImageError(f"an array of {array.dtype} is no image", hint="give numbers")
    values = array.astype("float32" if array.dtype.itemsize <= 2 else "float64")
    if not np.isfinite(values).all() or values.min(initial=0.0) < 0:
        raise ImageError("pixels that are negative or not finite", hint="scale them to 0 … 255")
    largest = values.max(initial=0.0)
    if array.dtype.kind == "f" and largest <= 1.0:
        values = values * 255
    elif array.dtype == np.uint16 or largest > 255:
        if largest > 65_535:
            raise ImageError(f"pixels up to {largest:g}", hint="scale them to 0 … 255")
        values = values / 257
    return np.floor(values + 0.5).astype("uint8")


def with_channels(pixels: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """Grey to colour or back; what is see-through is laid over white.

    Shape:
        pixels: (h, w) or (h, w, 1, 3 or 4); returns (h, w, channels)
    """
    if pixels.ndim not in (2, 3) or not pixels.size:
        hint = "give (height, width, channels)"
        raise ImageError(f"an array of the shape {pixels.shape} is no image", hint=hint)
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    if pixels.shape[2] == channels:
        return pixels
    if pixels.shape[2] == 1:
        return np.repeat(pixels, channels, axis=2)
    if pixels.shape[2] not in (3, 4):
        problem = f"an image of {pixels.shape[2]} channels"
        raise ImageError(problem, hint="give 1, 3 or 4 channels")
    from PIL import Image

    return _pixels(Image.fromarray(pixels), channels)


def located(path: str | os.PathLike[str], folder: str) -> str:
    """A path as it is, or in the folder of the table that names it; a ``file:`` URI as a path."""
    text = os.fspath(path)
    if text.startswith(_URI):
        return os.fsdecode(unquote_to_bytes(text[len(_URI) :]))
    if folder and not os.path.isabs(text) and not os.path.exists(text):
        return os.path.join(folder, text)
    return text


def read_file(name: str) -> bytes:
    """The content of the file of an image or a sound.

    Raises:
        ImageError: There is none, or it is a device or a pipe, which is never read.
        StorageError: It can't be read.
    """
    try:
        with open(name, "rb", buffering=0, opener=_open_regular) as file:
            if os.fstat(file.fileno()).st_size > LARGEST_FILE:
                problem = "a file of more than 1 GB"
                raise ImageError(problem, hint="make it smaller", fatal=True)
            content: bytes = file.readall()
    except (FileNotFoundError, NotADirectoryError):
        raise ImageError("no such file", hint="check the path") from None
    except ImageError:
        raise
    except (OSError, ValueError) as error:
        problem = f"cannot read: {getattr(error, 'strerror', None) or error}"
        location, hint = printable(name), "check its permissions"
        raise StorageError(problem, location=location, hint=hint) from None
    return content


def _open_regular(name: str, flags: int) -> int:
    """Open a regular file; a device has no end, and opening a pipe waits for a writer."""
    # Opening some devices already does something, so the type is looked at before and after.
    _check_regular(os.stat(name))
    handle = os.open(name, flags | os.O_NONBLOCK)
    try:
        _check_regular(os.fstat(handle))
    except ImageError:
        os.close(handle)
        raise
    return handle


def _check_regular(status: os.stat_result) -> None:
    # A folder can't be opened, which the system says.
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
        kind = "a pipe" if stat.S_ISFIFO(status.st_mode) else "a device"
        raise ImageError(f"{kind} where a file is meant", hint="give the path of a file")


def bomb(name: str) -> ImageError:
    """The error for an image that would fill the memory."""
    from PIL import Image

    problem = f"an image of more than {Image.MAX_IMAGE_PIXELS:,} pixels"
    return ImageError(problem, location=name or None, hint="make it smaller", fatal=True)


def _opened(content: bytes) -> Image:
    from PIL import Image, UnidentifiedImageError

    if not content:
        raise ImageError("the file is empty", hint="remove it, or save it again")
    stream = io.BytesIO(content)
    try:
        image: Image.Image = Image.open(stream)
    except UnidentifiedImageError:
        problem = "a damaged image" if is_encoded(content) else "not an image"
        raise ImageError(problem, hint="remove it, or save it again") from None
    most = Image.MAX_IMAGE_PIXELS
    if most and image.width * image.height > most:
        raise bomb("")
    return image


def _pixels(image: Image, channels: int) -> NDArray[np.uint8]:
    """Decode; colours become 8 bits, turned as the camera says, over white, grey or not."""
    from PIL import Image

    held = orientation(image)
    if held in _TRANSPOSITIONS:
        image = image.transpose(Image.Transpose[_TRANSPOSITIONS[held]])
    if image.mode in _SIXTEEN_BITS:
        return with_channels(as_bytes(np.asarray(image)), channels)
    if image.has_transparency_data:
        above = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", above.size, "white"), above)
    wanted = "L" if channels == 1 else "RGB"
    if image.mode != wanted:
        image = image.convert(wanted)
    return np.asarray(image).reshape(image.height, image.width, channels)


def _damaged(reason: str, name: str) -> ImageError:
    cut = "truncated" in reason.lower()
    problem = "an image that is cut off" if cut else f"a damaged image: {reason[:100]}"
    return ImageError(problem, location=name or None, hint="remove it, or save it again")
