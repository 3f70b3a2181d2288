"""A trained forecaster with everything that a forecast needs, in the same file format."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from kerasnn.bundle import members as files
from kerasnn.bundle.summary import is_forecast, summary_of
from kerasnn.errors import ModelRefusedError
from kerasnn.files.json_values import dumps, to_plain
from kerasnn.options import TrainingOptions

if TYPE_CHECKING:
    from kerasnn.forecasting.forecaster import Forecaster


@dataclass
class ForecastBundle:
    """What is needed to forecast, and the report data.

    Args:
        model: Name of the network in the zoo.
        hyperparameters: Those that were chosen; the others are at their defaults.
        training_options: Options of the training.
        forecaster: Preprocessing, network and intervals.
        config: The configuration of the run, as plain data.
        report: Contents of the report, as plain data.
    """

    model: str
    hyperparameters: Mapping[str, Any]
    training_options: TrainingOptions
    forecaster: Forecaster
    config: Mapping[str, Any] = field(default_factory=dict)
    report: Mapping[str, Any] = field(default_factory=dict)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as one file, at once or not at all.

        Raises:
            StorageError: It could not be written; an earlier file is intact.
        """
        files.write_members(path, self._members())

    @classmethod
    def from_members(cls, members: Mapping[str, bytes]) -> ForecastBundle:
        """Rebuild from the members of a bundle, which may be a stranger's.

        Raises:
            ModelRefusedError: Something is malformed; nothing of it was used.
        """
        from kerasnn.bundle.bundle import build_network
        from kerasnn.bundle.description import Description
        from kerasnn.forecasting.forecaster import Forecaster
        from kerasnn.forecasting.intervals import Intervals
        from kerasnn.forecasting.preprocessor import ForecastPreprocessor

        described = Description.from_dict(files.parse(members, files.TRAINING_OPTIONS))
        report = files.parse(members, files.REPORT)
        if not isinstance(report, dict):
            raise ModelRefusedError(f"{files.REPORT} is malformed")
        data = dict(files.parse(members, files.PREPROCESSING))
        intervals = data.pop("intervals", None)
        fitted = ForecastPreprocessor.from_dict(data)
        if fitted.signature != described.signature:
            raise ModelRefusedError("the preprocessing does not fit the network")
        sizes = {"horizon": fitted.horizon, "targets": len(fitted.roles.targets)}
        network = build_network(described, members[files.WEIGHTS])
        return cls(
            model=described.model,
            hyperparameters=described.hyperparameters,
            training_options=described.training,
            forecaster=Forecaster(
                fitted,
                network,
                None if intervals is None else Intervals.from_dict(intervals, **sizes),
            ),
            config=described.config,
            report=report,
        )

    def describe(self) -> str:
        """What it is, in a few lines for a terminal."""
        return summary_of(self._members())

    def _members(self) -> dict[str, bytes]:
        from kerasnn import models
        from kerasnn.bundle.description import Description
        from kerasnn.bundle.weights import save_weights
        from kerasnn.prediction.predictor import Decision

        forecaster = self.forecaster
        described = Description(
            kerasnn=version("kerasnn"),
            model=self.model,
            hyperparameters=models.hyperparameters(self.model) | dict(self.hyperparameters),
            signature=forecaster.preprocessor.signature,
            decision=Decision(),
            training=self.training_options,
            config=to_plain(self.config),
        )
        intervals = forecaster.intervals.to_dict() if forecaster.intervals else None
        return {
            files.TRAINING_OPTIONS: dumps(described.to_dict()),
            files.PREPROCESSING: dumps(
                {**forecaster.preprocessor.to_dict(), "intervals": intervals}
            ),
            files.WEIGHTS: save_weights(forecaster.network),
            files.REPORT: dumps(to_plain(self.report)),
        }


def is_of_forecast(members: Mapping[str, bytes]) -> bool:
    """Whether the members of a bundle are of a forecaster."""
    return is_forecast(files.parse(members, files.PREPROCESSING))
