"""Folders and names that a stranger made: links, pipes, sockets, devices, and files too large."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from kerasnn.errors import ConfigError, ModelRefusedError
from kerasnn.files.handles import kind_of
from kerasnn.files.locks import lock_folder
from kerasnn.files.storage import (
    append,
    check_output,
    is_leftover,
    list_folder,
    make_folder,
    open_file,
    part_name,
    read_file,
    remove,
    remove_leftovers,
    write_atomically,
)


def make_device(path: Path) -> None:
    """A node of its own for the device that gives endless zeros."""
    try:
        os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 5))
        path.open("rb").close()
    except OSError:
        pytest.skip("devices can't be made here")


def make_socket(path: Path) -> None:
    # The name of a socket is bounded, that of a temporary folder is not.
    before = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(before)


MAKERS: dict[str, Callable[[Path], None]] = {
    "pipe": os.mkfifo,
    "socket": make_socket,
    "device": make_device,
    "link": lambda path: path.symlink_to(path.parent / "secret"),
}


@pytest.fixture(params=MAKERS)
def node(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """Something that is no regular file, and what it is."""
    (tmp_path / "secret").write_bytes(b"secret")
    MAKERS[request.param](tmp_path / "node")
    return request.param, tmp_path / "node"


def test_only_files_are_replaced(node: tuple[str, Path]) -> None:
    kind, path = node
    before = os.lstat(path)
    for write in (lambda: check_output(path, force=True), lambda: write_atomically(path, b"new")):
        with pytest.raises(ConfigError) as caught:
            write()
        expected = f"'{path}' is a {kind} – choose another name: only files are replaced"
        assert str(caught.value) == expected
    assert kind_of(path) == kind
    assert os.path.samestat(before, os.lstat(path))
    assert (path.parent / "secret").read_bytes() == b"secret"
    assert sorted(os.listdir(path.parent)) == ["node", "secret"]


@pytest.mark.timeout(20)
def test_nothing_but_files_is_read_below_a_run(node: tuple[str, Path]) -> None:
    kind, path = node
    what = "is a link" if kind == "link" else "is not a file"
    with pytest.raises(ModelRefusedError) as caught:
        read_file(path, most=10, below=path.parent)
    assert str(caught.value) == f"node {what} ({path}) – put a file in its place"


@pytest.mark.timeout(20)
def test_a_path_of_the_user_may_be_a_link_to_a_file(node: tuple[str, Path]) -> None:
    kind, path = node
    if kind == "link":
        assert read_file(path, most=10) == b"secret"
        return
    with pytest.raises(ModelRefusedError, match="node is not a file"):
        read_file(path, most=10)


@pytest.mark.timeout(20)
def test_locks_and_journals_are_files_with_one_name(node: tuple[str, Path]) -> None:
    _, path = node
    path.rename(path.with_name(".lock"))
    with pytest.raises(ModelRefusedError, match=r"^\.lock is "), lock_folder(path.parent):
        pass
    with pytest.raises(ModelRefusedError, match=r"^\.lock is "):
        append(path.with_name(".lock"), b"new", at=0)
    assert (path.parent / "secret").read_bytes() == b"secret"


def test_a_hard_link_is_not_written_in_place(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    os.link(tmp_path / "secret", tmp_path / ".lock")
    with pytest.raises(ModelRefusedError, match=r"^\.lock is a link"), lock_folder(tmp_path):
        pass
    assert (tmp_path / "secret").read_bytes() == b"secret"


def test_folders_below_a_run_are_no_links(tmp_path: Path) -> None:
    run, outside = tmp_path / "run", tmp_path / "outside"
    run.mkdir()
    outside.mkdir()
    (outside / "file").write_bytes(b"secret")
    (run / "sub").symlink_to(outside)
    path = run / "sub" / "file"
    for function in (
        lambda: read_file(path, most=10, below=run),
        lambda: open_file(path, below=run),
        lambda: write_atomically(path, b"new", below=run),
        lambda: append(path, b"new", at=0, below=run),
        lambda: remove(path, below=run),
        lambda: kind_of(path, below=run),
        lambda: list_folder(run / "sub", below=run),
        lambda: make_folder(run / "sub", below=run),
        lambda: make_folder(run / "sub" / "deeper", below=run),
    ):
        with pytest.raises(ModelRefusedError) as caught:
            function()
        assert str(caught.value) == (
            f"sub is a link, where a run has a folder ({run / 'sub'}) – remove it"
        )
    assert os.listdir(outside) == ["file"]
    assert (outside / "file").read_bytes() == b"secret"


def test_the_folder_of_a_run_itself_may_be_named_by_a_link(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "run")
    run = tmp_path / "link"
    make_folder(run / "sub", below=run)
    write_atomically(run / "sub" / "file", b"new", below=run)
    assert read_file(tmp_path / "run" / "sub" / "file", most=3) == b"new"


def test_files_have_a_bounded_size(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    os.truncate(path, 2**20 + 1)
    with pytest.raises(ModelRefusedError) as caught:
        read_file(path, most=2**20)
    assert str(caught.value) == f"file is larger than 1 MiB ({path}) – get it again from its maker"


def test_appending_keeps_what_was_written(tmp_path: Path) -> None:
    append(tmp_path / "file", b"one\ntw", at=0)
    append(tmp_path / "file", b"two\n", at=4)
    assert read_file(tmp_path / "file", most=10) == b"one\ntwo\n"


def test_leftovers_are_told_by_their_names(tmp_path: Path) -> None:
    def is_ours(name: str) -> bool:
        return name == "report.html"

    assert is_leftover(part_name("report.html"), is_ours)
    kept = [
        ".report.html.part",
        ".report.html.0123.part",
        ".mine.0123abcd.part",
        "report.html.0123abcd.part",
    ]
    for name in [*kept, part_name("report.html")]:
        (tmp_path / name).write_bytes(b"")
        assert is_leftover(name, is_ours) is (name not in kept)
    (tmp_path / part_name("report.html")).mkdir()
    (tmp_path / part_name("report.html")).symlink_to(tmp_path)
    remove_leftovers(tmp_path, is_ours)
    assert sorted(os.listdir(tmp_path)) == sorted(kept)
