"""What spares time in the tests of training."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import tensorflow as tf


@pytest.fixture
def _eager() -> Iterator[None]:
    """A few steps on a tiny network take less time than a trace."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)
