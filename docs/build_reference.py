"""Write the reference pages of the site from the code: configuration, commands, Python, exit codes.

`docs/conf.py` calls `write` at the start of each build, so that no reference page is written by hand.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import click

import kerasnn
from kerasnn import errors, layers, models
from kerasnn.cli.main import VERBS, commands
from kerasnn.cli.options import OTHER, Command
from kerasnn.constraints import RANGES, SECTIONS, fields_of

FOLDER = Path(__file__).parent / "reference"


def write(folder: Path = FOLDER) -> None:
    """Write all reference pages; a page that has not changed keeps its time."""
    folder.mkdir(exist_ok=True)
    pages = {
        "configuration.md": configuration(),
        "commands.md": command_line(),
        "exit-codes.md": exit_codes(),
        "python.md": python(),
        "factories.md": module_page("Factories", models, "kerasnn.models"),
        "layers.md": module_page("Layers", layers, "kerasnn.layers"),
    }
    for name, text in pages.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def configuration() -> str:
    """Every key of the configuration, with its default and its values."""
    parts = [
        "# Configuration keys",
        "Each key can be set in a configuration file (`kerasnn train -c config.yaml`), by "
        "`--set section.key=value`, and in Python by `set={'section.key': value}`. A key whose "
        "last part is unique may be written without its section. The hyper-parameters of a model "
        "are keys too; the [models](../models.md) page lists them.",
    ]
    for section, options in SECTIONS.items():
        about = inspect.getdoc(options) or ""
        meanings = arguments(about)
        rows = [
            f"| `{section}.{field.name}` | {code(default_of(field))} "
            f"| {values_of(f'{section}.{field.name}', fields_of(section)[field.name])} "
            f"| {cell(meanings[field.name])} |"
            for field in fields(options)
        ]
        head = ["| key | default | values | meaning |", "|---|---|---|---|"]
        parts += [f"## {section}", markdown(about.partition("\n\n")[0]), "\n".join([*head, *rows])]
    return "\n\n".join(parts) + "\n"


def command_line() -> str:
    """Every command with its arguments, options and examples."""
    parts = [
        "# Commands",
        "`kerasnn COMMAND --help` prints the same text. Results go to standard output, progress "
        "and warnings to standard error. An option that sets a configuration key names it in "
        "parentheses.",
    ]
    for name in VERBS:
        command = commands.get_command(click.Context(commands), name)
        assert isinstance(command, Command)
        context = click.Context(command, info_name=f"kerasnn {name}")
        usage = " ".join([f"kerasnn {name}", *command.collect_usage_pieces(context)])
        about = markdown(inspect.cleandoc(command.help or ""))
        parts += [f"## kerasnn {name}", f"```text\n{usage}\n```", about]
        for group, rows in option_tables(command, context).items():
            title = "Options of all commands" if group == OTHER else group
            parts.append("\n".join([f"| {title} | |", "|---|---|", *rows]))
        if command.examples:
            parts.append("```console\n" + "\n".join(f"$ {e}" for e in command.examples) + "\n```")
    return "\n\n".join(parts) + "\n"


def option_tables(command: click.Command, context: click.Context) -> dict[str, list[str]]:
    """A row for each option, by the heading under which the help shows it."""
    groups: dict[str, list[str]] = {}
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is None or not isinstance(parameter, click.Option):
            continue
        key = getattr(parameter, "key", None)
        text = re.sub(r"\[x>=(\d+)\]", r"At least \1.", record[1])
        meaning = cell(text) + (f" (`{key}`)" if key else "")
        groups.setdefault(getattr(parameter, "group", OTHER), []).append(
            f"| {code(record[0])} | {meaning} |"
        )
    return {name: groups[name] for name in sorted(groups, key=lambda name: name == OTHER)}


def exit_codes() -> str:
    """The exit codes of all commands and the errors of Python that stand behind them."""
    rows = [
        "| 0 | The command did what was asked. | |",
        "| 1 | A score is below the limit of `--fail-under`, or kerasnn itself has a fault. | |",
    ]
    meanings = {
        2: "The data or an argument is wrong. Nothing was written.",
        3: "A bundle or an export was refused.",
        4: "Reading or writing failed, or the memory is too small.",
    }
    by_code: dict[int, list[str]] = {}
    for name in kerasnn.__all__:
        value = getattr(errors, name, None)
        if inspect.isclass(value) and issubclass(value, errors.KerasnnError):
            by_code.setdefault(value.exit_code, []).append(f"`kerasnn.{name}`")
    rows += [
        f"| {c} | {meanings[c]} | {', '.join(names)} |" for c, names in sorted(by_code.items())
    ]
    rows += [
        "| 130 | The command was interrupted by Ctrl-C or SIGTERM; `--resume` continues a run. | |",
        "| 141 | The reader of the output has closed it. | |",
    ]
    return "\n".join(
        [
            "# Exit codes",
            "",
            "An error is one line on standard error: what is wrong, where, and what to do. "
            "`--debug` adds the traceback.",
            "",
            "| code | meaning | error in Python |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def python() -> str:
    """Every public name of `kerasnn`."""
    groups: dict[str, list[str]] = {"Functions": [], "Classes": [], "Errors and warnings": []}
    for name in kerasnn.__all__:
        value = getattr(kerasnn, name)
        if inspect.ismodule(value):
            continue
        if inspect.isclass(value) and issubclass(value, Exception):
            groups["Errors and warnings"].append(name)
        else:
            groups["Classes" if inspect.isclass(value) else "Functions"].append(name)
    parts = [
        "# Python",
        "The names of the package `kerasnn`. The factories of networks are on "
        "[a page of their own](factories.md), and so are the [layers](layers.md).",
    ]
    for title, names in groups.items():
        parts.append(f"## {title}")
        parts += [documented(getattr(kerasnn, n), f"kerasnn.{n}", level=3) for n in names]
    return "\n\n".join(parts) + "\n"


def module_page(title: str, module: types.ModuleType, path: str) -> str:
    """Every public name of a module."""
    about = markdown((inspect.getdoc(module) or "").partition("\n\n")[0])
    parts = [f"# {title}", about]
    for name in sorted(module.__all__):
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isroutine(value):
            parts.append(documented(value, f"{path}.{name}", level=2))
        else:
            parts.append(f"## {path}.{name}\n\n```python\n{name} = {value!r}\n```")
    return "\n\n".join(parts) + "\n"


def documented(value: Any, path: str, *, level: int) -> str:
    """A function or a class with its public methods and properties, under a heading."""
    mark = "#" * level
    owner = path.rpartition(".")[2]
    parts = [f"{mark} {path}", signature(value, owner), *docstring(value)]
    if inspect.isclass(value) and not issubclass(value, Exception):
        for name, member in public_members(value):
            text = inspect.getdoc(member)
            if isinstance(member, property):
                parts += [f"{mark}# {owner}.{name}", *docstring(member)]
            elif text:
                parts += [f"{mark}# {owner}.{name}", signature(member, name), *docstring(member)]
    return "\n\n".join(filter(None, parts))


def public_members(value: type) -> Iterator[tuple[str, Any]]:
    """Methods and properties that kerasnn defines, in alphabetical order."""
    for name, member in inspect.getmembers(value):
        home = getattr(getattr(member, "fget", member), "__module__", "") or ""
        known = inspect.isroutine(member) or isinstance(member, property)
        if not name.startswith("_") and known and home.startswith("kerasnn"):
            yield name, member


def signature(value: Any, name: str) -> str:
    """The call as Python writes it, wrapped to lines of one parameter where it is long."""
    try:
        text = str(inspect.signature(value))
    except (TypeError, ValueError):
        return ""
    line = f"{name}{text}"
    if len(line) > 88:
        parameters = list(inspect.signature(value).parameters.values())
        lines = [f"    {each},\n" for each in parameters]
        kinds = [each.kind for each in parameters]
        if (
            inspect.Parameter.KEYWORD_ONLY in kinds
            and inspect.Parameter.VAR_POSITIONAL not in kinds
        ):
            lines.insert(kinds.index(inspect.Parameter.KEYWORD_ONLY), "    *,\n")
        line = f"{name}(\n{''.join(lines)})"
    line = line.replace("'", "")
    return f"```python\n{line}\n```"


_SECTIONS = (
    "Args",
    "Shape",
    "Returns",
    "Yields",
    "Raises",
    "Reference",
    "References",
    "Attributes",
)


def docstring(value: Any) -> list[str]:
    """A docstring of Google's style as Markdown, by paragraphs."""
    text = inspect.getdoc(value) or ""
    parts: list[str] = []
    for block in re.split(r"\n\n", text):
        title, _, body = block.partition("\n")
        if title.rstrip(":") in _SECTIONS and title.endswith(":"):
            parts += [f"**{title.rstrip(':')}**", listed(inspect.cleandoc(body))]
        elif block.startswith(">>>"):
            parts.append(f"```pycon\n{block}\n```")
        elif block.startswith("::") or block.startswith("    "):
            parts.append(f"```text\n{inspect.cleandoc(block.removeprefix('::'))}\n```")
        else:
            is_code = block.endswith("::")
            parts.append(markdown(block.removesuffix(":") if is_code else block))
    return [part for part in parts if part.strip()]


