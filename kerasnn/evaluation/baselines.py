"""What simple models reach on the same rows, so that a score can be judged.

Each is fitted on the training rows alone, through the same preprocessing as the network.
"""

from __future__ import annotations

import math
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kerasnn.errors import warn
from kerasnn.evaluation.predictions import Predictions
from kerasnn.evaluation.series_summaries import summaries
from kerasnn.evaluation.text_features import texts_of, tf_idf
from kerasnn.preprocessing.categories import MISSING_CODE, UNKNOWN_CODE
from kerasnn.preprocessing.preprocessor import Preprocessor
from kerasnn.resizing import resample

# scikit-learn's boosting bins categories natively up to this many.
MAX_NATIVE = 255
MAX_ONE_HOT = 1_000
# One tree a class and round: more classes than this would take minutes.
MAX_BOOSTED_CLASSES = 200
MAX_TREES = 1_000
# Every tree looks at all columns: of very many there are fewer trees, but some.
MAX_TREE_COLUMNS, FEWEST_ROUNDS = 100_000, 10
# Of images, a linear model sees this many pixels a side, and learns from this many rows.
MAX_SIDE, MAX_IMAGES, IMAGES_AT_ONCE = 16, 10_000, 1_024
# Small, so that the usual penalty holds the many pixels down: on photographs it scores a little
# higher than without, in a tenth of the time.
PIXEL_SCALE = 0.1 / 255
CHARACTERS_A_WORD = 6
# Seconds a row, column and class that each of the larger baselines takes, as measured on two cores.
# Within a time limit they learn from so many rows at least, and the linear model may take so many
# seconds even when the limit has passed.
LINEAR_CELL_S, BOOSTING_CELL_S = 2e-6, 1e-5
FEWEST_TIMED, CHEAP_S = 1_000, 2.0


@dataclass(frozen=True, eq=False)
class Baseline:
    """A simple model's predictions.

    Args:
        name: ``majority``, ``frequencies`` or ``mean``, ``linear``, ``boosting``.
        title: For people.
        predictions: On the test rows.
        seconds: To fit and to predict.
        note: What was left out to be quick, if anything.
    """

    name: str
    title: str
    predictions: Predictions
    seconds: float
    note: str = ""


@dataclass(frozen=True, eq=False)
class _Rows:
    """Prepared rows: numbers and where they had been missing, category codes, the target.

    Numbers are also those that say what series and sounds are like.

    ``pixels`` are those of all images, reduced and side by side, (n, any); ``texts`` are those of
    each column as they are.
    """

    numbers: np.ndarray
    missing: np.ndarray
    codes: np.ndarray
    target: np.ndarray
    pixels: np.ndarray
    texts: list[np.ndarray]

    @classmethod
    def of(cls, preprocessor: Preprocessor, frame: pd.DataFrame) -> _Rows:
        inputs = preprocessor.transform(frame).inputs
        empty = np.zeros((len(frame), 0))
        numbers = inputs.get("numbers", empty).astype(np.float64)
        raw, missing = preprocessor.raw(frame), np.zeros(numbers.shape, dtype=bool)
        for index, column in enumerate(preprocessor.numbers):
            missing[:, index] = np.isnan(raw[column.name][:, 0])
        told = summaries(preprocessor, inputs)
        missing = np.concatenate([missing, np.isnan(told)], axis=1)
        numbers = np.concatenate([numbers, np.nan_to_num(told)], axis=1)
        codes = inputs.get("categories", empty).astype(np.int32)
        images = [_reduced(inputs[name]) for name in preprocessor.signature.image_inputs]
        pixels = np.concatenate([empty.astype("float32"), *images], axis=1)
        texts = texts_of(preprocessor, frame)
        return cls(numbers, missing, codes, preprocessor.target(frame), pixels, texts)

    @property
    def has_columns(self) -> bool:
        """Whether there is anything but images and texts."""
        return bool(self.numbers.shape[1] + self.codes.shape[1])


