"""What somebody chose for a run, from which its configuration is made.

Values are looked up in this order, the later wins: the default, the recipe of the model, its
profile, the configuration file, an argument or option; what is left open is inferred from the
data::

    settings = collect({"data.target": "species"}, config="config.yaml")   # instant
    config = settings.resolve()                                            # imports the model
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

from kerasnn.config.config import (
    AUTO,
    DEFAULT_MODEL,
    DEFAULT_PROFILE,
    Config,
    ModelOptions,
    Origin,
    as_lists,
)
from kerasnn.config.yaml_file import Value, read
from kerasnn.constraints import SECTIONS, check, fields_of, parse_scalar, sections_of
from kerasnn.errors import ConfigError, UnknownNameError, warn
from kerasnn.options import DataOptions, ForecastOptions, RunOptions, SplitOptions
from kerasnn.synonyms import key_of

# Keys of the model's section that are no hyper-parameters.
_ABOUT_MODELS = {"name", "profile"}


@dataclass(frozen=True)
class Setting:
    """A value that somebody chose.

    Args:
        value: Value, checked and converted, save for hyper-parameters, which the model checks.
        origin: Origin of the value.
        location: Line of the file on which the value stands.
    """

    value: Any
    origin: Origin
    location: str | None = None


@dataclass(frozen=True)
class Settings:
    """What was chosen so far, checked as far as that goes without importing a model.

    Args:
        chosen: Settings by dotted key; a kind of a column has the key ``data.columns.NAME``.
        unqualified: Keys that were written without their section.
    """

    chosen: Mapping[str, Setting] = field(default_factory=dict)
    unqualified: frozenset[str] = frozenset()

    @property
    def data(self) -> DataOptions:
        """The data section; no model has a say in it."""
        return DataOptions(**self._section("data"))

    @property
    def run(self) -> RunOptions:
        """The run section; no model has a say in it."""
        return RunOptions(**self._section("run"))

    @property
    def forecast(self) -> ForecastOptions:
        """The forecast section; no model has a say in it."""
        return ForecastOptions(**self._section("forecast"))

    @property
    def split(self) -> SplitOptions:
        """The split section; no model has a say in it."""
        return SplitOptions(**self._section("split"))

    @property
    def names_model(self) -> bool:
        """Whether somebody chose a model."""
        return "model.name" in self.chosen

    def with_default_model(self, name: str) -> Settings:
        """A copy with a model, if nobody chose one."""
        return self.with_inferred({} if self.names_model else {"model.name": name})

    def with_inferred(self, values: Mapping[str, Any]) -> Settings:
        """A copy in which the data have decided what nobody chose.

        Args:
            values: Values by dotted key, such as ``{"model.name": "mlp", "training.epochs": 64}``.
        """
        inferred = {
            key: Setting(value, "inferred")
            for key, value in values.items()
            if key not in self.chosen
        }
        return replace(self, chosen={**self.chosen, **inferred})

    @property
    def model_name(self) -> str:
        """Name of the chosen model."""
        return (
            str(self.chosen["model.name"].value) if "model.name" in self.chosen else DEFAULT_MODEL
        )

    @property
    def profile(self) -> str:
        """Name of the chosen profile."""
        return (
            str(self.chosen["model.profile"].value)
            if "model.profile" in self.chosen
            else DEFAULT_PROFILE
        )

    @property
    def hyperparameters(self) -> frozenset[str]:
        """Names of the hyper-parameters that somebody chose; the model says whether it has them."""
        keys = {key.removeprefix("model.") for key in self.chosen if key.startswith("model.")}
        return frozenset(keys - _ABOUT_MODELS)

    def check(self) -> None:
        """Raise for what is wrong with the settings, as far as that goes without Keras.

        Raises:
            ConfigError: Settings contradict each other, or `resolve` would raise.
        """
        from kerasnn import models

        _check_together(self)
        if self.names_model and not models.needs_keras(self.model_name):
            self.resolve()

    def resolve(self) -> Config:
        """Fill in what the model prescribes and the defaults.

        Raises:
            ConfigError: A hyper-parameter does not exist, is ambiguous, or out of range.
        """
        from kerasnn import models

        entry = models.get(self.model_name)
        profile = self._profile(entry)
        hyperparameters = self._hyperparameters(models, profile.get("model", {}))
        config = Config(
            data=self.data,
            split=self.split,
            preprocessing=replace(
                entry.preprocessing,
                **profile.get("preprocessing", {}) | self._section("preprocessing"),
            ),
            forecast=self.forecast,
            model=ModelOptions(self.model_name, MappingProxyType(hyperparameters), self.profile),
            training=replace(
                entry.training_options, **profile.get("training", {}) | self._section("training")
            ),
            run=self.run,
            origins={},
        )
        _check_together(self)
        if config.training.pretrained and not entry.load_weights:
            _refuse_pretrained(self)
        prescribed = frozenset(profile.get("model", {}))
        return replace(config, origins=MappingProxyType(dict(self._origins(config, prescribed))))

    def _profile(self, entry: Any) -> dict[str, dict[str, Any]]:
        """What the profile of the model changes, by section."""
        found: dict[str, dict[str, Any]] = {}
        if self.profile == DEFAULT_PROFILE:
            return found
        if self.profile not in entry.profiles:
            raise UnknownNameError(
                f"profile of model '{self.model_name}'",
                self.profile,
                [DEFAULT_PROFILE, *entry.profiles],
                location=self.chosen["model.profile"].location,
            )
        for key, value in entry.profiles[self.profile].items():
            section, _, name = key.rpartition(".")
            found.setdefault(section or "model", {})[name] = value
        return found

    def _section(self, section: str) -> dict[str, Any]:
        """The chosen values of a section."""
        values: dict[str, Any] = {}
        for key, setting in self.chosen.items():
            head, *names = key.split(".", 2)
            if head == section and len(names) == 1:
                values[names[0]] = setting.value
            elif head == section:
                values.setdefault(names[0], {})[names[1]] = setting.value
        return values

    def _hyperparameters(self, models: Any, profile: Mapping[str, Any]) -> dict[str, Any]:
        """All hyper-parameters of the model, with those of the profile and the chosen ones."""
        defaults = models.hyperparameters(self.model_name)
        chosen = {k: v for k, v in self.chosen.items() if k.startswith("model.")}
        for key, setting in chosen.items():
            name = key.removeprefix("model.")
            if name not in defaults and name not in _ABOUT_MODELS:
                others = (
                    [n for s in SECTIONS for n in fields_of(s)] if name in self.unqualified else []
                )
                kind = f"key of model '{self.model_name}'" if not others else "key"
                choices, meant = [*defaults, *others], key_of(name)
                raise UnknownNameError(kind, name, choices, location=setting.location, meant=meant)
        for name in self.unqualified & defaults.keys():
            if keys := sections_of(name):
                raise _ambiguous(name, [*keys, f"model.{name}"])
        values = {**defaults, **profile}
        for key, setting in chosen.items():
            name = key.removeprefix("model.")
            if name not in _ABOUT_MODELS:
                values |= _checked_hyperparameter(models, self.model_name, name, setting)
        return values

    def _origins(self, config: Config, prescribed: frozenset[str]) -> Iterator[tuple[str, Origin]]:
        """The origin of each value; the hyper-parameters of the profile are prescribed."""
        for section, values in config.to_dict().items():
            for name, value in values.items():
                key = f"{section}.{name}"
                if isinstance(value, dict) and section != "model" and value:
                    for item in value:
                        yield f"{key}.{item}", self.chosen[f"{key}.{item}"].origin
                elif key in self.chosen:
                    yield key, self.chosen[key].origin
                elif section == "model":
                    yield key, "model recipe" if name in prescribed else "default"
                elif value == as_lists(getattr(SECTIONS[section](), name)):
                    yield key, "default"
                else:
                    yield key, "model recipe"


def collect(
    arguments: Mapping[str, Any] | None = None,
    *,
    set: Mapping[str, Any] | None = None,
    config: str | os.PathLike[str] | Mapping[str, Any] | Settings | None = None,
    origin: Origin = "argument",
) -> Settings:
    """Gather and check what was chosen, without importing a model.

    Args:
        arguments: Values by dotted key, such as ``{"data.target": "income"}``; None means not
            chosen.
        set: Values by dotted or unqualified key, such as ``{"width": 128}``; None is a value.
        config: A configuration file, the same as nested mappings, or settings to start from.
        origin: Origin that the arguments and ``set`` get.

    Raises:
        ConfigError: A key is unknown or ambiguous, or a value of a wrong type or out of range.
    """
    base = config if isinstance(config, Settings) else _from_config(config)
    given = {k: v for k, v in (arguments or {}).items() if v is not None}
    unqualified = frozenset(name for name in set or {} if "." not in name)
    values = [Value(key, value) for key, value in given.items()]
    values += [Value(_dotted(name), value) for name, value in (set or {}).items()]
    chosen = _checked(values, origin)
    base = _without_other_model(base, chosen)
    # What was chosen before and is now chosen again was chosen before.
    news = {
        k: v for k, v in chosen.items() if k not in base.chosen or v.value != base.chosen[k].value
    }
    return Settings(_without_auto({**base.chosen, **news}), base.unqualified | unqualified)


def of_run(path: str | os.PathLike[str], *, below: Path | None = None) -> Settings:
    """The settings of a run that goes on, from the file that it wrote.

    Each value keeps the origin that it had. What the data said of themselves is left out: they say
    it again, with the reasons.

    Args:
        path: Path of the configuration in the folder of a run.
        below: Folder of the run; the one of the file if None.
    """
    origins: dict[str, Origin] = {origin: origin for origin in get_args(Origin)}
    chosen: dict[str, Setting] = {}
    for each in read(path, below=below or Path(path).parent):
        origin = origins.get(each.comment, "config file")
        if not (origin == "inferred" and each.key.startswith("data.")):
            chosen |= _checked([each], origin)
    return Settings(_without_auto(chosen))


def of_rows(data: Any, validation: Any, test: Any, split: str | None) -> dict[str, Any]:
    """What a run says of its rows, by dotted key, for `collect`.

    Args:
        data: Path of the training rows, or rows in memory, which are no setting.
        validation: Path of the validation rows, or rows in memory, which are no setting.
        test: Path of the test rows, or rows in memory, which are no setting.
        split: Kind of the split, or ``KIND:COLUMN``.
    """
    kind, _, column = (split or "").partition(":")
    paths = {"data.source": data, "data.validation": validation, "data.test": test}
    return {
        **{k: v if isinstance(v, str | os.PathLike) else None for k, v in paths.items()},
        "split.kind": kind or None,
        "split.column": column or None,
    }


def resolve(
    arguments: Mapping[str, Any] | None = None,
    *,
    set: Mapping[str, Any] | None = None,
    config: str | os.PathLike[str] | Mapping[str, Any] | Settings | None = None,
    origin: Origin = "argument",
) -> Config:
    """`collect` and `Settings.resolve` in one."""
    return collect(arguments, set=set, config=config, origin=origin).resolve()


def _from_config(config: str | os.PathLike[str] | Mapping[str, Any] | None) -> Settings:
    """Settings from a file or nested mappings."""
    if config is None:
        return Settings()
    if isinstance(config, Mapping):
        values = [
            Value(f"{section}.{name}", value)
            for section, content in config.items()
            for name, value in _items(content, f"section '{section}'")
        ]
        return Settings(_without_auto(_checked(values, "argument")))
    return Settings(_without_auto(_checked(read(config), "config file")))


def _items(value: object, what: str) -> list[tuple[str, Any]]:
    """The items of a mapping; anything else is an error."""
    if not isinstance(value, Mapping):
        raise ConfigError(f"{what} must be a mapping of names to values; got {value!r}")
    return list(value.items())


def _checked(values: list[Value], origin: Origin) -> dict[str, Setting]:
    """Check and convert each value."""
    chosen: dict[str, Setting] = {}
    for key, value, location, _ in values:
        section = key.split(".", 1)[0]
        if key == "data.columns":
            items = [
                Value(f"{key}.{name}", kind, location) for name, kind in _items(value, f"`{key}`")
            ]
            chosen |= _checked(items, origin)
        elif section == "model":
            chosen[key] = Setting(_model_value(key, value, location), origin, location)
        elif section in SECTIONS:
            chosen[key] = Setting(check(key, value, location=location), origin, location)
        else:
            raise UnknownNameError("section", section, [*SECTIONS, "model"], location=location)
    return chosen


def _model_value(key: str, value: object, location: str | None) -> object:
    """The name of a model that exists, that of a profile, or a hyper-parameter as it is."""
    if key == "model.profile":
        return DEFAULT_PROFILE if value is None else str(value)
    if key != "model.name":
        items = value if isinstance(value, list | tuple) else [value]
        items = [parse_scalar(item) if isinstance(item, str) else item for item in items]
        return tuple(items) if isinstance(value, list | tuple) else items[0]
    from kerasnn import models

    if value not in (AUTO, *models.names()):
        raise UnknownNameError("model", str(value), [*models.names(), AUTO], location=location)
    return value


def _checked_hyperparameter(models: Any, model: str, name: str, setting: Setting) -> dict[str, Any]:
    """The value as the model converts it; its error gets the place where the value stands."""
    try:
        return dict(models.check_hyperparameters(model, {name: setting.value}))
    except ConfigError as error:
        if setting.location is None:
            raise
        raise ConfigError(error.problem, location=setting.location, hint=error.hint) from None


def _dotted(name: str) -> str:
    """The full key of a unqualified one."""
    if "." in name:
        return name
    if name == "model":
        return "model.name"
    keys = sections_of(name)
    if len(keys) > 1:
        raise _ambiguous(name, keys)
    if not keys and (meant := key_of(name)):
        raise UnknownNameError("key", name, [], meant=meant)
    return keys[0] if keys else f"model.{name}"


def _ambiguous(name: str, keys: list[str]) -> ConfigError:
    return ConfigError(f"key '{name}' is ambiguous", hint=f"write {' or '.join(keys)}")


def _without_other_model(base: Settings, chosen: Mapping[str, Setting]) -> Settings:
    """Leave out hyper-parameters that were written for another model or profile than now chosen."""
    name = chosen["model.name"].value if "model.name" in chosen else base.model_name
    profile = chosen["model.profile"].value if "model.profile" in chosen else base.profile
    if not base.names_model or (name, profile) == (base.model_name, base.profile):
        return base
    other = base.model_name if name != base.model_name else f"{name}, {base.profile}"
    now = name if name != base.model_name else f"{name}, {profile}"
    rest = {k: v for k, v in base.chosen.items() if not k.startswith("model.") or k == "model.name"}
    if name == AUTO:
        del rest["model.name"]
    if base.hyperparameters:
        warn(f"the configuration's hyper-parameters of '{other}' are not used with '{now}'")
    return Settings(rest)


def _without_auto(chosen: dict[str, Setting]) -> dict[str, Setting]:
    """Who writes ``auto`` does not choose a model."""
    is_auto = "model.name" in chosen and chosen["model.name"].value == AUTO
    return {k: v for k, v in chosen.items() if k != "model.name"} if is_auto else chosen


def _refuse_pretrained(settings: Settings) -> None:
    raise ConfigError(
        f"`pretrained` is for models that start from a file of weights; '{settings.model_name}' "
        "does not",
        location=settings.chosen["training.pretrained"].location,
        hint="leave it out, or choose the model 'transfer'",
    )


def _check_together(settings: Settings) -> None:
    """Rules that hold between values."""
    split, data = settings.split, settings.data
    if split.validation + split.test >= 1:
        raise ConfigError(
            "`split.validation` and `split.test` must sum to less than 1; "
            f"got {split.validation:g} and {split.test:g}"
        )
    if split.kind in ("group", "time", "column") and split.column is None:
        raise ConfigError(
            f"`split.kind` is '{split.kind}', which needs a column", hint="set `split.column`"
        )
    if data.target in data.drop:
        setting = settings.chosen["data.drop"]
        raise ConfigError(f"the target '{data.target}' is dropped", location=setting.location)
