"""Blocks that the models of the zoo share. Keras is imported with the first one used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kerasnn.layers.activations import activate
    from kerasnn.layers.blocks import (
        add,
        dense_block,
        dense_stack,
        network,
        normalize,
        output_layer,
        project,
        residual_block,
        side_by_side,
    )
    from kerasnn.layers.cross import cross_layer
    from kerasnn.layers.features import build_inputs, encode, linear_scores
    from kerasnn.layers.initializers import initializer_for

_MODULES = {
    "activate": "activations",
    "add": "blocks",
    "build_inputs": "features",
    "cross_layer": "cross",
    "dense_block": "blocks",
    "dense_stack": "blocks",
    "encode": "features",
    "initializer_for": "initializers",
    "linear_scores": "features",
    "network": "blocks",
    "normalize": "blocks",
    "output_layer": "blocks",
    "project": "blocks",
    "residual_block": "blocks",
    "side_by_side": "blocks",
}

__all__ = [
    "activate",
    "add",
    "build_inputs",
    "cross_layer",
    "dense_block",
    "dense_stack",
    "encode",
    "initializer_for",
    "linear_scores",
    "network",
    "normalize",
    "output_layer",
    "project",
    "residual_block",
    "side_by_side",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
