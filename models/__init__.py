"""The zoo: networks that fit a signature, and how each wants to be trained.

A model is one file and one line below. Its factory also works alone, and returns a plain Keras
model that can be compiled and fitted::

    signature = kerasnn.Signature.table(numbers=10, classes=2)
    network = kerasnn.models.mlp(signature, width=128)
    network.compile(
        "adam", kerasnn.models.loss(signature), metrics=kerasnn.models.metrics(signature)
    )
    network.fit({"numbers": x}, y)

The network takes its inputs by name, as the signature names them, and returns raw scores (logits,
not probabilities): two classes have one logit, that of the second class. Losses and metrics of
Keras that expect probabilities, such as ``"sparse_categorical_crossentropy"``, are wrong for it;
`loss` and `metrics` return those that are right.

Nothing here imports Keras before a network is built, but for models that have layers of their own:
these do when one asks for their entry.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal, get_type_hints

if __name__ != "kerasnn.models":
    raise ImportError("this is kerasnn.models: install kerasnn, then `import kerasnn.models`")

from kerasnn.errors import UnknownNameError
from kerasnn.runtime import backend

if TYPE_CHECKING:
    import keras

    from kerasnn.models.descriptions import Description
    from kerasnn.models.forecasting.arx import arx
    from kerasnn.models.forecasting.dlinear import dlinear
    from kerasnn.models.forecasting.forecast_ensemble import forecast_ensemble
    from kerasnn.models.forecasting.nbeats import nbeats
    from kerasnn.models.forecasting.nhits import nhits
    from kerasnn.models.forecasting.nlinear import nlinear
    from kerasnn.models.forecasting.patchtst import patchtst
    from kerasnn.models.forecasting.ridge_nlinear import ridge_nlinear
    from kerasnn.models.forecasting.seasonal_naive import seasonal_naive
    from kerasnn.models.forecasting.tide import tide
    from kerasnn.models.forecasting.tsmixer import tsmixer
    from kerasnn.models.image.airbench import airbench
    from kerasnn.models.image.cnn import cnn
    from kerasnn.models.image.convnext import convnext
    from kerasnn.models.image.resnet9 import resnet9
    from kerasnn.models.image.transfer import transfer
    from kerasnn.models.image.vit import vit
    from kerasnn.models.image.wide_resnet import wide_resnet
    from kerasnn.models.sequence.bilstm import bilstm
    from kerasnn.models.sequence.fcn import fcn
    from kerasnn.models.sequence.gru import gru
    from kerasnn.models.sequence.inception_time import inception_time
    from kerasnn.models.sequence.lite_time import lite_time
    from kerasnn.models.sequence.lstm import lstm
    from kerasnn.models.sequence.minirocket import minirocket
    from kerasnn.models.sequence.tcn import tcn
    from kerasnn.models.sequence.textcnn import textcnn
    from kerasnn.models.sequence.transformer import transformer
    from kerasnn.models.tabular.dcnv2 import dcnv2
    from kerasnn.models.tabular.ensemble import ensemble
    from kerasnn.models.tabular.ft_transformer import ft_transformer
    from kerasnn.models.tabular.linear import linear
    from kerasnn.models.tabular.mlp import mlp
    from kerasnn.models.tabular.realmlp import realmlp
    from kerasnn.models.tabular.resnet import resnet
    from kerasnn.models.tabular.tabm import tabm
    from kerasnn.models.tabular.tabm_mini import tabm_mini
    from kerasnn.models.tabular.tabpack import tabpack
    from kerasnn.models.tabular.wide_deep import wide_deep
    from kerasnn.models.text.bag_of_ngrams import bag_of_ngrams
    from kerasnn.models.text.fasttext import fasttext
    from kerasnn.options import PreprocessingOptions, TrainingOptions
    from kerasnn.signature import Signature

# From a model, which is also the name of its factory, to its module and one line about it.
_ZOO = {
    "airbench": (
        "image.airbench",
        "whitened patches, then fast convolutions; the default for images",
    ),
    "arx": ("forecasting.arx", "autoregression with covariates, solved by ridge regression"),
    "bag_of_ngrams": (
        "text.bag_of_ngrams",
        "linear model of weighted n-grams (TF-IDF); the default for texts",
    ),
    "bilstm": ("sequence.bilstm", "bidirectional LSTM: long short-term memory in both directions"),
    "cnn": ("image.cnn", "plain convolutions and max pooling"),
    "convnext": ("image.convnext", "patch embedding, depthwise convolutions, layer normalization"),
    "dcnv2": (
        "tabular.dcnv2",
        "cross layers (explicit products of features) in parallel with an MLP",
    ),
    "dlinear": ("forecasting.dlinear", "two linear layers, for the trend and for the residual"),
    "ensemble": ("tabular.ensemble", "weighted mean of networks that were trained one by one"),
    "fasttext": ("text.fasttext", "mean of the embeddings of words and n-grams"),
    "fcn": ("sequence.fcn", "fully convolutional network: three convolutions over time"),
    "forecast_ensemble": (
        "forecasting.forecast_ensemble",
        "weighted mean of forecasts by several models",
    ),
    "ft_transformer": (
        "tabular.ft_transformer",
        "self-attention among the embeddings of a table's columns",
    ),
    "gru": ("sequence.gru", "gated recurrent units"),
    "inception_time": (
        "sequence.inception_time",
        "residual convolutions of several kernel lengths",
    ),
    "linear": ("tabular.linear", "linear, logistic or softmax regression"),
    "lite_time": ("sequence.lite_time", "depthwise separable convolutions and handcrafted filters"),
    "lstm": ("sequence.lstm", "long short-term memory"),
    "minirocket": (
        "sequence.minirocket",
        "fixed dilated convolutions, then ridge regression; few series",
    ),
    "mlp": ("tabular.mlp", "multilayer perceptron"),
    "nbeats": (
        "forecasting.nbeats",
        "residual chain of MLPs, each on what those before left unexplained",
    ),
    "nhits": ("forecasting.nhits", "residual MLPs on the past pooled at several resolutions"),
    "nlinear": ("forecasting.nlinear", "one linear layer on the past minus its last value"),
    "patchtst": ("forecasting.patchtst", "self-attention among patches of the past"),
    "realmlp": (
        "tabular.realmlp",
        "MLP with learned scales, numeric embeddings, robust scaling",
    ),
    "resnet": ("tabular.resnet", "residual network with batch normalization"),
    "resnet9": (
        "image.resnet9",
        "small residual network: four convolutions and two residual blocks",
    ),
    "ridge_nlinear": (
        "forecasting.ridge_nlinear",
        "one linear layer solved by ridge regression; the baseline",
    ),
    "seasonal_naive": ("forecasting.seasonal_naive", "the last season repeated"),
    "tabm": ("tabular.tabm", "many MLPs in one that share their kernels (BatchEnsemble)"),
    "tabm_mini": (
        "tabular.tabm_mini",
        "one shared MLP, features scaled by member (BatchEnsemble, 1 layer)",
    ),
    "tabpack": (
        "tabular.tabpack",
        "small random MLPs, trained in parallel and selected greedily",
    ),
    "tcn": (
        "sequence.tcn",
        "temporal CNN: causal, dilated convolutions, residual connections",
    ),
    "textcnn": (
        "sequence.textcnn",
        "convolutions of several kernel lengths with max-over-time pooling",
    ),
    "tide": (
        "forecasting.tide",
        "dense encoder of past and covariates, dense decoder of the future",
    ),
    "transfer": (
        "image.transfer",
        "transfer learning: an architecture with pretrained weights",
    ),
    "transformer": ("sequence.transformer", "self-attention among the steps of a sequence"),
    "tsmixer": ("forecasting.tsmixer", "MLPs over time and over channels in turn"),
    "vit": ("image.vit", "vision transformer: self-attention among the patches of an image"),
    "wide_deep": ("tabular.wide_deep", "sum of a linear model and an MLP"),
    "wide_resnet": ("image.wide_resnet", "wide residual network of three groups"),
}

Data = Literal["table", "image", "text", "sequence", "forecast"]
# What the folder of a model's module says that it is made for. A model for sequences takes texts,
# series, sounds and the window of a forecast.
_DATA: dict[str, Data] = {
    "tabular": "table",
    "image": "image",
    "text": "text",
    "sequence": "sequence",
    "forecasting": "forecast",
}

# What the annotations of a factory name, and its module imports for type checks alone.
_LATER = {"keras": SimpleNamespace(Model=object), "Signature": object}

__all__ = [
    "Entry",
    "airbench",
    "arx",
    "bag_of_ngrams",
    "bilstm",
    "build",
    "check_hyperparameters",
    "cnn",
    "convnext",
    "data_of",
    "dcnv2",
    "describe",
    "dlinear",
    "ensemble",
    "fasttext",
    "fcn",
    "forecast_ensemble",
    "ft_transformer",
    "get",
    "gru",
    "hyperparameters",
    "inception_time",
    "linear",
    "lite_time",
    "loss",
    "lstm",
    "metrics",
    "minirocket",
    "mlp",
    "names",
    "nbeats",
    "needs_keras",
    "nhits",
    "nlinear",
    "patchtst",
    "realmlp",
    "resnet",
    "resnet9",
    "ridge_nlinear",
    "seasonal_naive",
    "summaries",
    "tabm",
    "tabm_mini",
    "tabpack",
    "tcn",
    "textcnn",
    "tide",
    "transfer",
    "transformer",
    "tsmixer",
    "vit",
    "wide_deep",
    "wide_resnet",
]


@dataclass(frozen=True)
class Entry:
    """A model of the zoo.

    Args:
        name: Name as in the paper, in lower case.
        data: Kind of data. A model for images needs one, and may take a table too;
            one for tables takes the pixels of an image as so many numbers.
        factory: Takes a `Signature` and hyper-parameters, returns an uncompiled ``keras.Model``.
        training_options: Defaults of the training options.
        preprocessing: Defaults of the preprocessing options.
        summary: One line about the model.
        reference: Publication that describes the model.
        initialize: Gives a fresh network first weights that come from training rows, where the
            model has such: called with the network, its inputs by name, the target as the network
            learns it, and a seed.
        closed_form: True if `initialize` solves for the weights and no gradient step is
            taken.
        reducible: Name of the hyper-parameter that the seconds of a closed form are about
            proportional to, and the smallest value that lack of time or memory chooses.
        transforms: Function from the number of training rows to the number of rows that
            `initialize` computes features
            of, of a closed form.
        refit: True to train it again in the end, on the validation rows too, for as many
            epochs as were best.
        load_weights: Gives a fresh network the weights of a file, where the model takes one: called
            with the network, the path and the hyper-parameters.
        encoder_end: Name of the layer that ends the encoder of an image, whose input's name stands
            for ``{}``; what is behind it learns first, where weights were loaded.
        conclude: Settles what is decided on validation rows once the network is trained, such as
            how much each of its members counts: called with the network, their inputs and target.
        profiles: Other sizes of it by name, such as ``small``: hyper-parameters, and keys of the
            configuration such as ``training.epochs``, that differ from the defaults.
        regression: Keys of the configuration whose values differ where a number is to be predicted.
        search: Search space of each hyper-parameter or key, as text such as
            ``log [0.001, 0.1]``, ``int [1, 4]`` or ``{relu, silu}``; see `kerasnn.tuning.spaces`.
    """

    name: str
    data: Data
    factory: Callable[..., keras.Model]
    training_options: TrainingOptions
    preprocessing: PreprocessingOptions
    summary: str
    reference: str
    initialize: Callable[[keras.Model, Mapping[str, Any], Any, int], None] | None = None
    load_weights: Callable[[keras.Model, str, Mapping[str, Any]], None] | None = None
    encoder_end: str = "{}_features"
    closed_form: bool = False
    reducible: tuple[str, int] | None = None
    transforms: Callable[[int], float] | None = None
    refit: bool = False
    conclude: Callable[[keras.Model, Mapping[str, Any], Any], None] | None = None
    profiles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    regression: Mapping[str, Any] = field(default_factory=dict)
    search: Mapping[str, str] = field(default_factory=dict)


def names() -> list[str]:
    """Every model of the zoo, in the order of the alphabet."""
    return sorted(_ZOO)


def summaries() -> dict[str, str]:
    """One line about each model."""
    return {name: _ZOO[name][1] for name in names()}


def data_of(name: str) -> Data:
    """What a model is made for, without importing it.

    Raises:
        UnknownNameError: There is no such model.

    >>> data_of("mlp"), data_of("cnn")
    ('table', 'image')
    """
    return _DATA[_module(name).partition(".")[0]]


@functools.cache
def needs_keras(name: str) -> bool:
    """Whether the entry of a model imports Keras: it has layers of its own.

    Raises:
        UnknownNameError: There is no such model.

    >>> needs_keras("mlp"), needs_keras("tcn")
    (False, True)
    """
    folder, _, module = _module(name).partition(".")
    source = files(__name__).joinpath(folder, f"{module}.py").read_text(encoding="utf-8")
    return bool(re.search(r"^(import|from) keras\b", source, re.MULTILINE))


def get(name: str) -> Entry:
    """The entry of a model.

    Raises:
        UnknownNameError: There is no such model.

    >>> get("mlp").training_options.optimizer
    'adamw'
    """
    if needs_keras(name):
        backend.start_keras()
    module = importlib.import_module(f"{__name__}.{_module(name)}")
    factory = getattr(module, name)
    return Entry(
        name=name,
        data=data_of(name),
        factory=factory,
        training_options=module.TRAINING_OPTIONS,
        preprocessing=module.PREPROCESSING,
        summary=_ZOO[name][1],
        reference=_section(factory, "Reference"),
        initialize=getattr(module, "initialize", None),
        load_weights=getattr(module, "load_weights", None),
        closed_form=getattr(module, "CLOSED_FORM", False),
        reducible=getattr(module, "REDUCIBLE", None),
        transforms=getattr(module, "transforms", None),
        refit=getattr(module, "REFIT", False),
        conclude=getattr(module, "conclude", None),
        profiles=getattr(module, "PROFILES", {}),
        regression=getattr(module, "REGRESSION", {}),
        search=getattr(module, "SEARCH", {}),
    )


def hyperparameters(name: str) -> dict[str, Any]:
    """Name and default of each hyper-parameter, from the signature of the factory.

    Raises:
        UnknownNameError: There is no such model.
    """
    parameters = inspect.signature(get(name).factory).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


def check_hyperparameters(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values in the types that the factory takes, within their ranges.

    Args:
        name: Name of the model.
        values: Values by name, or their texts, such as ``"128"``.

    Raises:
        UnknownNameError: There is no such model or hyper-parameter or choice.
        ConfigError: A value is of another type, or out of its range.

    >>> check_hyperparameters("mlp", {"width": "128", "dropout": 0})
    {'width': 128, 'dropout': 0.0}
    """
    from kerasnn.constraints import convert
    from kerasnn.layers import choices

    known = hyperparameters(name)
    annotations = _annotations(name)
    checked = {}
    for key, value in values.items():
        if key not in known:
            raise UnknownNameError(f"hyper-parameter of {name}", key, known)
        checked[key] = convert(key, annotations[key], value)
    choices.check(**checked)
    return checked


