"""What the rows decide of a configuration: how texts are cut, images changed and how often seen.

And how fast a network learns where it predicts a number.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from kerasnn import models
from kerasnn.config.config import Config
from kerasnn.data.media import image_columns
from kerasnn.data.schema import Schema
from kerasnn.options import TrainingOptions
from kerasnn.preprocessing.preprocessor import Preprocessor
from kerasnn.selection.flip_invariance import mirrors
from kerasnn.selection.target_transform import TargetChoice, choose_target
from kerasnn.selection.tokenizer import choose_unit
from kerasnn.training import augmentation_policies

# Training images that tell whether a mirrored image still means the same.
MIRRORED = 4_000
# Where a recipe leaves the epochs open, about so many images are seen in all.
IMAGES_SEEN = 240_000
FEWEST_EPOCHS, MOST_EPOCHS = 8, 100
# Likewise of series and sounds, of which there may be so few that an epoch is a single step.
SEQUENCES_SEEN, MOST_FOR_FEW = 80_000, 400


def adapt(config: Config, train: pd.DataFrame, validation: pd.DataFrame, schema: Schema) -> Config:
    """Fill in what a configuration leaves to the data.

    Args:
        config: Configuration whose ``training.augment`` may be a preset, whose ``training.epochs``
            may be 0, and whose ``preprocessing.tokens`` and ``preprocessing.target_transform`` may
            be ``auto``.
        train: Training rows with decoded images.
        validation: Validation rows, used for the choice of the tokens and of the transform of the
            target.
        schema: Schema of the table.

    Raises:
        ConfigError: The augmentation does not fit the data.
    """
    decided: dict[str, Any] = {}
    images = any(column.kind == "image" for column in schema.features)
    augment = config.training.augment
    if images:
        augment = ",".join(_changes(config, train, schema)) or "none"
    elif augment != "auto":
        augmentation_policies.check(augment)
    if augment != config.training.augment:
        decided["training.augment"] = augment
    if schema.target.task == "regression":
        for_numbers = models.get(config.model.name).regression
        prescribed = ("default", "model recipe")
        decided |= {k: v for k, v in for_numbers.items() if config.origins.get(k) in prescribed}
    if not config.training.epochs:
        kind = models.data_of(config.model.name)
        if images or kind in ("image", "sequence"):
            epochs = epochs_for(len(train), sequences=kind == "sequence")
        else:
            epochs = TrainingOptions().epochs
        decided["training.epochs"] = epochs
    texts = any(column.kind == "text" for column in schema.features)
    if texts and config.preprocessing.tokens == "auto":
        unit = choose_unit(train, validation, schema, config.preprocessing)
        decided["preprocessing.tokens"] = unit
    chosen = TargetChoice()
    if schema.target.task == "regression":
        chosen = choose_target(train, validation, schema, config.preprocessing, config.training)
        decided |= chosen.settings
    config = config.with_inferred(decided) if decided else config
    return replace(config, reasons=(*config.reasons, chosen.reason)) if chosen.reason else config


def epochs_for(n_rows: int, *, sequences: bool = False) -> int:
    """Epochs over some training images, or series and sounds.

    >>> epochs_for(50_000), epochs_for(5_000), epochs_for(200, sequences=True)
    (8, 48, 400)
    """
    if sequences:
        return int(np.clip(round(SEQUENCES_SEEN / max(n_rows, 1)), FEWEST_EPOCHS, MOST_FOR_FEW))
    return int(np.clip(round(IMAGES_SEEN / max(n_rows, 1)), FEWEST_EPOCHS, MOST_EPOCHS))


def _changes(config: Config, train: pd.DataFrame, schema: Schema) -> tuple[str, ...]:
    preprocessor = Preprocessor.fit(train, schema, config.preprocessing)
    column = next(c for c in preprocessor.schema.features if c.kind == "image")

    def allowed() -> bool:
        rows = np.linspace(0, len(train) - 1, min(len(train), MIRRORED)).astype(np.int64)
        pixels = image_columns.pixels_of(train[column.name].iloc[rows], column.layout)[:]
        return mirrors(pixels, preprocessor.target(train.iloc[rows]), seed=config.run.seed)

    return augmentation_policies.resolve(
        config.training.augment, preprocessor.signature, n_rows=len(train), mirrors=allowed
    )
