"""Text of others, such as the names of columns, in a page of Markdown."""

from __future__ import annotations

import json
import re

_TICKS = re.compile(r"`+")
# An underscore within a word, and most signs within a line, mean nothing.
_SIGNS = re.compile(r"([\\`*\[\]<>|~&]|:(?=//)|(?<![^\W_])_|_(?![^\W_]))")


def code(text: str) -> str:
    """Format as code within a line, so that nothing in it is read as Markdown.

    >>> code("age"), code("a`b")
    ('`age`', '`` a`b ``')
    """
    line = _line(text)
    longest = max(map(len, _TICKS.findall(line)), default=0)
    ticks = "`" * (longest + 1)
    return f"{ticks} {line} {ticks}" if longest or line != line.strip() else f"{ticks}{line}{ticks}"


def literal(text: str) -> str:
    r"""Format as a Python string in a block of code, which no backticks in it end.

    >>> literal('a`"b')
    '"a\\u0060\\"b"'
    """
    return json.dumps(text, ensure_ascii=False).replace("`", r"\u0060")


def plain(text: str) -> str:
    r"""Format as plain text within a line or a table cell, without links, HTML or formatting.

    >>> print(plain("age_1"), plain("[a](b)|<i>"))
    age_1 \[a\](b)\|\<i\>
    """
    return _SIGNS.sub(r"\\\1", _line(text))


def _line(text: str) -> str:
    """Without characters that end a line or steer a terminal."""
    return "".join(sign if sign.isprintable() else " " for sign in text)
