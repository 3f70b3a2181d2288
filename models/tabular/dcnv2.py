"""Deep & cross network, version 2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerasnn import layers
from kerasnn.layers import choices
from kerasnn.layers.choices import Activation, Initializer, Normalization, Structure
from kerasnn.options import PreprocessingOptions, TrainingOptions

if TYPE_CHECKING:
    import keras

    from kerasnn.signature import Signature

TRAINING_OPTIONS = TrainingOptions(learning_rate=1e-3)
PREPROCESSING = PreprocessingOptions(scale="quantile")


def dcnv2(
    signature: Signature,
    *,
    cross_depth: int = 3,
    cross_rank: int = 0,
    structure: Structure = "parallel",
    width: int = 256,
    depth: int = 2,
    activation: Activation = "relu",
    normalization: Normalization = "none",
    dropout: float = 0.1,
    initializer: Initializer = "auto",
) -> keras.Model:
    """Deep & cross network: explicit products of features, x₀ ∘ (W x + b) + x, and a perceptron.

    Args:
        signature: The inputs and the output.
        cross_depth: Number of cross layers; their products reach degree cross_depth + 1.
        cross_rank: Inner width of a low-rank W; 0 for a full matrix.
        structure: ``parallel`` puts both parts side by side before the output, ``stacked`` feeds
            the perceptron with the crossed features.
        width: Units of each hidden layer of the perceptron.
        depth: Number of hidden layers.
        activation: Activation function of the hidden units.
        normalization: Normalization of the hidden units before the activation.
        dropout: Share of hidden units dropped in training, in [0, 1).
        initializer: Initializer of the hidden kernels; ``auto`` depends on the activation.

    Shape:
        numbers: (batch, columns); categories: (batch, columns); returns raw scores,
        (batch, output.width)

    Raises:
        ConfigError: A value is out of its range, or the signature has no input.

    Reference:
        Wang et al., "DCN V2: improved deep & cross network", 2021, arXiv 2008.13535.

    >>> from kerasnn.signature import Signature
    >>> dcnv2(Signature.table(numbers=3, classes=2), width=4, depth=1).output_shape
    (None, 1)
    """
    choices.check(structure=structure, cross_depth=cross_depth)
    inputs = layers.build_inputs(signature)
    first = layers.encode(inputs, signature)
    crossed = first
    for i in range(cross_depth):
        crossed = layers.cross_layer(first, crossed, rank=cross_rank, name=f"cross_{i + 1}")
    x = layers.dense_stack(
        crossed if structure == "stacked" else first,
        depth=depth,
        width=width,
        activation=activation,
        normalization=normalization,
        dropout=dropout,
        initializer=initializer,
    )
    if structure == "parallel":
        x = layers.concatenate_features([crossed, x], name="cross_and_deep")
    return layers.network(inputs, layers.output_layer(x, signature), name="dcnv2")
