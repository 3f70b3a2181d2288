"""What each column of a table is, and what is to be predicted.

The kind of a column decides how it is read and encoded; nothing else about it does.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from kerasnn.signature import Kind as Kind
from kerasnn.signature import Task

USED_KINDS: tuple[Kind, ...] = ("number", "category", "boolean", "date")


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Args:
        name: As in the data.
        kind: Number, category, boolean and date are encoded; the other kinds are left out.
        reason: Why the kind was chosen, or why the column is left out, in a few words.
        used: Whether the network sees the column.
    """

    name: str
    kind: Kind
    reason: str = ""
    used: bool = True


@dataclass(frozen=True)
class Target:
    """The column to be predicted.

    Args:
        name: As in the data.
        task: Binary, multiclass or regression.
        classes: Labels in the order of their codes, as text; empty for regression.
        label_type: How labels are given back in Python: ``"str"``, ``"int"``, ``"float"`` or ``"bool"``.
    """

    name: str
    task: Task
    classes: tuple[str, ...] = ()
    label_type: Literal["str", "int", "float", "bool"] = "str"


@dataclass(frozen=True)
class Schema:
    """The columns of a table, without the target, in the order of the data, and the target."""

    columns: tuple[Column, ...]
    target: Target
    notes: tuple[str, ...] = field(default=())

    @property
    def features(self) -> tuple[Column, ...]:
        """The columns that the network sees."""
        return tuple(column for column in self.columns if column.used)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Schema:
        """Rebuild from `to_dict`'s data, also after a trip through JSON."""
        target = data["target"]
        return cls(
            tuple(Column(**column) for column in data["columns"]),
            Target(**{**target, "classes": tuple(target["classes"])}),
            tuple(data["notes"]),
        )
