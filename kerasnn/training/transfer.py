"""Transfer learning: from encoders with trained weights to a network for other data, in two stages.

First the head alone learns, from what the encoders say of each row: they don't change, so that is
computed once. Then the end of each encoder learns too, at a low rate. Batch normalization stays in
inference: the statistics of a few small batches are worse than those it came with. The weights
that validate best are kept, of whichever stage.

Reference: Yosinski et al., How transferable are features in deep neural networks?, 2014, arXiv
1411.1792.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from kerasnn.inference.batched_model import BatchedModel
from kerasnn.options import TrainingOptions
from kerasnn.training.determinism import deterministic
from kerasnn.training.engine import Arrays
from kerasnn.training.fit import FitResult, fit
from kerasnn.training.losses import RowLoss
from kerasnn.training.stopping import Monitor

# The first stage takes seconds, and ends when validation says so.
HEAD_EPOCHS, HEAD_PATIENCE = 100, 10
# Encoders may enlarge what they are given, so the size of an image does not tell their memory.
ROWS_AT_ONCE = 64
# What a second stage gets at the least: time to see that there is none.
SHORTEST_S = 1e-3


@dataclass(frozen=True)
class Head:
    """What follows the encoders of a network, and the rows as it sees them.

    Args:
        network: Network from features, and inputs that have no encoder, to raw outputs.
        train: Rows to learn from; each twice where mirror images are learned from.
        validation: Rows that pick the best epoch.
        whole: The network that it shares its weights with.
        ends: Names of the layers that end the encoders, by input.
        seconds: Number of seconds that it took to compute the features.
    """

    network: keras.Model
    train: Arrays
    validation: Arrays
    whole: keras.Model
    ends: Mapping[str, str]
    seconds: float = 0.0


def cut_head(
    network: keras.Model,
    train: Arrays,
    validation: Arrays,
    *,
    ends: Mapping[str, str],
    mirrored: bool,
) -> Head:
    """Compute the features of all rows, and make a network of its own of what follows them.

    Args:
        network: Network that nothing else uses: Keras notes the cut in its layers.
        train: Rows to learn from.
        validation: Rows that pick the best epoch.
        ends: Names of the layers that end the encoders, by input.
        mirrored: True if mirror images are rows of the training too.
    """
    started = time.perf_counter()
    with deterministic():
        seen = features(network, train.inputs, ends)
        predicted_rows = features(network, validation.inputs, ends)
        rows = replace(train, inputs=seen)
        if mirrored:
            rows = _twice(train, seen, features(network, train.inputs, ends, mirrored=True))
    tensors = [network.get_layer(ends[name]).output for name in ends]
    inputs = {tensor.name: tensor for tensor in tensors}
    inputs |= {name: tensor for name, tensor in network.input.items() if name not in ends}
    head = keras.Model(inputs, network.output, name="head")
    seconds = time.perf_counter() - started
    return Head(head, rows, replace(validation, inputs=predicted_rows), network, ends, seconds)


def features(
    network: keras.Model,
    inputs: Mapping[str, Any],
    ends: Mapping[str, str],
    *,
    mirrored: bool = False,
) -> dict[str, np.ndarray]:
    """What the encoders say, by name of the tensor; inputs without one as they are.

    Args:
        network: Network with encoders.
        inputs: Inputs by name, (n, …) each; in memory, or on disk and read by rows.
        ends: Names of the layers that end the encoders, by input.
        mirrored: True for the features of the mirror images.
    """
    found = {name: values for name, values in inputs.items() if name not in ends}
    for name, end in ends.items():
        output = network.get_layer(end).output
        encoder = keras.Model({name: network.input[name]}, output)
        images = _Mirrored(inputs[name]) if mirrored else inputs[name]
        found[output.name] = BatchedModel(encoder, batch_size=ROWS_AT_ONCE)({name: images})
    return found


def fit_in_stages(
    network: keras.Model,
    head: Head,
    fit_whole: Callable[..., FitResult],
    *,
    training_options: TrainingOptions,
    row_loss: RowLoss,
    monitor: Monitor,
    seed: int,
    time_limit_s: float | None = None,
) -> FitResult:
    """Train the head, then the end of each encoder with it; the best of both is left.

    The first stage is done again by each session, with the same bits: it heeds no time limit, and
    checkpoints are of the second one.

    Args:
        network: Network to train.
        head: Result of `cut_head`, of an equal network.
        fit_whole: `kerasnn.training.fit.fit` for the network, which lacks ``training_options``,
            ``time_limit_s`` and ``start_counts``.
        training_options: Its learning rate is that of the first stage.
        row_loss: Loss of each row, from `kerasnn.training.losses.loss_function`.
        monitor: Measure that picks the best epoch.
        seed: Seed of the order of the rows.
        time_limit_s: Seconds of training at most, the first stage counted.
    """
    started = time.perf_counter() - head.seconds
    alone = replace(
        training_options,
        epochs=HEAD_EPOCHS,
        patience=HEAD_PATIENCE,
        schedule="constant",
        warmup=0.0,
    )
    first = fit(
        head.network,
        head.train,
        head.validation,
        training_options=alone,
        row_loss=row_loss,
        monitor=monitor,
        seed=seed,
    )
    copy_weights(head.whole, network)
    if not training_options.fine_tune or first.progress.stopped == "interrupted":
        return joined(first, None)
    left = time_limit_s
    if left is not None:
        left = max(left - (time.perf_counter() - started), SHORTEST_S)
    gently = replace(training_options, learning_rate=training_options.fine_tune_rate)
    with end_unfrozen(network, head.ends, training_options.fine_tune):
        second = fit_whole(training_options=gently, time_limit_s=left, start_counts=True)
    return joined(first, second)


def copy_weights(source: keras.Model, target: keras.Model) -> None:
    """Copy weights to another network of the same factory, with the states of dropout."""
    for variable, other in zip(source.variables, target.variables, strict=True):
        other.assign(variable.value)


@contextmanager
def end_unfrozen(network: keras.Model, ends: Mapping[str, str], share: float) -> Iterator[None]:
    """Within the block, of each encoder only the end can be trained.

    Args:
        network: Network with encoders.
        ends: Names of the layers that end the encoders, by input.
        share: Share of an encoder's layers with weights; its batch normalization is never trained.
    """
    frozen = [layer for name in ends for layer in _frozen(network, name, ends[name], share)]
    before = [layer.trainable for layer in frozen]
    try:
        for layer in frozen:
            layer.trainable = False
        yield
    finally:
        for layer, trainable in zip(frozen, before, strict=True):
            layer.trainable = trainable


def joined(first: FitResult, second: FitResult | None) -> FitResult:
    """One history of both stages, in whose column ``stage`` they are 1 and 2."""
    rows = [{**row, "stage": 1} for row in first.history]
    if second is None:
        return replace(first, history=rows)
    done = len(rows)
    rows += [{**row, "epoch": row["epoch"] + done, "stage": 2} for row in second.history]
    progress, best = second.progress, second.progress.best_epoch
    return FitResult(
        rows,
        replace(
            progress,
            epoch=done + progress.epoch,
            horizon=done + progress.horizon,
            best_epoch=done + best if best else first.progress.best_epoch,
            notes=(*first.progress.notes, *progress.notes),
        ),
        resumed_at=done + second.resumed_at if second.resumed_at else 0,
    )


class _Mirrored:
    """Images that are mirrored left to right when they are read."""

    def __init__(self, images: Any) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, rows: Any) -> np.ndarray:
        images: np.ndarray = self._images[rows]
        return images[:, :, ::-1]


def _twice(
    rows: Arrays, seen: Mapping[str, np.ndarray], mirrored: Mapping[str, np.ndarray]
) -> Arrays:
    """All rows, then all of them with mirrored images."""
    inputs = {name: np.concatenate([seen[name], mirrored[name]]) for name in seen}
    weights = None if rows.weights is None else np.concatenate([rows.weights] * 2)
    return Arrays(inputs, np.concatenate([rows.target] * 2), weights)


def _frozen(network: keras.Model, name: str, end: str, share: float) -> list[keras.layers.Layer]:
    encoder = keras.Model(network.input[name], network.get_layer(end).output)
    # From the input on.
    layers = [layer for layer in encoder.layers if layer.weights]
    first = len(layers) - round(share * len(layers))
    norms = [x for x in layers[first:] if isinstance(x, keras.layers.BatchNormalization)]
    return layers[:first] + norms
