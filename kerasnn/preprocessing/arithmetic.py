"""The few array operations whose spelling differs between NumPy and ``keras.ops``.

The arithmetic of each kind of column is written once, over a namespace ``xp`` that is either
``numpy`` (whole columns, for training and prediction) or ``keras.ops`` (the exported graph). Both
then round alike, and neither can drift from the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# A NumPy array or a Keras tensor; and the namespace that works on it.
Tensor = Any
Namespace = Any

# Beyond it a number is cut: sums and squares of such numbers still fit float32's 3.4e38 or
# float64, so that nothing becomes infinite on the way.
LARGEST = 1e30


def cast(xp: Namespace, x: Tensor, dtype: str) -> Tensor:
    """Convert to another number type."""
    return x.astype(dtype) if xp is np else xp.cast(x, dtype)


def single(values: Any) -> NDArray[np.float32]:
    """Constants of the arithmetic, as float32."""
    return np.asarray(values, dtype="float32")


def rounded(value: Any) -> float:
    """The nearest float32 as a Python float, which JSON then keeps exactly."""
    return float(np.float32(value))


def count_below(xp: Namespace, x: Tensor, edges: NDArray[np.float32]) -> Tensor:
    """How many of the ascending edges are <= x, as int32, in x's shape ``(batch, 1)``."""
    if xp is np:
        return np.searchsorted(edges, x, side="right").astype("int32")
    reached = xp.cast(xp.greater_equal(x, edges), "int32")  # (batch, edges)
    return xp.sum(reached, axis=-1, keepdims=True)
