"""Sounds: WAV files of all sorts, folders and tables of them, and their spectrograms."""

from __future__ import annotations

import io
import struct
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.io.wavfile
import scipy.signal
from numpy.typing import NDArray

from kerasnn.data import read
from kerasnn.data.columns import kinds
from kerasnn.data.frames import location
from kerasnn.data.media import sound_columns, wav
from kerasnn.data.media.sound_cells import AudioCell, as_stored, at_rate, read_sound
from kerasnn.data.media.wav import SoundError
from kerasnn.data.readers import folders
from kerasnn.errors import DataError, KerasnnError, KerasnnWarning
from kerasnn.preprocessing import mel

RATE = 8_000


def tone(hertz: float = 440.0, *, seconds: float = 0.05, rate: int = RATE) -> NDArray[np.float32]:
    times = np.arange(round(seconds * rate)) / rate
    found: NDArray[np.float32] = (0.5 * np.sin(2 * np.pi * hertz * times)).astype("float32")
    return found


def wav_bytes(samples: NDArray[Any], rate: int = RATE) -> bytes:
    buffer = io.BytesIO()
    scipy.io.wavfile.write(buffer, rate, samples)
    return buffer.getvalue()


def save(path: Path, samples: NDArray[Any], rate: int = RATE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(wav_bytes(samples, rate))
    return path


@pytest.mark.parametrize(
    ("samples", "step"),
    [
        ((tone() * 127 + 128).astype("uint8"), 1 / 128),
        ((tone() * 32_767).astype("int16"), 2**-15),
        ((tone() * (2**31 - 1)).astype("int32"), 1e-7),
        (tone(), 1e-9),
        (tone().astype("float64"), 1e-7),
    ],
)
def test_sample_types(samples: NDArray[Any], step: float) -> None:
    found, rate = wav.decode(wav_bytes(samples))
    assert (rate, found.shape, found.dtype) == (RATE, (400, 1), np.float32)
    np.testing.assert_allclose(found[:, 0], tone(), atol=2 * step)


def test_24_bits() -> None:
    whole = (tone() * (2**23 - 1)).astype("int32")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(3)
        file.setframerate(RATE)
        file.writeframes(b"".join(struct.pack("<i", x)[:3] for x in whole))
    found, _ = wav.decode(buffer.getvalue())
    np.testing.assert_array_equal(found[:, 0], (whole / 2.0**23).astype("float32"))


def test_a_law_and_mu_law() -> None:
    # Values of ITU-T G.711 as 16 bits: ends, zero, and one of each segment's first steps.
    known = {
        7: {0x00: -32124, 0x80: 32124, 0xFF: 0, 0x7F: 0, 0x8F: 16764, 0xF0: 120, 0x70: -120},
        6: {0x2A: -32256, 0xAA: 32256, 0xD5: 8, 0x55: -8, 0x80: 5504, 0xC5: 264, 0x45: -264},
    }
    for tag, samples in known.items():
        form = struct.pack("<HHIIHH", tag, 1, RATE, RATE, 1, 8)
        body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data"
        body += struct.pack("<I", len(samples)) + bytes(samples)
        found, rate = wav.decode(b"RIFF" + struct.pack("<I", len(body)) + body)
        assert rate == RATE
        np.testing.assert_array_equal(found[:, 0] * 2**15, list(samples.values()))
    for table in (wav._a_law(), wav._mu_law()):
        np.testing.assert_array_equal(table[:128], -table[128:])


def test_channels_and_extensible_headers() -> None:
    both = np.stack([tone(300), tone(900)], axis=1)
    found, _ = wav.decode(wav_bytes(both))
    np.testing.assert_array_equal(found, both)
    mixed = read_sound(wav_bytes(both))
    assert mixed.channels == 2
    np.testing.assert_allclose(mixed.samples, both.mean(axis=1), atol=1e-7)
    plain = wav_bytes((tone() * 32_767).astype("int16"))
    guid = struct.pack("<HHI", 22, 16, 0) + plain[20:22] + bytes(14)
    form = struct.pack("<H", 0xFFFE) + plain[22:36] + guid
    longer = plain[:16] + struct.pack("<I", len(form)) + form + plain[36:]
    np.testing.assert_array_equal(wav.decode(longer)[0], wav.decode(plain)[0])


def test_what_is_encoded_is_decoded_to_the_same_bits() -> None:
    found, rate = wav.decode(wav.encode(tone(), 11_025))
    assert rate == 11_025
    np.testing.assert_array_equal(found[:, 0], tone())
    theirs_rate, theirs = scipy.io.wavfile.read(io.BytesIO(wav.encode(tone(), RATE)))
    assert theirs_rate == RATE
    np.testing.assert_array_equal(theirs, tone())


def test_a_file_that_was_written_as_a_stream() -> None:
    content = bytearray(wav_bytes((tone() * 32_767).astype("int16")))
    content[40:44] = b"\xff\xff\xff\xff"
    assert len(wav.decode(bytes(content))[0]) == 400


WHOLE = wav_bytes((tone() * 32_767).astype("int16"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty – remove it, or save it again"),
        (b"ID3\x04" + bytes(100), "not a WAV file – convert it to WAV"),
        (WHOLE[:-100], "a sound that is cut off – remove it, or copy it again"),
        (WHOLE[:40], "a sound that is cut off – remove it, or save it again"),
        (
            WHOLE[:40] + struct.pack("<I", 0),
            "a sound without samples – remove it, or save it again",
        ),
        (
            WHOLE[:20] + struct.pack("<H", 2) + WHOLE[22:],
            "a compressed WAV file (ADPCM) – convert it to plain PCM",
        ),
        (
            WHOLE[:20] + struct.pack("<H", 333) + WHOLE[22:],
            "a compressed WAV file (format 333) – convert it to plain PCM",
        ),
        (
            WHOLE[:34] + struct.pack("<H", 12) + WHOLE[36:],
            "a WAV file of 12 bits – convert it to 16 bits",
        ),
        (
            WHOLE[:24] + struct.pack("<I", 0) + WHOLE[28:],
            "a damaged WAV file: 1 channel at 0 Hz – remove it, or save it again",
        ),
        (WHOLE[:12] + WHOLE[36:], "a damaged WAV file – remove it, or save it again"),
        (
            wav_bytes(np.array([0.1, np.nan], "float32")),
            "a sound with samples that are not finite – save it again",
        ),
    ],
)
def test_files_that_are_no_sounds(content: bytes, message: str) -> None:
    with pytest.raises(SoundError) as caught:
        read_sound(content)
    assert str(caught.value) == message


def test_other_rates_are_brought_to_one() -> None:
    sound = AudioCell(tone(440, seconds=0.5, rate=16_000), 16_000)
    slower = at_rate(sound, RATE)
    assert (slower.rate, slower.own_rate, len(slower.samples)) == (RATE, 0, 4_000)
    expected = scipy.signal.resample_poly(sound.samples, 1, 2)
    np.testing.assert_allclose(slower.samples, expected, atol=1e-6)
    np.testing.assert_allclose(
        slower.samples[200:-200], tone(440, seconds=0.5)[200:-200], atol=1e-3
    )
    assert at_rate(slower, RATE) is slower


def test_a_folder_a_class(tmp_path: Path) -> None:
    for name in ("low/a.wav", "high/b.WAV", "high/deep/c.wave"):
        save(tmp_path / name, tone())
    (tmp_path / "low" / "d.mp3").write_bytes(b"ID3")
    with pytest.warns(KerasnnWarning, match=r"a file that is no sound .*: 'd\.mp3'"):
        frame = read(tmp_path).frame
    assert list(frame.columns) == ["sound", "label"]
    names = ["high/b.WAV", "high/deep/c.wave", "low/a.wav"]
    assert frame["sound"].tolist() == [f"{tmp_path}/{name}" for name in names]
    assert location(frame["sound"], 2) == f"{tmp_path}/low/a.wav"
    assert folders.default_target(tmp_path) == "label"
    assert kinds.infer_kind(frame["sound"]).kind == "sound"
    single = read(tmp_path / "low" / "a.wav").frame
    assert single["sound"].tolist() == [f"{tmp_path}/low/a.wav"]


def test_folders_of_other_things(tmp_path: Path) -> None:
    with pytest.raises(KerasnnError, match="a folder without images"):
        read(tmp_path)
    save(tmp_path / "a" / "a.wav", tone())
    (tmp_path / "b").mkdir()
    with pytest.raises(DataError) as caught:
        read(tmp_path)
    assert str(caught.value) == (
        f"a class folder without sounds ({tmp_path}/b) – put sounds into it, or remove it"
    )
    (tmp_path / "c.png").write_bytes(b"")
    with pytest.raises(DataError, match="images beside sounds"):
        read([tmp_path / "a", tmp_path / "c.png"])


def loaded(cells: list[Any], **options: Any) -> tuple[pd.DataFrame, list[str]]:
    given: dict[str, Any] = {"rate": 0, "strict": False, **options}
    with pytest.warns(KerasnnWarning) as caught:
        [frame] = sound_columns.load([read({"s": cells}).frame], "s", **given)
    return frame, [str(warning.message) for warning in caught]


def test_loading() -> None:
    both = np.stack([tone(), tone()], axis=1)
    cells = [WHOLE, wav_bytes(both), WHOLE, b"RIFF", wav_bytes(tone(rate=16_000), 16_000)]
    frame, messages = loaded(cells)
    assert messages == [
        "not a WAV file, left out (row 3, column 's') – convert it to WAV",
        "a sound of 2 channels is mixed into one – save one channel if it matters",
        "a sound is brought from 16,000 to 8,000 samples a second – set `sample_rate` for another "
        "rate",
    ]
    assert [cell.rate for cell in frame["s"]] == [RATE] * 4
    assert location(frame["s"], 3) == "row 4, column 's'"
    assert sound_columns.layout_of(frame["s"], rate=0, seconds=0) == "8000x400"
    assert sound_columns.layout_of(frame["s"], rate=0, seconds=0.01) == "8000x80"
    samples = sound_columns.samples_of(frame["s"], "8000x500")
    assert samples.shape == (4, 500)
    assert np.isnan(samples[:, 400:]).all()
    assert np.isfinite(samples[:, :400]).all()
    assert sound_columns.count_longer(frame["s"], "8000x399") == 4


def test_loading_at_a_given_rate() -> None:
    frame, messages = loaded([WHOLE] * 3, rate=4_000)
    assert messages[0].startswith("3 sounds are brought from 8,000 to 4,000 samples a second")
    assert [len(cell.samples) for cell in frame["s"]] == [200] * 3


def test_loading_what_cannot_be_read() -> None:
    table = read({"s": [WHOLE, b"RIFF", b""]}).frame
    with pytest.raises(SoundError, match=r"2 of 3 sounds can't be read, the first: not a WAV file"):
        sound_columns.load([table], "s", rate=0, strict=False)
    with pytest.raises(SoundError, match=r"^not a WAV file \(row 1, column 's'\)"):
        sound_columns.load([table], "s", rate=0, strict=True)
    with pytest.raises(SoundError, match="no such file"):
        read_sound("no.wav")
    with pytest.raises(SoundError, match="no sound"):
        read_sound(3)


def test_rows_to_predict_keep_their_places() -> None:
    table = read({"s": [b"RIFF", WHOLE]}).frame
    with pytest.warns(KerasnnWarning, match="not a WAV file, not predicted"):
        frame, kept = sound_columns.readable(table, {"s": "8000x400"})
    assert kept.tolist() == [1]
    assert isinstance(frame["s"][0], AudioCell)


def test_long_sounds_are_cut() -> None:
    sound = AudioCell(np.zeros(100 * 35, "float32"), 100)
    column = pd.Series([sound, sound], name="s")
    with pytest.warns(KerasnnWarning, match="sounds of up to 35 s are cut after 30 s"):
        assert sound_columns.layout_of(column, rate=0, seconds=0) == "100x3000"


def test_sounds_in_a_file_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "a.wav", tone())
    monkeypatch.chdir(tmp_path)
    assert as_stored(read_sound("a.wav")) == str(path)
    again = read_sound(as_stored(read_sound(WHOLE)))
    np.testing.assert_array_equal(again.samples, read_sound(WHOLE).samples)
    assert str(again) == f"#{again.digest:016x}"


