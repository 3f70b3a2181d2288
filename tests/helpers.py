"""What the tests of several packages share: commands run in this process, and snapshots of folders."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from click.testing import CliRunner, Result

from kerasnn.cli.main import commands


def invoke(*arguments: object, code: int | None = 0, stdin: str | None = None) -> Result:
    """The result of a command with this exit code, or with any; stderr could go to a log file."""
    result = CliRunner().invoke(commands, [str(item) for item in arguments], input=stdin)
    if code is not None:
        assert result.exit_code == code, result.stderr
    if "--debug" in arguments:
        return result
    assert "Traceback" not in result.stderr
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", result.stderr)
    return result


def error_line(*arguments: object, code: int = 2) -> str:
    """The one line that a command prints when it refuses, without its prefix."""
    result = invoke(*arguments, code=code)
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    return result.stderr.removeprefix("error: ").rstrip("\n")


def read_csv_text(printed: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(printed))


def snapshot(folder: Path) -> dict[Path, tuple[bytes, int]]:
    """Content and time of every file below a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


@contextmanager
def untouched(folder: Path) -> Iterator[None]:
    """No file below the folder changes, comes or goes."""
    before = snapshot(folder)
    yield
    assert snapshot(folder) == before
