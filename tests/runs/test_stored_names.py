"""Names and texts that a stranger stored end no line and command no terminal, whatever prints them."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from fuzz.mutations import bytes_of

import kerasnn
from kerasnn.bundle.members import PREPROCESSING, REPORT, TRAINING_OPTIONS, WEIGHTS, read_members
from kerasnn.cli import bars
from kerasnn.cli.main import commands
from kerasnn.data.writing import csv_writer

pytestmark = pytest.mark.timeout(180)

EVIL = "\x1b[2J\r\n\u202eerror: forged\x9b1m\u2066"
# Names of columns, classes and files in the runs below: each is planted wherever it is stored.
NAMES = ("siZe", "colour", "grEEn", "bLUe", "tArget", "dAta.csv", "dAy", "shOp", "norTH", "soUTH")
COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def planted(data: Any) -> Any:
    """Plain data with a stranger's text behind each name and sentence."""
    if isinstance(data, dict):
        return {planted_name(key): planted(value) for key, value in data.items()}
    if isinstance(data, list):
        return [planted(each) for each in data]
    if not isinstance(data, str):
        return data
    # What has several blanks is a sentence, and no value of a closed choice.
    return data + EVIL if data.count(" ") > 1 else planted_name(data)


def planted_name(text: str) -> str:
    return text + EVIL if text in NAMES else text


def plant(run: Path) -> None:
    """Put the stranger's names into all that a run stores."""
    members = read_members(run)
    for name in (TRAINING_OPTIONS, PREPROCESSING, REPORT):
        data = planted(json.loads(members[name]))
        members[name] = json.dumps(data).encode()
    assert sum(members[name].count(b"forged") for name in members) > 20
    content = {name: members[name] for name in (TRAINING_OPTIONS, PREPROCESSING, WEIGHTS, REPORT)}
    (run / "model.kerasnn").write_bytes(bytes_of(content))
    scores = planted(json.loads((run / "scores.json").read_text()))
    (run / "scores.json").write_text(json.dumps(scores))
    held = pd.read_parquet(run / "holdout.parquet")
    for name in held.columns:
        if held[name].dtype == object or isinstance(held[name].dtype, pd.StringDtype):
            held[name] = [planted(each) for each in held[name].astype(object)]
    held.rename(columns=planted_name).to_parquet(run / "holdout.parquet", index=False)


def rows() -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "siZe": random.normal(size=60),
            "colour": random.choice(["grEEn", "bLUe"], 60),
            "tArget": np.resize(["grEEn", "bLUe"], 60),
        }
    )


def days() -> pd.DataFrame:
    each = [
        pd.DataFrame(
            {
                "dAy": pd.date_range("2021-03-01", periods=60),
                "shOp": shop,
                "tArget": 9 + np.sin(np.arange(60)),
            }
        )
        for shop in ("norTH", "soUTH")
    ]
    return pd.concat(each, ignore_index=True)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs that a stranger made."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, frame, options in (
            ("table", rows(), {"model": "linear", "set": {"epochs": 1}}),
            ("days", days(), {"model": "seasonal_naive", "series": "shOp", "horizon": 3}),
        ):
            frame.to_csv("dAta.csv", index=False)
            kerasnn.train("dAta.csv", target="tArget", output=name, **options)
            plant(folder / name)
    return folder


def outputs(text: str) -> Iterator[str]:
    """Where the lines of an output break the rules."""
    for line in text.split("\n"):
        if COMMANDS.search(line):
            yield f"commands: {line!r}"
        if line.startswith("error: forged"):
            yield f"forged: {line!r}"


@pytest.mark.filterwarnings("ignore::kerasnn.errors.KerasnnWarning")
@pytest.mark.parametrize("run", ["table", "days"])
@pytest.mark.parametrize("verb", ["inspect", "evaluate", "compare", "report", "by", "resume"])
def test_what_a_verb_prints(runs: Path, run: str, verb: str) -> None:
    path = str(runs / run)
    arguments = {
        "inspect": ["inspect", path],
        "evaluate": ["evaluate", path],
        "by": ["evaluate", path, "--by", "colour" + EVIL],
        "compare": ["compare", path],
        "report": ["report", path],
        "resume": ["train", "--resume", path],
    }[verb]
    result = CliRunner().invoke(commands, arguments)
    assert list(outputs(result.output)) == []
    assert result.output
    if verb in ("inspect", "evaluate", "report") or (verb == "compare" and run == "table"):
        assert result.exit_code == 0, result.output
    if verb in ("inspect", "evaluate"):
        assert "\\x1b[2J\\r\\n\\u202eerror: forged" in result.output
    if verb == "report":
        assert list(outputs((runs / run / "report.html").read_text())) == []


@pytest.mark.parametrize("run", ["table", "days"])
def test_what_python_prints(runs: Path, run: str) -> None:
    found = kerasnn.load(runs / run)
    text = found.summary()
    assert text.count("forged") >= 3
    assert list(outputs(f"{text}\n{found!r}")) == []
    assert len(repr(found).splitlines()) == 1


def test_what_an_explanation_prints() -> None:
    class Explained:
        name, target_class, strength, base, joint, prediction = EVIL, EVIL, 1.0, 0.0, 0.0, EVIL
        probabilities: ClassVar = {EVIL: 1.0}

        def words(self) -> list[tuple[str, float]]:
            return [(EVIL, 1.0)]

    lines = list(bars.shown(Explained()))  # type: ignore[arg-type]
    assert len(lines) == 5
    # The bar itself has a colour.
    text = "\n".join(lines).replace("\x1b[34m", "").replace("\x1b[0m", "")
    assert list(outputs(text)) == []


@pytest.mark.parametrize("is_terminal", [True, False])
def test_predictions_on_a_terminal(monkeypatch: pytest.MonkeyPatch, is_terminal: bool) -> None:
    class Output(io.StringIO):
        def isatty(self) -> bool:
            return is_terminal

    monkeypatch.setattr(sys, "stdout", output := Output())
    frame = pd.DataFrame({"prediction": ["\x1b[2J", "ü"], "probability:\u202e": [0.5, 1.0]})
    with csv_writer("-") as write:
        write(frame)
    raw = "prediction,probability:\u202e\n\x1b[2J,0.5\nü,1\n"
    shown = "prediction,probability:\\u202e\n\\x1b[2J,0.5\nü,1\n"
    # A pipe or a file gets the names as they are.
    assert output.getvalue() == (shown if is_terminal else raw)