def baselines(
    preprocessor: Preprocessor,
    train: pd.DataFrame,
    test: pd.DataFrame,
    *,
    seed: int = 0,
    max_rows: int = 250_000,
    max_cells: int = 40_000_000,
    time_limit_s: float | None = None,
    on_omitted: Callable[[str], None] = lambda title: None,
) -> list[Baseline]:
    """The majority class or the mean, a linear model, and gradient boosted trees.

    Of several labels a row: the labels' frequencies, and a model for each label. Of images, the
    linear model sees the pixels of small copies, of texts TF-IDF of words and pairs of words, and
    the trees see neither. Of series and sounds, both see summaries.

    Args:
        preprocessor: As fitted for the network.
        train: Its training rows.
        test: The rows that the network is evaluated on.
        seed: Of the drawing of rows and of the boosting.
        max_rows: The last two are fitted on that many training rows, drawn at random.
        max_cells: Bound on rows times columns times classes, for the same reason.
        time_limit_s: Seconds that are left for them. The larger ones are fitted on fewer rows, or
            left out.
        on_omitted: Called with the title of each that is left out for lack of time.

    Returns:
        The simplest first. Only the first where the training rows hold one class.
    """
    clock, target = _Clock(time_limit_s, on_omitted), preprocessor.schema.target
    tested = _Rows.of(preprocessor, test)
    judge = _Judge(preprocessor, tested.target)
    found = [_constant(judge, preprocessor.target(train))]
    width = tested.numbers.shape[1] + tested.codes.shape[1] + _n_words(tested.texts)
    width *= max(1, len(target.classes))
    n_rows = min(len(train), max_rows, max(1_000, max_cells // max(1, width)))
    n_rows = min(n_rows, clock.affordable_rows(width))
    if preprocessor.images or preprocessor.series or preprocessor.sounds:
        n_rows = min(n_rows, MAX_IMAGES)
    note = ""
    if n_rows < len(train):
        note = f"fitted on {n_rows:,} of {len(train):,} training rows"
        drawn = np.random.default_rng(seed).choice(len(train), n_rows, replace=False)
        train = train.iloc[np.sort(drawn)].reset_index(drop=True)
    rows = _Rows.of(preprocessor, train)
    cells = len(rows.target) * width
    if target.task == "regression" or len(np.unique(rows.target)) > 1:
        if clock.allows("the linear model", cells * LINEAR_CELL_S, always=CHEAP_S):
            found += _linear(judge, rows, tested, note)
        if rows.has_columns and clock.allows("gradient boosting", cells * BOOSTING_CELL_S):
            found += _boosting(judge, rows, tested, note, seed=seed)
    return found


class _Clock:
    """What a time limit leaves to the larger baselines."""

    def __init__(self, limit: float | None, on_omitted: Callable[[str], None]) -> None:
        self._limit, self._on_omitted = limit, on_omitted
        self._began = time.perf_counter()

    @property
    def _left(self) -> float:
        if self._limit is None:
            return math.inf
        return max(self._limit - (time.perf_counter() - self._began), 0.0)

    def affordable_rows(self, width: int) -> int:
        """Number of rows on which all of them can be fitted."""
        if self._limit is None:
            return sys.maxsize
        a_row = max(width, 1) * (LINEAR_CELL_S + BOOSTING_CELL_S)
        return max(FEWEST_TIMED, int(self._left / a_row))

    def allows(self, title: str, seconds: float, *, always: float = 0.0) -> bool:
        """Whether there is time for a baseline; says it where not."""
        if seconds <= max(self._left, always):
            return True
        self._on_omitted(title)
        fix = "raise `run.time_limit_s`"
        warn(f"no time was left for a baseline, {title}", fix=fix)
        return False


@dataclass(frozen=True, eq=False)
class _Judge:
    """Turns a model's outputs into `Predictions`, in the target's unit."""

    preprocessor: Preprocessor
    target: np.ndarray

    def predictions(self, outputs: np.ndarray, codes: np.ndarray | None = None) -> Predictions:
        """From standardised values, or from probabilities of the classes of these codes."""
        target = self.preprocessor.schema.target
        if target.task == "regression":
            truth, scores = self.preprocessor.truth(self.target), self.preprocessor.decode(outputs)
            return Predictions.from_scores(target.task, (), truth=truth, scores=scores)
        scores = np.zeros((len(outputs), len(target.classes)))
        scores[:, codes if codes is not None else slice(None)] = outputs
        return Predictions.from_scores(
            target.task, target.classes, truth=self.target.astype(np.int64), scores=scores
        )


def _constant(judge: _Judge, train: np.ndarray) -> Baseline:
    """The mean, or the shares of the classes: the best that can be known without a column."""
    start = time.perf_counter()
    n_rows, target = len(judge.target), judge.preprocessor.schema.target
    if target.task == "regression":
        # In the target's unit: the mean of a logarithm would be another number.
        mean = float(judge.preprocessor.truth(train).mean())
        truth = judge.preprocessor.truth(judge.target)
        predictions = Predictions.from_scores(
            target.task, (), truth=truth, scores=np.full(n_rows, mean)
        )
        return Baseline("mean", "the mean", predictions, time.perf_counter() - start)
    if target.task == "multilabel":
        outputs = np.tile(train.mean(axis=0, dtype=np.float64), (n_rows, 1))
        name, title = "frequencies", "the frequencies of the labels"
    else:
        shares = np.bincount(train, minlength=len(target.classes)) / len(train)
        outputs = np.tile(shares, (n_rows, 1))
        name, title = "majority", "the majority class"
    return Baseline(name, title, judge.predictions(outputs), time.perf_counter() - start)


def _fit(judge: _Judge, model: Any, train: Any, test: Any, target: np.ndarray) -> Predictions:
    with warnings.catch_warnings():
        # Not quite converged is converged enough for a yardstick.
        warnings.simplefilter("ignore")
        task = judge.preprocessor.schema.target.task
        if task == "multilabel":
            columns = [_one_label(model, train, test, label) for label in target.T]
            return judge.predictions(np.stack(columns, axis=1))
        model.fit(train, target)
        if task == "regression":
            return judge.predictions(model.predict(test))
        return judge.predictions(model.predict_proba(test), model.classes_)


def _one_label(model: Any, train: Any, test: Any, label: np.ndarray) -> np.ndarray:
    """Probabilities of one label, (n,); there is nothing to learn where all rows have it or none."""
    if label.min() == label.max():
        return np.full(test.shape[0], float(label[0]))
    likely: np.ndarray = model.fit(train, label).predict_proba(test)[:, 1]
    return likely


def _linear(judge: _Judge, train: _Rows, test: _Rows, note: str) -> list[Baseline]:
    from sklearn.linear_model import LogisticRegression, Ridge

    start = time.perf_counter()
    columns = _columns(judge.preprocessor, train, test)
    if not columns[0].shape[1]:  # Texts without a word.
        return []
    regression = judge.preprocessor.schema.target.task == "regression"
    model = (
        Ridge() if regression else LogisticRegression(max_iter=50 if train.pixels.shape[1] else 200)
    )
    predictions = _fit(judge, model, columns[0], columns[1], train.target)
    title = "ridge regression" if regression else "logistic regression"
    if train.texts:
        title += " on TF-IDF"
        notes = [note, "of words and pairs of words"]
        if any(column.unit == "characters" for column in judge.preprocessor.texts):
            notes[1] = "of 1 to 4 characters in a row"
        notes[1] += " beside the other columns" if train.has_columns else ""
        note = ", ".join(filter(None, notes))
    if judge.preprocessor.images:
        note = ", ".join(
            filter(None, [note, f"on images of at most {MAX_SIDE} × {MAX_SIDE} pixels"])
        )
    return [Baseline("linear", title, predictions, time.perf_counter() - start, note)]


def design_matrices(
    preprocessor: Preprocessor, train: pd.DataFrame, test: pd.DataFrame
) -> tuple[Any, Any]:
    """Rows as a linear model takes them, (n, any), dense or sparse.

    Args:
        preprocessor: Fitted columns, without embeddings of numbers.
        train: Rows that the scales and weights of the columns are from.
        test: Rows that are brought to the same columns.
    """
    known, others = (_Rows.of(preprocessor, part) for part in (train, test))
    columns = _columns(preprocessor, known, others)
    return columns[0], columns[1]


def _columns(preprocessor: Preprocessor, train: _Rows, test: _Rows) -> list[Any]:
    """Scaled numbers, one-hot categories, pixels and n-grams side by side, of both parts."""
    mean, deviation = train.numbers.mean(axis=0), train.numbers.std(axis=0)
    deviation[deviation == 0] = 1.0
    cardinalities = [
        min(vocabulary.cardinality, MAX_ONE_HOT) for vocabulary in preprocessor.vocabularies
    ]
    columns = [
        _sparse((rows.numbers - mean) / deviation, rows.codes, cardinalities)
        for rows in (train, test)
    ]
    if train.pixels.shape[1]:
        middle = train.pixels.mean(axis=0)
        columns = [
            np.concatenate([known.toarray(), (rows.pixels - middle) * PIXEL_SCALE], axis=1)
            for known, rows in zip(columns, (train, test), strict=True)
        ]
    if train.texts:
        columns = _beside_texts(preprocessor, columns, train, test)
    return columns


def _beside_texts(
    preprocessor: Preprocessor, columns: list[Any], train: _Rows, test: _Rows
) -> list[Any]:
    """What is known of both parts, and their texts."""
    from scipy import sparse

    weighed = tf_idf(preprocessor, train.texts, test.texts)
    return [
        sparse.hstack([sparse.csr_matrix(known), found], format="csr")
        for known, found in zip(columns, weighed, strict=True)
    ]


def _n_words(texts: list[np.ndarray]) -> int:
    """About the number of words and pairs of words of a row."""
    n_characters = sum(len(text) for column in texts for text in column)
    n_rows = len(texts[0]) if texts else 1
    return 2 * n_characters // (CHARACTERS_A_WORD * max(1, n_rows))


def _reduced(images: Any) -> np.ndarray:
    """Images no larger than 16 × 16, as rows of pixels, (n, pixels); they may be on disk."""
    height, width = (min(side, MAX_SIDE) for side in images.shape[1:3])
    reduced = np.empty((len(images), height, width, images.shape[3]), dtype="float32")
    for start in range(0, len(images), IMAGES_AT_ONCE):
        some = images[start : start + IMAGES_AT_ONCE].astype("float32")
        for channel in range(images.shape[3]):
            plane = resample(some[..., channel], height, width)
            reduced[start : start + len(some), ..., channel] = plane
    return reduced.reshape(len(images), -1)


def _sparse(numbers: np.ndarray, codes: np.ndarray, cardinalities: list[int]) -> Any:
    """Numbers and one-hot codes side by side; the rarest of very many categories as unknown."""
    from scipy import sparse

    codes = np.where(codes >= np.array(cardinalities, dtype=int), UNKNOWN_CODE, codes)
    offsets = np.concatenate([[0], np.cumsum(cardinalities)]).astype(int)
    n_rows, n_columns = codes.shape
    indices = (codes + offsets[:-1]).ravel()
    starts = np.arange(0, n_rows * n_columns + 1, n_columns) if n_columns else np.zeros(n_rows + 1)
    one_hot = sparse.csr_matrix(
        (np.ones(len(indices)), indices, starts), shape=(n_rows, offsets[-1])
    )
    return sparse.hstack([sparse.csr_matrix(numbers), one_hot], format="csr")


def _boosting(judge: _Judge, train: _Rows, test: _Rows, note: str, *, seed: int) -> list[Baseline]:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    target = judge.preprocessor.schema.target
    if len(target.classes) > MAX_BOOSTED_CLASSES:
        warn(f"no gradient boosting as a baseline: {len(target.classes)} classes are too many")
        return []
    start = time.perf_counter()
    rounds = min(100, MAX_TREES // max(1, len(target.classes) if len(target.classes) > 2 else 1))
    width = train.numbers.shape[1] + train.codes.shape[1]
    rounds = min(rounds, max(FEWEST_ROUNDS, MAX_TREE_COLUMNS // max(1, width)))
    notes = [note] if note else []
    if judge.preprocessor.images:
        notes.append("it saw no image")
    if judge.preprocessor.texts:
        notes.append("it saw no text")
    if rounds < 100:
        notes.append(f"{rounds} rounds instead of 100")
    native = [v.cardinality <= MAX_NATIVE for v in judge.preprocessor.vocabularies]
    settings = {
        "categorical_features": [False] * train.numbers.shape[1] + native,
        "max_iter": rounds,
        "random_state": seed,
    }
    regression = target.task == "regression"
    boosting = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    predictions = _fit(
        judge, boosting(**settings), _with_missing(train), _with_missing(test), train.target
    )
    seconds = time.perf_counter() - start
    return [Baseline("boosting", "gradient boosting", predictions, seconds, ", ".join(notes))]


def _with_missing(rows: _Rows) -> np.ndarray:
    """Numbers and codes side by side, NaN where missing, as trees can take them."""
    numbers = np.where(rows.missing, np.nan, rows.numbers)
    codes = np.where(rows.codes == MISSING_CODE, np.nan, rows.codes)
    return np.concatenate([numbers, codes], axis=1)
