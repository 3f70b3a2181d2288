"""Blocks that the models of the zoo share. Keras is imported with the first one used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kerasnn.layers.activations import activate
    from kerasnn.layers.backbones import backbone_features
    from kerasnn.layers.beside import beside_parts
    from kerasnn.layers.blocks import (
        add,
        dense_block,
        dense_stack,
        drop,
        drop_path,
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
        depthwise,
        dirac_convolution,
        global_pool,
        halve,
        layer_scale,
        power_of_two,
        shift_norm,
        stage_stride,
        stem_stride,
    )
    from kerasnn.layers.cross import cross_layer
    from kerasnn.layers.features import build_inputs, encode, linear_scores
    from kerasnn.layers.images import image_features
    from kerasnn.layers.initializers import initializer_for
    from kerasnn.layers.mel import mel_frames
    from kerasnn.layers.pixels import scale_pixels
    from kerasnn.layers.recurrent import recurrent_layer
    from kerasnn.layers.sequences import sequence_features, sequence_network
    from kerasnn.layers.series import scaled_series
    from kerasnn.layers.tables import table_parts
    from kerasnn.layers.texts import bag, embed, ngram_codes, ngram_count
    from kerasnn.layers.transformers import (
        feed_forward,
        mean_vector,
        patches,
        positions,
        transformer_block,
    )
    from kerasnn.layers.whitening import whiten, whitening_layer

_MODULES = {
    "activate": "activations",
    "add": "blocks",
    "backbone_features": "backbones",
    "bag": "texts",
    "beside_parts": "beside",
    "build_inputs": "features",
    "check_weights_file": "pretrained",
    "conv_block": "convolutions",
    "convolution": "convolutions",
    "cross_layer": "cross",
    "dense_block": "blocks",
    "dense_stack": "blocks",
    "depthwise": "convolutions",
    "dirac_convolution": "convolutions",
    "drop": "blocks",
    "drop_path": "blocks",
    "embed": "texts",
    "encode": "features",
    "feed_forward": "transformers",
    "global_pool": "convolutions",
    "halve": "convolutions",
    "image_features": "images",
    "initializer_for": "initializers",
    "layer_scale": "convolutions",
    "linear_scores": "features",
    "load_pretrained": "pretrained",
    "mean_vector": "transformers",
    "mel_frames": "mel",
    "network": "blocks",
    "ngram_codes": "texts",
    "ngram_count": "texts",
    "normalize": "blocks",
    "output_layer": "blocks",
    "patches": "transformers",
    "positions": "transformers",
    "power_of_two": "convolutions",
    "project": "blocks",
    "recurrent_layer": "recurrent",
    "residual_block": "blocks",
    "scale_pixels": "pixels",
    "scaled_output": "blocks",
    "scaled_series": "series",
    "sequence_features": "sequences",
    "sequence_network": "sequences",
    "shift_norm": "convolutions",
    "side_by_side": "blocks",
    "stage_stride": "convolutions",
    "stem_stride": "convolutions",
    "table_parts": "tables",
    "transformer_block": "transformers",
    "whiten": "whitening",
    "whitening_layer": "whitening",
}

__all__ = [
    "activate",
    "add",
    "backbone_features",
    "bag",
    "beside_parts",
    "build_inputs",
    "check_weights_file",
    "conv_block",
    "convolution",
    "cross_layer",
    "dense_block",
    "dense_stack",
    "depthwise",
    "dirac_convolution",
    "drop",
    "drop_path",
    "embed",
    "encode",
    "feed_forward",
    "global_pool",
    "halve",
    "image_features",
    "initializer_for",
    "layer_scale",
    "linear_scores",
    "load_pretrained",
    "mean_vector",
    "mel_frames",
    "network",
    "ngram_codes",
    "ngram_count",
    "normalize",
    "output_layer",
    "patches",
    "positions",
    "power_of_two",
    "project",
    "recurrent_layer",
    "residual_block",
    "scale_pixels",
    "scaled_output",
    "scaled_series",
    "sequence_features",
    "sequence_network",
    "shift_norm",
    "side_by_side",
    "stage_stride",
    "stem_stride",
    "table_parts",
    "transformer_block",
    "whiten",
    "whitening_layer",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
