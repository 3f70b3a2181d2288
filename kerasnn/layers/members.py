"""Networks of several members: each is trained on its own, and their mean predicts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import ops

if TYPE_CHECKING:
    from keras import KerasTensor

    from kerasnn.signature import Output, Signature

# The layer whose outputs are trained, (batch, members, output.width).
MEMBERS = "members"


def members_output(scores: KerasTensor, signature: Signature) -> KerasTensor:
    """The scores of all members as those of one network: of the mean of their probabilities.

    Args:
        scores: Raw scores of each member.
        signature: What they are scores of.

    Shape:
        scores: (batch, members, output.width); returns (batch, output.width)
    """
    scores = keras.layers.Activation("linear", dtype="float32", name=MEMBERS)(scores)
    return mean_scores(scores, signature.output)


def mean_scores(scores: KerasTensor, output: Output) -> KerasTensor:
    """Raw scores of the mean prediction: logits of mean probabilities, or mean values.

    Shape:
        scores: (batch, members, output.width); returns (batch, output.width)
    """
    if output.task in ("regression", "forecast"):
        return ops.mean(scores, axis=1)
    if output.task == "multiclass":
        logs = ops.log_softmax(scores, axis=-1)
        return ops.logsumexp(logs, axis=1) - math.log(scores.shape[1])
    yes = ops.logsumexp(ops.log_sigmoid(scores), axis=1)
    return yes - ops.logsumexp(ops.log_sigmoid(-scores), axis=1)


def weighted_scores(
    scores: Sequence[KerasTensor], output: Output, shares: Sequence[float]
) -> KerasTensor:
    """As `mean_scores`, of networks that count more or less.

    Args:
        scores: Raw scores of each network.
        output: What they are scores of.
        shares: Of each network; above 0, and 1 in all.

    Shape:
        scores: (batch, output.width) each; returns (batch, output.width)
    """
    stacked = ops.stack(list(scores), axis=1)
    weights = np.array(shares, "float32")[None, :, None]
    if output.task in ("regression", "forecast"):
        return ops.sum(stacked * weights, axis=1)
    logs = np.log(weights)
    if output.task == "multiclass":
        return ops.logsumexp(ops.log_softmax(stacked, axis=-1) + logs, axis=1)
    yes = ops.logsumexp(ops.log_sigmoid(stacked) + logs, axis=1)
    return yes - ops.logsumexp(ops.log_sigmoid(-stacked) + logs, axis=1)


def taught(network: keras.Model) -> keras.Model:
    """What is trained: the network up to its members, if it has any, of the same weights."""
    found = [layer for layer in network.layers if layer.name == MEMBERS]
    return keras.Model(network.input, found[0].output, name="taught") if found else network
