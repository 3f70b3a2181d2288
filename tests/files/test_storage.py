"""Atomic files, and the trial of a folder."""

from __future__ import annotations

import errno
import os
import random
import time
from pathlib import Path
from typing import Any

import pytest
from helpers import failing_call, start_script

from kerasnn.errors import StorageError
from kerasnn.files.storage import check_writable, remove_leftovers, write_atomically


def test_content_is_written(tmp_path: Path) -> None:
    write_atomically(tmp_path / "file", [b"one, ", b"two"])
    assert (tmp_path / "file").read_bytes() == b"one, two"
    write_atomically(tmp_path / "file", b"three")
    assert (tmp_path / "file").read_bytes() == b"three"
    assert os.listdir(tmp_path) == ["file"]


def test_file_is_as_readable_as_others(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"")
    write_atomically(tmp_path / "file", b"")
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "other").stat().st_mode


@pytest.mark.parametrize("function", ["fsync", "replace", "open"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, code: int
) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")
    monkeypatch.setattr(os, function, failing_call(code))
    with pytest.raises(StorageError) as caught:
        write_atomically(path, b"new")
    monkeypatch.undo()
    assert str(caught.value) == (
        f"the disk is full ({path}) – free some space; what was there before is intact"
    )
    assert caught.value.exit_code == 4
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_limit_of_the_system_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    script = """
import resource, sys
from kerasnn.files.storage import write_atomically
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
write_atomically(sys.argv[1], [b"x" * 4000, b"y" * 4000])
"""
    process = start_script(script, path)
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert "StorageError: the disk is full" in errors
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_other_failures_say_why(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "file"
    with pytest.raises(StorageError) as caught:
        write_atomically(path, b"")
    expected = f"can't be written: no such file or directory ({path}) – check the folder"
    assert str(caught.value) == expected


def test_failure_while_making_the_content_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def chunks() -> Any:
        yield b"new"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, chunks())
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_file_is_flushed_before_it_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    fsync, replace = os.fsync, os.replace

    def spy_fsync(handle: int) -> None:
        calls.append("folder" if os.path.isdir(f"/dev/fd/{handle}") else "file")
        fsync(handle)

    def spy_replace(*paths: Any, **folders: int) -> None:
        calls.append("replace")
        replace(*paths, **folders)

    monkeypatch.setattr(os, "fsync", spy_fsync)
    monkeypatch.setattr(os, "replace", spy_replace)
    write_atomically(tmp_path / "file", b"new")
    assert calls == ["file", "replace", "folder"]


def test_killed_writers_leave_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"0" * 50_000)
    script = """
import sys
from kerasnn.files.storage import write_atomically
print("ready", flush=True)
n = 0
while True:
    n = (n + 1) % 10
    write_atomically(sys.argv[1], [str(n).encode() * 10_000] * (5 + n))
"""
    generator = random.Random(0)
    for _ in range(12):
        process = start_script(script, path)
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        time.sleep(generator.uniform(0, 0.03))
        process.kill()
        process.communicate()
        content = path.read_bytes()
        digit = content[:1]
        assert content == digit * 10_000 * (5 + int(digit))
    remove_leftovers(tmp_path, lambda name: name == "file")
    assert os.listdir(tmp_path) == ["file"]


def test_writable_folder_is_left_as_it_was(tmp_path: Path) -> None:
    check_writable(tmp_path)
    check_writable(tmp_path / "new" / "newer")
    assert os.listdir(tmp_path) == []


def test_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError) as caught:
        check_writable(tmp_path / "file" / "run")
    assert str(caught.value) == f"not a folder ({tmp_path / 'file'}) – choose another folder"


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_read_only_folder_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(os, "open", failing_call(code))
    with pytest.raises(StorageError) as caught:
        check_writable(tmp_path)
    reason = os.strerror(code).lower()
    expected = f"can't be written: {reason} ({tmp_path}) – choose another folder"
    assert str(caught.value) == expected


def test_full_disk_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "write", failing_call(errno.ENOSPC))
    with pytest.raises(StorageError, match="the disk is full"):
        check_writable(tmp_path)
    assert os.listdir(tmp_path) == []
