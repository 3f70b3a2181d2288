"""The group of commands, and the one place where errors become a line and an exit code.

::

    0    done                           3    a model was refused
    1    a score is under its limit,    4    reading, writing or memory failed
         or a fault of kerasnn          130  interrupted
    2    data or usage                  141  the reader of the output has closed it
"""

from __future__ import annotations

import errno
import importlib
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from types import FrameType
from typing import Any, NoReturn, TextIO

import click
from click.shell_completion import shell_complete

from kerasnn.cli import wording
from kerasnn.cli.options import Command, State, common_options
from kerasnn.constraints import sections_of
from kerasnn.errors import KerasnnError, KerasnnWarning, ResourceError, UnknownNameError
from kerasnn.runtime import phases
from kerasnn.synonyms import key_of

VERBS = (
    "train",
    "tune",
    "evaluate",
    "predict",
    "explain",
    "export",
    "report",
    "inspect",
    "compare",
    "models",
    "completion",
)

_NAME = "kerasnn"
_COMPLETION = "_KERASNN_COMPLETE"


class Commands(Command, click.Group):
    """Imports the file of a command when it is needed, and handles the errors of all."""

    def list_commands(self, context: click.Context) -> list[str]:
        """The names in the order in which one uses them."""
        return list(VERBS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The command in ``cli/NAME.py``."""
        if name not in VERBS:
            return None
        command: click.Command = getattr(importlib.import_module(f"kerasnn.cli.{name}"), name)
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the first sentence of each command, on several lines where need be."""
        commands = {name: self.get_command(context, name) for name in self.list_commands(context)}
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, each.get_short_help_str(limit=1_000))
                    for name, each in commands.items()
                    if each
                ]
            )

    def resolve_command(
        self, context: click.Context, arguments: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; an unknown one gets a suggestion."""
        if arguments[0] not in VERBS and not context.resilient_parsing:
            raise UnknownNameError("command", arguments[0], VERBS)
        return super().resolve_command(context, arguments)

    def main(self, args: Sequence[str] | None = None, **extra: Any) -> NoReturn:  # type: ignore[override]
        """Run a command and exit with its code."""
        instruction = os.environ.get(_COMPLETION)
        if instruction:
            sys.exit(shell_complete(self, {}, _NAME, _COMPLETION, instruction))
        sys.exit(self._run(list(sys.argv[1:] if args is None else args), State()))

    def _run(self, arguments: list[str], state: State) -> int:
        try:
            with (
                _warnings_as_lines(state),
                self.make_context(_NAME, arguments, obj=state) as context,
            ):
                self.invoke(context)
                sys.stdout.flush()
        except click.exceptions.Exit as request:
            return request.exit_code
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message(), err=True)
            return error.exit_code
        except (Exception, KeyboardInterrupt) as error:
            return _report(error, state)
        return 0


def _report(error: BaseException, state: State) -> int:
    """Say what went wrong, in one line, and return the exit code."""
    if _is_broken_pipe(error):
        # What reads our output is gone; the interpreter must not try to flush it once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
    code, message = _explain(error)
    if state.debug:
        traceback.print_exception(error)
    click.echo(f"error: {wording.line(message, state.options)}", err=True)
    return code


def _explain(error: BaseException) -> tuple[int, str]:
    """Exit code and line for an error."""
    match error:
        case KerasnnError():
            return error.exit_code, str(error)
        case click.ClickException():
            return 2, _usage(error)
        case click.Abort() | KeyboardInterrupt():
            return 130, "interrupted"
        case MemoryError():
            return _explain(_memory_error())
        case OSError():
            location = error.filename if isinstance(error.filename, str) else None
            return 4, str(KerasnnError((error.strerror or str(error)).lower(), location=location))
    if type(error).__name__ == "ResourceExhaustedError":  # TensorFlow's own
        return _explain(_memory_error())
    problem = " ".join(f"{type(error).__name__}: {error}".split())
    hint = "this is a fault of kerasnn; --debug shows where it happened"
    return 1, str(KerasnnError(problem, hint=hint))


def _memory_error() -> ResourceError:
    hint = "close other programs, or give fewer rows"
    return ResourceError("memory ran out", hint=hint)


def _usage(error: click.ClickException) -> str:
    """A usage error in the form of all errors."""
    context = getattr(error, "ctx", None)
    if isinstance(error, click.NoSuchOption) and context:
        return str(_no_such_option(error.option_name, context.command))
    problem = error.format_message().rstrip(".")
    if problem[1:2].islower():
        problem = problem[0].lower() + problem[1:]
    hint = f"see '{context.command_path} --help'" if context else None
    return str(KerasnnError(problem, hint=hint))


# Options of earlier versions that are no keys of the configuration.
_RENAMED = {"beside": "--other-column"}


def _no_such_option(name: str, command: click.Command) -> UnknownNameError:
    """Name the option of the same meaning, or else that of the closest name."""
    options = [*(text for item in command.params for text in item.opts), "--help"]
    plain = name.lstrip("-").replace("-", "_")
    key = key_of(plain) or next(iter(sections_of(plain)), None)
    by_key = {getattr(item, "key", None): item.opts[-1] for item in command.params}
    meant = by_key.get(key) if key else None
    if not meant and _RENAMED.get(plain) in options:
        meant = _RENAMED[plain]
    if key and not meant and "--set" in options:
        meant = f"--set {key}=…"
    if not meant:
        # The dashes would make any two short names alike.
        names = {text.lstrip("-"): text for text in options if text.startswith("--")}
        meant = next((names[near] for near in get_close_matches(name.lstrip("-"), names, 1)), None)
    return UnknownNameError("option", name, [] if meant else options, meant=meant)


def _is_broken_pipe(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno == errno.EPIPE


@contextmanager
def _warnings_as_lines(state: State) -> Iterator[None]:
    """Print our warnings as lines on stderr; those of other packages only when asked."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        ours = issubclass(category, KerasnnWarning)
        if (ours and not state.quiet) or state.verbose or state.debug:
            click.echo(f"warning: {wording.line(message, state.options)}", err=True)

    with warnings.catch_warnings():
        warnings.resetwarnings()
        warnings.simplefilter("always", KerasnnWarning)
        warnings.showwarning = show
        yield


@click.group(cls=Commands, examples=["kerasnn train adult.csv --target income"])
@click.version_option(package_name="kerasnn", message="%(prog)s %(version)s")
@common_options
def commands() -> None:
    """Train, evaluate, explain and export Keras networks on tables, images, texts, sounds and series."""


def main() -> None:
    """Entry point of the console script."""

    def terminate(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    phases.mark_start()
    # TensorFlow's native code writes to stderr before anything can be asked of it.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    signal.signal(signal.SIGTERM, terminate)
    commands.main()
