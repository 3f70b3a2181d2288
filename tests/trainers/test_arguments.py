"""Arguments that a function does not have: where they belong, or what is close to them."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
from click.testing import CliRunner

import kerasnn
from kerasnn.cli.main import commands
from kerasnn.config.train_settings import TrainSettings, TuneSettings
from kerasnn.errors import ConfigError


@pytest.mark.parametrize(
    ("named", "hint"),
    [
        ({"epochs": 3}, "pass set={'training.epochs': 3}"),
        ({"lr": 0.01}, "pass set={'training.learning_rate': 0.01}"),
        ({"width": 128}, "pass set={'width': 128}"),
        ({"optimiser": "sgd"}, "pass set={'training.optimizer': 'sgd'}"),
        ({"widht": 3}, "pass set={'width': 3}"),
        ({"label": "y"}, "did you mean 'target'?"),
        ({"traget": "y"}, "did you mean 'target'?"),
        ({"time_limit": 3}, "did you mean 'time_limit_s'?"),
        ({"spilt": "random"}, "did you mean 'split'?"),
    ],
)
@pytest.mark.parametrize("name", ["train", "tune"])
def test_unknown_arguments_are_told_where_they_belong(
    name: str, named: dict[str, Any], hint: str
) -> None:
    with pytest.raises(ConfigError) as error:
        getattr(kerasnn, name)("nothing.csv", target="y", **named)
    assert str(error.value) == f"unknown argument of {name}() '{next(iter(named))}' – {hint}"


@pytest.mark.parametrize(
    ("function", "settings"), [(kerasnn.train, TrainSettings), (kerasnn.tune, TuneSettings)]
)
def test_every_argument_and_setting_is_described_once(function: Any, settings: Any) -> None:
    *explicit, rest = inspect.signature(function).parameters.values()
    assert rest.kind is rest.VAR_KEYWORD
    names = [each.name for each in explicit]
    assert {"data", "target", "model", "set"} <= set(names)
    assert len(names) <= 15
    entries = (inspect.getdoc(function) or "").partition("Args:\n")[2].partition("\n\n")[0]
    described = re.findall(r"^    (\w+): ", entries, flags=re.MULTILINE)
    assert described == [*names, *settings.__annotations__]


def test_zero_epochs_are_refused() -> None:
    result = CliRunner().invoke(commands, ["train", "t.csv", "--target", "y", "--epochs", "0"])
    assert (result.exit_code, result.stderr) == (
        2,
        "error: invalid value for '--epochs': 0 epochs train nothing; without the option, the data "
        "decide – see 'kerasnn train --help'\n",
    )


@pytest.mark.parametrize(
    ("name", "key"), [("test_size", "split.test"), ("validation_split", "split.validation")]
)
def test_shares_of_rows_are_not_taken_for_tables(name: str, key: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"pass set={{'{key}': 0.2}}")):
        kerasnn.train([{"x": 1.0, "y": 2.0}], target="y", **{name: 0.2})
