"""What the tests of several packages share: commands, processes, snapshots of folders, networks."""

from __future__ import annotations

import importlib.util
import io
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
from click.testing import CliRunner, Result
from numpy.typing import NDArray

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


def start_script(script: str, *arguments: object) -> subprocess.Popen[str]:
    """Another process that runs Python code."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )


def failing_call(code: int) -> Callable[..., Any]:
    """A function of the system that fails with an error number."""

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise OSError(code, os.strerror(code))

    return fail


def load_script(path: Path) -> ModuleType:
    """A file outside the packages as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # A dataclass looks itself up there.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def printed_by_example(page: str, folder: Path) -> list[float]:
    """The numbers that the example of an export's page prints, in a process without kerasnn."""
    [snippet] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[:1]
    without = f"{snippet}\nimport sys\nassert 'kerasnn' not in sys.modules\n"
    done = subprocess.run(
        [sys.executable, "-c", without], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [float(number) for number in re.findall(r"\d\.\d*(?:e-\d+)?", done.stdout)]


def outputs_of(model: Any, inputs: Any, *, training: bool = False) -> NDArray[Any]:
    """The outputs of a network for an array, a list or a dictionary of arrays."""
    import keras

    tensors = keras.tree.map_structure(keras.ops.convert_to_tensor, inputs)
    result: NDArray[Any] = keras.ops.convert_to_numpy(model(tensors, training=training))
    return result


def linear_rows(n_rows: int = 32) -> Any:
    """Arrays of three numbers, and a target that is a linear function of them."""
    from kerasnn.training.engine import Arrays

    numbers = np.random.default_rng(0).normal(size=(n_rows, 3)).astype("float32")
    return Arrays({"numbers": numbers}, numbers @ np.array([1, -2, 0.5], "float32"))
