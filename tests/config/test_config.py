"""The configuration: where values come from, its file, and its errors."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import kerasnn.models
from kerasnn.config.settings import collect, resolve
from kerasnn.errors import ConfigError, KerasnnWarning
from kerasnn.options import PreprocessingOptions, TrainingOptions

ZOO: dict[str, dict[str, Any]] = {
    "mlp": {"width": 256, "dropout": 0.1, "activation": "relu", "widths": (8, 4)},
    "wide": {"l1": 0.0},
}


def check_hyperparameters(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    if values.get("width", 1) < 1:
        raise ConfigError(f"`width` must be at least 1; got {values['width']}")
    return dict(values)


@pytest.fixture(autouse=True)
def zoo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two models, so that no test here depends on the real ones or waits for Keras."""
    entry = SimpleNamespace(
        training_options=TrainingOptions(epochs=30, patience=4),
        preprocessing=PreprocessingOptions(scale="quantile"),
        profiles={"small": {"width": 16, "training.epochs": 9, "preprocessing.min_count": 3}},
    )
    for name, function in {
        "names": lambda: list(ZOO),
        "get": lambda name: entry,
        "hyperparameters": lambda name: dict(ZOO[name]),
        "check_hyperparameters": check_hyperparameters,
    }.items():
        monkeypatch.setattr(kerasnn.models, name, function, raising=False)


def write(folder: Path, text: str) -> str:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_later_origins_win(tmp_path: Path) -> None:
    path = write(tmp_path, "training:\n  patience: 5\n  batch_size: 64\n  l2: 1e-3\n")
    config = resolve({"training.batch_size": 32}, set={"clip_norm": "0"}, config=path)
    found = {
        name: (getattr(config.training, name), config.origins[f"training.{name}"])
        for name in ("momentum", "epochs", "patience", "l2", "batch_size", "clip_norm")
    }
    assert found == {
        "momentum": (0.9, "default"),
        "epochs": (30, "model recipe"),
        "patience": (5, "config file"),
        "l2": (0.001, "config file"),
        "batch_size": (32, "argument"),
        "clip_norm": (0.0, "argument"),
    }
    assert config.preprocessing.scale == "quantile"
    assert config.origins["preprocessing.scale"] == "model recipe"


def test_every_value_has_an_origin() -> None:
    config = resolve({"data.columns": {"a.b": "date"}, "data.drop": ["c"]}, set={"width": 8})
    keys = {f"{s}.{name}" for s, values in config.to_dict().items() for name in values}
    assert set(config.origins) == keys - {"data.columns"} | {"data.columns.a.b"}


def test_none_is_not_an_argument_but_can_be_set() -> None:
    config = resolve({"run.seed": None, "data.target": "y"}, set={"delimiter": None})
    assert config.origins["run.seed"] == "default"
    assert config.origins["data.delimiter"] == "argument"


def test_settings_continue_with_their_origins() -> None:
    settings = collect({"data.target": "y"}, set={"width": "8"}, origin="command line")
    config = resolve({"data.source": "a.csv", "data.target": "y"}, config=settings)
    assert config.origins["data.target"] == "command line"
    assert config.origins["model.width"] == "command line"
    assert config.origins["data.source"] == "argument"
    assert config.model.hyperparameters["width"] == 8


def test_columns_of_file_and_arguments_are_joined(tmp_path: Path) -> None:
    path = write(tmp_path, "data:\n  columns:\n    a: number\n    b: date\n")
    config = resolve({"data.columns": {"b": "category"}}, config=path)
    assert config.data.columns == {"a": "number", "b": "category"}
    assert config.origins["data.columns.b"] == "argument"


def test_written_file_gives_the_same_configuration(tmp_path: Path) -> None:
    config = resolve(
        {
            "data.target": "null",
            "data.columns": {"yes: no #": "number", "größe": "date", "1": "text"},
            "data.drop": ["a, b", "c\nd", "3"],
            "data.delimiter": "\t",
            "training.l2": 1e-9,
            "run.time_limit_s": 90,
        },
        set={"widths": [3, 2], "activation": "gelu"},
    )
    path = tmp_path / "config.yaml"
    config.write(path)
    again = resolve(config=path)
    assert again.to_dict() == config.to_dict()
    assert set(again.origins.values()) == {"config file"}
    assert list(tmp_path.iterdir()) == [path]


