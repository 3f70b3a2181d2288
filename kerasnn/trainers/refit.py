"""Fit a network once more, on the validation rows too, once these have decided what they can."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import keras
import numpy as np

from kerasnn import models
from kerasnn.prediction.predictor import Predictor
from kerasnn.trainers.fit import TrainedModel, TrainingSetup, build_network, with_mean_1
from kerasnn.training.divergence import FAILED
from kerasnn.training.engine import Arrays
from kerasnn.training.fit import fit
from kerasnn.training.losses import loss_function
from kerasnn.training.stopping import Monitor


def refit(
    trained_model: TrainedModel, training_setup: TrainingSetup, *, left_s: float | None = None
) -> TrainedModel:
    """Some models learn once more, from the validation rows too; others stay as they are.

    Once they have decided how long to train, and how sure to be, these rows are needed for nothing
    else. Closed forms are solved again; models that say so take as many epochs again, from the same
    first weights. Only where other rows are left to score them on.

    Args:
        trained_model: Result of `fit_network`, not stopped by hand or by time.
        training_setup: Rows and network of that training.
        left_s: Seconds that are left for it; None has no limit. It stays as it is if they are too
            few.
    """
    config, known, checked = trained_model.config, training_setup.train, training_setup.validation
    entry = models.get(config.model.name)
    if not (entry.closed_form or entry.refit) or known.on_disk or checked.on_disk:
        return trained_model
    if trained_model.fitted.progress.stopped in ("interrupted", "time limit", FAILED):
        return trained_model
    if left_s is not None and (
        training_setup.reductions or seconds_again(trained_model, training_setup) > left_s
    ):
        return trained_model
    rows = _joined(known, checked)
    network = build_network(config, training_setup.preprocessor)
    if entry.initialize:
        entry.initialize(network, rows.inputs, rows.target, config.run.seed)
    if not entry.closed_form and not _trained_as_long(
        network, rows, checked, trained_model, training_setup, limit=left_s
    ):
        return trained_model
    earlier = trained_model.predictor
    predictor = Predictor(earlier.preprocessor, network, earlier.decision)
    return replace(trained_model, predictor=predictor, parts=("train", "validation"))


def seconds_again(trained_model: TrainedModel, training_setup: TrainingSetup) -> float:
    """About how long a network takes to learn once more, from the validation rows too."""
    progress, n_rows = trained_model.fitted.progress, len(training_setup.train)
    share = progress.best_epoch / max(progress.epoch, 1)
    return (
        trained_model.seconds * share * (n_rows + len(training_setup.validation)) / max(n_rows, 1)
    )


def _joined(first: Arrays, second: Arrays) -> Arrays:
    """The rows of both."""
    inputs = {k: np.concatenate([v[:], second.inputs[k][:]]) for k, v in first.inputs.items()}
    weights = None
    if first.weights is not None or second.weights is not None:
        each = [
            np.ones(len(a), "float32") if a.weights is None else a.weights for a in (first, second)
        ]
        weights = with_mean_1(np.concatenate(each))
    return Arrays(inputs, np.concatenate([first.target, second.target]), weights)


def _trained_as_long(
    network: keras.Model,
    rows: Arrays,
    checked: Arrays,
    trained_model: TrainedModel,
    training_setup: TrainingSetup,
    *,
    limit: float | None,
) -> bool:
    """Train for as many epochs as were best; whether they all were done."""
    config, progress = trained_model.config, trained_model.fitted.progress
    row_loss = loss_function(config.training, training_setup.preprocessor.signature.output)
    # The last epoch is the one that is kept.
    epoch = count()
    latest = Monitor("epoch", "higher", lambda _: float(next(epoch)))
    fitted = fit(
        network,
        rows,
        checked,
        training_options=replace(
            config.training,
            epochs=progress.best_epoch,
            patience=0,
            learning_rate=config.training.learning_rate * progress.rate_share,
            batch_size=progress.batch_size or config.training.batch_size,
        ),
        row_loss=row_loss,
        monitor=latest,
        seed=config.run.seed,
        time_limit_s=limit,
        second_try=False,
    )
    as_long = fitted.progress.epoch == progress.best_epoch
    return as_long and fitted.progress.stopped != FAILED
