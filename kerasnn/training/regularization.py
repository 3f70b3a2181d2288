"""Dropout and weight decay that change from step to step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

import keras
from keras import ops

from kerasnn.runtime import compat

Draw = Callable[..., Any]


@contextmanager
def regularized(
    network: keras.Model, optimizer: Any, share: Any, *, draw: Draw = keras.random.uniform
) -> Iterator[None]:
    """Trace steps whose dropout and decay are multiplied by a scalar tensor.

    The rate of a Keras layer is a number of Python, fixed once it is traced; so the layers are
    called by another function meanwhile.

    Args:
        network: Network whose layers drop units.
        optimizer: Optimizer, from `kerasnn.training.optimizers`.
        share: Scalar tensor in [0, 1] that multiplies dropout and decay.
        draw: Makes the random numbers of dropout, of a shape, from the generator of a layer.
    """
    layers = [x for x in compat.all_layers(network) if type(x) is keras.layers.Dropout and x.rate]
    before = getattr(optimizer, "decay_share", 1.0)
    optimizer.decay_share = share
    try:
        with ExitStack() as stack:
            for layer in layers:
                stack.enter_context(
                    patch.object(layer, "call", partial(_dropped, layer, share, draw))
                )
            yield
    finally:
        optimizer.decay_share = before


def _dropped(
    layer: keras.layers.Dropout, share: Any, draw: Draw, x: Any, training: bool = False
) -> Any:
    """What the layer does, at a share of its rate."""
    if not training:
        return x
    rate = layer.rate * share
    shape = [
        size if fixed is None else fixed
        for size, fixed in zip(
            ops.shape(x), layer.noise_shape or [None] * len(x.shape), strict=True
        )
    ]
    drawn = draw(shape, seed=layer.seed_generator)
    return ops.where(drawn >= rate, x / (1 - rate), ops.zeros_like(x))
