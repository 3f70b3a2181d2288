"""The lock of a run folder."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest
from helpers import failing_call, start_script

from kerasnn.errors import StorageError
from kerasnn.files.locks import LOCK_NAME, lock_folder


def test_second_run_in_a_folder_is_refused(tmp_path: Path) -> None:
    with lock_folder(tmp_path), pytest.raises(StorageError) as caught, lock_folder(tmp_path):
        pass
    assert str(caught.value) == (
        f"another run writes to this folder: process {os.getpid()} on {socket.gethostname()} "
        f"({tmp_path}) – wait for it, or choose another folder"
    )
    with lock_folder(tmp_path):
        assert os.listdir(tmp_path) == [LOCK_NAME]
    assert os.listdir(tmp_path) == []


HOLDER = """
import sys
from kerasnn.files.locks import lock_folder
with lock_folder(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_lock_of_another_process_is_seen_and_dies_with_it(tmp_path: Path) -> None:
    process = start_script(HOLDER, tmp_path)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    with pytest.raises(StorageError, match=f"process {process.pid} on"), lock_folder(tmp_path):
        pass
    (tmp_path / ".file.0123abcd.part").write_bytes(b"left over")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert (tmp_path / LOCK_NAME).exists()
    with lock_folder(tmp_path, is_ours=lambda name: name == "file"):
        assert os.listdir(tmp_path) == [LOCK_NAME]
    assert os.listdir(tmp_path) == []


def test_only_one_of_many_holds_the_lock(tmp_path: Path) -> None:
    (tmp_path / "count").write_text("0")
    script = """
import pathlib, sys, time
from kerasnn.errors import StorageError
from kerasnn.files.locks import lock_folder
count = pathlib.Path(sys.argv[1], "count")
done = 0
while done < 40:
    try:
        with lock_folder(sys.argv[1]):
            n = int(count.read_text())
            time.sleep(0.0005)
            count.write_text(str(n + 1))
            done += 1
    except StorageError:
        time.sleep(0.001)
"""
    processes = [start_script(script, tmp_path) for _ in range(3)]
    errors = [process.communicate(timeout=120)[1] for process in processes]
    assert errors == [""] * 3
    assert (tmp_path / "count").read_text() == "120"


def test_lock_needs_its_folder(tmp_path: Path) -> None:
    with (
        pytest.raises(StorageError, match="no such file or directory"),
        lock_folder(tmp_path / "x"),
    ):
        pass


def this_process() -> dict[str, Any]:
    """What a lock file says of this process."""
    started = Path("/proc/self/stat")
    text = started.read_text().rpartition(")")[2].split()[19] if started.exists() else None
    return {"host": socket.gethostname(), "pid": os.getpid(), "started": text}


class TestWithoutLocksOfTheFileSystem:
    """Then the process that the lock file names decides."""

    @pytest.fixture(autouse=True)
    def _no_locks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(fcntl, "flock", failing_call(errno.ENOLCK))

    def test_living_process_holds_it(self, tmp_path: Path) -> None:
        (tmp_path / LOCK_NAME).write_text(json.dumps(this_process()))
        with pytest.raises(StorageError, match="another run writes"), lock_folder(tmp_path):
            pass
        assert json.loads((tmp_path / LOCK_NAME).read_text()) == this_process()

    def test_process_of_another_host_is_believed(self, tmp_path: Path) -> None:
        (tmp_path / LOCK_NAME).write_text(json.dumps(this_process() | {"host": "elsewhere"}))
        with pytest.raises(StorageError, match="on elsewhere"), lock_folder(tmp_path):
            pass

    @pytest.mark.parametrize(
        "record",
        [
            json.dumps(this_process() | {"pid": 2**22 + 1}),
            json.dumps(this_process() | {"started": "1"}),
            json.dumps(this_process())[:-5],
            json.dumps([1, 2, 3]),
            json.dumps({"pid": os.getpid()}),
            "",
        ],
        ids=["dead", "number given anew", "torn", "list", "incomplete", "empty"],
    )
    def test_stale_lock_is_taken_over(self, tmp_path: Path, record: str) -> None:
        (tmp_path / LOCK_NAME).write_text(record)
        with lock_folder(tmp_path):
            assert json.loads((tmp_path / LOCK_NAME).read_text()) == this_process()
        assert os.listdir(tmp_path) == []


def test_other_failures_of_the_lock_say_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", failing_call(errno.EIO))
    with pytest.raises(StorageError, match="input/output error"), lock_folder(tmp_path):
        pass
