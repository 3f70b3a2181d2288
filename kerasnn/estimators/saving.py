"""A bundle that also knows the estimator it was, and the estimator of any bundle."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kerasnn.bundle import Bundle
from kerasnn.config.config import DEFAULT_MODEL
from kerasnn.errors import ModelRefusedError
from kerasnn.trainers.ensemble_plan import NAME

_KEY = "estimator"


def note_estimator(estimator: Any, seed: int) -> dict[str, Any]:
    """What a bundle's report says of the estimator, as plain data.

    Args:
        estimator: Fitted.
        seed: Seed that stands in place of a random state that is not a number.
    """
    parameters = estimator.get_params(deep=False)
    if not isinstance(parameters["random_state"], int | None):
        parameters["random_state"] = seed
    # JSON has no keys but text, and labels may be numbers.
    if isinstance(parameters.get("class_weight"), Mapping):
        parameters["class_weight"] = list(parameters["class_weight"].items())
    labels = estimator.classes_.tolist() if hasattr(estimator, "classes_") else []
    named = hasattr(estimator, "feature_names_in_")
    return {_KEY: {"parameters": parameters, "labels": labels, "named": named}}


def read_parameters(bundle: Bundle, known: Collection[str]) -> dict[str, Any]:
    """Parameters of an estimator that would train the bundle again.

    Args:
        bundle: Bundle of an estimator, or of `kerasnn.train`.
        known: Names of the parameters.

    Raises:
        ModelRefusedError: The bundle's notes are malformed.
    """
    noted = _noted(bundle)
    if not noted:
        return _parameters_of_run(bundle)
    parameters = noted["parameters"]
    _require(isinstance(parameters, dict) and parameters.keys() <= set(known))
    weights = parameters.get("class_weight")
    if isinstance(weights, list):
        _require(all(isinstance(pair, list) and len(pair) == 2 for pair in weights))
        _require(all(isinstance(label, str | int | float) for label, _ in weights))
        parameters = {**parameters, "class_weight": dict(weights)}
    return dict(parameters)


def read_labels(bundle: Bundle) -> NDArray[Any]:
    """The classes in the order of their codes."""
    noted, coder = _noted(bundle), bundle.predictor.preprocessor.coder
    if not noted:
        return coder.labels()
    labels = noted["labels"]
    _require(isinstance(labels, list) and len(labels) == len(coder.target.classes))
    types = {type(label) for label in labels}
    _require(len(types) == 1 and types <= {bool, int, float, str})
    return np.array(labels)


def read_names(bundle: Bundle) -> NDArray[Any] | None:
    """The names of the columns; None if they had none."""
    noted = _noted(bundle)
    if noted and not noted["named"]:
        return None
    columns = bundle.predictor.preprocessor.schema.columns
    return np.array([column.name for column in columns], dtype=object)


def to_bytes(bundle: Bundle) -> bytes:
    """The file of a bundle."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.kerasnn"
        bundle.save(path)
        return path.read_bytes()


def from_bytes(content: bytes) -> Bundle:
    """The bundle of a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.kerasnn"
        path.write_bytes(content)
        return Bundle.load(path)


def _noted(bundle: Bundle) -> dict[str, Any]:
    """The notes of `note_estimator`; nothing for a bundle of a run."""
    noted = bundle.report.get(_KEY)
    if noted is None:
        return {}
    _require(isinstance(noted, dict) and noted.keys() == {"parameters", "labels", "named"})
    return dict(noted)


def _parameters_of_run(bundle: Bundle) -> dict[str, Any]:
    preprocessor = bundle.predictor.preprocessor
    sections = {
        "training": asdict(bundle.training_options),
        "preprocessing": asdict(preprocessor.options),
    }
    model, values = bundle.model, dict(bundle.hyperparameters)
    settings = {
        f"{section}.{name}": value
        for section, options in sections.items()
        for name, value in options.items()
    }
    if model == NAME:
        # Of its networks, the configuration of the run tells.
        values = {}
        chosen, run = bundle.config["model"], bundle.config["run"]
        model = str(chosen.get("name", DEFAULT_MODEL))
        settings |= {f"model.{name}": value for name, value in chosen.items() if name != "name"}
        settings |= {f"run.{name}": run[name] for name in ("ensemble", "members") if name in run}
    return {
        "model": model,
        "hyperparameters": values,
        "settings": settings,
        "columns": {column.name: column.kind for column in preprocessor.schema.columns},
    }


def _require(holds: bool) -> None:
    if not holds:
        raise ModelRefusedError("what the model says of its estimator is malformed")
