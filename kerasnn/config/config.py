"""The complete configuration of a run, where each of its values came from, and its file.

It comes from `kerasnn.config.settings`; the data decide what is still open::

    config = config.with_inferred({"training.learning_rate": 0.01})
    config.training.epochs, config.origins["training.epochs"]
    config.write("config.yaml")
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

from kerasnn.config.choice import Choice
from kerasnn.config.yaml_file import render
from kerasnn.constraints import SECTIONS, check
from kerasnn.files.storage import write_atomically
from kerasnn.options import (
    DataOptions,
    ForecastOptions,
    PreprocessingOptions,
    RunOptions,
    SplitOptions,
    TrainingOptions,
)

Origin = Literal[
    "default", "model recipe", "config file", "argument", "command line", "inferred", "tuned"
]

# Where there are no data to choose by; see `kerasnn.selection.rules`.
DEFAULT_MODEL = "mlp"
# In place of a model's name: nobody chose one.
AUTO = "auto"
# The profile of a model that changes nothing of it.
DEFAULT_PROFILE = "default"


@dataclass(frozen=True)
class ModelOptions:
    """A model of the zoo and all its hyper-parameters.

    Args:
        profile: Name of one of the sizes that the model comes in.
    """

    name: str = DEFAULT_MODEL
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    profile: str = DEFAULT_PROFILE


@dataclass(frozen=True)
class Config:
    """The complete configuration of a run.

    Args:
        origins: Origin of each value, by dotted key such as ``training.epochs``.
        choice: Choice of the model, where the data decided it.
        reasons: Lines that say why the data decided something out of the ordinary.
    """

    data: DataOptions
    split: SplitOptions
    preprocessing: PreprocessingOptions
    forecast: ForecastOptions
    model: ModelOptions
    training: TrainingOptions
    run: RunOptions
    origins: Mapping[str, Origin]
    choice: Choice | None = None
    reasons: tuple[str, ...] = ()

    def to_text(self) -> str:
        """The text of a file with every value and its origin as a comment."""
        notes = {"model.name": self.choice.reason} if self.choice else {}
        return render(self.to_dict(), self.origins, notes)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write `to_text` to a file, which is replaced at once."""
        write_atomically(path, self.to_text().encode())

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Plain data, laid out like the file."""
        data = {section: asdict(getattr(self, section)) for section in SECTIONS}
        data = {section: {k: as_lists(v) for k, v in data[section].items()} for section in data}
        model = {"name": self.model.name, "profile": self.model.profile}
        model |= self.model.hyperparameters
        return {
            name: model if name == "model" else data[name]
            for name in ("data", "split", "preprocessing", "forecast", "model", "training", "run")
        }

    def with_inferred(self, values: Mapping[str, Any], *, origin: Origin = "inferred") -> Config:
        """A copy in which the data have decided some values.

        Args:
            values: Values by dotted key, such as ``{"data.task": "binary"}``; a hyper-parameter's
                key is ``model.NAME``, that of a column's kind ``data.columns.NAME``.
            origin: Origin that these values get.
        """
        config = self
        for key, value in values.items():
            section, name, *column = key.split(".", 2)
            options = getattr(config, section)
            if section == "model":
                changed = replace(options, hyperparameters={**options.hyperparameters, name: value})
            elif column:
                changed = replace(
                    options, columns={**options.columns, column[0]: check(key, value)}
                )
            else:
                changed = replace(options, **{name: check(key, value)})
            config = replace(config, **{section: changed})
        origins: dict[str, Origin] = {**self.origins, **dict.fromkeys(values, origin)}
        return replace(config, origins=MappingProxyType(origins))


def as_lists(value: Any) -> Any:
    """A tuple as the list that a file has in its place."""
    return list(value) if isinstance(value, tuple) else value
