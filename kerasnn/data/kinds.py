"""What a column holds: the kind, why, and what about it the user should know."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kerasnn.data import cells, dates, numerals, values
from kerasnn.data.folders import is_picture_path
from kerasnn.data.frames import place
from kerasnn.data.pictures import is_picture
from kerasnn.errors import DataError
from kerasnn.signature import Kind

USED_KINDS: tuple[Kind, ...] = ("number", "category", "boolean", "date", "image")

NEARLY_ALL = 0.95
MANY_ROWS = 20
"""Fewer rows than this are too few to call unique values identifiers or free text."""

_PAIRS = [{"true", "false"}, {"yes", "no"}, {"t", "f"}, {"y", "n"}, {"on", "off"}]
_SAMPLE = 1_000
_MOSTLY = 0.9
_NAMED_ID = re.compile(r"(?:^|[_\W])(?:id|uuid|guid|key|index|idx)$", re.IGNORECASE)
_CAMEL_ID = re.compile(r"[a-z]I[dD]$")
_CODE = re.compile(r"\d{5,}")
_ORDINAL = ("st", "nd", "rd", "th")


@dataclass
class Guess:
    """The kind of one column.

    Args:
        kind: As in `Column`.
        reason: Why, in a few words.
        layout: How its text is read: the decimal sign of numbers, the layout of dates.
        used: Whether the column says something about a row.
        findings: What to warn of: what, and how to mend it.
    """

    kind: Kind
    reason: str
    layout: str = ""
    used: bool = True
    findings: list[tuple[str, str]] = field(default_factory=list)


def guess(series: pd.Series) -> Guess:
    """Find the kind of a column by its cells and its name.

    Raises:
        DataError: If it holds infinite numbers, or numbers or dates written in two ways.
    """
    images = _of_images(series)
    if images is not None:
        return images
    first = next((value for value in series.head(100) if value is not None), None)
    if isinstance(first, list | dict | np.ndarray):
        return _left_out(
            "text", "lists or objects", "holds lists or objects, left out", "flatten it"
        )
    array = cells.to_arrow(series)
    form = cells.form_of(array)
    if form == "text":
        return _of_text(series, array)
    if array.null_count == len(array):
        return _empty()
    if form == "numbers":
        return _of_numbers(series, values.as_numbers(series), whole=pa.types.is_integer(array.type))
    n_distinct = pc.count_distinct(array).as_py()
    if n_distinct == 1 and not array.null_count:
        return _constant(array[0].as_py())
    return Guess("boolean", "true or false") if form == "booleans" else Guess("date", "timestamps")


def force(series: pd.Series, kind: Kind) -> Guess:
    """Take a column for what the user says it is.

    Raises:
        DataError: If a cell can't be read as that.
    """
    given = Guess(kind, "given", used=kind in USED_KINDS)
    if kind == "number":
        numbers = values.as_numbers(series)
        given.layout = _sign_of(series)
        given.findings = check_numbers(series, numbers, whole=False)
        empty = np.isnan(numbers).all()
    elif kind == "boolean":
        empty = np.isnan(values.as_booleans(series)).all()
    elif kind == "date":
        given.layout = _date_layout(series)
        empty = (values.as_dates(series, layout=given.layout) == values.MISSING_DATE).all()
    elif kind == "category":
        empty = all(cell is None for cell in values.as_categories(series))
        array = cells.to_arrow(series)
        given.findings = _long(cells.distinct(array)[0]) if cells.form_of(array) == "text" else []
    else:
        empty = False
    return _empty() if empty else given


def _of_images(series: pd.Series) -> Guess | None:
    """Image cells, or texts that end as the names of images do."""
    if series.dtype != object and not pd.api.types.is_string_dtype(series.dtype):
        return None
    known = series.dropna()
    first = [os.fspath(c) if isinstance(c, os.PathLike) else c for c in known.head(20)]
    texts = [cell for cell in first if isinstance(cell, str)]
    if not texts:
        return Guess("image", "images") if first and all(map(is_picture, first)) else None
    if not any(map(is_picture_path, texts)):
        return None
    if len(texts) < len(first):
        return None
    # A name that is no UTF-8 can't be text of Arrow.
    paths = {os.fspath(cell) for cell in known}
    named = sum(map(is_picture_path, paths))
    return Guess("image", f"{named:,} image files") if named >= _MOSTLY * len(paths) else None


def _of_text(series: pd.Series, raw: pa.Array) -> Guess:
    array = cells.text_cells(raw, dash=False)
    n_missing = array.null_count - raw.null_count
    found = _plain_numbers(series, raw)
    if found is None:
        texts, indices = cells.distinct(array)
        found = _of_distinct(series, texts, indices)
    dash = found.kind in ("number", "date", "boolean")
    if dash:
        n_missing = cells.text_cells(raw, dash=True).null_count - raw.null_count
    if n_missing and found.kind != "constant":
        shown = ", ".join(f"'{marker}'" for marker in _markers(raw, dash=dash))
        if shown:
            fix = "nothing to do, if that is right"
            found.findings.append((f"{n_missing:,} cells such as {shown} are read as missing", fix))
    return found


def _plain_numbers(series: pd.Series, raw: pa.Array) -> Guess | None:
    """The frequent case of numbers as any program writes them, without a look at each cell."""
    array = cells.text_cells(raw, dash=True)
    codes = pc.any(pc.match_substring_regex(array, r"^0\d{4,}$")).as_py()
    if codes or array.null_count == len(array):
        return None
    try:
        # Most columns of text show it at once; a failed cast of all cells is slow.
        array.drop_null().slice(0, 20).cast(pa.float64())
        numbers = np.array(array.cast(pa.float64()).fill_null(np.nan), dtype=np.float64)
    except pa.ArrowInvalid:
        return None
    whole = not pc.any(pc.match_substring_regex(array, "[.eE]")).as_py()
    return _of_numbers(series, numbers, whole=whole)


def _of_distinct(series: pd.Series, texts: list[str], indices: np.ndarray) -> Guess:
    some_missing = bool((indices < 0).any())
    known = [text for text in texts if text != "-"]
    if not known:
        return _empty() if not texts else _constant("-")
    if len(texts) == 1 and not some_missing:
        return _constant(texts[0])
    sample = known[:_SAMPLE]
    share = sum(numerals.parse(text) is not None for text in sample) / len(sample)
    if share == 1 and not _are_codes(known):
        number = _separated_numbers(series, known)
        if number is not None:
            return number
    if len(known) <= 6 and {text.lower() for text in known} in _PAIRS:
        return Guess("boolean", " or ".join(sorted(known)))
    date = _dates_of_text(series, known)
    if date is not None:
        return date
    found = _of_strings(series, texts, indices)
    mixed = _mixed(known) if share >= 0.5 else None
    if mixed and found.kind == "identifier":
        return _left_out("text", "numbers and text mixed", f"{mixed[0]}, left out", mixed[1])
    found.findings = [mixed, *found.findings] if mixed else _units(sample) + found.findings
    return found


def _separated_numbers(series: pd.Series, texts: list[str]) -> Guess | None:
    """Numbers some of which have a decimal comma or separated thousands."""
    if any(numerals.parse(text) is None for text in texts):
        return None
    sign = numerals.decimal_sign(texts)
    if sign is None:
        comma = next(text for text in texts if numerals.decimal_sign([text]) == ",")
        point = next(text for text in texts if numerals.decimal_sign([text]) == ".")
        what = f"numbers with a decimal comma and with a decimal point: '{comma}', '{point}'"
        raise DataError(what, place=place(series), fix="write them in one way")
    layout = sign or "."
    numbers = values.as_numbers(series, decimal=layout)
    found = _of_numbers(series, numbers, whole=bool((numbers == np.floor(numbers)).all()))
    separated = next((text for text in texts if numerals.has_separators(text)), None)
    if found.used and separated is not None:
        number = numerals.parse(separated, layout)
        what = f"numbers with separators: '{separated}' is read as {number:.12g}"
        found.findings.insert(0, (what, "write plain numbers, if that is wrong"))
    found.layout = layout
    return found


def _of_numbers(series: pd.Series, numbers: np.ndarray, *, whole: bool) -> Guess:
    findings = check_numbers(series, numbers, whole=whole)
    present = numbers[~np.isnan(numbers)]
    distinct = pd.unique(present)
    if not len(distinct):
        return _empty()
    # Whole numbers beyond 2^53 may differ and still be one float.
    if len(distinct) == 1 and len(present) == len(numbers) and abs(distinct[0]) <= 2**53:
        return _constant(cells.number_text(distinct[0]))
    named = bool(_NAMED_ID.search(str(series.name)) or _CAMEL_ID.search(str(series.name)))
    if whole and len(distinct) == len(numbers) >= MANY_ROWS:
        low, high = present.min(), present.max()
        if low in (0, 1) and high - low == len(numbers) - 1:
            return _identifier(f"counts from {low:.0f} to {high:.0f}")
        if named:
            return _identifier("named like an identifier, never repeats")
    if named and whole and len(distinct) > 2:
        fix = f"pass columns={{'{series.name}': 'category'}} if it only names things"
        findings.append(("named like an identifier but read as a number", fix))
    return Guess("number", "whole numbers" if whole else "numbers", ".", findings=findings)


def check_numbers(series: pd.Series, numbers: np.ndarray, *, whole: bool) -> list[tuple[str, str]]:
    """Raise on what float32 can't hold; warn of what it holds badly."""
    with np.errstate(over="ignore", invalid="ignore"):
        single = numbers.astype(np.float32)
    rows = np.flatnonzero(np.isinf(single))
    if len(rows):
        shown = ", ".join(f"{numbers[row]:g}" for row in rows[:3])
        what = (
            f"infinite or too large: {shown}"
            if len(rows) < 4
            else f"{len(rows):,} infinite cells: {shown}, …"
        )
        where = place(series, series.index[rows[0]])
        raise DataError(what, place=where, fix="leave such cells empty")
    if not len(numbers) or np.isnan(numbers).all():
        return []
    largest = np.nanmax(np.abs(numbers))
    if largest >= 1e30:
        return [(f"a number as large as {largest:g}", "check for a marker of missing values")]
    if largest > 2**53 and whole:
        what = f"whole numbers above 2^53, such as {largest:.0f}, lose digits"
        return [(what, f"pass columns={{'{series.name}': 'category'}} if they are codes")]
    n_distinct, n_single = len(pd.unique(numbers)), len(pd.unique(single))
    if n_single < 0.9 * n_distinct:
        what = f"{n_distinct:,} different numbers become {n_single:,} in single precision"
        return [(what, "subtract an offset, such as the smallest value")]
    return []


