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
        drop,
        network,
        normalize,
        output_layer,
        project,
        residual_block,
        scaled_output,
        side_by_side,
    )
    from kerasnn.layers.convolutions import (
        conv_block,
        convolution,
        dirac_convolution,
        global_pool,
        halve,
        shift_norm,
        stem_stride,
    )
    from kerasnn.layers.cross import cross_layer
    from kerasnn.layers.features import build_inputs, encode, linear_scores, table_parts
    from kerasnn.layers.images import image_features
    from kerasnn.layers.initializers import initializer_for
    from kerasnn.layers.pixels import scale_pixels
    from kerasnn.layers.whitening import whiten, whitening_layer

_MODULES = {
    "activate": "activations",
    "add": "blocks",
    "build_inputs": "features",
    "conv_block": "convolutions",
    "convolution": "convolutions",
    "cross_layer": "cross",
    "dense_block": "blocks",
    "dense_stack": "blocks",
    "dirac_convolution": "convolutions",
    "drop": "blocks",
    "encode": "features",
    "global_pool": "convolutions",
    "halve": "convolutions",
    "image_features": "images",
    "initializer_for": "initializers",
    "linear_scores": "features",
    "network": "blocks",
    "normalize": "blocks",
    "output_layer": "blocks",
    "project": "blocks",
    "residual_block": "blocks",
    "scale_pixels": "pixels",
    "scaled_output": "blocks",
    "shift_norm": "convolutions",
    "side_by_side": "blocks",
    "stem_stride": "convolutions",
    "table_parts": "features",
    "whiten": "whitening",
    "whitening_layer": "whitening",
}

__all__ = [
    "activate",
    "add",
    "build_inputs",
    "conv_block",
    "convolution",
    "cross_layer",
    "dense_block",
    "dense_stack",
    "dirac_convolution",
    "drop",
    "encode",
    "global_pool",
    "halve",
    "image_features",
    "initializer_for",
    "linear_scores",
    "network",
    "normalize",
    "output_layer",
    "project",
    "residual_block",
    "scale_pixels",
    "scaled_output",
    "shift_norm",
    "side_by_side",
    "stem_stride",
    "table_parts",
    "whiten",
    "whitening_layer",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