def build(name: str, signature: Signature, **values: Any) -> keras.Model:
    """A new, uncompiled network.

    Args:
        name: Name of the model.
        signature: Description of the inputs and the output.
        **values: Hyper-parameters that differ from the defaults.

    Raises:
        UnknownNameError: There is no such model or hyper-parameter or choice.
        ConfigError: A value is of another type, or out of its range.
    """
    return get(name).factory(signature, **check_hyperparameters(name, values))


def loss(signature: Signature) -> keras.losses.Loss:
    """The Keras loss for the raw scores of a network, for ``network.compile``.

    Class codes from 0, 0 and 1 for each label, or numbers are the target. Numbers are best scaled
    to mean 0 and standard deviation 1. A network of several members, such as ``tabm``, learns by
    the loss of their mean; `kerasnn.train` lets each member learn on its own.

    Args:
        signature: The signature that the network was built for.

    Returns:
        Cross-entropy of logits for classes and labels, the quantile loss for a forecast of
        quantiles, and the mean squared error for other numbers.

    >>> from kerasnn.signature import Signature
    >>> loss(Signature.table(numbers=10, classes=2)).name
    'binary_crossentropy'
    """
    from kerasnn.models.objectives import loss_of

    return loss_of(signature)


def metrics(signature: Signature) -> list[keras.metrics.Metric]:
    """The Keras metrics for the raw scores of a network: the accuracy, or the RMSE of numbers.

    Args:
        signature: The signature that the network was built for.

    Returns:
        New metrics; none for a forecast of quantiles, whose loss is its measure.
    """
    from kerasnn.models.objectives import metrics_of

    return metrics_of(signature)


def describe(name: str, signature: Signature, **values: Any) -> Description:
    """Size and layers of a network.

    Args:
        name: Name of the model.
        signature: Description of the inputs and the output.
        **values: Hyper-parameters that differ from the defaults.

    Raises:
        UnknownNameError: There is no such model or hyper-parameter or choice.
        ConfigError: A value is of another type, or out of its range.
    """
    from kerasnn.models.descriptions import describe_network

    return describe_network(build(name, signature, **values))


def _module(name: str) -> str:
    if name not in _ZOO:
        raise UnknownNameError("model", name, names())
    return _ZOO[name][0]


@functools.cache
def _annotations(name: str) -> dict[str, Any]:
    """Evaluated once: no load of a bundle evaluates anything."""
    return get_type_hints(get(name).factory, localns=_LATER)


def __getattr__(name: str) -> Any:
    if name in _ZOO:
        return get(name).factory
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _section(factory: Callable[..., keras.Model], title: str) -> str:
    """A section of a docstring as one line."""
    _, _, rest = (inspect.getdoc(factory) or "").partition(f"\n{title}:\n")
    return " ".join(line.strip() for line in rest.partition("\n\n")[0].splitlines())
