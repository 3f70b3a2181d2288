"""`kerasnn train`: from options to one call of the library, and a real run."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

import kerasnn
from kerasnn.cli.main import commands
from kerasnn.config.settings import Settings


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The calls of a `kerasnn.train` that does nothing."""
    seen: list[dict[str, Any]] = []
    run = SimpleNamespace(
        folder=Path("runs/x-1"),
        scores=SimpleNamespace(to_dict=lambda: {"accuracy": 1.0}),
        summary=lambda: "summary",
        interrupted=False,
    )

    def train(data: Any, **keywords: Any) -> Any:
        seen.append({"data": data, **keywords})
        return run

    monkeypatch.setattr(kerasnn, "train", train, raising=False)
    return seen


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    # Texts and dates at once, whichever a case says the columns are.
    rows = "".join(f"2024-01-0{i},x{i},{i}.5,{i},u{i} v,{i}\n" for i in range(1, 9))
    Path("a.csv").write_text(f'a,b,y,"b,c",b=c,a:b\n{rows}')
    return "a.csv"


def train(*arguments: str) -> Result:
    result = CliRunner().invoke(commands, ["train", *arguments])
    assert result.exit_code == 0, result.stderr
    return result


def values(settings: Settings) -> dict[str, Any]:
    assert {setting.origin for setting in settings.chosen.values()} <= {"command line"}
    return {key: setting.value for key, setting in settings.chosen.items()}


def test_only_what_was_given_is_chosen(calls: list[dict[str, Any]], table: str) -> None:
    assert train(table, "--target", "y").stdout == "summary\n"
    (call,) = calls
    assert values(call.pop("config")) == {"data.source": "a.csv", "data.target": "y"}
    assert call == {"data": "a.csv", "resume": None, "force": False, "progress": True}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("--task regression", {"data.task": "regression"}),
        ("--column b=c=text", {"data.columns.b=c": "text"}),
        ("--set activation=a=b", {"model.activation": "a=b"}),
        ("--column a=date --column b=text", {"data.columns.a": "date", "data.columns.b": "text"}),
        ("--drop a --drop b,c", {"data.drop": ("a", "b,c")}),
        ("--validation a.csv --test a.csv", {"data.validation": "a.csv", "data.test": "a.csv"}),
        ("--split random", {"split.kind": "random"}),
        ("--split group:a:b", {"split.kind": "group", "split.column": "a:b"}),
        ("--set width=8 --set training.l2=1e-3", {"model.width": 8, "training.l2": 0.001}),
        ("--epochs 3 --batch-size 64", {"training.epochs": 3, "training.batch_size": 64}),
        ("--learning-rate 3e-4", {"training.learning_rate": 3e-4}),
        ("--model tabm --profile small", {"model.name": "tabm", "model.profile": "small"}),
        ("--model auto", {}),
        ("--learning-rate find", {"training.learning_rate": 0.0}),
        ("--time-limit 90", {"run.time_limit_s": 90.0}),
        ("--time-limit 1.5m", {"run.time_limit_s": 90.0}),
        ("--time-limit 2h", {"run.time_limit_s": 7200.0}),
        ("--class-weight balanced", {"training.class_weight": "balanced"}),
        ("--patience 0 --seed 7", {"training.patience": 0, "run.seed": 7}),
        ("--encoding latin-1 --delimiter ,", {"data.encoding": "latin-1", "data.delimiter": ","}),
        ("--no-baselines --tensorboard", {"run.baselines": False, "run.tensorboard": True}),
        ("--output o", {"run.output": "o"}),
    ],
)
def test_options_choose_values(
    calls: list[dict[str, Any]], table: str, arguments: str, expected: dict[str, Any]
) -> None:
    train(table, "--target", "y", *arguments.split())
    found = values(calls[0]["config"])
    assert {k: v for k, v in found.items() if k not in ("data.source", "data.target")} == expected


def test_source_and_target_may_come_from_the_configuration(
    calls: list[dict[str, Any]], table: str
) -> None:
    Path("c.yaml").write_text("data: {source: a.csv, target: y}\ntraining: {epochs: 3}\n")
    train("-c", "c.yaml", "--epochs", "4")
    settings = calls[0]["config"]
    assert calls[0]["data"] == "a.csv"
    assert settings.chosen["data.target"].origin == "config file"
    assert settings.chosen["training.epochs"].value == 4


def test_resume_needs_no_data(calls: list[dict[str, Any]], table: str) -> None:
    Path("runs/x-1").mkdir(parents=True)
    Path("runs/x-1/config.yaml").touch()
    train("--resume", "runs/x-1", "--epochs", "300", "--force")
    (call,) = calls
    assert (call["data"], call["resume"], call["force"]) == (None, "runs/x-1", True)


def test_output_of_the_command(calls: list[dict[str, Any]], table: str) -> None:
    arguments = [table, "--target", "y"]
    assert train(*arguments, "--quiet").stdout == ""
    assert calls[0]["progress"] is False
    assert json.loads(train(*arguments, "--json").stdout) == {
        "run": "runs/x-1",
        "scores": {"accuracy": 1.0},
    }