def test_written_file_shows_origins(tmp_path: Path) -> None:
    config = resolve({"data.target": "y", "data.columns": {"a": "date"}}, set={"width": 8})
    config.with_inferred({"data.task": "binary", "model.dropout": 0.3}).write(tmp_path / "c.yaml")
    lines = (tmp_path / "c.yaml").read_text(encoding="utf-8").splitlines()
    for line in (
        "  target: y  # argument",
        "  task: binary  # inferred",
        "    a: date  # argument",
        "  epochs: 30  # model recipe",
        "  name: mlp  # default",
        "  width: 8  # argument",
        "  dropout: 0.3  # inferred",
        "  time_limit_s: null  # default",
        "  baselines: true  # default",
    ):
        assert line in lines


def test_inferred_values_are_checked_and_leave_the_original_alone() -> None:
    config = resolve()
    changed = config.with_inferred({"data.columns.a": "date", "training.batch_size": 64})
    assert (changed.data.columns, changed.training.batch_size) == ({"a": "date"}, 64)
    assert changed.origins["data.columns.a"] == "inferred"
    assert (config.data.columns, config.training.batch_size) == ({}, 0)
    with pytest.raises(ConfigError, match="at least 0"):
        config.with_inferred({"training.epochs": -1})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "training:\n  epoch: 3\n",
            "unknown key of training 'epoch' ({}:2) – did you mean 'epochs'?",
        ),
        ("trainig:\n  epochs: 3\n", "unknown section 'trainig' ({}:1) – did you mean 'training'?"),
        (
            "\nepochs: 3\n",
            "key 'epochs' stands outside a section ({}:2) – write it under 'training:'",
        ),
        (
            "training:\n  epochs: many\n",
            "`training.epochs` must be a whole number; got 'many' ({}:2)",
        ),
        ("run:\n\n  seed: -1\n", "`run.seed` must be in [0, 4294967295]; got -1 ({}:3)"),
        (
            "data:\n  columns:\n    a: nmber\n",
            "unknown kind 'nmber' ({}:3) – did you mean 'number'?",
        ),
        ("run:\n  seed: 1\n  seed: 2\n", "key 'seed' is given twice ({}:3) – remove one"),
        ("training: 3\n", "section 'training' must be a mapping of names to values ({}:1)"),
        ("training:\n  l2: {a: 1}\n", "a value must be a number, a text or a list ({}:2)"),
        ("training:\n  [a]: 1\n", "a key must be a name ({}:2)"),
        ("- 1\n", "the configuration must be a mapping of names to values ({}:1)"),
        ("run:\n  seed: [1\n", "not YAML: expected ',' or ']', but got '<stream end>' ({}:3)"),
        (
            "a: b\x00",
            "not YAML: unacceptable character #x0000: special characters are not allowed ({})",
        ),
        ("model:\n  name: mpl\n", "unknown model 'mpl' ({}:2) – did you mean 'mlp'?"),
        ("model:\n  widt: 3\n", "unknown key of model 'mlp' 'widt' ({}:2) – did you mean 'width'?"),
        ("model:\n  width: 0\n", "`width` must be at least 1; got 0 ({}:2)"),
        ("data:\n  target: y\n  drop: [y]\n", "the target 'y' is dropped ({}:3)"),
    ],
)
def test_bad_file(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as raised:
        resolve(config=path)
    assert str(raised.value).startswith(message.format(path))


def test_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^no such file '.*none.yaml' – check the path$"):
        collect(config=tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="is a folder"):
        collect(config=tmp_path)
    (tmp_path / "latin").write_bytes("größe: 1".encode("latin-1"))
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        collect(config=tmp_path / "latin")


def test_empty_file_and_section_are_defaults(tmp_path: Path) -> None:
    assert resolve(config=write(tmp_path, "# nothing\ntraining:\n")).training.patience == 4


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"validation": 0.2},
            "key 'validation' is ambiguous – write data.validation or split.validation",
        ),
        ({"widht": 8}, "unknown key 'widht' – did you mean 'width'?"),
        ({"epoch": 8}, "unknown key 'epoch' – did you mean 'epochs'?"),
        ({"model.epochs": 8}, "unknown key of model 'mlp' 'epochs' – choose from width, dropout,"),
        ({"width": 0}, "`width` must be at least 1; got 0"),
        ({"trainin.epochs": 8}, "unknown section 'trainin' – did you mean 'training'?"),
        ({"split.validation": 0.9}, "`split.validation` and `split.test` must sum to less than 1;"),
        (
            {"split.kind": "group"},
            "`split.kind` is 'group', which needs a column – set `split.column`",
        ),
    ],
)
def test_bad_set(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        resolve(set=values)
    assert str(raised.value).startswith(message)


def test_bare_key_of_model_and_section_is_ambiguous() -> None:
    with pytest.raises(ConfigError, match=r"write training.l1 or model.l1$"):
        resolve(set={"model": "wide", "l1": 0.1})
    config = resolve(set={"model": "wide", "model.l1": 0.1, "training.l1": 0.2})
    assert (config.model.hyperparameters["l1"], config.training.l1) == (0.1, 0.2)


def test_another_model_leaves_the_hyperparameters_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "model:\n  name: mlp\n  width: 8\ntraining:\n  epochs: 7\n")
    with pytest.warns(KerasnnWarning, match="hyper-parameters of 'mlp' are not used with 'wide'"):
        config = resolve({"model.name": "wide"}, config=path)
    assert config.model.hyperparameters == {"l1": 0.0}
    assert config.training.epochs == 7


