"""Which model of the zoo is trained where none was named."""

from __future__ import annotations

from kerasnn.schema import Schema
from kerasnn.signature import Kind

# The first kind that a column has tells.
DEFAULTS: dict[Kind, str] = {"text": "bag_of_ngrams", "image": "airbench"}
# Of fewer series than that, fixed convolutions with a solved layer say more than trained ones.
FEW_SERIES = 1_000


def default_model(schema: Schema, *, n_rows: int) -> str:
    """A network for texts where there are some, else for images, for series and sounds, for tables.

    Args:
        schema: Kinds of the columns.
        n_rows: Of the table; few series are better told apart by another model than many.
    """
    kinds = {column.kind for column in schema.features}
    for kind, model in DEFAULTS.items():
        if kind in kinds:
            return model
    if kinds & {"series", "sound"}:
        return "minirocket" if n_rows < FEW_SERIES else "lite_time"
    return "mlp"
