"""The average of other models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import keras

from kerasnn import layers, models
from kerasnn.errors import ConfigError
from kerasnn.layers import choices
from kerasnn.options import PreprocessingOptions, TrainingOptions

if TYPE_CHECKING:
    from keras import KerasTensor

    from kerasnn.signature import Signature

TRAINING_OPTIONS = TrainingOptions(
    epochs=16, batch_size=64, optimizer="adam", learning_rate=1e-3, weight_decay=0.0, patience=4
)
PREPROCESSING = PreprocessingOptions()

# Inputs whose second axis begins with the history.
_IN_TIME = ("past", "past_covariates", "future_covariates")


def forecast_ensemble(
    signature: Signature, *, members: str = "ridge_nlinear,nhits", weights: str = ""
) -> keras.Model:
    """The weighted mean of forecasts by several models of the zoo, as one network.

    What each has learned on its own is put together by `fill`; without that, they are trained
    together.

    Args:
        signature: The inputs and the output.
        members: Their names, separated by commas, each with its hyper-parameters, if any, as in
            ``seasonal_naive:drift=true``; ``lookback`` is one for all, for a member that looks back
            less far.
        weights: A number above 0 for each; equal ones if empty.

    Shape:
        past: (batch, history, targets); returns raw scores, (batch, output.width)

    Raises:
        UnknownNameError: There is no such model.
        ConfigError: Members and weights don't fit, or the signature has no window.

    Reference:
        Bates & Granger, "The combination of forecasts", 1969.

    >>> from kerasnn.signature import Signature
    >>> forecast_ensemble(Signature.forecast(48, 24), members="nlinear,dlinear").count_params()
    3528
    """
    choices.check(members=members, weights=weights)
    found = members_of(members)
    shares = _shares(weights, len(found))
    inputs = layers.build_inputs(signature)
    layers.window_of(signature)
    scores = [
        _member(each, signature, inputs) * share for each, share in zip(found, shares, strict=True)
    ]
    return layers.network(inputs, layers.total(scores), name="forecast_ensemble")


@dataclass(frozen=True)
class EnsembleMember:
    """A model in a forecast ensemble.

    Args:
        name: Name of the model in the zoo.
        hyperparameters: Hyper-parameters that differ from the defaults.
        lookback: Number of past time steps that it sees; 0 for as many as the forecast ensemble.
    """

    name: str
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    lookback: int = 0

    def __str__(self) -> str:
        values = {**self.hyperparameters} | ({"lookback": self.lookback} if self.lookback else {})
        texts = [f"{k}={str(v).lower() if isinstance(v, bool) else v}" for k, v in values.items()]
        return ":".join([self.name, *texts])


def members_of(members: str) -> list[EnsembleMember]:
    """The models in the text.

    Raises:
        UnknownNameError: There is no such model or hyper-parameter.
        ConfigError: A name is twice in it, there is none, or a value is wrong.

    >>> [str(each) for each in members_of("ridge_nlinear:lookback=24, nhits")]
    ['ridge_nlinear:lookback=24', 'nhits']
    """
    found = [_member_of(text.strip()) for text in members.split(",") if text.strip()]
    names = [each.name for each in found]
    if not names or len(set(names)) < len(names) or "forecast_ensemble" in names:
        raise ConfigError(
            f"`members` must name other models, each once; got '{members}'",
            hint="write them like ridge_nlinear,nhits",
        )
    return found


def _member_of(text: str) -> EnsembleMember:
    name, *settings = text.split(":")
    models.data_of(name)
    pairs = dict(setting.partition("=")[::2] for setting in settings)
    lookback = pairs.pop("lookback", "0")
    if not lookback.isdecimal():
        raise ConfigError(f"`lookback` of a member must be a whole number; got '{lookback}'")
    return EnsembleMember(name, models.check_hyperparameters(name, pairs), int(lookback))


def fill(network: keras.Model, members: Mapping[str, keras.Model]) -> None:
    """Give a forecast ensemble the weights of its members.

    Args:
        network: Network from `forecast_ensemble`.
        members: Networks by name, as `members_of` describes them, for the same signature.
    """
    for name, member in members.items():
        for layer in member.layers:
            if layer.weights:
                network.get_layer(f"{name}_{layer.name}").set_weights(layer.get_weights())


def initialize(network: keras.Model, inputs: Mapping[str, Any], target: Any, seed: int) -> None:
    """Solve for the weights of those members that are solved for.

    Args:
        network: Network from `forecast_ensemble`.
        inputs: Training inputs by name.
        target: Future values of the targets.
        seed: Passed on.
    """
    found = {layer.name: layer for layer in network.layers}
    lookback = inputs["past"].shape[1]
    for name in models.names():
        own = [each for each in found if each.startswith(f"{name}_")]
        first: Any = models.get(name).initialize if own and name != "forecast_ensemble" else None
        if first:
            recent = found.get(f"{name}_recent_past")
            length = recent.output.shape[1] if recent else lookback
            first(network, _recent(inputs, lookback - length), target, seed, prefix=f"{name}_")


def _recent(inputs: Mapping[str, Any], skipped: int) -> dict[str, Any]:
    """Inputs without the first points of the history."""
    if not skipped:
        return dict(inputs)
    return {name: x[:, skipped:] if name in _IN_TIME else x for name, x in inputs.items()}


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


def _member(
    member: EnsembleMember, signature: Signature, inputs: dict[str, KerasTensor]
) -> KerasTensor:
    """The outputs of a model, on inputs that others share; its layers are named after it."""
    name, window = member.name, layers.window_of(signature)
    lookback = member.lookback or window.lookback
    if lookback > window.lookback:
        raise ConfigError(
            f"the member '{name}' looks back {lookback:,} points, the ensemble {window.lookback:,}",
            hint="give the member a shorter lookback",
        )
    if lookback < window.lookback:
        signature = replace(signature, window=replace(window, lookback=lookback))
        inputs = {
            key: keras.layers.Cropping1D(
                (window.lookback - lookback, 0), name=f"{name}_recent_{key}"
            )(x)
            if key in _IN_TIME
            else x
            for key, x in inputs.items()
        }
    with keras.name_scope(name):
        own = models.build(name, signature, **member.hyperparameters)
    for layer in own.layers:
        if not isinstance(layer, keras.layers.InputLayer):
            layer.name = f"{name}_{layer.name}"
    # Called as a layer it would be one; so its layers become those of the forecast ensemble.
    return own.call(inputs)
