"""The average of networks that were trained one by one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

from kerasnn import layers, models
from kerasnn.errors import ConfigError
from kerasnn.layers import choices
from kerasnn.options import PreprocessingOptions, TrainingOptions

if TYPE_CHECKING:
    import keras
    from keras import KerasTensor

    from kerasnn.signature import Signature

# Each member has a recipe of its own; what differs from these defaults holds for all of them.
TRAINING_OPTIONS = TrainingOptions()
PREPROCESSING = PreprocessingOptions()

MOST_MEMBERS = 64
# The mean of means is a mean: nesting adds nothing.
_ENSEMBLES = ("ensemble", "forecast_ensemble")


def ensemble(
    signature: Signature, *, members: str = "mlp,resnet", weights: str = ""
) -> keras.Model:
    """The weighted mean of what networks predict, as one network.

    What each has learned on its own is put together by `fill`; without that, they are trained
    together. Of classes and labels it is the mean of probabilities, of numbers that of values.

    Args:
        signature: The inputs and the output.
        members: Their names, separated by commas, each with its hyper-parameters, if any, as in
            ``2*mlp:width=64``, which are two; ``2/mlp`` takes its columns in the second of the
            signature's ways.
        weights: A number above 0 for each; equal ones if empty.

    Shape:
        numbers: (batch, columns); categories: (batch, columns); returns raw scores,
        (batch, output.width)

    Raises:
        UnknownNameError: There is no such model or hyper-parameter.
        ConfigError: Members and weights don't fit, or the signature has no input.

    Reference:
        Hansen and Salamon, "Neural network ensembles", 1990.

    >>> from kerasnn.signature import Signature
    >>> ensemble(Signature.table(numbers=3, classes=2), members="linear,3*linear").count_params()
    16
    """
    choices.check(members=members, weights=weights)
    found = members_of(members)
    shares = shares_of(weights, len(found))
    inputs = layers.build_inputs(signature)
    scores = [_scores(each, i, signature, inputs) for i, each in enumerate(found, start=1)]
    mean = layers.weighted_scores(scores, signature.output, shares)
    return layers.network(inputs, mean, name="ensemble")


@dataclass(frozen=True)
class EnsembleMember:
    """A network in an average.

    Args:
        name: Name of the model in the zoo.
        hyperparameters: Hyper-parameters that differ from the defaults.
        encoding: Number of the signature's encoding that the member takes, from 1.
    """

    name: str
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    encoding: int = 1

    def text(self) -> str:
        """Text that `members_of` reads, with every hyper-parameter, because defaults may change."""
        values = {**models.hyperparameters(self.name), **self.hyperparameters}
        texts = [f"{k}={str(v).lower() if isinstance(v, bool) else v}" for k, v in values.items()]
        encoding = f"{self.encoding}/" if self.encoding > 1 else ""
        return ":".join([f"{encoding}{self.name}", *texts])


def members_of(members: str) -> list[EnsembleMember]:
    """The networks in the text.

    Raises:
        UnknownNameError: There is no such model or hyper-parameter.
        ConfigError: There is none, or more than 64, or a value is wrong.

    >>> [each.name for each in members_of("linear, 2*mlp:width=64")]
    ['linear', 'mlp', 'mlp']
    """
    found: list[EnsembleMember] = []
    for text in filter(None, (part.strip() for part in members.split(","))):
        count, one = _counted(text)
        if len(found) + count > MOST_MEMBERS:
            raise ConfigError(f"an average has {MOST_MEMBERS} members at most")
        found += [_member_of(one)] * count
    if not found:
        hint = "write them like mlp,resnet"
        raise ConfigError(f"`members` must name models; got '{members}'", hint=hint)
    return found


def text_of(members: Iterable[EnsembleMember]) -> str:
    """What `members_of` reads; equal neighbours are counted."""
    groups = [(text, len(list(same))) for text, same in groupby(each.text() for each in members)]
    return ",".join(f"{count}*{text}" if count > 1 else text for text, count in groups)


def shares_of(weights: str, count: int) -> list[float]:
    """Numbers above 0 that add up to 1.

    Raises:
        ConfigError: They are not one for each member.

    >>> shares_of("3,1", 2)
    [0.75, 0.25]
    """
    try:
        numbers = [float(text) for text in weights.split(",")] if weights else [1.0] * count
    except ValueError:
        numbers = []
    if len(numbers) != count or not all(1e-9 < number < 1e9 for number in numbers):
        raise ConfigError(
            f"`weights` must be a number above 0 for each of {count} members; got '{weights}'"
        )
    return [number / sum(numbers) for number in numbers]


def fill(network: keras.Model, members: Sequence[tuple[str, keras.Model]]) -> None:
    """Give an average the weights of its members.

    Args:
        network: Network from `ensemble`.
        members: Pairs of model name and network, in the order of the ensemble.
    """
    found = {layer.name: layer for layer in network.layers}
    for number, (name, member) in enumerate(members, start=1):
        for layer in member.layers:
            if layer.weights:
                found[_prefix(name, number) + layer.name].set_weights(layer.get_weights())


def _counted(text: str) -> tuple[int, str]:
    """How many, and of what."""
    count, times, one = text.partition("*")
    if not times:
        return 1, text
    if not (count.isascii() and count.isdecimal() and 1 <= int(count[:9]) <= MOST_MEMBERS):
        raise ConfigError(f"a member may be there 1 to {MOST_MEMBERS} times; got '{text[:60]}'")
    return int(count[:9]), one


def _member_of(text: str) -> EnsembleMember:
    head, *settings = text.split(":")
    encoding, slash, name = head.rpartition("/")
    if slash and not (
        encoding.isascii() and encoding.isdecimal() and len(encoding) < 4 and int(encoding)
    ):
        raise ConfigError(
            f"the encoding of a member must be a positive integer; got '{encoding[:60]}'"
        )
    if name in _ENSEMBLES or models.data_of(name) == "forecast":
        hint = "name models that predict rows; forecasts are averaged by 'forecast_ensemble'"
        raise ConfigError(f"'{name}' can't be a member of an average", hint=hint)
    pairs = dict(setting.partition("=")[::2] for setting in settings)
    return EnsembleMember(name, models.check_hyperparameters(name, pairs), int(encoding or 1))


def _scores(
    member: EnsembleMember, number: int, signature: Signature, inputs: dict[str, KerasTensor]
) -> KerasTensor:
    """The outputs of a member, on inputs that all share; its layers are named after it."""
    import keras

    if member.encoding > len(signature.encodings):
        raise ConfigError(
            f"the member '{member.name}' takes encoding {member.encoding}; "
            f"there are {len(signature.encodings)}"
        )
    own, names = (
        signature.encodings[member.encoding - 1],
        signature.encoding_inputs(member.encoding),
    )
    prefix = _prefix(member.name, number)
    with (
        layers.on_inputs({name: inputs[whole] for name, whole in names.items()}),
        keras.name_scope(prefix.rstrip("_")),
    ):
        network = models.build(member.name, own, **member.hyperparameters)
    for layer in network.layers:
        if not isinstance(layer, keras.layers.InputLayer):
            layer.name = prefix + layer.name
    return network.output


def _prefix(name: str, number: int) -> str:
    return f"{name}_{number}_"
