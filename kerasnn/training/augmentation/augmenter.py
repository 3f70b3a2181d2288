"""Chosen changes of a batch of images, drawn for each image on its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from kerasnn.errors import UnknownNameError
from kerasnn.signature import Image
from kerasnn.training.augmentation import mixing, pixels, randaugment
from kerasnn.training.augmentation.draws import Draws, between, draw
from kerasnn.training.augmentation.geometry import Warp, move
from kerasnn.training.augmentation_policies import CHANGES, MIXES

# Usual for ImageNet; of brightness, contrast and saturation.
JITTER = 0.4

Stage = Callable[[tf.Tensor, Draws], tf.Tensor]


@dataclass(frozen=True)
class Mix:
    """Rows that the images of a batch are mixed from, and how their targets are mixed.

    Args:
        partner: (batch,) int32, place in the batch of the other image.
        share: (batch,) float32 in [0, 1], weight of the row's own target.
    """

    partner: tf.Tensor
    share: tf.Tensor


class Augmenter:
    """Changes images at random, each image by numbers of its own.

    What is drawn is a function of the seed, the row, the epoch and the step. Images of one row go
    through the same change, so that what one shows of the other stays so. First pixels are moved,
    then their values changed, then parts cut out, then images mixed.

    Args:
        changes: Names out of `kerasnn.training.augmentation_policies.CHANGES`, in any order.
        images: Inputs of the network that are images, by name.
        seed: Any whole number.
        compiled: True to compile it by XLA, in parts: about three times as fast, after a second's
            work. What is drawn is the same.
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
        self.changes = tuple(change for change in CHANGES if change in changes)
        self.images = dict(images)
        self.seed = seed
        self._compiled = compiled
        self._colored = any(image.channels == 3 for image in images.values())
        # In parts, because XLA would compute the numbers again for each pixel, and what a mean or
        # a neighbourhood needs again for each value.
        self._draw = self._compile(partial(draw, self.changes, seed=seed))
        self._stages = {
            name: [self._compile(stage) for stage in self._chosen(image)]
            for name, image in self.images.items()
        }
        self._share = self._compile(self._mean_share)

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
            inputs: Inputs of the network; those that are no images come back as they are.
            rows: (batch,) int32, numbers of the rows in the training part.
            epoch: Scalar int32, from 0.
            step: Scalar int32, number of the step within the epoch.

        Returns:
            The inputs, and how the targets are to be mixed, if they are.

        Shape:
            Images: (batch, height, width, channels), uint8 in, float32 from 0 to 255 out.
        """
        draws = self._draw(rows, epoch, step) if self.changes else {}
        changed = dict(inputs)
        for name, image in self.images.items():
            shape = (None, image.height, image.width, image.channels)
            changed[name] = tf.ensure_shape(inputs[name], shape)
            for stage in self._stages[name]:
                changed[name] = stage(changed[name], draws)
            changed[name] = tf.cast(changed[name], "float32")
        if not self._mixes:
            return changed, None
        return changed, Mix(mixing.partner(tf.shape(rows)[0]), self._share(draws))

    @property
    def _mixes(self) -> bool:
        return any(name in self.changes for name in MIXES)

    def _compile(self, function: Callable[..., Any]) -> Any:
        if not self._compiled:
            return function
        return tf.function(function, jit_compile=True, autograph=False)

    def _chosen(self, image: Image) -> Iterator[Stage]:
        """In the order in which they are done."""
        if self._any("shift", "flip", "flip_vertical"):
            yield partial(move)
        if self._any("rotate", "zoom", "randaugment"):
            yield partial(_warp, colored=self._colored)
        if self._any("randaugment"):
            for change in (randaugment.tone, randaugment.sharpen):
                yield partial(_randaugment, change, colored=self._colored)
        if self._any("color"):
            yield partial(_color)
        if self._any("cutout"):
            yield partial(_cutout, fill=image.mean)
        if self._mixes:
            yield partial(mixing.mix)

    def _any(self, *names: str) -> bool:
        return any(name in self.changes for name in names)

    def _mean_share(self, draws: Draws) -> tf.Tensor:
        """Mean share of the images of a row, which may differ in size."""
        images = self.images.values()
        shares = [mixing.share(draws, image.height, image.width) for image in images]
        return tf.add_n(shares) / len(shares)


def _warp(images: tf.Tensor, draws: Draws, *, colored: bool) -> tf.Tensor:
    """All changes that need an interpolation, in one."""
    warp = Warp(tf.shape(images)[0])
    if "rotate" in draws:
        warp.turn(between(draws["rotate"][0], -np.pi / 12, np.pi / 12))
    if "zoom" in draws:
        warp.scale(tf.exp(between(draws["zoom"][0], -np.log(1.25), np.log(1.25))))
    if "randaugment" in draws:
        randaugment.add_to(warp, randaugment.amounts(draws["randaugment"], colored=colored))
    return warp.apply(images)


def _randaugment(
    change: Callable[[tf.Tensor, randaugment.Amounts], tf.Tensor],
    images: tf.Tensor,
    draws: Draws,
    *,
    colored: bool,
) -> tf.Tensor:
    return change(images, randaugment.amounts(draws["randaugment"], colored=colored))


def _color(images: tf.Tensor, draws: Draws) -> tf.Tensor:
    brightness, contrast, saturation = (
        between(uniform, 1 - JITTER, 1 + JITTER) for uniform in draws["color"]
    )
    changed = pixels.jitter(
        tf.cast(images, "float32"),
        brightness=brightness,
        contrast=contrast,
        saturation=saturation,
    )
    return tf.clip_by_value(changed, 0.0, 255.0)


def _cutout(images: tf.Tensor, draws: Draws, *, fill: tuple[float, ...]) -> tf.Tensor:
    x, y = draws["cutout"]
    return pixels.cutout(tf.cast(images, "float32"), x, y, fill)
