"""Dense layers whose units learn how much of their activation function they want."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import keras
from keras import ops

from kerasnn.layers import choices
from kerasnn.layers.activations import activate
from kerasnn.layers.blocks import drop
from kerasnn.layers.members import members_output

if TYPE_CHECKING:
    from keras import KerasTensor

    from kerasnn.layers.choices import Activation
    from kerasnn.signature import Signature

SCALE, OUTPUT = "scale", "output"
LOWEST, HIGHEST = "lowest_output", "highest_output"
# No standardized target is larger: the bounds of a network that has seen no rows yet.
UNBOUNDED = 1e9
# Over the rate of the step: what is none of the layers here, such as the encoder of a text.
OTHER_RATE = 0.05
# A network with one output has five times the rate of one for classes.
REGRESSION_RATE = 5.0


def own_scale(x: KerasTensor, *, name: str) -> KerasTensor:
    """Each column times a learned factor, which starts at 1.

    Args:
        x: Input tensor.
        name: Name of the layer whose kernel holds the factors.

    Shape:
        x: (batch, width); returns the same
    """
    return ops.multiply(x, learned_row(x, start=1.0, name=name))


def learned_row(
    x: KerasTensor,
    *,
    start: float,
    trainable: bool = True,
    dtype: str | None = None,
    name: str,
) -> KerasTensor:
    """The same numbers for each row, one a column of x.

    Args:
        x: Only its shape counts.
        start: First value of each.
        trainable: True to train the numbers.
        dtype: Data type of the layer; None for that of the global policy.
        name: Name of the layer.

    Shape:
        x: (batch, width); returns the same
    """
    # Of one number, 1, a dense layer gives its weights.
    return keras.layers.Dense(
        x.shape[-1],
        use_bias=False,
        kernel_initializer=keras.initializers.Constant(start),
        trainable=trainable,
        dtype=dtype,
        name=name,
    )(ops.ones_like(x[:, :1]))


def parametric_block(
    x: KerasTensor, *, width: int, activation: Activation, dropout: float, name: str
) -> KerasTensor:
    """Dense → z + α (σ(z) − z) → dropout, with a learned α for each unit that starts at 1.

    Args:
        x: Input tensor.
        width: Units.
        activation: σ.
        dropout: Share of the units dropped, in [0, 1).
        name: Name of the dense layer, and prefix of the other layers' names.

    Shape:
        x: (batch, any); returns (batch, width)

    Raises:
        ConfigError: A value is out of its range.
    """
    choices.check(width=width, dropout=dropout, activation=activation)
    z = _dense(x, width, name=name)
    bent = _mish(z) if activation == "mish" else activate(z, activation, name=f"{name}_activation")
    x = ops.add(z, own_scale(ops.subtract(bent, z), name=f"{name}_alpha"))
    return drop(x, dropout, name=f"{name}_dropout")


def _mish(z: KerasTensor) -> KerasTensor:
    """Z · tanh(log(1 + eᶻ)), by a single exponential: steps are an eighth faster."""
    # Beyond 20 float32 can't tell Mish from z.
    power = ops.exp(ops.minimum(z, 20.0))
    rise = power * (power + 2.0)
    return z * rise / (rise + 2.0)


def bounded_output(x: KerasTensor, signature: Signature) -> KerasTensor:
    """Raw scores of a dense layer; of a regression, never beyond the bounds of `fit_bounds`.

    Training sees the scores without bounds, for they have no gradient behind them.

    Shape:
        x: (batch, any); returns (batch, output.width)
    """
    scores = _dense(x, signature.output.width, name=OUTPUT, dtype="float32")
    if signature.output.task != "regression":
        return scores
    # The layer of one member is what is trained, and what follows it only predicts.
    scores = members_output(ops.expand_dims(scores, 1), signature)
    lowest, highest = (
        learned_row(scores, start=start, trainable=False, dtype="float32", name=name)
        for start, name in ((-UNBOUNDED, LOWEST), (UNBOUNDED, HIGHEST))
    )
    return ops.minimum(ops.maximum(scores, lowest), highest)


def _dense(x: KerasTensor, units: int, *, name: str, dtype: str | None = None) -> KerasTensor:
    """Outputs of unit variance where the inputs have it; `fit_first_weights` has better ones."""
    start = keras.initializers.VarianceScaling(distribution="untruncated_normal")
    return keras.layers.Dense(units, kernel_initializer=start, dtype=dtype, name=name)(x)


def dense_layers(network: keras.Model) -> list[keras.layers.Dense]:
    """Those of `parametric_block` and `bounded_output`, the first one first."""
    return [x for x in network.layers if re.fullmatch(rf"hidden_\d+|{OUTPUT}", x.name)]


def set_rates(
    network: keras.Model, signature: Signature, *, scale_rate: float, number_rate: float
) -> None:
    """Give each variable of `realmlp` its rate and its decay over those of the step.

    A kernel of d inputs has 1/√d: one step of Adam is then that of the neural tangent
    parametrization, xW/√d with normal W. Biases and α have a tenth, kernels and embeddings the
    whole. A factor f acts on the decay as f². One logit of two classes is the difference of two, and
    moves twice as fast.

    Args:
        network: Network made of the blocks of this module.
        signature: Signature that the network was built for.
        scale_rate: Factor of the learned scale of the inputs.
        number_rate: Factor of what embeds numbers.
    """
    task = signature.output.task
    overall = REGRESSION_RATE if task == "regression" else 1.0
    for layer in dense_layers(network):
        twice = 2.0 if layer.name == OUTPUT and task == "binary" else 1.0
        layer.kernel.learning_rate_factor = overall * twice / math.sqrt(layer.kernel.shape[0])
        layer.kernel.weight_decay_factor = overall
        layer.bias.learning_rate_factor = overall * twice * 0.1
    done = {layer.name for layer in dense_layers(network)}
    for layer in network.layers:
        if layer.name in done:
            continue
        factor = _factor(layer.name, scale_rate=scale_rate, number_rate=number_rate)
        for variable in layer.trainable_variables:
            if factor is None:
                variable.learning_rate_factor = OTHER_RATE
            else:
                variable.learning_rate_factor = overall * factor
                variable.weight_decay_factor = overall * factor**2


def _factor(name: str, *, scale_rate: float, number_rate: float) -> float | None:
    """Factor for the variables of a layer; None where it is not one of a table."""
    if name == SCALE:
        return scale_rate
    if name.startswith("number_"):
        return number_rate
    if name.startswith("embedding_"):
        return 1.0
    return 0.1 if name.endswith("_alpha") else None
