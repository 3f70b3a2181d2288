"""One network after the other in a process whose memory does not grow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras

from kerasnn.runtime.compat import custom_gradients


@contextmanager
def freed_networks() -> Iterator[None]:
    """Free what Keras and TensorFlow keep of the networks that were trained inside."""
    before = set(custom_gradients())
    try:
        yield
    finally:
        # TensorFlow keeps a custom gradient, as SiLU has, for good, and with it the whole graph that
        # it was traced in.
        for name in set(custom_gradients()) - before:
            del custom_gradients()[name]
        policy = keras.config.dtype_policy()
        keras.utils.clear_session()
        keras.config.set_dtype_policy(policy)
