"""Train each member of a forecast ensemble on its own, and put them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from kerasnn import models
from kerasnn.config.config import Config, ModelOptions
from kerasnn.forecasting import fit as learning
from kerasnn.forecasting.fit import TrainedModel, TrainingSetup
from kerasnn.models.forecasting import forecast_ensemble
from kerasnn.training.checkpoints import Checkpoints

if TYPE_CHECKING:
    from kerasnn.training.fit import Callback

NAME = "forecast_ensemble"


@dataclass(frozen=True)
class TrainedEnsemble:
    """A forecast ensemble whose members have learned.

    Args:
        trained_model: The forecast ensemble.
        members: Trained members, by name.
    """

    trained_model: TrainedModel
    members: Mapping[str, TrainedModel]

    def refit(self, trained_model: TrainedModel) -> TrainedModel:
        """The ensemble, its closed-form members solved again on all points before the test part.

        Args:
            trained_model: The forecast ensemble, with its intervals.
        """
        networks = {
            name: learning.refit(member).forecaster.network for name, member in self.members.items()
        }
        forecast_ensemble.fill(trained_model.training_setup.network, networks)
        return trained_model


def fit_ensemble(
    training_setup: TrainingSetup,
    config: Config,
    *,
    checkpoints: Checkpoints | None = None,
    fingerprint: Mapping[str, Any] | None = None,
    callbacks: Sequence[Callback] = (),
) -> TrainedEnsemble:
    """Train the members of a forecast ensemble in turn; each has a folder of checkpoints.

    Args:
        training_setup: Setup of the ensemble.
        config: Configuration of the ensemble; what differs in it from the recipe of forecast
            ensembles holds for each member.
        checkpoints: Storage of checkpoints; None for none.
        fingerprint: Values that must be equal for a run to be resumed.
        callbacks: Callbacks of the training.
    """
    members: dict[str, TrainedModel] = {}
    for member in forecast_ensemble.members_of(str(config.model.hyperparameters["members"])):
        own = member_config(member, config)
        part = learning.prepare(training_setup.prepared.panel, training_setup.splits, own)
        folder = checkpoints.of_member(member.name) if checkpoints else None
        members[member.name] = learning.fit_network(
            part, own, checkpoints=folder, fingerprint=fingerprint, callbacks=callbacks
        )
    forecast_ensemble.fill(
        training_setup.network,
        {name: each.training_setup.network for name, each in members.items()},
    )
    trained_model = learning.without_training(training_setup, config)
    if any(each.fitted.progress.stopped == "interrupted" for each in members.values()):
        trained_model.fitted.progress.stopped = "interrupted"
    return TrainedEnsemble(trained_model, members)


def is_solved(config: Config) -> bool:
    """Whether no gradient step was taken, so that validation picked no epoch."""
    if config.model.name != NAME:
        return models.get(config.model.name).closed_form
    members = forecast_ensemble.members_of(str(config.model.hyperparameters["members"]))
    return all(models.get(member.name).closed_form for member in members)


def member_config(member: forecast_ensemble.EnsembleMember, config: Config) -> Config:
    """The configuration of a member.

    It has its own recipe, save for what differs from that of forecast ensembles.
    """
    training_options, usual = (
        models.get(member.name).training_options,
        asdict(models.get(NAME).training_options),
    )
    chosen = {k: v for k, v in asdict(config.training).items() if v != usual[k]}
    values = {**models.hyperparameters(member.name), **member.hyperparameters}
    lookback = member.lookback or config.forecast.lookback
    return replace(
        config,
        model=ModelOptions(member.name, values),
        training=replace(training_options, **chosen),
        forecast=replace(config.forecast, lookback=lookback),
    )