def test_profile_stands_between_the_recipe_and_what_was_chosen() -> None:
    config = resolve({"model.profile": "small"}, set={"preprocessing.min_count": 5})
    assert (config.model.profile, config.training.epochs, config.training.patience) == (
        "small",
        9,
        4,
    )
    assert config.model.hyperparameters["width"] == 16
    assert config.preprocessing == PreprocessingOptions(scale="quantile", min_count=5)
    origins = {
        key: config.origins[f"{key}"] for key in ("model.profile", "preprocessing.min_count")
    }
    assert origins == {"model.profile": "argument", "preprocessing.min_count": "argument"}
    assert config.origins["model.width"] == config.origins["training.epochs"] == "model recipe"
    assert config.origins["model.dropout"] == "default"
    assert resolve(set={"profile": "small", "width": 8}).model.hyperparameters["width"] == 8
    assert resolve().model.profile == resolve({"model.profile": "default"}).model.profile


def test_profile_of_a_file_is_read_and_another_one_leaves_its_values(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    resolve({"model.name": "mlp"}, set={"profile": "small", "dropout": 0.3}).write(path)
    again = resolve(config=path)
    assert (again.model.profile, again.model.hyperparameters["dropout"]) == ("small", 0.3)
    with pytest.warns(KerasnnWarning, match="of 'mlp, small' are not used with 'mlp, default'"):
        config = resolve({"model.profile": "default"}, config=path)
    assert (config.model.profile, config.model.hyperparameters["width"]) == ("default", 256)


def test_unknown_profile(tmp_path: Path) -> None:
    path = write(tmp_path, "model:\n  name: mlp\n  profile: smal\n")
    with pytest.raises(ConfigError) as raised:
        resolve(config=path)
    expected = f"unknown profile of model 'mlp' 'smal' ({path}:3) – did you mean 'small'?"
    assert str(raised.value) == expected


def test_auto_is_no_choice(tmp_path: Path) -> None:
    path = write(tmp_path, "model:\n  name: wide\n  l1: 0.5\n")
    for settings in (collect({"model.name": "auto"}), collect(config={"model": {"name": "auto"}})):
        assert not settings.names_model
        assert settings.chosen == {}
    with pytest.warns(KerasnnWarning, match="hyper-parameters of 'wide' are not used with 'auto'"):
        settings = collect({"model.name": "auto"}, config=path)
    assert not settings.names_model
    settings = settings.with_inferred({"model.name": "wide", "training.epochs": 3})
    config = settings.resolve()
    assert (config.model.name, config.origins["model.name"]) == ("wide", "inferred")
    assert (config.training.epochs, config.origins["training.epochs"]) == (3, "inferred")
    with pytest.raises(ConfigError, match="unknown model 'aut' – did you mean 'auto'"):
        collect({"model.name": "aut"})


def test_hyperparameters_without_a_model_stay_for_the_one_that_is_chosen() -> None:
    settings = collect(set={"width": 8})
    assert settings.hyperparameters == {"width"}
    assert collect({"model.name": "mlp"}, config=settings).hyperparameters == {"width"}


def test_mapping_is_a_configuration() -> None:
    config = resolve(config={"training": {"epochs": 7}, "data": {"columns": {"a": "date"}}})
    assert config.training.epochs == 7
    assert config.data.columns == {"a": "date"}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"epochs": 7}, "section 'epochs' must be a mapping of names to values; got 7"),
        (
            {"data": {"columns": "a"}},
            "`data.columns` must be a mapping of names to values; got 'a'",
        ),
        ({"trainig": {"epochs": 7}}, "unknown section 'trainig' – did you mean 'training'?"),
    ],
)
def test_bad_mapping(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        resolve(config=config)
    assert str(raised.value) == message


def test_imports_nothing_heavy() -> None:
    code = "import sys, kerasnn.config.settings; print([m for m in ('numpy', 'keras') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
