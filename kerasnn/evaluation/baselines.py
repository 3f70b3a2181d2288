"""What simple models reach on the same rows, so that a score can be judged.

Each is fitted on the training rows alone, to what people would give it: numbers are standardized as
they are, categories coded, a regression target is in its own unit. What a network's preprocessing
makes of them (quantiles, embeddings, a transformed target) is its own merit, or its own loss.
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
from kerasnn.evaluation.design_matrices import (
    MAX_SIDE,
    BaselineRows,
    boosting_columns,
    linear_columns,
    n_words,
    standardized,
)
from kerasnn.metrics.predictions import Predictions
from kerasnn.preprocessing.preprocessor import Preprocessor

# scikit-learn's boosting bins categories natively up to this many.
MAX_NATIVE = 255
# One tree a class and round: more classes than this would take minutes.
MAX_BOOSTED_CLASSES = 200
MAX_TREES = 1_000
# Every tree looks at all columns: of very many there are fewer trees, but some.
MAX_TREE_COLUMNS, FEWEST_ROUNDS = 100_000, 10
# Rows of images, series or sounds that the larger baselines learn from.
MAX_IMAGES = 10_000
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
        title: Title for people.
        predictions: Predictions for the test rows.
        seconds: Seconds to fit and to predict.
        note: Note on what was left out to be quick, if anything.
    """

    name: str
    title: str
    predictions: Predictions
    seconds: float
    note: str = ""


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
        preprocessor: Fitted preprocessing of the network, whose columns and categories they share.
        train: Training rows of the network.
        test: The rows that the network is evaluated on.
        seed: Seed of the sampling of rows and of the boosting.
        max_rows: The last two are fitted on that many training rows, drawn at random.
        max_cells: Bound on rows times columns times classes, for the same reason.
        time_limit_s: Seconds that are left for them. The larger ones are fitted on fewer rows, or
            left out.
        on_omitted: Called with the title of each that is left out for lack of time.

    Returns:
        The simplest first. Only the first where the training rows hold one class.
    """
    clock, target = _Clock(time_limit_s, on_omitted), preprocessor.schema.target
    preprocessor = standardized(preprocessor, train)
    tested = BaselineRows.of(preprocessor, test)
    judge = _Judge(preprocessor, tested.target)
    found = [_constant(judge, preprocessor.target(train))]
    width = tested.numbers.shape[1] + tested.codes.shape[1] + n_words(tested.texts)
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
    rows = BaselineRows.of(preprocessor, train)
    cells = len(rows.target) * width
    if target.task == "regression" or len(np.unique(rows.target)) > 1:
        if clock.allows("the linear model", cells * LINEAR_CELL_S, always=CHEAP_S):
            found += _linear(judge, rows, tested, note)
        if rows.has_columns and clock.allows("gradient boosting", cells * BOOSTING_CELL_S):
            found += _boosting(judge, rows, tested, note, seed=seed, clock=clock)
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

    def affordable_rounds(self, fit: Callable[[int], Any], wanted: int) -> int:
        """How many rounds there is time for, by what a few of them take."""
        if self._limit is None or wanted <= FEWEST_ROUNDS:
            return wanted
        seconds = self.seconds_of(lambda: fit(FEWEST_ROUNDS))
        most = int(FEWEST_ROUNDS * self._left / max(seconds, 1e-6))
        return min(wanted, max(FEWEST_ROUNDS, most))

    @staticmethod
    def seconds_of(work: Callable[[], Any]) -> float:
        """What some work takes."""
        began = time.perf_counter()
        work()
        return time.perf_counter() - began

    def allows(self, title: str, seconds: float, *, always: float = 0.0) -> bool:
        """Whether there is time for a baseline; says it where not."""
        if seconds <= max(self._left, always):
            return True
        self._on_omitted(title)
        hint = "raise `run.time_limit_s`"
        warn(f"no time was left for a baseline, {title}", hint=hint)
        return False


@dataclass(frozen=True, eq=False)
class _Judge:
    """Turns a model's outputs into `Predictions`, in the target's unit."""

    preprocessor: Preprocessor
    target: np.ndarray

    def predictions(self, outputs: np.ndarray, codes: np.ndarray | None = None) -> Predictions:
        """Build predictions from standardized values, or from probabilities of the classes."""
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


def _linear(judge: _Judge, train: BaselineRows, test: BaselineRows, note: str) -> list[Baseline]:
    from sklearn.linear_model import LogisticRegression, Ridge

    start = time.perf_counter()
    columns = linear_columns(judge.preprocessor, train, test)
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


def _boosting(
    judge: _Judge,
    train: BaselineRows,
    test: BaselineRows,
    note: str,
    *,
    seed: int,
    clock: _Clock,
) -> list[Baseline]:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    target = judge.preprocessor.schema.target
    if len(target.classes) > MAX_BOOSTED_CLASSES:
        warn(f"no gradient boosting as a baseline: {len(target.classes)} classes are too many")
        return []
    start = time.perf_counter()
    rounds = min(100, MAX_TREES // max(1, len(target.classes) if len(target.classes) > 2 else 1))
    width = train.numbers.shape[1] + train.codes.shape[1]
    rounds = min(rounds, max(FEWEST_ROUNDS, MAX_TREE_COLUMNS // max(1, width)))
    native = [v.cardinality <= MAX_NATIVE for v in judge.preprocessor.vocabularies]
    settings: dict[str, Any] = {
        "categorical_features": [False] * train.numbers.shape[1] + native,
        "random_state": seed,
    }
    regression = target.task == "regression"
    boosting = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    columns, tested = boosting_columns(train), boosting_columns(test)

    def fit(rounds: int) -> Predictions:
        return _fit(judge, boosting(**settings, max_iter=rounds), columns, tested, train.target)

    rounds = clock.affordable_rounds(fit, rounds)
    notes = [note] if note else []
    if judge.preprocessor.images:
        notes.append("it saw no image")
    if judge.preprocessor.texts:
        notes.append("it saw no text")
    if rounds < 100:
        notes.append(f"{rounds} rounds instead of 100")
    predictions = fit(rounds)
    seconds = time.perf_counter() - start
    return [Baseline("boosting", "gradient boosting", predictions, seconds, ", ".join(notes))]
