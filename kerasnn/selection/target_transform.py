"""How a heavy-tailed regression target is learned: its transform, and a loss that outliers spare.

A fast linear model is fitted to the target under each transform, and its predictions, back in the
target's unit, are compared on the validation rows. No network is trained for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kerasnn.data.schema import Schema
from kerasnn.evaluation.design_matrices import design_matrices
from kerasnn.metrics.predictions import Predictions
from kerasnn.metrics.registry import METRICS, Metric
from kerasnn.options import PreprocessingOptions, TargetTransformName, TrainingOptions
from kerasnn.prediction.calibrate import monitored
from kerasnn.preprocessing.preprocessor import Preprocessor
from kerasnn.preprocessing.target import TargetCoder
from kerasnn.preprocessing.target_transforms import TRANSFORMS, TargetTransform

Floats = NDArray[np.float64]

# Share of the squared deviations that the outermost 1 % of the rows hold: 8 % in a normal
# distribution, 22 % in an exponential one, 49 % in a log-normal one.
HEAVY, DOMINATED = 0.25, 0.5
FEWEST_ROWS, MOST_ROWS, MOST_DENSE = 30, 5_000, 1_500
# A transform must be better by this share of the error than none, and than a simpler one.
CLEARLY, SIMPLER = 0.05, 0.02
# Resamples of the validation rows, and the share of them in which it must be better.
DRAWS, SURE = 200, 0.975
# Huber's constant: 95 % as efficient as least squares where the errors are normal.
HUBER = 1.345
HUBER_STEPS = 5
NORMAL_QUARTILES = 1.349

TITLES: Mapping[TargetTransformName, str] = {
    "log": "its logarithm",
    "yeo_johnson": "its Yeo–Johnson transform",
    "quantile": "the normal scores of its ranks",
}


@dataclass(frozen=True)
class TargetChoice:
    """What the rows decide.

    Args:
        settings: Values of the configuration by dotted key.
        reason: One line for people; empty where nothing is out of the ordinary.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""


