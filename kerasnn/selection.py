"""Which model of the zoo is trained where none was named."""

from __future__ import annotations

from kerasnn.schema import Schema


def default_model(schema: Schema) -> str:
    """A network for images where there are some, else one for tables."""
    return "airbench" if any(column.kind == "image" for column in schema.features) else "mlp"