@pytest.mark.parametrize("rate", [8_000, 16_000, 11_025])
def test_spectrogram_against_scipy(rate: int) -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, (2, rate // 5)).astype("float32")
    length, hop = mel.frame_length(rate), mel.hop_length(rate)
    window = scipy.signal.get_window("hann", length, fftbins=True)
    padded = np.pad(samples, ((0, 0), (0, mel.padding(samples.shape[1], rate))))
    starts = range(0, samples.shape[1], hop)
    frames = np.stack([padded[:, s : s + length] for s in starts], axis=1)
    spectrum = np.fft.rfft(frames * window) / (window.sum() / 2)
    power = np.abs(spectrum) ** 2 @ mel.triangles(rate)
    found = mel.log_mel(samples, rate)
    assert found.shape == (2, mel.n_frames(samples.shape[1], rate), mel.n_bands(rate))
    expected = np.log(np.maximum(power, 1e-10))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_a_tone_is_in_its_band() -> None:
    sound = 2 * tone(1_000, seconds=0.2)[None]
    found = mel.log_mel(sound, RATE)[0, 5]
    weights = mel.triangles(RATE)[round(1_000 / RATE * mel.frame_length(RATE))]
    assert found.argmax() == weights.argmax()
    assert abs(found.max()) < 0.5
    assert (mel.log_mel(np.zeros((1, 800), "float32"), RATE) == np.float32(np.log(1e-10))).all()


def test_padding_does_not_change_a_spectrogram() -> None:
    sound = tone(seconds=0.047)[None]
    padded = np.pad(sound, ((0, 0), (0, 1_000)), constant_values=np.nan)
    short, long = mel.log_mel(sound, RATE), mel.log_mel(padded, RATE)
    np.testing.assert_allclose(long[:, : short.shape[1]], short, atol=1e-5)
    assert np.isnan(long[:, short.shape[1] :]).all()


@pytest.mark.parametrize("rate", [1_000, 2_000, 4_000, 8_000, 22_050, 44_100, 96_000])
def test_no_band_is_empty(rate: int) -> None:
    assert mel.triangles(rate).sum(axis=0).min() > 0.1
