"""Texts with the push of each word: all of a short text, and of a long one where the pushes are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kerasnn.explain.occlusion import WordAttribution

# Characters of a text that is shown whole, and on each side of a word of a longer one.
SHOWN, AROUND = 480, 70
# Characters by which an excerpt may be shorter, so that it begins and ends between words.
SLACK = 24


def text_excerpts(
    text: str, attributions: Sequence[WordAttribution], *, whole: bool = False
) -> dict[str, Any]:
    """A text as plain data.

    Args:
        text: Original text.
        attributions: Attributions of its words, in order.
        whole: True to show a long text to its end.

    Returns:
        ``excerpts``, each a list of a piece of the text and its effect, None where nothing was left
        out, and ``is_begun`` and ``is_ended``: whether the text begins and ends with them.
    """
    text = text.encode("utf-8", "replace").decode()
    is_whole = whole or len(text) <= SHOWN
    spans = [(0, len(text))] if is_whole else _excerpts(text, attributions)
    return {
        "excerpts": [list(_pieces(text, attributions, *span)) for span in spans],
        "is_begun": spans[0][0] == 0,
        "is_ended": spans[-1][1] == len(text),
    }


def _excerpts(text: str, attributions: Sequence[WordAttribution]) -> list[tuple[int, int]]:
    """Around the words with the largest effects, in order, none of them touching another."""
    chosen: list[tuple[int, int]] = []
    for attribution in sorted(
        attributions, key=lambda attribution: (attribution.n_words > 1, -abs(attribution.effect))
    ):
        start, stop = (
            attribution.start - AROUND,
            min(attribution.stop, attribution.start + AROUND) + AROUND,
        )
        merged = _merged([*chosen, _between_words(text, start, stop)])
        if chosen and sum(b - a for a, b in merged) > SHOWN:
            break
        chosen = merged
    return chosen or [_between_words(text, 0, SHOWN)]


def _merged(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for start, stop in sorted(spans):
        if found and start <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(stop, found[-1][1]))
        else:
            found.append((start, stop))
    return found


def _between_words(text: str, start: int, stop: int) -> tuple[int, int]:
    """The span moved inwards to the nearest spaces, where there are any, and to the text's ends."""
    start, stop = max(0, start), min(len(text), stop)
    if start > 0:
        start = next((i + 1 for i in range(start, start + SLACK) if text[i].isspace()), start)
    if stop < len(text):
        stop = next((i for i in range(stop, stop - SLACK, -1) if text[i].isspace()), stop)
    return start, stop


def _pieces(
    text: str, attributions: Sequence[WordAttribution], start: int, stop: int
) -> Iterator[tuple[str, float | None]]:
    """Pieces of a span that give it when put together."""
    at = start
    for attribution in attributions:
        first, last = max(attribution.start, start), min(attribution.stop, stop)
        if first >= last:
            continue
        if first > at:
            yield text[at:first], None
        yield text[first:last], float(f"{attribution.effect:.4g}")
        at = last
    if at < stop:
        yield text[at:stop], None
