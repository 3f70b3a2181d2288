"""`kerasnn explain` and `Run.explain` on small runs with texts."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import helpers
import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

import kerasnn
from kerasnn.cli import bars
from kerasnn.errors import ConfigError, DataError, KerasnnWarning, UnknownNameError
from kerasnn.runs.tabular import Run

invoke = partial(helpers.invoke, "explain")
error_line = partial(helpers.error_line, "explain")
TINY = {
    "width": 4,
    "epochs": 15,
    "learning_rate": 0.05,
    "batch_size": 16,
    "text_length": 30,
    "min_token_count": 1,
}
GOOD, BAD = "a splendid film", "a dreadful film"
PENGUINS = Path(__file__).parents[2] / "examples" / "penguins.csv"


def frame(count: int = 120) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    ends = generator.choice(["of course", "we saw it", "in the end", "and so on"], count)
    return pd.DataFrame(
        {
            "review": [f"{(GOOD, BAD)[i % 2]} {end} {i}" for i, end in enumerate(ends)],
            "title": generator.choice(["one of them", "another one", "and the rest"], count),
            "age": generator.normal(40, 9, count),
            "label": ["good", "bad"] * (count // 2),
        }
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return kerasnn.train(
        frame()[["review", "label"]],
        target="label",
        model="fasttext",
        set=TINY,
        output=tmp_path_factory.mktemp("explain") / "run",
        baselines=False,
    )


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return kerasnn.train(
        frame(),
        target="label",
        model="fasttext",
        columns={"title": "text"},
        set=TINY,
        output=tmp_path_factory.mktemp("mixed") / "run",
        baselines=False,
    )


def test_explanation_is_what_the_run_predicts(run: Run) -> None:
    text = "Splendid, in the end"
    [found] = run.explain(text)
    [row] = run.predict({"review": [text]}).to_dict("records")
    assert found.prediction == row["prediction"] == found.target_class == "good"
    expected = {name: row[f"probability:{name}"] for name in ("bad", "good")}
    assert found.probabilities == pytest.approx(expected)
    assert found.strength == pytest.approx(logit(expected["good"]), abs=1e-4)
    for attribution in found.texts[0].attributions:
        without = text[: attribution.start] + text[attribution.stop :]
        [other] = run.predict({"review": [without]}).to_dict("records")
        change = found.strength - logit(other["probability:good"])
        assert attribution.effect == pytest.approx(change, abs=1e-4)
    assert found.words()[0][0] == "Splendid"


def test_class_asked_about_turns_the_pushes_round(run: Run) -> None:
    [good] = run.explain(GOOD, target_class="good")
    [bad] = run.explain(GOOD, target_class="bad")
    assert bad.strength == pytest.approx(-good.strength)
    pairs = zip(good.texts[0].attributions, bad.texts[0].attributions, strict=True)
    assert all(a.effect == pytest.approx(-b.effect) for a, b in pairs)


@pytest.mark.parametrize("kind", ["list", "csv", "frame", "txt", "table in txt"])
def test_texts_may_come_from_anywhere(run: Run, tmp_path: Path, kind: str) -> None:
    table = pd.DataFrame({"review": [GOOD, BAD]})
    path = tmp_path / {"csv": "new.csv"}.get(kind, "new.txt")
    if kind == "txt":
        path.write_text(f"{GOOD},\n\n{BAD}\n")
    else:
        table.to_csv(path, index=False)
    found = run.explain({"list": [GOOD, BAD], "frame": table}.get(kind, str(path)))
    if kind == "txt":
        assert [each.texts[0].text for each in found] == [f"{GOOD},\n\n{BAD}"]
        assert found[0].name == str(path)
    else:
        assert [each.prediction for each in found] == ["good", "bad"]
        names = {
            "list": [GOOD, BAD],
            "frame": ["row 0", "row 1"],
        }.get(kind, [f"{path}:2", f"{path}:3"])
        assert [each.name for each in found] == names


def test_command_prints_words_with_signed_bars(run: Run) -> None:
    lines = invoke(run.folder, "splendid, in the end").stdout.splitlines()
    assert lines[0].startswith("splendid, in the end\tgood (good 0.")
    assert lines[1].startswith("  log-odds of 'good' +")
    assert lines[2].endswith("(base value: the text without its words)")
    number, bar, word = lines[3].split()
    assert (word, bar) == ("splendid", "┃████████████████")
    [found] = run.explain("splendid, in the end")
    assert float(number) == pytest.approx(found.words()[0][1], abs=0.01)
    assert lines[-1].endswith("(joint effect of several words)")
    assert len(lines) == 2 + 5 + 2
    parts = [float(line.split()[0]) for line in lines[2:]]
    assert sum(parts) == pytest.approx(found.strength, abs=0.04)


def test_bars_of_both_signs_are_in_line(run: Run) -> None:
    [found] = run.explain(f"{GOOD} {BAD} " * 4)
    lines = list(bars.shown(found))
    assert len(lines) == 2 + 1 + bars.MAX_WORDS + 2
    plain = [line.replace("\x1b[34m", "").replace("\x1b[33m", "") for line in lines[2:]]
    places = {line.replace("\x1b[0m", "").index("┃") for line in plain}
    assert len(places) == 1
    assert lines[-2].endswith("(12 more words)")


def test_json_is_the_explanation(run: Run) -> None:
    result = invoke(run.folder, GOOD, BAD, "--json")
    found = json.loads(result.stdout)
    assert [each["prediction"] for each in found] == ["good", "bad"]
    for each, text in zip(found, (GOOD, BAD), strict=True):
        words = each["texts"][0]["words"]
        total = each["base"] + sum(word["effect"] for word in words) + each["joint"]
        assert total == pytest.approx(each["strength"])
        assert [word["text"] for word in words] == text.split()
        assert all(text[word["start"] : word["stop"]] == word["text"] for word in words)


@pytest.mark.parametrize("output", ["why.html", "folder"])
def test_page_shows_texts_as_they_were_written(run: Run, tmp_path: Path, output: str) -> None:
    text = "A splendid <b>film</b> & more"
    invoke(run.folder, text, "--output", tmp_path / output, "--quiet")
    path = tmp_path / output
    path = path if output.endswith(".html") else path / "explained.html"
    page = path.read_text(encoding="utf-8")
    assert "<b>film" not in page
    assert "&lt;" in page
    assert 'class="for"' in page
    assert ">splendid</mark>" in page
    message = error_line(run.folder, text, "--output", tmp_path / output)
    assert message == f"'{path}' exists – choose another name, or replace it with --force"
    invoke(run.folder, GOOD, "--output", tmp_path / output, "--force")
    assert "more" not in path.read_text(encoding="utf-8").split("</style>")[1].split("<main")[1]


def test_nothing_commands_the_terminal(run: Run) -> None:
    result = invoke(run.folder, "splendid \x1b[2J\x07 film\x9b")
    assert not set(result.stdout) & {"\x1b", "\x07", "\x9b"}


def test_empty_text_is_a_value(run: Run) -> None:
    lines = invoke(run.folder, " ").stdout.splitlines()
    assert lines[0].startswith("(no text)\t")
    assert lines[1] == "  the text has no words"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--class", "goood", GOOD], "unknown class 'goood' – did you mean 'good'?"),
        (["--layer", "x", GOOD], "--layer is for images, and the run is one of texts – see "),
        (["--other-column", "reviw=x", GOOD], "unknown column 'reviw' – did you mean 'review'?"),
        (
            ["--other-column", "review=x", GOOD],
            "`other_columns` has a value for each text column, so no ",
        ),
        (["none.csv"], "no such file (none.csv) – check the path"),
        (["none.cvs"], "no such file (none.cvs) – check the path"),
        ([], "name an image or a text, or give --list-layers – see "),
        (["--list-layers"], "the run has no image column"),
    ],
)
def test_errors(run: Run, arguments: list[str], message: str) -> None:
    assert error_line(run.folder, *arguments).startswith(message)


def test_files_that_are_no_texts(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "new.txt"
    # A byte that has no meaning in Windows-1252 either.
    path.write_bytes(b"sch\xf6ner \x81 Film")
    assert error_line(run.folder, path).startswith("neither UTF-8 nor Western European text")
    assert error_line(run.folder, path, GOOD).startswith(f"a file among texts ({path})")
    path.write_text("")
    assert error_line(run.folder, path).startswith(f"the file is empty ({path})")
    table = tmp_path / "new.csv"
    table.write_text("review\nfine\n")
    assert "a table has columns of its own" in error_line(
        run.folder, table, "--other-column", "review=x"
    )
    table.write_text("text\nfine\n")
    assert "a column is missing: 'review'" in error_line(run.folder, table)


def test_other_columns_are_given_or_missing(mixed: Run) -> None:
    with pytest.warns(KerasnnWarning, match="taken as 'review', and what is not given is missing"):
        [alone] = mixed.explain(GOOD)
    [given] = mixed.explain(GOOD, other_columns={"title": "another one", "age": 44.0})
    row = {"review": [GOOD], "title": ["another one"], "age": [44.0]}
    assert given.probabilities["good"] == pytest.approx(
        mixed.predict(row)["probability:good"].iloc[0]
    )
    assert [each.column for each in given.texts] == ["review", "title"]
    assert [each.text for each in alone.texts] == [GOOD, ""]
    result = invoke(mixed.folder, GOOD, "--other-column", "age=44", "--json")
    assert "'title' – add --other-column NAME=VALUE, or give a table" in result.stderr
    [told] = json.loads(result.stdout)
    assert told["prediction"] == "good"


def test_number_is_explained_in_its_unit() -> None:
    table = frame()[["review"]].assign(score=[8.0, 2.0] * 60)
    run = kerasnn.train(
        table,
        target="score",
        task="regression",
        model="fasttext",
        set=TINY,
        baselines=False,
    )
    [found] = run.explain(GOOD)
    [value, without] = run.predict({"review": [GOOD, "a film"]})["prediction"]
    assert found.prediction == pytest.approx(value)
    [effect] = [effect for word, effect in found.words() if word == "splendid"]
    assert effect == pytest.approx(value - without, abs=1e-4)
    assert found.target_class is None
    lines = list(bars.shown(found))
    assert lines[0].endswith(f"\t{value:.6g}")
    assert lines[1] == f"  {value:.6g} is the sum of"
    [empty] = run.predict({"review": [""]})["prediction"]
    assert found.base == pytest.approx(empty, abs=1e-4)
    parts = [float(line.split()[0]) for line in lines[2:]]
    assert sum(parts) == pytest.approx(value, abs=0.04)
    with pytest.raises(ConfigError, match="the target is a number"):
        run.explain(GOOD, target_class="good")


def test_run_with_neither(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"width": 4, "epochs": 1}
    run = kerasnn.train(
        str(PENGUINS), target="species", set=settings, output=tmp_path / "run", baselines=False
    )
    assert run.explains is None
    with pytest.raises(DataError, match="neither images nor texts"):
        run.explain("a text")
    with pytest.raises(DataError, match="not one of texts"):
        run.explain_texts("a text")
    message = error_line(tmp_path / "run", PENGUINS)
    assert message == (
        "the run has neither images nor texts, so there is nothing to explain – "
        "its report shows what it relies on"
    )


def test_unknown_class_in_python(run: Run) -> None:
    with pytest.raises(UnknownNameError, match="unknown class 'fine'"):
        run.explain(GOOD, target_class="fine")
