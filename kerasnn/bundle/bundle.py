"""A trained network with everything that a prediction needs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from kerasnn.bundle import members as files
from kerasnn.bundle.summary import is_forecast, summary_of
from kerasnn.errors import KerasnnError, ModelRefusedError
from kerasnn.files.json_values import dumps, shown, to_plain
from kerasnn.options import TrainingOptions

if TYPE_CHECKING:
    from kerasnn.bundle.description import Description
    from kerasnn.prediction.predictor import Predictor
    from kerasnn.preprocessing import Preprocessor


@dataclass
class Bundle:
    """What is needed to predict, and the report data.

    Args:
        model: Name of the network in the zoo.
        hyperparameters: Those that were chosen; the others are at their defaults.
        training_options: Options of the training.
        predictor: Preprocessing, network and decision.
        config: The configuration of the run, as plain data.
        report: Contents of the report, as plain data.
    """

    model: str
    hyperparameters: Mapping[str, Any]
    training_options: TrainingOptions
    predictor: Predictor
    config: Mapping[str, Any] = field(default_factory=dict)
    report: Mapping[str, Any] = field(default_factory=dict)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as one file, at once or not at all.

        Raises:
            StorageError: It could not be written; an earlier file is intact.
        """
        files.write_members(path, self._members())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Bundle:
        """Read a bundle, which may be a stranger's: no code in it is run, for there is none.

        Args:
            path: A file, a folder of its members, or the folder of a run.

        Raises:
            DataError: There is no such model.
            ModelRefusedError: It is damaged, hostile or too new; nothing of it was used.
        """
        members = files.read_members(path)
        with files.refused_at(path):
            return cls.from_members(members)

    def describe(self) -> str:
        """What it is, in a few lines for a terminal."""
        return summary_of(self._members())

    def _members(self) -> dict[str, bytes]:
        from kerasnn.bundle.weights import save_weights

        return {
            files.TRAINING_OPTIONS: dumps(self._description().to_dict()),
            files.PREPROCESSING: dumps(self.predictor.preprocessor.to_dict()),
            files.WEIGHTS: save_weights(self.predictor.network),
            files.REPORT: dumps(to_plain(self.report)),
        }

    def _description(self) -> Description:
        from kerasnn import models
        from kerasnn.bundle.description import Description

        return Description(
            kerasnn=version("kerasnn"),
            model=self.model,
            hyperparameters=models.hyperparameters(self.model) | dict(self.hyperparameters),
            signature=self.predictor.preprocessor.signature,
            decision=self.predictor.decision,
            training=self.training_options,
            config=to_plain(self.config),
        )

    @classmethod
    def from_members(cls, members: Mapping[str, bytes]) -> Bundle:
        """Rebuild from the members of a bundle, as `load` does.

        Raises:
            ModelRefusedError: Something is malformed; nothing of it was used.
        """
        from kerasnn.bundle.description import Description
        from kerasnn.prediction.predictor import Predictor

        described = Description.from_dict(files.parse(members, files.TRAINING_OPTIONS))
        report = files.parse(members, files.REPORT)
        if not isinstance(report, dict):
            raise ModelRefusedError(f"{files.REPORT} is malformed")
        data = files.parse(members, files.PREPROCESSING)
        if is_forecast(data):
            raise ModelRefusedError("it forecasts series", hint="open it with `kerasnn.load`")
        preprocessor = _preprocessor(data)
        if preprocessor.signature != described.signature:
            raise ModelRefusedError("the preprocessing does not fit the network")
        network = build_network(described, members[files.WEIGHTS])
        return cls(
            model=described.model,
            hyperparameters=described.hyperparameters,
            training_options=described.training,
            predictor=Predictor(preprocessor, network, described.decision),
            config=described.config,
            report=report,
        )


def _preprocessor(data: Any) -> Preprocessor:
    from kerasnn.preprocessing import Preprocessor
    from kerasnn.preprocessing.joint import JointPreprocessor

    try:
        several = isinstance(data, dict) and "others" in data
        return (JointPreprocessor if several else Preprocessor).from_dict(data)
    except ModelRefusedError:
        raise
    except (KerasnnError, ValueError, TypeError, LookupError, AttributeError) as error:
        problem = f"{files.PREPROCESSING} is malformed: {type(error).__name__}"
        raise ModelRefusedError(problem) from None


def build_network(described: Description, weights: bytes) -> Any:
    """The network of a recipe with its weights.

    Raises:
        ConfigError: This process was forked from one that uses TensorFlow.
        ModelRefusedError: There is no such network, or the weights don't fit.
    """
    from kerasnn import models
    from kerasnn.bundle.weights import load_network
    from kerasnn.runtime.fork_check import check_process

    check_process()
    if described.model not in models.names():
        raise ModelRefusedError("its network is not one of the zoo")
    for name in described.hyperparameters.keys() - models.hyperparameters(described.model).keys():
        raise ModelRefusedError(f"its network has no hyper-parameter '{shown(name)}'")
    try:
        return load_network(
            lambda: models.build(described.model, described.signature, **described.hyperparameters),
            weights,
        )
    except ModelRefusedError:
        raise
    except RecursionError:
        raise ModelRefusedError("its network has too many layers in a row") from None
    except KerasnnError as error:
        problem = shown(error.problem, limit=200)
        raise ModelRefusedError(f"the recipe is malformed: {problem}") from None
