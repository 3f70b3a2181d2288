"""Explained texts as one page for a browser."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kerasnn.explain.excerpts import text_excerpts
from kerasnn.report.drawing import figure_of, percent, shorten
from kerasnn.report.page import fill, style
from kerasnn.report.sections.texts import draw as texts

if TYPE_CHECKING:
    from kerasnn.data.schema import Target
    from kerasnn.explain.text import TextExplanation

# Number of classes whose probabilities are listed.
MAX_CLASSES = 5


def render(target: Target, explained: Sequence[TextExplanation]) -> str:
    """The page.

    Args:
        target: Target of the predictions.
        explained: Rows with their texts, which are shown whole.
    """
    articles = [
        texts.article(
            each.name,
            _said(each),
            True,
            [
                {"column": t.column, **text_excerpts(t.text, t.attributions, whole=True)}
                for t in each.texts
            ],
        )
        for each in explained
    ]
    legend = texts.legend(target.task, subject="what is explained")
    values = {"target": target.name, "legend": legend, "articles": articles, "css": style()}
    return fill("explained.html", values)


def _said(explained: TextExplanation) -> str:
    """The prediction, the most probable classes, and what the words are for where that is another."""
    if not explained.probabilities:
        value = figure_of(float(explained.prediction))
        return f"{value} ({figure_of(explained.base)} without the words)"
    likely = list(explained.probabilities.items())[:MAX_CLASSES]
    shares = ", ".join(f"{shorten(name, 40)} {percent(share)}" for name, share in likely)
    said = f"{shorten(str(explained.prediction), 60)} ({shares})"
    if explained.target_class != str(explained.prediction):
        said += f"; the words: for {shorten(str(explained.target_class), 40)}"
    return said
