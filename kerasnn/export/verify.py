"""Whether an exported model does what the original does, on plain and on nasty rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kerasnn.errors import ExportError
from kerasnn.export import images, sequences, texts
from kerasnn.export.formats import Run
from kerasnn.export.serving import raw_inputs, rows, run_rows
from kerasnn.preprocessing.preprocessor import check_columns

if TYPE_CHECKING:
    from kerasnn.prediction.predictor import Predictor
    from kerasnn.preprocessing import Preprocessor

LARGEST_DIFFERENCE = 1e-5
FEWEST_ROWS = 100
MOST_ROWS = 2_000
SINGLE_ROWS = 8
BLANK_SHARE = 0.1
UNSEEN = ("never seen before", "ünseen – 未知 🦆", " x", "0.1")


def compare(predictor: Predictor, run: Run, frame: pd.DataFrame, *, strings: bool = False) -> float:
    """The largest difference between a loaded model and the predictor.

    It is relative to max(1, |value|), as `distance` says.

    Args:
        predictor: The original.
        run: The loaded model.
        frame: Raw rows.
        strings: True if it takes texts as they are.

    Raises:
        ExportError: An output has another shape or is not finite.
    """
    raw = raw_inputs(predictor.preprocessor, frame, strings=strings)
    expected = predictor.scores(frame).reshape(len(frame), -1)
    count = min(SINGLE_ROWS, len(frame))
    last = range(len(frame) - count, len(frame))
    singles = [run_rows(run, rows(raw, i, i + 1)) for i in last]
    found = np.concatenate([run_rows(run, raw), *singles])
    expected = np.concatenate([expected, expected[len(frame) - count :]])
    if found.shape != expected.shape or not np.isfinite(found).all():
        raise ExportError(f"the exported model returns {_describe(found, expected)}")
    return float(distance(predictor, expected, found).max(initial=0.0))


def check(predictor: Predictor, run: Run, frame: pd.DataFrame, *, strings: bool = False) -> float:
    """The difference that `compare` finds; raise if it is too large.

    Raises:
        ExportError: It is above `LARGEST_DIFFERENCE`.
    """
    difference = compare(predictor, run, frame, strings=strings)
    if difference > LARGEST_DIFFERENCE:
        raise ExportError(
            f"the exported model differs from the original by {difference:.1e}, "
            f"more than {LARGEST_DIFFERENCE:g}",
            hint="use another format, and report the network",
        )
    return difference


def agreement(task: str) -> str:
    """What was verified of an export's outputs.

    Args:
        task: Task of the target; ``series`` for forecasts.
    """
    scale = {
        "regression": ", where values count in standard deviations of the target from its mean",
        "series": ", where values count in standard deviations of their series from its mean",
    }
    return (
        f"Checked when it was written: outputs agree with kerasnn's to {LARGEST_DIFFERENCE:g}, "
        f"relative to max(1, |value|){scale.get(task, '')}."
    )


def nasty_rows(
    preprocessor: Preprocessor, sample: pd.DataFrame | None, *, seed: int = 0
) -> pd.DataFrame:
    """Rows to compare on: those of the sample, and copies with blank cells and new categories.

    Their images are arrays: the sample's as decoded, those of the copies made up, in many sizes.

    Args:
        preprocessor: Preprocessor that knows the columns.
        sample: Raw rows that training did not see; made up from what was learned if None.
        seed: Seed of the choice of cells, and of what is made up.

    Raises:
        DataError: The sample lacks columns.
    """
    names = [column.name for column in preprocessor.schema.features]
    if sample is None or not len(sample):
        sample = made_up_rows(preprocessor, FEWEST_ROWS, seed=seed)
    check_columns(sample, names)
    most = sequences.affordable_rows(preprocessor, MOST_ROWS)
    kept = images.decoded(preprocessor, sample[names].iloc[:most])
    fewest = images.MOST_ROWS if preprocessor.images else min(most, FEWEST_ROWS)
    repeats = -(-fewest // len(kept))
    plain = pd.concat([kept] * repeats, ignore_index=True).astype(object)
    return pd.concat([plain, spoil(preprocessor, plain, seed=seed)], ignore_index=True)


def spoil(
    preprocessor: Preprocessor, frame: pd.DataFrame, *, share: float = BLANK_SHARE, seed: int = 0
) -> pd.DataFrame:
    """Copy with a share of the cells blank, as many categories unseen, and a row all blank.

    An image is never blank: each is a made-up one instead. Some texts are of every nasty sort, and
    series miss some readings or all.
    """
    random = np.random.default_rng(seed)
    categories = {vocabulary.name for vocabulary in preprocessor.vocabularies}
    columns = {image.name: image for image in preprocessor.images}
    written = {text.name for text in preprocessor.texts}
    spoiled = frame.astype(object)
    whole = sequences.spoiled(preprocessor, frame, random)
    for name in spoiled.columns:
        if name in whole:
            spoiled[name] = whole[name]
            continue
        if name in columns:
            made_up = images.made_up(columns[name], len(spoiled), random)
            spoiled[name] = pd.Series(made_up, index=spoiled.index, dtype=object)
            continue
        draw = random.random(len(spoiled))
        draw[-1:] = 0.0
        cells = spoiled[name].to_numpy(dtype=object, copy=True)
        if name in categories:
            cells[draw < 2 * share] = random.choice(UNSEEN, (draw < 2 * share).sum())
        cells[draw < share] = None
        if name in written:
            cells[: len(texts.NASTY)] = texts.NASTY[: len(cells)]
        spoiled[name] = pd.Series(cells, index=spoiled.index, dtype=object)
    return spoiled


def made_up_rows(preprocessor: Preprocessor, n_rows: int, *, seed: int = 0) -> pd.DataFrame:
    """Rows that look like training rows as far as the fitted state tells."""
    random = np.random.default_rng(seed)
    columns: dict[str, Any] = {}
    booleans = {c.name for c in preprocessor.schema.features if c.kind == "boolean"}
    for number in preprocessor.numbers:
        spread = 1 / number.factor if number.factor else 1.0
        knots = number.knots or (number.center - spread, number.center + spread)
        drawn = random.uniform(min(knots), max(knots), n_rows)
        columns[number.name] = drawn > knots[0] if number.name in booleans else drawn
    for date in preprocessor.dates:
        middle = np.datetime64("1970-01-01", "s") + np.timedelta64(
            (date.centre_day - 719_468) * 86_400, "s"
        )
        days = random.normal(0, min(1 / date.factor, 1e5) if date.factor else 1.0, n_rows)
        columns[date.name] = middle + (days * 86_400).astype("timedelta64[s]")
    for vocabulary in preprocessor.vocabularies:
        columns[vocabulary.name] = random.choice([*vocabulary.words, UNSEEN[0]], n_rows)
    for text in preprocessor.texts:
        columns[text.name] = texts.made_up(text, n_rows, random)
    columns |= sequences.made_up(preprocessor, n_rows, random)
    for image in preprocessor.images:
        columns[image.name] = pd.Series(images.made_up(image, n_rows, random), dtype=object)
    names = [column.name for column in preprocessor.schema.features]
    return pd.DataFrame(columns)[names]


def distance(
    predictor: Predictor, expected: NDArray[Any], found: NDArray[Any]
) -> NDArray[np.float64]:
    """How far outputs are apart, relative to max(1, |value|).

    Values of a regression are in standard deviations of the target from its mean, as the network
    learns them: a target in millions, or one of thousandths, is held to the same bound. What
    float32 can't tell apart in the target's unit does not count. Probabilities are at most 1, so
    their differences are what they are.
    """
    apart: NDArray[np.float64] = np.abs(found.astype("float64") - expected)
    preprocessor = predictor.preprocessor
    if preprocessor.schema.target.task != "regression":
        return apart
    rounding = 2 * np.spacing(np.abs(expected).astype("float32")).astype("float64")
    unit = _unit(preprocessor, expected)
    beyond: NDArray[np.float64] = np.maximum(apart - rounding, 0) / unit
    return beyond


def _unit(preprocessor: Preprocessor, expected: NDArray[Any]) -> Any:
    """What a difference is a multiple of: a standard deviation of the target or, where it is more,
    the prediction's distance from the mean.

    Of a transformed target, how far the prediction moves with one of the network's output, times
    that output where it is above 1.
    """
    coder = preprocessor.coder
    if not preprocessor.options.scale_target and coder.transform.name == "none":
        return np.maximum(float(expected.std()) or 1.0, np.abs(expected - expected.mean()))
    if coder.transform.name == "none":
        return np.maximum(coder.deviation, np.abs(expected - coder.mean))
    values = np.clip(expected, coder.decode(np.array(-1e6)), coder.decode(np.array(1e6)))
    scaled = coder.scaled(values.astype("float64"))
    slope = np.maximum(coder.truth(scaled + 0.5) - coder.truth(scaled - 0.5), 1e-30)
    return slope * np.maximum(1.0, np.abs(scaled))


def _describe(found: NDArray[Any], expected: NDArray[Any]) -> str:
    if found.shape != expected.shape:
        return f"the shape {found.shape}, not {expected.shape}"
    return f"{(~np.isfinite(found)).sum()} values that are not finite"
