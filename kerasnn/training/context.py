"""In what a network is built: the seed of its first weights, and the precision of its layers."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np

from kerasnn.options import TrainingOptions
from kerasnn.runtime.backend import has_gpu
from kerasnn.runtime.fork_check import check_process

# Keras draws seeds of its layers from Python's own generator, which all threads share.
_SEEDING = threading.RLock()


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Keras' first weights from a seed; Python's and NumPy's own generators stay as they were.

    One thread at a time builds networks here, so that no seed depends on what others do.

    Raises:
        ConfigError: This process was forked from one that uses TensorFlow.
    """
    check_process()
    with _SEEDING:
        python, numpy = random.getstate(), np.random.get_state()
        keras.utils.set_random_seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)


@contextmanager
def precision(training_options: TrainingOptions) -> Iterator[None]:
    """Layers compute in bfloat16 where the machine gains from it; variables stay float32."""
    before = keras.config.dtype_policy()
    if training_options.precision == "mixed" or (
        training_options.precision == "auto" and has_gpu()
    ):
        keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
