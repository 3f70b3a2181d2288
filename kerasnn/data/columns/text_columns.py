"""Kinds of columns of texts: numbers, dates, categories, identifiers or free text."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kerasnn.data.columns import cells, dates, number_parsing, values
from kerasnn.data.columns.kind_inference import (
    MANY_ROWS,
    InferredKind,
    constant,
    empty,
    identifier,
    left_out,
)
from kerasnn.data.columns.number_columns import of_numbers
from kerasnn.data.columns.scripts import count_words
from kerasnn.data.frames import location
from kerasnn.errors import DataError, quantity

NEARLY_ALL = 0.95

_PAIRS = [{"true", "false"}, {"yes", "no"}, {"t", "f"}, {"y", "n"}, {"on", "off"}]
_SAMPLE = 1_000
# So many categories that each is in few rows hardly say anything about new ones.
MANY_CATEGORIES, SELDOM = 10_000, 0.2
# Phone numbers, account numbers, plates: parts with a digit in each, or of a few capitals.
_CODE_PART = r"(?:[A-Z(]{1,3}[.)/-]?|[!-~]*\d[!-~]*)"
_CODES = re.compile(rf"{_CODE_PART}(?: {_CODE_PART}){{1,6}}")


def of_text(series: pd.Series, raw: pa.Array) -> InferredKind:
    """What the texts are read as, and what about them the user should know."""
    array = cells.text_cells(raw, dash=False)
    n_missing = array.null_count - raw.null_count
    found = _plain_numbers(series, raw)
    if found is None:
        texts, indices = cells.distinct(array)
        found = _of_distinct(series, texts, indices)
    dash = found.kind in ("number", "date", "boolean")
    if dash:
        n_missing = cells.text_cells(raw, dash=True).null_count - raw.null_count
    # In free text such words are words.
    if n_missing and found.kind != "constant" and not (found.kind == "text" and found.used):
        shown = ", ".join(f"'{marker}'" for marker in _markers(raw, dash=dash))
        if shown:
            hint = "ignore this if it is right"
            found.data_warnings.append(
                (
                    f"{quantity(n_missing, 'cell')} such as {shown} {'is' if n_missing == 1 else 'are'} read as missing",
                    hint,
                )
            )
    return found


def _plain_numbers(series: pd.Series, raw: pa.Array) -> InferredKind | None:
    """The frequent case of numbers as any program writes them, without a look at each cell."""
    array = cells.text_cells(raw, dash=True)
    codes = pc.any(pc.match_substring_regex(array, r"^0\d+$")).as_py()
    if codes or array.null_count == len(array):
        return None
    try:
        # Most columns of text show it at once; a failed cast of all cells is slow.
        array.drop_null().slice(0, 20).cast(pa.float64())
        numbers = np.array(array.cast(pa.float64()).fill_null(np.nan), dtype=np.float64)
    except pa.ArrowInvalid:
        return None
    whole = not pc.any(pc.match_substring_regex(array, "[.eE]")).as_py()
    return of_numbers(series, numbers, whole=whole)


def _of_distinct(series: pd.Series, texts: list[str], indices: np.ndarray) -> InferredKind:
    some_missing = bool((indices < 0).any())
    known = [text for text in texts if text != "-"]
    if not known:
        return empty() if not texts else constant("-")
    if len(texts) == 1 and not some_missing:
        return constant(texts[0])
    sample = known[:_SAMPLE]
    are_codes = number_parsing.are_codes(known)
    share = sum(number_parsing.parse(text) is not None for text in sample) / len(sample)
    if share == 1 and not are_codes:
        number = _separated_numbers(series, known)
        if number is not None:
            return number
    if len(known) <= 6 and {text.lower() for text in known} in _PAIRS:
        return InferredKind("boolean", " or ".join(sorted(known)))
    date = _dates_of_text(series, known)
    if date is not None:
        return date
    number = _numbers_with_units(series, known) if share < 1 else None
    if number is not None:
        return number
    found = _of_strings(series, texts, indices)
    if are_codes and found.used:
        what = f"codes with leading zeros, such as '{known[0]}', are read as categories"
        hint = f"if they are numbers, pass columns={{'{series.name}': 'number'}}"
        found.data_warnings.insert(0, (what, hint))
    mixed = _mixed(known) if share >= 0.5 else None
    if mixed and found.kind == "identifier":
        return left_out("text", "numbers and text mixed", f"{mixed[0]}, left out", mixed[1])
    found.data_warnings = (
        [mixed, *found.data_warnings] if mixed else _units(sample) + found.data_warnings
    )
    return found


def _separated_numbers(series: pd.Series, texts: list[str]) -> InferredKind | None:
    """Numbers some of which have a decimal comma or separated thousands."""
    if any(number_parsing.parse(text) is None for text in texts):
        return None
    sign = number_parsing.decimal_sign(texts)
    if sign is None:
        comma = next(text for text in texts if number_parsing.decimal_sign([text]) == ",")
        point = next(text for text in texts if number_parsing.decimal_sign([text]) == ".")
        problem = f"numbers with a decimal comma and with a decimal point: '{comma}', '{point}'"
        raise DataError(problem, location=location(series), hint="write them in one way")
    layout = sign or "."
    numbers = values.as_numbers(series, layout=layout)
    found = of_numbers(series, numbers, whole=bool((numbers == np.floor(numbers)).all()))
    separators = number_parsing.describe_separators(texts, layout)
    if found.used and separators is not None:
        found.data_warnings.insert(0, (separators, "write plain numbers, if that is wrong"))
    found.layout = layout
    return found


def _numbers_with_units(series: pd.Series, texts: list[str]) -> InferredKind | None:
    """Durations, times of day, and numbers with the same unit around them."""
    if number_parsing.find_layout(texts[:20]) is None:
        return None
    layout = number_parsing.find_layout(texts)
    if layout is None:
        return None
    numbers = values.as_numbers(series, layout=layout)
    found = of_numbers(series, numbers, whole=False)
    if found.used:
        is_duration = layout == number_parsing.DURATION
        found.reason = "durations in seconds" if is_duration else f"numbers in {layout[2:]}"
        what = number_parsing.described(texts, layout) or found.reason
        hint = f"if that is wrong, pass columns={{'{series.name}': 'category'}}"
        found.data_warnings.insert(0, (what, hint))
    found.layout = layout
    return found


def _dates_of_text(series: pd.Series, texts: list[str]) -> InferredKind | None:
    if not dates.looks_like_dates(texts[:3]):
        return None
    layouts = dates.layouts(texts)
    if not layouts:
        if not dates.looks_like_dates(texts):
            return None
        one = dates.layouts(texts[:1])
        if not one:
            return None
        other = texts[int(np.argmin(dates.parse_each(texts, one[0])[1]))]
        problem = f"dates in different layouts: '{texts[0]}', '{other}'"
        raise DataError(problem, location=location(series), hint="write them as 2026-01-31")
    shown = dates.described(layouts[0])
    found = InferredKind("date", f"dates as {shown}", layouts[0])
    days = {layout.split(" ")[0].split("T")[0] for layout in layouts}
    problem, hint = f"read as dates, {shown}", "override its kind if they are none"
    if len(days) > 1:
        problem += ", although the day may as well be first"
        hint = "write them as 2026-01-31"
    found.data_warnings.append((problem, hint))
    if differ := dates.zone_of(series)[1]:
        found.data_warnings.append((differ, "write all times with one offset"))
    return found


def _of_strings(series: pd.Series, texts: list[str], indices: np.ndarray) -> InferredKind:
    counts = np.bincount(indices[indices >= 0], minlength=len(texts))
    n_rows = int(counts.sum())
    share = len(texts) / n_rows
    n_words = np.array([count_words(text) for text in texts])
    words = float(n_words @ counts) / n_rows
    data_warnings = cut_texts(texts, values.LONGEST_CATEGORY)
    if n_rows >= MANY_ROWS:
        n_codes = sum(counts[i] for i, text in enumerate(texts) if is_code(text))
        if words >= 2 and share > 0.5 and n_codes > NEARLY_ALL * n_rows:
            found = identifier(f"{len(texts):,} different codes such as '{texts[0][:20]}'")
            found.data_warnings = [
                (found.data_warnings[0][0], f"pass columns={{'{series.name}': 'text'}} if not")
            ]
            return found
        if (words >= 2 and share > 0.5) or (words >= 5 and share > 0.1):
            cut = cut_texts(texts, values.LONGEST_TEXT)
            return InferredKind("text", f"free text, {words:.0f} words a cell", data_warnings=cut)
        if share > NEARLY_ALL:
            found = identifier(f"{len(texts):,} different texts in {n_rows:,} rows")
            found.data_warnings = data_warnings + found.data_warnings
            return found
        if share > 0.5 or (share > SELDOM and len(texts) > MANY_CATEGORIES):
            what = f"{len(texts):,} different texts in {n_rows:,} rows are too many for useful categories"
            data_warnings.append((what, f"pass drop=['{series.name}'] if it only names rows"))
    reason = f"{len(texts):,} different texts" if len(texts) > 1 else "one text or none"
    return InferredKind("category", reason, data_warnings=data_warnings)


def is_code(text: str) -> bool:
    """Whether a text of several parts is made of digits, signs and a few capitals alone.

    >>> is_code("+49 156 5722882"), is_code("DE89 3704 0044"), is_code("3 green apples")
    (True, True, False)
    """
    return bool(_CODES.fullmatch(text)) and any(c.isdigit() for c in text)


def cut_texts(texts: list[str], most: int) -> list[tuple[str, str]]:
    """Texts that have more characters than are read."""
    longest = max(map(len, texts), default=0)
    if longest <= most:
        return []
    what = f"a text of {longest:,} characters is cut after {most:,}"
    return [(what, "check for an unclosed quote")]


def _mixed(texts: list[str]) -> tuple[str, str] | None:
    """Numbers among which some cells are none, with an example of each."""
    other = next((text for text in texts if number_parsing.parse(text) is None), None)
    if other is None:
        return None
    number = next(text for text in texts if number_parsing.parse(text) is not None)
    what = f"numbers and text mixed: '{number}', '{other[:40]}'"
    return what, "correct or empty the cells that are not numbers"


def _units(sample: list[str]) -> list[tuple[str, str]]:
    """Numbers nearly all of which have the same unit around them."""
    units = [unit for text in sample if (unit := number_parsing.split_unit(text)[1])]
    common = max(set(units), key=units.count, default="")
    if common and units.count(common) >= 0.9 * len(sample) > 1:
        shown = next(text for text in sample if number_parsing.split_unit(text)[1] == common)
        other = next(
            (text for text in sample if number_parsing.split_unit(text)[1] != common), None
        )
        if other is None:
            what = f"numbers with the unit of '{shown}', some with a decimal comma, are text"
            return [(what, "write all with a decimal point")]
        what = f"numbers with the unit of '{shown}' and others, such as '{other[:40]}', are text"
        return [(what, "correct or empty the cells that are others")]
    return []


def _markers(raw: pa.Array, *, dash: bool) -> list[str]:
    markers = pa.array([*cells.MARKERS[1:], "-"] if dash else cells.MARKERS[1:], raw.type)
    trimmed = pc.utf8_trim_whitespace(raw)
    found = pc.unique(pc.filter(trimmed, pc.is_in(trimmed, value_set=markers)))
    return sorted(found.to_pylist())
