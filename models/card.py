"""What there is to know about a model of the zoo before training it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from kerasnn import models
from kerasnn.options import PreprocessingOptions, TrainingOptions


@dataclass(frozen=True)
class Size:
    """A network for one table.

    Args:
        table: Name of the table.
        features: Columns that the network sees.
        outputs: Units of the output: one a class, or one.
        parameters: Trainable numbers.
    """

    table: str
    features: int
    outputs: int
    parameters: int


@dataclass(frozen=True)
class Card:
    """A model of the zoo.

    Args:
        hyperparameters: All of them, with their defaults.
        training_options: Training options of the model; those that differ from the defaults are
            shown.
        preprocessing: Preprocessing options of the model; those that differ from the defaults are
            shown.
        profiles: Other sizes of it by name, each with what it changes of the above.
    """

    name: str
    summary: str
    reference: str
    hyperparameters: Mapping[str, Any]
    training_options: Mapping[str, Any]
    preprocessing: Mapping[str, Any]
    profiles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    size: Size | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return asdict(self)

    def text(self) -> str:
        """A few lines for a terminal."""
        lines = [f"{self.name}: {self.summary}", f"Source: {self.reference}"]
        for title, values in (
            ("Hyper-parameters", self.hyperparameters),
            ("Its recipe differs from the defaults in", self.training_options),
            ("Its preprocessing differs from the defaults in", self.preprocessing),
            *((f"Profile {name}", values) for name, values in self.profiles.items()),
        ):
            if values:
                width = max(map(len, values))
                lines += ["", title]
                lines += [f"  {name:{width}}  {_shown(value)}" for name, value in values.items()]
        if self.size:
            lines += [
                "",
                f"For {self.size.table}: {self.size.features} features, "
                f"{self.size.outputs} outputs, {self.size.parameters:,} parameters",
            ]
        return "\n".join(lines)


def describe(name: str) -> Card:
    """The card of a model.

    Raises:
        UnknownNameError: There is no such model.
    """
    entry = models.get(name)
    return Card(
        name=name,
        summary=entry.summary,
        reference=entry.reference,
        hyperparameters=models.hyperparameters(name),
        training_options=_changes(entry.training_options, TrainingOptions()),
        preprocessing=_changes(entry.preprocessing, PreprocessingOptions()),
        profiles={profile: dict(values) for profile, values in entry.profiles.items()},
    )


def measure(name: str, data: str | os.PathLike[str], *, target: str) -> Size:
    """Build a model with its defaults for a table, and count.

    Args:
        name: Name of a model of the zoo.
        data: File of the table.
        target: Column to be predicted.
    """
    from kerasnn import data as tables
    from kerasnn.data.schema import infer
    from kerasnn.preprocessing import Preprocessor

    table = tables.read(data)
    schema = infer(table, target=target)
    entry = models.get(name)
    signature = Preprocessor.fit(table.frame, schema, entry.preprocessing).signature
    network = models.build(name, signature)
    parameters = sum(int(weight.shape.num_elements()) for weight in network.trainable_weights)
    return Size(os.fspath(data), len(schema.features), signature.output.width, parameters)


def _changes(options: Any, defaults: Any) -> dict[str, Any]:
    """The values that differ."""
    return {k: v for k, v in asdict(options).items() if v != getattr(defaults, k)}


def _shown(value: Any) -> str:
    """Text of a value as in the configuration."""
    if isinstance(value, bool) or value is None:
        return str(value).lower().replace("none", "null")
    if not isinstance(value, float):
        return str(value)
    short = f"{value:g}"
    return short if float(short) == value else repr(value)
