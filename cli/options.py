"""What commands are made of: grouped options, examples in the help, types of values."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from kerasnn.runtime import backend

Function = TypeVar("Function", bound=Callable[..., Any])

OTHER = "Other"
_KEYS = "kerasnn.keys"


@dataclass
class State:
    """How much is said, and what the options of the command are."""

    debug: bool = False
    quiet: bool = False
    verbose: bool = False
    options: frozenset[str] = frozenset()


class Option(click.Option):
    """An option that stands under a heading of the help.

    Args:
        group: The heading.
        key: Key of the configuration that the option sets; `chosen` returns all such values.
        choices: Values to show and to complete; the library checks them.
    """

    def __init__(
        self,
        *arguments: Any,
        group: str = OTHER,
        key: str | None = None,
        choices: Callable[[], Iterable[str]] | None = None,
        **rest: Any,
    ) -> None:
        self.group = group
        self.key = key
        self.choices = choices
        if key:
            rest |= {"expose_value": False, "callback": _remember}
        super().__init__(*arguments, **rest)

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a closed choice."""
        if self.choices is None:
            return super().shell_complete(context, incomplete)
        return [CompletionItem(name) for name in self.choices() if name.startswith(incomplete)]


class Command(click.Command):
    """A command whose help groups the options and ends with examples."""

    def __init__(self, *arguments: Any, examples: Iterable[str] = (), **rest: Any) -> None:
        self.examples = tuple(examples)
        rest["context_settings"] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
        super().__init__(*arguments, **rest)

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options under their headings."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(context):
            record = parameter.get_help_record(context)
            if record and isinstance(parameter, click.Option):
                groups.setdefault(getattr(parameter, "group", OTHER), []).append(record)
        for group, records in sorted(groups.items(), key=lambda item: item[0] == OTHER):
            with formatter.section(group):
                formatter.write_dl(records)
        if isinstance(self, click.Group):
            self.format_commands(context, formatter)

    def format_epilog(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        if self.examples:
            with formatter.section("Examples"):
                formatter.write("".join(f"  {example}\n" for example in self.examples))


def command(*, examples: Iterable[str]) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a command of a function, with the options that all commands have."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        return click.command(cls=Command, examples=examples)(common_options(function))

    return decorate


def option(*names: str, **rest: Any) -> Callable[[Function], Function]:
    """An `Option`."""
    return click.option(*names, cls=Option, **rest)


def common_options(function: Function) -> Function:
    """Add the options that all commands have."""
    for name, short, text in (
        ("debug", None, "Show the traceback of an error."),
        ("verbose", "-v", "Say more."),
        ("quiet", "-q", "Print only errors and requested results."),
    ):
        names = [f"--{name}", *([short] if short else [])]
        function = option(*names, is_flag=True, expose_value=False, callback=_set_state, help=text)(
            function
        )
    return function


def format_options(function: Function) -> Function:
    """Add the options that say how a text file of new rows is read."""
    for name, metavar, what in (
        ("--delimiter", "TEXT", "Character between the columns"),
        ("--encoding", "NAME", "Encoding of a text file"),
    ):
        text = f"{what}; that of the training otherwise."
        function = option(name, metavar=metavar, group="Data", help=text)(function)
    return function


json_option = option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


def chosen(context: click.Context) -> dict[str, Any]:
    """The values of the options that set a key of the configuration; None is not chosen."""
    return dict(context.meta.get(_KEYS, {}))


def print_json(data: Any) -> None:
    """Print plain data for machines."""
    # In ASCII, so that nothing in a stranger's bundle can command the terminal.
    click.echo(json.dumps(data, indent=2, allow_nan=False))


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    assert isinstance(parameter, Option)
    if parameter.multiple and value:
        value = dict(value) if isinstance(value[0], tuple) else list(value)
    context.meta.setdefault(_KEYS, {})[parameter.key] = None if value == () else value


def _set_state(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if context.parent is not None:
        named = (text for each in context.command.params for text in each.opts)
        context.ensure_object(State).options = frozenset(named)
    if value and parameter.name:
        setattr(context.ensure_object(State), parameter.name, True)
        if parameter.name == "verbose":
            backend.show_native_messages()


def assignment(text: str) -> tuple[str, str]:
    """Read ``NAME=VALUE``; the first equals sign separates."""
    return _pair(text, *text.split("=", 1))


def column_kind(text: str) -> tuple[str, str]:
    """Read ``NAME=KIND``; the last equals sign separates, since names may have some."""
    return _pair(text, *text.rsplit("=", 1))


def _pair(text: str, name: str, value: str = "") -> tuple[str, str]:
    if not (name and value):
        raise click.BadParameter(f"'{text}' must be written as NAME=VALUE")
    return name.strip(), value


def memory(text: str) -> float:
    """Read ``500MB``, ``2GB`` or ``1.5GiB`` as units of 10⁹ bytes."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(i?)B?", text.strip(), re.IGNORECASE)
    if not match:
        raise click.BadParameter(f"'{text}' must be written like 500MB, 2GB or 1.5GiB")
    power = " KMGT".index(match[2].upper()) if match[2] else 3
    unit = 1024.0 if match[3] else 1000.0
    return float(float(match[1]) * unit**power / 1e9)


def duration(text: str) -> float:
    """Read ``30s``, ``10m`` or ``1h`` as seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip())
    if not match:
        raise click.BadParameter(f"'{text}' must be written like 30s, 10m or 1h")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]
