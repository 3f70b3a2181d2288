"""Which model of the zoo is trained where none was named."""

from __future__ import annotations

from kerasnn.schema import Schema
from kerasnn.signature import Kind

# The first kind that a column has tells.
DEFAULTS: dict[Kind, str] = {"text": "bag_of_ngrams", "image": "airbench"}


def default_model(schema: Schema) -> str:
    """A network for texts where there are some, else for images, else for tables."""
    kinds = {column.kind for column in schema.features}
    for kind, model in DEFAULTS.items():
        if kind in kinds:
            return model
    return "mlp"
