"""What validation rows decide: the best epoch, the temperature and the threshold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from kerasnn.calibration.conformal import fit_margins
from kerasnn.calibration.temperature import (
    as_pairs,
    check_decides,
    check_threshold,
    fit_temperature,
    fit_threshold,
    label_probabilities,
    parse_costs,
    probabilities,
)
from kerasnn.errors import ConfigError
from kerasnn.metrics.predictions import Predictions
from kerasnn.metrics.registry import MAIN_METRIC, Metric, get_metric
from kerasnn.options import TrainingOptions
from kerasnn.prediction.predictor import Decision, Predictor
from kerasnn.preprocessing import Preprocessor
from kerasnn.signature import Task
from kerasnn.training.stopping import Monitor

if TYPE_CHECKING:
    from kerasnn.training.engine import Arrays

# Rows that a network has learned from and that tell how its errors depend on what it predicts.
USUAL_ROWS = 10_000
# Metrics that a mean is best for, the fewest validation rows it is estimated on, and resamples.
SQUARED, FEWEST_ERRORS, DRAWS = ("rmse", "r2"), 30, 200
# Share of the resamples in which the mean must be better; it is the safer guess where few rows
# can't tell.
LEAST_WINS = 0.25


def monitor_for(
    training_options: TrainingOptions, preprocessor: Preprocessor, validation: Arrays
) -> Monitor:
    """What picks the best epoch, measured in the unit of the target.

    ``auto`` is the log loss for classes, which is the first to see overconfidence, and the root
    mean squared error for regression. Smoothed labels make a network unsure by intent: then the
    probabilities are put right, as they will be in the end, before they are judged.
    """
    target, truth = preprocessor.schema.target, validation.target
    metric = monitored(training_options, target.task)
    weights = np.ones(len(truth)) if validation.weights is None else validation.weights
    if target.task == "regression":
        truth = preprocessor.truth(truth)

    def measure(outputs: np.ndarray) -> float:
        if not np.isfinite(outputs).all():
            return float("nan")
        if target.task == "regression":
            scores = preprocessor.decode(outputs)[:, 0]
        else:
            temperature = 1.0
            if training_options.label_smoothing:
                logits, codes, counts = _by_decision(outputs, truth, validation.weights)
                temperature = fit_temperature(logits, codes, weights=counts)
            read = label_probabilities if target.task == "multilabel" else probabilities
            scores = read(outputs, temperature=temperature)
        predictions = Predictions.from_scores(
            target.task, target.classes, truth=truth, scores=scores
        )
        return float(metric.prepare(predictions)(weights))

    return Monitor(f"validation_{metric.name}", metric.direction, measure)


def monitored(training_options: TrainingOptions, task: Task) -> Metric:
    """The metric that `monitor_for` measures."""
    if training_options.monitor in ("auto", "loss"):
        name = "rmse" if task == "regression" else "log_loss"
    else:
        name = MAIN_METRIC[task] if training_options.monitor == "main" else training_options.monitor
    return get_metric(name, task)


def decide(outputs: np.ndarray, validation: Arrays, *, task: Task, threshold: str) -> Decision:
    """The temperature and the threshold.

    Args:
        outputs: Outputs of the network on the validation rows, (n, width).
        validation: These rows.
        task: Task of the target.
        threshold: Rule that `choose_threshold` takes.
    """
    if task == "regression":
        return Decision()
    outputs, truth, weights = _by_decision(outputs, validation.target, validation.weights)
    temperature = fit_temperature(outputs, truth, weights=weights)
    likely = probabilities(outputs, temperature=temperature)
    return Decision(temperature, choose_threshold(threshold, likely, truth))


def with_mean_predictions(
    predictor: Predictor, outputs: np.ndarray, validation: Arrays, metric: Metric
) -> Predictor:
    """The same predictor, which predicts the mean of a transformed target and not its median.

    Only where squared errors count, and unless those of the mean are the larger ones in most
    resamples of the validation rows, where few outlying rows often decide.

    Args:
        predictor: Predicts medians.
        outputs: Outputs of its network, or one like it, on the validation rows, (n, 1).
        validation: These rows.
        metric: The metric of the run.
    """
    fitted, n_rows = predictor.preprocessor, len(validation)
    coder = fitted.coder
    is_open = coder.transform.name != "none" and not coder.transform.errors
    if not is_open or metric.name not in SQUARED or n_rows < FEWEST_ERRORS:
        return predictor
    if not np.isfinite(outputs).all():
        return predictor
    errors = (validation.target - outputs[:, 0].astype("float64")) * coder.deviation
    mean = replace(fitted, coder=replace(coder, transform=coder.transform.with_errors(errors)))
    truth = fitted.truth(validation.target)
    new, old = (np.square(each.decode(outputs)[:, 0] - truth) for each in (mean, fitted))
    weights = np.ones(n_rows) if validation.weights is None else validation.weights
    draws = np.random.default_rng(0).multinomial(n_rows, weights / weights.sum(), size=DRAWS)
    if (draws @ (old - new) > 0).mean() <= LEAST_WINS:
        return predictor
    return Predictor(mean, predictor.network, predictor.decision)


def choose_threshold(rule: str, likely: np.ndarray, truth: np.ndarray) -> float:
    """The probability of class 1 from which on to decide for it.

    Several labels a row share one threshold; they come as `kerasnn.calibration.temperature.as_pairs`
    makes them.

    Args:
        rule: A number in [0, 1], ``f1``, or costs such as ``fp=1,fn=5``.
        likely: Probabilities on validation rows, (n, classes).
        truth: Their codes, (n,).

    Raises:
        ConfigError: The rule is none of these, or there are more than two classes.
    """
    if rule == "0.5":
        return 0.5
    if likely.shape[1] != 2:
        raise ConfigError(f"a decision threshold needs two classes; there are {likely.shape[1]}")
    if rule == "f1":
        return fit_threshold(likely[:, 1], truth)
    if "=" in rule:
        return fit_threshold(likely[:, 1], truth, costs=parse_costs(rule))
    check_threshold(rule)
    return float(rule)


def with_threshold(
    predictor: Predictor, rule: str, validation: Callable[[], Predictions]
) -> Predictor:
    """A predictor that decides by another threshold.

    Args:
        predictor: Predictor of classes or labels.
        rule: Rule that `choose_threshold` takes.
        validation: Gives predictions on rows that no network has learned from, if the rule needs
            them.

    Raises:
        ConfigError: As `choose_threshold`.
    """
    target = predictor.preprocessor.schema.target
    check_decides(target)
    several = target.task == "multilabel"
    likely, truth = np.full((1, 2 if several else len(target.classes)), 0.5), np.zeros(1, int)
    if rule == "f1" or "=" in rule:
        found = validation()
        likely, truth = found.scores, found.truth
        if several:
            likely, truth = as_pairs(likely, truth)
    value = choose_threshold(rule, likely, truth)
    return predictor.with_decision(replace(predictor.decision, threshold=value))


def with_margins(
    predictor: Predictor, outputs: np.ndarray, validation: Arrays, trained_model: Arrays
) -> Predictor:
    """The same predictor, which also knows how far off it was on the validation rows.

    All of them count, although they picked the best epoch and the temperature. What that makes
    of scores was measured on 60 trainings with 340 and 1,700 rows of three tables, whose validation
    rows were halved: 90.1 % of the rows of the half that decided were under the score of 90 % of the
    test rows, and 89.7 % of the other half, 0.4 ± 0.8 points apart. To spare half of the validation
    rows would cost more: the coverage of n of them scatters by 0.3 / √n.

    Args:
        predictor: Predictor with its temperature.
        outputs: Outputs of its network, or of one that is like it, on the validation rows, (n,
            width).
        validation: These rows.
        trained_model: Rows that the network has learned from; they tell where a regression errs more.
    """
    target, truth = predictor.preprocessor.schema.target, validation.target
    if not len(truth) or not np.isfinite(outputs).all():
        return predictor
    usual = None
    if target.task == "regression":
        truth = predictor.preprocessor.truth(truth)
        rows = np.linspace(0, len(trained_model) - 1, min(len(trained_model), USUAL_ROWS)).astype(
            np.int64
        )
        inputs = {name: values[rows] for name, values in trained_model.inputs.items()}
        usual = (
            predictor.calibrated(predictor.outputs(inputs)),
            predictor.preprocessor.truth(trained_model.target[rows]),
        )
    predictions = Predictions.from_scores(
        target.task, target.classes, truth=truth, scores=predictor.calibrated(outputs)
    )
    conformal_calibration = fit_margins(
        predictions, weights=validation.weights, trained_model=usual
    )
    return predictor.with_decision(
        replace(predictor.decision, conformal_calibration=conformal_calibration)
    )


def _by_decision(
    outputs: np.ndarray, truth: np.ndarray, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Rows by predicted class; of several labels, present or absent for each row and label."""
    if truth.ndim == 1:
        return outputs, truth, weights
    weights = None if weights is None else np.repeat(weights, truth.shape[1])
    return outputs.reshape(-1, 1), truth.reshape(-1).astype(np.int64), weights
