"""TabM with the fewest weights of the members' own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerasnn import layers
from kerasnn.layers import choices
from kerasnn.models.tabular import tabm as whole

if TYPE_CHECKING:
    import keras

    from kerasnn.signature import Signature

TRAINING_OPTIONS = whole.TRAINING_OPTIONS
PREPROCESSING = whole.PREPROCESSING
PROFILES = whole.PROFILES
SEARCH = whole.SEARCH


def tabm_mini(
    signature: Signature,
    *,
    n_members: int = 16,
    width: int = 192,
    depth: int = 2,
    dropout: float = 0.1,
) -> keras.Model:
    """TabM-mini: one perceptron that sees the features scaled in many ways, and the mean of these.

    A member differs by the scales of its features and by its head; all else is shared.

    Args:
        signature: The inputs and the output.
        n_members: Number of members.
        width: Units of each hidden layer.
        depth: Number of hidden layers.
        dropout: Share of hidden units dropped in training, in [0, 1).

    Shape:
        numbers: (batch, columns); categories: (batch, columns); returns raw scores,
        (batch, output.width)

    Raises:
        ConfigError: A value is out of its range, or the signature has no input.

    Reference:
        Gorishniy, Kotelnikov and Babenko, "TabM: advancing tabular deep learning with
        parameter-efficient ensembling", 2024, arXiv 2410.24210.

    >>> from kerasnn.signature import Signature
    >>> tabm_mini(Signature.table(numbers=3, classes=2), n_members=2, width=4, depth=1).count_params()
    32
    """
    choices.check(n_members=n_members, depth=depth)
    inputs = layers.build_inputs(signature)
    x = layers.encode(inputs, signature)
    numbers = layers.hidden_member_indices(x, members=n_members)
    x = layers.expand_members(x, numbers, signature, name="scales")
    for i in range(depth):
        x = layers.shared_block(x, width=width, dropout=dropout, name=f"hidden_{i + 1}")
    scores = layers.member_heads(x, signature)
    return layers.network(inputs, layers.members_output(scores, signature), name="tabm_mini")
