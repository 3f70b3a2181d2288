"""Arguments that a function does not have: where they belong, or what is close to them."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from click.testing import CliRunner

import kerasnn
from kerasnn.cli.main import commands
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
    ],
)
@pytest.mark.parametrize("name", ["train", "tune"])
def test_unknown_arguments_are_told_where_they_belong(
    name: str, named: dict[str, Any], hint: str
) -> None:
    with pytest.raises(ConfigError) as error:
        getattr(kerasnn, name)("nothing.csv", target="y", **named)
    assert str(error.value) == f"unknown argument of {name}() '{next(iter(named))}' – {hint}"


def test_the_signature_stays() -> None:
    assert {"target", "model", "set"} <= set(inspect.signature(kerasnn.train).parameters)


def test_zero_epochs_are_refused() -> None:
    result = CliRunner().invoke(commands, ["train", "t.csv", "--target", "y", "--epochs", "0"])
    assert (result.exit_code, result.stderr) == (
        2,
        "error: invalid value for '--epochs': 0 epochs train nothing; without the option, the data "
        "decide – see 'kerasnn train --help'\n",
    )
