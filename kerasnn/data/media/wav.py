"""WAV files: whole numbers of 8, 16, 24 and 32 bits, floats, and A-law and µ-law of telephony.

Reference: ITU-T, Recommendation G.711, Pulse code modulation of voice frequencies, 1988; Microsoft and IBM, Multimedia programming interface and data specifications 1.0, 1991;
Microsoft, Multiple channel audio data and WAVE files, 2007.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kerasnn.errors import DataError, quantity

_PCM, _FLOAT, _A_LAW, _MU_LAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
_BITS = {_PCM: (8, 16, 24, 32), _FLOAT: (32, 64), _A_LAW: (8,), _MU_LAW: (8,)}
_COMPRESSED = {2: "ADPCM", 17: "IMA ADPCM", 80: "MPEG", 85: "MP3"}
# Sizes from here on are what programs write that don't know how much will follow.
_UNKNOWN_SIZE = 0x7FFFF000
HIGHEST_RATE = 1_000_000
MOST_CHANNELS = 256


class SoundError(DataError):
    """A cell is no sound that can be read."""


@dataclass(frozen=True)
class _Form:
    tag: int
    channels: int
    rate: int
    bits: int


def is_wav(content: bytes) -> bool:
    """Whether bytes begin as a WAV file does."""
    return content[:4] == b"RIFF" and content[8:12] == b"WAVE"


def decode(content: bytes) -> tuple[NDArray[np.float32], int]:
    """The samples of a file, from -1 to 1, and how many there are a second.

    Shape:
        (n, channels)

    Raises:
        SoundError: It is no WAV file, a damaged one, one that is cut off, or compressed.
    """
    if not content:
        raise SoundError("the file is empty", hint="remove it, or save it again")
    if not is_wav(content):
        raise SoundError("not a WAV file", hint="convert it to WAV")
    form, data = _chunks(content)
    width = form.bits // 8 * form.channels
    values = _values(data[: len(data) // width * width], form)
    if not len(values):
        raise SoundError("a sound without samples", hint="remove it, or save it again")
    if not np.isfinite(values).all():
        raise SoundError("a sound with samples that are not finite", hint="save it again")
    samples: NDArray[np.float32] = np.clip(values, -1, 1).astype("float32")
    return samples.reshape(-1, form.channels), form.rate


def encode(samples: NDArray[np.float32], rate: int) -> bytes:
    """A WAV file of one channel, 32-bit floats: what is read again has the same bits."""
    data = samples.astype("<f4").tobytes()
    form = struct.pack("<HHIIHH", _FLOAT, 1, rate, 4 * rate, 4, 32)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form
    body += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunks(content: bytes) -> tuple[_Form, memoryview]:
    """How the samples are written, and their bytes."""
    form, at, whole = None, 12, memoryview(content)
    while at + 8 <= len(content):
        name, (size,) = content[at : at + 4], struct.unpack_from("<I", content, at + 4)
        body = whole[at + 8 : at + 8 + size]
        if name == b"fmt ":
            form = _form(bytes(body))
        elif name == b"data":
            if form is None:
                break
            is_stream = size >= _UNKNOWN_SIZE or (not size and not any(content[4:8]))
            if is_stream:
                body = whole[at + 8 :]
            elif len(body) < size:
                raise SoundError("a sound that is cut off", hint="remove it, or copy it again")
            return form, body
        at += 8 + size + size % 2
    cut = form is not None or len(content) < 44
    problem = "a sound that is cut off" if cut else "a damaged WAV file"
    raise SoundError(problem, hint="remove it, or save it again")


def _form(body: bytes) -> _Form:
    if len(body) < 16:
        raise SoundError("a damaged WAV file", hint="remove it, or save it again")
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", body)
    if tag == _EXTENSIBLE and len(body) >= 26:
        (tag,) = struct.unpack_from("<H", body, 24)
    if tag not in _BITS:
        shown = _COMPRESSED.get(tag, f"format {tag}")
        raise SoundError(f"a compressed WAV file ({shown})", hint="convert it to plain PCM")
    if bits not in _BITS[tag]:
        raise SoundError(f"a WAV file of {bits} bits", hint="convert it to 16 bits")
    if not 1 <= channels <= MOST_CHANNELS or not 1 <= rate <= HIGHEST_RATE:
        problem = f"a damaged WAV file: {quantity(channels, 'channel')} at {rate} Hz"
        raise SoundError(problem, hint="remove it, or save it again")
    return _Form(tag, channels, rate, bits)


def _values(data: memoryview, form: _Form) -> NDArray[np.floating]:
    if form.tag in (_A_LAW, _MU_LAW):
        table = _a_law() if form.tag == _A_LAW else _mu_law()
        telephony: NDArray[np.float32] = table[np.frombuffer(data, dtype="u1")]
        return telephony
    if form.tag == _FLOAT:
        return np.frombuffer(data, dtype=f"<f{form.bits // 8}")
    if form.bits == 8:
        # The only one without a sign.
        return (np.frombuffer(data, dtype="u1").astype("float32") - 128) / 128
    if form.bits == 24:
        triples = np.frombuffer(data, dtype="u1").reshape(-1, 3)
        wide = np.zeros((len(triples), 4), dtype="u1")
        wide[:, 1:] = triples
        return wide.view("<i4")[:, 0] / 2.0**31
    whole = np.frombuffer(data, dtype=f"<i{form.bits // 8}")
    return whole / 2.0 ** (form.bits - 1)


def _a_law() -> NDArray[np.float32]:
    """The sample that each byte of A-law stands for, (256,)."""
    codes = np.arange(256) ^ 0x55
    segment, step = (codes & 0x70) >> 4, (codes & 0x0F) << 4
    size = np.where(segment == 0, step + 8, (step + 0x108) << np.maximum(segment - 1, 0))
    return (np.where(codes & 0x80, size, -size) / 2.0**15).astype("float32")


def _mu_law() -> NDArray[np.float32]:
    """The sample that each byte of µ-law stands for, (256,)."""
    codes = 255 - np.arange(256)
    size = ((((codes & 0x0F) << 3) + 0x84) << ((codes & 0x70) >> 4)) - 0x84
    return (np.where(codes & 0x80, -size, size) / 2.0**15).astype("float32")
