"""Keras optimizers by name, with weight decay where it belongs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kerasnn.options import TrainingOptions
from kerasnn.runtime.compat import MuonHooks, OptimizerHooks

RATE_FACTOR, DECAY_FACTOR = "learning_rate_factor", "weight_decay_factor"
# Set on a kernel (members, in, out) that is one matrix for each member.
MATRICES = "holds_matrices"


class _OwnRates(OptimizerHooks):
    """Hooks of a Keras optimizer for a learning rate and a weight decay of each variable.

    A factory of the zoo may set a variable's `learning_rate_factor` and `weight_decay_factor`,
    numbers or arrays that are broadcast to its shape. They multiply what the step has for all.
    """

    def build(self, variables: Sequence[Any]) -> None:
        """Note the factors: a step is given the backend's variables, which have none."""
        self._rate_factors = [getattr(v, RATE_FACTOR, 1.0) for v in variables]
        self._decay_factors = [getattr(v, DECAY_FACTOR, 1.0) for v in variables]
        # Of the decay; a schedule may set another for a step.
        self.decay_share: Any = 1.0
        super().build(variables)  # type: ignore[misc]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Move one variable."""
        factor = self._rate_factors[self.variable_index(variable)]
        rate = learning_rate if _is_one(factor) else learning_rate * factor
        super().update_step(gradient, variable, rate)  # type: ignore[misc]

    def decay_weights(self, variables: Sequence[Any]) -> None:
        """Decay by what the optimizer says times the factors."""
        if not self.weight_decay:  # type: ignore[attr-defined]
            return
        for variable in variables:
            if self.is_decayed(variable):
                factor = self._decay_factors[self.variable_index(variable)]
                decay = self.weight_decay if _is_one(factor) else self.weight_decay * factor  # type: ignore[attr-defined]
                if not _is_one(self.decay_share):
                    decay *= self.decay_share
                variable.assign(variable - variable * decay * self.learning_rate)  # type: ignore[attr-defined]


def _is_one(factor: Any) -> bool:
    return isinstance(factor, float) and factor == 1.0


class SGD(_OwnRates, keras.optimizers.SGD):  # type: ignore[misc]
    """Keras' own, with factors."""


class Adam(_OwnRates, keras.optimizers.Adam):  # type: ignore[misc]
    """Keras' own, with factors."""


class AdamW(_OwnRates, keras.optimizers.AdamW):  # type: ignore[misc]
    """Keras' own, with factors."""


class Muon(_OwnRates, MuonHooks, keras.optimizers.Muon):  # type: ignore[misc]
    """Keras' own, with factors, and for the matrices of several members at once.

    Keras takes variables of two axes alone. A factory sets `holds_matrices` on a kernel
    (members, in, out) of hidden layers, and each of its matrices is made orthogonal by itself; or
    clears it on one that is no matrix.

    Reference:
        Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024. Scaled as in
        Liu et al., "Muon is scalable for LLM training", 2025, arXiv 2502.16982.
    """

    def uses_adamw(self, variable: Any) -> bool:
        """Whether AdamW moves a variable: as the factory says, else as Keras chooses."""
        is_matrix = getattr(variable, MATRICES, None)
        return super().uses_adamw(variable) if is_matrix is None else not is_matrix

    def lr_adjust(self, x: Any) -> Any:
        """The update at the size that one of Adam would have."""
        return x * ops.sqrt(ops.maximum(x.shape[-2], x.shape[-1])) * self.rms_rate


def is_kernel(variable: Any) -> bool:
    """Whether a variable is a matrix that a layer multiplies by, and no bias, norm or table."""
    return len(variable.shape) >= 2 and variable.name == "kernel"


def decays(variable: Any) -> bool:
    """Whether weight decay acts on a variable: on kernels, and on what was given a factor."""
    return is_kernel(variable) or hasattr(variable, DECAY_FACTOR)


def build_optimizer(
    training_options: TrainingOptions, variables: Sequence[Any]
) -> keras.optimizers.Optimizer:
    """The optimizer of a recipe, built for the variables.

    Decay is decoupled and acts on what `decays` says. Its rate is the recipe's `weight_decay` times the
    learning rate of the step.

    Reference:
        Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2017, arXiv 1711.05101.
    """
    optimizer = _create(training_options)
    if training_options.weight_decay:
        optimizer.exclude_from_weight_decay(var_list=[v for v in variables if not decays(v)])
    optimizer.build(variables)
    return optimizer


def _create(training_options: TrainingOptions) -> keras.optimizers.Optimizer:
    optimizers = keras.optimizers
    common = {
        "learning_rate": training_options.learning_rate,
        "weight_decay": training_options.weight_decay or None,
        "global_clipnorm": training_options.clip_norm or None,
    }
    momentum = training_options.momentum
    match training_options.optimizer:
        case "sgd":
            return SGD(**common)
        case "momentum":
            return SGD(momentum=momentum, **common)
        case "nesterov":
            return SGD(momentum=momentum, nesterov=True, **common)
        case "rmsprop":
            return optimizers.RMSprop(momentum=momentum, **common)
        case "adagrad":
            return optimizers.Adagrad(**common)
        case "adam":
            return Adam(beta_2=training_options.beta_2, **common)
        case "adamw":
            return AdamW(
                beta_2=training_options.beta_2,
                **{**common, "weight_decay": training_options.weight_decay},
            )
        case "lion":
            return optimizers.Lion(**common)
        case "muon":
            # Attention biases are matrices too, and what makes scores is no hidden layer: by path.
            return Muon(
                learning_rate=training_options.learning_rate,
                weight_decay=training_options.weight_decay,
                adam_weight_decay=training_options.weight_decay,
                global_clipnorm=training_options.clip_norm or None,
                exclude_layers=["bias", "output", "linear"],
            )
