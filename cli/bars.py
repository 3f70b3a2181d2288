"""Explanations of texts for the terminal: signed bars of words."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from kerasnn.cli.wording import line

if TYPE_CHECKING:
    from kerasnn.explain.text import TextExplanation

MAX_WORDS, MAX_CLASSES = 12, 3
# Characters of the bar on each side, and of a word.
WIDTH, WORD = 16, 40
FOR, AGAINST = "blue", "yellow"


def shown(explained: TextExplanation) -> Iterator[str]:
    """Lines: the row, what is said of it, and its strongest words with their pushes."""
    yield f"{_cut(explained.name, 60)}\t{_said(explained)}"
    words = explained.words()
    if not words:
        yield "  the text has no words"
        return
    what = (
        "" if explained.target_class is None else f"log-odds of '{_cut(explained.target_class)}' "
    )
    sign = "" if explained.target_class is None else "+"
    yield f"  {what}{explained.strength:{sign}.{2 if sign else 6}{'f' if sign else 'g'}} is the sum of"
    largest = max(abs(effect) for _, effect in words) or 1.0
    digits = min(6, max(0, 2 - math.floor(math.log10(largest))))
    yield f"  {explained.base:>+9.{digits}f}  {bar(0.0)}  (base value: the text without its words)"
    for word, effect in words[:MAX_WORDS]:
        yield f"  {effect:>+9.{digits}f}  {bar(effect / largest)}  {_cut(word)}"
    if len(words) > MAX_WORDS:
        rest = sum(effect for _, effect in words[MAX_WORDS:])
        yield f"  {rest:>+9.{digits}f}  {bar(0.0)}  ({len(words) - MAX_WORDS:,} more words)"
    yield f"  {explained.joint:>+9.{digits}f}  {bar(0.0)}  (joint effect of several words)"


def bar(share: float) -> str:
    """A bar to the right of the middle, to the left for less than 0.

    >>> click.unstyle(bar(1.0)), bar(0.0)
    ('                ┃████████████████', '                ┃                ')
    """
    length = round(abs(share) * WIDTH)
    blocks, rest = "█" * length, " " * (WIDTH - length)
    if share < 0:
        return f"{rest}{click.style(blocks, fg=AGAINST) if blocks else ''}┃{' ' * WIDTH}"
    return f"{' ' * WIDTH}┃{click.style(blocks, fg=FOR) if blocks else ''}{rest}"


def _said(explained: TextExplanation) -> str:
    if not explained.probabilities:
        return f"{explained.prediction:.6g}"
    likely = list(explained.probabilities.items())[:MAX_CLASSES]
    shares = ", ".join(f"{_cut(name)} {share:.4f}" for name, share in likely)
    return f"{_cut(str(explained.prediction))} ({shares})"


def _cut(text: str, most: int = WORD) -> str:
    """One line in which nothing commands the terminal, not too long."""
    text = line(" ".join(text.split()))
    return text if len(text) <= most else text[: most - 1] + "…"