def tail_share(values: Floats) -> float:
    """Share of the squared deviations from the mean in the 1 % of the values that are furthest off.

    >>> round(tail_share(np.array([0.0] * 99 + [100.0])), 2)
    0.99
    """
    squares = np.sort(np.square(values - values.mean()))[::-1]
    total = squares.sum()
    return float(squares[: -(-len(squares) // 100)].sum() / total) if total > 0 else 0.0


def choose_target(
    train: pd.DataFrame,
    validation: pd.DataFrame,
    schema: Schema,
    options: PreprocessingOptions,
    training_options: TrainingOptions,
) -> TargetChoice:
    """The transform that is clearly better than none, and Huber's loss where outliers dominate.

    Better is a lower error by the metric of the run; where the metric can't tell, which is common
    if a few rows decide it, a lower mean absolute error.

    Args:
        train: Labelled training rows.
        validation: Labelled validation rows.
        schema: Kinds of the columns, and the target.
        options: Options of the preprocessing; only ``auto`` is decided.
        training_options: Options of the training; only ``auto`` is decided.
    """
    chosen, asked = options.target_transform, options.target_transform
    decided: dict[str, Any] = {"preprocessing.target_transform": "none"} if asked == "auto" else {}
    values = _values(schema, train)
    if min(len(train), len(validation)) < FEWEST_ROWS or tail_share(values) < HEAVY:
        return TargetChoice(decided)
    if asked != "auto" and (training_options.loss != "auto" or not _delta(chosen, values)):
        return TargetChoice(decided)
    metric = monitored(training_options, "regression")
    trial = _Trial.of(train, validation, schema, options, metric)
    reason = ""
    if asked == "auto":
        chosen, reason, by_metric = trial.transform()
        decided["preprocessing.target_transform"] = chosen
        if chosen != "none" and training_options.monitor == "auto" and not by_metric:
            decided["training.monitor"] = "mae"
    if training_options.loss == "auto":
        found, told = trial.loss(chosen)
        if found and training_options.monitor == "auto":
            found["training.monitor"] = "mae"
        decided, reason = decided | found, ", ".join(filter(None, [reason, told]))
    if "training.monitor" in decided:
        reason += "; MAE in place of RMSE picks the best epoch"
    return TargetChoice(decided, f"the target is heavy-tailed: {reason}" if reason else "")


def describe(coder: TargetCoder, train: pd.DataFrame, training_options: TrainingOptions) -> str:
    """How the target is learned, in a sentence; empty where it is learned as it is.

    Args:
        coder: The fitted target.
        train: Training rows.
        training_options: Options of the training.
    """
    told = []
    if coder.transform.name != "none":
        told.append(f"is learned as {TITLES[coder.transform.name]}, which predictions undo")
        if coder.transform.errors:
            told[-1] += " (to the mean, which the squared error asks for, in place of the median)"
    if training_options.loss == "huber":
        told.append("has Huber's loss, which limits what an outlier counts")
    if not told:
        return ""
    share = tail_share(coder.values(train[coder.target.name]))
    return (
        f"the target '{coder.target.name}' {' and '.join(told)}: 1 % of its training rows hold "
        f"{share:.0%} of the squared deviations from its mean"
    )


@dataclass(frozen=True, eq=False)
class _Trial:
    """Some rows as a linear model takes them, and how its predictions are compared."""

    columns: tuple[Any, Any]
    target: Floats
    truth: Floats
    schema: Schema
    metric: Metric
    draws: Floats

    @classmethod
    def of(
        cls,
        train: pd.DataFrame,
        validation: pd.DataFrame,
        schema: Schema,
        options: PreprocessingOptions,
        metric: Metric,
    ) -> _Trial:
        train, validation = _some(train), _some(validation)
        plain = replace(options, number_embedding="none", target_transform="none")
        columns = design_matrices(Preprocessor.fit(train, schema, plain), train, validation)
        counts = np.random.default_rng(0).multinomial(
            len(validation), np.full(len(validation), 1 / len(validation)), size=DRAWS
        )
        draws = np.concatenate([np.ones((1, len(validation))), counts])
        truth = _values(schema, validation)
        return cls(columns, _values(schema, train), truth, schema, metric, draws)

    def transform(self) -> tuple[TargetTransformName, str, bool]:
        """The best transform, why, and whether the metric of the run told."""
        best: TargetTransformName = "none"
        # Each is fitted as it would be learned: robustly, where outliers dominate it.
        plain = kept = self.predictions("none", delta=self.delta("none"))
        told = ("", False)
        for name in TRANSFORMS:
            if name == "log" and self.target.min() < 0:
                continue
            found = self.predictions(name, delta=self.delta(name))
            least = CLEARLY if best == "none" else SIMPLER
            if self._judge(found, kept, least) and (
                predicted_rows := self._judge(found, plain, CLEARLY)
            ):
                best, kept, told = name, found, predicted_rows
        return best, f"learned as {TITLES[best]} ({told[0]})" if told[0] else "", told[1]

    def loss(self, transform: TargetTransformName) -> tuple[dict[str, Any], str]:
        """Huber's loss and where it turns linear, if outliers dominate the transformed target."""
        delta = self.delta(transform)
        if not delta:
            return {}, ""
        predicted_rows = self._judge(
            self.predictions(transform, delta=delta), self.predictions(transform), CLEARLY
        )
        if not predicted_rows:
            return {}, ""
        settings = {"training.loss": "huber", "training.huber_delta": float(f"{delta:.3g}")}
        return settings, f"with Huber's loss ({predicted_rows[0]})"

    def delta(self, transform: TargetTransformName) -> float:
        """Where Huber's loss turns linear, in standard deviations; 0 unless outliers dominate."""
        return _delta(transform, self.target)

    def predictions(self, transform: TargetTransformName, *, delta: float = 0.0) -> Floats:
        """A linear model's, in the unit of the target; with Huber's loss where there is a delta."""
        series = pd.Series(self.target)
        coder = TargetCoder.fit(self.schema.target, series, scale=True, transform=transform)
        scaled = coder.scaled(self.target)
        fit = _ridge(self.columns[0])
        predict = fit(scaled, np.ones(len(scaled)))
        for _ in range(HUBER_STEPS if delta else 0):
            errors = np.abs(scaled - predict(self.columns[0]))
            predict = fit(scaled, delta / np.maximum(errors, delta))
        return coder.decode(predict(self.columns[1]))

    def _judge(self, found: Floats, other: Floats, least: float) -> tuple[str, bool] | None:
        """Why the first predictions are clearly better, and whether the run's metric says so."""
        for metric in dict.fromkeys((self.metric, METRICS["mae"])):
            new, old = (self._measured(metric, each) for each in (found, other))
            gain = new - old if metric.direction == "higher" else old - new
            scale = abs(old[0]) if metric.direction == "lower" else max(1 - old[0], 1e-12)
            if (gain[1:] > 0).mean() >= SURE and gain[0] > least * scale:
                told = f"{metric.title} of a linear model on the validation rows"
                told += f" {metric.format(new[0])} in place of {metric.format(old[0])}"
                return told, metric is self.metric
            if (gain[1:] < 0).mean() >= SURE or gain[0] < -least * scale:
                return None
        return None

    def _measured(self, metric: Metric, values: Floats) -> Floats:
        """Metric on the validation rows, then on each resample of them."""
        measure = metric.prepare(
            Predictions.from_scores("regression", (), truth=self.truth, scores=values)
        )
        return np.array([measure(weights) for weights in self.draws])


def _delta(transform: TargetTransformName, values: Floats) -> float:
    """Where Huber's loss turns linear, in standard deviations; 0 unless outliers dominate."""
    values = TargetTransform.fit(transform, values).forward(values)
    quartiles = np.diff(np.quantile(values, [0.25, 0.75]))[0] / NORMAL_QUARTILES
    if tail_share(values) < DOMINATED or not quartiles > 0:
        return 0.0
    return float(np.clip(HUBER * quartiles / values.std(), 1e-3, HUBER))


def _ridge(columns: Any) -> Callable[[Floats, Floats], Callable[[Any], Floats]]:
    """Ridge regression of these columns: in closed form, unless they are very many."""
    from sklearn.linear_model import Ridge

    wide = columns.shape[1] > MOST_DENSE
    solver = {"solver": "sparse_cg", "tol": 1e-4, "max_iter": 200} if wide else {}
    dense = columns if wide else _dense(columns)

    def fit(target: Floats, weights: Floats) -> Callable[[Any], Floats]:
        model = Ridge(**solver).fit(dense, target, sample_weight=weights)
        return lambda rows: np.asarray(model.predict(rows if wide else _dense(rows)))

    return fit


def _dense(columns: Any) -> Any:
    return columns.toarray() if hasattr(columns, "toarray") else columns


def _values(schema: Schema, rows: pd.DataFrame) -> Floats:
    return TargetCoder(schema.target).values(rows[schema.target.name])


def _some(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows from all over a part, at most so many."""
    places = np.linspace(0, len(rows) - 1, min(len(rows), MOST_ROWS)).astype(np.int64)
    return rows.iloc[places].reset_index(drop=True)
