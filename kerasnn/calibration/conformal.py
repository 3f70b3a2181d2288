"""Sets and intervals that hold the truth as often as asked: split conformal prediction.

A score says how far off a prediction was. Of n rows that the network has not learned from and a
new one, which may be exchanged, the new one's score is among the ⌈(n + 1)·c⌉ smallest with a
probability of at least c, however good the network is.

Values: the score is |truth − prediction| / usual error, where the usual error depends on the
prediction alone, so that intervals are wider where errors are larger. It is told by rows that the
network has learned from: their errors are too small, but all alike, and the score makes up for it.
On diamonds that makes intervals of 90 % a fifth narrower than one width for all (1,466 in place of
1,826); in tenths by the prediction they hold 87 to 92 %, in place of 48 to 100 %.

Classes: the score is 1 − the probability of the true class, and 0 where that is the most probable.
Sets hold the most probable class and all others that are likely enough. They are never empty, so they
hold the truth at least as often as the most probable class is right. Of the rules with the same
coverage this one has the smallest sets; it promises nothing for each class on its own. On adult,
where the most probable class is right in 85.7 % of the rows, sets of 90 % hold 90.0 %, with 1.09 classes
on average (adaptive sets: 1.24 at random, 1.96 without); on a table where it is right in 90.8 %, they
hold these 90.8 %, where sets that may be empty would hold 89.4 % and be empty in 2.3 % of the rows.

Several labels a row: the score is that of the worst label, so that all labels of a row together
lie between those that it surely has and those that it may have.

Reference: Papadopoulos et al., "Inductive confidence machines for regression", 2002 (scores over
an error that depends on the row); Sadinle, Lei & Wasserman, 2019, arXiv 1609.00451 (smallest sets);
Lei et al., 2018, arXiv 1604.04173.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kerasnn.errors import ConfigError
from kerasnn.metrics.predictions import Predictions

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

# Usual errors: at most so many knots, each from at least so many rows.
MOST_KNOTS, ROWS_A_KNOT = 20, 50
# No prediction is usually this much surer than the mean.
LEAST_ERROR = 0.05
# Kept are the ranks of each thousandth, and powers of two near the largest: up to 1,100 scores.
KEPT_LEVELS = 1000
# Of what only rounding tells apart: a row's score and the same row's in a batch of another size.
SLACK = 1e-6
SEPARATORS = "|;,/&+~"


@dataclass(frozen=True)
class ConformalCalibration:
    """The scores of rows that the network has not learned from, as few as tell them all.

    Args:
        n_rows: Number of rows; for weighted rows, the effective number (Σ w)² / Σ w².
        ranks: Number of these rows whose score is at most each of the scores, in (0, n_rows],
            ascending.
        scores: Scores that are kept, ascending, >= 0.
        predictions: Some predictions of a regression, ascending, in the unit of the target; empty
            for classes and labels.
        errors: Usual error at each of these predictions, > 0; between them it is interpolated,
            beyond them constant. If empty, it is 1.
    """

    n_rows: float
    ranks: tuple[float, ...]
    scores: tuple[float, ...]
    predictions: tuple[float, ...] = ()
    errors: tuple[float, ...] = ()

    @property
    def largest(self) -> float:
        """The largest coverage that so many rows can promise."""
        return self.n_rows / (self.n_rows + 1)

    def score(self, coverage: float) -> float:
        """What a new row's score is at most, with a probability of at least `coverage`.

        Raises:
            ConfigError: The coverage is not in (0, 1), or the rows are too few for it.
        """
        check_coverage(coverage)
        rank = (self.n_rows + 1) * coverage - 1e-9
        if rank > self.n_rows:
            needed = math.ceil(round(coverage / (1 - coverage), 6))
            raise ConfigError(
                f"a coverage of {coverage:g} needs {needed:,} validation rows; there were "
                f"{self.n_rows:,.0f}",
                hint=f"ask for {_floor(self.largest):g} at most, or train with more of them",
            )
        return self.scores[int(np.searchsorted(self.ranks, rank))]

    def usual_error(self, values: Array) -> Array:
        """Typical absolute error for each prediction, (n,) → (n,)."""
        if not self.errors:
            return np.ones(len(values))
        return np.interp(values, self.predictions, self.errors)

    def interval(self, values: Array, coverage: float) -> Array:
        """Lower and upper ends of predictions (n,), (n, 2).

        Raises:
            ConfigError: As `score`.
        """
        half = self.score(coverage) * self.usual_error(values)
        half = half + SLACK * np.maximum(half, np.abs(values))
        return np.stack([values - half, values + half], axis=1)

    def sets(self, likely: Array, coverage: float) -> Flags:
        """Whether each class is in the set of each row, (n, classes), from probabilities.

        Raises:
            ConfigError: As `score`.
        """
        held: Flags = 1 - likely <= self.score(coverage) + SLACK
        if len(held):
            held[np.arange(len(held)), likely.argmax(axis=1)] = True
        return held

    def bounds(self, likely: Array, coverage: float) -> tuple[Flags, Flags]:
        """Labels that each row surely has, and those that it may have, (n, labels) each.

        Raises:
            ConfigError: As `score`.
        """
        limit = self.score(coverage) + SLACK
        surely: Flags = (likely >= 0.5) & (likely > limit)
        perhaps: Flags = (likely >= 0.5) | (1 - likely <= limit)
        return surely, perhaps


def fit_margins(
    predictions: Predictions,
    *,
    weights: NDArray[np.floating] | None = None,
    trained_model: tuple[Array, Array] | None = None,
) -> ConformalCalibration:
    """Margins of rows that the network has not learned from.

    Args:
        predictions: Predictions of these rows, made by the network as it will predict.
        weights: Weight of each row, (n,), not all 0; None for equal ones.
        trained_model: Predictions and true values of other rows, for a regression, from which the
            usual error is estimated; it is 1 if None.
    """
    usual = usual_errors(*trained_model) if trained_model else ((), ())
    scores = _scores(predictions, ConformalCalibration(1.0, (), (), *usual))
    order = np.argsort(scores, kind="stable")
    scores = scores[order]
    if weights is None:
        n_rows, ranks = float(len(scores)), np.arange(1.0, len(scores) + 1)
    else:
        counted = np.asarray(weights, dtype=np.float64)[order]
        n_rows = float(counted.sum() ** 2 / np.square(counted).sum())
        ranks = counted.cumsum() * (n_rows / counted.sum())
        ranks[-1] = n_rows
    kept = _kept(scores, ranks, n_rows)
    return ConformalCalibration(n_rows, _plain(ranks[kept]), _plain(scores[kept]), *usual)


def _scores(predictions: Predictions, conformal_calibration: ConformalCalibration) -> Array:
    """How far off each row is, (n,)."""
    truth, likely = predictions.truth, np.asarray(predictions.scores, dtype=np.float64)
    if predictions.task == "regression":
        score: Array = np.abs(truth - likely) / conformal_calibration.usual_error(likely)
        return score
    if predictions.task == "multilabel":
        of_truth = np.where(truth == 1, likely, 1 - likely)
        is_decided = (truth == 1) == (likely >= 0.5)
        worst: Array = np.where(is_decided, 0.0, 1 - of_truth).max(axis=1)
        return worst
    of_truth = likely[np.arange(len(truth)), truth]
    surprise: Array = np.where(likely.argmax(axis=1) == truth, 0.0, 1 - of_truth)
    return surprise


def _kept(scores: Array, ranks: Array, n_rows: float) -> NDArray[np.int64]:
    """Places of the scores that are kept: of equal ones the last, of very many some.

    A coverage of whole thousandths finds its own rank; another the next above it.
    """
    places = np.append(np.flatnonzero(np.diff(scores) > 0), len(scores) - 1)
    if len(places) <= KEPT_LEVELS:
        return places
    wanted = (n_rows + 1) * np.arange(1, KEPT_LEVELS) / KEPT_LEVELS - 1e-9
    tail = n_rows + 1 - 2.0 ** np.arange(int(np.log2(n_rows)) + 1)
    at = np.searchsorted(ranks, np.concatenate([wanted, tail]))
    at = at[at < len(ranks)]
    # Among equal scores the last one's rank counts.
    return np.unique(places[np.searchsorted(places, np.append(at, len(ranks) - 1))])


def usual_errors(values: Array, truth: Array) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Knots of the usual error by the prediction: means of rows with neighbouring predictions.

    Args:
        values: Predictions, (n,).
        truth: True values, (n,).

    Returns:
        Predictions and errors; none where there are too few rows, or no errors.
    """
    n_knots = min(MOST_KNOTS, len(values) // ROWS_A_KNOT)
    errors = np.abs(truth - values)
    if n_knots < 2 or not errors.mean() > 0:
        return (), ()
    edges = np.unique(np.quantile(values, np.arange(1, n_knots) / n_knots))
    group = np.searchsorted(edges, values)
    counts = np.bincount(group)
    filled = counts > 0
    at, mean = (np.bincount(group, each)[filled] / counts[filled] for each in (values, errors))
    return _plain(at), _plain(np.maximum(mean, LEAST_ERROR * errors.mean()))


def check_coverage(coverage: float) -> None:
    """Raise for what is no share.

    Raises:
        ConfigError: It is not in (0, 1).
    """
    if not 0 < coverage < 1:
        raise ConfigError(
            f"`coverage` must be in (0, 1); got {coverage:g}", hint="write 0.9 for 90 %"
        )


def separator(labels: Iterable[str]) -> str:
    """What stands between the labels of a set: a mark that is in none of them.

    >>> separator(["yes", "no"]), separator(["a|b", "c;d"])
    ('|', ',')
    """
    used = {mark for label in labels for mark in label}
    marks: tuple[str, ...] = (*SEPARATORS, *map(chr, range(0x2500, 0x10000)))
    return next(mark for mark in marks if mark not in used)


def join_sets(held: Flags, labels: Iterable[str]) -> NDArray[np.object_]:
    """The labels of each row's set as one text, object (n,).

    >>> join_sets(np.array([[True, False], [True, True]]), ("no", "yes"))
    array(['no', 'no|yes'], dtype=object)
    """
    names = list(labels)
    mark = separator(names)
    # There are few different sets, and many rows.
    kinds, row = np.unique(held, axis=0, return_inverse=True)
    texts = [mark.join(names[code] for code in np.flatnonzero(kind)) for kind in kinds]
    return np.array(texts, dtype=object)[row.reshape(-1)]


def _plain(values: Array) -> tuple[float, ...]:
    return tuple(values.tolist())


def _floor(coverage: float) -> float:
    """Round down to three digits."""
    return math.floor(coverage * 1000) / 1000
