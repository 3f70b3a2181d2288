"""Texts: mistakes with the push of each word, the words that tell most, lengths, what is unknown.

The texts are a stranger's: the template escapes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from kerasnn.errors import ModelRefusedError
from kerasnn.report.drawing import (
    ACCENT,
    WARM,
    Drawing,
    draw,
    figure_of,
    percent,
    shorten,
)

ReportData = dict[str, Any]

# Pushes that are fainter than this share of the strongest one of a row are not marked.
FAINT = 0.12


@dataclass(frozen=True)
class Piece:
    """A piece of a text.

    Args:
        text: Original text.
        style: ``for`` or ``against`` what is explained; empty for neither.
        share: Size relative to the largest attribution of the row, in [0, 1].
        label: Label of the attribution.
    """

    text: str
    style: str = ""
    share: float = 0.0
    label: str = ""


@dataclass(frozen=True)
class ExcerptedText:
    """A text, whole or as excerpts, in pieces."""

    column: str
    excerpts: list[list[Piece]]
    is_begun: bool
    is_ended: bool

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to be seen of it."""
        return not any(piece.text.strip() for excerpt in self.excerpts for piece in excerpt)


@dataclass(frozen=True)
class Article:
    """A row: its texts below some lines on what is true and what was said."""

    name: str
    said: str
    is_right: bool
    texts: list[ExcerptedText]


@dataclass(frozen=True)
class TextFigure:
    """Articles under a heading."""

    title: str
    sentence: str
    articles: list[Article]


@dataclass(frozen=True)
class Words:
    """Words under a heading: each with a bar, its effect, and in how many texts it is."""

    title: str
    style: str
    rows: list[tuple[str, float, str, int]]


@dataclass(frozen=True)
class WordFigure:
    """Groups of words, with what they are."""

    title: str
    sentence: str
    groups: list[Words]


def parts(report_data: ReportData) -> dict[str, list[Any]]:
    """Drawings, shelves and glossaries by the section of the page that they stand in.

    Raises:
        ModelRefusedError: The texts are damaged.
    """
    texts = report_data.get("texts")
    if not texts:
        return {"data": [], "errors": [], "columns": []}
    try:
        return {
            "data": [_lengths(column) for column in texts["columns"]],
            "errors": [
                each
                for each in (_worst(report_data, texts), _most_confident(report_data, texts))
                if each
            ],
            "columns": [
                each for column in texts["columns"] if (each := _top_words(report_data, column))
            ],
        }
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise ModelRefusedError("the texts in the report of the run are damaged") from None


def article(name: str, said: str, is_right: bool, texts: Sequence[Mapping[str, Any]]) -> Article:
    """A row from the data of its texts, from `kerasnn.explain.excerpts.text_excerpts`."""
    effects = [
        abs(effect)
        for text in texts
        for excerpt in text["excerpts"]
        for _, effect in excerpt
        if effect is not None
    ]
    largest = max(effects, default=0.0)
    several = len(texts) > 1
    shown = [
        ExcerptedText(
            shorten(text["column"], 60) if several else "",
            [
                [_piece(words, effect, largest) for words, effect in excerpt]
                for excerpt in text["excerpts"]
            ],
            text["is_begun"],
            text["is_ended"],
        )
        for text in texts
        if any(words for excerpt in text["excerpts"] for words, _ in excerpt) or not several
    ]
    return Article(name, said, is_right, shown)


def legend(task: str, *, subject: str = "what was said") -> str:
    """What the colours mean."""
    if task == "regression":
        return (
            "Blue words raise the value, orange ones lower it: by as much as the value changes "
            "where a word is left out."
        )
    return (
        f"Blue words speak for {subject}, orange ones against it: by as much as its log-odds change "
        "where a word is left out."
    )


def _piece(text: str, effect: float | None, largest: float) -> Piece:
    share = abs(effect) / largest if effect and largest else 0.0
    if not effect or share < FAINT:
        return Piece(text)
    style = "for" if effect > 0 else "against"
    return Piece(text, style, round(share, 3), signed(effect))


def signed(effect: float) -> str:
    """A push for people, with its sign.

    >>> signed(1.234), signed(-0.5)
    ('+1.23', '−0.5')
    """
    return f"+{figure_of(effect)}" if effect > 0 else figure_of(effect)


def _worst(report_data: ReportData, texts: ReportData) -> TextFigure | None:
    if not texts["worst"]:
        return None
    title, sentence = "The worst errors", "Wrong predictions with the highest probability."
    if report_data["task"] == "regression":
        title, sentence = (
            "The largest errors",
            "The rows with the largest difference between predicted and true value.",
        )
    elif report_data["task"] == "multilabel":
        sentence = "The rows whose true labels got the lowest probability."
    return _text_figure(report_data, title, sentence, texts["worst"])


