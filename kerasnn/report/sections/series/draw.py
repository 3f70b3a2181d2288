"""Series and sounds as small lines: some of each class, mistakes, and the surest ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from kerasnn.errors import ModelRefusedError
from kerasnn.evaluation.predicted_rows import Card
from kerasnn.report.drawing import figure_of, percent, shorten
from kerasnn.report.sections.series.collect import SeriesSection

ReportData = dict[str, Any]

WIDTH, HEIGHT = 120.0, 56.0
COLOURS = CHANNELS = 6


@dataclass(frozen=True)
class SeriesLines:
    """A small picture of lines, and what is said below it."""

    svg: Markup
    lines: list[str]


@dataclass(frozen=True)
class Row:
    """Pictures under a heading."""

    title: str
    note: str
    traces: list[SeriesLines]


@dataclass(frozen=True)
class SeriesFigure:
    """Rows of pictures, with what they are."""

    title: str
    sentence: str
    rows: list[Row]


def parts(report_data: ReportData) -> dict[str, list[SeriesFigure]]:
    """Figures by the section of the page that they stand in.

    Raises:
        ModelRefusedError: The series are damaged.
    """
    section = report_data.get("series")
    if not section:
        return {"data": [], "errors": []}
    try:
        found = {
            "data": [_samples(report_data, section)],
            "errors": _errors(report_data, section),
        }
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        raise ModelRefusedError("the series in the report of the run are damaged") from None
    return {part: [each for each in several if each.rows] for part, several in found.items()}


def picture(lines: Sequence[Sequence[Sequence[float | None]]], label: str) -> Markup:
    """Lines as SVG, from the lowest to the highest value of all of them.

    Args:
        lines: Lines that `kerasnn.report.sections.series.collect.lines_of` returns.
        label: Read out in its place.
    """
    known = [float(v) for line in lines for pair in line for v in pair if v is not None]
    low, high = min(known, default=0.0), max(known, default=1.0)
    paths = [
        Markup('<path class="c{}" d="{}"/>').format(number % COLOURS, _path(line, low, high))
        for number, line in enumerate(lines)
    ]
    opening = Markup('<svg class="trace" viewBox="0 0 {} {}" role="img" aria-label="{}">')
    shape = opening.format(f"{WIDTH:g}", f"{HEIGHT:g}", label)
    return shape + Markup("").join(paths) + Markup("</svg>")


def _path(line: Sequence[Sequence[float | None]], low: float, high: float) -> str:
    """Up and down through the lowest and the highest value of each piece, with gaps."""
    step, size = WIDTH / max(1, len(line) - 1), max(high - low, 1e-12)
    found, is_up = [], False
    for location, (least, most) in enumerate(line):
        if least is None or most is None:
            is_up = False
            continue
        for value in dict.fromkeys((float(least), float(most))):
            y = HEIGHT - 2 - (HEIGHT - 4) * (value - low) / size
            found.append(f"{'L' if is_up else 'M'}{location * step:.1f} {y:.1f}")
            is_up = True
    return "".join(found)


def _samples(report_data: ReportData, section: SeriesSection) -> SeriesFigure:
    rows = []
    for sample in section["samples"]:
        label = sample["label"]
        if label is None:
            texts = [[figure_of(value)] for value in sample["values"]]
            title, note = "from the lowest to the highest", ""
        else:
            texts = [[] for _ in sample["lines"]]
            title, note = shorten(label, 40), f"{sample['count']:,} rows"
        called = f"sample of {label if label is not None else report_data['target']}"
        traces = [
            SeriesLines(picture(lines, called), text)
            for lines, text in zip(sample["lines"], texts, strict=True)
        ]
        rows.append(Row(title, note, traces))
    return SeriesFigure(f"Samples of ‘{shorten(section['column'], 40)}’", _sentence(section), rows)


def _sentence(section: SeriesSection) -> str:
    if section["kind"] == "sound":
        seconds = figure_of(section["seconds"])
        return f"Training sounds of up to {seconds} s as waves, each as high as it can be."
    channels = section["channels"]
    several = "" if channels == 1 else f", the first {CHANNELS} of {channels} channels"
    if 1 < channels <= CHANNELS:
        several = f", {channels} channels each"
    return (
        f"Training series of up to {section['length']:,} points{several}, each from its lowest to its "
        "highest reading; a gap is a missing reading."
    )


def _errors(report_data: ReportData, section: SeriesSection) -> list[SeriesFigure]:
    titles = {
        "worst": ("The worst errors", "Wrong predictions with the highest probability."),
        "most_confident": (
            "The most confident ones",
            "Correct predictions with the highest probability.",
        ),
    }
    if report_data["task"] == "regression":
        titles = {
            "worst": (
                "The largest errors",
                "The rows with the largest difference between predicted and true value.",
            ),
            "most_confident": (
                "The smallest errors",
                "The rows with the smallest difference between predicted and true value.",
            ),
        }
    found = []
    parts = (section["worst"], section["most_confident"])
    for cards, (title, sentence) in zip(parts, titles.values(), strict=True):
        traces = [
            SeriesLines(
                picture(card["lines"], card["name"]), [card["name"], *_said(report_data, card)]
            )
            for card in cards
        ]
        found.append(SeriesFigure(title, sentence, [Row("", "", traces)] if traces else []))
    return found


def _said(report_data: ReportData, card: Card) -> list[str]:
    truth, decided = _shown(card["truth"]), _shown(card["decided"])
    if report_data["task"] in ("regression", "multilabel"):
        return [f"true: {truth}", f"said: {decided}"]
    if truth == decided:
        return [f"{decided}, {percent(card['probability'])}"]
    return [
        f"is {truth}, {percent(card['probability_of_truth'])}",
        f"said {decided}, {percent(card['probability'])}",
    ]


def _shown(value: Any) -> str:
    return shorten(value, 40) if isinstance(value, str) else figure_of(value)
