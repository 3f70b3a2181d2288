"""The example on the page of an exported model: a made-up row, and what the files hold of the data.

No cell is that of a training or test row: exports are passed on, the data often may not be.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasnn.errors import quantity
from kerasnn.preprocessing.dates import EPOCH_DAY

if TYPE_CHECKING:
    from kerasnn.preprocessing import Preprocessor
    from kerasnn.preprocessing.dates import DateColumn
    from kerasnn.preprocessing.numbers import NumberColumn

TEXT = "An example of a text."
# Digits behind the first one that the spread of a column leaves to a number.
DIGITS = 1


def example_row(preprocessor: Preprocessor) -> dict[str, Any]:
    """One made-up cell of each column that is no image, series or sound.

    Numbers are near the center of the training values and rounded, categories are the most
    frequent one, texts and dates are the same for all data.

    Returns:
        By the name of the column: a float32, a text, or int64 seconds since 1970 of a date.
    """
    booleans = {c.name for c in preprocessor.schema.features if c.kind == "boolean"}
    row: dict[str, Any] = {}
    for number in preprocessor.numbers:
        value = 1.0 if number.name in booleans else typical_number(number)
        row[number.name] = np.float32(value)
    for date in preprocessor.dates:
        row[date.name] = np.int64(_new_year(date))
    for vocabulary in preprocessor.vocabularies:
        row[vocabulary.name] = vocabulary.words[0] if vocabulary.words else ""
    return row | {text.name: TEXT for text in preprocessor.texts}


def typical_number(column: NumberColumn) -> float:
    """A number near the center of a column, rounded to the place of a tenth of its spread."""
    center, spread = column.center, 1 / column.factor if column.factor else 0.0
    if column.knots:
        center = column.knots[len(column.knots) // 2]
        spread = column.knots[-1] - column.knots[0]
    elif not center and spread == 1.0:
        # The scale "none" knows neither; what replaces missing numbers is known.
        center = column.fill
    return rounded(center, spread)


def rounded(center: float, spread: float) -> float:
    """A number rounded so coarsely that it tells no more than where a column lies.

    >>> rounded(39.417, 12.3), rounded(2014.31, 3.1), rounded(0.00123, 0.0004)
    (39.0, 2014.3, 0.00123)
    """
    size = spread or abs(center)
    if not size or not math.isfinite(size):
        return 0.0
    return float(round(center, DIGITS - math.floor(math.log10(size))))


def _new_year(column: DateColumn) -> int:
    """The first second of the year in which the mean date is, since 1970."""
    day = np.datetime64("1970-01-01", "D") + np.timedelta64(column.centre_day - EPOCH_DAY, "D")
    return int(day.astype("datetime64[Y]").astype("datetime64[s]").astype(np.int64))


def contents(preprocessor: Preprocessor) -> str:
    """What the exported files hold of the training data, for the page."""
    options = preprocessor.options
    lines = [
        "The example above is made up. No row of the training data is in the exported files; they "
        "hold the weights of the network and",
        "",
        "- the names of the columns" + (", and of the classes" if _classes(preprocessor) else ""),
    ]
    if preprocessor.numbers:
        what = "means, deviations and quantiles, and so the smallest and the largest value"
        lines.append(f"- of each number: statistics of the training values ({what})")
    if preprocessor.dates:
        lines.append("- of each date: mean and standard deviation of the training values")
    for vocabulary in preprocessor.vocabularies:
        count = quantity(len(vocabulary.words), "category", "categories")
        lines.append(f"- of `{vocabulary.name}`: {count} that {_rows(options.min_count)}")
    for text in preprocessor.texts:
        count = quantity(len(text.words), "token", "tokens")
        lines.append(f"- of `{text.name}`: {count} that {_rows(options.min_token_count)}")
    if preprocessor.images or preprocessor.series or preprocessor.sounds:
        lines.append("- of images, series and sounds: mean and standard deviation of the values")
    return "\n".join(lines)


def _classes(preprocessor: Preprocessor) -> bool:
    return bool(preprocessor.schema.target.classes)


def _rows(fewest: int) -> str:
    return f"occurred in at least {quantity(fewest, 'training row', 'training rows')}"
