"""Texts of others in what people open: cells of a spreadsheet and pages of Markdown."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner
from fuzz import samples

import kerasnn
from kerasnn.bundle.members import PREPROCESSING, TRAINING_OPTIONS, write_members
from kerasnn.cli.main import commands
from kerasnn.data.writing import csv_writer
from kerasnn.export import markdown

FORMULA = '=HYPERLINK("http://a.example";"x")'
BEGINNINGS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1"]


def rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def model(folder: Path, name: str, **renamed: str) -> tuple[Path, samples.Sample]:
    """A bundle with other names of its classes or targets."""
    sample = samples.make(name)
    members = dict(sample.members)
    for member in (PREPROCESSING, TRAINING_OPTIONS):
        text = members[member].decode()
        for before, after in renamed.items():
            text = text.replace(json.dumps(before), json.dumps(after))
        members[member] = text.encode()
    write_members(folder / "model.kerasnn", members)
    return folder / "model.kerasnn", sample


def test_cells_and_names_that_begin_a_formula(tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": [*BEGINNINGS, "a=b", "", None], "=number": -1.5})
    with csv_writer(tmp_path / "safe.csv", spreadsheet_safe=True) as write:
        write(frame)
    expected = [["text", "'=number"]]
    expected += [["'" + text.replace("\r", "\n"), "-1.5"] for text in BEGINNINGS]
    expected += [["a=b", "-1.5"], ["", "-1.5"], ["", "-1.5"]]
    assert rows(tmp_path / "safe.csv") == expected
    with csv_writer(tmp_path / "plain.csv") as write:
        write(frame)
    assert rows(tmp_path / "plain.csv")[1] == ["=1+1", "-1.5"]


def test_predictions_of_classes(tmp_path: Path) -> None:
    path, sample = model(tmp_path, "binary", no="-no", yes=FORMULA)
    sample.rows.to_csv(tmp_path / "new.csv", index=False)
    output = tmp_path / "out.csv"
    arguments = ["predict", str(path), str(tmp_path / "new.csv"), "-o", str(output)]
    result = CliRunner().invoke(commands, [*arguments, "--spreadsheet-safe"])
    assert result.exit_code == 0, result.output
    header, first, *_ = rows(output)
    assert header == ["prediction", "probability:-no", f"probability:{FORMULA}"]
    assert first[0] == f"'{FORMULA}"
    result = CliRunner().invoke(commands, [*arguments, "--force"])
    assert result.exit_code == 0, result.output
    assert rows(output)[1][0] == FORMULA


def test_forecasts(tmp_path: Path) -> None:
    path, sample = model(tmp_path, "forecast")
    run: Any = kerasnn.load(path)
    recent = sample.rows.assign(shop="=" + sample.rows["shop"])
    with pytest.warns(UserWarning, match="series that training did not know"):
        run.predict_file(recent, tmp_path / "out.csv", spreadsheet_safe=True)
    assert {row[0] for row in rows(tmp_path / "out.csv")[1:]} == {"'=a", "'=b"}


class TestMarkdown:
    def test_names_are_text(self) -> None:
        name = "a|b`c` [d](http://x) <script>\n# e *f* _g_ h_i \x1b[2J"
        expected = "a\\|b\\`c\\` \\[d\\](http\\://x) \\<script\\> # e \\*f\\* \\_g\\_ h_i  \\[2J"
        assert markdown.plain(name) == expected
        assert markdown.code("`a``b\n") == "``` `a``b  ```"

    def test_a_page_shows_them(self, tmp_path: Path) -> None:
        name = "<img src=x>|`[a](b)`\n## pwned"
        frame = samples.table("regression").rename(columns={"size": name, "target": "``t\n# u"})
        run = kerasnn.train(frame, target="``t\n# u", model="linear", baselines=False)
        run.export("keras", tmp_path / "model.keras")
        page = (tmp_path / "model.keras.md").read_text(encoding="utf-8")
        assert "\n## pwned" not in page.replace("\\n", "")
        assert "\n# u" not in page
        assert "| \\<img src=x\\>\\|\\`\\[a\\](b)\\` ## pwned |" in page
        assert "predicts ``` ``t # u ``` from raw columns" in page
