"""Train each member of a blend on its own, and put them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from kerasnn import models
from kerasnn.config import Config, ModelOptions
from kerasnn.forecasting import learning
from kerasnn.forecasting.learning import Learned, Lesson
from kerasnn.models.forecasting import blend
from kerasnn.training.checkpoints import Checkpoints

if TYPE_CHECKING:
    from kerasnn.training.fitting import Watcher

NAME = "blend"


@dataclass(frozen=True)
class Blended:
    """A blend whose members have learned.

    Args:
        learned: The blend.
        members: What came of the training of each, by name.
    """

    learned: Learned
    members: Mapping[str, Learned]

    def solved_again(self, learned: Learned) -> Learned:
        """With the members that are solved for solved on all points before the test part.

        Args:
            learned: The blend, with its intervals.
        """
        networks = {
            name: learning.solved_again(member).forecaster.network
            for name, member in self.members.items()
        }
        blend.fill(learned.lesson.network, networks)
        return learned


def learn_blend(
    lesson: Lesson,
    config: Config,
    *,
    checkpoints: Checkpoints | None = None,
    fingerprint: Mapping[str, Any] | None = None,
    watchers: Sequence[Watcher] = (),
) -> Blended:
    """Train the members of a blend one after the other; each has a folder of checkpoints.

    Args:
        lesson: Of the blend.
        config: Likewise; what differs there from the recipe of blends holds for each member.
        checkpoints: As for `kerasnn.training.fitting.fit`.
        fingerprint: Likewise.
        watchers: Likewise.
    """
    members: dict[str, Learned] = {}
    for member in blend.members_of(str(config.model.hyperparameters["members"])):
        own = member_config(member, config)
        part = learning.prepare(lesson.prepared.panel, lesson.parts, own)
        folder = checkpoints.of_member(member.name) if checkpoints else None
        members[member.name] = learning.learn(
            part, own, checkpoints=folder, fingerprint=fingerprint, watchers=watchers
        )
    blend.fill(lesson.network, {name: each.lesson.network for name, each in members.items()})
    learned = learning.as_it_is(lesson, config)
    if any(each.fitted.progress.stopped == "interrupted" for each in members.values()):
        learned.fitted.progress.stopped = "interrupted"
    return Blended(learned, members)


def is_solved(config: Config) -> bool:
    """Whether no gradient step was taken, so that validation picked no epoch."""
    if config.model.name != NAME:
        return models.get(config.model.name).closed_form
    members = blend.members_of(str(config.model.hyperparameters["members"]))
    return all(models.get(member.name).closed_form for member in members)


def member_config(member: blend.Member, config: Config) -> Config:
    """The configuration of a member: its own recipe, save for what differs from that of blends."""
    recipe, usual = models.get(member.name).recipe, asdict(models.get(NAME).recipe)
    chosen = {k: v for k, v in asdict(config.training).items() if v != usual[k]}
    values = {**models.hyperparameters(member.name), **member.hyperparameters}
    history = member.history or config.forecast.history
    return replace(
        config,
        model=ModelOptions(member.name, values),
        training=replace(recipe, **chosen),
        forecast=replace(config.forecast, history=history),
    )
