"""Losses of raw network outputs, one value a row.

Written on ``keras.ops`` from logits, so that they are exact where a probability rounds to 0 or 1
and run inside the compiled epoch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import ops

from kerasnn.options import TrainingOptions
from kerasnn.signature import Output
from kerasnn.training.checks import CLASS_LOSSES, check_loss

Tensor = Any
RowLoss = Callable[[Tensor, Tensor], Tensor]


def loss_function(training_options: TrainingOptions, output: Output) -> RowLoss:
    """The loss that a recipe names, for what a network returns.

    Returns:
        From the target — (batch,) int32 codes, float32 values, or float32 (batch, labels) of 0
        and 1 — and the raw outputs, (batch, width), to the loss of each row, (batch,). That of
        several labels is the mean over them.

    Raises:
        ConfigError: The loss does not fit the task.
    """
    name = training_options.loss
    check_loss(training_options, output.task)
    if output.task == "regression":
        apart = distance("mse" if name == "auto" else name, training_options)
        return lambda target, outputs: ops.mean(
            apart(ops.reshape(target, ops.shape(outputs)) - outputs), axis=-1
        )
    gamma = training_options.focal_gamma if name == "focal" else 0.0
    is_likelihood = name in ("auto", *CLASS_LOSSES)
    if output.task == "multilabel":
        if is_likelihood:
            return lambda target, outputs: _labels_entropy(
                target, outputs, training_options.label_smoothing, gamma
            )
        apart = distance(name, training_options)
        return lambda target, outputs: ops.mean(apart(target - ops.sigmoid(outputs)), axis=-1)
    if is_likelihood:
        return lambda target, outputs: _cross_entropy(
            one_hot(target, output), outputs, training_options.label_smoothing, gamma
        )
    apart = distance(name, training_options)
    return lambda target, outputs: ops.sum(
        apart(one_hot(target, output) - probabilities(outputs)), axis=-1
    )


def over_members(row_loss: RowLoss) -> RowLoss:
    """The mean of the losses of members, whose outputs are (batch, members, width).

    Members that are trained by the loss of their mean would stop to differ.
    """

    def mean_loss(target: Tensor, outputs: Tensor) -> Tensor:
        count, width = outputs.shape[1:]
        losses = row_loss(ops.repeat(target, count, axis=0), ops.reshape(outputs, (-1, width)))
        return ops.mean(ops.reshape(losses, (-1, count)), axis=1)

    return mean_loss


def one_hot(target: Tensor, output: Output) -> Tensor:
    """Codes to (batch, classes), two columns for a binary task; sets of labels as they are."""
    if output.task == "multilabel":
        return ops.cast(target, "float32")
    classes = 2 if output.task == "binary" else output.width
    return ops.one_hot(target, classes, dtype="float32")


def two_sided(logits: Tensor) -> Tensor:
    """The one logit of a binary task as the two of a softmax: (batch, 1) → (batch, 2)."""
    return ops.concatenate([ops.zeros_like(logits), logits], axis=-1)


def probabilities(outputs: Tensor) -> Tensor:
    """Class probabilities, (batch, classes), of raw outputs, (batch, width)."""
    return ops.softmax(two_sided(outputs) if outputs.shape[-1] == 1 else outputs, axis=-1)


def _cross_entropy(truth: Tensor, outputs: Tensor, smoothing: float, gamma: float) -> Tensor:
    """−Σ t log p, each term times (1 − p)^γ (Lin et al., Focal Loss, 2017, arXiv 1708.02002)."""
    logits = two_sided(outputs) if outputs.shape[-1] == 1 else outputs
    log_p = ops.log_softmax(logits, axis=-1)
    truth = truth * (1 - smoothing) + smoothing / truth.shape[-1]
    if gamma:
        log_p = log_p * ops.power(ops.maximum(1 - ops.exp(log_p), 1e-7), gamma)
    return -ops.sum(truth * log_p, axis=-1)


def _labels_entropy(truth: Tensor, outputs: Tensor, smoothing: float, gamma: float) -> Tensor:
    """The cross-entropy of each label against its absence, (batch, labels), in the mean."""
    truth = truth * (1 - smoothing) + smoothing / 2
    log_p, log_q = ops.log_sigmoid(outputs), ops.log_sigmoid(-outputs)
    if gamma:
        log_p, log_q = (
            log_p * ops.power(ops.maximum(ops.exp(log_q), 1e-7), gamma),
            log_q * ops.power(ops.maximum(ops.exp(log_p), 1e-7), gamma),
        )
    return -ops.mean(truth * log_p + (1 - truth) * log_q, axis=-1)


def distance(name: str, training_options: TrainingOptions) -> Callable[[Tensor], Tensor]:
    """Square, absolute value, or Huber's mixture of both (Huber, 1964)."""
    plain: dict[str, Callable[[Tensor], Tensor]] = {"mse": ops.square, "mae": ops.abs}
    if name in plain:
        return plain[name]
    delta = training_options.huber_delta

    def huber(error: Tensor) -> Tensor:
        size = ops.abs(error)
        return ops.where(size <= delta, 0.5 * ops.square(error), delta * (size - 0.5 * delta))

    return huber