def _dates_of_text(series: pd.Series, texts: list[str]) -> Guess | None:
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
        what = f"dates in different layouts: '{texts[0]}', '{other}'"
        raise DataError(what, place=place(series), fix="write them as 2026-01-31")
    shown = "ISO 8601" if layouts[0] == dates.ISO else layouts[0]
    found = Guess("date", f"dates as {shown}", layouts[0])
    days = {layout.split(" ")[0].split("T")[0] for layout in layouts}
    what, fix = f"read as dates, {shown}", "override its kind if they are none"
    if len(days) > 1:
        what += ", although the day may as well be first"
        fix = "write them as 2026-01-31"
    found.findings.append((what, fix))
    return found


def _of_strings(series: pd.Series, texts: list[str], indices: np.ndarray) -> Guess:
    counts = np.bincount(indices[indices >= 0], minlength=len(texts))
    n_rows = int(counts.sum())
    share = len(texts) / n_rows
    n_words = np.array([text.count(" ") + 1 for text in texts])
    words = float(n_words @ counts) / n_rows
    findings = _long(texts)
    if n_rows >= MANY_ROWS:
        if (words >= 2 and share > 0.5) or (words >= 5 and share > 0.1):
            what, fix = "free text is left out", "no model for tables reads text"
            return _left_out("text", f"free text, {words:.0f} words a cell", what, fix, findings)
        if share > NEARLY_ALL:
            found = _identifier(f"{len(texts):,} different texts in {n_rows:,} rows")
            found.findings = findings + found.findings
            return found
        if share > 0.5:
            what = f"{len(texts):,} different texts in {n_rows:,} rows say little"
            findings.append((what, f"pass drop=['{series.name}'] if it only names rows"))
    reason = f"{len(texts):,} different texts" if len(texts) > 1 else "one text or none"
    return Guess("category", reason, findings=findings)


