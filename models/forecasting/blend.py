"""The average of other models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import keras

from kerasnn import layers, models
from kerasnn.errors import ConfigError
from kerasnn.recipes import PreprocessingOptions, Recipe

if TYPE_CHECKING:
    from keras import KerasTensor

    from kerasnn.signature import Signature

RECIPE = Recipe(
    epochs=16, batch_size=64, optimizer="adam", learning_rate=1e-3, weight_decay=0.0, patience=4
)
PREPROCESSING = PreprocessingOptions()


def blend(
    signature: Signature, *, members: str = "ridge_nlinear,nhits", weights: str = ""
) -> keras.Model:
    """The weighted mean of forecasts by several models of the zoo, as one network.

    Members have their default hyper-parameters. What each has learned on its own is put together by
    `fill`; without that, they are trained together.

    Args:
        signature: The inputs and the output.
        members: Their names, separated by commas.
        weights: A number above 0 for each; equal ones if empty.

    Shape:
        past: (batch, history, targets); returns (batch, output.width)

    Raises:
        UnknownNameError: There is no such model.
        ConfigError: Members and weights don't fit, or the signature has no window.

    Reference:
        Bates & Granger, "The combination of forecasts", 1969.

    >>> from kerasnn.signature import Signature
    >>> blend(Signature.forecast(48, 24), members="nlinear,dlinear").count_params()
    3528
    """
    names = members_of(members)
    shares = _shares(weights, len(names))
    inputs = layers.build_inputs(signature)
    layers.window_of(signature)
    scores = [
        _member(name, signature, inputs) * share for name, share in zip(names, shares, strict=True)
    ]
    return layers.network(inputs, layers.total(scores), name="blend")


def members_of(members: str) -> list[str]:
    """The names in the text.

    Raises:
        UnknownNameError: There is no such model.
        ConfigError: A name is twice in it, or there is none.
    """
    names = [name.strip() for name in members.split(",") if name.strip()]
    for name in names:
        models.data_of(name)
    if not names or len(set(names)) < len(names) or "blend" in names:
        raise ConfigError(
            f"`members` must name other models, each once; got '{members}'",
            fix="write them like ridge_nlinear,nhits",
        )
    return names


def fill(network: keras.Model, members: Mapping[str, keras.Model]) -> None:
    """Give a blend the weights of its members.

    Args:
        network: From `blend`.
        members: By name, networks for the same signature with their default hyper-parameters.
    """
    for name, member in members.items():
        for layer in member.layers:
            if layer.weights:
                network.get_layer(f"{name}_{layer.name}").set_weights(layer.get_weights())


def initialize(network: keras.Model, inputs: Mapping[str, Any], target: Any, seed: int) -> None:
    """Solve for the weights of those members that are solved for.

    Args:
        network: From `blend`.
        inputs: Training inputs by name.
        target: What followed them.
        seed: Passed on.
    """
    found = {layer.name for layer in network.layers}
    for name in models.names():
        if name != "blend" and any(each.startswith(f"{name}_") for each in found):
            first: Any = models.get(name).initialize
            if first:
                first(network, inputs, target, seed, prefix=f"{name}_")


def _shares(weights: str, count: int) -> list[float]:
    """Numbers above 0 that add up to 1."""
    try:
        numbers = [float(text) for text in weights.split(",")] if weights else [1.0] * count
    except ValueError:
        numbers = []
    if len(numbers) != count or not all(0 < number < 1e9 for number in numbers):
        raise ConfigError(
            f"`weights` must be a number above 0 for each of {count} members; got '{weights}'"
        )
    return [number / sum(numbers) for number in numbers]


def _member(name: str, signature: Signature, inputs: dict[str, KerasTensor]) -> KerasTensor:
    """The outputs of a model, on inputs that others share; its layers are named after it."""
    with keras.name_scope(name):
        own = models.build(name, signature)
    for layer in own.layers:
        if not isinstance(layer, keras.layers.InputLayer):
            layer.name = f"{name}_{layer.name}"
    # The same layers, on other inputs.
    moved = keras.models.clone_model(own, input_tensors=inputs, clone_function=lambda layer: layer)
    return moved.output