def _most_confident(report_data: ReportData, texts: ReportData) -> TextFigure | None:
    if not texts["most_confident"]:
        return None
    title, sentence = "The most confident ones", "Correct predictions with the highest probability."
    if report_data["task"] == "regression":
        title, sentence = (
            "The smallest errors",
            "The rows with the smallest difference between predicted and true value.",
        )
    return _text_figure(report_data, title, sentence, texts["most_confident"])


def _text_figure(
    report_data: ReportData, title: str, sentence: str, cards: Sequence[ReportData]
) -> TextFigure:
    articles = [
        article(
            card["name"],
            _said(report_data, card),
            card["truth"] == card["decided"],
            card["texts"],
        )
        for card in cards
    ]
    is_marked = any(
        piece.style
        for each in articles
        for excerpted in each.texts
        for excerpt in excerpted.excerpts
        for piece in excerpt
    )
    return TextFigure(
        title, f"{sentence} {legend(report_data['task'])}" if is_marked else sentence, articles
    )


def _said(report_data: ReportData, card: ReportData) -> str:
    """What is true and what was said of a row, in a line."""
    truth, decided = _shown(card["truth"]), _shown(card["decided"])
    if report_data["task"] == "regression":
        return f"true {truth}, predicted {decided}"
    if report_data["task"] == "multilabel":
        subject = f"; the words: for {_shown(card['target_class'])}"
        return f"true: {truth}; predicted: {decided}{subject}"
    if truth == decided:
        return f"{decided}, {percent(card['probability'])}"
    return (
        f"is {truth} ({percent(card['probability_of_truth'])}), "
        f"said {decided} ({percent(card['probability'])})"
    )


def _shown(value: Any) -> str:
    return shorten(value, 60) if isinstance(value, str) else figure_of(value)


def _top_words(report_data: ReportData, column: ReportData) -> WordFigure | None:
    summary = [group for group in column["top_words"] if group["words"]]
    if not summary:
        return None
    largest = max(word["effect"] for group in summary for word in group["words"])
    groups = []
    for group in summary:
        rows = [
            (word["word"], word["effect"] / largest, figure_of(word["effect"]), word["rows"])
            for word in group["words"]
        ]
        style = "for" if group["sign"] > 0 else "against"
        groups.append(Words(_group_title(report_data, group), style, rows))
    what = f"the {'log-odds of a class' if report_data['task'] != 'regression' else 'value'}"
    sentence = (
        f"How much {what} {'lose' if report_data['task'] != 'regression' else 'changes'} where a word of "
        f"‘{shorten(column['name'], 40)}’ is left out of a text, on average over held-out texts; "
        "the number on the right is how many of them contain it."
    )
    return WordFigure("The most influential words", sentence, groups)


def _group_title(report_data: ReportData, group: ReportData) -> str:
    if group["label"] is not None:
        return f"for {shorten(group['label'], 40)}"
    verb = "raise" if group["sign"] > 0 else "lower"
    return f"{verb} {shorten(report_data['target'], 40)}"


def _lengths(column: ReportData) -> Drawing:
    """How long texts are, where they are cut, and what is not known of them."""
    summary, unit = column["lengths"], column["unit"]
    edges, counts = np.array(summary["edges"], float), np.array(summary["counts"], float)

    def paint(axes: Axes) -> None:
        axes.bar(edges[:-1], counts, np.diff(edges), align="edge", color=ACCENT, alpha=0.75)
        if column["length"] <= edges[-1]:
            axes.axvline(column["length"], color=WARM, linewidth=1.2)
        axes.set_xlabel(unit if unit == "characters" else "words and signs")
        axes.set_ylabel("texts")
        axes.set_xlim(0, edges[-1])
        axes.grid(visible=False, axis="x")

    title = f"Length of ‘{shorten(column['name'], 30)}’"
    return draw(title, f"{_length_sentence(column)} {_coverage_sentence(column)}", paint)


def _length_sentence(column: ReportData) -> str:
    summary, unit = column["lengths"], column["unit"]
    what = unit if unit == "characters" else "words and signs"
    found = f"Half of the texts have more than {figure_of(summary['median'])} {what}."
    if summary["cut"]:
        found += (
            f" {percent(summary['cut'])} are longer than {column['length']:,} and are cut there."
        )
    if summary["empty"]:
        found += f" {percent(summary['empty'])} are empty."
    return found


def _coverage_sentence(column: ReportData) -> str:
    summary, unit = column["coverage"], column["unit"]
    if not summary["unknown"]:
        return f"The vocabulary of {summary['vocabulary']:,} {unit} covers all tokens of the held-out texts."
    found = (
        f"The vocabulary of {summary['vocabulary']:,} {unit} covers {percent(1 - summary['unknown'])} of "
        "the tokens of the held-out texts"
    )
    words = ", ".join(f"‘{shorten(word, 24)}’" for word, _ in summary["frequent"][:5])
    return f"{found}; most often missing are {words}." if words else f"{found}."
