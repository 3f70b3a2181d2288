"""Augmented images for people to look at."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from kerasnn.training.augmentation.augmenter import Augmenter


def sample_page(augmenter: Augmenter, images: np.ndarray, *, draws: int) -> np.ndarray:
    """What the network sees of some images in its first epochs.

    Args:
        augmenter: Augmenter of the run.
        images: (k, height, width, channels) uint8, of the first image input.
        draws: Number of draws of each image, one an epoch.

    Returns:
        (k, draws, height, width, channels) uint8.
    """
    name = next(iter(augmenter.images))
    alone = Augmenter(
        augmenter.changes,
        {name: augmenter.images[name]},
        seed=augmenter.seed,
        compiled=False,
    )
    pages = []
    for epoch in range(draws):
        changed, _ = alone(
            {name: tf.constant(images)},
            rows=tf.range(len(images)),
            epoch=tf.constant(epoch),
            step=tf.constant(0),
        )
        pages.append(np.asarray(changed[name]))
    return np.asarray(np.rint(np.stack(pages, axis=1)), "uint8")
