"""How a message of the library is said on a terminal: on one line, its parameters as options."""

from __future__ import annotations

import re

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
    (r"as `(time|series)`", r"with --\1"),
    (r"set `forecast\.horizon` to how", "say with --horizon how"),
    (r"with `columns`", "with --column NAME=KIND"),
    (r"set `(image_size|sample_rate|sound_seconds)`", r"add --set \1=N"),
    (r"raise `run\.time_limit_s`", "give a longer --time-limit"),
    (r"set `horizon`", "add --horizon N"),
    (r"override its kind", "add --column NAME=KIND"),
    (r"pass `beside`", "add --beside NAME=VALUE"),
    (r"force its replacement|use `force` to replace it", "replace it with --force"),
)


def line(message: object) -> str:
    """One line in which nothing can command the terminal, with options for parameters.

    >>> line("the text is UTF-16, not UTF-8 – pass encoding='utf-16'")
    "the text is UTF-16, not UTF-8 – add --encoding 'utf-16'"
    """
    # A name or a cell of a stranger's table may hold line ends and escape sequences.
    text = one_line(str(message))
    for parameter, option in _OPTIONS:
        text = re.sub(parameter, option, text)
    return text
