"""One network after the other in a process whose memory does not grow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras

# A gradient of its own, as SiLU has, is kept by TensorFlow for good, and with it the whole graph
# that it was traced in.
from tensorflow.python.framework.ops import gradient_registry


@contextmanager
def forgotten() -> Iterator[None]:
    """Free what Keras and TensorFlow keep of the networks that were trained inside."""
    before = set(gradient_registry.list())
    try:
        yield
    finally:
        for name in set(gradient_registry.list()) - before:
            del gradient_registry._registry[name]
        policy = keras.config.dtype_policy()
        keras.utils.clear_session()
        keras.config.set_dtype_policy(policy)
