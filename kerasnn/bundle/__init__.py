"""A trained network in one file that holds data and nothing else: safe to open from a stranger.

::

    bundle        the objects, saved and loaded
    forecasts     the same of a forecaster
    members       the five files, their bounds, the manifest with their checksums
    archive       the layout of the one file, byte for byte
    description   recipe.json: which network of the zoo, how it was trained, how it decides
    weights       weights.safetensors: the numbers, under names that last
    header        the shapes in it, without Keras
    budget        how much building a network may take, by what the weights are
    summary       what `inspect` prints, without building the network
"""

from __future__ import annotations

import os

from kerasnn.bundle.bundle import Bundle
from kerasnn.bundle.forecasts import ForecastBundle, is_of_forecast
from kerasnn.bundle.members import read_members, refused_at
from kerasnn.bundle.summary import summary

__all__ = ["Bundle", "ForecastBundle", "open_bundle", "read_members", "summary"]


def open_bundle(path: str | os.PathLike[str]) -> Bundle | ForecastBundle:
    """Read a bundle of either kind, which may be a stranger's; see `Bundle.load`.

    Raises:
        DataError: There is no such model.
        ModelRefusedError: It is damaged, hostile or too new; nothing of it was used.
    """
    members = read_members(path)
    with refused_at(path):
        if is_of_forecast(members):
            return ForecastBundle.from_members(members)
        return Bundle.from_members(members)