def _long(texts: list[str]) -> list[tuple[str, str]]:
    """Texts that are too long for a category."""
    longest = max(map(len, texts), default=0)
    if longest <= values.LONGEST_CATEGORY:
        return []
    what = f"a text of {longest:,} characters is cut after {values.LONGEST_CATEGORY:,}"
    return [(what, "check for an unclosed quote")]


def _mixed(texts: list[str]) -> tuple[str, str] | None:
    """Numbers among which some cells are none, with an example of each."""
    other = next((text for text in texts if numerals.parse(text) is None), None)
    if other is None:
        return None
    number = next(text for text in texts if numerals.parse(text) is not None)
    what = f"numbers and text mixed: '{number}', '{other[:40]}'"
    return what, "mend or empty the cells that are no numbers"


def _units(sample: list[str]) -> list[tuple[str, str]]:
    """Numbers each of which has the same unit around it."""
    units = [unit for text in sample if (unit := numerals.unit(text))]
    common = max(set(units), key=units.count, default="")
    if common and common not in _ORDINAL and units.count(common) >= 0.9 * len(sample) > 1:
        shown = next(text for text in sample if numerals.unit(text) == common)
        what = f"numbers with a unit, such as '{shown}', are read as text"
        return [(what, f"remove '{common}' from the cells")]
    return []


