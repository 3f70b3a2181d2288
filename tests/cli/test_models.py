"""`kerasnn models`, and the cards it shows."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import helpers
import pytest

from kerasnn import models
from kerasnn.config.settings import resolve
from kerasnn.constraints import check
from kerasnn.errors import UnknownNameError
from kerasnn.models.card import describe, measure
from kerasnn.signature import Signature

invoke = partial(helpers.invoke, "models", code=None)
TABLE = "a,b,y\n" + "".join(f"{i},{'uv'[i % 2]},{'no' if i % 3 else 'yes'}\n" for i in range(12))


@pytest.fixture
def table(tmp_path: Path) -> str:
    path = tmp_path / "table.csv"
    path.write_text(TABLE, encoding="utf-8")
    return str(path)


def test_list_names_every_model() -> None:
    lines = invoke().stdout.splitlines()
    assert [line.split("  ")[0] for line in lines] == models.names()
    assert [line.split()[1] for line in lines] == [models.data_of(x) for x in models.names()]
    listed = json.loads(invoke("--json").stdout)
    assert {name: each["summary"] for name, each in listed.items()} == models.summaries()
    assert (listed["mlp"]["data"], listed["cnn"]["data"]) == ("table", "image")


@pytest.mark.parametrize("name", models.names())
def test_card_shows_every_hyperparameter_and_the_source(name: str) -> None:
    text = invoke(name).stdout
    assert models.get(name).reference in text
    lines = [line.split() for line in text.partition("\nProfile ")[0].splitlines()]
    for key, value in models.hyperparameters(name).items():
        (line,) = (line for line in lines if line[:1] == [key])
        assert models.check_hyperparameters(name, {key: " ".join(line[1:])}) == {key: value}


def test_card_shows_what_the_recipe_changes() -> None:
    entry = models.get("mlp")
    assert describe("mlp").training_options["learning_rate"] == entry.training_options.learning_rate
    assert "epochs" not in describe("mlp").training_options


def test_size_is_that_of_the_network(table: str) -> None:
    # One number; both letters, the missing and the unknown code; one logit.
    signature = Signature.table(numbers=1, categories=[4], classes=2)
    expected = models.build("mlp", signature).count_params()
    assert measure("mlp", table, target="y").parameters == expected
    result = invoke("mlp", "--data", table, "--target", "y")
    assert result.stdout.endswith(f"2 features, 1 outputs, {expected:,} parameters\n")
    result = invoke("mlp", "--data", table, "--target", "y", "--json")
    assert json.loads(result.stdout)["size"]["parameters"] == expected


def test_errors(table: str) -> None:
    result = invoke("mpl")
    assert result.stderr == "error: unknown model 'mpl' – did you mean 'mlp'?\n"
    result = invoke("mlp", "--data", table)
    assert result.stderr.startswith("error: --data needs NAME and --target – see")
    with pytest.raises(UnknownNameError):
        describe("mpl")


def test_card_shows_the_profiles(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = replace(models.get("mlp"), profiles={"tiny": {"width": 8, "training.epochs": 5}})
    monkeypatch.setattr(models, "get", lambda name: entry)
    assert invoke("mlp").stdout.endswith(
        "Profile tiny\n  width            8\n  training.epochs  5\n"
    )
    card = json.loads(invoke("mlp", "--json").stdout)
    assert card["profiles"] == {"tiny": {"width": 8, "training.epochs": 5}}


@pytest.mark.parametrize("name", models.names())
def test_profiles_can_be_chosen(name: str) -> None:
    for profile, values in models.get(name).profiles.items():
        config = resolve({"model.name": name, "model.profile": profile})
        hyperparameters = models.check_hyperparameters(name, config.model.hyperparameters)
        assert hyperparameters == config.model.hyperparameters
        plain = {**config.to_dict(), "": hyperparameters}
        for key, value in values.items():
            section, _, option = key.rpartition(".")
            assert plain[section][option] == value
            assert not section or check(key, value) == value
