"""The configuration of a run on a table, with a model that data and machine choose if nobody did."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
import pandas as pd

from kerasnn import models
from kerasnn.config.choice import Choice, EnsembleMember
from kerasnn.config.config import DEFAULT_PROFILE, Config
from kerasnn.config.settings import Settings
from kerasnn.data.columns.values import as_texts
from kerasnn.data.schema import Schema
from kerasnn.options import SplitOptions
from kerasnn.selection.cost_model import Machine
from kerasnn.selection.rules import FEW_ROWS, VALIDATION_OF_FEW, TableStats, choose, choose_by_kinds

# Texts that tell how long the others are, and characters of a word with the space behind it.
TEXTS_READ, CHARACTERS_A_WORD = 1_000, 6


def resolve(
    settings: Settings, schema: Schema, frame: pd.DataFrame, *, given: Collection[str] = ()
) -> Config:
    """The configuration of a named model, or of the one that suits the table.

    Args:
        settings: Chosen settings.
        schema: Schema of the table.
        frame: Rows of the table, before they are divided.
        given: Parts that have rows of their own, ``validation`` and ``test``.
    """
    if settings.run.members and not settings.names_model:
        first = EnsembleMember.read(settings.run.members[0])
        settings = settings.with_inferred(
            {"model.name": first.model, "model.profile": first.profile}
        )
    if settings.names_model:
        return settings.resolve()
    choice = choose_by_kinds((column.kind for column in schema.features), len(frame))
    if choice is None:
        if len(frame) < FEW_ROWS and "validation" not in given:
            settings = settings.with_inferred({"split.validation": VALIDATION_OF_FEW})
        choice = _choose(settings, schema, frame, _train_share(settings.split, given))
    return replace(settings.with_inferred(choice.settings).resolve(), choice=choice)


def _choose(settings: Settings, schema: Schema, frame: pd.DataFrame, share: float) -> Choice:
    """Choose networks for a table of plain columns and texts, by the rows that are trained on."""
    epochs = settings.chosen.get("training.epochs")
    names = {
        kind: [column.name for column in schema.features if column.kind == kind]
        for kind in ("category", "text")
    }
    categories, texts = names["category"], names["text"]
    table_stats = TableStats(
        n_rows=int(len(frame) * share + 1e-9),
        n_numbers=len(schema.features) - len(categories) - len(texts),
        category_sizes=tuple(int(frame[name].nunique()) for name in categories),
        n_outputs=max(1, len(schema.target.classes)),
        time_limit_s=settings.run.time_limit_s,
        epochs=int(epochs.value) if epochs else 0,
        n_texts=len(texts),
        n_words=sum(_words(frame[name]) for name in texts),
    )
    wanted, profile = settings.hyperparameters, settings.profile

    def fits(model: str) -> bool:
        if model not in models.names():
            return False
        profiles = (DEFAULT_PROFILE, *models.get(model).profiles)
        return wanted <= models.hyperparameters(model).keys() and profile in profiles

    return choose(
        table_stats,
        Machine.here(),
        # Hyper-parameters are those of one model.
        ensemble=settings.run.ensemble or int(bool(wanted)),
        profile=profile if "model.profile" in settings.chosen else None,
        fits=fits,
    )


def _words(cells: pd.Series) -> float:
    """About how many words a text has, by its length."""
    rows = np.linspace(0, len(cells) - 1, min(len(cells), TEXTS_READ)).astype(np.int64)
    lengths = [len(text) for text in as_texts(cells.iloc[rows])]
    return float(np.mean(lengths)) / CHARACTERS_A_WORD if lengths else 0.0


def _train_share(split: SplitOptions, given: Collection[str]) -> float:
    """Share of training rows by the options; a column may split them otherwise."""
    shares = {"validation": split.validation, "test": split.test}
    return 1 - sum(share for name, share in shares.items() if name not in given)
