"""Linear regression on the past and on all that is known beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import scipy.linalg
from keras import ops
from numpy.typing import NDArray
from scipy.special import ndtr

from kerasnn import layers
from kerasnn.layers import choices
from kerasnn.models.forecasting.ridge_nlinear import of_levels, residual_quantiles
from kerasnn.options import PreprocessingOptions, TrainingOptions

if TYPE_CHECKING:
    from keras import KerasTensor

    from kerasnn.signature import Signature

Matrix = NDArray[np.float64]

TRAINING_OPTIONS = TrainingOptions(epochs=0)
PREPROCESSING = PreprocessingOptions()
CLOSED_FORM = True

# Numbers that are float64 at once.
NUMBERS_AT_ONCE = 4_000_000
# Without any, inputs that are always 0 have no solution.
LEAST_PENALTY = 1e-9
# More numbers than these of the other targets, or of the future, are left out.
MOST_SHARED = 512


def arx(signature: Signature, *, memory: int = 48, penalty: float = 0.01) -> keras.Model:
    """Autoregression with exogenous inputs: solved, not trained.

    Each target has a linear layer of its own, from its past, minus its last value, from the last
    points of the other targets and of the covariates, and from what is known ahead, to its future.
    It minimises the mean squared error over the training windows plus ``penalty`` times the sum of
    the squared weights. Quantiles are those of the residuals, step by step. `ridge_nlinear` does
    the same from the past of the target alone.

    Args:
        signature: The inputs and the output.
        memory: Last time steps that it sees of covariates and of other targets.
        penalty: Ridge penalty on the squared weights, for inputs about unit scale; at least 0.

    Shape:
        past: (batch, history, targets); returns raw scores, (batch, output.width)

    Raises:
        ConfigError: A value is out of its range, or the signature has no window.

    Reference:
        Ljung, "System identification: theory for the user", 2nd edition, 1999 (ARX); Marcellino,
        Stock & Watson, 2006 (direct forecasts, each step with weights of its own).

    >>> from kerasnn.signature import Signature
    >>> arx(Signature.forecast(48, 24, past_covariates=2), memory=12).count_params()  # (48 + 2 · 12 + 1) · 24
    1752
    """
    choices.check(memory=memory, penalty=penalty)
    inputs = layers.build_inputs(signature)
    window = layers.window_of(signature)
    _, restore = layers.scaled_window(inputs, signature, "last")
    x = features(inputs, memory=min(memory, window.lookback), horizon=window.horizon)
    layer = keras.layers.EinsumDense(
        "btf,tfo->bto",
        output_shape=(len(window.targets), window.horizon * layers.levels_of(window)),
        bias_axes="to",
        # Here `initialize` finds the penalty, and the levels as quantiles of a normal distribution.
        kernel_regularizer=keras.regularizers.L2(penalty) if penalty else None,
        dtype="float32",
        name="output",
    )
    values = layers.ascending(layers.steps_first(layer(x), signature))
    scores = np.tile(layers.normal_scores(signature), (len(window.targets), window.horizon))
    layer.bias.assign(scores.astype("float32"))
    return layers.network(inputs, layers.forecast_scores(values, restore), name="arx")


def features(inputs: Mapping[str, Any], *, memory: int, horizon: int) -> KerasTensor:
    """What the linear layer of each target sees, of tensors or of arrays.

    Shape:
        returns (batch, targets, any)
    """
    past = inputs["past"]
    moved = past - past[:, -1:]
    own, targets = layers.targets_first(moved), past.shape[2]
    shared = []
    if 1 < targets <= MOST_SHARED // memory:
        shared.append(_flat(moved[:, -memory:]))
    if "past_covariates" in inputs:
        shared.append(_flat(inputs["past_covariates"][:, -memory:]))
    if "future_covariates" in inputs:
        known = inputs["future_covariates"]
        few = horizon * known.shape[2] <= MOST_SHARED
        first = known.shape[1] - horizon - 1
        ahead = known[:, first:] if few else known[:, first : first + 1]
        # Together they are as dear as one: the calendar says nearly the same at every step.
        shared.append(_flat(ahead) / np.sqrt(ahead.shape[1]).astype("float32"))
    if "numbers" in inputs:
        shared.append(inputs["numbers"])
    if not shared:
        return own
    beside = ops.expand_dims(ops.concatenate(shared, axis=-1), 1)
    return ops.concatenate([own, ops.repeat(beside, targets, axis=1)], axis=-1)


def initialize(
    network: keras.Model, inputs: Mapping[str, Any], target: Any, seed: int, *, prefix: str = ""
) -> None:
    """Solve for the weights.

    Args:
        network: Network from `arx`, or one that contains its layers.
        inputs: Arrays of the training windows by input name.
        target: Future values, (n, horizon · targets) in this order; a window with a NaN does
            not count for its target.
        seed: Draws nothing.
        prefix: Prefix of the layers' names.
    """
    output = network.get_layer(f"{prefix}output")
    (targets, width, units), horizon = output.kernel.shape, _horizon(inputs, target)
    levels = ndtr(output.get_weights()[1][0, : units // horizon])
    penalty = output.kernel_regularizer.l2 if output.kernel_regularizer else 0.0
    future = np.asarray(target).reshape(-1, horizon, targets)
    windows = _Windows(inputs, future, _memory(inputs, width, horizon))
    found = [_solve(windows, i, penalty) for i in range(targets)]
    if len(levels) > 1:
        found = [
            of_levels(kernel, residual_quantiles(windows.of(i), kernel, bias, levels))
            for i, (kernel, bias) in enumerate(found)
        ]
    kernels, biases = zip(*found, strict=True)
    output.set_weights([np.stack(kernels), np.stack(biases)])


@dataclass
class _Windows:
    """Training windows, some at a time."""

    inputs: Mapping[str, Any]
    future: NDArray[Any]
    memory: int

    def of(self, target: int) -> Iterator[tuple[Matrix, Matrix]]:
        """Inputs (rows, features) and outputs (rows, horizon) of the layer of a target."""
        one = sum(int(np.prod(values.shape[1:])) for values in self.inputs.values())
        step = max(1, NUMBERS_AT_ONCE // (one * self.future.shape[2]))
        for at in range(0, len(self.future), step):
            some = {name: values[at : at + step] for name, values in self.inputs.items()}
            x = features(some, memory=self.memory, horizon=self.future.shape[1])
            last = some["past"][:, -1:, target]
            y = self.future[at : at + step, :, target] - last
            known = np.isfinite(y).all(axis=1)
            yield (
                np.asarray(x[:, target], np.float64)[known],
                np.asarray(y, np.float64)[known],
            )


def _horizon(inputs: Mapping[str, Any], target: Any) -> int:
    targets = int(inputs["past"].shape[2])
    return int(np.prod(target.shape[1:])) // targets


def _memory(inputs: Mapping[str, Any], width: int, horizon: int) -> int:
    """How far the features look back, from how many there are."""
    lookback = int(inputs["past"].shape[1])
    some = {name: np.zeros((1, *values.shape[1:]), "float32") for name, values in inputs.items()}
    for memory in range(1, lookback + 1):
        if features(some, memory=memory, horizon=horizon).shape[2] == width:
            return memory
    return lookback


def _solve(windows: _Windows, target: int, penalty: float) -> tuple[Matrix, Matrix]:
    """Kernel and bias by the normal equations of the centred rows."""
    count, sums, products = 0, np.zeros(0), np.zeros(0)
    for x, y in windows.of(target):
        both = np.concatenate([x, y], axis=1)
        if not products.size:
            sums, products = np.zeros(both.shape[1]), np.zeros((x.shape[1], both.shape[1]))
        count += len(x)
        sums += both.sum(axis=0)
        products += x.T @ both
    width = len(products)
    if not count:
        return np.zeros((width, len(sums) - width)), np.zeros(len(sums) - width)
    mean = sums / count
    products -= count * np.outer(mean[:width], mean)
    # The last value of the past is 0 in every row.
    products[:, :width] += count * max(penalty, LEAST_PENALTY) * np.eye(width)
    kernel = scipy.linalg.solve(products[:, :width], products[:, width:], assume_a="pos")
    return kernel, mean[width:] - mean[:width] @ kernel


def _flat(x: KerasTensor) -> KerasTensor:
    return ops.reshape(x, (-1, x.shape[1] * x.shape[2]))
