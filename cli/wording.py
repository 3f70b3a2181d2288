"""How a message of the library is said on a terminal: on one line, its parameters as options."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import partial

from kerasnn.errors import one_line

_OPTIONS = (
    (r"pass (encoding|delimiter)='([^']*)'", r"add --\1 '\2'"),
    (r"pass columns=\{'(.*?)': '(\w+)'\}", r"add --column '\1=\2'"),
    (r"pass task='(\w+)'", r"add --task \1"),
    (r"pass drop=\['(.*?)'\]", r"add --drop '\1'"),
    (r"split by '(\w+)'", r"add --split \1"),
    (r"set `training\.batch_size` to (\d+)", r"add --batch-size \1"),
    (r"set `data\.infinite` to 'missing'", "add --set data.infinite=missing"),
    (r"pass series='(.*?)'", r"add --series '\1'"),
    (r"as `(time|series|target)`", r"with --\1"),
    (r"set `forecast\.horizon` to how", "say with --horizon how"),
    (r"set `run\.ensemble` to how", "say with --ensemble how"),
    (r"set `run\.ensemble` to (\d+)", r"add --ensemble \1"),
    (r"set `run\.ensemble` as", "give --ensemble as"),
    (r"train with `forecast\.coverage`", "train with --coverage"),
    (r"raise `split\.validation`", "add --set split.validation=SHARE"),
    (r"set `split\.column`", "add --split KIND:COLUMN"),
    (r"set `training\.pretrained` to a file", "add --set training.pretrained=FILE, a file"),
    (r"set `((?:data|preprocessing)\.\w+)`(?! to)", r"add --set \1=VALUE"),
    (r"with `columns`", "with --column NAME=KIND"),
    (r"set `(image_size|sample_rate|sound_seconds|text_length)`", r"add --set \1=N"),
    (r"raise `run\.time_limit_s`", "give a longer --time-limit"),
    (r"set `(?:forecast\.)?horizon`", "add --horizon N"),
    (r"override its kind", "add --column NAME=KIND"),
    (r"pass `other_columns`", "add --other-column NAME=VALUE"),
    (r"force its replacement|use `force` to replace it", "replace it with --force"),
)
_NAMED = re.compile(r"(?:add|say with|with|give a longer|give|replace it with) (--[a-z-]+)")


def line(message: object, options: Collection[str] = ()) -> str:
    """One line in which nothing can command the terminal, with options for parameters.

    Args:
        message: A message of the library.
        options: Options of the command that shows it; what another one takes is said to be of the
            training. Empty where the command is not known.

    >>> line("the text is UTF-16, not UTF-8 – pass encoding='utf-16'")
    "the text is UTF-16, not UTF-8 – add --encoding 'utf-16'"
    """
    # A name or a cell of a stranger's table may hold line ends and escape sequences.
    text = one_line(str(message))
    for parameter, advice in _OPTIONS:
        text = re.sub(parameter, partial(_followable, advice=advice, options=options), text)
    return text


def _followable(match: re.Match[str], *, advice: str, options: Collection[str]) -> str:
    """Advice that the command takes, or that is said to be for the training."""
    text = match.expand(advice)
    named = _NAMED.match(text)
    if not named or not options or named[1] in options:
        return text
    return f"train with {text[named.start(1) :]}"
