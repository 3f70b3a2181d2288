"""A trained network in one file that holds data and nothing else: safe to open from a stranger.

::

    bundle        the objects, saved and loaded
    members       the five files, their bounds, the manifest with their checksums
    archive       the layout of the one file, byte for byte
    description   recipe.json: which network of the zoo, how it was trained, how it decides
    weights       weights.safetensors: the numbers, under names that last
    plain         JSON without surprises, and whether data has the form of a type
    summary       what `inspect` prints, without building the network
"""

from __future__ import annotations

from kerasnn.bundle.bundle import Bundle
from kerasnn.bundle.members import read_members
from kerasnn.bundle.summary import summary

__all__ = ["Bundle", "read_members", "summary"]
