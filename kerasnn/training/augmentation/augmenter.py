"""Chosen changes of a batch of images, drawn for each image on its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from kerasnn.augmentations import CHANGES, MIXES
from kerasnn.errors import UnknownNameError
from kerasnn.signature import Image
from kerasnn.training.augmentation.draws import Draws
from kerasnn.training.augmentation.geometry import Warp, flipped, shifted, take
from kerasnn.training.augmentation.mixing import Mixing
from kerasnn.training.augmentation.pixels import cutout, jitter
from kerasnn.training.augmentation.randaugment import RandAugment

MOVES = frozenset({"shift", "flip", "flip_vertical"})
WARPS = frozenset({"rotate", "zoom", "randaugment"})
TONES = frozenset({"color", "randaugment"})
# Of brightness, contrast and saturation, as usual for ImageNet since Krizhevsky et al. (2012).
JITTER = 0.4


@dataclass(frozen=True)
class Mix:
    """Of which rows the images of a batch are mixed, and how their targets are to be.

    Args:
        partner: (batch,) int32, place in the batch of the other image.
        share: (batch,) float32 in [0, 1], weight of the row's own target.
    """

    partner: tf.Tensor
    share: tf.Tensor


class Augmenter:
    """Changes images at random, each image by numbers of its own.

    What is drawn is a function of the seed, the epoch and the step. Images of one row go through
    the same change, so that what one shows of the other stays so. First pixels are moved, then
    their values changed, then parts cut out, then images mixed.

    Args:
        changes: Names out of `kerasnn.augmentations.CHANGES`, in any order.
        images: By the name of the network's input.
        seed: Any whole number.
        compiled: Whether XLA compiles it: three times as fast, after a second of work.
    """

    def __init__(
        self,
        changes: Sequence[str],
        images: Mapping[str, Image],
        *,
        seed: int,
        compiled: bool = True,
    ) -> None:
        for change in changes:
            if change not in CHANGES:
                raise UnknownNameError("augmentation", change, CHANGES)
        self.changes = frozenset(changes)
        self.images = dict(images)
        self.seed = seed
        self._changed = tf.function(
            partial(self._change), jit_compile=compiled or None, autograph=False
        )

    def __call__(
        self,
        inputs: Mapping[str, tf.Tensor],
        *,
        rows: tf.Tensor,
        epoch: tf.Tensor,
        step: tf.Tensor,
    ) -> tuple[dict[str, tf.Tensor], Mix | None]:
        """Change one batch.

        Args:
            inputs: Of the network; those that are no images come back as they are.
            rows: (batch,) int32, numbers of the rows in the training part.
            epoch: Scalar int32, from 0.
            step: Scalar int32, number of the step within the epoch.

        Returns:
            The inputs, and how the targets are to be mixed, if they are.

        Shape:
            Images: (batch, height, width, channels), uint8 in, float32 from 0 to 255 out.
        """
        pixels = {
            name: tf.ensure_shape(inputs[name], (None, image.height, image.width, image.channels))
            for name, image in self.images.items()
        }
        if not self.changes:
            changed, mix = {name: tf.cast(x, "float32") for name, x in pixels.items()}, ()
        else:
            changed, mix = self._changed(pixels, rows, epoch, step)
        return {**inputs, **changed}, Mix(*mix) if mix else None

    def _change(
        self, inputs: dict[str, tf.Tensor], rows: tf.Tensor, epoch: tf.Tensor, step: tf.Tensor
    ) -> tuple[dict[str, tf.Tensor], tuple[tf.Tensor, ...]]:
        draws = Draws(self.seed, rows, epoch, step)
        colored = any(image.channels == 3 for image in self.images.values())
        random = RandAugment(draws, colored=colored) if "randaugment" in self.changes else None
        changed = {}
        for name, image in self.images.items():
            pixels = self._move(inputs[name], draws)
            pixels = self._warp(pixels, draws, random)
            pixels = self._tone(tf.cast(pixels, "float32"), draws, random)
            if "cutout" in self.changes:
                pixels = cutout(pixels, *draws.uniform("cutout", 2), image.mean)
            changed[name] = pixels
        if not self.changes.intersection(MIXES):
            return changed, ()
        return self._mix(changed, Mixing(self.changes, draws))

    def _move(self, pixels: tf.Tensor, draws: Draws) -> tf.Tensor:
        """Shift and flips, which move whole pixels."""
        if not self.changes & MOVES:
            return pixels
        sides = pixels.shape[1:3]
        none = tf.zeros((tf.shape(pixels)[0],), "int32")
        shifts = (none, none)
        if "shift" in self.changes:
            uniform = draws.uniform("shift", 2)
            shifts = [_whole(u, side // 8) for u, side in zip(uniform, sides, strict=True)]
        rows, columns = (shifted(side, by) for side, by in zip(sides, shifts, strict=True))
        if "flip" in self.changes:
            columns = flipped(columns, draws.alternating("flip"))
        if "flip_vertical" in self.changes:
            rows = flipped(rows, draws.alternating("flip_vertical"))
        return take(pixels, rows[:, :, tf.newaxis], columns[:, tf.newaxis, :])

    def _warp(self, pixels: tf.Tensor, draws: Draws, random: RandAugment | None) -> tf.Tensor:
        """Changes that need an interpolation: one for all."""
        if not self.changes & WARPS:
            return pixels
        warp = Warp(tf.shape(pixels)[0])
        if "rotate" in self.changes:
            warp.turn(_between(draws.uniform("rotate", 1)[0], -np.pi / 12, np.pi / 12))
        if "zoom" in self.changes:
            (uniform,) = draws.uniform("zoom", 1)
            scale = tf.exp(_between(uniform, -np.log(1.25), np.log(1.25)))
            warp.then(scale, tf.zeros_like(scale), tf.zeros_like(scale), scale)
        if random:
            random.add_to(warp)
        return warp.apply(pixels)

    def _tone(self, pixels: tf.Tensor, draws: Draws, random: RandAugment | None) -> tf.Tensor:
        if not self.changes & TONES:
            return pixels
        if random:
            pixels = random.tone(pixels)
        if "color" in self.changes:
            factors = [_between(u, 1 - JITTER, 1 + JITTER) for u in draws.uniform("color", 3)]
            pixels = jitter(
                pixels, brightness=factors[0], contrast=factors[1], saturation=factors[2]
            )
        return tf.clip_by_value(pixels, 0.0, 255.0)

    def _mix(
        self, images: dict[str, tf.Tensor], mixing: Mixing
    ) -> tuple[dict[str, tf.Tensor], tuple[tf.Tensor, ...]]:
        """The share of a row is the mean over its images, which may differ in size."""
        mixed, shares = {}, []
        for name, pixels in images.items():
            mixed[name], share = mixing.apply(pixels)
            shares.append(share)
        return mixed, (mixing.partner, tf.add_n(shares) / len(shares))


def _between(uniform: tf.Tensor, low: float, high: float) -> Any:
    return low + (high - low) * uniform


def _whole(uniform: tf.Tensor, limit: int) -> tf.Tensor:
    """Even over the whole numbers from -limit to limit, int32."""
    return tf.cast(uniform * (2 * limit + 1), "int32") - limit
