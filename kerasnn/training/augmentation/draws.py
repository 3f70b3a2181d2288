"""Random numbers that are a function of seed, row, epoch and step, and of nothing else."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from kerasnn.augmentations import CHANGES

NUMBERS = {name: number for number, name in enumerate(CHANGES)}


class Draws:
    """The random numbers of one step; each change has its own, whatever others there are.

    There is no state to save: a resumed run draws what the one that was killed would have drawn.
    They come from a hash in whole numbers, not from `tf.random`, whose stateless generators give
    other numbers under XLA.

    Args:
        seed: Any whole number.
        rows: (batch,) int32 numbers of the rows in the training part.
        epoch: Scalar int32, from 0.
        step: Scalar int32, number of the step within the epoch.
    """

    def __init__(self, seed: int, rows: tf.Tensor, epoch: tf.Tensor, step: tf.Tensor) -> None:
        self.seed, self.epoch = seed, epoch
        self._rows = tf.cast(rows, "uint32")
        self._times = tf.cast(epoch, "uint32"), tf.cast(step, "uint32")

    def uniform(self, change: str, n: int) -> list[tf.Tensor]:
        """``n`` vectors (batch,) float32, even in [0, 1): whole multiples of 2^-24."""
        return [self._uniform(change, place) for place in range(n)]

    def _uniform(self, change: str, place: int) -> tf.Tensor:
        bits = self._bits(change, place)
        for time in self._times:
            bits = scramble(tf.bitwise.bitwise_xor(bits, time))
        top = tf.cast(tf.bitwise.right_shift(bits, tf.constant(8, "uint32")), "int32")
        return tf.cast(top, "float32") * 2.0**-24

    def alternating(self, change: str) -> tf.Tensor:
        """(batch,) bool: a coin for each row, turned over in every other epoch.

        Any two epochs that follow one another show each image both ways.

        Reference:
            Jordan (2024), "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", arXiv 2404.00498.
        """
        coins = tf.cast(self._bits(change, 0), "int32")
        return tf.equal(tf.bitwise.bitwise_and(coins + self.epoch, 1), 1)

    def _bits(self, change: str, place: int) -> tf.Tensor:
        """(batch,) uint32, a function of the rows."""
        key = np.random.SeedSequence([self.seed % 2**64, NUMBERS[change], place])
        return scramble(tf.bitwise.bitwise_xor(self._rows, tf.constant(key.generate_state(1)[0])))


def scramble(bits: tf.Tensor) -> tf.Tensor:
    """MurmurHash3's final mix of uint32: one to one, and each bit depends on all.

    Reference:
        Appleby (2011), "MurmurHash3", fmix32; 0 is sent to 0.
    """
    bits = _xor_shift(bits, 16) * tf.constant(0x85EBCA6B, "uint32")
    bits = _xor_shift(bits, 13) * tf.constant(0xC2B2AE35, "uint32")
    return _xor_shift(bits, 16)


def _xor_shift(bits: tf.Tensor, places: int) -> tf.Tensor:
    lower = tf.bitwise.right_shift(bits, tf.constant(places, "uint32"))
    return tf.bitwise.bitwise_xor(bits, lower)