def listed(body: str) -> str:
    """The entries of a section as a list; free text stays a paragraph."""
    entries = re.findall(r"^([\w*`., ]+?): ((?:.*)(?:\n {4}.*)*)", body, flags=re.MULTILINE)
    if not entries or not re.match(r"[\w*]+: ", body):
        return markdown(" ".join(body.split()))
    return "\n".join(f"- {code(name)}: {markdown(' '.join(t.split()))}" for name, t in entries)


def arguments(text: str) -> dict[str, str]:
    """What a docstring says about each argument, on one line each."""
    block = text.partition("\nArgs:\n")[2].partition("\n\n")[0]
    found = re.findall(r"^ {4}(\w+): ((?:.*)(?:\n {8}.*)*)", block, flags=re.MULTILINE)
    return {name: " ".join(meaning.split()) for name, meaning in found}


def default_of(field: Any) -> str:
    """The default of a key as a configuration file writes it."""
    value = field.default if field.default is not MISSING else field.default_factory()
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return str(list(value)) if isinstance(value, tuple) else str(value) or "''"


def values_of(key: str, annotation: Any) -> str:
    """What a key accepts: choices, a range, or a type."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        (annotation,) = (each for each in inner if each is not types.NoneType)
        return f"{values_of(key, annotation)}, or null"
    if origin is Literal:
        return ", ".join(code(choice) for choice in inner)
    if key in RANGES:
        kind = "integer" if annotation is int else "number"
        return f"{kind} {RANGES[key]}"
    names = {str: "text", bool: "true or false", int: "integer", float: "number"}
    if annotation in names:
        return names[annotation]
    return "names with a value each" if origin is not tuple else "list of names"


def markdown(text: str) -> str:
    """Markdown's marks of code in place of those of docstrings."""
    return text.replace("``", "`")


def code(text: object) -> str:
    """Text as code in a cell."""
    return f"`{cell(str(text))}`"


def cell(text: str) -> str:
    """Text that a cell of a table can hold."""
    return markdown(" ".join(text.split())).replace("|", "\\|")


if __name__ == "__main__":
    write()
