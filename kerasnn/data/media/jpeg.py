"""The frequent JPEG without notes of a camera or a printer, decoded without Pillow's parser.

Pillow reads every header in Python, which takes longer than to decode a small image. Here only its
size is looked up; the decoder is Pillow's, and so are the pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIGN = b"\xff\xd8\xff"

_FRAMES = (0xC0, 0xC1, 0xC2)
_SCAN = 0xDA
# Tables, restarts, JFIF and comments: nothing that changes what the pixels mean.
_PLAIN = (0xDB, 0xC4, 0xDD, 0xE0, 0xFE)
_MODES = {1: "L", 3: "RGB"}


def decode_plain(content: bytes, channels: int) -> NDArray[np.uint8] | None:
    """The pixels, (height, width, channels); None where Pillow must look closer.

    Args:
        content: Bytes of a JPEG file.
        channels: 1 or 3.
    """
    from PIL import Image

    found = frame(content)
    most = Image.MAX_IMAGE_PIXELS
    if found is None or found[2] not in _MODES or (most and found[0] * found[1] > most):
        return None
    width, height, components = found
    mode, wanted = _MODES[components], _MODES[channels]
    try:
        image = Image.frombytes(mode, (width, height), content, "jpeg", mode, "")
    except (ValueError, OSError):
        return None
    if mode != wanted:
        image = image.convert(wanted)
    return np.frombuffer(image.tobytes(), np.uint8).reshape(height, width, channels)


def frame(content: bytes) -> tuple[int, int, int] | None:
    """Width, height and number of components, as of ISO 10918-1, B.2.2; None if not plain."""
    size, at = None, 2
    while at + 9 < len(content) and content[at] == 0xFF:
        marker, length = content[at + 1], content[at + 2] << 8 | content[at + 3]
        if marker in _FRAMES and content[at + 4] == 8:
            height = content[at + 5] << 8 | content[at + 6]
            width = content[at + 7] << 8 | content[at + 8]
            size = width, height, content[at + 9]
        elif marker == _SCAN:
            return size if size and all(size) else None
        elif marker not in _PLAIN:
            return None
        at += 2 + length
    return None
