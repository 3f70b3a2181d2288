"""The same bits each time, on a CPU with other work to do as well.

TensorFlow's own switch is not enough. Its sum of many tensors, `AddN`, adds into the buffer of
whichever summand nothing else needs any more: from three summands on, the order of the additions,
and with it the last bits, depends on which thread was first. Sums appear wherever a value is used
three times (its gradient has three parts), and a graph optimizer makes them of plain additions. So
both are off here: sums are of two at a time, and stay so.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import reduce
from typing import Any
from unittest.mock import patch

import tensorflow as tf

from kerasnn.runtime.compat import (
    disable_op_determinism,
    is_op_determinism_enabled,
    math_modules,
)

gen_math_ops, math_ops = math_modules()
REWRITER = "arithmetic_optimization"
ADD_N = gen_math_ops.add_n
# That optimizer also made products of the cubes in GELU, which are slow as powers.
POWER = math_ops.pow


_LOCK = threading.Lock()
# What undoes the switches, and the threads inside.
_switches = ExitStack()
_inside: list[int] = []


@contextmanager
def deterministic() -> Iterator[None]:
    """Compute the same bits each time; afterwards the process is as it was.

    Functions must be traced and called inside. The switches are of the whole process: where several
    threads are inside, the first one sets them and the last one sets them back.
    """
    with _LOCK:
        if not _inside:
            _switches.enter_context(_switched())
        _inside.append(threading.get_ident())
    try:
        yield
    finally:
        with _LOCK:
            _inside.pop()
            if not _inside:
                _switches.close()


@contextmanager
def _switched() -> Iterator[None]:
    before = is_op_determinism_enabled()
    rewrites = tf.config.optimizer.get_experimental_options().get(REWRITER, True)
    tf.config.experimental.enable_op_determinism()
    tf.config.optimizer.set_experimental_options({REWRITER: False})
    try:
        with (
            patch.object(gen_math_ops, "add_n", _add_in_order),
            patch.object(math_ops, "pow", _power),
        ):
            yield
    finally:
        tf.config.optimizer.set_experimental_options({REWRITER: rewrites})
        # Other code of the process has not asked for determinism: it would be refused random numbers
        # without a seed.
        if not before:
            disable_op_determinism()


def _add_in_order(inputs: Sequence[Any], name: str | None = None) -> Any:
    """The sum of tensors, two at a time and from the first to the last."""
    if len(inputs) == 1:
        return tf.identity(inputs[0], name)
    if any(tf.convert_to_tensor(each).dtype == tf.variant for each in inputs):
        # Lists of tensors, as loops keep them, which nothing but the operation itself adds up.
        return reduce(lambda total, each: ADD_N([total, each]), inputs)
    return reduce(tf.add, inputs)


def _power(x: Any, y: Any, name: str | None = None) -> Any:
    """A power of a tensor; a cube as a product."""
    return x * x * x if isinstance(y, int) and y == 3 and tf.is_tensor(x) else POWER(x, y, name)
