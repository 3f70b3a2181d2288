"""The group of commands: help, suggestions, errors as one line, exit codes, what is imported."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import time
import warnings
from functools import partial
from pathlib import Path

import click
import helpers
import pytest

from kerasnn.cli.main import VERBS, commands
from kerasnn.errors import DataError, ModelRefusedError, StorageError, warn

invoke = partial(helpers.invoke, code=None)
HEAVY = ("keras", "tensorflow", "pandas", "numpy", "pyarrow", "sklearn", "matplotlib")


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """A list whose one error `kerasnn completion bash` then raises."""
    errors: list[BaseException] = []

    def callback(shell: str) -> None:
        raise errors[0]

    command = commands.get_command(click.Context(commands), "completion")
    assert command is not None
    monkeypatch.setattr(command, "callback", callback)
    return errors


def test_help_lists_every_command_in_order() -> None:
    result = invoke("--help")
    assert result.exit_code == 0
    positions = [result.stdout.index(f"\n  {verb} ") for verb in VERBS]
    assert positions == sorted(positions)


def test_no_arguments_show_the_help() -> None:
    result = invoke()
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Usage: kerasnn")


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_has_help_with_an_example(verb: str) -> None:
    result = invoke(verb, "--help")
    assert result.exit_code == 0
    assert f"kerasnn {verb}" in result.stdout.split("Examples:")[1]
    for option in ("--quiet", "--verbose", "--debug", "--help"):
        assert option in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("trian x.csv", "unknown command 'trian' – did you mean 'train'?"),
        ("--versoin", "unknown option '--versoin' – did you mean '--version'?"),
        ("train --traget y", "unknown option '--traget' – did you mean '--target'?"),
        ("train", "DATA is missing – see 'kerasnn train --help'"),
        ("train x.csv", "--target is missing – see 'kerasnn train --help'"),
        ("train none.csv --target y", "no such file (none.csv) – check the path"),
        ("train x.csv --target y --epochs -1", "`training.epochs` must be at least 0; got -1"),
        ("train x.csv --target y --task binery", "unknown task 'binery' – did you mean 'binary'?"),
        ("train x.csv --target y --model mpl", "unknown model 'mpl' – did you mean 'mlp'?"),
        ("train x.csv --target y --column a=date,", "unknown kind 'date,' – did you mean 'date'?"),
        ("train x.csv --split grup:id", "unknown kind 'grup' – did you mean 'group'?"),
        ("train -c none.yaml", "no such file 'none.yaml' – check the path"),
        ("train --resume none", "no such run (none) – check the path"),
        ("train --resume .", "not the folder of a run: there is no config.yaml in it (.) – "),
        ("predict none x.csv", "no such run (none) – check the path"),
        ("predict . x.csv", "not the folder of a run: there is no model.kerasnn in it (.) – "),
        ("evaluate none", "no such run (none) – check the path"),
        ("export none --format onnx", "no such run (none) – check the path"),
        ("report none", "no such run (none) – check the path"),
        ("inspect none", "no such run (none) – check the path"),
        ("compare none none", "no such run (none) – check the path"),
        (
            "train x.csv --set width",
            "invalid value for '--set': 'width' must be written as NAME=VALUE – see ",
        ),
        (
            "train x.csv --time-limit soon",
            "invalid value for '--time-limit': 'soon' must be written like 30s, 10m or 1h – see ",
        ),
    ],
)
def test_usage_errors(
    arguments: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke(*arguments.split())
    assert result.stderr.startswith(f"error: {message}")
    assert result.stderr.count("\n") == 1
    assert (result.exit_code, result.stdout) == (2, "")


def test_closest_file_and_run(tmp_path: Path) -> None:
    (tmp_path / "adult-mlp-1").mkdir()
    (tmp_path / "adult.csv").write_text("a,b\n1,2\n")
    result = invoke("train", str(tmp_path / "adlt.csv"), "--target", "b")
    assert f"did you mean '{tmp_path / 'adult.csv'}'?" in result.stderr
    result = invoke("predict", str(tmp_path / "adult-mlp-2"), "-")
    assert f"did you mean '{tmp_path / 'adult-mlp-1'}'?" in result.stderr


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (DataError("wrong", location="x.csv:3", hint="mend it"), 2, "wrong (x.csv:3) – mend it"),
        (ModelRefusedError("damaged"), 3, "damaged"),
        (StorageError("disk full"), 4, "disk full"),
        (PermissionError(13, "Permission denied", "x.csv"), 4, "permission denied (x.csv)"),
        (OSError(28, "No space left on device"), 4, "no space left on device"),
        (EOFError("ended early"), 1, "EOFError: ended early – this is a fault of kerasnn; "),
        (MemoryError(), 4, "memory ran out – close other programs, or give fewer rows"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (
            KeyError("a\nb"),
            1,
            r"KeyError: 'a\nb' – this is a fault of kerasnn; --debug shows where",
        ),
        (type("ResourceExhaustedError", (Exception,), {})(), 4, "memory ran out – close other "),
    ],
)
def test_errors_are_a_line_and_a_code(
    failing: list[BaseException], error: BaseException, code: int, message: str
) -> None:
    failing.append(error)
    result = invoke("completion", "bash")
    assert result.exit_code == code
    assert result.stderr.strip().startswith(f"error: {message}")
    assert "Traceback" not in result.stderr
    assert "Traceback" in invoke("completion", "bash", "--debug").stderr


def test_warnings_are_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    def callback(shell: str) -> None:
        warn("a column is constant", location="x")
        warnings.warn("of another package", RuntimeWarning, stacklevel=1)

    command = commands.get_command(click.Context(commands), "completion")
    assert command is not None
    monkeypatch.setattr(command, "callback", callback)
    ours, other = "warning: a column is constant (x)\n", "warning: of another package\n"
    assert invoke("completion", "bash").stderr == ours
    assert invoke("completion", "bash", "--quiet").stderr == ""
    assert invoke("completion", "bash", "--verbose").stderr == ours + other


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(shell: str) -> None:
    result = invoke("completion", shell)
    assert "_KERASNN_COMPLETE" in result.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("kerasnn tr", "plain,train"),
        ("kerasnn train --task bin", "plain,binary"),
        ("kerasnn train --model ml", "plain,mlp"),
    ],
)
def test_completion(words: str, expected: str) -> None:
    environment = {"_KERASNN_COMPLETE": "bash_complete", "COMP_WORDS": words}
    environment["COMP_CWORD"] = str(words.count(" "))
    run = start(environment=environment)
    assert run.communicate()[0].splitlines() == [expected]


def start(
    *arguments: str,
    code: str = "from kerasnn.cli.main import main; main()",
    folder: Path | None = None,
    environment: dict[str, str] | None = None,
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["train", "--help"],
        ["train", "none.csv", "--target", "y"],
        ["predict", "none", "none.csv"],
        ["export", "--help"],
    ],
)
def test_instant_commands_import_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    code = (
        "import atexit, sys\n"
        f"atexit.register(lambda: print('heavy:', [m for m in {HEAVY} if m in sys.modules]))\n"
        "from kerasnn.cli.main import main\n"
        "main()"
    )
    with start(*arguments, code=code, folder=tmp_path) as run:
        output, _ = run.communicate()
    assert output.splitlines()[-1] == "heavy: []"


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments", [["--help"], ["train", "--help"], ["train", "n", "--target=y"]]
)
def test_instant_commands_take_a_quarter_of_a_second(arguments: list[str]) -> None:
    times = []
    for _ in range(9):
        begin = time.perf_counter()
        start(*arguments).communicate()
        times.append(time.perf_counter() - begin)
    assert statistics.median(times) <= 0.25


def test_broken_pipe_is_quiet() -> None:
    with start("--help") as run:
        assert run.stdout is not None
        assert run.stderr is not None
        run.stdout.close()
        assert run.stderr.read() == ""
    assert run.returncode == 141


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_exit_with_130(number: signal.Signals, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    # A job in the background of a shell ignores SIGINT, and so would its child.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from kerasnn.cli.main import main; main()"
    )
    # Opening the pipe waits until the command has opened its other end.
    with start("train", str(pipe), "--target", "y", code=code) as run, open(pipe, "w"):
        run.send_signal(number)
        output, errors = run.communicate()
    assert (run.returncode, output, errors.strip()) == (130, "", "error: interrupted")


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_is_in_the_readme(verb: str) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert f"kerasnn {verb}" in readme
