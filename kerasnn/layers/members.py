"""Networks of several members: each is trained on its own, and their mean predicts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import ops

if TYPE_CHECKING:
    from keras import KerasTensor
    from numpy.typing import NDArray

    from kerasnn.signature import Output, Signature

# The layer whose outputs are trained, (batch, members, output.width).
MEMBERS = "members"
# Holds how much each of them counts, (members,), where that is not the same.
MEMBER_WEIGHTS = "member_weights"
# Stands for a weight of 0: of no account, and of a finite logarithm.
NOTHING = 1e-35


def members_output(
    scores: KerasTensor, signature: Signature, *, weighted: bool = False
) -> KerasTensor:
    """The scores of all members as those of one network: of the mean of their probabilities.

    Args:
        scores: Raw scores of each member.
        signature: Signature whose output the scores belong to.
        weighted: True to weight the members, see `weigh_members`.

    Shape:
        scores: (batch, members, output.width); returns (batch, output.width)
    """
    scores = keras.layers.Activation("linear", dtype="float32", name=MEMBERS)(scores)
    return mean_scores(scores, signature.output, _shares(scores) if weighted else None)


def mean_scores(
    scores: KerasTensor, output: Output, shares: KerasTensor | None = None
) -> KerasTensor:
    """Raw scores of the mean prediction: logits of mean probabilities, or mean values.

    Shape:
        scores: (batch, members, output.width); shares: (batch, members, 1), of sum 1, or None for
        equal ones; returns (batch, output.width)
    """
    if output.task in ("regression", "forecast"):
        return ops.mean(scores, axis=1) if shares is None else ops.sum(scores * shares, axis=1)
    if output.task == "multiclass":
        logs = ops.log_softmax(scores, axis=-1)
        total = _log_sum(logs, shares)
        return total - math.log(scores.shape[1]) if shares is None else total
    yes = _log_sum(ops.log_sigmoid(scores), shares)
    return yes - _log_sum(ops.log_sigmoid(-scores), shares)


def _log_sum(logs: KerasTensor, shares: KerasTensor | None) -> KerasTensor:
    """Logarithm of the sum over the members, each times its share."""
    if shares is not None:
        logs = logs + ops.log(ops.maximum(shares, NOTHING))
    return ops.logsumexp(logs, axis=1)


def weighted_scores(
    scores: Sequence[KerasTensor], output: Output, shares: Sequence[float]
) -> KerasTensor:
    """Weighted mean of the scores of networks, otherwise as `mean_scores`.

    Args:
        scores: Raw scores of each network.
        output: Output that the scores belong to.
        shares: Weights of the networks, positive numbers with sum 1.

    Shape:
        scores: (batch, output.width) each; returns (batch, output.width)
    """
    if output.task in ("regression", "forecast"):
        return ops.sum(_side_by_side([x * w for x, w in zip(scores, shares, strict=True)]), axis=1)
    # One by one: of a sum with all logarithms, LiteRT's converter makes what it fails on.
    weights = [math.log(share) for share in shares]

    def log_sum(logs: Callable[[KerasTensor], KerasTensor]) -> KerasTensor:
        weighted = [logs(x) + weight for x, weight in zip(scores, weights, strict=True)]
        return ops.logsumexp(_side_by_side(weighted), axis=1)

    if output.task == "multiclass":
        return log_sum(lambda x: ops.log_softmax(x, axis=-1))
    return log_sum(ops.log_sigmoid) - log_sum(lambda x: ops.log_sigmoid(-x))


def _side_by_side(parts: Sequence[KerasTensor]) -> KerasTensor:
    """(batch, width) each as (batch, parts, width)."""
    return ops.concatenate([ops.expand_dims(part, axis=1) for part in parts], axis=1)


def _shares(scores: KerasTensor) -> KerasTensor:
    """Weights of the members that no step changes, for each row: (batch, members, 1)."""
    equal = keras.initializers.Constant(1 / scores.shape[1])
    layer = keras.layers.EinsumDense(
        "bko,k->bko",
        (scores.shape[1], 1),
        kernel_initializer=equal,
        dtype="float32",
        trainable=False,
        name=MEMBER_WEIGHTS,
    )
    return layer(ops.ones_like(scores[..., :1]))


def weigh_members(network: keras.Model, weights: NDArray[np.floating]) -> None:
    """Say how much each member counts.

    Args:
        network: Network with a weighted `members_output`.
        weights: (members,), of sum 1.
    """
    network.get_layer(MEMBER_WEIGHTS).set_weights([weights])


def member_predictions(
    scores: NDArray[np.float32], target: NDArray[np.generic]
) -> NDArray[np.float32]:
    """What each member predicts of rows: values, or probabilities of classes or labels.

    Args:
        scores: Raw scores of the members.
        target: Target as the loss takes it; its type and shape distinguish values, classes and
            labels.

    Shape:
        scores: (n, members, output.width); target: (n,), or (n, labels);
        returns (members, n) values, (members, n, classes) or (members, n, labels)
    """
    each = np.moveaxis(scores, 1, 0)
    if target.ndim == 1 and not np.issubdtype(target.dtype, np.integer):
        return each[..., 0]
    if target.ndim == 1 and each.shape[-1] > 1:
        return np.asarray(ops.softmax(each))
    likely = np.asarray(ops.sigmoid(each))
    return likely if target.ndim == 2 else np.concatenate([1 - likely, likely], axis=-1)


def member_model(network: keras.Model) -> keras.Model:
    """What is trained: the network up to its members, if it has any, of the same weights."""
    found = [layer for layer in network.layers if layer.name == MEMBERS]
    return keras.Model(network.input, found[0].output, name="member_model") if found else network
