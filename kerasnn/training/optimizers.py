"""Keras optimizers by name, with weight decay where it belongs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from kerasnn.recipes import Recipe


class SGD(keras.optimizers.SGD):  # type: ignore[misc]
    """Keras' own, in which a variable may have a rate of its own.

    That is the rate of the step times the variable's `learning_rate_factor`, which a factory of the
    zoo may set. In optimizers that divide by the size of the gradient it would make no sense.
    """

    def build(self, variables: Sequence[Any]) -> None:
        """Note the factors: a step is given the backend's variables, which have none."""
        self._factors = [getattr(variable, "learning_rate_factor", 1.0) for variable in variables]
        super().build(variables)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Move one variable."""
        factor = self._factors[self._get_variable_index(variable)]
        rate = learning_rate if factor == 1.0 else learning_rate * factor
        super().update_step(gradient, variable, rate)


def is_kernel(variable: Any) -> bool:
    """Whether a variable is a matrix that a layer multiplies by, and no bias, norm or table."""
    return len(variable.shape) >= 2 and variable.name == "kernel"


def build_optimizer(recipe: Recipe, variables: Sequence[Any]) -> keras.optimizers.Optimizer:
    """The optimizer of a recipe, built for the variables.

    Decay is decoupled and acts on kernels alone. Its rate is the recipe's `weight_decay` times the
    learning rate of the step.

    Reference:
        Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2017, arXiv 1711.05101.
    """
    optimizer = _create(recipe)
    if recipe.weight_decay:
        optimizer.exclude_from_weight_decay(var_list=[v for v in variables if not is_kernel(v)])
    optimizer.build(variables)
    return optimizer


def _create(recipe: Recipe) -> keras.optimizers.Optimizer:
    optimizers = keras.optimizers
    common = {
        "learning_rate": recipe.learning_rate,
        "weight_decay": recipe.weight_decay or None,
        "global_clipnorm": recipe.clip_norm or None,
    }
    momentum = recipe.momentum
    match recipe.optimizer:
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
            return optimizers.Adam(**common)
        case "adamw":
            return optimizers.AdamW(**{**common, "weight_decay": recipe.weight_decay})
        case "lion":
            return optimizers.Lion(**common)
        case "muon":
            # Attention biases are matrices too, and what makes scores is no hidden layer: by path.
            return optimizers.Muon(
                learning_rate=recipe.learning_rate,
                weight_decay=recipe.weight_decay,
                adam_weight_decay=recipe.weight_decay,
                global_clipnorm=recipe.clip_norm or None,
                exclude_layers=["bias", "output", "linear"],
            )
