"""Which model `auto` chooses, and that the choice is told, kept and obeyed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import kerasnn
from kerasnn import models
from kerasnn.cli.main import commands
from kerasnn.config.choice import Choice, EnsembleMember
from kerasnn.config.settings import collect
from kerasnn.data.schema import Column, Schema, Target
from kerasnn.errors import ConfigError
from kerasnn.selection import resolve
from kerasnn.selection.cost_model import COSTS, START_S, Machine
from kerasnn.selection.rules import PLANS, WIDE, WIDE_PLANS, TableStats, choose, choose_by_kinds
from kerasnn.signature import Kind

TWO = Machine(cores=2)
TINY = {"width": 8, "epochs": 1}


def table(n_rows: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=n_rows), "b": rng.choice(["u", "v"], n_rows)})
    return frame.assign(y=np.where(frame["a"] + (frame["b"] == "u") > 0.3, "yes", "no"))


@pytest.mark.parametrize(
    ("kinds", "n_rows", "model", "reason"),
    [
        (("number", "series"), 999, "minirocket", "999 series, fewer than 1,000"),
        (("series",), 1000, "lite_time", "1,000 series, no fewer than 1,000"),
        (("sound",), 60, "minirocket", "60 sounds, fewer than 1,000"),
        (("sound", "image"), 60, "airbench", "there are images"),
        (("text", "series"), 5000, "bag_of_ngrams", "there are texts"),
    ],
)
def test_the_first_kind_tells(
    kinds: tuple[Kind, ...], n_rows: int, model: str, reason: str
) -> None:
    assert choose_by_kinds(kinds, n_rows) == Choice((EnsembleMember(model),), f"{model}: {reason}")
    assert choose_by_kinds(("number", "category"), n_rows) is None


def test_few_rows_are_worth_an_average() -> None:
    chosen = choose(TableStats(n_rows=2_000, n_numbers=8), TWO)
    assert len({member.model for member in chosen.members}) > 1
    assert " and " in chosen.reason.split(":")[0]
    assert "averaged: 2,000 rows and 8 columns; about " in chosen.reason
    assert chosen.settings["run.members"] == tuple(map(str, chosen.members))
    assert chosen.settings["run.ensemble"] == len(chosen.members)


def seconds(chosen: Choice, table_stats: TableStats, machine: Machine) -> float:
    return sum(
        COSTS[member].seconds(
            table_stats.n_rows, table_stats.n_inputs, table_stats.n_outputs, machine, chosen.epochs
        )
        for member in chosen.members
    )


@pytest.mark.parametrize("n_rows", [100, 5_000, 30_000, 100_000, 1_000_000])
@pytest.mark.parametrize("limit", [None, 60.0, 600.0, 7_200.0])
@pytest.mark.parametrize("n_outputs", [1, 500])
def test_what_is_chosen_can_be_afforded(n_rows: int, limit: float | None, n_outputs: int) -> None:
    table_stats = TableStats(n_rows, 20, (3, 10_000), n_outputs, limit)
    chosen = choose(table_stats, TWO)
    least = START_S * len(chosen.members) + n_rows * 1e-3
    assert seconds(chosen, table_stats, TWO) <= max(table_stats.budget_s, least)
    assert chosen == choose(table_stats, TWO)


def test_more_rows_get_cheaper_plans() -> None:
    plans = [each.members for each in PLANS]
    found = [
        plans.index(choose(TableStats(n_rows=n_rows, n_numbers=30), TWO).members)
        for n_rows in (1_000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 10_000_000)
    ]
    assert found == sorted(found)
    assert found[0] == 0
    assert found[-1] == len(PLANS) - 1
    assert choose(TableStats(n_rows=10_000_000, n_numbers=30), TWO).epochs >= 1


def test_time_and_machine_count() -> None:
    table_stats = TableStats(n_rows=50_000, n_numbers=30)
    plans = [each.members for each in PLANS]
    hurried = choose(TableStats(n_rows=50_000, n_numbers=30, time_limit_s=30.0), TWO)
    assert plans.index(hurried.members) > plans.index(choose(table_stats, TWO).members)
    assert hurried.reason.endswith("on 2 cores, within the limit of 30 s")
    fast = choose(table_stats, Machine(cores=16, gpu=True))
    assert plans.index(fast.members) < plans.index(choose(table_stats, TWO).members)
    assert fast.reason.endswith("on a GPU")
    assert choose(table_stats, Machine(cores=1)).reason.endswith("on 1 core")


def test_wide_tables_get_no_embeddings() -> None:
    chosen = choose(TableStats(n_rows=2_000, n_numbers=5_000), TWO)
    assert chosen.members in [each.members for each in WIDE_PLANS]
    assert "2,000 rows and 5,000 columns, too many to embed each number; " in chosen.reason
    many = choose(TableStats(n_rows=2_000, category_sizes=(200_000, 10)), TWO)
    assert "embed" not in many.reason
    assert TableStats(n_rows=1, category_sizes=(200_000,)).n_inputs < WIDE


def test_chosen_epochs_are_what_is_paid_for() -> None:
    table_stats = TableStats(n_rows=200_000, n_numbers=30)
    chosen = choose(TableStats(n_rows=200_000, n_numbers=30, epochs=2), TWO)
    plans = [each.members for each in PLANS]
    assert plans.index(chosen.members) < plans.index(choose(table_stats, TWO).members)
    assert "training.epochs" not in chosen.settings


def test_number_of_networks_and_profile_are_obeyed() -> None:
    table_stats = TableStats(n_rows=10_000, n_numbers=3)
    chosen = choose(table_stats, TWO, ensemble=3)
    assert [member.model for member in chosen.members] == ["realmlp", "tabm", "realmlp"]
    assert "realmlp and tabm, 3 networks averaged: " in chosen.reason
    (alone,) = choose(table_stats, TWO, ensemble=1).members
    assert alone == EnsembleMember("realmlp")
    small = choose(table_stats, TWO, profile="small")
    assert {member.profile for member in small.members} == {"small"}
    assert choose(table_stats, TWO, fits=lambda model: model == "mlp").members == (
        EnsembleMember("mlp"),
    )


def test_plans_and_costs_name_what_there_is() -> None:
    for member in {*COSTS, *(m for plan in (*PLANS, *WIDE_PLANS) for m in plan.members)}:
        model, profile = member
        assert profile in ("default", *models.get(model).profiles)
        assert EnsembleMember(model, profile) in COSTS


def schema_of(frame: pd.DataFrame) -> Schema:
    columns = (Column("a", "number"), Column("b", "category"))
    return Schema(columns, Target("y", "binary", ("no", "yes")))


def test_configuration_says_who_chose(tmp_path: Path) -> None:
    frame = table()
    config = resolve.resolve(collect({"model.name": "auto"}), schema_of(frame), frame)
    assert config.choice
    assert config.choice.reason.startswith("realmlp, tabm, tabpack (small) and linear, ")
    assert " averaged: 36 rows and 2 columns; about " in config.choice.reason
    # Of few rows, more pick the best epochs.
    assert (config.split.validation, config.origins["split.validation"]) == (0.25, "inferred")
    assert config.origins["model.name"] == config.origins["model.profile"] == "inferred"
    config.write(tmp_path / "config.yaml")
    text = (tmp_path / "config.yaml").read_text()
    assert f"model:\n  # {config.choice.reason}\n  name: realmlp  # inferred\n" in text
    again = resolve.resolve(collect(config=tmp_path / "config.yaml"), schema_of(frame), frame)
    assert again.choice is None
    assert again.to_dict() == config.to_dict()


def test_what_was_chosen_stays() -> None:
    frame = table()
    settings = collect({"training.epochs": 3}, set={"width": 8, "scale_rate": 2.0})
    config = resolve.resolve(settings, schema_of(frame), frame)
    assert (config.model.name, config.model.hyperparameters["width"]) == ("realmlp", 8)
    assert (config.run.ensemble, config.training.epochs) == (1, 3)
    small = resolve.resolve(collect({"model.profile": "small"}), schema_of(frame), frame)
    assert small.model.profile == "small"
    assert small.origins["model.profile"] == "argument"
    with pytest.raises(ConfigError, match=r"unknown profile .* 'smal'"):
        resolve.resolve(collect({"model.profile": "smal"}), schema_of(frame), frame)
    with pytest.raises(ConfigError, match="'widht' – did you mean 'width'"):
        resolve.resolve(collect(set={"widht": 8}), schema_of(frame), frame)


def test_named_members_are_a_choice() -> None:
    frame = table()
    settings = collect(set={"run.members": ["tabm:small", "mlp"]})
    config = resolve.resolve(settings, schema_of(frame), frame)
    assert config.choice is None
    assert (config.model.name, config.model.profile) == ("tabm", "small")
    assert config.run.members == ("tabm:small", "mlp")


def test_reason_is_printed_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    table().to_csv("t.csv", index=False)
    arguments = ["train", "t.csv", "--target", "y", "--set", "width=8", "--epochs", "1"]
    result = CliRunner().invoke(commands, [*arguments, "--output", "run", "--no-baselines"])
    assert result.exit_code == 0, result.stderr
    reason = "realmlp: 36 rows and 2 columns; about 8 s on "
    assert f"auto chose {reason}" in result.stderr
    assert f"\nchosen    {reason}" in result.stdout
    run = kerasnn.load("run")
    assert run.bundle.report["choice"]["reason"].startswith(reason)
    assert f"It was chosen from the data: {reason}" in Path("run/report.html").read_text()
    assert run.bundle.config["model"]["name"] == "realmlp"
    result = CliRunner().invoke(commands, ["train", "--resume", "run", "--epochs", "2"])
    assert result.exit_code == 0, result.stderr
    assert f"\nchosen    {reason}" in result.stdout
    assert kerasnn.load("run").bundle.report["choice"] == run.bundle.report["choice"]
    Path("run/choice.json").write_text("{")
    result = CliRunner().invoke(commands, ["train", "--resume", "run", "--epochs", "3"])
    assert result.exit_code == 0, result.stderr
    assert "\nchosen" not in result.stdout


def test_estimators_choose_too() -> None:
    frame = table()
    settings: dict[str, Any] = {"hyperparameters": {"width": 8}, "epochs": 1, "random_state": 0}
    X = frame.drop(columns="y")
    estimator = kerasnn.Classifier(**settings).fit(X, frame["y"])
    assert estimator.bundle_.model == "realmlp"
    assert estimator.bundle_.report["choice"]["reason"].startswith("realmlp: 51 rows")
    assert kerasnn.Classifier("mlp", **settings).fit(X, frame["y"]).bundle_.model == "mlp"
