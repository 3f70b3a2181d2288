"""Which networks are trained for an average, each with a configuration and a seed of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasnn import models
from kerasnn.config.choice import Choice, EnsembleMember
from kerasnn.config.config import DEFAULT_PROFILE, Config, ModelOptions
from kerasnn.errors import ConfigError, UnknownNameError
from kerasnn.models.tabular import ensemble
from kerasnn.preprocessing.joint import OWN_OPTIONS, TABLE_KINDS, can_differ
from kerasnn.selection.data_defaults import adapt
from kerasnn.selection.rules import LIGHTER

if TYPE_CHECKING:
    from kerasnn.config.settings import Settings
    from kerasnn.data.schema import Schema
    from kerasnn.datasets.tabular import Table
    from kerasnn.options import PreprocessingOptions

NAME = "ensemble"
# Options of the preprocessing that those of the run's model decide for all.
SHARED = ("min_count", "max_categories", "scale_target", "target_transform", "text_limit")


def is_several(config: Config) -> bool:
    """Whether more than one network is to be trained."""
    return len(_kinds(config)) > 1


def plan(config: Config) -> tuple[Config, ...]:
    """The configuration of each network: what of the run's differs from its recipe holds for all.

    Args:
        config: Configuration of the run.
    """
    return tuple(_configuration(config, kind, i) for i, kind in enumerate(_kinds(config)))


def seed_of(seed: int, number: int) -> int:
    """Seed of a member: the first has that of the run, the others have unrelated ones.

    >>> seed_of(7, 0), seed_of(7, 1) == seed_of(8, 0)
    (7, False)
    """
    return seed if not number else int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def check(settings: Settings) -> None:
    """Raise for what makes no average, before any data are read.

    Raises:
        UnknownNameError: There is no such model or profile.
        ConfigError: A model can't be in an average, or is the average itself.
    """
    name = settings.model_name
    if name == NAME:
        raise ConfigError(
            "an average is made of networks that are trained one by one",
            hint="choose their model, and set `run.ensemble` to how many there are",
        )
    kinds = [EnsembleMember.read(text) for text in settings.run.members]
    for kind in kinds:
        ensemble.members_of(kind.model)
        _profile(*kind)
    own = EnsembleMember(name, settings.profile)
    if kinds and settings.names_model and own not in kinds:
        raise ConfigError(
            f"the model '{own}' is not one of `run.members`: {', '.join(map(str, kinds))}",
            hint="leave out the model, or name it among them",
        )


def adapted(plans: Sequence[Config], config: Config, table: Table) -> list[Config]:
    """Add what the rows decide for members of another model than the run's."""
    return [
        each
        if each.model == config.model
        else adapt(each, table.rows("train"), table.rows("validation"), table.schema)
        for each in plans
    ]


def lighter(config: Config, table: Table) -> Config | None:
    """The same run with a lighter model than the one that was chosen for it.

    Args:
        config: Configuration of a run of one network.
        table: Rows, schema and parts.

    Returns:
        None if somebody chose the model, or none is lighter.
    """
    name = LIGHTER.get(config.model.name)
    if config.choice is None or name is None:
        return None
    kind = EnsembleMember(name)
    reason = f"{name}: {config.model.name} does not fit into memory"
    other = replace(_configuration(config, kind, 0), run=config.run, choice=Choice((kind,), reason))
    return adapt(other, table.rows("train"), table.rows("validation"), table.schema)


def wanted_options(
    plans: Sequence[Config], config: Config, schema: Schema
) -> list[PreprocessingOptions]:
    """How each network wants its columns; what is no number is the same for all.

    Raises:
        ConfigError: Networks for texts and the like want these in different ways.
    """
    base = asdict(config.preprocessing)
    has_media = any(column.kind not in TABLE_KINDS for column in schema.features)
    found = []
    for each in plans:
        options = asdict(each.preprocessing)
        other = [k for k in options if options[k] != base[k] and k not in (*OWN_OPTIONS, *SHARED)]
        if has_media and other:
            raise ConfigError(
                f"`{other[0]}` of '{each.model.name}' is not that of '{config.model.name}'",
                hint=f"set `preprocessing.{other[0]}`, or average networks of one model",
            )
        own = {name: options[name] for name in OWN_OPTIONS} if can_differ(schema) else {}
        found.append(replace(config.preprocessing, **own))
    return found


def _kinds(config: Config) -> list[EnsembleMember]:
    """Model and profile of each network."""
    options = config.run
    named = [EnsembleMember.read(text) for text in options.members]
    several = named or [EnsembleMember(config.model.name, config.model.profile)]
    return list(islice(cycle(several), options.ensemble or len(several)))


def _configuration(config: Config, kind: EnsembleMember, number: int) -> Config:
    """Configuration of one member, whose model may differ from the run's."""
    run = replace(
        config.run, seed=seed_of(config.run.seed, number), ensemble=1, members=(), output=None
    )
    own = EnsembleMember(config.model.name, config.model.profile)
    if kind == own:
        return replace(config, run=run)
    (training_options, preprocessing), values = _prescribed(*kind), _values(*kind)
    usual = _prescribed(*own)
    return replace(
        config,
        run=run,
        model=ModelOptions(kind.model, values, kind.profile),
        training=replace(training_options, **_differing(config.training, usual[0])),
        preprocessing=replace(preprocessing, **_differing(config.preprocessing, usual[1])),
    )


def _differing(options: Any, usual: Any) -> dict[str, Any]:
    known = asdict(usual)
    return {name: value for name, value in asdict(options).items() if value != known[name]}


def _prescribed(name: str, profile: str) -> tuple[Any, Any]:
    """The recipe and the preprocessing of a model in one of its sizes."""
    entry, changes = models.get(name), _profile(name, profile)
    sections = [
        {
            key.partition(".")[2]: value
            for key, value in changes.items()
            if key.startswith(f"{section}.")
        }
        for section in ("training", "preprocessing")
    ]
    return replace(entry.training_options, **sections[0]), replace(
        entry.preprocessing, **sections[1]
    )


def _values(name: str, profile: str) -> dict[str, Any]:
    """Its hyper-parameters."""
    changes = _profile(name, profile)
    own = {key.removeprefix("model."): value for key, value in changes.items()}
    known = models.hyperparameters(name)
    return {**known, **{key: value for key, value in own.items() if key in known}}


def _profile(name: str, profile: str) -> Mapping[str, Any]:
    profiles = {DEFAULT_PROFILE: {}, **models.get(name).profiles}
    if profile not in profiles:
        raise UnknownNameError(f"profile of model '{name}'", profile, profiles)
    return profiles[profile]
