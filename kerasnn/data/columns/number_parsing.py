"""Numbers written as text: ``1234.5``, ``1,234.5``, ``1.234,5``, ``12 %``, ``€5``, ``02:03:04``.

Parentheses around a number make it negative, as in accounts: ``(5.00)``, ``($5.00)``, ``$(5.00)``.

A cell with one kind of separator before exactly three digits, ``1,234``, can be read in two ways;
the decimal sign of its column settles it. Every other cell can be read in only one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
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
_CURRENCY = r"[$€£¥₹₽₩]|USD|EUR|GBP|CHF|JPY|CNY|INR"
_UNIT = re.compile(
    rf"(?P<sign>[-+]?)(?P<before>(?:{_CURRENCY})?)\s?(?P<number>[-+]?\d(?:[\d.,'\u00a0 ]*\d)?)"
    r"\s?(?P<after>(?:[^\W\d_]|[$€£¥₹₽₩%‰°µ²³/]){0,12})"
)
_NEGATIVE = re.compile(r"(?P<before>[^\s()\d]*)\s?\((?P<inside>[^()+-]+)\)(?P<after>\s?[^\s()\d]*)")
_CODE = re.compile(r"\d{2,}")
_ORDINALS = frozenset(("st", "nd", "rd", "th"))
_DURATION = re.compile(
    r"(?:(?P<days>[-+]?\d{1,9}) ?days?,?(?: |$))?"
    r"(?:(?P<sign>[-+]?)(?P<hours>\d{1,5}):(?P<minutes>[0-5]\d)(?::(?P<seconds>[0-5]\d(?:\.\d+)?))?"
    r"(?: ?(?P<half>[ap])\.?m\.?)?)?",
    re.IGNORECASE,
)

DURATION = "duration"
"""The layout of a column of durations or times of day, which are read as seconds."""


def parse(text: str, decimal: Decimal = "") -> float | None:
    """A number, or None if the text is none.

    Args:
        text: Without blanks around it.
        decimal: The column's decimal sign, for text that can be read in two ways; unknown is a
            point.

    >>> parse("1,234"), parse("1,234", ","), parse("1.234,5"), parse("(1,234.50)")
    (1234.0, 1.234, 1234.5, -1234.5)
    """
    text = _with_minus(text)
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
    """Whether a number is written with a decimal comma, separated thousands or parentheses."""
    return not _PLAIN.fullmatch(text)


def in_parentheses(text: str) -> bool:
    """Whether parentheses make a number negative.

    >>> in_parentheses("(5.00)"), in_parentheses("$(5.00)"), in_parentheses("-5.00")
    (True, True, False)
    """
    return bool(_NEGATIVE.fullmatch(text))


def are_codes(texts: Sequence[str]) -> bool:
    """Whether texts are digits of one length with leading zeros, such as postal codes.

    >>> are_codes(["007", "123"]), are_codes(["0", "1"]), are_codes(["007", "7"])
    (True, False, False)
    """
    length = len(texts[0]) if texts else 0
    return any(text[0] == "0" for text in texts) and all(
        len(text) == length and _CODE.fullmatch(text) for text in texts
    )


def split_unit(text: str) -> tuple[str, str]:
    """A number and what is written around it, such as ``kg`` or ``%``; both empty if it is none.

    >>> split_unit("12 kg"), split_unit("-$1,200"), split_unit("($5)"), split_unit("B52x")
    (('12', 'kg'), ('-1,200', '$'), ('-5', '$'), ('', ''))
    """
    found = _UNIT.fullmatch(_with_minus(text))
    if not found or found["after"].lower() in _ORDINALS:
        return "", ""
    return found["sign"] + found["number"], found["before"] + found["after"]


def seconds(text: str) -> float | None:
    """The seconds of a duration or of a time of day; None if the text is neither.

    >>> seconds("1 days 02:03:04"), seconds("02:03"), seconds("2:30 PM"), seconds("12")
    (93784.0, 7380.0, 52200.0, None)
    """
    found = _DURATION.fullmatch(text)
    if not found or (found["days"] is None and found["hours"] is None):
        return None
    hours = int(found["hours"] or 0)
    if found["half"]:
        if found["days"] or not 1 <= hours <= 12:
            return None
        hours = hours % 12 + (12 if found["half"] in "pP" else 0)
    time = 3600 * hours + 60 * int(found["minutes"] or 0) + float(found["seconds"] or 0)
    return 86_400.0 * int(found["days"] or 0) + (-time if found["sign"] == "-" else time)


def find_layout(texts: Sequence[str]) -> str | None:
    """How all of the texts can be read as numbers (`Column.layout`); None where they can't.

    It is the decimal sign, with the unit behind it if at least half of the texts have it, or
    `DURATION`.

    >>> find_layout(["1,5", "2"]), find_layout(["1.5 kg", "2 kg"]), find_layout(["02:03", "1 day"])
    (',', '. kg', 'duration')
    """
    if all(parse(text) is not None for text in texts):
        sign = decimal_sign(texts)
        return None if sign is None else sign or "."
    if all(seconds(text) is not None for text in texts):
        return DURATION
    parts = [("", "") if parse(text) is not None else split_unit(text) for text in texts]
    numbers = [number or text for (number, _), text in zip(parts, texts, strict=True)]
    units = [unit for _, unit in parts if unit]
    if 2 * len(units) < len(texts) or len({unit.casefold() for unit in units}) != 1:
        return None
    layout = find_layout(numbers)
    return f"{layout} {units[0]}" if layout in (".", ",") else None


def parse_as(text: str, layout: str) -> float | None:
    """A number by the layout of its column; None if the text is none.

    >>> parse_as("1.234,5 €", ", €"), parse_as("$5", ", €"), parse_as("01:00", DURATION)
    (1234.5, None, 3600.0)
    """
    number = parse(text, decimal_of(layout))
    if layout == DURATION:
        return number if number is not None else seconds(text)
    if number is not None or len(layout) < 3:
        return number
    without, unit = split_unit(text)
    return parse(without, decimal_of(layout)) if unit.casefold() == unit_of(layout) else None


def described(texts: Sequence[str], layout: str) -> str | None:
    """What texts are read as, by an example; None where all are plain numbers.

    >>> described(["12 kg"], ". kg"), described(["00:01"], DURATION), described(["1"], ".")
    ("numbers with a unit: '12 kg' is read as 12", "durations or times: '00:01' is read as 60 seconds", None)
    """
    shown = next((text for text in texts if parse(text) is None), None)
    if shown is None:
        return None
    number = parse_as(shown, layout) or 0.0
    if in_parentheses(shown):
        return f"numbers in parentheses, which are negative: '{shown}' is read as {number:.12g}"
    if layout == DURATION:
        return f"durations or times: '{shown}' is read as {number:.12g} seconds"
    return f"numbers with a unit: '{shown}' is read as {number:.12g}"


def decimal_of(layout: str) -> Decimal:
    """The decimal sign of a layout; empty if it has none."""
    return "," if layout.startswith(",") else "." if layout.startswith(".") else ""


def unit_of(layout: str) -> str:
    """The unit of a layout in lower case, or none."""
    return layout[2:].casefold() if decimal_of(layout) else ""


def _with_minus(text: str) -> str:
    """A number in parentheses with a minus sign in their place; any other text as it is."""
    found = _NEGATIVE.fullmatch(text) if "(" in text else None
    return f"-{found['before']}{found['inside'].strip()}{found['after']}" if found else text


def _sign(text: str) -> str:
    """Decimal sign of one cell, if it can be read in one way only."""
    text = _with_minus(text)
    point = bool(_PLAIN.fullmatch(text)) and "." in text and not _DOTTED.fullmatch(text)
    comma = bool(_COMMA.fullmatch(text)) and not _POINT.fullmatch(text)
    if point or (bool(_POINT.fullmatch(text)) and ("." in text or text.count(",") > 1)):
        return "."
    several_dots = bool(_DOTTED.fullmatch(text)) and text.count(".") > 1
    return "," if comma or several_dots else ""


def _float(text: str, decimal: str) -> float:
    kept = re.sub(rf"[^\d{decimal}eE+-]", "", text)
    return float(kept.replace(",", "."))


def describe_separators(texts: Iterable[str], layout: str) -> str | None:
    """How the first number with a separator or in parentheses is read; None if there is none.

    >>> describe_separators(["12", "1,234"], ".")
    "numbers with separators: '1,234' is read as 1234"
    """
    separated = next((text for text in texts if has_separators(text)), None)
    if separated is None:
        return None
    how = "in parentheses" if in_parentheses(separated) else "with separators"
    return f"numbers {how}: '{separated}' is read as {parse_as(separated, layout):.12g}"
