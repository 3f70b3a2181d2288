"""The inferred kind of a column, and the reasons to leave a column out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kerasnn.signature import Kind

MANY_ROWS = 20
"""Fewer rows than this are too few to call unique values identifiers or free text."""


@dataclass
class InferredKind:
    """The kind of one column.

    Args:
        kind: Kind of the column, as in `Column`.
        reason: Why, in a few words.
        layout: Layout of its text: the decimal sign of numbers, the layout of dates.
        used: True if the column can say something about a row.
        data_warnings: Problem and hint of each warning about the column.
    """

    kind: Kind
    reason: str
    layout: str = ""
    used: bool = True
    data_warnings: list[tuple[str, str]] = field(default_factory=list)


def left_out(
    kind: Kind,
    reason: str,
    what: str,
    hint: str,
    data_warnings: list[tuple[str, str]] | None = None,
) -> InferredKind:
    """A column that is not used, with a warning of that."""
    return InferredKind(
        kind, reason, used=False, data_warnings=[*(data_warnings or []), (what, hint)]
    )


def constant(value: Any) -> InferredKind:
    """All cells hold one value."""
    shown = str(value)[:40]
    return left_out("constant", f"always '{shown}'", f"always '{shown}', left out", "")


def empty() -> InferredKind:
    """No cell holds anything."""
    return left_out("constant", "no values", "has no values, left out", "")


def identifier(reason: str) -> InferredKind:
    """It names rows, and says nothing about them."""
    what = f"looks like an identifier ({reason}), left out"
    return left_out("identifier", reason, what, "override its kind if it is not one")
