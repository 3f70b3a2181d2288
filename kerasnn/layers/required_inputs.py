"""What a model that is made for images, texts or sequences must be given."""

from __future__ import annotations

from collections.abc import Collection

from kerasnn.errors import ConfigError

# By what a model is made for: what it needs, and the kinds of columns that give it.
_REQUIRED = {
    "image": ("images needs an image column", {"image", "sound"}),
    "text": ("texts needs a text column", {"text"}),
    "sequence": (
        "sequences needs a column of texts, series or sounds",
        {"text", "series", "sound"},
    ),
}


def missing_input(data: str) -> ConfigError:
    """What to raise where a model that is made for ``image``, ``text`` or ``sequence`` has none."""
    return ConfigError(
        f"a model for {_REQUIRED[data][0]}; got none",
        hint="add one, or choose a model for tables, such as mlp",
    )


def check_kinds(data: str, kinds: Collection[str]) -> None:
    """Raise if no column is of a kind that a model needs.

    Args:
        data: Kind of data that the model is for, from `kerasnn.models.data_of`.
        kinds: Kinds of the columns.

    Raises:
        ConfigError: None is.
    """
    if data in _REQUIRED and not _REQUIRED[data][1] & {*kinds}:
        raise missing_input(data)
