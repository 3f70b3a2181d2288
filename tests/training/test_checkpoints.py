"""The state of a run on disk: what is saved comes back, and damage is noticed."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kerasnn.errors import KerasnnWarning, ModelRefusedError, StorageError
from kerasnn.training.checkpoints import Checkpoints

STATE = {"weights": np.arange(6, dtype="float32").reshape(2, 3)}


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def flip(path: Path, bit: int) -> None:
    """Change one bit of a file."""
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {
        "float": np.random.default_rng(0).normal(size=(3, 4)).astype("float32"),
        "transposed": np.arange(6.0).reshape(2, 3).T,
        "every second": np.arange(10)[::2],
        "scalar": np.float32(3).reshape(()),
        "boolean": np.array([True, False]),
        "seed": np.array([1, 2**32 - 1], "uint32"),
        "empty": np.zeros((0, 3), "float16"),
        "odd": np.array([np.nan, -np.inf, -0.0]),
    }
    metadata = {"epoch": 3, "best": 0.1 + 0.2, "why": "näh", "history": [{"loss": None}]}
    Checkpoints(tmp_path / "new").save(arrays, metadata)
    found = Checkpoints(tmp_path / "new").load()
    assert found
    assert found.metadata == metadata
    assert (found.generation, found.damaged) == (1, ())
    assert found.arrays.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found.arrays[name].dtype == array.dtype
        assert found.arrays[name].shape == array.shape
        assert found.arrays[name].tobytes() == array.tobytes()


def test_without_a_checkpoint_there_is_none(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path / "nowhere").load() is None
    assert Checkpoints(tmp_path).load() is None


def test_two_generations_are_kept(tmp_path: Path) -> None:
    for epoch in range(4):
        # A new object each time, as after a restart.
        Checkpoints(tmp_path).save(STATE, {"epoch": epoch})
    assert names(tmp_path) == ["generation-000003.checkpoint", "generation-000004.checkpoint"]
    found = Checkpoints(tmp_path).load()
    assert found
    assert found.metadata == {"epoch": 3}


def test_foreign_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    checkpoints = Checkpoints(tmp_path)
    for epoch in range(3):
        checkpoints.save(STATE, {"epoch": epoch})
    assert "notes.txt" in names(tmp_path)
    checkpoints.clear()
    assert names(tmp_path) == ["notes.txt"]
    assert checkpoints.load() is None


def test_damaged_generation_gives_way_to_the_one_before(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(STATE, {"epoch": 0})
    checkpoints.save(STATE, {"epoch": 1})
    newest = tmp_path / "generation-000002.checkpoint"
    flip(newest, 1000)
    with pytest.warns(KerasnnWarning) as caught:
        found = Checkpoints(tmp_path).load()
    assert [str(warning.message) for warning in caught] == [
        f"the checkpoint generation-000002.checkpoint is damaged ({tmp_path}) – "
        "the run goes on from generation-000001.checkpoint"
    ]
    assert found
    assert (found.metadata, found.generation) == ({"epoch": 0}, 1)
    assert found.damaged == (newest,)


@pytest.mark.parametrize("is_loaded", [True, False])
def test_intact_generation_outlives_the_save_after_damage(tmp_path: Path, is_loaded: bool) -> None:
    Checkpoints(tmp_path).save(STATE, {"epoch": 0})
    Checkpoints(tmp_path).save(STATE, {"epoch": 1})
    flip(tmp_path / "generation-000002.checkpoint", 1000)
    checkpoints = Checkpoints(tmp_path)
    if is_loaded:
        with pytest.warns(KerasnnWarning):
            checkpoints.load()
    checkpoints.save(STATE, {"epoch": 1})
    assert names(tmp_path) == ["generation-000001.checkpoint", "generation-000003.checkpoint"]


def test_no_intact_generation_is_refused(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    for generation in (1, 2):
        checkpoints.save(STATE, {})
        flip(tmp_path / f"generation-{generation:06d}.checkpoint", 800)
    with pytest.raises(ModelRefusedError) as caught:
        checkpoints.load()
    assert str(caught.value) == (
        "no checkpoint is intact: generation-000002.checkpoint and generation-000001.checkpoint "
        f"({tmp_path}) – train from the start"
    )


def test_every_flip_and_truncation_is_noticed(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save({"w": np.float32([1.5])}, {"epoch": 1})
    path = tmp_path / "generation-000001.checkpoint"
    content = path.read_bytes()
    damaged = [content[:size] for size in range(len(content))] + [content + b"\0"]
    for bit in range(8 * len(content)):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        damaged.append(bytes(flipped))
    assert len(damaged) > 1500
    for data in damaged:
        path.write_bytes(data)
        with pytest.raises(ModelRefusedError):
            checkpoints.load()


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_full_disk_leaves_the_old_generations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    checkpoints = Checkpoints(tmp_path)
    for epoch in range(2):
        checkpoints.save(STATE, {"epoch": epoch})
    before = {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}

    def fail(*args: Any, **folders: int) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, function, fail)
    with pytest.raises(StorageError, match="the disk is full"):
        checkpoints.save(STATE, {"epoch": 2})
    monkeypatch.undo()
    assert {name: (tmp_path / name).read_bytes() for name in names(tmp_path)} == before
    checkpoints.save(STATE, {"epoch": 2})
    found = checkpoints.load()
    assert found
    assert found.metadata == {"epoch": 2}


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="cannot make the folder"):
        Checkpoints(tmp_path / "file" / "checkpoints").save(STATE, {})


def test_killed_in_mid_save(tmp_path: Path) -> None:
    script = """
import sys
import numpy as np
from kerasnn.training.checkpoints import Checkpoints
checkpoints = Checkpoints(sys.argv[1])
found = checkpoints.load()
epoch = found.metadata["epoch"] if found else 0
while True:
    epoch += 1
    checkpoints.save({"weights": np.full(20_000, epoch)}, {"epoch": epoch})
    print(epoch, flush=True)
"""
    generator, done = random.Random(0), 0
    for _ in range(5):
        command = [sys.executable, "-c", script, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            process.stdout.readline()
            time.sleep(generator.uniform(0, 0.05))
            process.kill()
        found = Checkpoints(tmp_path).load()
        assert found
        assert found.damaged == ()
        assert found.metadata["epoch"] > done
        assert (found.arrays["weights"] == found.metadata["epoch"]).all()
        done = found.metadata["epoch"]
