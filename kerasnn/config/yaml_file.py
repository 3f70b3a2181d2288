"""The file of a configuration: YAML with the line of each value, and the text that is written."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import yaml

from kerasnn.constraints import SECTIONS, sections_of
from kerasnn.errors import ConfigError, ModelRefusedError, UnknownNameError
from kerasnn.files.storage import read_file

# Sections hold keys, one of which holds columns; a value may be a list.
DEEPEST = 8
LARGEST, MOST_VALUES = 8 * 2**20, 200_000
_HEADER = """\
# Everything that this run used, and where each value came from.
# To repeat it: kerasnn train --config config.yaml
"""


class Value(NamedTuple):
    """A value as it was written, with the line it stands on, and the comment behind it."""

    key: str
    value: Any
    location: str | None = None
    comment: str = ""


class _Loader(yaml.SafeLoader):
    """Bounded in what it makes: a file of a run may be a stranger's."""

    def __init__(self, text: str, name: str) -> None:
        super().__init__(text)
        self.name, self._depth, self._count = name, 0, 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """A node of the file, unless there are too many or it lies too deep."""
        self._depth, self._count = self._depth + 1, self._count + 1
        if self._depth > DEEPEST:
            raise ConfigError(f"nested deeper than {DEEPEST} levels", location=self.name)
        if self._count > MOST_VALUES:
            raise ConfigError(f"more than {MOST_VALUES:,} names and values", location=self.name)
        try:
            node: yaml.Node | None = super().compose_node(parent, index)
        finally:
            self._depth -= 1
        return node


def read(path: str | os.PathLike[str], *, below: Path | None = None) -> list[Value]:
    """Read the values of a file; their keys are dotted, and not checked yet.

    Args:
        path: Name of the file.
        below: Folder of a run, below which no link is followed; None for a file of the user.

    Raises:
        ConfigError: There is no such file, or it is not YAML of sections and keys.
    """
    name = os.fspath(path)
    try:
        text = read_file(path, most=LARGEST, below=below).decode("utf-8")
        root = _Loader(text, name).get_single_node()
    except FileNotFoundError:
        raise ConfigError(f"no such file '{name}'", hint="check the path") from None
    except ModelRefusedError as error:
        if os.path.isdir(path):
            raise ConfigError(f"'{name}' is a folder", hint="give the file in it") from None
        raise ConfigError(error.problem, location=name, hint="give a file of text") from None
    except UnicodeDecodeError:
        raise ConfigError(f"'{name}' is not UTF-8 text", hint="save it as UTF-8") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        location = f"{name}:{mark.line + 1}" if mark else name
        raise ConfigError(f"not YAML: {error.problem}", location=location) from None
    except yaml.YAMLError as error:
        # The lines that follow say the place again.
        raise ConfigError(f"not YAML: {str(error).splitlines()[0]}", location=name) from None
    return list(_values(root, name, text)) if root is not None else []


def _values(root: yaml.Node, file: str, text: str) -> Iterator[Value]:
    """The values of each section."""
    sections = [*SECTIONS, "model"]
    for section, location, node in _items(root, file, "the configuration"):
        if keys := sections_of(section) if section not in sections else []:
            hint = f"write it under '{keys[0].split('.')[0]}:'"
            raise ConfigError(
                f"key '{section}' stands outside a section", location=location, hint=hint
            )
        if section not in sections:
            raise UnknownNameError("section", section, sections, location=location)
        if _is_null(node):
            continue
        for name, name_place, value in _items(node, file, f"section '{section}'"):
            if (section, name) == ("data", "columns"):
                for column, kind_place, kind in _items(value, file, "`data.columns`"):
                    key, comment = f"data.columns.{column}", _comment(kind, text)
                    yield Value(key, _plain(kind, file), kind_place, comment)
            else:
                key, comment = f"{section}.{name}", _comment(value, text)
                yield Value(key, _plain(value, file), name_place, comment)


def _items(node: yaml.Node, file: str, what: str) -> Iterator[tuple[str, str, yaml.Node]]:
    """Name, place and node of each item of a mapping."""
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(
            f"{what} must be a mapping of names to values", location=_place(node, file)
        )
    seen: dict[str, str] = {}
    for key, value in node.value:
        location = _place(key, file)
        if not isinstance(key, yaml.ScalarNode):
            raise ConfigError("a key must be a name", location=location)
        if key.value in seen:
            raise ConfigError(
                f"key '{key.value}' is given twice", location=location, hint="remove one"
            )
        seen[key.value] = location
        yield key.value, location, value


def _plain(node: yaml.Node, file: str) -> Any:
    """The text of a scalar (None where it is null), or a list of them."""
    if isinstance(node, yaml.ScalarNode):
        return None if _is_null(node) else node.value
    if isinstance(node, yaml.SequenceNode):
        items = [item for item in node.value if isinstance(item, yaml.ScalarNode)]
        if len(items) == len(node.value):
            return [item.value for item in items]
    raise ConfigError("a value must be a number, a text or a list", location=_place(node, file))


def _comment(node: yaml.Node, text: str) -> str:
    """What stands behind a value on its line."""
    rest = text[node.end_mark.index :].split("\n", 1)[0]
    return rest.partition("#")[2].strip()


def _is_null(node: yaml.Node) -> bool:
    return bool(node.tag == "tag:yaml.org,2002:null")


def _place(node: yaml.Node, file: str) -> str:
    return f"{file}:{node.start_mark.line + 1}"


def render(
    config: Mapping[str, Mapping[str, Any]],
    origins: Mapping[str, str],
    notes: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """The text of a file with each value's origin as a comment, and notes above some of them."""
    lines = [_HEADER]
    for section, values in config.items():
        lines.append(f"{section}:")
        for name, value in values.items():
            key = f"{section}.{name}"
            lines += [f"  # {notes[key]}"] if key in notes else []
            lines += _render_value(key, value, origins)
        lines.append("")
    return "\n".join(lines)


def with_value(text: str, key: str, value: Any, *, origin: str) -> str:
    """The text of a file as `render` makes it with another value of a key, such as ``run.seed``."""
    section, name = key.split(".", 1)
    head, mark, rest = text.partition(f"{section}:\n")
    line = _render_value(key, value, {key: origin})[0]
    changed = re.sub(rf"^  {re.escape(name)}: .*$", lambda _: line, rest, count=1, flags=re.M)
    return head + mark + changed


def _render_value(key: str, value: Any, origins: Mapping[str, str]) -> list[str]:
    name = key.split(".", 1)[1]
    if key == "data.columns" and value:
        lines = [f"  {name}:"]
        for column, kind in value.items():
            lines.append(f"    {_one_line(column)}: {kind}  # {origins[f'{key}.{column}']}")
        return lines
    return [f"  {name}: {_one_line(value)}  # {origins[key]}"]


def _one_line(value: Any) -> str:
    """A scalar or a list as one line of YAML."""
    value = list(value) if isinstance(value, tuple) else value
    for style in (None, '"'):
        text: str = yaml.safe_dump(
            value,
            default_style=style,
            default_flow_style=True,
            width=math.inf,
            allow_unicode=True,
        )
        text = text.removesuffix("...\n").rstrip("\n")
        if "\n" not in text:
            return text
    raise AssertionError("quoted YAML has one line")
