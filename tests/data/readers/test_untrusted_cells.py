"""Cells and arrays that would block, never end, or fill the memory are refused in one line."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kerasnn.data import read, read_chunks
from kerasnn.data.media import decoding
from kerasnn.data.media.decoding import ImageError
from kerasnn.data.media.sound_cells import read_sound
from kerasnn.data.media.wav import SoundError
from kerasnn.data.readers import arrays
from kerasnn.errors import ResourceError


def pipe(path: Path) -> str:
    os.mkfifo(path)
    return str(path)


def test_a_pipe_as_an_image_or_a_sound_is_not_waited_for(tmp_path: Path) -> None:
    path = pipe(tmp_path / "a.png")
    expected = f"a pipe where a file is meant ({path}) – give the path of a file"
    with pytest.raises(ImageError) as error:
        decoding.decode_cell(path, 3)
    assert str(error.value) == expected
    with pytest.raises(SoundError) as told:
        read_sound(path)
    assert str(told.value) == expected
    with pytest.raises(ImageError, match="no image"):
        decoding.open_header(path)


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null"])
def test_a_device_as_an_image_is_not_read(path: str) -> None:
    with pytest.raises(ImageError) as error:
        decoding.decode_cell(path, 3)
    assert str(error.value) == f"a device where a file is meant ({path}) – give the path of a file"


def large(path: Path, name: str, shape: tuple[int, ...], dtype: str = "<f4") -> None:
    """An array of zeros whose header and sizes say so many, though no byte of it is written."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": dtype, "fortran_order": False, "shape": shape}
    )
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        n_bytes = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
            file.write(header.getvalue())
            piece = bytes(1 << 22)
            for start in range(0, n_bytes, len(piece)):
                file.write(piece[: n_bytes - start])


def test_arrays_larger_than_the_memory_are_refused_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.npz"
    large(path, "x", (4, 1_000, 1_000, 2))
    assert path.stat().st_size < 100_000
    monkeypatch.setattr(arrays, "free_memory", lambda: 40e6)
    monkeypatch.setattr(arrays, "_read", lambda *_: pytest.fail("the array was read"))
    with pytest.raises(ResourceError) as error:
        read(path)
    assert str(error.value) == (
        f"the arrays are 32 MB, more than there is memory for ({path}) – divide the file, or use "
        "a smaller type"
    )


def test_arrays_are_read_in_pieces_that_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.npz"
    large(path, "x", (40, 100, 100, 3), "|u1")
    monkeypatch.setattr(arrays, "free_memory", lambda: 1e6)
    pieces = list(read_chunks(path, chunk_rows=10))
    assert [len(piece) for piece in pieces] == [10, 10, 10, 10]


def test_an_array_that_is_no_column_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=np.zeros((3, 4, 4), "u1"))
    large(path, "aside", (7, 500, 500))
    monkeypatch.setattr(arrays, "free_memory", lambda: 5e6)
    with pytest.warns(UserWarning, match="no column of the table and ignored"):
        assert len(read(path).frame) == 3


def test_a_row_with_a_pipe_is_left_out_and_named(tmp_path: Path) -> None:
    from kerasnn.data.media.image_columns import readable

    good = np.zeros((4, 4, 3), "u1")
    frame = pd.DataFrame({"image": [good, pipe(tmp_path / "a.png"), good]}, dtype=object)
    with pytest.warns(UserWarning, match="a pipe where a file is meant"):
        seen, kept = readable(frame, {"image": "4x4x3"})
    assert kept.tolist() == [0, 2]
    assert len(seen) == 2
