"""NLinear, solved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy.special import ndtr

from kerasnn import layers
from kerasnn.layers import choices
from kerasnn.options import PreprocessingOptions, TrainingOptions

if TYPE_CHECKING:
    import keras

    from kerasnn.signature import Signature

Matrix = NDArray[np.float64]

TRAINING_OPTIONS = TrainingOptions(epochs=0)
PREPROCESSING = PreprocessingOptions()
CLOSED_FORM = True

# Numbers of windows that are float64 at once, and residuals that are kept for the quantiles.
NUMBERS_AT_ONCE = 4_000_000
MOST_RESIDUALS = 20_000_000
# Without any, inputs that are always 0 have no solution.
LEAST_PENALTY = 1e-9
# Between two quantiles.
LEAST_STEP = 1e-6


def ridge_nlinear(
    signature: Signature, *, penalty: float = 0.01, covariates: bool = False
) -> keras.Model:
    """One linear layer from the past, minus its last value, to the future; solved, not trained.

    All targets share one matrix. It minimises the mean squared error over the training windows plus
    ``penalty`` times the sum of the squared weights. Quantiles are those of the residuals, step by
    step. The linear baseline that a network must beat.

    Args:
        signature: The inputs and the output.
        penalty: Ridge penalty on the squared weights, for inputs about unit scale; at least 0.
        covariates: True if a linear effect of the future covariates is taken out of the targets
            before, and added again behind.

    Shape:
        past: (batch, history, targets); returns raw scores, (batch, output.width)

    Raises:
        ConfigError: A value is out of its range, or the signature has no window.

    Reference:
        Hoerl & Kennard, "Ridge regression", 1970; the layer is that of Zeng et al., 2022,
        arXiv 2205.13504.

    >>> from kerasnn.signature import Signature
    >>> ridge_nlinear(Signature.forecast(48, 24)).count_params()  # (48 + 1) · 24
    1176
    """
    choices.check(penalty=penalty, covariates=covariates)
    inputs = layers.build_inputs(signature)
    effect = layers.known_effect(inputs, signature, name="known_effect") if covariates else None
    past, restore = layers.scaled_window(inputs, signature, "last", effect=effect)
    # Here `initialize` finds the penalty, and the levels as the quantiles of a normal distribution.
    values = layers.target_output(
        layers.targets_first(past), signature, l2=penalty, bias=layers.normal_scores(signature)
    )
    scores = layers.forecast_scores(layers.ascending(values), restore)
    return layers.network(inputs, scores, name="ridge_nlinear")


def initialize(
    network: keras.Model, inputs: Mapping[str, Any], target: Any, seed: int, *, prefix: str = ""
) -> None:
    """Solve for the weights.

    Args:
        network: Network from `ridge_nlinear`, or one that contains its layers.
        inputs: Arrays of the training windows by input name.
        target: Future values, (n, horizon · targets) in this order; a window with a NaN does
            not count for its target.
        seed: Draws nothing.
        prefix: Prefix of the layers' names.
    """
    past = inputs["past"]
    future = np.asarray(target).reshape(len(past), -1, past.shape[2])
    windows = _Windows(past, future)
    for layer in network.layers:
        if layer.name == f"{prefix}known_effect":
            windows.known = inputs["future_covariates"]
            windows.effect = _known_weights(windows)
            layer.set_weights([windows.effect])
    output = network.get_layer(f"{prefix}output")
    penalty = output.kernel_regularizer.l2 if output.kernel_regularizer else 0.0
    kernel, bias = _solve(windows, penalty)
    if (count := output.units // future.shape[1]) > 1:
        levels = ndtr(output.get_weights()[1][:count])
        quantiles = residual_quantiles(windows, kernel, bias, levels)
        kernel, bias = of_levels(kernel, quantiles)
    output.set_weights([kernel, bias])


@dataclass
class _Windows:
    """Training windows, some at a time, each target as a row of its own.

    Args:
        past: (n, history, targets)
        future: (n, horizon, targets)
        known: (n, history + horizon, covariates), where they have an effect.
        effect: (covariates, targets), what is taken out of the targets.
    """

    past: NDArray[Any]
    future: NDArray[Any]
    known: NDArray[Any] | None = None
    effect: NDArray[Any] | None = None

    def whole(self, rows: slice) -> Matrix:
        """Past and future of the targets, float64 (some, history + horizon, targets)."""
        return np.concatenate([self.past[rows], self.future[rows]], axis=1, dtype=np.float64)

    def slices(self) -> Iterator[slice]:
        """So many windows at a time as are `NUMBERS_AT_ONCE`."""
        step = max(1, NUMBERS_AT_ONCE // max(1, self.past[:1].size + self.future[:1].size))
        yield from (slice(at, at + step) for at in range(0, len(self.past), step))

    def __iter__(self) -> Iterator[tuple[Matrix, Matrix]]:
        """Inputs (rows, history) and outputs (rows, horizon) of the linear layer."""
        for rows in self.slices():
            values = self.whole(rows)
            if self.known is not None and self.effect is not None:
                values -= self.known[rows].astype(np.float64) @ self.effect
            history = self.past.shape[1]
            values -= values[:, history - 1 : history]
            lines = values.transpose(0, 2, 1).reshape(-1, values.shape[1])
            lines = lines[np.isfinite(lines).all(axis=1)]
            yield lines[:, :history], lines[:, history:]


def _solve(windows: _Windows, penalty: float) -> tuple[Matrix, Matrix]:
    """Kernel and bias by the normal equations of the centred rows."""
    history, horizon = windows.past.shape[1], windows.future.shape[1]
    count = 0
    sums, products = np.zeros(history + horizon), np.zeros((history, history + horizon))
    for x, y in windows:
        both = np.concatenate([x, y], axis=1)
        count += len(x)
        sums += both.sum(axis=0)
        products += x.T @ both
    if not count:
        return np.zeros((history, horizon)), np.zeros(horizon)
    mean = sums / count
    products -= count * np.outer(mean[:history], mean)
    # The last value of the past is 0 in every row.
    products[:, :history] += count * max(penalty, LEAST_PENALTY) * np.eye(history)
    kernel = scipy.linalg.solve(products[:, :history], products[:, history:], assume_a="pos")
    return kernel, mean[history:] - mean[:history] @ kernel


def _known_weights(windows: _Windows) -> Matrix:
    """Least squares of the targets on the covariates, both about their means in each window."""
    assert windows.known is not None
    width, targets = windows.known.shape[2], windows.past.shape[2]
    products, count = np.zeros((width, width + targets)), 0
    for rows in windows.slices():
        known = windows.known[rows].astype(np.float64)
        both = np.concatenate([known, windows.whole(rows)], axis=2)
        both = both[np.isfinite(both).all(axis=(1, 2))]
        both -= both.mean(axis=1, keepdims=True)
        lines = both.reshape(-1, width + targets)
        count += len(lines)
        products += lines[:, :width].T @ lines
    products[:, :width] += max(1, count) * LEAST_PENALTY * np.eye(width)
    weights: Matrix = scipy.linalg.solve(products[:, :width], products[:, width:], assume_a="pos")
    return weights


def residual_quantiles(
    windows: Iterable[tuple[Matrix, Matrix]], kernel: Matrix, bias: Matrix, levels: NDArray[Any]
) -> Matrix:
    """The bias with the quantiles of what is left in training, (horizon, levels)."""
    parts, size = [], 0
    for x, y in windows:
        parts.append((y - x @ kernel).astype(np.float32))
        size += parts[-1].size
        if size > MOST_RESIDUALS:
            break
    residuals = np.concatenate(parts)
    if not len(residuals):
        return np.repeat(bias[:, None], len(levels), axis=1)
    return np.asarray(np.quantile(residuals, levels, axis=0).T, np.float64)


def of_levels(kernel: Matrix, quantiles: Matrix) -> tuple[Matrix, Matrix]:
    """Kernel and bias of all levels, from which `layers.ascending` makes the quantiles.

    Args:
        kernel: (history, horizon), the same for all levels.
        quantiles: Quantiles of the residuals, (horizon, levels).
    """
    middle = quantiles.shape[1] // 2
    kernels = np.zeros((*kernel.shape, quantiles.shape[1]))
    kernels[:, :, middle] = kernel
    # The inverse of softplus.
    steps = np.log(np.expm1(np.diff(quantiles, axis=1).clip(min=LEAST_STEP)))
    bias = np.insert(steps, middle, quantiles[:, middle], axis=1)
    return kernels.reshape(len(kernel), -1), bias.reshape(-1)
