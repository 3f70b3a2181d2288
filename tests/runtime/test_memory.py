"""How much memory there is, and what is refused because it does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from kerasnn import data
from kerasnn.errors import ResourceError
from kerasnn.evaluation import series_summaries
from kerasnn.layers import ngrams
from kerasnn.runtime import memory
from kerasnn.selection import tokenizer

MACHINE = memory._free_of_machine()


def test_there_is_some_memory_and_not_more_than_the_machine_has() -> None:
    assert 0 < memory.free_memory() <= MACHINE * 1.5


def test_the_lowest_limit_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_free_of_machine", lambda: 9e9)
    monkeypatch.setattr(memory, "_free_of_groups", lambda: iter([5e9, 7e9]))
    monkeypatch.setattr(memory, "_free_of_process", lambda: 8e9)
    assert memory.free_memory() == 5e9
    monkeypatch.setattr(memory, "_free_of_process", lambda: -1.0)
    assert memory.free_memory() == 0


@pytest.mark.parametrize("version", [1, 2])
def test_control_groups(version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit, used, reclaimable = memory._GROUP_FILES[2 - version]
    (tmp_path / limit).parent.mkdir(exist_ok=True)
    (tmp_path / limit).write_text("4000\n")
    (tmp_path / used).write_text("3000\n")
    (tmp_path / limit).with_name("memory.stat").write_text(f"anon 5\n{reclaimable} 700\n")
    monkeypatch.setattr(memory, "_groups", lambda: [tmp_path, tmp_path / "none"])
    assert list(memory._free_of_groups()) == [1700]
    (tmp_path / limit).write_text("max\n")
    assert list(memory._free_of_groups()) == []


def test_what_does_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: 2e9)
    memory.require(1.7e9, "the series", hint="give fewer rows")
    with pytest.raises(ResourceError) as caught:
        memory.require(3.24e9, "the series", hint="give fewer rows")
    assert str(caught.value) == (
        "the series need about 3.2 GB of memory and 1.8 GB can be had – give fewer rows"
    )
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("name", ["table.csv", "sounds"])
def test_files_that_do_not_fit_are_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    if name == "table.csv":
        path.write_text("a,b\n" + "1,2\n" * 500)
    else:
        for label in ("high", "low"):
            (path / label).mkdir(parents=True)
            for i in range(4):
                content = b"\0" * 500
                header = b"RIFF" + (36 + 500).to_bytes(4, "little") + b"WAVEfmt \x10\0\0\0\1\0\1\0"
                header += (8000).to_bytes(4, "little") + (16000).to_bytes(4, "little")
                header += b"\2\0\x10\0data" + (500).to_bytes(4, "little")
                (path / label / f"{i}.wav").write_bytes(header + content)
    monkeypatch.setattr(memory, "free_memory", lambda: 1e6)
    data.read(str(path))
    monkeypatch.setattr(memory, "free_memory", lambda: 3e3)
    with pytest.raises(ResourceError, match=r" need about 0 MB of memory and 0 MB can be had"):
        data.read(str(path))


def test_summaries_of_series_are_made_of_some_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).normal(size=(7, 30, 2)).astype("float32")
    values[2, 20:] = np.nan
    whole = series_summaries.of_series(values)
    monkeypatch.setattr(series_summaries, "BYTES", 2 * 8 * 30 * 2)
    np.testing.assert_array_equal(series_summaries.of_series(values), whole)


def test_ngrams_are_counted_of_some_texts_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = np.random.default_rng(0).integers(0, 5, size=(7, 12)).astype("int32")
    whole = tokenizer.count_ngrams(codes, 1, 3)
    monkeypatch.setattr(tokenizer, "BYTES", 2 * 8 * 12)
    calls = []
    count = tokenizer._count_some

    def counted(some: NDArray[np.int32], *sizes: int) -> Any:
        calls.append(len(some))
        return count(some, *sizes)

    monkeypatch.setattr(tokenizer, "_count_some", counted)
    assert (tokenizer.count_ngrams(codes, 1, 3) != whole).nnz == 0
    assert calls == [2, 2, 2, 1]
    assert tokenizer.count_ngrams(codes[:0], 1, 3).shape == (0, tokenizer.BUCKETS)


def test_ngrams_are_weighed_by_some_texts_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = np.random.default_rng(0).integers(0, 6, size=(20, 8)).astype("int32")
    inputs = keras.Input((8,), dtype="int32")
    sizes = []

    class Codes:
        output = inputs

        def __call__(self, some: Any) -> Any:
            sizes.append(len(some))
            return some

    given = np.zeros((20, 1), bool)
    whole = ngrams._count(Codes(), texts, given, 6, seed=0)  # type: ignore[arg-type]
    monkeypatch.setattr(ngrams, "BYTES", 8 * 4 * 8)
    parts = ngrams._count(Codes(), texts, given, 6, seed=0)  # type: ignore[arg-type]
    np.testing.assert_array_equal(whole[1], parts[1])
    assert sizes == [20, 8, 8, 4]
