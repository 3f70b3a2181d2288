"""A pack of small perceptrons with hyper-parameters drawn at random."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kerasnn import layers
from kerasnn.layers import choices
from kerasnn.layers.choices import Activation
from kerasnn.options import PreprocessingOptions, TrainingOptions

if TYPE_CHECKING:
    import keras
    from keras import KerasTensor
    from numpy.typing import NDArray

    from kerasnn.signature import Signature

# The learning rate and the decay are the middle of those that are drawn. The rate is four times that
# of the paper: its wide members learn for hundreds of epochs.
TRAINING_OPTIONS = TrainingOptions(
    epochs=40, optimizer="muon", learning_rate=3e-3, weight_decay=0.03, clip_norm=0.0, patience=16
)
PREPROCESSING = PreprocessingOptions(
    scale="quantile", embedding_width=8, number_embedding="piecewise_linear"
)
PROFILES: dict[str, dict[str, Any]] = {
    "small": {"n_members": 16, "width": 48, "training.epochs": 24},
    "paper": {
        **{"n_members": 64, "width": 384, "dropout": 0.5},
        **{"training.learning_rate": 7e-4, "training.epochs": 200},
    },
}
SEARCH = {
    "depth": "int [1, 4]",
    "width": "log int [32, 256]",
    "dropout": "[0, 0.5]",
    "training.learning_rate": "log [5e-4, 1e-2]",
    "preprocessing.number_bins": "int [8, 128]",
    "preprocessing.number_width": "{0, 8, 24, 32}",
}
# How fast the embeddings learn, which all members share.
SHARED_RATE = 2.0
# Most members that have a say in the end, each as often as it is picked.
PICKS = 32


def tabpack(
    signature: Signature,
    *,
    n_members: int = 32,
    width: int = 64,
    depth: int = 3,
    activation: Activation = "relu",
    dropout: float = 0.2,
    draw: int = 0,
) -> keras.Model:
    """Pack of perceptrons trained side by side, of which those count that validate well together.

    Each has a learning rate, a weight decay, a dropout and a depth of its own, all drawn at random,
    so that nothing is tuned. They share the embeddings of the columns, and each layer of all is one
    multiplication. In the end a greedy selection on the validation rows weighs them; their
    prediction is the mean of probabilities, or of values.

    Args:
        signature: The inputs and the output.
        n_members: Number of MLPs.
        width: Units of each hidden layer of one.
        depth: Most hidden layers of one; as many perceptrons have 1, 2 and so on.
        activation: Activation function of the hidden units.
        dropout: Highest share of hidden units dropped in training, in [0, 1); half of the
            perceptrons drop none.
        draw: Seed of the random hyper-parameters, an integer.

    Shape:
        numbers: (batch, columns); categories: (batch, columns); returns raw scores,
        (batch, output.width)

    Raises:
        ConfigError: A value is out of its range, or the signature has no input.

    Reference:
        TabPack, 2026. Published for 64 of width 384, untuned, with Muon on hidden matrices, mean of
        15 seeds: California housing RMSE 0.4176, Adult accuracy 0.8693, Churn 0.8623, House RMSE
        29549, Diamond RMSE 0.1307. The defaults here are for two cores:
        California 0.440 in one run of 90 seconds of processor time.

    >>> from kerasnn.signature import Signature
    >>> tabpack(Signature.table(numbers=3), n_members=2, width=4, depth=1).count_params()
    44
    """
    choices.check(n_members=n_members, width=width, depth=depth, dropout=dropout, draw=draw)
    drawn = layers.draw_members(n_members, dropout=dropout, seed=draw)
    inputs = layers.build_inputs(signature)
    x = layers.encode(inputs, signature)
    for variable in layers.network(inputs, x, name="shared").trainable_variables:
        variable.learning_rate_factor = SHARED_RATE
    ends: list[KerasTensor] = []
    for i in range(depth):
        # The first members are the deepest ones.
        count = math.ceil(n_members * (depth - i) / depth)
        if i and count < x.shape[1]:
            ends.insert(0, x[:, count:])
            x = x[:, :count]
        x, layer = layers.pack_dense(x, members=count, width=width, name=f"hidden_{i + 1}")
        drawn.give(layer)
        layer.kernel.holds_matrices = width > 1
        x = layers.activate(x, activation, name=f"hidden_{i + 1}_activation")
        x = layers.pack_dropout(x, drawn.dropouts[:count], name=f"hidden_{i + 1}_dropout")
    x = layers.join_members([x, *ends])
    scores, layer = layers.pack_dense(
        x, members=n_members, width=signature.output.width, dtype="float32", name="output"
    )
    drawn.give(layer)
    return layers.network(
        inputs, layers.members_output(scores, signature, weighted=True), name="tabpack"
    )


def conclude(network: keras.Model, inputs: Mapping[str, Any], target: NDArray[Any]) -> None:
    """Weigh the members by a greedy selection.

    Args:
        network: Trained network from `tabpack`.
        inputs: Arrays of the validation rows by input name.
        target: Target of the validation rows as the loss takes it.
    """
    from kerasnn.calibration.ensemble_weights import greedy_weights
    from kerasnn.inference.batched_model import BatchedModel

    predictions = layers.member_predictions(
        BatchedModel(layers.member_model(network))(inputs), target
    )
    layers.weigh_members(network, greedy_weights(predictions, target, rounds=PICKS))
