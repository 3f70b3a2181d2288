"""TensorFlow's deterministic operations, which cost nothing measurable on a CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

# There is no public way back, and other code of the process has not asked for determinism: it
# would be refused random numbers without a seed.
from tensorflow.python.framework.config import (
    disable_op_determinism,
    is_op_determinism_enabled,
)


@contextmanager
def deterministic() -> Iterator[None]:
    """Compute the same bits each time; afterwards the process is as it was."""
    before = is_op_determinism_enabled()
    tf.config.experimental.enable_op_determinism()
    try:
        yield
    finally:
        if not before:
            disable_op_determinism()
