"""Numbers written as text: ``1234.5``, ``1,234.5``, ``1.234,5``, ``1 234,5``.

A cell with one kind of separator before exactly three digits, ``1,234``, can be read in two ways;
the decimal sign of its column settles it. Every other cell can be read in only one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

Decimal = Literal["", ".", ","]

_PLAIN = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")
_INFINITY = re.compile(r"[-+]?inf(inity)?", re.IGNORECASE)
_POINT = re.compile(
    r"[-+]?[1-9]\d{0,2}((,|[ '\u00a0\u202f])\d{3})(\2\d{3})*(\.\d*)?([eE][-+]?\d+)?"
)
_COMMA = re.compile(
    r"[-+]?([1-9]\d{0,2}((\.|[ '\u00a0\u202f])\d{3})(\3\d{3})*|\d*),\d+([eE][-+]?\d+)?"
)
_DOTTED = re.compile(r"[-+]?[1-9]\d{0,2}(\.\d{3})+")
_CURRENCY = r"[$€£¥₹]|USD|EUR|GBP|CHF|JPY|CNY|INR"
_UNIT = re.compile(
    rf"(?P<before>(?:{_CURRENCY})?)\s?[-+]?\d[\d.,']*\s?(?P<after>(?:[a-zA-Zµ°%€£²³/]{{1,6}})?)"
)


def parse(text: str, decimal: Decimal = "") -> float | None:
    """A number, or None if the text is none.

    Args:
        text: Without blanks around it.
        decimal: The column's decimal sign, for text that can be read in two ways; unknown is a
            point.

    >>> parse("1,234"), parse("1,234", ","), parse("1.234,5")
    (1234.0, 1.234, 1234.5)
    """
    if decimal == "," and _DOTTED.fullmatch(text):
        return float(text.replace(".", ""))
    if _PLAIN.fullmatch(text) or _INFINITY.fullmatch(text):
        return float(text)
    if decimal == "," and _COMMA.fullmatch(text):
        return _float(text, ",")
    if _POINT.fullmatch(text):
        return _float(text, ".")
    return _float(text, ",") if _COMMA.fullmatch(text) else None


def decimal_sign(texts: Iterable[str]) -> Decimal | None:
    """The decimal sign that the cells of a column agree on, ``""`` if no cell tells.

    None if they contradict each other.
    """
    signs = {_sign(text) for text in texts} - {""}
    if len(signs) > 1:
        return None
    return signs.pop() if signs else ""  # type: ignore[return-value]


def has_separators(text: str) -> bool:
    """Whether a number is written with a decimal comma or with separated thousands."""
    return not _PLAIN.fullmatch(text)


def unit(text: str) -> str:
    """What is written around a number, such as ``kg`` or ``%``; empty if it is none.

    >>> unit("12 kg"), unit("$5"), unit("B52x")
    ('kg', '$', '')
    """
    found = _UNIT.fullmatch(text)
    return (found["before"] or found["after"]) if found else ""


def _sign(text: str) -> str:
    """Of one cell, if it can be read in one way only."""
    point = bool(_PLAIN.fullmatch(text)) and "." in text and not _DOTTED.fullmatch(text)
    comma = bool(_COMMA.fullmatch(text)) and not _POINT.fullmatch(text)
    if point or (bool(_POINT.fullmatch(text)) and ("." in text or text.count(",") > 1)):
        return "."
    several_dots = bool(_DOTTED.fullmatch(text)) and text.count(".") > 1
    return "," if comma or several_dots else ""


def _float(text: str, decimal: str) -> float:
    kept = re.sub(rf"[^\d{decimal}eE+-]", "", text)
    return float(kept.replace(",", "."))
