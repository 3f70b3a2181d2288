"""Tables, images, texts, sounds or series in; trained, evaluated, explained, exported Keras networks out.

>>> import kerasnn
>>> run = kerasnn.train("adult.csv", target="income")  # doctest: +SKIP
>>> kerasnn.Classifier().fit(X, y)  # doctest: +SKIP

Everything here is imported when it is first used, so that `import kerasnn` is instant.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kerasnn import models
    from kerasnn.errors import (
        ConfigError,
        DataError,
        ExportError,
        KerasnnError,
        KerasnnWarning,
        MissingDependencyError,
        ModelRefusedError,
        ResourceError,
        StorageError,
        UnknownNameError,
    )
    from kerasnn.estimators import Classifier, Regressor
    from kerasnn.runs.forecast import ForecastRun
    from kerasnn.runs.tabular import Run, load
    from kerasnn.signature import Signature
    from kerasnn.trainers.train import forecast, train
    from kerasnn.tuning.tuner import tune

__all__ = [
    "Classifier",
    "ConfigError",
    "DataError",
    "ExportError",
    "ForecastRun",
    "KerasnnError",
    "KerasnnWarning",
    "MissingDependencyError",
    "ModelRefusedError",
    "Regressor",
    "ResourceError",
    "Run",
    "Signature",
    "StorageError",
    "UnknownNameError",
    "forecast",
    "load",
    "models",
    "train",
    "tune",
]

# The modules of the names that are not errors.
_HOMES = {
    "Classifier": "kerasnn.estimators",
    "ForecastRun": "kerasnn.runs.forecast",
    "Regressor": "kerasnn.estimators",
    "Run": "kerasnn.runs.tabular",
    "Signature": "kerasnn.signature",
    "forecast": "kerasnn.trainers.train",
    "load": "kerasnn.runs.tabular",
    "train": "kerasnn.trainers.train",
    "tune": "kerasnn.tuning.tuner",
}
# These import Keras themselves, once what they are given is checked.
_CHECK_FIRST = {"Signature", "forecast", "train", "tune"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "models":
        return import_module("kerasnn.models")
    if name in _HOMES.keys() - _CHECK_FIRST:
        from kerasnn.runtime.backend import start_keras

        start_keras()
    value = getattr(import_module(_HOMES.get(name, "kerasnn.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
