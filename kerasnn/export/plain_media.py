"""Files of images and sounds to arrays with NumPy and Pillow alone, as `kerasnn.data` reads them.

The pages beside exported models show these functions: each stands alone. They name no type of
kerasnn, and what they import is listed in `IMPORTS`.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageOps


# fmt: off
def read_image(path: str, channels: int, size: Any = None) -> Any:
    """Pixels (height, width, channels): upright, 8 bits, what is see-through on white."""
    with Image.open(path) as opened:
        image = ImageOps.exif_transpose(opened)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        values = np.asarray(image).astype("float64")
        if image.mode == "F" and values.max() <= 1:
            values = values * 255
        elif image.mode.startswith("I;16") or values.max() > 255:
            values = values / 257
        image = Image.fromarray(np.floor(values + 0.5).astype("uint8"))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("L" if channels == 1 else "RGB")
    if size is not None:
        image = image.resize(size, Image.Resampling.BILINEAR)
    return np.asarray(image).reshape(image.height, image.width, channels)


def read_sound(path: str, rate: int, length: int) -> Any:
    """Samples (length,) of a WAV file from -1 to 1: one channel at a rate, NaN behind its end.

    It reads PCM of 8, 16, 24 and 32 bits, floats, A-law and mu-law; convert any other to one of them.
    """
    with open(path, "rb") as file:
        content = file.read()
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise ValueError("not a WAV file: convert it to WAV")
    at, name = 12, b""
    while name != b"data":
        name, (size,) = content[at : at + 4], struct.unpack_from("<I", content, at + 4)
        body = content[at + 8 : at + 8 + size]
        if name == b"data" and not size and not any(content[4:8]):
            body = content[at + 8 :]  # a program that did not know how much would follow
        at += 8 + size + size % 2
        if name == b"fmt ":
            tag, channels, own_rate, _, _, bits = struct.unpack_from("<HHIIHH", body)
            tag = struct.unpack_from("<H", body, 24)[0] if tag == 0xFFFE else tag
    if bits not in {1: (8, 16, 24, 32), 3: (32, 64), 6: (8,), 7: (8,)}.get(tag, ()):
        raise ValueError("a compressed WAV file: convert it to PCM")
    body = body[: len(body) // (bits // 8 * channels) * (bits // 8 * channels)]
    if tag == 3:
        values = np.frombuffer(body, f"<f{bits // 8}")
    elif tag in (6, 7):  # A-law and mu-law of telephony, ITU-T G.711
        codes = np.frombuffer(body, "u1").astype("int32") ^ (0x55 if tag == 6 else 0xFF)
        segment, step = (codes & 0x70) >> 4, codes & 0x0F
        a_law = np.where(segment, ((step << 4) + 0x108) << np.maximum(segment - 1, 0), (step << 4) + 8)
        sizes = a_law if tag == 6 else (((step << 3) + 0x84) << segment) - 0x84
        values = np.where((codes & 0x80 != 0) == (tag == 6), sizes, -sizes) / 2.0**15
    elif bits == 8:
        values = (np.frombuffer(body, "u1").astype("float32") - 128) / 128
    else:
        n_bytes = bits // 8
        wide = np.zeros((len(body) // n_bytes, 4), "u1")
        wide[:, 4 - n_bytes :] = np.frombuffer(body, "u1").reshape(-1, n_bytes)
        values = wide.view("<i4")[:, 0] / 2.0**31
    samples = np.clip(values, -1, 1).astype("float32").reshape(-1, channels)
    samples = samples.mean(axis=1, dtype="float32")
    if own_rate != rate:
        from scipy.signal import resample_poly

        shared = math.gcd(own_rate, rate)
        samples = resample_poly(samples, rate // shared, own_rate // shared)
    padded = np.full(length, np.nan, "float32")
    padded[: len(samples)] = np.clip(samples[:length], -1, 1)
    return padded
# fmt: on


IMPORTS: dict[Callable[..., Any], tuple[str, ...]] = {
    read_image: ("from typing import Any", "import numpy as np", "from PIL import Image, ImageOps"),
    read_sound: ("from typing import Any", "import math", "import numpy as np", "import struct"),
}
