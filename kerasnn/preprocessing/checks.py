"""Checks of a preprocessor from an untrusted file: `Preprocessor.fit` could have made it.

A bundle may come from a stranger: what is not plain, bounded and consistent is refused.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from kerasnn.constraints import RANGES
from kerasnn.data.columns import dates, series_cells
from kerasnn.data.columns.cells import MARKERS
from kerasnn.data.columns.labels import SEPARATORS
from kerasnn.data.columns.values import LONGEST_TEXT
from kerasnn.data.media import sound_cells
from kerasnn.data.media.images import layout_text
from kerasnn.data.media.wav import HIGHEST_RATE
from kerasnn.data.schema import USED_KINDS, Column, Target
from kerasnn.errors import ModelRefusedError
from kerasnn.options import PreprocessingOptions
from kerasnn.preprocessing.arithmetic import LARGEST
from kerasnn.preprocessing.embeddings import are_edges, are_resolved
from kerasnn.preprocessing.target_transforms import is_transform
from kerasnn.signature import Kind, Task, Unit

if TYPE_CHECKING:
    from kerasnn.data.readers.long_tables import LongTable
    from kerasnn.preprocessing.categories import Vocabulary
    from kerasnn.preprocessing.dates import DateColumn
    from kerasnn.preprocessing.images import ImageColumn
    from kerasnn.preprocessing.numbers import NumberColumn
    from kerasnn.preprocessing.preprocessor import Preprocessor
    from kerasnn.preprocessing.series import SeriesColumn
    from kerasnn.preprocessing.sounds import SoundColumn
    from kerasnn.preprocessing.texts import TextColumn

# Python evaluates the text of annotations: once, not at each load of a bundle.
_hints = functools.cache(get_type_hints)
WIDEST_EMBEDDING = 4_096
MOST_KNOTS = 1_000
LATEST_DAY = 4_000_000
LARGEST_SIDE = 4_096
LONGEST_SERIES, MOST_CHANNELS = 10_000_000, 100_000
MOST_TOKENS = 10_000_000
# Characters; a longer token, such as an address, is never in a vocabulary.
LONGEST_TOKEN = 100


def check_state(preprocessor: Preprocessor) -> None:
    """Refuse a state that fitting can't lead to.

    Raises:
        ModelRefusedError: Says the first thing that is wrong.
    """
    for is_right, what in _claims(preprocessor):
        if not is_right:
            raise ModelRefusedError(f"the preprocessing is malformed: {what}")


def _claims(preprocessor: Preprocessor) -> Iterator[tuple[bool, str]]:
    """What must hold, lazily: a later claim may count on the earlier ones."""
    schema = preprocessor.schema
    for column in schema.columns:
        yield _is_column(column), f"column {column.name!r}"
    names = [column.name for column in schema.columns]
    yield len({*names, schema.target.name}) == len(names) + 1, "names are repeated"
    yield _is_target(schema.target), "the target"
    yield schema.long is None or _is_long(schema.long, names), "the long table"
    yield all(isinstance(note, str) for note in schema.notes), "the notes"
    yield _are_options(preprocessor.options), "the options"
    for kinds, state in (
        (("number", "boolean"), preprocessor.numbers),
        (("date",), preprocessor.dates),
        (("category",), preprocessor.vocabularies),
        (("image",), preprocessor.images),
        (("text",), preprocessor.texts),
        (("series",), preprocessor.series),
        (("sound",), preprocessor.sounds),
    ):
        expected = [column.name for column in schema.features if column.kind in kinds]
        yield [column.name for column in state] == expected, f"the columns of kind {kinds[0]}"
    is_quantile = preprocessor.options.scale == "quantile"
    yield all(is_number_column(c, is_quantile) for c in preprocessor.numbers), "numbers"
    yield all(_is_date_column(column) for column in preprocessor.dates), "dates"
    yield _are_bins(preprocessor), "the embedding of numbers"
    yield all(is_vocabulary(v) for v in preprocessor.vocabularies), "vocabularies"
    layouts = [column.layout for column in schema.features if column.kind == "image"]
    yield all(map(_is_image_column, preprocessor.images, layouts)), "images"
    layouts = [column.layout for column in schema.features if column.kind == "text"]
    yield all(map(_is_text_column, preprocessor.texts, layouts)), "texts"
    layouts = [column.layout for column in schema.features if column.kind == "series"]
    yield all(map(_is_series_column, preprocessor.series, layouts)), "series"
    layouts = [column.layout for column in schema.features if column.kind == "sound"]
    yield all(map(_is_sound_column, preprocessor.sounds, layouts)), "sounds"
    coder = preprocessor.coder
    yield coder.target == schema.target, "two targets"
    yield are_floats([coder.mean, coder.deviation], limit=math.inf), "the target's scale"
    yield coder.deviation > 0, "the target's scale"
    yield type(coder.non_negative) is bool, "the target's scale"
    yield is_transform(coder.transform), "the target's transform"
    plain = coder.target.task != "regression"
    yield not plain or coder.transform.name == "none", "the target's transform"


def _is_column(column: Column) -> bool:
    texts = (column.name, column.reason, column.layout)
    return (
        all(isinstance(text, str) for text in texts)
        and column.kind in get_args(Kind)
        and isinstance(column.used, bool)
        and (column.kind != "date" or not column.layout or dates.is_layout(column.layout))
        and (column.kind in USED_KINDS or not column.used)
    )


def _is_long(long: LongTable, names: list[str]) -> bool:
    named = (long.keys, long.channels, long.constants)
    return (
        all(isinstance(name, str) for part in named for name in part)
        and len(long.keys) > 0 < len(long.channels)
        and isinstance(long.time, str)
        and long.column in names
    )


def _is_target(target: Target) -> bool:
    classes = target.classes
    least, most = {"binary": (2, 2), "regression": (0, 0)}.get(target.task, (2, math.inf))
    return (
        isinstance(target.name, str)
        and isinstance(target.layout, str)
        and target.task in get_args(Task)
        and target.label_type in ("str", "int", "float", "bool")
        and least <= len(classes) <= most
        and _are_words(classes)
        and (target.label_type in ("str", "bool") or all(_is_numeral(label) for label in classes))
        and type(target.indicators) is bool
        and _is_separator(target)
    )


def _is_separator(target: Target) -> bool:
    """Labels of a set can be told apart again; other targets have nothing to separate."""
    if target.task != "multilabel":
        return target.separator == "" and not target.indicators
    sign = target.separator
    return sign in SEPARATORS and not any(sign in label for label in target.classes)


def _are_options(options: PreprocessingOptions) -> bool:
    for name, kind in _hints(PreprocessingOptions).items():
        value, choices = getattr(options, name), get_args(kind)
        if choices:
            is_right = isinstance(value, str) and value in choices
        elif kind is float:
            is_right = are_floats([value], limit=math.inf)
        else:
            is_right = type(value) is kind and abs(value) < 2**31
        if not is_right:
            return False
    return options.embedding_width >= 0 and all(
        getattr(options, name) in RANGES[f"preprocessing.{name}"]
        for name in ("number_width", "number_bins", "frequencies", "frequency_scale")
    )


def is_number_column(column: NumberColumn, is_quantile: bool) -> bool:
    """Whether its numbers are finite and its knots ascend."""
    knots, scores = column.knots, column.scores
    return (
        are_floats([column.fill, column.center, column.factor, *knots, *scores])
        and isinstance(column.indicator, bool)
        and len(knots) == len(scores) <= (MOST_KNOTS if is_quantile else 0)
        and all(left < right for left, right in pairwise(knots))
    )


def _are_bins(preprocessor: Preprocessor) -> bool:
    """There are edges of each column of numbers just where they are embedded by bins."""
    options, bins = preprocessor.options, preprocessor.bins
    kind, names = options.number_embedding, preprocessor.number_names
    if kind == "none" or not names:
        return bins == ()
    return (
        len(bins) == (len(names) if kind == "piecewise_linear" else 0)
        and all(are_floats(edges) and are_edges(edges) for edges in bins)
        and all(len(edges) <= options.number_bins + 1 for edges in bins)
        and are_resolved(options, len(names))
    )


def _is_date_column(column: DateColumn) -> bool:
    return (
        type(column.centre_day) is int
        and 0 <= column.centre_day <= LATEST_DAY
        and are_floats([column.centre_share, column.factor], limit=1e7)
        and isinstance(column.has_time, bool)
        and isinstance(column.indicator, bool)
    )


def _is_image_column(column: ImageColumn, layout: str) -> bool:
    sizes = (column.height, column.width, column.channels)
    return (
        all(type(size) is int and 1 <= size <= LARGEST_SIDE for size in sizes)
        and column.channels in (1, 3)
        and layout == layout_text(*sizes)
        and len(column.mean) == len(column.deviation) == column.channels
        and are_floats([*column.mean, *column.deviation], limit=1e6)
        and min(column.deviation) > 0
    )


def _is_text_column(column: TextColumn, layout: str) -> bool:
    longest = 1 if column.unit == "characters" else LONGEST_TOKEN
    return (
        column.unit in get_args(Unit)
        and column.unit == layout
        and type(column.length) is int
        and 1 <= column.length <= LONGEST_TEXT
        and type(column.lower_case) is bool
        and type(column.buckets) is int
        and 0 <= column.buckets <= MOST_TOKENS
        and len(column.words) <= MOST_TOKENS
        and _are_words(column.words)
        and all(len(word) <= longest and _is_unicode(word) for word in column.words)
    )


def _is_series_column(column: SeriesColumn, layout: str) -> bool:
    return (
        type(column.length) is int
        and 1 <= column.length <= LONGEST_SERIES
        and type(column.channels) is int
        and 1 <= column.channels <= MOST_CHANNELS
        and layout == series_cells.layout_text(column.length, column.channels)
        and len(column.mean) == len(column.deviation) == column.channels
        and are_floats([*column.mean, *column.deviation])
        and min(column.deviation) > 0
        and type(column.has_missing) is bool
    )


def _is_sound_column(column: SoundColumn, layout: str) -> bool:
    return (
        type(column.samples) is int
        and 1 <= column.samples <= LONGEST_SERIES
        and type(column.rate) is int
        and 1 <= column.rate <= HIGHEST_RATE
        and layout == sound_cells.layout_text(column.rate, column.samples)
        and are_floats([column.mean, column.deviation], limit=1e6)
        and column.deviation > 0
    )


def is_vocabulary(vocabulary: Vocabulary) -> bool:
    """Whether its words are texts, each once, and none stands for a missing value."""
    return (
        _are_words(vocabulary.words)
        and not set(vocabulary.words) & set(MARKERS)
        and type(vocabulary.width) is int
        and 0 <= vocabulary.width <= WIDEST_EMBEDDING
    )


def _are_words(words: tuple[Any, ...]) -> bool:
    return all(isinstance(w, str) and w for w in words) and len(set(words)) == len(words)


def _is_unicode(text: str) -> bool:
    """Half of a surrogate pair is no character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def are_floats(values: Iterable[Any], *, limit: float = LARGEST * 1.001) -> bool:
    """Whether all are finite numbers within a limit."""
    return all(
        type(value) in (int, float) and math.isfinite(value) and abs(value) <= limit
        for value in values
    )


def _is_numeral(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