def _are_codes(texts: list[str]) -> bool:
    """Digits of one length with leading zeros, such as postal codes."""
    length = len(texts[0])
    return any(text[0] == "0" for text in texts) and all(
        len(text) == length and _CODE.fullmatch(text) for text in texts
    )


def _markers(raw: pa.Array, *, dash: bool) -> list[str]:
    markers = pa.array([*cells.MARKERS[1:], "-"] if dash else cells.MARKERS[1:], raw.type)
    trimmed = pc.utf8_trim_whitespace(raw)
    found = pc.unique(pc.filter(trimmed, pc.is_in(trimmed, value_set=markers)))
    return sorted(found.to_pylist())


def _sign_of(series: pd.Series) -> str:
    array = cells.to_arrow(series)
    if cells.form_of(array) != "text":
        return "."
    texts, _ = cells.distinct(cells.text_cells(array, dash=True))
    return numerals.decimal_sign(texts) or "."


def _date_layout(series: pd.Series) -> str:
    array = cells.to_arrow(series)
    if cells.form_of(array) != "text":
        return ""
    texts, _ = cells.distinct(cells.text_cells(array, dash=True))
    return next(iter(dates.layouts(texts)), dates.ISO)


def _constant(value: Any) -> Guess:
    shown = str(value)[:40]
    return _left_out("constant", f"always '{shown}'", f"always '{shown}', left out", "")


def _empty() -> Guess:
    return _left_out("constant", "no values", "has no values, left out", "")


def _identifier(reason: str) -> Guess:
    what = f"looks like an identifier ({reason}), left out"
    return _left_out("identifier", reason, what, "override its kind if it is not one")


def _left_out(
    kind: Kind, reason: str, what: str, fix: str, findings: list[tuple[str, str]] | None = None
) -> Guess:
    return Guess(kind, reason, used=False, findings=[*(findings or []), (what, fix)])
