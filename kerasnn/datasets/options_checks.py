"""Checks that model and training options fit a table, before Keras is imported."""

from __future__ import annotations

import pandas as pd

from kerasnn import models
from kerasnn.config.choice import EnsembleMember
from kerasnn.config.config import Config
from kerasnn.config.settings import Settings
from kerasnn.data.schema import Schema
from kerasnn.layers.required_inputs import check_kinds
from kerasnn.prediction.calibrate import monitored
from kerasnn.preprocessing.target import TargetCoder
from kerasnn.training.checks import check_class_weight, check_loss


def check_model(settings: Settings, schema: Schema) -> None:
    """Raise if a model that somebody chose finds none of the columns that it is made for.

    Args:
        settings: Chosen settings.
        schema: Schema of the table.

    Raises:
        ConfigError: Such a model was chosen.
    """
    kinds = {column.kind for column in schema.features}
    names = [settings.model_name] if settings.names_model else []
    for name in (*names, *(EnsembleMember.read(text).model for text in settings.run.members)):
        check_kinds(models.data_of(name), kinds)


def check_training(config: Config, schema: Schema, target: pd.Series) -> None:
    """Raise what building or training the network would raise later.

    Args:
        config: Complete configuration of the run.
        schema: Schema of the table.
        target: Target of the training rows.

    Raises:
        ConfigError: The loss, the monitor, class weights or the target transform does not fit the
            target.
    """
    training_options, task = config.training, schema.target.task
    check_loss(training_options, task)
    check_class_weight(training_options, task)
    monitored(training_options, task)
    transform = config.preprocessing.target_transform
    TargetCoder.fit(schema.target, target, scale=False, transform=transform)
