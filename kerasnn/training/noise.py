"""Random numbers for dropout that cost little where XLA compiles a step.

There the generators of TensorFlow take longer than the matrices of a small network. Here a number
is a hash of its place, a few instructions that fuse with what the mask multiplies.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

# Odd factors of integer hashes (Wellons, 2018). With two rounds, neighbours are correlated.
FACTORS = (0x21F0AAAD, 0x735A2D97, 0x846CA68B)
GOLDEN = 0x9E3779B9


def hashed_uniform(shape: Any, *, seed: Any) -> tf.Tensor:
    """Numbers in [0, 1), multiples of 2⁻²⁴, in place of `keras.random.uniform`.

    Args:
        shape: Shape of the result; a size may be a tensor.
        seed: A ``keras.random.SeedGenerator``, whose state goes on by one.

    Returns:
        float32, the same for the same shape and state.
    """
    state = tf.cast(seed.next(), tf.uint32)
    # Two keys, so that the places of one draw never line up with those of another.
    first = _mix(state[0] ^ _mix(state[1] + _unsigned(GOLDEN)))
    second = _mix(first + _unsigned(GOLDEN))
    places = tf.reshape(tf.range(tf.reduce_prod(shape)), shape)
    bits = _mix(tf.cast(places, tf.uint32) ^ first, second)
    return tf.cast(_right(bits, 8), tf.float32) * 2.0**-24


def _mix(x: tf.Tensor, key: tf.Tensor | None = None) -> tf.Tensor:
    """Each of 2³² numbers to another one; which one, the key says."""
    for factor in FACTORS:
        x = (x ^ _right(x, 15)) * _unsigned(factor)
        x = x if key is None else x + key
    return x ^ _right(x, 16)


def _right(x: tf.Tensor, by: int) -> tf.Tensor:
    return tf.bitwise.right_shift(x, _unsigned(by))


def _unsigned(value: int) -> tf.Tensor:
    return tf.constant(value, tf.uint32)
